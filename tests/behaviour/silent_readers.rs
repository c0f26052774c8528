//! Clients that take nothing of what they asked for: they are let go, and their place and the request upstream with them.

use std::io::Write;
use std::thread;
use std::time::Duration;

use serde_json::json;
use tungstenite::Message;

use crate::http2::{self, Client};
use crate::support::upstream::{Connection, JSON, Received, SSE, Upstream};
use crate::support::{Gateway, Runtime, TOKEN, chat, request, route};
use crate::websockets;

const CHAT: &str = r#"{"model":"m"}"#;
const STREAM: &str = r#"{"model":"m","stream":true}"#;

/// More than the sockets of a client that does not read hold.
const LENGTH: usize = 32 << 20;

/// The token of a route that is not the upstream's.
const OTHER: &str = "gw-SECRET-other";

/// A gateway that serves one request at a time and waits a second for a client to take something.
fn gateway(upstream: &Upstream) -> Gateway {
    let routes = json!([route(TOKEN, upstream, json!({})), {"token": OTHER, "provider": "echo"}]).to_string();
    let variables = [
        ("GATEWAY_ROUTES", &*routes),
        ("MAX_CONCURRENT", "1"),
        ("SEND_TIMEOUT", "1"),
    ];
    Gateway::start(Runtime::Native, &variables)
}

/// Streams, downloads and whole answers of which there is more than anybody keeps.
fn plentiful() -> Upstream {
    Upstream::start(|received: &Received, to: &mut Connection| {
        if received.line().starts_with("GET ") {
            to.head("200 OK", "content-type: audio/mpeg\r\n");
        } else if received.text().contains("stream") {
            to.head("200 OK", SSE);
        } else {
            to.answer("200 OK", JSON, &format!("{{\"a\":\"{}\"}}", "x".repeat(LENGTH)));
            return;
        }
        let event = format!("data: {}\n\n", "x".repeat(50_000));
        while to.is_open() {
            to.send(event.as_bytes());
        }
    })
}

fn kinds() -> [(String, bool); 3] {
    let download = request("GET", "/v1/files/file-1/content", TOKEN, "", "");
    [(chat("", STREAM), true), (chat("", CHAT), false), (download, true)]
}

/// Waits until somebody else is served, and the line of who held the place is written.
fn wait_for_the_place(gateway: &Gateway) {
    let models = request("GET", "/v1/models", OTHER, "", "");
    let serves = || {
        thread::sleep(Duration::from_millis(50));
        gateway.raw(&models).status == 200
    };
    assert!((0..600).any(|_| serves()), "the place is held for ever");
    gateway.wait_for_log("\"complete\":false");
}

#[test]
fn a_client_that_takes_nothing_is_let_go() {
    for (request, is_endless) in kinds() {
        let upstream = plentiful();
        let gateway = gateway(&upstream);
        let mut exchange = gateway.open(&request);
        upstream.wait_for_request();
        wait_for_the_place(&gateway);
        if is_endless {
            upstream.wait_for_leaver();
        }
        assert!(!exchange.is_let_go(), "an answer that was cut ends in good order");
    }
}

#[test]
fn a_stream_of_http_2_of_which_nothing_is_taken_is_reset_and_its_connection_goes_on() {
    for body in [STREAM, CHAT] {
        let upstream = plentiful();
        let gateway = gateway(&upstream);
        let mut client = Client::taking(&gateway, 100_000);
        let answer = client.ask(http2::chat(body)).unwrap();
        assert_eq!(answer.status(), 200);
        let mut serves = || {
            thread::sleep(Duration::from_millis(50));
            let models = http::Request::get("http://gateway/v1/models").header("x-api-key", OTHER);
            let empty = http_body_util::BodyExt::boxed(http_body_util::Full::default());
            client.ask(models.body(empty).unwrap()).unwrap().status() == 200
        };
        assert!((0..600).any(|_| serves()), "the place is held for ever");
        assert!(client.rest(answer).is_err(), "half an answer looks whole");
        gateway.wait_for_log("\"complete\":false");
        if body == STREAM {
            upstream.wait_for_leaver();
        }
    }
}

#[test]
fn a_small_answer_over_http_2_of_which_nothing_is_taken_is_reset() {
    let upstream = Upstream::answering("200 OK", JSON, "{\"a\":1}");
    let gateway = gateway(&upstream);
    let mut client = Client::taking(&gateway, 0);
    let answer = client.ask(http2::chat(CHAT)).unwrap();
    assert!(client.rest(answer).is_err(), "it came without room for it");
    gateway.wait_for_log("\"complete\":false");
}

#[test]
fn a_connection_of_http_2_that_takes_nothing_is_let_go() {
    for body in [STREAM, CHAT] {
        let upstream = plentiful();
        let gateway = gateway(&upstream);
        let mut client = Client::of(&gateway);
        // From here on it moves no more.
        let _answer = client.ask(http2::chat(body)).unwrap();
        wait_for_the_place(&gateway);
    }
}

#[test]
fn a_websocket_whose_client_takes_nothing_is_let_go() {
    let upstream = websockets::upstream(
        |mut socket| {
            while socket.send(Message::binary(vec![0; 50_000])).is_ok() {}
        },
    );
    let gateway = gateway(&upstream);
    let mut socket = websockets::opened(&gateway, "/v1/realtime?model=m");
    // It may go on talking meanwhile.
    let mut talks = || socket.get_mut().write_all(b"\x89\x80abcd").is_ok();
    let models = request("GET", "/v1/models", OTHER, "", "");
    let serves = |_| {
        talks();
        thread::sleep(Duration::from_millis(50));
        gateway.raw(&models).status == 200
    };
    assert!((0..600).any(serves), "the place is held for ever");
}

#[test]
fn a_client_that_reads_slowly_gets_all_of_it() {
    const LENGTH: usize = 8 << 20;
    let upstream = Upstream::start(|_, to| to.answer("200 OK", JSON, &format!("{{\"a\":\"{}\"}}", "x".repeat(LENGTH))));
    let gateway = gateway(&upstream);
    let mut exchange = gateway.open(chat("", CHAT));
    let mut read = 0;
    let mut buffer = vec![0; 64 << 10];
    // Far less in a second than what has to go before the system says that there is room.
    loop {
        thread::sleep(Duration::from_millis(100));
        match exchange.read(&mut buffer) {
            Ok(0) => break,
            some => read += some.unwrap(),
        }
    }
    assert!(read > LENGTH, "{read}");
    gateway.wait_for_log("\"complete\":true");
}

#[test]
fn a_client_that_waits_for_its_upstream_is_let_alone() {
    let upstream = Upstream::start(|_, to| {
        to.head("200 OK", SSE);
        for _ in 0..2 {
            to.send(b"data: {\"choices\":[]}\n\n");
            thread::sleep(Duration::from_secs(3));
        }
        to.send(b"data: [DONE]\n\n");
    });
    let gateway = gateway(&upstream);
    let answer = gateway.chat(STREAM);
    assert!(answer.text().ends_with("data: [DONE]\n\n"), "{}", answer.text());
    let mut client = Client::of(&gateway);
    let answer = client.ask(http2::chat(STREAM)).unwrap();
    assert!(client.rest(answer).unwrap().ends_with(b"data: [DONE]\n\n"));
}
