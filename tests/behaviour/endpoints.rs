//! The endpoints that are not chat, and the provider that echoes.

use serde_json::{Value, json};

use crate::support::upstream::{JSON, Upstream};
use crate::support::{Gateway, Runtime, TOKEN, request};

pub(crate) fn health_and_home_need_no_token_and_tell_nothing(runtime: Runtime) {
    let upstream = Upstream::answering("200 OK", JSON, "{}");
    let gateway = Gateway::to(
        runtime,
        &upstream,
        json!({"name": "inner-name", "default_model": "inner-model"}),
    );
    let anyone = |method: &str, path: &str, fields: &str| {
        gateway.raw(format!(
            "{method} {path} HTTP/1.1\r\nhost: g\r\n{fields}connection: close\r\n\r\n"
        ))
    };
    let health = anyone("GET", "/health", "");
    assert_eq!((health.status, &health.json()["status"]), (200, &json!("ok")));
    let home = anyone("GET", "/", "");
    assert_eq!(home.json()["name"], "ai-gateway");
    let page = anyone("GET", "/", "accept: text/html,*/*\r\n");
    assert!(
        page.text().starts_with("<!doctype html>") && page.field("content-type") == Some("text/html; charset=utf-8")
    );
    let hello = anyone("GET", "/api/hello", "");
    assert_eq!((hello.status, hello.text().as_str()), (200, r#"{"message":"hello"}"#));
    for answer in [&health, &home, &page, &hello] {
        assert!(!answer.text().contains("inner-"));
    }
    for path in ["/", "/health", "/api/hello"] {
        let head = anyone("HEAD", path, "");
        assert_eq!((head.status, head.body.len()), (200, 0), "{path}");
    }
    assert!(upstream.received().is_empty());
}

pub(crate) fn the_list_of_models_passes_unchanged(runtime: Runtime) {
    const LIST: &str = "{\"data\" : [{\"id\":\"a/b\",\"pricing\":{\"prompt\":0.10}}],\"extra\":1}";
    let upstream = Upstream::answering("200 OK", JSON, LIST);
    let gateway = Gateway::to(runtime, &upstream, json!({}));
    assert_eq!(gateway.get("/v1/models").text(), LIST);
    assert_eq!(upstream.only().line(), "GET /v1/models HTTP/1.1");
    assert_eq!(upstream.only().one("content-type"), None);
}

pub(crate) fn a_filtered_list_holds_what_is_allowed_and_the_aliases(runtime: Runtime) {
    let upstream = Upstream::answering("200 OK", JSON, r#"{"data":[{"id":"gpt-a","x":1.00},{"id":"o1"}]}"#);
    let gateway = Gateway::to(
        runtime,
        &upstream,
        json!({"models": ["gpt-*"], "aliases": {"fast": "gpt-a"}}),
    );
    let list = gateway.get("/v1/models");
    let ids: Vec<Value> = list.json()["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|model| model["id"].clone())
        .collect();
    assert_eq!(ids, ["gpt-a", "fast"]);
    assert!(list.text().contains(r#"{"id":"gpt-a","x":1.00}"#));
}

pub(crate) fn one_model_is_asked_for_by_its_id(runtime: Runtime) {
    let upstream = Upstream::answering("200 OK", JSON, r#"{"id":"gpt-a"}"#);
    let gateway = Gateway::to(runtime, &upstream, json!({}));
    assert_eq!(gateway.get("/v1/models/vendor/gpt-a:free").status, 200);
    assert_eq!(upstream.only().line(), "GET /v1/models/vendor/gpt-a:free HTTP/1.1");
    let gateway = Gateway::to(
        runtime,
        &upstream,
        json!({"models": ["gpt-*"], "aliases": {"fast": "gpt-a"}}),
    );
    assert_eq!(gateway.get("/v1/models/o1").error(), (404, "model_not_found".into()));
    assert_eq!(gateway.get("/v1/models/fast").json()["id"], "fast");
    assert_eq!(upstream.received()[1].line(), "GET /v1/models/gpt-a HTTP/1.1");
}

pub(crate) fn preflights_are_answered_for_every_path(runtime: Runtime) {
    let gateway = Gateway::echo(runtime);
    for path in ["/v1/chat/completions", "/anything"] {
        let asked = "origin: https://app.example\r\naccess-control-request-method: POST\r\naccess-control-request-headers: authorization,x-stainless-os\r\n";
        let answer = gateway.raw(format!(
            "OPTIONS {path} HTTP/1.1\r\nhost: g\r\n{asked}connection: close\r\n\r\n"
        ));
        assert_eq!((answer.status, answer.body.len()), (204, 0));
        assert_eq!(answer.field("access-control-allow-origin"), Some("*"));
        assert_eq!(
            answer.field("access-control-allow-headers"),
            Some("authorization,x-stainless-os")
        );
        assert!(answer.field("access-control-allow-methods").unwrap().contains("POST"));
        assert_eq!(answer.field("access-control-allow-credentials"), None);
        assert_eq!(answer.field("access-control-allow-private-network"), None);
    }
    let asked = "origin: https://app.example\r\naccess-control-request-method: GET\r\naccess-control-request-private-network: true\r\n";
    let answer = gateway.raw(format!(
        "OPTIONS /v1/models HTTP/1.1\r\nhost: g\r\n{asked}connection: close\r\n\r\n"
    ));
    assert_eq!(answer.status, 204);
    assert_eq!(answer.field("access-control-allow-private-network"), Some("true"));
}

pub(crate) fn pages_of_other_origins_have_no_part_in_the_administration(runtime: Runtime) {
    let gateway = Gateway::echo(runtime);
    for path in ["/admin", "/admin/", "/admin/api/routes", "/metrics"] {
        for method in ["OPTIONS", "GET", "POST"] {
            let asked = "origin: https://app.example\r\naccess-control-request-method: POST\r\n";
            let answer = gateway.raw(format!(
                "{method} {path} HTTP/1.1\r\nhost: g\r\n{asked}x-api-key: {TOKEN}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
            ));
            assert_eq!(answer.error(), (404, "not_found".into()), "{method} {path}");
            assert!(
                !answer.head.to_lowercase().contains("access-control-"),
                "{}",
                answer.head
            );
        }
    }
    assert_eq!(
        gateway.get("/administration").field("access-control-allow-origin"),
        Some("*")
    );
}

pub(crate) fn pages_may_read_whatever_limits_an_upstream_tells(runtime: Runtime) {
    let fields = "content-type: application/json\r\nx-ratelimit-remaining-tokens-day: 5\r\nx-other: 1\r\n";
    let upstream = Upstream::answering("200 OK", fields, "{}");
    let answer = Gateway::to(runtime, &upstream, json!({})).chat(r#"{"model":"m"}"#);
    let exposed = answer.field("access-control-expose-headers").unwrap();
    let names: Vec<&str> = exposed.split(", ").collect();
    for name in ["x-request-id", "x-gateway-attempts", "x-ratelimit-remaining-tokens-day"] {
        assert!(names.contains(&name), "{name}: {exposed}");
    }
    assert!(!names.contains(&"x-other"));
}

pub(crate) fn a_chat_that_is_streamed_unasked_is_no_reply(runtime: Runtime) {
    let events =
        "data: {\"choices\":[{\"delta\":{\"content\":\"hi\"},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
    let upstream = Upstream::answering("200 OK", "content-type: text/event-stream\r\n", events);
    let gateway = Gateway::to(runtime, &upstream, json!({"api_keys": ["up-SECRET-1"]}));
    let answer = gateway.post("/chat", r#"{"model":"m","message":"hi"}"#);
    assert_eq!(answer.error(), (502, "upstream_invalid_response".into()));
    let stream = gateway.post("/chat", r#"{"model":"m","message":"hi","stream":true}"#);
    assert_eq!((stream.status, stream.text().as_str()), (200, events));
}

pub(crate) fn configured_origins_are_the_only_ones(runtime: Runtime) {
    let routes = json!([{"token": TOKEN, "provider": "echo"}]).to_string();
    let gateway = Gateway::start(
        runtime,
        &[
            ("GATEWAY_ROUTES", &routes),
            ("CORS_ORIGINS", "https://a.example, https://b.example"),
        ],
    );
    let from = |origin: &str| {
        gateway.raw(request(
            "GET",
            "/v1/models",
            "unknown",
            &format!("origin: {origin}\r\n"),
            "",
        ))
    };
    let known = from("https://b.example");
    assert_eq!(
        (known.status, known.field("access-control-allow-origin")),
        (401, Some("https://b.example"))
    );
    assert!(
        known
            .field("access-control-expose-headers")
            .unwrap()
            .contains("x-request-id")
    );
    assert_eq!(from("https://c.example").field("access-control-allow-origin"), None);
}

pub(crate) fn echo_answers_whole_and_word_by_word(runtime: Runtime) {
    let gateway = Gateway::echo(runtime);
    let whole = gateway
        .chat(r#"{"messages":[{"role":"user","content":"two words"}]}"#)
        .json();
    assert_eq!(whole["choices"][0]["message"]["content"], "two words");
    assert_eq!(whole["object"], "chat.completion");
    let body = r#"{"model":"any","messages":[{"role":"user","content":"two words"}],"stream":true,"stream_options":{"include_usage":true}}"#;
    let stream = gateway.chat(body);
    let text = stream.text();
    let events: Vec<&str> = text
        .split_terminator("\n\n")
        .map(|event| event.strip_prefix("data: ").unwrap())
        .collect();
    assert_eq!(events.len(), 6);
    let chunk = |index: usize| serde_json::from_str::<Value>(events[index]).unwrap();
    assert_eq!(chunk(0)["choices"][0]["delta"]["role"], "assistant");
    assert_eq!(chunk(1)["choices"][0]["delta"]["content"], "two ");
    assert_eq!(chunk(2)["choices"][0]["delta"]["content"], "words");
    assert_eq!(chunk(3)["choices"][0]["finish_reason"], "stop");
    assert_eq!(
        (&chunk(4)["choices"], &chunk(4)["usage"]["total_tokens"]),
        (&json!([]), &json!(4))
    );
    assert_eq!(events[5], "[DONE]");
    assert_eq!(stream.field("content-type"), Some("text/event-stream; charset=utf-8"));
    assert_eq!(gateway.get("/v1/models").json()["data"][0]["id"], "echo");
}

pub(crate) fn echo_embeds_in_both_formats(runtime: Runtime) {
    let gateway = Gateway::echo(runtime);
    let floats = gateway
        .post("/v1/embeddings", r#"{"input":["a","b"],"dimensions":4}"#)
        .json();
    assert_eq!(
        floats,
        gateway
            .post("/v1/embeddings", r#"{"input":["a","b"],"dimensions":4}"#)
            .json()
    );
    assert_eq!(floats["data"][1]["embedding"].as_array().unwrap().len(), 4);
    let base64 = gateway
        .post(
            "/v1/embeddings",
            r#"{"input":"a","dimensions":4,"encoding_format":"base64"}"#,
        )
        .json();
    assert_eq!(base64["data"][0]["embedding"].as_str().unwrap().len(), 24);
    assert_eq!(
        gateway.post("/v1/embeddings", r#"{"input":5}"#).error(),
        (400, "invalid_body".into())
    );
}
