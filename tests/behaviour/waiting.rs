//! How long an attempt, or the wait for a key, may take.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::json;

use crate::support::upstream::{Connection, JSON, SSE, Upstream};
use crate::support::{Gateway, Runtime, TOKEN, chat, route};

const BODY: &str = r#"{"model":"m"}"#;
const STREAM: &str =
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";

pub(crate) fn a_stream_without_content_goes_to_the_fallback_after_first_token_timeout(runtime: Runtime) {
    let silent = Upstream::start(|_, to| {
        to.head("200 OK", SSE);
        to.send(b": wait\n\n");
        to.hang();
    });
    let second = Upstream::answering("200 OK", SSE, STREAM);
    let routes = json!([
        route(
            TOKEN,
            &silent,
            json!({"api_keys": ["up-SECRET-1"], "first_token_timeout": 0.5, "fallbacks": ["second"]})
        ),
        route(
            "gw-SECRET-other",
            &second,
            json!({"name": "second", "api_keys": ["up-SECRET-3"]})
        ),
    ]);
    let answer = Gateway::with_routes(runtime, &routes).chat(r#"{"model":"m","stream":true}"#);
    assert_eq!((answer.status, answer.field("x-gateway-attempts")), (200, Some("2")));
    assert_eq!(answer.text(), STREAM);
    silent.wait_for_leaver();
}

pub(crate) fn a_request_waits_for_a_limited_key_as_long_as_the_route_says(runtime: Runtime) {
    let asked = AtomicUsize::new(0);
    let upstream = Upstream::start(move |_, to| {
        let limited = |to: &mut Connection, wait: &str| {
            to.answer(
                "429 Slow",
                &[JSON, wait].concat(),
                r#"{"error":{"message":"slow down"}}"#,
            );
        };
        match asked.fetch_add(1, Ordering::Relaxed) {
            0 => limited(to, "retry-after-ms: 300\r\n"),
            1 => to.answer("200 OK", JSON, r#"{"fine":1}"#),
            _ => limited(to, "retry-after: 60\r\n"),
        }
    });
    let gateway = Gateway::to(
        runtime,
        &upstream,
        json!({"api_keys": ["up-SECRET-1"], "retry_wait": 20}),
    );
    let waited = gateway.chat(BODY);
    assert_eq!(
        (waited.text().as_str(), waited.field("x-gateway-attempts")),
        (r#"{"fine":1}"#, Some("2"))
    );
    let limited = gateway.chat(BODY);
    assert_eq!((limited.status, limited.field("retry-after")), (429, Some("60")));
    let refused = gateway.chat(BODY);
    assert_eq!(refused.error(), (503, "no_key_available".into()));
    assert_eq!(refused.field("x-should-retry"), None);
    let seconds: u64 = refused.field("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&seconds));
    assert_eq!(upstream.received().len(), 3);
}

pub(crate) fn a_client_that_leaves_ends_the_wait_for_a_key(runtime: Runtime) {
    let fields = &[JSON, "retry-after: 50\r\n"].concat().leak()[..];
    let upstream = Upstream::answering("429 Slow", fields, r#"{"error":{"message":"slow down"}}"#);
    let gateway = Gateway::to(
        runtime,
        &upstream,
        json!({"api_keys": ["up-SECRET-1"], "retry_wait": 60}),
    );
    let exchange = gateway.open(chat("x-request-id: leaver\r\n", BODY));
    upstream.wait_for_request();
    // Until the limit was read, and the wait has begun.
    thread::sleep(Duration::from_millis(300));
    exchange.leave();
    // It is written at the end of the request, and nobody waits here for as long as the limit lasts.
    gateway.wait_for_log("\"request_id\":\"leaver\"");
    assert_eq!(upstream.received().len(), 1);
}
