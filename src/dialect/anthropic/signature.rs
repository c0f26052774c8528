//! Signatures of reasoning.
//!
//! | in the vocabulary | for a client |
//! |---|---|
//! | a signature, of whatever upstream | as it is |
//! | encrypted reasoning with a text | marked as encrypted, in the place of a signature |
//! | encrypted reasoning alone | `redacted_thinking` |
//! | neither | [`UNSIGNED`] |
//!
//! Anthropic's own have no mark: clients have them as Anthropic made them where a request is passed untouched.

use std::borrow::Cow;

use crate::dialect::neutral::opaque::{UNSIGNED, is_marked, mark, unmark};

const ENCRYPTED: &str = "encrypted";

/// What OpenAI's encrypted reasoning begins with (Fernet, version 0x80), if it comes from an upstream that does not mark it.
const OF_OPENAI: &str = "gAAAA";

/// What proves that reasoning is an upstream's own. At most one of the two is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Proof {
    /// Its signature.
    pub(super) signature: Option<String>,
    /// The whole of it, readable by its upstream only.
    pub(super) encrypted: Option<String>,
}

/// Returns what stands in the place of the signature for a client.
pub(super) fn for_client<'a>(signature: Option<&'a str>, encrypted: Option<&str>) -> Cow<'a, str> {
    match (signature, encrypted) {
        (Some(signature), _) => Cow::Borrowed(signature),
        (None, Some(encrypted)) => Cow::Owned(mark(ENCRYPTED, encrypted)),
        (None, None) => Cow::Borrowed(UNSIGNED),
    }
}

/// Reads what a client sent in the place of a signature.
pub(super) fn of_client(text: &str) -> Proof {
    let encrypted = unmark(ENCRYPTED, text);
    let signature = Some(text).filter(|text| encrypted.is_none() && !matches!(*text, "" | UNSIGNED));
    Proof {
        signature: signature.map(str::to_owned),
        encrypted: encrypted.map(str::to_owned),
    }
}

/// Whether Anthropic may have made this: it answers 400 to what is not its own.
pub(super) fn is_own(text: &str) -> bool {
    !is_marked(text) && !text.starts_with(OF_OPENAI)
}
