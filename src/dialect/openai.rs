//! Chat Completions, the format of OpenAI, as far as the gateway reads and writes it itself.

use memchr::memmem;

use super::upstream_error::{PREFIX, STREAM_OPTIONS, UpstreamError};
use super::usage::{self, Usage};
use super::wire::json::elements;
use super::wire::members::{Malformed, Members};
use super::wire::shape::is_object_shaped;
use super::wire::shorten::shortened;
use super::wire::trim::trimmed;
use crate::dialect::wire::build::{json, json_text};
use crate::error::Error;

/// Returns an error as the object of the OpenAI API. It always has all four members; SDKs read them without asking.
pub(super) fn error_body(error: &Error) -> Vec<u8> {
    let facts = error.kind.facts();
    let body = json!({"error": {
        "message": error.message,
        "type": facts.class,
        "param": error.param,
        "code": facts.code,
    }});
    json_text(&body).into_bytes()
}

/// Members of Gemini's answers. Each answer has one of them at least.
const OF_GEMINI: [&str; 3] = ["candidates", "promptFeedback", "usageMetadata"];

/// What a whole answer under a good status is.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The tokens that it used, where it names them.
    pub usage: Option<Usage>,
    /// It is an error: some providers answer so.
    pub is_error: bool,
    /// It is an object of the API: it has an `id`, or an `object` that is not `error`. Such an object may have failed, as a
    /// batch may. To answer with it is not a failure.
    pub is_api_object: bool,
    /// It is an error that is not called one: it has a member that errors have, and none that answers have.
    pub is_bare_error: bool,
    /// It does not have the shape of a JSON object: it is something else, or a part of one.
    pub is_unreadable: bool,
}

impl Answer {
    /// Reads an answer.
    #[must_use]
    pub fn read(body: &[u8]) -> Self {
        if body.trim_ascii_start().starts_with(b"[") {
            return Self::read_list(body);
        }
        let members = match Members::of(body) {
            Ok(members) => members,
            Err(malformed) => return Self::read_malformed(body, &malformed),
        };
        let value = |name: &str| members.value(name);
        let is_empty = |list: &&str| list.strip_prefix('[').is_some_and(|rest| rest.trim_start() == "]");
        let choices = value("choices").filter(|choices| !is_empty(choices));
        let object = value("object");
        let has_error = object == Some("\"error\"") || value("error").is_some_and(is_filled);
        Self {
            usage: value("usage")
                .and_then(Usage::read)
                .or_else(|| usage::of_gemini(value("usageMetadata")?)),
            is_error: choices.map_or(has_error, |choices| have_failed(choices, has_error)),
            is_bare_error: ["object", "id", "choices", "data", "model"]
                .iter()
                .chain(&OF_GEMINI)
                .all(|name| value(name).is_none())
                && UpstreamError::read(body).is_some(),
            is_api_object: value("id").is_some() || object.is_some_and(|object| object != "\"error\""),
            is_unreadable: false,
        }
    }

    /// Reads an array: an error as Google writes some, or Gemini's stream without server-sent events.
    fn read_list(body: &[u8]) -> Self {
        if is_listed_error(body) {
            return Self {
                is_error: true,
                ..Self::default()
            };
        }
        let list = listed(body);
        let members = list.iter().filter_map(|element| Members::of(element.as_bytes()).ok());
        let mut answer = Self {
            is_unreadable: true,
            ..Self::default()
        };
        for element in members {
            answer.is_unreadable &= !OF_GEMINI.iter().any(|name| element.last(name).is_some());
            // Each element has the tokens so far.
            let usage = element.last("usageMetadata").and_then(usage::of_gemini);
            answer.usage = usage.or(answer.usage);
        }
        answer
    }

    /// Reads an answer that is not an object as JSON has them.
    fn read_malformed(body: &[u8], malformed: &Malformed) -> Self {
        if is_object_shaped(body) {
            // It may be an error that only has control characters in its text.
            let clean = without_controls(body);
            if Members::of(&clean).is_ok() {
                return Self::read(&clean);
            }
        }
        // An answer that is merely odd was paid for, so the client gets it and may judge it.
        let is_odd = *malformed == Malformed::TooDeep || str::from_utf8(body).is_err() || is_object_shaped(body);
        Self {
            is_unreadable: !is_odd,
            ..Self::default()
        }
    }
}

/// Whether every choice is an error, or, where an error stands beside them (`has_error`), none of them has any content.
/// OpenRouter answers so.
fn have_failed(choices: &str, has_error: bool) -> bool {
    // Few answers hold the word, and only they are parsed.
    if !has_error && memmem::find(choices.as_bytes(), b"\"error\"").is_none() {
        return false;
    }
    let choices = elements(choices).unwrap_or_default();
    let failed = |choice: &&str| {
        Members::of(choice.as_bytes()).is_ok_and(|choice| {
            let is_empty = choice.last("message").is_none_or(is_empty_message)
                && choice.last("text").is_none_or(|text| !is_filled(text));
            choice.last("error").is_some_and(is_filled) || has_error && is_empty
        })
    };
    !choices.is_empty() && choices.iter().all(failed)
}

/// Whether a message has nothing but its role.
fn is_empty_message(message: &str) -> bool {
    let members = Members::of(message.as_bytes());
    members.is_ok_and(|members| {
        let mut others = members.0.iter().filter(|(name, _)| name != "role");
        others.all(|(_, value)| matches!(*value, "null" | "\"\"" | "[]" | "{}"))
    })
}

/// Whether the value of a member says something. Some answers have an `error` that says that there is none: `{}`, or an
/// object with a code of zero and an empty message.
pub(super) fn is_filled(value: &str) -> bool {
    let is_filled = |value: &str| !matches!(value, "null" | "\"\"" | "0" | "false" | "[]" | "{}");
    match Members::of(value.as_bytes()) {
        Ok(members) => members.0.iter().any(|(_, value)| is_filled(value)),
        Err(_) => is_filled(value),
    }
}

/// Whether a request's `stream_options` are `{"include_usage": true}` or `false`, and nothing else. An upstream that rejects
/// these does not know the member, and can be asked again without it. It may reject others for what the client wrote there.
#[must_use]
pub fn has_usual_stream_options(request: &[u8]) -> bool {
    let is_usual = |value: &str| {
        Members::of(value.as_bytes())
            .is_ok_and(|members| matches!(&members.0[..], [(name, "true" | "false")] if name == "include_usage"))
    };
    Members::of(request).is_ok_and(|members| {
        let mut options = members.0.iter().filter(|(name, _)| name == STREAM_OPTIONS);
        options.clone().next().is_some() && options.all(|(_, value)| is_usual(value))
    })
}

/// Whether a body is an array with an error in it, as Google writes errors.
#[must_use]
pub fn is_listed_error(body: &[u8]) -> bool {
    let body = shortened(body, PREFIX);
    let list = listed(&body);
    let first = list.first().and_then(|first| Members::of(first.as_bytes()).ok());
    first.is_some_and(|first| first.value("error").is_some())
}

/// Returns the elements of a body that is an array; none where it is anything else.
fn listed(body: &[u8]) -> Vec<&str> {
    let text = simdutf8::compat::from_utf8(body).ok();
    text.and_then(elements).unwrap_or_default()
}

/// Returns a body with a blank in the place of each control character, which some upstreams write into texts without an
/// escape, and without what stands around its JSON.
fn without_controls(body: &[u8]) -> Vec<u8> {
    let blank = |byte: &u8| if byte.is_ascii_control() { b' ' } else { *byte };
    trimmed(body).iter().map(blank).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    #[test]
    fn an_error_has_all_four_members() {
        let error = Error::new(Kind::InvalidBody, "say \"hi\"").about("model");
        let body: serde_json::Value = serde_json::from_slice(&error_body(&error)).unwrap();
        assert_eq!(
            body,
            json!({"error": {"message": "say \"hi\"", "type": "invalid_request_error", "param": "model", "code": "invalid_body"}})
        );
    }

    fn usage(prompt_tokens: u64, completion_tokens: impl Into<Option<u64>>) -> Option<Usage> {
        Some(Usage {
            prompt_tokens: Some(prompt_tokens),
            completion_tokens: completion_tokens.into(),
            ..Usage::default()
        })
    }

    fn cached(usage: Usage, tokens: u64) -> Usage {
        Usage {
            cached_tokens: Some(tokens),
            ..usage
        }
    }

    #[test]
    fn answers_of_anthropic_and_gemini_are_read_as_well() {
        for (body, usage, is_error) in [
            (
                r#"{"type":"message","usage":{"input_tokens":3,"cache_read_input_tokens":20,"cache_creation_input_tokens":100,"output_tokens":4}}"#,
                usage(123, 4).map(|usage| Usage {
                    cache_write_tokens: Some(100),
                    ..cached(usage, 20)
                }),
                false,
            ),
            (
                r#"{"usage":{"prompt_tokens":23,"cache_read_input_tokens":20,"completion_tokens":4}}"#,
                usage(23, 4).map(|usage| cached(usage, 20)),
                false,
            ),
            (
                r#"{"type":"error","error":{"type":"overloaded_error","message":"m"}}"#,
                None,
                true,
            ),
            (
                r#"{"candidates":[],"usageMetadata":{"promptTokenCount":3,"toolUsePromptTokenCount":2,"candidatesTokenCount":4,"thoughtsTokenCount":10,"cachedContentTokenCount":1}}"#,
                usage(5, 14).map(|usage| Usage {
                    reasoning_tokens: Some(10),
                    ..cached(usage, 1)
                }),
                false,
            ),
            (
                r#"{"promptFeedback":{"blockReason":"SAFETY"},"usageMetadata":{"promptTokenCount":3}}"#,
                usage(3, None),
                false,
            ),
            (r#"{"candidates":[{"message":"m"}],"message":"m"}"#, None, false),
            (
                r#"{"error":{"code":503,"message":"m","status":"UNAVAILABLE"}}"#,
                None,
                true,
            ),
            (
                r#"[{"candidates":[],"usageMetadata":{"promptTokenCount":3}},{"usageMetadata":{"promptTokenCount":3,"candidatesTokenCount":4}},{"candidates":[]}]"#,
                usage(3, 4),
                false,
            ),
        ] {
            let read = Answer::read(body.as_bytes());
            assert_eq!((read.usage, read.is_error), (usage, is_error), "{body}");
            assert!(is_error || !read.is_bare_error && !read.is_unreadable, "{body}");
        }
    }

    #[test]
    fn a_whole_answer_has_its_usage_and_shows_whether_it_is_an_error() {
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
            (
                "{\"id\":\"a\nb\",\"usage\":{\"input_tokens\":3}}",
                usage(3, None),
                false,
            ),
            (r#"[{"error":{"message":"m"}}]"#, None, true),
        ] {
            let read = Answer::read(body.as_bytes());
            assert_eq!((read.usage, read.is_error), (usage, is_error), "{body}");
        }
        for body in ["<html>", "hello", "null", "[1]", r#"{"id":"x","#, ""] {
            assert!(Answer::read(body.as_bytes()).is_unreadable, "{body}");
        }
        for body in [
            &b"{\"id\":\"\xff\"}"[..],
            b"{\"n\":NaN}",
            b"\xEF\xBB\xBF {\"n\":-Infinity}\r\n",
            b"{\"text\":\"a\nb\"}",
            b"{\"n\":1}\0",
            b"{\"n\":1,}",
            b"[{\"candidates\":[]}]",
        ] {
            assert!(!Answer::read(body).is_unreadable, "{}", body.escape_ascii());
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
}
