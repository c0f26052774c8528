//! What passes in the heads of requests and answers.

use serde_json::json;

use crate::support::upstream::{JSON, Upstream};
use crate::support::{Gateway, Runtime};

const BODY: &str = r#"{"model":"m"}"#;

pub(crate) fn the_upstream_sees_the_allow_list_and_nothing_else(runtime: Runtime) {
    let upstream = Upstream::answering("200 OK", JSON, "{}");
    let gateway = Gateway::to(runtime, &upstream, json!({}));
    let sent = "user-agent: OpenAI/Python 3\r\nx-stainless-lang: python\r\nopenai-beta: b\r\nidempotency-key: i\r\nanthropic-version: v\r\nanthropic-beta: ab\r\naccept: application/json\r\ncookie: a=b\r\nopenai-organization: org\r\nopenai-project: p\r\nx-forwarded-for: 1.2.3.4\r\ncf-connecting-ip: 1.2.3.4\r\nx-api-key: other\r\norigin: https://a.example\r\nreferer: https://a.example\r\naccept-encoding: br\r\nx-request-id: mine-1\r\nx-custom: c\r\n";
    assert_eq!(gateway.chat_with(sent, BODY).status, 200);
    let received = upstream.only();
    let expected = [
        "accept",
        "accept-encoding",
        "anthropic-beta",
        "anthropic-version",
        "authorization",
        "content-length",
        "content-type",
        "host",
        "idempotency-key",
        "openai-beta",
        "user-agent",
        "x-request-id",
        "x-stainless-lang",
    ];
    // The runtime's own, on Workers, tell nothing about the client.
    let names: Vec<String> = received
        .names()
        .into_iter()
        .filter(|name| !["cf-worker", "cf-ew-via", "cdn-loop", "connection"].contains(&name.as_str()))
        .collect();
    assert_eq!(names, expected);
    assert!(received.one("authorization").unwrap().starts_with("Bearer up-SECRET-"));
    assert_eq!(
        (received.one("accept-encoding"), received.one("x-request-id")),
        (Some("identity"), Some("mine-1"))
    );
    assert_eq!(received.one("user-agent"), Some("OpenAI/Python 3"));
}

pub(crate) fn the_clients_headers_lose_against_the_operators(runtime: Runtime) {
    let upstream = Upstream::answering("200 OK", JSON, "{}");
    let extra = json!({"extra_headers": {"User-Agent": "ours", "X-Title": "gateway", "OpenAI-Organization": "org-1"}});
    assert_eq!(
        Gateway::to(runtime, &upstream, extra)
            .chat_with("user-agent: theirs\r\nx-title: theirs\r\n", BODY)
            .status,
        200
    );
    let received = upstream.only();
    for (name, value) in [
        ("user-agent", "ours"),
        ("x-title", "gateway"),
        ("openai-organization", "org-1"),
    ] {
        assert_eq!(received.one(name), Some(value));
    }
}

pub(crate) fn the_answer_keeps_what_matters_and_loses_what_is_hop_by_hop(runtime: Runtime) {
    const FIELDS: &str = "content-type: application/json\r\nset-cookie: a=b\r\nserver: up\r\nalt-svc: h3\r\nstrict-transport-security: x\r\ncf-ray: 1\r\nopenai-organization: org\r\nx-request-id: up-1\r\nx-ratelimit-remaining-requests: 5\r\nretry-after: 3\r\nopenai-processing-ms: 12\r\nx-vendor: v\r\nkeep-alive: timeout=5\r\naccess-control-allow-origin: https://up.example\r\n";
    let upstream = Upstream::answering("200 OK", FIELDS, "{}");
    let answer = Gateway::to(runtime, &upstream, json!({})).chat_with("x-request-id: mine-1\r\n", BODY);
    for gone in [
        "set-cookie",
        "server",
        "alt-svc",
        "strict-transport-security",
        "cf-ray",
        "openai-organization",
        "keep-alive",
    ] {
        assert_eq!(answer.field(gone), None, "{gone}");
    }
    for (name, value) in [
        ("x-request-id", "mine-1"),
        ("x-upstream-request-id", "up-1"),
        ("x-ratelimit-remaining-requests", "5"),
        ("retry-after", "3"),
        ("openai-processing-ms", "12"),
        ("x-vendor", "v"),
        ("access-control-allow-origin", "*"),
        ("content-length", "2"),
        ("x-gateway-attempts", "1"),
    ] {
        assert_eq!(answer.field(name), Some(value), "{name}");
    }
}

pub(crate) fn a_safe_request_id_is_kept_and_another_replaced(runtime: Runtime) {
    let gateway = Gateway::echo(runtime);
    let id = |sent: &str| {
        gateway
            .chat_with(&format!("x-request-id: {sent}\r\n"), "{")
            .field("x-request-id")
            .unwrap()
            .to_owned()
    };
    assert_eq!(id("a.B_9:-"), "a.B_9:-");
    for unsafe_id in ["a b", "a/b", &"x".repeat(129), ""] {
        let replaced = id(unsafe_id);
        assert!(replaced.len() == 36 && replaced.as_bytes()[14] == b'7', "{replaced}");
    }
}

pub(crate) fn azure_gets_its_key_in_its_own_header(runtime: Runtime) {
    let upstream = Upstream::answering("200 OK", JSON, "{}");
    assert_eq!(
        Gateway::to(
            runtime,
            &upstream,
            json!({"provider": "azure", "api_keys": ["az-SECRET"]})
        )
        .chat(BODY)
        .status,
        200
    );
    let received = upstream.only();
    assert_eq!(
        (received.one("api-key"), received.one("authorization")),
        (Some("az-SECRET"), None)
    );
}
