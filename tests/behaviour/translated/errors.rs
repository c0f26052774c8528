//! Errors of the four vendors, as they write them.

use serde_json::json;

use super::dialect::Dialect;
use crate::support::upstream::{Connection, JSON};

/// How often a limited upstream asks to wait, in seconds.
pub(super) const WAIT: &str = "17";

/// What is said of a prompt that is too long.
pub(super) const TOO_LONG: [u64; 2] = [9000, 8192];

/// Answers with the error that a model stands for. Whether there is one.
pub(super) fn answer(dialect: Dialect, model: &str, key: &str, to: &mut Connection) -> bool {
    let [tokens, most] = TOO_LONG;
    let (status, code, message) = match (model, dialect) {
        ("limited", Dialect::Anthropic) => (429, "rate_limit_error", "slow down".to_owned()),
        ("limited", Dialect::Gemini) => (429, "RESOURCE_EXHAUSTED", "slow down".to_owned()),
        ("limited", _) => (429, "rate_limit_exceeded", "slow down".to_owned()),
        ("too-long", Dialect::Anthropic) => {
            let message = format!("prompt is too long: {tokens} tokens > {most} maximum");
            (400, "invalid_request_error", message)
        }
        ("too-long", Dialect::Gemini) => {
            let message =
                format!("The input token count ({tokens}) exceeds the maximum number of tokens allowed ({most}).");
            (400, "INVALID_ARGUMENT", message)
        }
        ("too-long", _) => {
            let message = format!(
                "This model's maximum context length is {most} tokens. However, your messages resulted in {tokens} tokens. Please reduce the length of the messages."
            );
            (400, "context_length_exceeded", message)
        }
        ("rejected", Dialect::Anthropic) => (401, "authentication_error", "invalid x-api-key".to_owned()),
        ("rejected", Dialect::Gemini) => (400, "INVALID_ARGUMENT", "API key not valid.".to_owned()),
        ("rejected", _) => (401, "invalid_api_key", "Incorrect API key provided".to_owned()),
        ("busy", Dialect::Anthropic) => (529, "overloaded_error", "Overloaded".to_owned()),
        ("busy", Dialect::Gemini) => (503, "UNAVAILABLE", "The model is overloaded.".to_owned()),
        ("busy", _) => (503, "server_is_overloaded", "Overloaded".to_owned()),
        ("missing", Dialect::Anthropic) => (404, "not_found_error", "model: missing".to_owned()),
        ("missing", Dialect::Gemini) => (404, "NOT_FOUND", "models/missing is not found".to_owned()),
        ("missing", _) => (404, "model_not_found", "no such model".to_owned()),
        ("talkative", Dialect::Anthropic) => (400, "invalid_request_error", format!("the key {key} is odd")),
        ("talkative", Dialect::Gemini) => (400, "INVALID_ARGUMENT", format!("the key {key} is odd")),
        ("talkative", _) => (400, "odd_key", format!("the key {key} is odd")),
        _ => return false,
    };
    say(dialect, status, code, &message, to);
    true
}

/// Answers with an error.
pub(super) fn say(dialect: Dialect, status: u16, code: &str, message: &str, to: &mut Connection) {
    let body = match dialect {
        Dialect::OpenAi | Dialect::Responses => {
            json!({"error": {"message": message, "type": "invalid_request_error", "param": null, "code": code}})
        }
        Dialect::Anthropic => {
            json!({"type": "error", "error": {"type": code, "message": message}, "request_id": "req_1"})
        }
        Dialect::Gemini => {
            let details = match (status, message) {
                (429, _) => {
                    json!([{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": format!("{WAIT}s")}])
                }
                (_, "API key not valid.") => {
                    json!([{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}])
                }
                _ => json!([]),
            };
            json!({"error": {"code": status, "message": message, "status": code, "details": details}})
        }
    };
    let wait = match (status, dialect) {
        (429, Dialect::Gemini) => String::new(),
        (429, _) => format!("retry-after: {WAIT}\r\n"),
        _ => String::new(),
    };
    to.answer(&format!("{status} No"), &format!("{JSON}{wait}"), &body.to_string());
}
