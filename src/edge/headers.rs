//! Headers between JavaScript's type and the core's, as the text that `runtime.js` makes of them and takes.

use http::{HeaderMap, HeaderName, HeaderValue};

/// The core's headers from lines, a name and a value by turns. A value that HTTP does not allow is left out.
pub(super) fn read<'a>(mut lines: impl Iterator<Item = &'a str>) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(24);
    while let (Some(name), Some(value)) = (lines.next(), lines.next()) {
        let value = if value.is_ascii() {
            HeaderValue::from_bytes(value.as_bytes())
        } else {
            // A ByteString: every character is one byte.
            let bytes: Vec<u8> = value
                .chars()
                .filter_map(|char| u8::try_from(u32::from(char)).ok())
                .collect();
            HeaderValue::from_bytes(&bytes)
        };
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), value) {
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
        match value.to_str() {
            Ok(value) => text.push_str(value),
            Err(_) => text.extend(value.as_bytes().iter().copied().map(char::from)),
        }
        text.push('\n');
    }
    text
}
