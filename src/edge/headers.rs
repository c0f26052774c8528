//! Headers between JavaScript's type and the core's, as the text that `runtime.js` makes of them and takes. The runtime reads and
//! writes values as UTF-8.

use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue};

/// The core's headers from lines, a name and a value by turns. A value that HTTP does not allow is left out.
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

/// Lines for JavaScript.
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

/// Whether an answer says in a way where it ends that the runtime may have read otherwise than its sender meant: the runtime
/// believes the last of several codings, and ignores one that it does not know.
pub(super) fn is_framed_oddly(headers: &HeaderMap) -> bool {
    let lengths = headers.get_all(CONTENT_LENGTH).into_iter();
    let mut codings = headers.get_all(TRANSFER_ENCODING).into_iter();
    lengths
        .map(HeaderValue::as_bytes)
        .any(|length| !length.iter().all(u8::is_ascii_digit))
        || codings.any(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"chunked"))
}
