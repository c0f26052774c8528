//! Errors: the gateway's own and those of upstreams, as clients read them, and those in the streams of upstreams.

use crate::dialect::neutral::event::Event;
use crate::dialect::neutral::overflow::{self, is_code, is_overflow};
use crate::dialect::openai;
use crate::dialect::upstream_error::UpstreamError;
use crate::dialect::wire::build::{json, json_text};
use crate::error::Error;

const INVALID: &str = "invalid_request_error";
const LIMIT: &str = "rate_limit_error";
const QUOTA: &str = "insufficient_quota";
const SERVER: &str = "server_error";
const BUSY: &str = "service_unavailable_error";

/// What an upstream's code or type means: the type and the code that OpenAI has for it, and the HTTP status. A code that is missing
/// here goes to the client as it is.
#[rustfmt::skip]
const KNOWN: &[(&str, &str, Option<&str>, u16)] = &[
    // OpenAI's own.
    (INVALID,                      INVALID, None, 400),
    ("invalid_prompt",             INVALID, Some("invalid_prompt"), 400),
    ("context_length_exceeded",    INVALID, Some("context_length_exceeded"), 400),
    ("content_filter",             INVALID, Some("content_filter"), 400),
    ("invalid_api_key",            INVALID, Some("invalid_api_key"), 401),
    ("insufficient_permissions",   INVALID, Some("insufficient_permissions"), 403),
    ("model_not_found",            INVALID, Some("model_not_found"), 404),
    ("rate_limit_exceeded",        LIMIT,   Some("rate_limit_exceeded"), 429),
    ("requests",                   LIMIT,   Some("rate_limit_exceeded"), 429),
    ("tokens",                     LIMIT,   Some("rate_limit_exceeded"), 429),
    (QUOTA,                        QUOTA,   Some(QUOTA), 429),
    (SERVER,                       SERVER,  Some(SERVER), 500),
    ("internal_error",             SERVER,  Some("internal_error"), 500),
    (BUSY,                         BUSY,    Some("server_is_overloaded"), 503),
    ("server_is_overloaded",       BUSY,    Some("server_is_overloaded"), 503),
    ("slow_down",                  BUSY,    Some("slow_down"), 503),
    // Types of Anthropic and of those who copied them.
    ("authentication_error",       INVALID, Some("invalid_api_key"), 401),
    ("permission_error",           INVALID, Some("insufficient_permissions"), 403),
    ("not_found_error",            INVALID, Some("model_not_found"), 404),
    ("conflict_error",             INVALID, Some("conflict"), 409),
    ("request_too_large",          INVALID, Some("request_too_large"), 413),
    (LIMIT,                        LIMIT,   Some("rate_limit_exceeded"), 429),
    ("billing_error",              QUOTA,   Some(QUOTA), 429),
    ("api_error",                  SERVER,  None, 500),
    ("timeout_error",              SERVER,  Some("timeout"), 504),
    ("overloaded_error",           BUSY,    Some("server_is_overloaded"), 503),
    ("engine_overloaded_error",    BUSY,    Some("server_is_overloaded"), 503),
    // Google's.
    ("INVALID_ARGUMENT",           INVALID, None, 400),
    ("FAILED_PRECONDITION",        INVALID, None, 400),
    ("UNAUTHENTICATED",            INVALID, Some("invalid_api_key"), 401),
    ("PERMISSION_DENIED",          INVALID, Some("insufficient_permissions"), 403),
    ("NOT_FOUND",                  INVALID, Some("model_not_found"), 404),
    ("RESOURCE_EXHAUSTED",         LIMIT,   Some("rate_limit_exceeded"), 429),
    ("INTERNAL",                   SERVER,  None, 500),
    ("UNAVAILABLE",                BUSY,    Some("server_is_overloaded"), 503),
    ("DEADLINE_EXCEEDED",          SERVER,  Some("timeout"), 504),
];

/// The most characters of an error in a shape that is not known.
const RAW: usize = 500;

fn known(code: &str) -> Option<&'static (&'static str, &'static str, Option<&'static str>, u16)> {
    KNOWN.iter().find(|(name, ..)| *name == code)
}

/// Writes an error of the gateway's own.
pub(super) fn error_body(error: &Error) -> Vec<u8> {
    openai::error_body(error)
}

/// Writes an upstream's error: its message, its code or type, and the HTTP status. All four members are always there.
pub(super) fn upstream_error(message: &str, code: Option<&str>, status: u16) -> Vec<u8> {
    let by_status = match status {
        429 => LIMIT,
        400..=499 => INVALID,
        _ => SERVER,
    };
    let (class, code) = match code.and_then(known) {
        _ if is_overflow(message) || code.is_some_and(is_code) => (INVALID, Some(overflow::CODE)),
        Some((_, class, code, _)) => (*class, *code),
        None => (by_status, code),
    };
    let body = json!({"error": {"message": message, "type": class, "param": null, "code": code}});
    json_text(&body).into_bytes()
}

/// Reads the error that an upstream sends instead of an answer, or of the rest of one.
pub(super) fn read(data: &str) -> Event {
    let read = UpstreamError::read(data.as_bytes()).unwrap_or_default();
    let code = read.labels.into_iter().next();
    let by_code = || code.as_deref().and_then(known).map(|(.., status)| *status);
    let status = read.status.or_else(by_code);
    let message = match (read.message.as_str(), data) {
        ("", "") => "The upstream reports an error and does not say which.".to_owned(),
        ("", data) => data.chars().take(RAW).collect(),
        _ => read.message,
    };
    Event::Error { message, code, status }
}

/// Returns an error that the upstream does not report in words.
pub(super) fn failed(message: &str) -> Event {
    Event::Error {
        message: message.to_owned(),
        code: Some(SERVER.to_owned()),
        status: Some(502),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn a_client_gets_the_words_that_its_library_knows() {
        for (message, code, status, class, expected) in [
            ("m", Some("overloaded_error"), 529, BUSY, Some("server_is_overloaded")),
            ("m", Some("RESOURCE_EXHAUSTED"), 429, LIMIT, Some("rate_limit_exceeded")),
            ("m", Some("invalid_request_error"), 400, INVALID, None),
            ("m", Some("made_up"), 422, INVALID, Some("made_up")),
            ("m", None, 429, LIMIT, None),
            ("m", None, 502, SERVER, None),
            (
                "prompt is too long: 9 tokens > 8 maximum",
                Some("invalid_request_error"),
                400,
                INVALID,
                Some("context_length_exceeded"),
            ),
            (
                "The input token count (9) exceeds the maximum number of tokens allowed (8).",
                Some("INVALID_ARGUMENT"),
                400,
                INVALID,
                Some("context_length_exceeded"),
            ),
        ] {
            let body: Value = serde_json::from_slice(&upstream_error(message, code, status)).unwrap();
            let error = json!({"message": message, "type": class, "param": null, "code": expected});
            assert_eq!(body, json!({ "error": error }));
        }
    }

    #[test]
    fn the_status_of_an_error_is_its_number_or_that_of_its_code() {
        for (data, code, status) in [
            (r#"{"error":{"message":"m","code":502}}"#, Some("502"), Some(502)),
            (
                r#"{"error":{"message":"m","type":"rate_limit_error","code":null}}"#,
                Some(LIMIT),
                Some(429),
            ),
            (r#"{"object":"error","message":"m","code":500}"#, Some("500"), Some(500)),
            (r#"{"code":"what","error":"m"}"#, Some("what"), None),
        ] {
            let (message, code) = ("m".to_owned(), code.map(str::to_owned));
            assert_eq!(read(data), Event::Error { message, code, status }, "{data}");
        }
        assert!(matches!(read("out of memory"), Event::Error { message, .. } if message == "out of memory"));
        assert!(matches!(read(""), Event::Error { message, .. } if !message.is_empty()));
    }
}
