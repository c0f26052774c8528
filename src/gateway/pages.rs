//! `GET /` and `GET /health`: what anyone may know.

use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use serde_json::json;

use super::{Body, json as json_answer, with_type};

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Name, version and the way in: JSON, or a small page for a browser. No route, provider or model.
pub(super) fn home<S>(headers: &HeaderMap) -> Response<Body<S>> {
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
        json_answer(StatusCode::OK, body.to_string())
    };
    response
        .headers_mut()
        .insert(header::VARY, HeaderValue::from_static("accept"));
    response
}

/// Whether this process takes requests. Says nothing about upstreams and never asks one.
pub(super) fn health<S>(draining: bool) -> Response<Body<S>> {
    let (status, word) = if draining {
        (StatusCode::SERVICE_UNAVAILABLE, "draining")
    } else {
        (StatusCode::OK, "ok")
    };
    let mut response = json_answer(status, json!({"status": word, "version": VERSION}).to_string());
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
