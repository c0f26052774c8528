//! Which upstream a token leads to, and how the variables say so.

use serde_json::json;

use crate::support::upstream::{JSON, Upstream};
use crate::support::{Gateway, Runtime, TOKEN, request, route};

pub(crate) fn two_tokens_reach_two_upstreams(runtime: Runtime) {
    let (first, second) = (
        Upstream::answering("200 OK", JSON, r#"{"object":"list","data":[{"id":"a"}]}"#),
        Upstream::answering("200 OK", JSON, r#"{"object":"list","data":[{"id":"b"}]}"#),
    );
    let gateway = Gateway::with_routes(
        runtime,
        &json!([
            route("gw-SECRET-a", &first, json!({})),
            route("gw-SECRET-b", &second, json!({}))
        ]),
    );
    for (token, body) in [
        ("gw-SECRET-a", r#"{"object":"list","data":[{"id":"a"}]}"#),
        ("gw-SECRET-b", r#"{"object":"list","data":[{"id":"b"}]}"#),
    ] {
        assert_eq!(gateway.raw(request("GET", "/v1/models", token, "", "")).text(), body);
    }
}

pub(crate) fn a_token_may_be_configured_as_its_digest(runtime: Runtime) {
    // SHA-256 of "abc" (FIPS 180-2, appendix B.1).
    let digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    let gateway = Gateway::with_routes(runtime, &json!([{"token_sha256": digest, "provider": "echo"}]));
    let status = |token| gateway.raw(request("GET", "/v1/models", token, "", "")).status;
    assert_eq!((status("abc"), status(digest)), (200, 401));
}

pub(crate) fn the_single_token_variables_still_work(runtime: Runtime) {
    let upstream = Upstream::answering("200 OK", JSON, "{}");
    let variables = [
        ("GATEWAY_TOKEN", TOKEN),
        ("UPSTREAM_API_KEY", "k-SECRET-1, k-SECRET-2"),
        ("UPSTREAM_BASE_URL", &upstream.base_url),
        ("DEFAULT_MODEL", "dm"),
        ("UPSTREAM_TIMEOUT", "20"),
        ("HTTP_REFERER", "https://r.example"),
        ("X_TITLE", "T"),
    ];
    let gateway = Gateway::start(runtime, &variables);
    for id in 0..10 {
        assert_eq!(
            gateway
                .chat_with(&format!("x-request-id: {id}\r\n"), r#"{"messages":[]}"#)
                .status,
            200
        );
    }
    let received = upstream.received();
    assert_eq!(received[0].text(), r#"{"model":"dm","messages":[]}"#);
    assert_eq!(
        (received[0].one("http-referer"), received[0].one("x-title")),
        (Some("https://r.example"), Some("T"))
    );
    for key in ["Bearer k-SECRET-1", "Bearer k-SECRET-2"] {
        assert!(
            received
                .iter()
                .any(|received| received.one("authorization") == Some(key)),
            "{key}"
        );
    }
}

pub(crate) fn the_key_named_after_the_provider_comes_first(runtime: Runtime) {
    let upstream = Upstream::answering("200 OK", JSON, "{}");
    let keys = [
        ("UPSTREAM_API_KEY", "u-SECRET"),
        ("OPENAI_API_KEY", "oa-SECRET"),
        ("SILICONFLOW_API_KEY", "sf-SECRET"),
    ];
    for (provider, expected) in [
        ("siliconflow", "Bearer sf-SECRET"),
        ("gemini", "Bearer u-SECRET"),
        ("openai", "Bearer oa-SECRET"),
    ] {
        let mut variables = vec![
            ("GATEWAY_TOKEN", TOKEN),
            ("PROVIDER", provider),
            ("UPSTREAM_BASE_URL", upstream.base_url.as_str()),
        ];
        variables.extend(keys);
        assert_eq!(Gateway::start(runtime, &variables).chat(r#"{"model":"m"}"#).status, 200);
        assert_eq!(upstream.received().last().unwrap().one("authorization"), Some(expected));
    }
}

pub(crate) fn the_key_of_openai_goes_where_its_sdks_would_send_it(runtime: Runtime) {
    let upstream = Upstream::answering("200 OK", JSON, "{}");
    let variables = [
        ("GATEWAY_TOKEN", TOKEN),
        ("OPENAI_API_KEY", "oa-SECRET"),
        ("OPENAI_BASE_URL", &upstream.base_url),
    ];
    let gateway = Gateway::start(runtime, &variables);
    assert_eq!(gateway.chat(r#"{"model":"m"}"#).status, 200);
    assert_eq!(upstream.only().one("authorization"), Some("Bearer oa-SECRET"));
    gateway.wait_for_log("goes to openai with the key in OPENAI_API_KEY at the address in OPENAI_BASE_URL");
}

/// A table that was left above the variables which were filled in is used: so that is told.
pub(crate) fn what_is_set_and_passed_over_is_told(runtime: Runtime) {
    let routes = json!([{"token": TOKEN, "provider": "echo"}]).to_string();
    let variables = [
        ("GATEWAY_ROUTES", &*routes),
        ("GATEWAY_TOKEN", "gw-SECRET-other"),
        ("GROQ_API_KEY", "gsk-SECRET"),
        ("CORS_ORIGIN", "https://a.example"),
    ];
    let gateway = Gateway::start(runtime, &variables);
    assert_eq!(gateway.get("/v1/models").status, 200);
    gateway.wait_for_log("the routes come from GATEWAY_ROUTES");
    gateway.wait_for_log("set and passed over: GATEWAY_TOKEN, GROQ_API_KEY");
    gateway.wait_for_log("did you mean CORS_ORIGINS?");
    // An empty one is none.
    let variables = [("GATEWAY_ROUTES", "[]"), ("GATEWAY_TOKEN", TOKEN), ("PROVIDER", "echo")];
    let gateway = Gateway::start(runtime, &variables);
    assert_eq!(gateway.get("/v1/models").status, 200);
}

pub(crate) fn full_urls_replace_the_usual_ones(runtime: Runtime) {
    let upstream = Upstream::answering("200 OK", JSON, "{}");
    let (chat_url, models_url) = (
        format!("{}/talk?v=1", upstream.base_url),
        format!("{}/list?v=2", upstream.base_url),
    );
    let gateway = Gateway::to(
        runtime,
        &upstream,
        json!({"chat_url": chat_url, "models_url": models_url, "base_url": format!("{}/", upstream.base_url)}),
    );
    assert_eq!(
        (
            gateway.chat(r#"{"model":"m"}"#).status,
            gateway.get("/v1/models").status,
            gateway.get("/v1/models/x").status
        ),
        (200, 200, 200)
    );
    gateway.post("/v1/embeddings", r#"{"model":"m"}"#);
    let lines: Vec<String> = upstream
        .received()
        .iter()
        .map(|received| received.line().to_owned())
        .collect();
    assert_eq!(
        lines,
        [
            "POST /v1/talk?v=1 HTTP/1.1",
            "GET /v1/list?v=2 HTTP/1.1",
            "GET /v1/list/x?v=2 HTTP/1.1",
            "POST /v1/embeddings HTTP/1.1"
        ]
    );
}

pub(crate) fn numbered_parts_are_joined(runtime: Runtime) {
    let routes = json!([{"token": TOKEN, "provider": "echo"}]).to_string();
    let (first, second) = routes.split_at(routes.len() / 2);
    let gateway = Gateway::start(runtime, &[("GATEWAY_ROUTES_1", first), ("GATEWAY_ROUTES_2", second)]);
    assert_eq!(gateway.get("/v1/models").status, 200);
}
