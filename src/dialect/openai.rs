//! OpenAI Chat Completions as far as the gateway reads and writes it itself.

use std::borrow::Cow;

use memchr::memmem;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::json;
use serde_json::value::RawValue;

use super::patch::{Malformed, Members};
use super::refusal::{self, Refusal};
use super::shorten::shortened;
use super::trim::trimmed;

use crate::error::Error;

/// The error object of the OpenAI API: all four keys, always.
#[must_use]
pub fn refusal(error: &Error) -> Vec<u8> {
    let facts = error.kind.facts();
    let body = json!({"error": {
        "message": error.message,
        "type": facts.class,
        "param": error.param,
        "code": facts.code,
    }});
    body.to_string().into_bytes()
}

/// Tokens of one answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Told")]
pub struct Usage {
    /// Tokens read.
    pub prompt_tokens: u64,
    /// Tokens written.
    pub completion_tokens: u64,
}

/// Usage as Chat Completions tell it, or as Responses and most other endpoints do.
#[derive(Deserialize)]
struct Told {
    prompt_tokens: Option<f64>,
    completion_tokens: Option<f64>,
    input_tokens: Option<f64>,
    output_tokens: Option<f64>,
}

impl From<Told> for Usage {
    fn from(told: Told) -> Self {
        // Not everyone counts in whole numbers.
        let tokens = |one: Option<f64>, other: Option<f64>| one.or(other).unwrap_or_default() as u64;
        Self {
            prompt_tokens: tokens(told.prompt_tokens, told.input_tokens),
            completion_tokens: tokens(told.completion_tokens, told.output_tokens),
        }
    }
}

/// What a whole answer under a good status says.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The tokens it used, where it tells.
    pub usage: Option<Usage>,
    /// It is an error all the same, as some providers answer.
    pub is_error: bool,
    /// It is a thing that has a kind or an id. It may have failed, and is no failure to answer then.
    pub is_thing: bool,
    /// It has no member of an answer, and one of those that errors have without being called one.
    pub is_bare_error: bool,
    /// It does not have the shape of a JSON object: it is something else, or a part of one.
    pub is_illegible: bool,
}

impl Answer {
    /// Reads an answer. One that is not JSON says nothing.
    #[must_use]
    pub fn read(body: &[u8]) -> Self {
        if body.trim_ascii_start().starts_with(b"[") {
            let is_error = is_listed_error(body);
            return Self {
                is_error,
                is_illegible: !is_error,
                ..Self::default()
            };
        }
        let members = match Members::of(body) {
            Ok(members) => members,
            Err(malformed) => {
                if is_object_shaped(body) {
                    // It may be an error all the same.
                    let clean = without_controls(body);
                    if Members::of(&clean).is_ok() {
                        return Self::read(&clean);
                    }
                }
                // What is merely odd is for the client to judge: it was paid for.
                let is_odd = malformed == Malformed::TooDeep || str::from_utf8(body).is_err() || is_object_shaped(body);
                return Self {
                    is_illegible: !is_odd,
                    ..Self::default()
                };
            }
        };
        let told = |name: &str| members.last(name).filter(|value| *value != "null");
        let is_empty = |list: &&str| list.strip_prefix('[').is_some_and(|rest| rest.trim_start() == "]");
        let choices = told("choices").filter(|choices| !is_empty(choices));
        let object = told("object");
        let says_error = object == Some("\"error\"") || told("error").is_some_and(says_something);
        Self {
            usage: told("usage").and_then(|usage| serde_json::from_str(usage).ok()),
            is_error: choices.map_or(says_error, |choices| have_failed(choices, says_error)),
            is_bare_error: ["object", "id", "choices", "data", "model"]
                .iter()
                .all(|name| told(name).is_none())
                && Refusal::read(body).is_some(),
            is_thing: told("id").is_some() || object.is_some_and(|object| object != "\"error\""),
            is_illegible: false,
        }
    }
}

/// Whether every one of these choices is an error, or none of them says anything beside one (`beside`): so OpenRouter tells it.
fn have_failed(choices: &str, beside: bool) -> bool {
    // Few answers hold the word, and only they are parsed.
    if !beside && memmem::find(choices.as_bytes(), b"\"error\"").is_none() {
        return false;
    }
    let choices: Vec<&RawValue> = serde_json::from_str(choices).unwrap_or_default();
    let failed = |choice: &&RawValue| {
        Members::of(choice.get().as_bytes()).is_ok_and(|choice| {
            let is_silent = choice.last("message").is_none_or(is_silent)
                && choice.last("text").is_none_or(|text| !says_something(text));
            choice.last("error").is_some_and(says_something) || beside && is_silent
        })
    };
    !choices.is_empty() && choices.iter().all(failed)
}

/// Whether a message says nothing but whose it is.
fn is_silent(message: &str) -> bool {
    let members = Members::of(message.as_bytes());
    members.is_ok_and(|members| {
        let mut others = members.0.iter().filter(|(name, _)| name != "role");
        others.all(|(_, value)| matches!(*value, "null" | "\"\"" | "[]" | "{}"))
    })
}

/// Whether a value is not empty: some have an `error` that says that there is none.
pub(super) fn says_something(value: &str) -> bool {
    let says = |value: &str| !matches!(value, "null" | "\"\"" | "0" | "false" | "[]" | "{}");
    match Members::of(value.as_bytes()) {
        Ok(members) => members.0.iter().any(|(_, value)| says(value)),
        Err(_) => says(value),
    }
}

/// Whether a request's `stream_options` are `{"include_usage": ...}` and nothing else: an upstream that refuses them does not know
/// them. Others it may refuse for what the client has put into them.
#[must_use]
pub fn has_usual_stream_options(request: &[u8]) -> bool {
    let is_usual = |value: &str| {
        Members::of(value.as_bytes())
            .is_ok_and(|members| matches!(&members.0[..], [(name, "true" | "false")] if name == "include_usage"))
    };
    Members::of(request).is_ok_and(|members| {
        let mut options = members.0.iter().filter(|(name, _)| name == refusal::STREAM_OPTIONS);
        options.clone().next().is_some() && options.all(|(_, value)| is_usual(value))
    })
}

/// Whether this is an error in an array, as Google writes it.
#[must_use]
pub fn is_listed_error(body: &[u8]) -> bool {
    let body = shortened(body, refusal::PREFIX);
    let list: Vec<&RawValue> = serde_json::from_slice(&body).unwrap_or_default();
    let first = list.first().and_then(|first| Members::of(first.get().as_bytes()).ok());
    first.is_some_and(|first| first.last("error").is_some_and(|error| error != "null"))
}

/// Whether a body that should be JSON is plainly something else: nothing at all, or a web page.
#[must_use]
pub fn is_no_answer(content_type: Option<&str>, body: &[u8]) -> bool {
    const HTML: &[u8] = b"text/html";
    let begins = |kind: &str| {
        kind.trim_start()
            .as_bytes()
            .get(..HTML.len())?
            .eq_ignore_ascii_case(HTML)
            .then_some(())
    };
    let html = content_type.and_then(begins).is_some();
    html || matches!(body.trim_ascii_start().first(), None | Some(b'<'))
}

/// Whether a body begins as a JSON object does.
#[must_use]
pub fn begins_object(body: &[u8]) -> bool {
    trimmed(body).starts_with(b"{")
}

/// A body without what stands around its JSON, and with blanks for the control characters that some write into texts as they are.
fn without_controls(body: &[u8]) -> Vec<u8> {
    let blank = |byte: &u8| if byte.is_ascii_control() { b' ' } else { *byte };
    trimmed(body).iter().map(blank).collect()
}

/// Whether a body begins and ends as a JSON object does, whatever stands between: `NaN`, control characters.
fn is_object_shaped(body: &[u8]) -> bool {
    begins_object(body) && trimmed(body).ends_with(b"}")
}

/// Whether a body is JSON.
#[must_use]
pub fn is_json(body: &[u8]) -> bool {
    serde_json::from_slice::<IgnoredAny>(body).is_ok()
}

/// The content of a message: text, or parts of which the texts count.
#[derive(Deserialize)]
#[serde(untagged)]
pub(crate) enum Content<'a> {
    /// `"content": "..."`
    Text(#[serde(borrow)] Cow<'a, str>),
    /// `"content": [{"type": "text", "text": "..."}, ...]`
    Parts(#[serde(borrow)] Vec<Part<'a>>),
    /// `null`, or a shape that is not known.
    Other(IgnoredAny),
}

/// One part of a message.
#[derive(Deserialize)]
pub(crate) struct Part<'a> {
    #[serde(borrow, default)]
    text: Cow<'a, str>,
}

impl Content<'_> {
    /// All of its text.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Text(text) => text.to_string(),
            Self::Parts(parts) => parts.iter().map(|part| part.text.as_ref()).collect(),
            Self::Other(_) => String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    #[test]
    fn a_refusal_has_all_four_keys() {
        let error = Error::new(Kind::InvalidBody, "say \"hi\"").about("model");
        let body: serde_json::Value = serde_json::from_slice(&refusal(&error)).unwrap();
        assert_eq!(
            body,
            json!({"error": {"message": "say \"hi\"", "type": "invalid_request_error", "param": "model", "code": "invalid_body"}})
        );
    }

    #[test]
    fn a_whole_answer_tells_its_usage_and_whether_it_is_an_error() {
        let usage = |prompt_tokens, completion_tokens| {
            Some(Usage {
                prompt_tokens,
                completion_tokens,
            })
        };
        for (body, usage, is_error) in [
            (r#"{"object":"error","message":"m","code":500}"#, None, true),
            (
                r#"{"choices":[],"error":null,"usage":{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7}}"#,
                usage(3, 4),
                false,
            ),
            (r#"{"usage":{"input_tokens":3,"output_tokens":4}}"#, usage(3, 4), false),
            ("{}", None, false),
            (r#"{"error":{}}"#, None, false),
            (r#"{"error":{"code":0,"message":""}}"#, None, false),
            (r#"{"error":0}"#, None, false),
            (r#"{"choices":[ ],"error":{"message":"m"}}"#, None, true),
            (r#"["error"]"#, None, false),
            (r#"[["error"]]"#, None, false),
            (r#"[{"message":"m"}]"#, None, false),
            (r#"{"error":{"message":"m"}}"#, None, true),
            ("{\"error\":{\"message\":\"m\nn\"}}\0", None, true),
            ("{\"id\":\"a\nb\",\"usage\":{\"input_tokens\":3}}", usage(3, 0), false),
            (r#"[{"error":{"message":"m"}}]"#, None, true),
        ] {
            let read = Answer::read(body.as_bytes());
            assert_eq!((read.usage, read.is_error), (usage, is_error), "{body}");
        }
        for body in ["<html>", "hello", "null", "[1]", r#"{"id":"x","#, ""] {
            assert!(Answer::read(body.as_bytes()).is_illegible, "{body}");
        }
        for body in [
            &b"{\"id\":\"\xff\"}"[..],
            b"{\"n\":NaN}",
            b"\xEF\xBB\xBF {\"n\":-Infinity}\r\n",
            b"{\"text\":\"a\nb\"}",
            b"{\"n\":1}\0",
            b"{\"n\":1,}",
        ] {
            assert!(!Answer::read(body).is_illegible, "{}", body.escape_ascii());
        }
    }

    #[test]
    fn usual_stream_options_ask_for_usage_and_nothing_else() {
        for (options, is_usual) in [
            (r#""stream_options":{"include_usage":true}"#, true),
            (r#""stream_options": { "include_usage" : false } "#, true),
            (r#""stream_options":{"include_usage":"yes"}"#, false),
            (r#""stream_options":{"include_usage":true,"x":1}"#, false),
            (r#""stream_options":{"include_usage":true},"stream_options":1"#, false),
            (r#""stream_options":null"#, false),
            (r#""n":1"#, false),
        ] {
            let request = format!("{{\"model\":\"m\",{options}}}");
            assert_eq!(has_usual_stream_options(request.as_bytes()), is_usual, "{options}");
        }
    }

    #[test]
    fn pages_and_silence_are_no_answers() {
        assert!(is_no_answer(None, b""));
        assert!(is_no_answer(Some("application/json"), b" \n"));
        assert!(is_no_answer(None, b"<!doctype html>"));
        assert!(is_no_answer(Some("Text/HTML; charset=utf-8"), b"oops"));
        assert!(!is_no_answer(Some("application/json"), b"\n{}"));
    }
}
