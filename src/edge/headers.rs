//! Headers between JavaScript's type and the core's: all of them in one text, since every crossing costs more than the
//! text does.

use http::{HeaderMap, HeaderName, HeaderValue};
use worker::js_sys::{Array, JSON};
use worker::wasm_bindgen::JsValue;
use worker::web_sys;

/// JavaScript's headers. A value that HTTP does not allow is left out.
pub(super) fn read(js: &web_sys::Headers) -> HeaderMap {
    let text = JSON::stringify(&Array::from(js))
        .ok()
        .and_then(|text| text.as_string())
        .unwrap_or_default();
    let pairs: Vec<(String, String)> = serde_json::from_str(&text).unwrap_or_default();
    let mut headers = HeaderMap::with_capacity(pairs.len());
    for (name, value) in pairs {
        // A ByteString: every character is one byte.
        let value = if value.is_ascii() {
            value.into_bytes()
        } else {
            value
                .chars()
                .filter_map(|char| u8::try_from(u32::from(char)).ok())
                .collect()
        };
        if let (Ok(name), Ok(value)) = (
            HeaderName::from_bytes(name.as_bytes()),
            HeaderValue::from_maybe_shared(bytes::Bytes::from(value)),
        ) {
            headers.append(name, value);
        }
    }
    headers
}

/// Headers for JavaScript.
pub(super) fn write<'a>(
    headers: impl Iterator<Item = (&'a HeaderName, &'a HeaderValue)>,
) -> Result<web_sys::Headers, JsValue> {
    let pairs: Vec<(&str, String)> = headers
        .map(|(name, value)| {
            (
                name.as_str(),
                value.as_bytes().iter().copied().map(char::from).collect(),
            )
        })
        .collect();
    let text = serde_json::to_string(&pairs).unwrap_or_default();
    web_sys::Headers::new_with_str_sequence_sequence(&JSON::parse(&text)?)
}
