//! Texts that clients keep for the gateway, and that nobody else can read: summaries of conversations.
//!
//! Nothing is stored here. A text is encrypted and goes to the client, which sends it back with the next request; any process, isolate
//! or replica with the same secret opens it. The key comes from `STATE_SECRET`, else from the client's token, with HKDF and SHA-256
//! (RFC 5869). The cipher is `XChaCha20` with `Poly1305`, whose nonce is long enough to be chosen at random.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use hkdf::Hkdf;
use sha2::Sha256;

use crate::config::Secret;
use crate::dialect::neutral::opaque::{mark, unmark};

/// Whose mark sealed texts have. It says the version of all that is described here.
const OWNER: &str = "sealed1";

/// How a sealed text begins in JSON.
pub(crate) const SEALED: &[u8] = b"\"ai-gateway:sealed1:";

/// What the keys are for, which sets them apart from any other keys of the same secret.
const PURPOSE: &[u8] = b"ai-gateway: state that clients keep";

/// The length of a nonce, in bytes.
const NONCE: usize = 24;

/// Seals and opens the texts of one client.
pub(crate) struct Sealing {
    /// The first one seals, and all of them open.
    keys: Vec<Key>,
}

impl Sealing {
    /// Returns what seals with the first of the operator's `secrets`, else with the client's `token`.
    pub(crate) fn of(secrets: &[Secret], token: &[u8]) -> Self {
        let mut keys: Vec<Key> = secrets.iter().map(|secret| key(secret.expose().as_bytes())).collect();
        if keys.is_empty() {
            keys.push(key(token));
        }
        Self { keys }
    }

    /// Returns a text as its client keeps it. `random` is new for each text; nothing where it is too long to be encrypted.
    pub(crate) fn seal(&self, text: &str, random: [u128; 2]) -> Option<String> {
        let mut nonce = [0; NONCE];
        nonce[..16].copy_from_slice(&random[0].to_be_bytes());
        nonce[16..].copy_from_slice(&random[1].to_be_bytes()[..NONCE - 16]);
        let cipher = XChaCha20Poly1305::new(self.keys.first()?);
        let sealed = cipher.encrypt(&XNonce::from(nonce), payload(text.as_bytes())).ok()?;
        Some(mark(OWNER, &URL_SAFE_NO_PAD.encode([&nonce[..], &sealed].concat())))
    }

    /// Returns the text that was sealed; nothing where it was sealed with another secret, or has changed since.
    pub(crate) fn open(&self, sealed: &str) -> Option<String> {
        let bytes = URL_SAFE_NO_PAD.decode(unmark(OWNER, sealed)?).ok()?;
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE>()?;
        let open = |key: &Key| {
            XChaCha20Poly1305::new(key)
                .decrypt(&XNonce::from(*nonce), payload(sealed))
                .ok()
        };
        String::from_utf8(self.keys.iter().find_map(open)?).ok()
    }
}

/// Whether a text is one that this gateway, or another one, has sealed.
pub(crate) fn is_sealed(text: &str) -> bool {
    unmark(OWNER, text).is_some()
}

const fn payload(text: &[u8]) -> Payload<'_, '_> {
    Payload {
        msg: text,
        aad: OWNER.as_bytes(),
    }
}

fn key(secret: &[u8]) -> Key {
    let mut key = Key::default();
    // Only a key of more than 255 digests is refused.
    let expanded = Hkdf::<Sha256>::new(None, secret).expand(PURPOSE, &mut key);
    debug_assert!(expanded.is_ok());
    key
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn secrets(texts: &[&str]) -> Vec<Secret> {
        texts.iter().map(|text| Secret::new((*text).to_owned())).collect()
    }

    #[test]
    fn a_text_is_opened_with_its_secret_only() {
        let by_token = Sealing::of(&[], b"token");
        let sealed = by_token.seal("so far", [1, 2]).unwrap();
        assert!(is_sealed(&sealed) && !sealed.contains("so far"));
        assert_eq!(by_token.open(&sealed).as_deref(), Some("so far"));
        assert_ne!(by_token.seal("so far", [3, 2]).unwrap(), sealed);
        for other in [Sealing::of(&[], b"token2"), Sealing::of(&secrets(&["a"]), b"token")] {
            assert_eq!(other.open(&sealed), None);
        }
        let old = Sealing::of(&secrets(&["a"]), b"x").seal("t", [0, 0]).unwrap();
        let both = Sealing::of(&secrets(&["b", "a"]), b"y");
        assert_eq!(both.open(&old).as_deref(), Some("t"));
        assert_eq!(Sealing::of(&secrets(&["b"]), b"x").open(&old), None);
        assert_eq!(
            Sealing::of(&secrets(&["a"]), b"x").open(&both.seal("t", [0, 0]).unwrap()),
            None
        );
    }

    proptest! {
        #[test]
        fn what_has_changed_is_not_opened(text in "\\PC{0,40}", at in any::<prop::sample::Index>(), byte in 0..64_u8) {
            let sealing = Sealing::of(&[], b"token");
            let sealed = sealing.seal(&text, [5, 6]).unwrap();
            prop_assert_eq!(sealing.open(&sealed), Some(text));
            let mut bytes = sealed.clone().into_bytes();
            let place = at.index(bytes.len());
            bytes[place] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"[usize::from(byte)];
            let changed = String::from_utf8(bytes).unwrap();
            if changed != sealed {
                prop_assert_eq!(sealing.open(&changed), None);
            }
            prop_assert_eq!(sealing.open(&sealed[..place]), None);
        }
    }
}
