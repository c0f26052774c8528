//! Proxies that the environment names, on the binary's way to its upstreams.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use serde_json::json;

use crate::support::upstream::{JSON, Upstream};
use crate::support::{Gateway, Runtime, TOKEN};

const ASK: &str = r#"{"model":"m"}"#;

fn gateway(base_url: &str, variables: &[(&str, &str)]) -> Gateway {
    let routes = json!([{"token": TOKEN, "base_url": base_url, "api_keys": ["up-SECRET-1"]}]).to_string();
    Gateway::start(Runtime::Native, &[&[("GATEWAY_ROUTES", &*routes)], variables].concat())
}

#[test]
fn a_proxy_is_told_the_whole_address_and_its_own_password() {
    let proxy = Upstream::answering("200 OK", JSON, r#"{"fine":1}"#);
    let address = proxy
        .base_url
        .replace("http://", "http://user:word@")
        .replace("/v1", "");
    let gateway = gateway("http://upstream.example/v1", &[("HTTP_PROXY", &address)]);
    assert_eq!(gateway.chat(ASK).status, 200);
    let received = proxy.only();
    assert_eq!(
        received.line(),
        "POST http://upstream.example/v1/chat/completions HTTP/1.1"
    );
    assert_eq!(received.one("host"), Some("upstream.example"));
    assert_eq!(received.one("proxy-authorization"), Some("Basic dXNlcjp3b3Jk"));
}

#[test]
fn an_upstream_that_is_excepted_is_reached_without_the_proxy() {
    let upstream = Upstream::answering("200 OK", JSON, r#"{"fine":1}"#);
    let variables = [("HTTP_PROXY", "http://127.0.0.1:9"), ("NO_PROXY", "127.0.0.1")];
    assert_eq!(gateway(&upstream.base_url, &variables).chat(ASK).status, 200);
    assert_eq!(upstream.only().line(), "POST /v1/chat/completions HTTP/1.1");
}

#[test]
fn a_secure_upstream_is_reached_through_a_tunnel() {
    let upstream = super::tls::Secure::start("h2");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        let (mut head, mut byte) = (Vec::new(), [0]);
        while !head.ends_with(b"\r\n\r\n") {
            client.read_exact(&mut byte).unwrap();
            head.extend(byte);
        }
        let head = String::from_utf8(head).unwrap();
        let target = head.strip_prefix("CONNECT ").unwrap().split(' ').next().unwrap();
        let upstream = TcpStream::connect(target).unwrap();
        client.write_all(b"HTTP/1.1 200 Connected\r\n\r\n").unwrap();
        let (mut from, mut to) = (client.try_clone().unwrap(), upstream.try_clone().unwrap());
        thread::spawn(move || std::io::copy(&mut from, &mut to));
        let (mut from, mut to) = (upstream, client);
        let _ = std::io::copy(&mut from, &mut to);
    });
    let roots = upstream.certificate.path().to_str().unwrap();
    let gateway = gateway(&upstream.base_url, &[("HTTPS_PROXY", &proxy), ("SSL_CERT_FILE", roots)]);
    assert_eq!(gateway.chat(ASK).json()["version"], "HTTP/2.0");
}
