//! `POST /chat`: a question in, a reply out, for a client that has no SDK. It becomes a request for Chat Completions, and the
//! answer to that becomes a reply.

use std::fmt::Write;

use serde_json::Value;

use super::wire::json::{self, elements};
use super::wire::members::{Malformed, Members};
use crate::dialect::wire::build::json_text;
use crate::dialect::wire::halves::without_halves;
use crate::error::{Error, Kind};

/// Returns the body of a request for Chat Completions that asks what `body` asks. Members that this form does not know
/// (`temperature`, `max_tokens`, ...) are kept as they are.
///
/// # Errors
/// `invalid_json`, or `invalid_body` with what is missing.
pub fn request(body: &[u8]) -> Result<Vec<u8>, Error> {
    let members = Members::of(body)?;
    let message = text(&members, "message")?;
    let system = text(&members, "system")?;
    let messages = elements(members.value("messages").unwrap_or("[]"))
        .ok_or_else(|| Error::new(Kind::InvalidBody, "`messages` must be an array of messages.").about("messages"))?;
    if message.is_none() && messages.iter().all(|message| is_of_the_system(message)) {
        let hint = "Send {\"message\": \"...\"} or {\"messages\": [{\"role\": \"user\", \"content\": \"...\"}]}.";
        return Err(Error::new(Kind::InvalidBody, hint).about("message"));
    }
    let said = |role: &str, text: &str| format!("{{\"role\":\"{role}\",\"content\":{text}}}");
    let system = system.map(|text| said("system", text));
    let message = message.map(|text| said("user", text));
    let all: Vec<&str> = system
        .as_deref()
        .into_iter()
        .chain(messages)
        .chain(message.as_deref())
        .collect();
    let mut request = format!("{{\"messages\":[{}]", all.join(","));
    for (name, value) in &members.0 {
        if !["message", "system", "messages"].contains(&name.as_ref()) {
            let _ = write!(request, ",{}:{value}", json_text(&Value::from(name.as_ref())));
        }
    }
    request.push('}');
    Ok(request.into_bytes())
}

/// Returns the reply to a question, made of a whole answer of Chat Completions; nothing where that has no choice. The text is
/// the message, else the model's refusal.
#[must_use]
pub fn reply(answer: &[u8], request_id: &str) -> Option<Vec<u8>> {
    let answer = Members::of(answer).ok()?;
    let choices = elements(answer.last("choices")?)?;
    let message = json::members(json::members(choices.first()?)?.last("message")?)?;
    let mut texts = ["content", "refusal"].into_iter();
    let reply = texts.find_map(|name| reply_of(message.last(name)?));
    let reply = reply.unwrap_or_else(|| "\"\"".to_owned());
    let said = |name| answer.last(name).unwrap_or("null");
    let (model, usage, id) = (said("model"), said("usage"), json_text(&request_id.into()));
    Some(format!("{{\"reply\":{reply},\"model\":{model},\"usage\":{usage},\"request_id\":{id}}}").into_bytes())
}

/// Returns all of the text of a message's content, which is a string or has texts in its parts, as JSON; nothing where it is empty.
fn reply_of(content: &str) -> Option<String> {
    if content.starts_with('"') {
        return (content != "\"\"").then(|| without_halves(content));
    }
    let mut all = String::new();
    for part in elements(content)? {
        if let Some(text) = json::members(part)?.last("text") {
            all.push_str(&json::text(text)?);
        }
    }
    (!all.is_empty()).then(|| json_text(&all.into()))
}

/// Returns a member that is a string, as it is written; nothing where it is empty or missing.
fn text<'a>(members: &Members<'a>, name: &'static str) -> Result<Option<&'a str>, Error> {
    match members.last(name) {
        None | Some("null" | "\"\"") => Ok(None),
        Some(value) if value.starts_with('"') => Ok(Some(value)),
        Some(_) => Err(Malformed::WrongType(name, "a string").into()),
    }
}

/// Whether a message is an instruction, and does not ask anything.
fn is_of_the_system(message: &str) -> bool {
    let members = Members::of(message.as_bytes());
    members.is_ok_and(|members| members.last("role") == Some("\"system\""))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn sent(body: &str) -> Value {
        serde_json::from_slice(&request(body.as_bytes()).unwrap()).unwrap()
    }

    #[test]
    fn a_message_becomes_a_conversation_of_one() {
        assert_eq!(
            sent(r#"{"message":"你好","system":"be brief","model":"m","temperature":0.5}"#),
            json!({"model": "m", "temperature": 0.5, "messages": [
                {"role": "system", "content": "be brief"}, {"role": "user", "content": "你好"}]})
        );
    }

    #[test]
    fn messages_are_kept_and_a_message_comes_last() {
        let messages = sent(r#"{"messages":[{"role":"user","content":"a"}],"message":"b"}"#);
        assert_eq!(
            messages,
            json!({"messages": [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}]})
        );
    }

    #[test]
    fn unknown_members_keep_their_spelling() {
        let body = request(br#"{"message":"x","seed":1.00}"#).unwrap();
        assert!(String::from_utf8(body).unwrap().contains("\"seed\":1.00"));
    }

    #[test]
    fn a_question_without_a_question_is_refused() {
        for body in [
            "{}",
            r#"{"message":""}"#,
            r#"{"message":7}"#,
            r#"{"messages":"x"}"#,
            r#"{"system":"s"}"#,
        ] {
            assert_eq!(request(body.as_bytes()).unwrap_err().kind, Kind::InvalidBody, "{body}");
        }
        assert_eq!(request(b"hi").unwrap_err().kind, Kind::InvalidJson);
    }

    #[test]
    fn the_reply_is_the_first_choice() {
        let answer =
            r#"{"model":"m","usage":{"total_tokens":2},"choices":[{"message":{"role":"assistant","content":"hi"}}]}"#;
        let reply: Value = serde_json::from_slice(&reply(answer.as_bytes(), "r1").unwrap()).unwrap();
        assert_eq!(
            reply,
            json!({"reply": "hi", "model": "m", "usage": {"total_tokens": 2}, "request_id": "r1"})
        );
    }

    #[test]
    fn a_refusal_is_a_reply_too() {
        let answer = br#"{"choices":[{"message":{"content":null,"refusal":"I won't"}}]}"#;
        let reply: Value = serde_json::from_slice(&reply(answer, "r1").unwrap()).unwrap();
        assert_eq!(reply["reply"], "I won't");
    }

    #[test]
    fn the_texts_of_all_parts_are_one_reply() {
        let answer = br#"{"choices":[{"message":{"content":[{"text":"a\n"},{"type":"image"},{"text":"\ud83d"}]}}]}"#;
        let reply: Value = serde_json::from_slice(&reply(answer, "r1").unwrap()).unwrap();
        assert_eq!(reply["reply"], "a\n\u{fffd}");
    }

    #[test]
    fn an_answer_without_choices_is_no_reply() {
        assert!(reply(b"{}", "r").is_none());
        assert!(reply(br#"{"choices":[]}"#, "r").is_none());
    }
}
