//! Errors: `{"type": "error", "error": {"type", "message"}}`.

use serde_json::Value;

use crate::dialect::neutral::overflow::{CONTEXT_LIMIT, TOO_LONG, amounts, is_code, is_overflow};
use crate::dialect::wire::build::{json, json_text};
use crate::dialect::wire::json::parsed;
use crate::error::Error;

/// The types of errors, each with the status that stands for it.
static TYPES: [(&str, u16); 11] = [
    ("invalid_request_error", 400),
    ("authentication_error", 401),
    ("billing_error", 402),
    ("permission_error", 403),
    ("not_found_error", 404),
    ("conflict_error", 409),
    ("request_too_large", 413),
    ("rate_limit_error", 429),
    ("api_error", 500),
    ("timeout_error", 504),
    ("overloaded_error", 529),
];

/// Returns the status that stands for a type of error.
pub(super) fn status(kind: &str) -> Option<u16> {
    TYPES.iter().find(|(name, _)| *name == kind).map(|(_, status)| *status)
}

fn kind_of_status(status: u16) -> &'static str {
    match status {
        408 => "timeout_error",
        503 => "overloaded_error",
        _ => match TYPES.iter().find(|(_, known)| *known == status) {
            Some((kind, _)) => kind,
            None if status < 500 => "invalid_request_error",
            None => "api_error",
        },
    }
}

/// Returns the type of an upstream's error.
fn kind(code: Option<&str>, status: u16) -> &'static str {
    let code = code.unwrap_or_default();
    if let Some((kind, _)) = TYPES.iter().find(|(name, _)| *name == code) {
        // OpenAI calls so what is wrong with a request in any way; the status says more.
        return if *kind == TYPES[0].0 {
            kind_of_status(status)
        } else {
            kind
        };
    }
    match code {
        "insufficient_quota" => "billing_error",
        "rate_limit_exceeded" => "rate_limit_error",
        "invalid_api_key" => "authentication_error",
        "model_not_found" => "not_found_error",
        "server_is_overloaded" | "overloaded" => "overloaded_error",
        _ => kind_of_status(status),
    }
}

/// Whether a body is an error as this dialect has them.
pub(super) fn is_error(body: &[u8]) -> bool {
    let error: Value = parsed(body).unwrap_or_default();
    error["type"] == "error" && error["error"]["type"].is_string() && error["error"]["message"].is_string()
}

/// Returns the body of an error of the gateway's own.
pub(super) fn error_body(error: &Error) -> Vec<u8> {
    let facts = error.kind.facts();
    let body = json!({"type": "error", "error": {
        "type": kind_of_status(facts.status.as_u16()),
        "message": error.message,
        "details": {"error_code": facts.code},
    }});
    json_text(&body).into_bytes()
}

/// Returns the body of an upstream's error.
pub(super) fn upstream_error(message: &str, code: Option<&str>, status: u16) -> Vec<u8> {
    json_text(&value(message, code, Some(status))).into_bytes()
}

/// Returns an upstream's error: `code` is what programs know it by, `status` the status that stands for it.
pub(super) fn value(message: &str, code: Option<&str>, status: Option<u16>) -> Value {
    let status = status.unwrap_or(500);
    let overflow = overflow(message, code, status);
    let kind = match overflow {
        Some(_) => "invalid_request_error",
        None => kind(code, status),
    };
    let message = overflow.as_deref().unwrap_or(message);
    json!({"type": "error", "error": {"type": kind, "message": message}})
}

/// Whether a body says in the words that clients of this dialect act on that the conversation is too long.
pub(super) fn says_overflow(body: &[u8]) -> bool {
    let body: Value = parsed(body).unwrap_or_default();
    body["error"]["message"].as_str().is_some_and(is_own)
}

/// Whether a message is Anthropic's own: `prompt is too long: N tokens > M maximum`, or the words for a prompt that leaves no room
/// for the answer, behind which clients ask for a shorter one.
fn is_own(message: &str) -> bool {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let numbers = |rest: &str| {
        let (sent, most) = rest.split_once(" tokens > ")?;
        let (most, _) = most.split_once(" maximum")?;
        Some(is_number(sent) && is_number(most))
    };
    let rest = message
        .split_once(TOO_LONG)
        .and_then(|(_, rest)| rest.strip_prefix(": "));
    rest.and_then(numbers).unwrap_or(false) || message.contains(CONTEXT_LIMIT)
}

/// Returns the message of an error which says that the conversation is too long, in Anthropic's own words.
fn overflow(message: &str, code: Option<&str>, status: u16) -> Option<String> {
    let by_words = || status < 500 && is_overflow(message);
    if is_own(message) || !(code.is_some_and(is_code) || by_words()) {
        return None;
    }
    Some(match amounts(message) {
        None => format!("{TOO_LONG}: {message}"),
        Some((sent, most)) => format!("{TOO_LONG}: {sent} tokens > {most} maximum"),
    })
}
