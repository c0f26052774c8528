//! Names that are too long for an upstream.

use std::borrow::Cow;

use sha2::{Digest, Sha256};

/// Returns `name`, or where it has more than `longest` bytes (32 at least), a name that long at most which is the same each time.
pub(super) fn short(name: &str, longest: usize) -> Cow<'_, str> {
    if name.len() <= longest {
        return Cow::Borrowed(name);
    }
    let digest = Sha256::digest(name.as_bytes());
    let mut short: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    short.truncate(longest);
    Cow::Owned(short)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_name_is_made_short_and_stays_the_same() {
        assert_eq!(short("call_1", 64), "call_1");
        let long = "x".repeat(65);
        assert_eq!(short(&long, 64).len(), 64);
        assert_eq!(short(&long, 64), short(&long, 64));
        assert_ne!(short(&long, 64), short(&"x".repeat(66), 64));
    }
}
