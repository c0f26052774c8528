//! What RFC 9110 and RFC 9112 demand of whoever stands between two connections, as both sides see it. `docs/http1.md` lists
//! every such demand with the test that holds it.

use serde_json::json;

use crate::connections::exchange;
use crate::support::upstream::{JSON, Upstream};
use crate::support::{Gateway, Runtime, TOKEN, chat};

const ASK: &str = r#"{"model":"m"}"#;
const LAST: &str = "GET /health HTTP/1.1\r\nhost: g\r\nconnection: close\r\n\r\n";

/// A request without a body, which leaves the connection open.
fn ask(method: &str, path: &str, fields: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nhost: g\r\nauthorization: Bearer {TOKEN}\r\n{fields}\r\n")
}

#[test]
fn an_answer_without_a_body_ends_with_its_head_and_says_nothing_of_another_length() {
    let upstream = Upstream::start(|received, to| {
        let odd =
            "HTTP/1.1 204 No Content\r\ncontent-length: 7\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n";
        assert!(received.line().starts_with("DELETE"));
        to.send(odd.as_bytes());
    });
    let gateway = Gateway::to(Runtime::Native, &upstream, json!({}));
    let requests = [
        ask("DELETE", "/v1/responses/resp_1", ""),
        ask("HEAD", "/health", ""),
        ask("OPTIONS", "/v1/models", ""),
        LAST.to_owned(),
    ];
    let answers = exchange(&gateway, &requests.concat());
    let parts: Vec<&str> = answers.split("\r\n\r\n").collect();
    // Four heads, one behind the other, and one body.
    assert_eq!(parts.len(), 5, "{answers}");
    for (head, status) in parts
        .iter()
        .zip(["204 No Content", "200 OK", "204 No Content", "200 OK"])
    {
        assert!(head.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{answers}");
        assert!(!head.contains("transfer-encoding"), "{answers}");
        assert_eq!(head.contains("content-length: "), status == "200 OK", "{answers}");
    }
    let length = format!("content-length: {}", parts[4].len());
    assert!(parts[1].contains(&length) && parts[3].contains(&length), "{answers}");
}

#[test]
fn an_answer_of_an_upstream_that_is_not_well_formed_is_a_502() {
    for head in [
        "HTTP/1.1 200 OK\r\ncontent-length: 10\r\ncontent-length: 11\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 10, 11\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: +10\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: ten\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\ncontent-length: 10\r\n",
        "HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length : 10\r\n",
        "HTTP/1.1 200 OK\r\nx: a\r\n b\r\ncontent-length: 10\r\n",
        "HTTP/1.1 200 OK\r\n x: a\r\ncontent-length: 10\r\n",
        "HTTP/1.1 200 OK\r\nx: a\0b\r\ncontent-length: 10\r\n",
        "HTTP/1.1 200 OK\r\nx: a\rb\r\ncontent-length: 10\r\n",
    ] {
        let answer = format!("{head}content-type: application/json\r\n\r\n{{\"fine\":1}}");
        let upstream = Upstream::start(move |_, to| to.send(answer.as_bytes()));
        let gateway = Gateway::to(Runtime::Native, &upstream, json!({"api_keys": ["up-SECRET-1"]}));
        let answer = gateway.chat(ASK);
        let shown = head.escape_debug();
        assert_eq!(answer.error(), (502, "upstream_invalid_response".into()), "{shown}");
    }
}

#[test]
fn trailers_never_become_headers() {
    let gateway = Gateway::echo(Runtime::Native);
    let head = "POST /v1/chat/completions HTTP/1.1\r\nhost: g\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n";
    let body = format!("{:x}\r\n{ASK}\r\n0\r\nauthorization: Bearer {TOKEN}\r\n\r\n", ASK.len());
    let answers = exchange(&gateway, &[head, "\r\n", &body, LAST].concat());
    assert!(answers.starts_with("HTTP/1.1 401 "), "{answers}");
    assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), 1, "{answers}");
}

#[test]
fn behind_a_request_that_closes_its_connection_nothing_is_answered() {
    let gateway = Gateway::echo(Runtime::Native);
    for first in [
        "GET /health HTTP/1.1\r\nhost: g\r\nconnection: close\r\n\r\n",
        "GET /health HTTP/1.1\r\nhost: g\r\nconnection: ,keep-alive ,, Close\r\n\r\n",
        "GET /health HTTP/1.0\r\nhost: g\r\n\r\n",
        "GET /health HTTP/1.0\r\nhost: g\r\nconnection: keep-alive, close\r\n\r\n",
    ] {
        let answers = exchange(&gateway, &[first, &ask("GET", "/health", "")].concat());
        assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), 1, "{first}: {answers}");
        assert!(answers.contains("connection: close\r\n"), "{first}: {answers}");
    }
}

#[test]
fn a_wish_for_another_protocol_is_passed_over_where_it_must_not_be_heeded() {
    let upstream = Upstream::answering("200 OK", JSON, r#"{"plain":1}"#);
    let gateway = Gateway::to(Runtime::Native, &upstream, json!({}));
    let upgrade = "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let old = ask("GET", "/v1/realtime?model=m", upgrade).replace("HTTP/1.1", "HTTP/1.0");
    let answer = exchange(&gateway, &old);
    assert!(
        answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with(r#"{"plain":1}"#),
        "{answer}"
    );
    let body = ask(
        "GET",
        "/v1/realtime?model=m",
        &format!("{upgrade}content-length: 5\r\n"),
    );
    let answers = exchange(&gateway, &[&*body, "hello", LAST].concat());
    assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), 2, "{answers}");
    for received in upstream.received() {
        assert_eq!(received.one("upgrade"), None);
    }
}

#[test]
fn interim_answers_of_an_upstream_end_here_and_old_clients_get_none() {
    let upstream = Upstream::start(|_, to| {
        to.send(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n");
        to.answer("200 OK", JSON, r#"{"final":1}"#);
    });
    let gateway = Gateway::to(Runtime::Native, &upstream, json!({}));
    let new = chat("", ASK);
    let old = chat("expect: 100-continue\r\n", ASK).replace("HTTP/1.1", "HTTP/1.0");
    for request in [new, old] {
        let answer = exchange(&gateway, &request);
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{answer}");
        assert!(
            answer.ends_with(r#"{"final":1}"#) && !answer.contains("link: x"),
            "{answer}"
        );
    }
}
