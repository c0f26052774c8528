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
fn this_machine_is_reached_without_a_proxy() {
    let upstream = Upstream::answering("200 OK", JSON, r#"{"fine":1}"#);
    for (host, variable) in [("127.0.0.1", "HTTP_PROXY"), ("localhost", "ALL_PROXY")] {
        let base_url = upstream.base_url.replace("127.0.0.1", host);
        let gateway = gateway(&base_url, &[(variable, "http://127.0.0.1:9")]);
        assert_eq!(gateway.chat(ASK).status, 200, "{host}");
    }
    for received in upstream.received() {
        assert_eq!(received.line(), "POST /v1/chat/completions HTTP/1.1");
    }
}

#[test]
fn a_star_excepts_numbers_as_well() {
    let proxy = Upstream::answering("200 OK", JSON, r#"{"fine":1}"#);
    // Nobody is there (RFC 5737); whoever asks the proxy gets an answer.
    let routes =
        json!([{"token": TOKEN, "base_url": "http://192.0.2.1/v1", "api_keys": ["up-SECRET-1"], "connect_timeout": 1}]);
    for (excepted, status) in [("*", 502), ("a.example, *", 502), ("a.example", 200)] {
        let variables = [
            ("GATEWAY_ROUTES", &*routes.to_string()),
            ("HTTP_PROXY", &*proxy.base_url.replace("/v1", "")),
            ("NO_PROXY", excepted),
        ];
        assert_eq!(
            Gateway::start(Runtime::Native, &variables).chat(ASK).status,
            status,
            "{excepted}"
        );
    }
    assert_eq!(proxy.received().len(), 1);
}

#[test]
fn a_proxy_that_wants_credentials_is_named_to_the_operator_alone() {
    let proxy = Upstream::answering(
        "407 Proxy Authentication Required",
        "proxy-authenticate: Basic realm=\"p\"\r\n",
        "<p>log in</p>",
    );
    let address = proxy.base_url.trim_start_matches("http://").trim_end_matches("/v1");
    for (base_url, variable) in [
        ("http://upstream.example/v1", "HTTP_PROXY"),
        ("https://upstream.example/v1", "HTTPS_PROXY"),
    ] {
        let gateway = gateway(base_url, &[(variable, address)]);
        let answer = gateway.chat(ASK);
        assert_eq!(answer.error(), (502, "upstream_unreachable".into()));
        assert!(!answer.text().contains(address) && answer.field("proxy-authenticate").is_none());
        gateway.wait_for_log(&format!("the proxy {address}"));
    }
}

#[test]
fn a_secure_upstream_is_reached_through_a_tunnel() {
    let upstream = super::tls::Secure::start("h2");
    let base_url = upstream.base_url.replace("localhost", "upstream.example");
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
        let target = target.replace("upstream.example", "127.0.0.1");
        let upstream = TcpStream::connect(target).unwrap();
        client.write_all(b"HTTP/1.1 200 Connected\r\n\r\n").unwrap();
        let (mut from, mut to) = (client.try_clone().unwrap(), upstream.try_clone().unwrap());
        thread::spawn(move || std::io::copy(&mut from, &mut to));
        let (mut from, mut to) = (upstream, client);
        let _ = std::io::copy(&mut from, &mut to);
    });
    let roots = upstream.certificate.path().to_str().unwrap();
    let gateway = gateway(&base_url, &[("HTTPS_PROXY", &proxy), ("SSL_CERT_FILE", roots)]);
    assert_eq!(gateway.chat(ASK).json()["version"], "HTTP/2.0");
}
