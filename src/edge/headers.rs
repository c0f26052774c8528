//! Headers on their way between JavaScript and the core.
//!
//! They cross as one text with a line for each name and each value in turn: `crossing.js` writes and reads it. The runtime
//! itself reads and writes values as UTF-8.

use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue};

/// Returns the core's headers from such lines. What HTTP does not allow is left out.
pub(super) fn read<'a>(mut lines: impl Iterator<Item = &'a str>) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(24);
    while let (Some(name), Some(value)) = (lines.next(), lines.next()) {
        if let (Ok(name), Ok(value)) = (
            HeaderName::from_bytes(name.as_bytes()),
            HeaderValue::from_bytes(value.as_bytes()),
        ) {
            headers.append(name, value);
        }
    }
    headers
}

/// Returns such lines for JavaScript.
pub(super) fn write<'a>(headers: impl Iterator<Item = (&'a HeaderName, &'a HeaderValue)>) -> String {
    let mut text = String::with_capacity(1024);
    for (name, value) in headers {
        text.push_str(name.as_str());
        text.push('\n');
        text.push_str(&String::from_utf8_lossy(value.as_bytes()));
        text.push('\n');
    }
    text
}

/// Whether the sender of an answer may have meant another end of its body than the runtime has found (RFC 9112 section 6.3).
/// Of several transfer codings the runtime reads only the last one, and it ignores codings that it does not know.
pub(super) fn is_framed_oddly(headers: &HeaderMap) -> bool {
    let lengths = headers.get_all(CONTENT_LENGTH).into_iter();
    let mut codings = headers.get_all(TRANSFER_ENCODING).into_iter();
    lengths
        .map(HeaderValue::as_bytes)
        .any(|length| !length.iter().all(u8::is_ascii_digit))
        || codings.any(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"chunked"))
}
