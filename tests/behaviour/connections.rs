//! Connections that serve more than one request: of HTTP/1.1 on both sides of the binary, of HTTP/2 to upstreams.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::json;

use crate::support::upstream::JSON;
use crate::support::{Gateway, Runtime, TOKEN, chat, request};
use crate::tls::{Secure, stream};

const ASK: &str = r#"{"model":"m"}"#;
const WHOLE: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 10\r\n\r\n{\"fine\":1}";

/// An upstream that gives every request on a connection the same answer, and closes where `closes`.
struct Kept {
    base_url: String,
    connections: Arc<AtomicUsize>,
    /// How many of them it is done with.
    ended: Arc<AtomicUsize>,
}

impl Kept {
    fn start(answer: &'static str, closes: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let kept = Self {
            base_url: format!("http://{}/v1", listener.local_addr().unwrap()),
            connections: Arc::default(),
            ended: Arc::default(),
        };
        let (connections, ended) = (Arc::clone(&kept.connections), Arc::clone(&kept.ended));
        thread::spawn(move || {
            for stream in listener.incoming() {
                connections.fetch_add(1, Ordering::SeqCst);
                let ended = Arc::clone(&ended);
                thread::spawn(move || {
                    serve(stream.unwrap(), answer, closes);
                    ended.fetch_add(1, Ordering::SeqCst);
                });
            }
        });
        kept
    }

    fn gateway(&self) -> Gateway {
        let routes = json!([{"token": TOKEN, "base_url": self.base_url, "api_keys": ["up-SECRET-1"]}]);
        Gateway::with_routes(Runtime::Native, &routes)
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

fn serve(mut stream: TcpStream, answer: &str, closes: bool) {
    let (mut bytes, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        // Every request ends with the same bytes.
        while !bytes.ends_with(ASK.as_bytes()) {
            match stream.read(&mut buffer) {
                Ok(read @ 1..) => bytes.extend_from_slice(&buffer[..read]),
                _ => return,
            }
        }
        bytes.clear();
        stream.write_all(answer.as_bytes()).unwrap();
        if closes {
            return;
        }
    }
}

#[test]
fn a_connection_whose_answer_was_whole_is_used_again() {
    for answer in [
        WHOLE,
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n4;x=y\r\n{\"fi\r\n6\r\nne\":1}\r\n0\r\nx-trailer: 1\r\n\r\n",
        "HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 10\r\n\r\n{\"fine\":1}",
        "HTTP/1.0 200 OK\r\ncontent-type: application/json\r\nconnection: keep-alive\r\ncontent-length: 10\r\n\r\n{\"fine\":1}",
    ] {
        let upstream = Kept::start(answer, false);
        let gateway = upstream.gateway();
        for _ in 0..3 {
            let got = gateway.chat(ASK);
            assert_eq!((got.status, got.text().as_str()), (200, "{\"fine\":1}"), "{answer}");
        }
        assert_eq!(upstream.connections(), 1, "{answer}");
    }
}

#[test]
fn a_connection_that_cannot_be_trusted_is_not_used_again() {
    for (answer, closes) in [
        (
            "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: 10\r\n\r\n{\"fine\":1}",
            false,
        ),
        // Two lengths: the one that is not believed may be the one that the upstream means.
        (
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99\r\ntransfer-encoding: chunked\r\n\r\na\r\n{\"fine\":1}\r\n0\r\n\r\n",
            false,
        ),
        (
            "HTTP/1.0 200 OK\r\ncontent-type: application/json\r\ncontent-length: 10\r\n\r\n{\"fine\":1}",
            false,
        ),
        // What stands behind the answer would be read as the answer to the next request.
        (
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 10\r\n\r\n{\"fine\":1}HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\n{\"b\":1",
            false,
        ),
        (
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n{\"fine\":1}",
            true,
        ),
        (WHOLE, true),
    ] {
        let upstream = Kept::start(answer, closes);
        let gateway = upstream.gateway();
        for count in 1..=3 {
            let got = gateway.chat(ASK);
            assert_eq!((got.status, got.text().as_str()), (200, "{\"fine\":1}"), "{answer}");
            assert_eq!(upstream.connections(), count, "{answer}");
            while upstream.ended.load(Ordering::SeqCst) < count {
                thread::sleep(Duration::from_millis(5));
            }
        }
    }
}

/// What comes back for these bytes, up to the end of the connection.
pub(crate) fn exchange(gateway: &Gateway, bytes: &str) -> String {
    let mut stream = TcpStream::connect(&gateway.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    stream.write_all(bytes.as_bytes()).unwrap();
    let mut answers = String::new();
    stream.read_to_string(&mut answers).unwrap();
    answers
}

#[test]
fn requests_on_one_connection_are_answered_in_their_order() {
    let gateway = Gateway::echo(Runtime::Native);
    let kept = |id: &str, body: &str| {
        let text = json!({"model": "echo", "messages": [{"role": "user", "content": body}]}).to_string();
        chat(&format!("x-request-id: {id}\r\n"), &text).replace("connection: close\r\n", "")
    };
    let last = request("GET", "/health", TOKEN, "x-request-id: three\r\n", "");
    let answers = exchange(
        &gateway,
        &[&*kept("one", "first"), "\r\n", &*kept("two", "second"), &*last].concat(),
    );
    let place = |text: &str| answers.find(text).unwrap_or_else(|| panic!("no {text} in {answers}"));
    let order = [
        "x-request-id: one",
        "first",
        "x-request-id: two",
        "second",
        "x-request-id: three",
        "connection: close",
    ];
    assert!(order.map(place).is_sorted(), "{answers}");
    assert_eq!(answers.matches("HTTP/1.1 200 OK\r\n").count(), 3);
    assert_eq!(answers.matches("connection: close").count(), 1);
}

#[test]
fn a_body_that_was_refused_unread_ends_no_connection() {
    let gateway = Gateway::echo(Runtime::Native);
    let refused = request("POST", "/v1/chat/completions", "unknown", JSON, &"x".repeat(100_000));
    let last = request("GET", "/health", TOKEN, "", "");
    let answers = exchange(
        &gateway,
        &[&*refused.replace("connection: close\r\n", ""), &*last].concat(),
    );
    let places = [
        "HTTP/1.1 401",
        "invalid_api_key",
        "HTTP/1.1 200 OK",
        "\"status\":\"ok\"",
    ]
    .map(|text| answers.find(text));
    assert!(places[0].is_some() && places.is_sorted(), "{answers}");
}

#[test]
fn what_follows_a_request_that_two_readers_read_in_two_ways_is_never_answered() {
    let gateway = Gateway::echo(Runtime::Native);
    let hidden = "GET /health HTTP/1.1\r\nhost: g\r\nconnection: close\r\n\r\n";
    for fields in [
        "content-length: 5\r\ntransfer-encoding: chunked\r\n",
        "transfer-encoding: chunked\r\ncontent-length: 5\r\n",
        "transfer-encoding: xchunked\r\ncontent-length: 5\r\n",
        "transfer-encoding: gzip, chunked\r\n",
        "transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n",
        "transfer-encoding : chunked\r\n",
        "content-length: 5\r\ncontent-length: 6\r\n",
        "content-length: 5, 6\r\n",
        "content-length: +5\r\n",
        "x: y\r\n content-length: 5\r\n",
    ] {
        let bytes = format!("POST /chat HTTP/1.1\r\nhost: g\r\n{fields}\r\n0\r\n\r\n{hidden}");
        let answers = exchange(&gateway, &bytes);
        assert!(answers.starts_with("HTTP/1.1 400 "), "{fields}: {answers}");
        assert!(
            answers.contains("\"malformed_request\"") && answers.contains("connection: close\r\n"),
            "{answers}"
        );
        assert_eq!(answers.matches("HTTP/1.1").count(), 1, "{fields}: {answers}");
    }
}

#[test]
fn a_body_in_chunks_is_the_same_body_and_its_framing_is_held_to() {
    let gateway = Gateway::echo(Runtime::Native);
    let head = request(
        "POST",
        "/v1/chat/completions",
        TOKEN,
        "content-type: application/json\r\n",
        "",
    )
    .replace("content-length: 0\r\n", "transfer-encoding: chunked\r\n");
    let words = r#"{"model":"echo","messages":[{"role":"user","content":"in chunks"}]}"#;
    let (first, second) = words.split_at(20);
    let fine = format!(
        "{:x};a=b\r\n{first}\r\n{:X}\r\n{second}\r\n0\r\nx-trailer: 1\r\n\r\n",
        first.len(),
        second.len()
    );
    let answer = gateway.raw([&*head, &*fine].concat());
    assert_eq!(answer.status, 200);
    assert!(answer.text().contains("in chunks"));
    for malformed in [
        "5\nabcde\r\n0\r\n\r\n",
        "5\r\nabcdeX\r\n0\r\n\r\n",
        "-1\r\n",
        "zz\r\n",
        "fffffffffffffffff\r\n",
    ] {
        let answer = gateway.raw([&*head, malformed].concat());
        assert_eq!(
            answer.error(),
            (400, "malformed_request".into()),
            "{}",
            malformed.escape_debug()
        );
    }
}

#[test]
fn old_clients_get_bodies_that_they_can_read() {
    let gateway = Gateway::echo(Runtime::Native);
    let stream = r#"{"model":"echo","stream":true,"messages":[{"role":"user","content":"x"}]}"#;
    let old = |fields: &str| {
        chat(fields, stream)
            .replace("HTTP/1.1", "HTTP/1.0")
            .replace("connection: close\r\n", "")
    };
    let answer = exchange(&gateway, &old(""));
    assert!(
        !answer.contains("transfer-encoding") && answer.ends_with("data: [DONE]\n\n"),
        "{answer}"
    );
    let kept = "GET /health HTTP/1.0\r\nconnection: keep-alive\r\n\r\nGET /health HTTP/1.0\r\n\r\n";
    let answers = exchange(&gateway, kept);
    assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), 2, "{answers}");
    assert_eq!(answers.matches("connection: keep-alive").count(), 1, "{answers}");
}

#[test]
fn a_client_may_wait_before_it_sends_its_body() {
    let gateway = Gateway::echo(Runtime::Native);
    let body = r#"{"model":"echo","messages":[{"role":"user","content":"patience"}]}"#;
    let whole = chat("expect: 100-continue\r\n", body);
    let (head, body) = whole.split_at(whole.len() - body.len());
    let mut exchange = gateway.open(head);
    exchange.wait_for("HTTP/1.1 100 Continue\r\n\r\n");
    exchange.forget();
    exchange.send(body.as_bytes()).unwrap();
    let answer = gateway.checked(exchange.finish());
    assert_eq!(answer.status, 200);
    assert!(answer.text().contains("patience"));
}

#[test]
fn a_client_that_was_answered_holds_no_place_by_keeping_its_connection_open() {
    let routes = json!([{"token": TOKEN, "provider": "echo"}]).to_string();
    let gateway = Gateway::start(Runtime::Native, &[("GATEWAY_ROUTES", &routes), ("MAX_CONCURRENT", "1")]);
    for bytes in [
        request("GET", "/v1/models", TOKEN, "", ""),
        "GET / HTTP/9.9\r\n\r\n".to_owned(),
    ] {
        let mut stream = TcpStream::connect(&gateway.address).unwrap();
        stream.write_all(bytes.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 "), "{answer}");
        // The client has read everything, and closes nothing.
        assert_eq!(gateway.get("/v1/models").status, 200);
        drop(stream);
    }
}

#[test]
fn more_requests_than_one_connection_takes_open_another() {
    let upstream = Secure::start("h2");
    let gateway = upstream.gateway(&json!({"timeout": 5, "idle_timeout": 300}), &[]);
    assert_eq!(gateway.chat(ASK).status, 200);
    // The upstream takes 200 at once on each connection.
    let mut streams: Vec<_> = (0..200).map(|_| gateway.open(chat("", &stream("stall")))).collect();
    for stream in &mut streams {
        stream.wait_for("\"x\"");
    }
    assert_eq!(gateway.chat(ASK).status, 200);
}

/// Passes bytes on until it is told to be silent; what is connected afterwards is passed on as before.
fn relay(to: u16) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let silenced = Arc::new(AtomicUsize::new(0));
    let current = Arc::clone(&silenced);
    thread::spawn(move || {
        for client in listener.incoming() {
            let (client, upstream) = (client.unwrap(), TcpStream::connect(("127.0.0.1", to)).unwrap());
            let own = current.load(Ordering::SeqCst);
            for (from, to) in [(&client, &upstream), (&upstream, &client)] {
                let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                let current = Arc::clone(&current);
                thread::spawn(move || {
                    let mut buffer = [0; 4096];
                    while let Ok(read @ 1..) = from.read(&mut buffer) {
                        if current.load(Ordering::SeqCst) == own {
                            let _ = to.write_all(&buffer[..read]);
                        }
                    }
                });
            }
        }
    });
    (port, silenced)
}

#[test]
fn a_connection_that_has_fallen_silent_is_not_used_for_ever() {
    let upstream = Secure::start("h2");
    let port = upstream.base_url.trim_end_matches("/v1").rsplit(':').next().unwrap();
    let (port, silenced) = relay(port.parse().unwrap());
    let gateway = upstream.gateway(
        &json!({"base_url": format!("https://localhost:{port}/v1"), "timeout": 1}),
        &[],
    );
    assert_eq!(gateway.chat(ASK).status, 200);
    silenced.fetch_add(1, Ordering::SeqCst);
    assert_eq!(gateway.chat(ASK).error(), (504, "upstream_timeout".into()));
    assert!(
        (0..60).any(|_| gateway.chat(ASK).status == 200),
        "nobody is served any more"
    );
}
