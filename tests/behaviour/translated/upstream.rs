//! Upstreams that speak as their vendors do. They mind what reaches them, and answer by the model's name: with the recorded answer of
//! that name (`tests/fixtures/dialects`), with an error, or with a conversation of two turns.

use std::collections::BTreeMap;
use std::fs;
use std::sync::LazyLock;

use serde_json::{Value, json};

use super::dialect::{DIALECTS, Dialect};
use super::errors;
use super::requests::{Checked, Kind, Request};
use super::turns;
use crate::support::upstream::{Connection, JSON, Received, SSE, Upstream};

/// How many tokens every request has, where an upstream can count.
pub(super) const TOKENS: u64 = 42;

/// The models of each upstream.
pub(super) const MODELS: [&str; 2] = ["s01_text", "model-b"];

/// Streams go out in pieces of this many bytes: so events, escapes and characters come in parts.
const PIECE: usize = 61;

static ANSWERS: LazyLock<BTreeMap<&str, Value>> = LazyLock::new(|| {
    let whole = |dialect: Dialect| {
        let text = fixture(&format!("answers/{}.json", dialect.folder())).unwrap();
        (dialect.name(), serde_json::from_str(&text).unwrap())
    };
    DIALECTS.into_iter().map(whole).collect()
});

fn fixture(path: &str) -> Option<String> {
    fs::read_to_string(format!("{}/tests/fixtures/dialects/{path}", env!("CARGO_MANIFEST_DIR"))).ok()
}

/// The recorded stream of a name.
pub(crate) fn stream(dialect: Dialect, name: &str) -> Option<String> {
    fixture(&format!("streams/{}/{name}.sse", dialect.folder()))
}

/// The recorded whole answer of a name.
pub(crate) fn whole(dialect: Dialect, name: &str) -> Option<String> {
    ANSWERS[dialect.name()].get(name).map(Value::to_string)
}

/// The events of a stream with their line ends.
pub(super) fn pieces(stream: &str) -> Vec<&str> {
    stream.split_inclusive("\n\n").collect()
}

pub(crate) fn start(dialect: Dialect) -> Upstream {
    Upstream::start(move |received, to| reply(dialect, received, to))
}

/// An upstream whose answers `reply` writes. Nothing else is asked of it: what is no request for an answer in its dialect gets a 404.
pub(super) fn answering(
    dialect: Dialect,
    reply: impl Fn(&Received, &mut Connection) + Send + Sync + 'static,
) -> Upstream {
    Upstream::start(move |received, to| match Request::read(dialect, received) {
        Ok(request) if request.kind == Kind::Unknown => not_found(to),
        _ => reply(received, to),
    })
}

fn not_found(to: &mut Connection) {
    to.answer("404 Not Found", JSON, r#"{"detail":"Not Found"}"#);
}

/// A route to an upstream of this dialect.
pub(crate) fn route(token: &str, dialect: Dialect, upstream: &Upstream, fields: &Value) -> Value {
    let mut route = json!({
        "token": token, "name": format!("to-{}", dialect.name()), "dialect": dialect.name(), "base_url": base_url(dialect, upstream),
        "api_keys": ["up-SECRET-1"], "verify_end": true,
    });
    for (name, value) in fields.as_object().unwrap() {
        route[name] = value.clone();
    }
    route
}

fn base_url(dialect: Dialect, upstream: &Upstream) -> String {
    match dialect {
        Dialect::Gemini => upstream.base_url.replace("/v1", "/v1beta"),
        _ => upstream.base_url.clone(),
    }
}

pub(super) fn reply(dialect: Dialect, received: &Received, to: &mut Connection) {
    // Anthropic has no better word for it.
    let code = if dialect == Dialect::Anthropic {
        "invalid_request_error"
    } else {
        "odd"
    };
    let request = match Request::read(dialect, received) {
        Ok(request) => request,
        Err(complaint) => return errors::say(dialect, 400, code, &format!("odd request: {complaint}"), to),
    };
    match request.kind {
        Kind::Answer => {
            if let Err(complaint) = answer(dialect, &request, to) {
                errors::say(dialect, 400, code, &format!("odd request: {complaint}"), to);
            }
        }
        Kind::Count => {
            let member = match dialect {
                Dialect::Gemini => "totalTokens",
                _ => "input_tokens",
            };
            to.answer("200 OK", JSON, &json!({member: TOKENS}).to_string());
        }
        Kind::Models => to.answer("200 OK", JSON, &models(dialect).to_string()),
        Kind::Unknown => not_found(to),
    }
}

fn answer(dialect: Dialect, request: &Request, to: &mut Connection) -> Checked {
    if errors::answer(dialect, &request.model, &request.key, to) {
        return Ok(());
    }
    let mut name = request.model.as_str();
    if name.starts_with("loop") {
        let is_second = turns::check(dialect, name, &request.body)?;
        name = if is_second { "s01_text" } else { "s07_reasoning_tool" };
    }
    if request.is_stream {
        let stream = stream(dialect, name).ok_or("there is no such stream")?;
        to.head("200 OK", SSE);
        stream.as_bytes().chunks(PIECE).for_each(|piece| to.send(piece));
    } else {
        let whole = whole(dialect, name).ok_or("there is no such answer")?;
        to.answer("200 OK", JSON, &whole);
    }
    Ok(())
}

fn models(dialect: Dialect) -> Value {
    let list = MODELS.map(|id| match dialect {
        Dialect::OpenAi | Dialect::Responses => json!({"id": id, "object": "model", "created": 1, "owned_by": "x"}),
        Dialect::Anthropic => {
            json!({"type": "model", "id": id, "display_name": id, "created_at": "2026-01-01T00:00:00Z"})
        }
        Dialect::Gemini => {
            json!({"name": format!("models/{id}"), "displayName": id, "inputTokenLimit": 1000, "outputTokenLimit": 100,
                "supportedGenerationMethods": ["generateContent", "countTokens"]})
        }
    });
    match dialect {
        Dialect::OpenAi | Dialect::Responses => json!({"object": "list", "data": list}),
        Dialect::Anthropic => json!({"data": list, "has_more": false, "first_id": MODELS[0], "last_id": MODELS[1]}),
        Dialect::Gemini => json!({"models": list}),
    }
}
