//! Errors, as this dialect has them.

use serde_json::Value;

use crate::dialect::neutral::overflow::{self, is_code, is_overflow};
use crate::dialect::wire::build::{json, json_text};
use crate::error::Error;

/// The code of an error for which waiting helps.
pub(super) const RATE_LIMIT: &str = "rate_limit_exceeded";
/// The code of an account without credit.
const QUOTA: &str = "insufficient_quota";
/// The code of an error of the server's own.
pub(super) const SERVER: &str = "server_error";

/// Returns an error of the gateway's own.
pub(super) fn error_body(error: &Error) -> Vec<u8> {
    let facts = error.kind.facts();
    body(&error.message, facts.class, error.param.as_deref(), Some(facts.code))
}

/// Returns an upstream's error: its message, its code or type in whatever dialect, its HTTP status.
pub(super) fn upstream_error(message: &str, code: Option<&str>, status: u16) -> Vec<u8> {
    let code = overflows(message, code).or_else(|| code.and_then(known));
    let class = match status {
        429 if code == Some(QUOTA) => QUOTA,
        429 => "rate_limit_error",
        503 | 529 => "service_unavailable_error",
        500.. => SERVER,
        _ => "invalid_request_error",
    };
    let code = code.or(match status {
        401 => Some("invalid_api_key"),
        429 => Some(RATE_LIMIT),
        _ => None,
    });
    body(message, class, None, code)
}

fn body(message: &str, class: &str, param: Option<&str>, code: Option<&str>) -> Vec<u8> {
    let error: Value = json!({"error": {"message": message, "type": class, "param": param, "code": code}});
    json_text(&error).into_bytes()
}

/// Returns the code of an error in a stream. Programs decide by it whether to try again.
pub(super) fn code_of<'a>(message: &str, code: Option<&'a str>, status: Option<u16>) -> &'a str {
    match (overflows(message, code).or_else(|| code.and_then(known)), status) {
        (Some(code), _) => code,
        (None, Some(429)) => RATE_LIMIT,
        (None, _) => SERVER,
    }
}

/// Returns the code of a conversation that is too long, if the message or another vendor's code says that.
fn overflows(message: &str, code: Option<&str>) -> Option<&'static str> {
    (is_overflow(message) || code.is_some_and(is_code)).then_some(overflow::CODE)
}

/// Returns a code of this dialect for one of any dialect; nothing for a type that says no more than the status does.
fn known(code: &str) -> Option<&str> {
    match code {
        "" => None,
        "rate_limit_error" | "RESOURCE_EXHAUSTED" => Some(RATE_LIMIT),
        "not_found_error" | "NOT_FOUND" => Some("model_not_found"),
        "authentication_error" | "UNAUTHENTICATED" => Some("invalid_api_key"),
        "billing_error" => Some(QUOTA),
        "request_too_large" => Some("request_too_large"),
        "internal_error" => Some(SERVER),
        // The types of Anthropic and the statuses of Google, which say what the HTTP status says.
        code if code.ends_with("_error") && code != SERVER => None,
        code if !code.contains(|char: char| char.is_ascii_lowercase()) => None,
        code => Some(code),
    }
}

/// Returns the HTTP status that stands for the code of an error in a stream.
pub(super) fn status_of(code: &str) -> Option<u16> {
    match code {
        RATE_LIMIT | QUOTA => Some(429),
        SERVER => Some(500),
        "server_is_overloaded" | "slow_down" => Some(503),
        "model_not_found" => Some(404),
        "vector_store_timeout" => Some(504),
        "context_length_exceeded" | "data_residency_mismatch" | "bio_policy" => Some(400),
        code if code.starts_with("invalid_") || code.contains("image") => Some(400),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    fn read(body: &[u8]) -> Value {
        serde_json::from_slice(body).unwrap()
    }

    #[test]
    fn an_error_has_all_four_members() {
        let error = Error::new(Kind::InvalidBody, "say \"hi\"").about("model");
        assert_eq!(
            read(&error_body(&error)),
            json!({"error": {"message": "say \"hi\"", "type": "invalid_request_error", "param": "model", "code": "invalid_body"}})
        );
    }

    #[test]
    fn the_errors_of_other_dialects_get_the_words_of_this_one() {
        for (code, status, class, expected) in [
            (Some("rate_limit_error"), 429, "rate_limit_error", Some(RATE_LIMIT)),
            (Some("insufficient_quota"), 429, QUOTA, Some(QUOTA)),
            (Some("invalid_request_error"), 400, "invalid_request_error", None),
            (Some("INVALID_ARGUMENT"), 400, "invalid_request_error", None),
            (
                Some("context_length_exceeded"),
                400,
                "invalid_request_error",
                Some("context_length_exceeded"),
            ),
            (Some("overloaded_error"), 529, "service_unavailable_error", None),
            (None, 401, "invalid_request_error", Some("invalid_api_key")),
            (None, 500, SERVER, None),
        ] {
            let error = &read(&upstream_error("m", code, status))["error"];
            assert_eq!(
                (error["type"].as_str(), error["code"].as_str()),
                (Some(class), expected),
                "{code:?}"
            );
        }
        assert_eq!(code_of("m", Some("overloaded_error"), Some(529)), SERVER);
        assert_eq!(code_of("m", Some("RESOURCE_EXHAUSTED"), None), RATE_LIMIT);
        assert_eq!(code_of("m", None, Some(429)), RATE_LIMIT);
        assert_eq!(
            code_of("m", Some("upstream_stream_truncated"), None),
            "upstream_stream_truncated"
        );
    }

    #[test]
    fn a_conversation_that_is_too_long_has_its_code_whoever_says_so() {
        let message = "prompt is too long: 9 tokens > 8 maximum";
        let error = &read(&upstream_error(message, Some("invalid_request_error"), 400))["error"];
        assert_eq!(
            (error["code"].as_str(), &error["message"]),
            (Some(overflow::CODE), &json!(message))
        );
        assert_eq!(
            code_of(message, Some("invalid_request_error"), Some(400)),
            overflow::CODE
        );
    }

    #[test]
    fn a_code_in_a_stream_says_which_status_it_stands_for() {
        assert_eq!(status_of(RATE_LIMIT), Some(429));
        assert_eq!(status_of("invalid_prompt"), Some(400));
        assert_eq!(status_of("x"), None);
    }
}
