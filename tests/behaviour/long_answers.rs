//! Answers that are too long to be kept: they pass as they come, and nobody is asked for them again.

use std::sync::Arc;

use serde_json::json;

use crate::support::upstream::{Connection, JSON, Upstream};
use crate::support::{Gateway, Runtime};

const CHAT: &str = r#"{"model":"m","message":"hi"}"#;

/// More than is read of an answer.
const LONG: usize = 65 * 1024 * 1024;

/// A good answer of that length, and a little more.
fn answer() -> Arc<String> {
    let numbers = "0.125,".repeat(LONG / 6);
    Arc::new(format!(
        r#"{{"object":"list","choices":[],"data":[{{"embedding":[{numbers}1]}}]}}"#
    ))
}

fn send_in_chunks(to: &mut Connection, status: &str, body: &[u8], length: usize) {
    to.head(status, &format!("{JSON}transfer-encoding: chunked\r\n"));
    for piece in body.chunks(length) {
        to.send(format!("{:x}\r\n", piece.len()).as_bytes());
        to.send(piece);
        to.send(b"\r\n");
    }
    to.send(b"0\r\n\r\n");
}

pub(crate) fn a_good_answer_of_any_length_passes_and_is_asked_for_once(runtime: Runtime) {
    let body = answer();
    for (path, framing) in [
        ("embeddings", "length"),
        ("chat/completions", "chunks"),
        ("rerank", "end"),
    ] {
        let sent = Arc::clone(&body);
        let upstream = Upstream::start(move |_, to| match framing {
            "length" => to.answer("200 OK", JSON, &sent),
            "chunks" => send_in_chunks(to, "200 OK", sent.as_bytes(), 1 << 20),
            _ => {
                to.head("200 OK", JSON);
                to.send(sent.as_bytes());
            }
        });
        let gateway = Gateway::to(runtime, &upstream, json!({}));
        let answer = gateway.post(&format!("/v1/{path}"), CHAT);
        assert_eq!((answer.status, answer.body.len()), (200, body.len()), "{path}");
        assert!(answer.body == body.as_bytes(), "{path}: other bytes");
        assert_eq!(answer.field("x-gateway-attempts"), Some("1"), "{path}");
        let length = body.len().to_string();
        let expected = (framing == "length").then_some(length.as_str());
        assert_eq!(answer.field("content-length"), expected, "{path}");
        upstream.only();
    }
}

pub(crate) fn a_long_answer_that_would_have_to_be_changed_is_asked_for_once(runtime: Runtime) {
    let body = answer();
    let upstream = Upstream::start(move |_, to| to.answer("200 OK", JSON, &body));
    let gateway = Gateway::to(runtime, &upstream, json!({}));
    let answer = gateway.post("/chat", CHAT);
    assert_eq!(answer.error(), (502, "upstream_invalid_response".into()));
    assert_eq!(answer.field("x-gateway-attempts"), Some("1"));
    upstream.only();
}

pub(crate) fn half_a_long_answer_does_not_look_whole(runtime: Runtime) {
    let body = answer();
    let length = body.len();
    let upstream = Upstream::start(move |_, to| {
        to.head("200 OK", &format!("{JSON}content-length: {length}\r\n"));
        to.send(&body.as_bytes()[..length / 2]);
    });
    let answer = Gateway::to(runtime, &upstream, json!({})).post("/v1/embeddings", CHAT);
    assert_eq!(answer.field("content-length"), Some(length.to_string().as_str()));
    assert!(answer.body.len() < length, "half of it looks whole");
    upstream.only();
}

pub(crate) fn a_long_error_passes_without_secrets(runtime: Runtime) {
    const MEGABYTES: usize = 48;
    for (status, attempts) in [("400 Bad", "1"), ("422 Bad", "1"), ("429 Slow", "2")] {
        let echo = |key: &str| {
            let input = format!("{key} said \\\"hi\\\" \\u4f60 ").repeat((MEGABYTES << 20) / 40);
            format!(r#"{{"detail":[{{"loc":["body","messages"],"msg":"m","input":"{input}"}}]}}"#)
        };
        let upstream = Upstream::start(move |received, to| {
            let key = received.one("authorization").unwrap();
            send_in_chunks(to, status, echo(key).as_bytes(), 1_400);
        });
        let gateway = Gateway::to(runtime, &upstream, json!({}));
        let answer = gateway.chat(CHAT);
        assert_eq!(answer.status.to_string(), status[..3]);
        assert_eq!(answer.field("x-gateway-attempts"), Some(attempts));
        assert!(
            answer.body == echo("Bearer [redacted]").into_bytes(),
            "{status}: other bytes"
        );
        if runtime == Runtime::Native {
            let peak = gateway.peak_kilobytes() / 1024;
            assert!(peak < MEGABYTES, "{peak} MiB in memory");
        }
    }
    let upstream = Upstream::start(|_, to| {
        let body = format!(r#"{{"error":{{"message":"{}"}}}}"#, "no such key ".repeat(1 << 18));
        to.answer("401 No", JSON, &body);
    });
    let answer = Gateway::to(runtime, &upstream, json!({})).chat(CHAT);
    assert_eq!(answer.error(), (502, "upstream_auth_failed".into()));
    assert_eq!(upstream.received().len(), 2);
}
