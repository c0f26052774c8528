//! What may stand around the JSON of a body and is not a part of it.

/// What some programs put before a text in UTF-8.
pub const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// Returns a body without what may stand around its JSON: a byte order mark, white space, and the zero byte that ends texts
/// in C.
#[must_use]
pub fn trimmed(body: &[u8]) -> &[u8] {
    let mut text = body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(body);
    while let [rest @ .., 0 | b' ' | b'\t' | b'\r' | b'\n'] = text {
        text = rest;
    }
    text.trim_ascii_start()
}
