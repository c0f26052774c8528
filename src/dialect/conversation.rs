//! Which conversation a request belongs to, so that it meets the key whose prompt cache knows it.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::patch::Members;

/// What tells one conversation from another, for prompt caches, in a request that was read before: `prompt_cache_key`, else
/// `user`, else the messages, which Responses call input, up to the first of the user.
#[must_use]
pub fn conversation(body: &[u8]) -> Option<&[u8]> {
    let members = Members::of(body).ok()?;
    let named = |key| {
        members
            .last(key)
            .filter(|value| value.len() > 2 && value.starts_with('"'))
    };
    let known = named("prompt_cache_key").or_else(|| named("user"));
    known
        .or_else(|| {
            members
                .last("messages")
                .or_else(|| members.last("input"))
                .and_then(opening)
        })
        .or_else(|| named("input"))
        .map(str::as_bytes)
}

/// The text of `messages` up to and with the first message of the user: what a growing conversation keeps.
fn opening(messages: &str) -> Option<&str> {
    #[derive(serde::Deserialize)]
    struct Message<'a> {
        #[serde(borrow, default)]
        role: Cow<'a, str>,
    }
    let list: Vec<&RawValue> = serde_json::from_str(messages).ok()?;
    let is_user =
        |raw: &&&RawValue| serde_json::from_str::<Message<'_>>(raw.get()).is_ok_and(|message| message.role == "user");
    let last = list.iter().find(is_user).or_else(|| list.last())?.get();
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
        let first = br#"{"input":[{"role":"user","content":"u"}]}"#;
        let later = br#"{"input":[{"role":"user","content":"u"},{"type":"function_call"}]}"#;
        assert_eq!(of(first), of(later));
        assert_eq!(of(br#"{"input":"hi"}"#), b"\"hi\"");
    }
}
