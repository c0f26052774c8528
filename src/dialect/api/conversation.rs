//! Which conversation a request belongs to. Requests of one conversation go to one key, whose account has the beginning of
//! the conversation in its prompt cache.

use crate::dialect::wire::json::{self, elements};
use crate::dialect::wire::members::Members;

/// Returns the bytes of a request that stay the same while a conversation grows: `prompt_cache_key`, else `metadata.user_id`
/// (Anthropic), else `user`, else the messages (`input` in Responses, `contents` in Google's requests) up to the first message of the user. Returns nothing where there are none, or the body is
/// not an object.
#[must_use]
pub fn conversation(body: &[u8]) -> Option<&[u8]> {
    let members = Members::of(body).ok()?;
    let is_named = |value: &&str| value.len() > 2 && value.starts_with('"');
    let named = |key| members.last(key).filter(is_named);
    let user_id = || {
        let metadata = members.last("metadata")?;
        Members::of(metadata.as_bytes()).ok()?.last("user_id").filter(is_named)
    };
    let known = named("prompt_cache_key").or_else(user_id).or_else(|| named("user"));
    let list = |key, unsaid| members.last(key).and_then(|messages| opening(messages, unsaid));
    known
        .or_else(|| list("messages", ""))
        .or_else(|| list("input", ""))
        .or_else(|| list("contents", "user"))
        .or_else(|| named("input"))
        .map(str::as_bytes)
}

/// Returns the text of `messages` up to and with the first message of the user; `unsaid` is the role of one that names none. Where the
/// list begins with a plain text of the user's, that is all: a client of Responses may have sent it without a list first.
fn opening<'a>(messages: &'a str, unsaid: &str) -> Option<&'a str> {
    let list = elements(messages)?;
    let users = list.iter().enumerate().find_map(|(place, raw)| {
        let message = json::members(raw)?;
        let role = message.value("role").map_or_else(|| Some(unsaid.into()), json::text)?;
        (role == "user").then(|| (place, *raw, message.value("content")))
    });
    let last = match users {
        Some((0, _, Some(content))) if content.starts_with('"') => return Some(content),
        Some((_, raw, _)) => raw,
        None => list.last()?,
    };
    let end = last.as_ptr() as usize + last.len() - messages.as_ptr() as usize;
    messages.get(..end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conversation_keeps_its_opening_while_it_grows() {
        let first = br#"{"messages":[{"role":"system","content":"s"},{"role":"user","content":"u"}]}"#;
        let later = br#"{"messages":[{"role":"system","content":"s"},{"role":"user","content":"u"},{"role":"assistant","content":"a"}]}"#;
        let of = |body: &'static [u8]| conversation(body).unwrap();
        assert_eq!(of(first), of(later));
        assert_eq!(of(br#"{"user":"ann","prompt_cache_key":"k","messages":[]}"#), b"\"k\"");
        assert_eq!(
            of(br#"{"user":"ann","metadata":{"user_id":"s"},"messages":[]}"#),
            b"\"s\""
        );
        assert_eq!(
            of(br#"{"user":"ann","metadata":{"user_id":""},"messages":[]}"#),
            b"\"ann\""
        );
        let first = br#"{"input":[{"role":"user","content":"u"}]}"#;
        let later = br#"{"input":[{"role":"user","content":"u"},{"type":"function_call"}]}"#;
        assert_eq!(of(first), of(later));
        assert_eq!(of(br#"{"input":"hi"}"#), b"\"hi\"");
        assert_eq!(
            of(br#"{"input":[{"role":"user","content":"hi"},{"type":"reasoning"}]}"#),
            b"\"hi\""
        );
        let first = br#"{"contents":[{"role":"user","parts":[{"text":"u"}]}]}"#;
        let later = br#"{"contents":[{"role":"user","parts":[{"text":"u"}]},{"role":"model","parts":[]}]}"#;
        assert_eq!(of(first), of(later));
        let first = br#"{"contents":[{"parts":[{"text":"u"}]}]}"#;
        let later = br#"{"contents":[{"parts":[{"text":"u"}]},{"role":"model","parts":[]}]}"#;
        assert_eq!(of(first), of(later));
    }
}
