//! Clients that speak HTTP/2 with the binary: what holds for those of HTTP/1.1 holds for them.

use std::convert::Infallible;
use std::io::{Read, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::channel::{Channel, Sender};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::life_cycle::upstream_that_waits;
use crate::support::upstream::{JSON, SSE, Upstream};
use crate::support::{Gateway, Runtime, TOKEN, route};

const CHAT: &str = r#"{"model":"m","messages":[]}"#;
const STREAM: &str = r#"{"model":"m","stream":true}"#;

/// More than any answer here has: what is read, and when, is then the connection's affair.
const WINDOW: u32 = 1 << 30;

type Body = BoxBody<Bytes, Infallible>;

/// A connection of a client. It moves while something is waited for, and at no other time.
pub(crate) struct Client {
    runtime: tokio::runtime::Runtime,
    sender: SendRequest<Body>,
}

impl Client {
    pub(crate) fn of(gateway: &Gateway) -> Self {
        Self::taking(gateway, WINDOW)
    }

    /// A client that takes no more of an answer than `window` bytes before it reads them.
    pub(crate) fn taking(gateway: &Gateway, window: u32) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let sender = runtime.block_on(async {
            let stream = TcpStream::connect(&gateway.address).await.unwrap();
            let (sender, connection) = Builder::new(TokioExecutor::new())
                .initial_stream_window_size(window)
                .initial_connection_window_size(WINDOW)
                .handshake(TokioIo::new(stream))
                .await
                .unwrap();
            tokio::spawn(connection);
            sender
        });
        Self { runtime, sender }
    }

    fn wait<T>(&self, something: impl Future<Output = T>) -> T {
        let in_time = async { tokio::time::timeout(Duration::from_secs(60), something).await };
        self.runtime.block_on(in_time).expect("nothing came")
    }

    /// Sends a request. Its answer, when the head is there.
    pub(crate) fn ask(&mut self, request: Request<Body>) -> hyper::Result<Response<Incoming>> {
        let answer = self.sender.send_request(request);
        self.wait(answer)
    }

    /// The next bytes of an answer; nothing at its end.
    pub(crate) fn next(&self, answer: &mut Response<Incoming>) -> Option<Bytes> {
        self.wait(answer.frame())
            .map(|frame| frame.unwrap().into_data().unwrap())
    }

    /// The rest of an answer.
    pub(crate) fn rest(&self, answer: Response<Incoming>) -> hyper::Result<Bytes> {
        let body = self.wait(answer.into_body().collect())?;
        Ok(body.to_bytes())
    }

    /// Status and code of an error.
    pub(crate) fn error(&self, answer: Response<Incoming>) -> (u16, String) {
        let status = answer.status().as_u16();
        let body: Value = serde_json::from_slice(&self.rest(answer).unwrap()).unwrap();
        (status, body["error"]["code"].as_str().unwrap().to_owned())
    }
}

pub(crate) fn post(path: &str, token: &str, body: Body) -> Request<Body> {
    let request = Request::post(format!("http://gateway{path}")).header("x-api-key", token);
    request.body(body).unwrap()
}

pub(crate) fn chat(body: &str) -> Request<Body> {
    post("/v1/chat/completions", TOKEN, Full::from(body.to_owned()).boxed())
}

/// A body that goes on for as long as it is sent.
pub(crate) fn unfinished() -> (Sender<Bytes, Infallible>, Body) {
    let (sender, body) = Channel::new(1);
    (sender, body.boxed())
}

#[test]
fn a_stream_passes_byte_for_byte_and_event_by_event() {
    let (seen, next) = channel::<()>();
    let next = Mutex::new(next);
    let event = |number: usize| format!("data: {number} {}\r\n\r\n", "x".repeat(number * 5000));
    let upstream = Upstream::start(move |_, to| {
        to.head("200 OK", SSE);
        for number in 0..5 {
            to.send(event(number).as_bytes());
            next.lock().unwrap().recv_timeout(Duration::from_secs(60)).unwrap();
        }
        to.send(b"data: [DONE]\n\n");
    });
    let gateway = Gateway::to(Runtime::Native, &upstream, json!({}));
    let mut client = Client::of(&gateway);
    let mut answer = client.ask(chat(STREAM)).unwrap();
    let mut text = Vec::new();
    for number in 0..5 {
        text.clear();
        while text.len() < event(number).len() {
            text.extend(client.next(&mut answer).unwrap());
        }
        assert!(text == event(number).as_bytes(), "event {number}");
        seen.send(()).unwrap();
    }
    assert_eq!(client.rest(answer).unwrap(), "data: [DONE]\n\n");
}

#[test]
fn a_request_upstream_ends_within_a_second_of_its_clients_leaving() {
    // The second is the gateway's own: the time limit of another request, which is sent when the client has left.
    let slow = Upstream::start(|_, to| to.hang());
    for has_begun in [true, false] {
        let was_first = || {
            let upstream = Upstream::start(move |_, to| {
                if has_begun {
                    to.head("200 OK", SSE);
                    to.send(b"data: first\n\n");
                }
                to.hang();
            });
            let late = route("gw-SECRET-b", &slow, json!({"timeout": 1}));
            let gateway = Gateway::with_routes(Runtime::Native, &json!([route(TOKEN, &upstream, json!({})), late]));
            let mut client = Client::of(&gateway);
            let asked = client.sender.send_request(chat(STREAM));
            let arrived = {
                let upstream = upstream.clone();
                client.runtime.spawn_blocking(move || upstream.wait_for_request())
            };
            // The client leaves that request, and not the connection.
            client.wait(async {
                if has_begun {
                    assert!(asked.await.unwrap().frame().await.is_some());
                } else {
                    tokio::select! {
                        _ = asked => panic!("an answer to a request that was not answered"),
                        arrived = arrived => arrived.unwrap(),
                    }
                }
            });
            let chat = post("/v1/chat/completions", "gw-SECRET-b", Full::from(CHAT).boxed());
            let late = client.ask(chat).unwrap();
            assert_eq!(client.error(late), (504, "upstream_timeout".into()));
            upstream.saw_a_leaver()
        };
        // A machine that stands still for that second lets both happen at once, in any order.
        assert!((0..3).any(|_| was_first()), "after the head: {has_begun}");
    }
}

#[test]
fn a_client_that_leaves_in_the_middle_of_an_upload_ends_it_upstream() {
    let upstream = Upstream::reading(|mut body, to| {
        if std::io::copy(&mut body, &mut std::io::sink()).is_ok() {
            to.answer("200 OK", JSON, "{}");
        } else {
            to.left();
        }
    });
    let gateway = Gateway::to(Runtime::Native, &upstream, json!({}));
    let mut client = Client::of(&gateway);
    let (mut sender, body) = unfinished();
    let asked = client.sender.send_request(post("/v1/files", TOKEN, body));
    let arrived = {
        let upstream = upstream.clone();
        client.runtime.spawn_blocking(move || upstream.wait_for_request())
    };
    client.wait(async {
        tokio::select! {
            _ = asked => panic!("an answer to a request that was not complete"),
            () = async {
                // More than is kept to be sent again.
                for _ in 0..160 {
                    sender.send_data(vec![b'x'; 1 << 16].into()).await.unwrap();
                }
                arrived.await.unwrap();
            } => {}
        }
    });
    assert_eq!(client.ask(chat(CHAT)).unwrap().status(), StatusCode::OK);
    upstream.wait_for_leaver();
}

#[test]
fn uploads_that_nobody_takes_are_in_no_other_ones_way() {
    let (_until, end) = channel::<()>();
    let end = Mutex::new(end);
    let stuck = Upstream::reading(move |_, _| assert!(end.lock().unwrap().recv().is_err()));
    let other = Upstream::answering("200 OK", JSON, "{}");
    let routes = json!([
        route(TOKEN, &stuck, json!({})),
        route("gw-SECRET-other", &other, json!({})),
    ]);
    let gateway = Gateway::with_routes(Runtime::Native, &routes);
    let mut client = Client::of(&gateway);
    let sent = Arc::new(AtomicUsize::new(0));
    // More than a connection lets wait by default.
    for _ in 0..8 {
        let (mut sender, body) = unfinished();
        client
            .runtime
            .spawn(client.sender.send_request(post("/v1/files", TOKEN, body)));
        let sent = Arc::clone(&sent);
        client.runtime.spawn(async move {
            while sender.send_data(vec![b'x'; 1 << 16].into()).await.is_ok() {
                sent.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    let moved = async {
        let mut last = usize::MAX;
        while sent.load(Ordering::Relaxed) != last {
            last = sent.load(Ordering::Relaxed);
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        last
    };
    assert!(client.wait(moved) > 0);
    let body = Full::from(CHAT).boxed();
    let answer = client.ask(post("/v1/chat/completions", "gw-SECRET-other", body));
    assert_eq!(answer.unwrap().status(), StatusCode::OK);
}

#[test]
fn heads_and_bodies_over_the_limit_are_refused() {
    let upstream = Upstream::answering("200 OK", JSON, "{}");
    let routes = json!([route(TOKEN, &upstream, json!({}))]).to_string();
    let variables = [("GATEWAY_ROUTES", &*routes), ("BODY_LIMIT", "1000")];
    let gateway = Gateway::start(Runtime::Native, &variables);
    let mut client = Client::of(&gateway);
    // The rest of the head is less than a KiB.
    let head = |kilobytes: usize| {
        let mut request = chat(CHAT);
        for _ in 0..kilobytes {
            let value = "x".repeat(1000).parse().unwrap();
            request.headers_mut().append("x-large", value);
        }
        request
    };
    assert_eq!(client.ask(head(29)).unwrap().status(), StatusCode::OK);
    // The last one is more than the connection over HTTP/1.1 would read.
    for kilobytes in [33, 50, 70] {
        let answer = client.ask(head(kilobytes)).unwrap();
        assert_eq!(client.error(answer), (431, "headers_too_large".into()));
    }
    let large = format!("{{\"model\":\"{}\"}}", "x".repeat(1000));
    let (mut sender, unsaid) = unfinished();
    client.wait(sender.send_data(large.clone().into())).unwrap();
    drop(sender);
    for request in [chat(&large), post("/v1/chat/completions", TOKEN, unsaid)] {
        let answer = client.ask(request).unwrap();
        assert_eq!(client.error(answer), (413, "request_too_large".into()));
    }
}

#[test]
fn a_full_house_refuses_and_serves_again_when_somebody_has_left() {
    let (upstream, end) = upstream_that_waits();
    let routes = json!([route(TOKEN, &upstream, json!({}))]).to_string();
    let variables = [("GATEWAY_ROUTES", &*routes), ("MAX_CONCURRENT", "1")];
    let gateway = Gateway::start(Runtime::Native, &variables);
    let mut client = Client::of(&gateway);
    let mut stream = client.ask(chat(STREAM)).unwrap();
    assert_eq!(client.next(&mut stream).unwrap(), "data: begun\n\n");
    let refused = client.ask(chat(STREAM)).unwrap();
    assert_eq!(refused.headers()["retry-after"], "1");
    assert_eq!(client.error(refused), (503, "overloaded".into()));
    end.send(()).unwrap();
    assert_eq!(client.rest(stream).unwrap(), "data: [DONE]\n\n");
    let mut serves = || client.ask(chat(STREAM)).unwrap().status() == StatusCode::OK;
    assert!((0..500).any(|_| serves()), "nobody is let in again");
}

#[test]
fn a_signal_lets_streams_finish_and_nothing_begin() {
    let (upstream, end) = upstream_that_waits();
    let mut gateway = Gateway::to(Runtime::Native, &upstream, json!({}));
    let mut client = Client::of(&gateway);
    let mut answer = client.ask(chat(STREAM)).unwrap();
    assert_eq!(client.next(&mut answer).unwrap(), "data: begun\n\n");
    gateway.terminate();
    gateway.wait_for_log("stopping: ");
    // What is sent before the client has heard of it is still answered.
    let begins = |client: &mut Client| client.ask(chat(CHAT)).is_ok();
    assert!(!(0..3).all(|_| begins(&mut client)), "requests are still let in");
    for _ in 0..4 {
        let _ = end.send(());
    }
    assert_eq!(client.rest(answer).unwrap(), "data: [DONE]\n\n");
    assert_eq!(gateway.exit_code(), Some(0));
    assert!(!gateway.log().contains("stopped before"));
}

#[test]
fn a_signal_waits_for_what_a_client_has_not_read_yet() {
    const LENGTH: usize = 32 << 20;
    let upstream = Upstream::start(|_, to| to.answer("200 OK", JSON, &format!("{{\"a\":\"{}\"}}", "x".repeat(LENGTH))));
    let mut gateway = Gateway::to(Runtime::Native, &upstream, json!({}));
    let mut client = Client::of(&gateway);
    let answer = client.ask(chat(CHAT)).unwrap();
    gateway.terminate();
    gateway.wait_for_log("stopping: ");
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(client.rest(answer).unwrap().len(), LENGTH + 8);
    assert_eq!(gateway.exit_code(), Some(0));
}

#[test]
fn half_a_download_does_not_look_whole() {
    let upstream = Upstream::start(|_, to| {
        to.head("200 OK", "content-type: audio/mpeg\r\ntransfer-encoding: chunked\r\n");
        to.send(b"4\r\nhalf\r\n");
    });
    let gateway = Gateway::to(Runtime::Native, &upstream, json!({}));
    let mut client = Client::of(&gateway);
    let request = Request::get("http://gateway/v1/files/file-1/content").header("x-api-key", TOKEN);
    // The head may be lost as well.
    let answer = client.ask(request.body(Full::default().boxed()).unwrap());
    let is_whole = answer.is_ok_and(|answer| client.rest(answer).is_ok());
    assert!(!is_whole);
}

#[test]
fn an_answer_to_head_has_no_body() {
    let gateway = Gateway::echo(Runtime::Native);
    let mut client = Client::of(&gateway);
    let request = Request::head("http://gateway/health")
        .body(Full::default().boxed())
        .unwrap();
    let answer = client.ask(request).unwrap();
    assert_eq!(
        (answer.status(), client.rest(answer).unwrap().len()),
        (StatusCode::OK, 0)
    );
}

/// The preface of a connection, and settings that change nothing (RFC 9113 sections 3.4 and 6.5).
pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

#[test]
fn a_client_that_never_finishes_its_head_is_let_go() {
    // The time is the gateway's own: what it gives another request, which is sent before.
    let slow = Upstream::start(|_, to| to.hang());
    let gateway = Gateway::to(Runtime::Native, &slow, json!({"timeout": 15}));
    // The beginning of a field block, behind which more of it is to come (section 6.2).
    let begun = b"\0\0\x01\x01\x01\0\0\0\x01\x82";
    let in_time = |begun: &[u8]| {
        let late = gateway.open(crate::support::chat("", CHAT));
        let mut stream = std::net::TcpStream::connect(&gateway.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        stream.write_all(&[PREFACE, begun].concat()).unwrap();
        assert!(stream.read_to_end(&mut Vec::new()).is_ok(), "nobody ended it");
        !late.has_come()
    };
    for begun in [&begun[..], b""] {
        // A machine that stands still lets both happen at once.
        assert!((0..3).any(|_| in_time(begun)));
    }
}
