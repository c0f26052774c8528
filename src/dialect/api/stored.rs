//! Which account a request to `/v1/responses` needs.
//!
//! Responses are kept in the account of the key that was used, unless the request says otherwise. A later request that refers
//! to a response, a file or a conversation must go to the same account.

use memchr::memmem;

use crate::dialect::wire::members::Members;

/// How a request is tied to the account of one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tie {
    /// Not at all: any key may serve it.
    Free,
    /// What it makes is kept there: the next request may need the same key.
    Keeps,
    /// It refers to what is kept there: no other key can serve it.
    Refers,
}

/// Members of the request that name something that is kept.
const REFERENCES: [&str; 3] = ["previous_response_id", "conversation", "prompt"];

/// Words that occur at any depth where a request names something that is kept.
const WITHIN: [&str; 5] = [
    "\"item_reference\"",
    "\"file_id\"",
    "\"file_ids\"",
    "\"vector_store_ids\"",
    "\"container\"",
];

/// Returns how the request with this body is tied. Only with `"store": false`, and not in the background, is nothing kept. A
/// body that is not an object counts as one that keeps something: the upstream decides about it.
#[must_use]
pub fn tie(body: &[u8]) -> Tie {
    let Ok(members) = Members::of(body) else {
        return Tie::Keeps;
    };
    let refers = REFERENCES
        .iter()
        .any(|name| members.last(name).is_some_and(|value| value != "null"))
        || WITHIN.iter().any(|name| memmem::find(body, name.as_bytes()).is_some());
    if refers {
        Tie::Refers
    } else if members.last("store") == Some("false") && members.last("background") != Some("true") {
        Tie::Free
    } else {
        Tie::Keeps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_tied_to_a_key_unless_nothing_is_kept() {
        for (body, tied) in [
            (r#"{"store":false,"input":"hi"}"#, Tie::Free),
            (r#"{"input":"hi"}"#, Tie::Keeps),
            (r#"{"store":false,"background":true}"#, Tie::Keeps),
            (r#"{"store":false,"previous_response_id":"resp_1"}"#, Tie::Refers),
            (r#"{"store":false,"conversation":{"id":"conv_1"}}"#, Tie::Refers),
            (
                r#"{"store":false,"input":[{"type":"item_reference","id":"x"}]}"#,
                Tie::Refers,
            ),
            (r#"{"store":false,"input":[{"file_id":"file-1"}]}"#, Tie::Refers),
            (r#"{"store":false,"previous_response_id":null}"#, Tie::Free),
            ("[]", Tie::Keeps),
        ] {
            assert_eq!(tie(body.as_bytes()), tied, "{body}");
        }
    }
}
