//! Thought signatures: what proves to Gemini that a part is its own.
//!
//! On calls of tools a signature stays as it is. On texts it becomes the signature of reasoning, which other dialects carry as well, so it
//! is marked there: what another upstream calls a signature would make Gemini refuse the request. The other way round, a client of
//! this dialect reads signatures as base64, so those of other upstreams are wrapped in that.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};

use crate::dialect::neutral::opaque;

/// What Gemini takes instead of a signature that is lost.
pub(super) const DUMMY: &str = "skip_thought_signature_validator";

/// Whose mark Gemini's own signatures have.
const OWNER: &str = "gemini";

/// Follows the mark where the signature stood on a text that is not empty. It is not a character of base64.
const ON_TEXT: char = '^';

const SIGNATURE: &[u8] = b"gateway-signature:";
const ENCRYPTED: &[u8] = b"gateway-encrypted:";

/// What proves that reasoning is an upstream's own.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Proof {
    pub(super) signature: Option<String>,
    pub(super) encrypted: Option<String>,
}

/// Returns a signature of Gemini's, marked. `on_text`: it stands on a text that is not empty, to which it has to return.
pub(super) fn marked(signature: &str, on_text: bool) -> String {
    if on_text {
        opaque::mark(OWNER, &format!("{ON_TEXT}{signature}"))
    } else {
        opaque::mark(OWNER, signature)
    }
}

/// Returns the signature in a marked one, and whether it stood on a text that is not empty. Nothing if it is not Gemini's.
pub(super) fn unmarked(signature: &str) -> Option<(&str, bool)> {
    let own = opaque::unmark(OWNER, signature)?;
    Some(own.strip_prefix(ON_TEXT).map_or((own, false), |own| (own, true)))
}

/// Returns how a client of this dialect gets a signature of reasoning.
pub(super) fn for_client(signature: &str) -> String {
    unmarked(signature).map_or_else(|| wrapped(SIGNATURE, signature), |(own, _)| own.to_owned())
}

/// Returns how a client of this dialect gets reasoning that is encrypted.
pub(super) fn encrypted_for_client(data: &str) -> String {
    wrapped(ENCRYPTED, data)
}

/// Returns how a client of this dialect gets the signature of a tool call.
pub(super) fn of_call_for_client(signature: &str) -> String {
    if decoded(signature).is_some() {
        signature.to_owned()
    } else {
        wrapped(SIGNATURE, signature)
    }
}

/// Returns what a client sends back as the signature of a text.
pub(super) fn from_client(signature: &str, on_text: bool) -> Proof {
    match unwrapped(signature) {
        Some(proof) => proof,
        None => Proof {
            signature: Some(marked(signature, on_text)),
            encrypted: None,
        },
    }
}

/// Returns what a client sends back as the signature of a tool call.
pub(super) fn of_call_from_client(signature: String) -> String {
    let foreign = unwrapped(&signature).and_then(|proof| proof.signature);
    foreign.unwrap_or(signature)
}

fn wrapped(prefix: &[u8], text: &str) -> String {
    STANDARD.encode([prefix, text.as_bytes()].concat())
}

fn unwrapped(signature: &str) -> Option<Proof> {
    let bytes = decoded(signature)?;
    let text = |prefix| {
        let text = bytes.strip_prefix(prefix)?;
        Some(String::from_utf8_lossy(text).into_owned())
    };
    let proof = Proof {
        signature: text(SIGNATURE),
        encrypted: text(ENCRYPTED),
    };
    (proof != Proof::default()).then_some(proof)
}

/// Clients write either alphabet.
fn decoded(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).or_else(|_| URL_SAFE.decode(text)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_comes_back_as_it_was_whoever_it_belongs_to() {
        for on_text in [true, false] {
            let own = marked("U0lH", on_text);
            assert_eq!(unmarked(&own), Some(("U0lH", on_text)));
            assert_eq!(for_client(&own), "U0lH");
            assert_eq!(from_client("U0lH", on_text).signature, Some(own));
        }
        for foreign in ["SIG==", "é>?", ""] {
            assert_eq!(unmarked(foreign), None);
            let seen = for_client(foreign);
            assert!(decoded(&seen).is_some());
            let url_safe = seen.replace('+', "-").replace('/', "_");
            assert_eq!(from_client(&url_safe, false).signature.as_deref(), Some(foreign));
            assert_eq!(
                from_client(&encrypted_for_client(foreign), false).encrypted.as_deref(),
                Some(foreign)
            );
        }
        for call in ["U0lH", "no base64!"] {
            assert_eq!(of_call_from_client(of_call_for_client(call)), call);
        }
    }
}
