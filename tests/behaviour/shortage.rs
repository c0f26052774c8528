//! A binary that has no file descriptor left: its own trouble, and no upstream's.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::json;

use crate::support::upstream::{JSON, Upstream};
use crate::support::{Gateway, TOKEN, chat, request, route};

const ASK: &str = r#"{"model":"m"}"#;
const FILES: usize = 64;

/// Sends bytes on a connection that stays open, and reads until what comes ends like this.
fn ask(client: &mut TcpStream, bytes: &str, end: &[u8]) -> String {
    client
        .write_all(bytes.replace("connection: close\r\n", "").as_bytes())
        .unwrap();
    let (mut answer, mut buffer) = (Vec::new(), [0; 4096]);
    while !answer.ends_with(end) {
        let read = client.read(&mut buffer).unwrap();
        assert!(read > 0, "the connection ended: {}", String::from_utf8_lossy(&answer));
        answer.extend_from_slice(&buffer[..read]);
    }
    String::from_utf8(answer).unwrap()
}

/// Connections that take every descriptor there is.
fn crowd(gateway: &Gateway) -> Vec<TcpStream> {
    let number = |entry: &fs::DirEntry| entry.file_name().to_str().unwrap().parse::<usize>().unwrap();
    // Whoever runs the tests may have left it some beyond the limit.
    let open = || {
        let entries = fs::read_dir(format!("/proc/{}/fd", gateway.process_id())).unwrap();
        entries.filter(|entry| number(entry.as_ref().unwrap()) < FILES).count()
    };
    let mut clients = Vec::new();
    while open() < FILES {
        let mut client = TcpStream::connect(&gateway.address).unwrap();
        ask(&mut client, &request("GET", "/health", TOKEN, "", ""), b"}");
        clients.push(client);
    }
    clients
}

fn table(upstream: &Upstream, fallback: &Upstream) -> String {
    let own = route(TOKEN, upstream, json!({"fallbacks": ["other"]}));
    json!([own, route("gw-SECRET-other", fallback, json!({"name": "other"}))]).to_string()
}

#[test]
fn without_a_descriptor_nobody_is_blamed_and_nobody_else_is_asked() {
    let upstream = Upstream::answering("200 OK", JSON, r#"{"fine":1}"#);
    let fallback = Upstream::answering("200 OK", JSON, r#"{"fine":2}"#);
    let gateway = Gateway::after(
        &format!("ulimit -n {FILES}"),
        &[("GATEWAY_ROUTES", &table(&upstream, &fallback))],
    );
    let mut clients = crowd(&gateway);
    let answer = ask(clients.last_mut().unwrap(), &chat("", ASK), b"}");
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert!(
        answer.contains("\"overloaded\"") && answer.contains("\r\nretry-after: 1\r\n"),
        "{answer}"
    );
    assert!(
        answer.contains("\r\nx-gateway-attempts: 1\r\n") && !answer.contains("\r\nx-should-retry: "),
        "{answer}"
    );
    gateway.wait_for_log("the gateway is out of resources");
    drop(clients);
    assert_eq!(gateway.chat(ASK).text(), r#"{"fine":1}"#);
    assert_eq!((upstream.received().len(), fallback.received().len()), (1, 0));
}

#[test]
fn connections_that_nobody_uses_make_room() {
    let upstream = Upstream::answering("200 OK", JSON, r#"{"fine":1}"#);
    let kept = crate::reuse::Keeping::start(|_, _| (crate::reuse::FINE, false));
    let routes = json!([
        route(TOKEN, &upstream, json!({})),
        {"token": "gw-SECRET-kept", "base_url": kept.base_url, "api_keys": ["up-SECRET-1"]},
    ]);
    let gateway = Gateway::after(
        &format!("ulimit -n {FILES}"),
        &[("GATEWAY_ROUTES", &routes.to_string())],
    );
    let idle = gateway.raw(request("POST", "/v1/chat/completions", "gw-SECRET-kept", "", ASK));
    assert_eq!(idle.status, 200);
    let mut clients = crowd(&gateway);
    let answer = ask(clients.last_mut().unwrap(), &chat("", ASK), b"}");
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}
