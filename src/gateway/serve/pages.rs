//! `GET /`, `GET /health` and `GET /api/hello`: what anyone may know.

use http::{HeaderMap, HeaderValue, Response, StatusCode, header};

use crate::dialect::wire::build::{json, json_text};
use crate::gateway::reply::{Body, json as json_answer, with_type};

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Name, version and the way in: JSON, or a small page for a browser. No route, provider or model.
pub(crate) fn home<S>(headers: &HeaderMap) -> Response<Body<S>> {
    let accept = headers.get(header::ACCEPT).map_or(&b""[..], HeaderValue::as_bytes);
    let mut response = if memchr::memmem::find(accept, b"text/html").is_some() {
        let page = include_str!("home.html").replace("{version}", VERSION);
        with_type(StatusCode::OK, "text/html; charset=utf-8", page)
    } else {
        let body = json!({
            "name": "ai-gateway",
            "version": VERSION,
            "description": "An OpenAI-compatible AI gateway. Clients use this address followed by /v1 as their base URL.",
            "endpoints": ["/health", "/v1/models", "/v1/chat/completions", "/v1/embeddings", "/chat"],
            "docs": "README.md of the ai-gateway project",
        });
        json_answer(StatusCode::OK, json_text(&body))
    };
    response
        .headers_mut()
        .insert(header::VARY, HeaderValue::from_static("accept"));
    response
}

/// Returns what Anthropic's own server answers here. Claude Code asks, mostly by `HEAD`, before its first question.
pub(crate) fn hello<S>() -> Response<Body<S>> {
    json_answer(StatusCode::OK, r#"{"message":"hello"}"#)
}

/// Whether this process takes requests. Says nothing about upstreams and never asks one.
pub(crate) fn health<S>(draining: bool) -> Response<Body<S>> {
    let (status, word) = if draining {
        (StatusCode::SERVICE_UNAVAILABLE, "draining")
    } else {
        (StatusCode::OK, "ok")
    };
    let mut response = json_answer(status, json_text(&json!({"status": word, "version": VERSION})));
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
