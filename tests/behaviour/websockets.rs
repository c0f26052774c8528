//! WebSockets: `/v1/realtime` and whatever else an upstream speaks over one.

use std::net::TcpStream;
use std::time::Duration;

use serde_json::json;
use tungstenite::client::IntoClientRequest;
use tungstenite::handshake::derive_accept_key;
use tungstenite::protocol::Role;
use tungstenite::protocol::frame::CloseFrame;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::{Error, Message};

use crate::support::upstream::{Connection, JSON, Received, Upstream};
use crate::support::{Gateway, Runtime, TOKEN, request, route};

pub(crate) type WebSocket = tungstenite::WebSocket<TcpStream>;

/// An upstream that accepts every WebSocket, as OpenAI does, and hands it to `talk`.
pub(crate) fn upstream(talk: impl Fn(WebSocket) + Send + Sync + 'static) -> Upstream {
    Upstream::start(move |received, to| {
        if let Some(socket) = accept(received, to) {
            talk(socket);
        }
    })
}

pub(crate) fn accept(received: &Received, to: &mut Connection) -> Option<WebSocket> {
    let key = received.one("sec-websocket-key")?;
    let chosen = received
        .one("sec-websocket-protocol")
        .and_then(|offered| offered.split(", ").next())
        .map_or_else(String::new, |protocol| {
            format!("sec-websocket-protocol: {protocol}\r\n")
        });
    let accepted = derive_accept_key(key.as_bytes());
    to.send(format!("HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: {accepted}\r\nx-request-id: up-1\r\nopenai-organization: org\r\n{chosen}\r\n").as_bytes());
    Some(WebSocket::from_raw_socket(to.socket(), Role::Server, None))
}

/// Says everything again, and closes as it is told to.
pub(crate) fn echo(mut socket: WebSocket) {
    while let Ok(message) = socket.read() {
        let again = match message {
            Message::Text(_) | Message::Binary(_) => message,
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => continue,
            Message::Close(_) => break,
        };
        if socket.send(again).is_err() {
            break;
        }
    }
    let _ = socket.flush();
}

/// What the gateway answers to a handshake, and the WebSocket behind it.
pub(crate) type Opened = Result<(WebSocket, tungstenite::handshake::client::Response), Box<Error>>;

pub(crate) fn open(gateway: &Gateway, path: &str, fields: &[(&'static str, &str)]) -> Opened {
    let mut request = format!("ws://{}{path}", gateway.address).into_client_request().unwrap();
    for (name, value) in fields {
        request.headers_mut().insert(*name, value.parse().unwrap());
    }
    let stream = TcpStream::connect(&gateway.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    tungstenite::client(request, stream).map_err(|error| match error {
        tungstenite::HandshakeError::Failure(error) => Box::new(error),
        tungstenite::HandshakeError::Interrupted(_) => panic!("the handshake stopped in the middle"),
    })
}

pub(crate) fn opened(gateway: &Gateway, path: &str) -> WebSocket {
    open(gateway, path, &[("authorization", &format!("Bearer {TOKEN}"))])
        .unwrap()
        .0
}

/// Status and code of a refused handshake.
fn refused(opened: Opened) -> (u16, String) {
    let error = *opened.map(|_| ()).unwrap_err();
    let Error::Http(response) = error else {
        panic!("{error}")
    };
    let body: serde_json::Value = serde_json::from_slice(response.body().as_deref().unwrap_or_default()).unwrap();
    (
        response.status().as_u16(),
        body["error"]["code"].as_str().unwrap_or_default().to_owned(),
    )
}

pub(crate) fn both_sides_hear_each_other_and_how_the_other_closed(runtime: Runtime) {
    let upstream = upstream(echo);
    let gateway = Gateway::to(runtime, &upstream, json!({"aliases": {"voice": "real/voice"}}));
    let mut socket = opened(&gateway, "/v1/realtime?x=%41&model=voice");
    let received = upstream.only();
    assert_eq!(received.line(), "GET /v1/realtime?x=%41&model=real/voice HTTP/1.1");
    assert!(received.one("authorization").unwrap().starts_with("Bearer up-SECRET-"));
    let long = "语音 ".repeat(40_000);
    for message in [
        Message::text("你好"),
        Message::binary((0..=255).collect::<Vec<u8>>()),
        Message::text(long),
    ] {
        socket.send(message.clone()).unwrap();
        assert_eq!(socket.read().unwrap(), message);
    }
    socket.send(Message::Ping("still there?".into())).unwrap();
    assert_eq!(socket.read().unwrap(), Message::Pong("still there?".into()));
    let reason = CloseFrame {
        code: CloseCode::from(4001),
        reason: "enough".into(),
    };
    socket.close(Some(reason.clone())).unwrap();
    assert_eq!(socket.read().unwrap(), Message::Close(Some(reason)));
}

pub(crate) fn an_upstream_that_closes_says_why(runtime: Runtime) {
    let upstream = upstream(|mut socket| {
        let reason = CloseFrame {
            code: CloseCode::from(4008),
            reason: "session expired".into(),
        };
        let _ = socket.close(Some(reason));
        while socket.read().is_ok() {}
    });
    let gateway = Gateway::to(runtime, &upstream, json!({"default_model": "usual"}));
    let mut socket = opened(&gateway, "/v1/realtime");
    assert_eq!(upstream.only().line(), "GET /v1/realtime?model=usual HTTP/1.1");
    let Message::Close(Some(reason)) = socket.read().unwrap() else {
        panic!("no reason")
    };
    assert_eq!(
        (u16::from(reason.code), reason.reason.as_str()),
        (4008, "session expired")
    );
}

pub(crate) fn a_browser_sends_its_token_as_a_subprotocol(runtime: Runtime) {
    let upstream = upstream(echo);
    let gateway = Gateway::to(runtime, &upstream, json!({}));
    let offered =
        format!("realtime, openai-insecure-api-key.{TOKEN}, openai-organization.org, openai-beta.realtime-v1");
    let (_socket, response) = open(
        &gateway,
        "/v1/realtime?model=m",
        &[("sec-websocket-protocol", &offered)],
    )
    .unwrap();
    let field = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
    assert_eq!(field("sec-websocket-protocol"), Some("realtime"));
    assert_eq!(
        (field("x-upstream-request-id"), field("openai-organization")),
        (Some("up-1"), None)
    );
    assert!(field("x-request-id").is_some() && field("x-gateway-attempts") == Some("1"));
    let received = upstream.only();
    assert_eq!(
        received.one("sec-websocket-protocol"),
        Some("realtime, openai-beta.realtime-v1")
    );
    assert!(!received.head.contains(TOKEN), "{}", received.head);
    let stranger = "realtime, openai-insecure-api-key.nobody";
    let answer = open(
        &gateway,
        "/v1/realtime?model=m",
        &[("sec-websocket-protocol", stranger)],
    );
    assert_eq!(refused(answer), (401, "invalid_api_key".into()));
}

pub(crate) fn a_failing_key_is_stepped_over_before_the_handshake(runtime: Runtime) {
    let upstream = Upstream::start(|received, to| {
        if received.one("authorization") == Some("Bearer up-SECRET-1") {
            to.answer("401 No", JSON, r#"{"error":{"message":"no"}}"#);
        } else if let Some(socket) = accept(received, to) {
            echo(socket);
        }
    });
    let gateway = Gateway::to(runtime, &upstream, json!({}));
    for attempt in 0..8 {
        let bearer = format!("Bearer {TOKEN}");
        let fields = [("authorization", bearer.as_str()), ("x-request-id", "mine-1")];
        let (mut socket, answer) = open(&gateway, "/v1/realtime?model=m", &fields).unwrap();
        assert_eq!(answer.headers()["x-request-id"], "mine-1");
        assert!(attempt > 0 || answer.headers().contains_key("x-gateway-attempts"));
        assert_eq!(upstream.received().last().unwrap().one("x-request-id"), Some("mine-1"));
        socket.send(Message::text("hi")).unwrap();
        assert_eq!(socket.read().unwrap(), Message::text("hi"));
    }
}

pub(crate) fn an_upstream_without_a_websocket_is_told_with_426(runtime: Runtime) {
    let bearer = format!("Bearer {TOKEN}");
    let bearer = [("authorization", bearer.as_str())];
    for status in [
        "200 OK",
        "404 Not Found",
        "405 Method Not Allowed",
        "501 Not Implemented",
    ] {
        let upstream = Upstream::answering(status, JSON, r#"{"detail":"Not Found"}"#);
        let gateway = Gateway::to(runtime, &upstream, json!({}));
        let answer = open(&gateway, "/v1/realtime?model=m", &bearer);
        assert_eq!(refused(answer), (426, "websocket_unsupported".into()), "{status}");
        assert_eq!(upstream.received().len(), 1);
    }
    let echo = Gateway::echo(runtime);
    assert_eq!(
        refused(open(&echo, "/v1/realtime?model=m", &bearer)),
        (426, "websocket_unsupported".into())
    );
    let upstream = Upstream::answering(
        "400 Bad",
        JSON,
        r#"{"error":{"message":"no","code":"beta_api_shape_disabled"}}"#,
    );
    let gateway = Gateway::to(runtime, &upstream, json!({"models": ["m"]}));
    assert_eq!(
        refused(open(&gateway, "/v1/realtime?model=m", &bearer)),
        (400, "beta_api_shape_disabled".into())
    );
    assert_eq!(
        refused(open(&gateway, "/v1/realtime?model=other", &bearer)),
        (404, "model_not_found".into())
    );
}

pub(crate) fn when_one_side_is_gone_the_other_is_let_go(runtime: Runtime) {
    let (gone, heard) = std::sync::mpsc::channel();
    let upstream = upstream(move |mut socket| {
        let leaves = socket.read().unwrap() == Message::text("leave");
        if !leaves {
            while socket.read().is_ok() {}
            gone.send(()).unwrap();
        }
    });
    let gateway = Gateway::to(runtime, &upstream, json!({}));
    let mut socket = opened(&gateway, "/v1/realtime?model=m");
    socket.send(Message::text("leave")).unwrap();
    let end = socket.read();
    assert!(matches!(&end, Err(_) | Ok(Message::Close(_))), "{end:?}");

    let mut socket = opened(&gateway, "/v1/realtime?model=m");
    socket.send(Message::text("stay")).unwrap();
    drop(socket);
    heard
        .recv_timeout(Duration::from_secs(60))
        .expect("the upstream's side is still open");
}

#[test]
fn a_websocket_on_which_nothing_is_said_ends() {
    let upstream = upstream(|mut socket| while socket.read().is_ok() {});
    let gateway = Gateway::to(Runtime::Native, &upstream, json!({"idle_timeout": 0.5}));
    let mut socket = opened(&gateway, "/v1/realtime?model=m");
    assert!(socket.read().is_err());
    gateway.wait_for_log("\"endpoint\":\"websocket\"");
}

#[test]
fn a_websocket_of_which_one_half_is_closed_ends() {
    let upstream = upstream(|mut socket| {
        // Deaf to the end of what the client says, and never done itself.
        while socket.send(Message::text("and another thing")).is_ok() {
            std::thread::sleep(Duration::from_millis(100));
        }
    });
    let gateway = Gateway::to(Runtime::Native, &upstream, json!({}));
    let mut socket = opened(&gateway, "/v1/realtime?model=m");
    socket.get_ref().shutdown(std::net::Shutdown::Write).unwrap();
    while socket.read().is_ok() {}
    gateway.wait_for_log("\"endpoint\":\"websocket\"");
}

#[test]
fn a_drain_lets_open_websockets_finish() {
    let upstream = upstream(echo);
    let mut gateway = Gateway::to(Runtime::Native, &upstream, json!({}));
    let mut socket = opened(&gateway, "/v1/realtime?model=m");
    gateway.terminate();
    gateway.wait_for_log("stopping");
    socket.send(Message::text("one more thing")).unwrap();
    assert_eq!(socket.read().unwrap(), Message::text("one more thing"));
    socket.close(None).unwrap();
    while socket.read().is_ok() {}
    assert_eq!(gateway.exit_code(), Some(0));
}

/// Requests that are no handshake are requests like others.
pub(crate) fn a_plain_request_to_the_same_path_is_passed_on(runtime: Runtime) {
    let upstream = Upstream::answering("400 Bad", JSON, r#"{"error":{"message":"use a WebSocket"}}"#);
    let gateway = Gateway::with_routes(runtime, &json!([route(TOKEN, &upstream, json!({}))]));
    let answer = gateway.raw(request("GET", "/v1/realtime?model=m", TOKEN, "", ""));
    assert_eq!(
        (answer.status, answer.text().as_str()),
        (400, r#"{"error":{"message":"use a WebSocket"}}"#)
    );
}
