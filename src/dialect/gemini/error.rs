//! Errors: `{"error": {"code", "message", "status", "details"}}` (google.rpc.Status).

use serde_json::Value;

use super::fields::Fields;
use crate::dialect::neutral::event::Event;
use crate::dialect::neutral::overflow::{amounts, is_code, is_overflow};
use crate::dialect::wire::build::{Set, json, json_text};
use crate::dialect::wire::json::{parsed, text};
use crate::error::Error;

/// The name of each HTTP status (google.rpc.Code). The first name of a status is the one that is written.
const STATUSES: [(u16, &str); 18] = [
    (400, "INVALID_ARGUMENT"),
    (400, "FAILED_PRECONDITION"),
    (400, "OUT_OF_RANGE"),
    (401, "UNAUTHENTICATED"),
    (403, "PERMISSION_DENIED"),
    (404, "NOT_FOUND"),
    (408, "DEADLINE_EXCEEDED"),
    (409, "ABORTED"),
    (409, "ALREADY_EXISTS"),
    (429, "RESOURCE_EXHAUSTED"),
    (499, "CANCELLED"),
    (500, "INTERNAL"),
    (500, "UNKNOWN"),
    (500, "DATA_LOSS"),
    (501, "UNIMPLEMENTED"),
    (502, "UNAVAILABLE"),
    (503, "UNAVAILABLE"),
    (504, "DEADLINE_EXCEEDED"),
];

/// Said where an upstream says nothing.
const UNSAID: &str = "The upstream reports an error.";

fn name(status: u16) -> &'static str {
    let known = STATUSES.iter().find(|(known, _)| *known == status);
    known.map_or_else(
        || {
            if status < 500 {
                "INVALID_ARGUMENT"
            } else {
                "UNAVAILABLE"
            }
        },
        |(_, name)| name,
    )
}

/// Reads the error that an upstream reports: the value of the member `error`.
pub(super) fn read(error: &str) -> Event {
    let Some(fields) = Fields::read(error) else {
        return Event::Error {
            message: text(error).unwrap_or_else(|| UNSAID.into()).into_owned(),
            code: None,
            status: None,
        };
    };
    let code = fields
        .text("status")
        .or_else(|| fields.text("type"))
        .or_else(|| fields.text("code"));
    let code = code.map(String::from);
    let named = || STATUSES.iter().rev().find(|(_, name)| Some(*name) == code.as_deref());
    let status = fields.count("code").and_then(|status| u16::try_from(status).ok());
    let is_bad_key = fields
        .objects("details")
        .iter()
        .any(|detail| detail.text("reason").as_deref() == Some("API_KEY_INVALID"));
    Event::Error {
        message: fields.text("message").unwrap_or_else(|| UNSAID.into()).into_owned(),
        status: if is_bad_key {
            Some(401)
        } else {
            status.or_else(|| named().map(|(status, _)| *status))
        },
        code,
    }
}

/// Whether a body is an error as this dialect has them; in an array too, which streams have.
pub(super) fn is_error(body: &[u8]) -> bool {
    let body: Value = parsed(body).unwrap_or_default();
    let error = body.get(0).unwrap_or(&body).get("error").unwrap_or(&Value::Null);
    error["code"].is_number() && error["message"].is_string() && error["status"].is_string()
}

/// Returns an error of the gateway's own.
pub(super) fn error_body(error: &Error) -> Vec<u8> {
    let facts = error.kind.facts();
    let mut details = vec![info(facts.code)];
    if let Some(param) = &error.param {
        details.push(json!({
            "@type": "type.googleapis.com/google.rpc.BadRequest",
            "fieldViolations": [{"field": param, "description": error.message}],
        }));
    }
    if let Some(seconds) = error.retry_after {
        details.push(json!({
            "@type": "type.googleapis.com/google.rpc.RetryInfo",
            "retryDelay": format!("{seconds}s"),
        }));
    }
    json_text(&written(&error.message, facts.status.as_u16(), details)).into_bytes()
}

/// The words by which clients know a conversation that is too long, and those around its numbers.
const TOO_LONG: &str = "The input token count";
const MOST: &str = "exceeds the maximum number of tokens allowed";

/// Whether a body says in these words that the conversation is too long.
pub(super) fn says_overflow(body: &[u8]) -> bool {
    let body: Value = parsed(body).unwrap_or_default();
    let error = body.get(0).unwrap_or(&body).get("error").unwrap_or(&Value::Null);
    error["message"].as_str().is_some_and(is_own)
}

fn is_own(message: &str) -> bool {
    message.contains(TOO_LONG) && message.contains(MOST)
}

/// Returns the message of an error which says that the conversation is too long, in Google's own words.
fn overflow(message: &str, code: Option<&str>, status: u16) -> Option<String> {
    if is_own(message) || status >= 500 || !(code.is_some_and(is_code) || is_overflow(message)) {
        return None;
    }
    Some(match amounts(message) {
        None => format!("{TOO_LONG} {MOST}. {message}"),
        Some((sent, most)) => format!("{TOO_LONG} ({sent}) {MOST} ({most})."),
    })
}

/// Returns an upstream's error for a client.
pub(super) fn upstream_error(message: &str, code: Option<&str>, status: u16) -> Vec<u8> {
    if let Some(message) = overflow(message, code, status) {
        return json_text(&written(&message, 400, Vec::new())).into_bytes();
    }
    json_text(&event(message, code, Some(status))).into_bytes()
}

/// Returns an error as an element of a stream.
pub(super) fn event(message: &str, code: Option<&str>, status: Option<u16>) -> Value {
    let status = status.filter(|status| (400..600).contains(status)).unwrap_or(500);
    let code = code.filter(|code| *code != name(status) && !code.is_empty());
    written(message, status, code.map(info).into_iter().collect())
}

fn written(message: &str, status: u16, details: Vec<Value>) -> Value {
    let mut error = json!({"code": status, "message": message, "status": name(status)});
    if !details.is_empty() {
        error.set("details", details.into());
    }
    json!({ "error": error })
}

/// Returns what programs know an error by, as google.rpc.ErrorInfo has it: in capitals.
fn info(code: &str) -> Value {
    let plain = |char: char| {
        if char.is_ascii_alphanumeric() {
            char.to_ascii_uppercase()
        } else {
            '_'
        }
    };
    json!({
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": code.chars().map(plain).collect::<String>(),
        "domain": "ai-gateway",
    })
}
