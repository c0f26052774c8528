//! Values that must not be shown: keys and tokens.

use std::fmt;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// A key or a token. It has neither `Display` nor `Serialize`, and its `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a value.
    #[must_use]
    pub const fn new(value: String) -> Self {
        Self(value)
    }

    /// Returns the value itself. Only for the header of a request upstream, for removing it from answers, and for deriving a key.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Returns the first eight hexadecimal digits of its SHA-256: a name for it that does not show it.
    #[must_use]
    pub fn id(&self) -> String {
        let digest = Sha256::digest(self.0.as_bytes());
        digest[..4].iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Returns at most the last four characters, and none of a short secret: for the operator.
    #[must_use]
    pub fn masked(&self) -> String {
        let tail: String = self.0.chars().skip(self.0.chars().count().saturating_sub(4)).collect();
        if self.0.chars().count() < 12 {
            "****".to_owned()
        } else {
            format!("****{tail}")
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(****)")
    }
}

/// The SHA-256 of a token.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenDigest([u8; 32]);

impl TokenDigest {
    /// Returns the digest of `token`.
    #[must_use]
    pub fn of(token: &[u8]) -> Self {
        Self(Sha256::digest(token).into())
    }

    /// Reads a digest of 64 hexadecimal digits; nothing where it is not one.
    #[must_use]
    pub fn from_hex(hex: &str) -> Option<Self> {
        let digits: Option<Vec<u32>> = hex.chars().map(|digit| digit.to_digit(16)).collect();
        let bytes: Option<Vec<u8>> = digits?
            .chunks(2)
            .map(|pair| u8::try_from(pair[0] * 16 + pair.get(1)?).ok())
            .collect();
        bytes?.try_into().ok().map(Self)
    }

    /// Returns the 32 bytes of the digest.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Returns the digest as 64 hexadecimal digits.
    #[must_use]
    pub fn hex(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Whether two digests are equal. The time that it takes does not show where they differ.
    #[must_use]
    pub fn matches(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl fmt::Debug for TokenDigest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "TokenDigest({}..)", &self.hex()[..8])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_does_not_show() {
        let secret = Secret::new("sk-0123456789abcd".into());
        assert_eq!(format!("{secret:?} {}", secret.masked()), "Secret(****) ****abcd");
        assert_eq!(Secret::new("short-key".into()).masked(), "****");
        assert_eq!(Secret::new("abc".into()).id(), "ba7816bf");
    }

    #[test]
    fn a_digest_is_read_back_from_its_hex() {
        let digest = TokenDigest::of(b"demo");
        assert!(
            TokenDigest::from_hex(&digest.hex().to_uppercase())
                .unwrap()
                .matches(&digest)
        );
        for bad in ["", "0", "zz", &digest.hex()[1..]] {
            assert!(TokenDigest::from_hex(bad).is_none(), "{bad}");
        }
    }
}
