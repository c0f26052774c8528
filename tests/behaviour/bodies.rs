//! What becomes of request bodies.

use serde_json::json;

use crate::support::upstream::{JSON, SSE, Upstream};
use crate::support::{Gateway, Runtime, TOKEN, request};

fn silent() -> Upstream {
    Upstream::answering("200 OK", JSON, "{}")
}

pub(crate) fn only_the_model_changes_on_the_way_up(runtime: Runtime) {
    let upstream = silent();
    let gateway = Gateway::to(runtime, &upstream, json!({"aliases": {"fast": "vendor/\"real\""}}));
    let body = "{ \"z\":1.00,\"n\":123456789012345678901234567890, \"model\" :\t\"f\\u0061st\",\"messages\":[{\"model\":\"fast\"}],\"e\":\"\\u00e9\\/é\" }\n";
    assert_eq!(gateway.chat(body).status, 200);
    assert_eq!(
        upstream.only().text(),
        body.replacen("\"f\\u0061st\"", "\"vendor/\\\"real\\\"\"", 1)
    );
}

pub(crate) fn the_default_model_fills_a_missing_null_or_empty_one(runtime: Runtime) {
    let upstream = silent();
    let gateway = Gateway::to(runtime, &upstream, json!({"default_model": "dm"}));
    for body in [r#"{"a":1}"#, r#"{"model":null,"a":1}"#, r#"{"model":"","a":1}"#, "{}"] {
        assert_eq!(gateway.chat(body).status, 200, "{body}");
    }
    let bodies: Vec<String> = upstream.received().iter().map(|received| received.text()).collect();
    assert_eq!(
        bodies,
        [
            r#"{"model":"dm","a":1}"#,
            r#"{"model":"dm","a":1}"#,
            r#"{"model":"dm","a":1}"#,
            r#"{"model":"dm"}"#
        ]
    );
}

pub(crate) fn an_alias_is_replaced_and_an_allow_list_is_kept(runtime: Runtime) {
    let upstream = silent();
    let gateway = Gateway::to(
        runtime,
        &upstream,
        json!({"aliases": {"fast": "gpt-mini"}, "models": ["gpt-*"]}),
    );
    assert_eq!(gateway.chat(r#"{"model":"fast"}"#).status, 200);
    assert_eq!(gateway.chat(r#"{"model":"gpt-4o"}"#).status, 200);
    assert_eq!(
        gateway.chat(r#"{"model":"o1"}"#).error(),
        (404, "model_not_found".into())
    );
    assert_eq!(gateway.chat("{}").error(), (400, "missing_model".into()));
    let bodies: Vec<String> = upstream.received().iter().map(|received| received.text()).collect();
    assert_eq!(bodies, [r#"{"model":"gpt-mini"}"#, r#"{"model":"gpt-4o"}"#]);
}

pub(crate) fn a_body_without_a_content_type_is_taken_for_json(runtime: Runtime) {
    let upstream = silent();
    let gateway = Gateway::to(runtime, &upstream, json!({}));
    let plain = |fields: &str| {
        gateway.raw(request(
            "POST",
            "/v1/chat/completions",
            TOKEN,
            fields,
            r#"{"model":"m"}"#,
        ))
    };
    assert_eq!(plain("").status, 200);
    assert_eq!(upstream.only().one("content-type"), Some("application/json"));
    assert_eq!(plain("content-type: application/json; charset=utf-8\r\n").status, 200);
    assert_eq!(
        plain("content-type: text/plain\r\n").error(),
        (415, "unsupported_media_type".into())
    );
}

pub(crate) fn embeddings_go_to_their_own_path(runtime: Runtime) {
    let upstream = silent();
    let gateway = Gateway::to(runtime, &upstream, json!({"aliases": {"e": "real-e"}}));
    assert_eq!(
        gateway.post("/v1/embeddings", r#"{"input":"x","model":"e"}"#).status,
        200
    );
    assert_eq!(upstream.only().line(), "POST /v1/embeddings HTTP/1.1");
    assert_eq!(upstream.only().text(), r#"{"input":"x","model":"real-e"}"#);
}

pub(crate) fn simple_chat_is_translated_both_ways(runtime: Runtime) {
    let answer =
        r#"{"model":"m","choices":[{"message":{"role":"assistant","content":"你好！"}}],"usage":{"total_tokens":3}}"#;
    let upstream = Upstream::answering("200 OK", JSON, answer);
    let gateway = Gateway::to(runtime, &upstream, json!({"default_model": "dm"}));
    let reply = gateway.post("/chat", r#"{"message":"你好","system":"brief"}"#);
    let id = reply.field("x-request-id").unwrap();
    assert_eq!(
        reply.json(),
        json!({"reply": "你好！", "model": "m", "usage": {"total_tokens": 3}, "request_id": id})
    );
    let sent: serde_json::Value = serde_json::from_slice(&upstream.only().body).unwrap();
    let messages = json!([{"role": "system", "content": "brief"}, {"role": "user", "content": "你好"}]);
    assert_eq!(sent, json!({"model": "dm", "messages": messages}));
    assert_eq!(upstream.only().line(), "POST /v1/chat/completions HTTP/1.1");
    assert_eq!(gateway.post("/chat", "{}").error(), (400, "invalid_body".into()));
}

pub(crate) fn simple_chat_streams_chat_completions(runtime: Runtime) {
    const STREAM: &str = "data: {\"choices\":[]}\n\ndata: [DONE]\n\n";
    let upstream = Upstream::answering("200 OK", SSE, STREAM);
    let gateway = Gateway::to(runtime, &upstream, json!({"default_model": "dm"}));
    let answer = gateway.post(
        "/chat",
        r#"{"messages":[{"role":"user","content":"hi"}],"stream":true}"#,
    );
    assert_eq!(answer.text(), STREAM);
}
