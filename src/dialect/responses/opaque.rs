//! What stands in `encrypted_content`: the upstream's own, or, where the upstream speaks another dialect, what that dialect wants to have
//! back.
//!
//! | from | in the vocabulary | in `encrypted_content` of an answer of ours |
//! |---|---|---|
//! | an upstream that speaks Responses | `Encrypted`, marked, with its item's id before it | the mark stays |
//! | another upstream | `Signature` | marked as a signature |
//! | another upstream | `Encrypted` | marked as encrypted |
//! | another upstream | the signature of a tool call | marked as a call's, in an item of its own before the call |
//!
//! An upstream that speaks Responses binds an item's encrypted content to the item's id. That is why the id is kept with it.

use crate::dialect::neutral::opaque::{mark, unmark};

const OWNER: &str = "responses";
const SIGNATURE: &str = "signature";
const ENCRYPTED: &str = "encrypted";
const CALL: &str = "call";

/// What an item's `encrypted_content` is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Opaque {
    /// It proves that the item's text is its upstream's own.
    Signature(String),
    /// It is the reasoning itself, as the vocabulary has it.
    Encrypted(String),
    /// It proves that the call behind the item is its upstream's own.
    OfCall(String),
}

/// Reads the `encrypted_content` of the item `id` as a client sends it back.
pub(super) fn read(id: &str, content: String) -> Opaque {
    if let Some(signature) = unmark(SIGNATURE, &content) {
        Opaque::Signature(signature.to_owned())
    } else if let Some(data) = unmark(ENCRYPTED, &content) {
        Opaque::Encrypted(data.to_owned())
    } else if let Some(signature) = unmark(CALL, &content) {
        Opaque::OfCall(signature.to_owned())
    } else if unmark(OWNER, &content).is_some() {
        Opaque::Encrypted(content)
    } else {
        Opaque::Encrypted(own(id, &content))
    }
}

/// Returns what an upstream that speaks Responses wants to have back, as the vocabulary has it.
pub(super) fn own(id: &str, content: &str) -> String {
    mark(OWNER, &format!("{}:{content}", id.replace(':', "")))
}

/// Returns the item's id and its encrypted content, where an upstream that speaks Responses made it.
pub(super) fn of_upstream(encrypted: &str) -> Option<(&str, &str)> {
    unmark(OWNER, encrypted)?.split_once(':')
}

/// Returns an `encrypted_content` that holds a signature.
pub(super) fn signature(signature: &str) -> String {
    mark(SIGNATURE, signature)
}

/// Returns an `encrypted_content` that holds encrypted reasoning.
pub(super) fn encrypted(data: &str) -> String {
    if unmark(OWNER, data).is_some() {
        data.to_owned()
    } else {
        mark(ENCRYPTED, data)
    }
}

/// Returns an `encrypted_content` that holds the signature of the call behind its item.
pub(super) fn call(signature: &str) -> String {
    mark(CALL, signature)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_client_sends_back_is_what_the_upstream_gave() {
        assert_eq!(read("rs_1", signature("S")), Opaque::Signature("S".to_owned()));
        assert_eq!(read("rs_1", encrypted("E")), Opaque::Encrypted("E".to_owned()));
        assert_eq!(read("rs_1", call("C")), Opaque::OfCall("C".to_owned()));
        let Opaque::Encrypted(first) = read("rs_1", "ENC:1".to_owned()) else {
            panic!("it is encrypted")
        };
        assert_eq!(of_upstream(&first), Some(("rs_1", "ENC:1")));
        // It went to a client of another dialect and to a client of this one, under another id.
        assert_eq!(read("rs_2", encrypted(&first)), Opaque::Encrypted(first));
        assert_eq!(of_upstream("E"), None);
    }
}
