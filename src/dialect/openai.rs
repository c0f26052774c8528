//! OpenAI Chat Completions as far as the gateway reads and writes it itself.

use std::borrow::Cow;

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::patch::{Malformed, Members};
use super::refusal::Refusal;

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
    prompt_tokens: Option<u64>,
    completion_tokens: Option<u64>,
    input_tokens: Option<u64>,
    output_tokens: Option<u64>,
}

impl From<Told> for Usage {
    fn from(told: Told) -> Self {
        Self {
            prompt_tokens: told.prompt_tokens.or(told.input_tokens).unwrap_or_default(),
            completion_tokens: told.completion_tokens.or(told.output_tokens).unwrap_or_default(),
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
    /// It is no JSON object, or a part of one.
    pub is_illegible: bool,
}

impl Answer {
    /// Reads an answer. One that is not JSON says nothing.
    #[must_use]
    pub fn read(body: &[u8]) -> Self {
        if body.trim_ascii_start().starts_with(b"[") {
            // Google puts its errors into an array.
            let is_error = Refusal::read(body).is_some();
            return Self {
                is_error,
                is_illegible: !is_error,
                ..Self::default()
            };
        }
        let members = match Members::of(body) {
            Ok(members) => members,
            Err(malformed) => {
                // What is merely odd is for the client to judge.
                let is_odd = malformed == Malformed::TooDeep || str::from_utf8(body).is_err();
                return Self {
                    is_illegible: !is_odd,
                    ..Self::default()
                };
            }
        };
        let told = |name: &str| members.last(name).filter(|value| *value != "null");
        let is_error = told("choices").is_none() && (told("error").is_some() || told("object") == Some("\"error\""));
        Self {
            usage: told("usage").and_then(|usage| serde_json::from_str(usage).ok()),
            is_error,
            is_illegible: false,
        }
    }
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
            (r#"{"error":{"message":"m"}}"#, None, true),
            (r#"[{"error":{"message":"m"}}]"#, None, true),
        ] {
            let read = Answer {
                usage,
                is_error,
                is_illegible: false,
            };
            assert_eq!(Answer::read(body.as_bytes()), read, "{body}");
        }
        for body in ["<html>", "hello", "null", "[1]", r#"{"id":"x","#, ""] {
            assert!(Answer::read(body.as_bytes()).is_illegible, "{body}");
        }
        assert!(!Answer::read(b"{\"id\":\"\xff\"}").is_illegible);
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
