//! What a body looks like before anyone reads it.

use serde::de::IgnoredAny;

use super::trim::trimmed;

/// Whether a body is JSON.
#[must_use]
pub fn is_json(body: &[u8]) -> bool {
    serde_json::from_slice::<IgnoredAny>(body).is_ok()
}

/// Whether a body begins as a JSON object does.
#[must_use]
pub fn begins_object(body: &[u8]) -> bool {
    trimmed(body).starts_with(b"{")
}

/// Whether a body begins and ends as a JSON object does. Some upstreams write `NaN` or control characters between.
#[must_use]
pub fn is_object_shaped(body: &[u8]) -> bool {
    begins_object(body) && trimmed(body).ends_with(b"}")
}

/// Whether a body that should be JSON is plainly something else: nothing at all, or a web page.
#[must_use]
pub fn is_page_or_empty(content_type: Option<&str>, body: &[u8]) -> bool {
    const HTML: &[u8] = b"text/html";
    let begins = |kind: &str| {
        kind.trim_start()
            .as_bytes()
            .get(..HTML.len())?
            .eq_ignore_ascii_case(HTML)
            .then_some(())
    };
    let is_html = content_type.and_then(begins).is_some();
    is_html || matches!(body.trim_ascii_start().first(), None | Some(b'<'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_and_silence_are_known_for_what_they_are() {
        assert!(is_page_or_empty(None, b""));
        assert!(is_page_or_empty(Some("application/json"), b" \n"));
        assert!(is_page_or_empty(None, b"<!doctype html>"));
        assert!(is_page_or_empty(Some("Text/HTML; charset=utf-8"), b"oops"));
        assert!(!is_page_or_empty(Some("application/json"), b"\n{}"));
    }
}
