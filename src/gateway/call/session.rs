//! What the headers of a request say about its conversation.
//!
//! Coding agents name the conversation in every request. The upstream's prompt caches and the state that belongs to an account
//! hang on it, so these headers go upstream as they came, and choose the key.

use http::HeaderMap;

/// The headers that name a conversation, the one that counts most first. `x-client-request-id` is not among them: most clients
/// give each request another one.
const NAMES: [&str; 7] = [
    "x-claude-code-session-id",
    "session-id",
    "session_id",
    "thread-id",
    "conversation_id",
    "x-session-affinity",
    "x-session-id",
];

/// Whether a header is one by which a coding agent says what a request belongs to.
pub(crate) fn is_session(name: &str) -> bool {
    match name.strip_prefix("x-") {
        Some(rest) => {
            rest.starts_with("claude-code-")
                || rest.starts_with("codex-")
                || rest.starts_with("session-")
                || rest == "client-request-id"
        }
        None => matches!(name, "session-id" | "session_id" | "thread-id" | "conversation_id"),
    }
}

/// Returns the name of the conversation, where the client gives it one.
pub(crate) fn session(headers: &HeaderMap) -> Option<&[u8]> {
    let mut found: Option<(usize, &[u8])> = None;
    for (name, value) in headers {
        let rank = NAMES.iter().position(|known| *known == name.as_str());
        if let Some(rank) = rank.filter(|rank| !value.is_empty() && found.is_none_or(|(best, _)| *rank < best)) {
            found = Some((rank, value.as_bytes()));
        }
    }
    found.map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::fields::tests::map;

    #[test]
    fn the_header_that_says_most_names_the_conversation() {
        let named = |headers: &[(&'static str, &'static str)]| session(&map(headers)).map(<[u8]>::to_vec);
        let found = |text: &str| Some(text.as_bytes().to_vec());
        assert_eq!(named(&[("thread-id", "t"), ("session-id", "s")]), found("s"));
        assert_eq!(named(&[("x-session-id", "o"), ("x-session-affinity", "a")]), found("a"));
        assert_eq!(
            named(&[("session-id", ""), ("x-claude-code-session-id", "c")]),
            found("c")
        );
        assert_eq!(named(&[("x-client-request-id", "1"), ("x-codex-window-id", "w")]), None);
    }
}
