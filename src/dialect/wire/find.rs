//! Texts in bodies.

use memchr::{memchr_iter, memmem};

/// The longest body that is looked through without preparing the search, in bytes: for less it takes longer than to look.
const SHORT: usize = 4096;

/// Whether `text` stands somewhere in `body`.
#[must_use]
pub fn contains(body: &[u8], text: &str) -> bool {
    let text = text.as_bytes();
    // Texts have many quotes and letters, and few of these.
    match text.iter().position(|byte| *byte == b'_') {
        Some(at) if body.len() <= SHORT => {
            let rest = body.get(at..).unwrap_or_default();
            memchr_iter(b'_', rest).any(|found| body[found..].starts_with(text))
        }
        _ => memmem::find(body, text).is_some(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_finds_what_is_there(body in "[ab_\"]{0,40}", text in "[ab_\"]{0,4}", more in prop::sample::select(vec![0, SHORT])) {
            let body = format!("{body}{}", "c".repeat(more));
            prop_assert_eq!(contains(body.as_bytes(), &text), body.contains(&text));
        }
    }
}
