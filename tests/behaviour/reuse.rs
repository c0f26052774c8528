//! Connections to upstreams that have served a request before, and end when they are used again.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use serde_json::{Value, json};

use crate::support::{Gateway, Runtime, TOKEN, request};

const ASK: &str = r#"{"model":"m"}"#;
pub(crate) const FINE: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 10\r\n\r\n{\"fine\":1}";

/// What an upstream says to a request, and whether it closes the connection behind that, without a word about it.
pub(crate) type Says = fn(&str, usize) -> (&'static str, bool);

/// An upstream that keeps its connections.
pub(crate) struct Keeping {
    pub(crate) base_url: String,
    connections: Arc<AtomicUsize>,
    requests: Arc<AtomicUsize>,
}

impl Keeping {
    /// `says` is asked with the request, and with the number of those that its connection had before.
    pub(crate) fn start(says: Says) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let keeping = Self {
            base_url: format!("http://{}/v1", listener.local_addr().unwrap()),
            connections: Arc::default(),
            requests: Arc::default(),
        };
        let (connections, requests) = (Arc::clone(&keeping.connections), Arc::clone(&keeping.requests));
        thread::spawn(move || {
            for stream in listener.incoming() {
                connections.fetch_add(1, Ordering::SeqCst);
                let requests = Arc::clone(&requests);
                thread::spawn(move || serve(&mut stream.unwrap(), says, &requests));
            }
        });
        keeping
    }

    fn gateway(&self, runtime: Runtime) -> Gateway {
        let routes = json!([{"token": TOKEN, "base_url": self.base_url, "api_keys": ["up-SECRET-1"]}]);
        Gateway::with_routes(runtime, &routes)
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

fn serve(stream: &mut TcpStream, says: Says, requests: &AtomicUsize) {
    for before in 0.. {
        let (mut bytes, mut buffer) = (Vec::new(), [0; 65_536]);
        // Every request ends like this.
        while !bytes.ends_with(b"}") {
            match stream.read(&mut buffer) {
                Ok(read @ 1..) => bytes.extend_from_slice(&buffer[..read]),
                _ => return,
            }
        }
        requests.fetch_add(1, Ordering::SeqCst);
        let (answer, closes) = says(&String::from_utf8_lossy(&bytes), before);
        let _ = stream.write_all(answer.as_bytes());
        if closes {
            return;
        }
    }
}

pub(crate) fn a_key_does_not_meet_the_connection_that_another_ones_failure_closed(runtime: Runtime) {
    let upstream = Keeping::start(|asked, _| {
        if asked.contains("SECRET-bad") {
            let refusal = "HTTP/1.1 401 No\r\ncontent-type: application/json\r\ncontent-length: 61\r\n\r\n{\"error\":{\"message\":\"m\",\"type\":\"t\",\"param\":null,\"code\":null}}";
            (refusal, true)
        } else {
            (FINE, false)
        }
    });
    let routes: Vec<Value> = (0..20)
        .map(|number| {
            let keys = json!([format!("up-SECRET-bad-{number}"), "up-SECRET-good"]);
            json!({"token": format!("gw-SECRET-{number}"), "base_url": upstream.base_url, "api_keys": keys})
        })
        .collect();
    let gateway = Gateway::with_routes(runtime, &json!(routes));
    let mut failed_over = 0;
    for number in 0..20 {
        let token = format!("gw-SECRET-{number}");
        let answer = gateway.raw(request("POST", "/v1/chat/completions", &token, "", ASK));
        assert_eq!((answer.status, answer.text().as_str()), (200, "{\"fine\":1}"));
        failed_over += usize::from(answer.field("x-gateway-attempts") == Some("2"));
    }
    assert!(failed_over > 0, "no bad key came first");
}

#[test]
fn a_connection_that_ends_without_a_byte_of_an_answer_costs_one_more_and_no_error() {
    let upstream = Keeping::start(|_, before| if before == 0 { (FINE, false) } else { ("", true) });
    let gateway = upstream.gateway(Runtime::Native);
    for count in 1..=4 {
        let answer = gateway.chat(ASK);
        assert_eq!((answer.status, answer.field("x-gateway-attempts")), (200, Some("1")));
        assert_eq!(upstream.connections(), count);
    }
    assert_eq!(upstream.requests(), 7, "each but the first was sent twice");
}

#[test]
fn an_answer_that_has_begun_is_not_asked_for_again() {
    for begun in ["H", "HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 200 OK\r\ncontent-le"] {
        let says: Says = match begun.len() {
            1 => |_, before| if before == 0 { (FINE, false) } else { ("H", true) },
            25 => |_, before| {
                if before == 0 {
                    (FINE, false)
                } else {
                    ("HTTP/1.1 100 Continue\r\n\r\n", true)
                }
            },
            _ => |_, before| {
                if before == 0 {
                    (FINE, false)
                } else {
                    ("HTTP/1.1 200 OK\r\ncontent-le", true)
                }
            },
        };
        let upstream = Keeping::start(says);
        let gateway = upstream.gateway(Runtime::Native);
        assert_eq!(gateway.chat(ASK).status, 200);
        let answer = gateway.chat(ASK);
        assert_eq!(answer.error(), (502, "upstream_unreachable".into()), "{begun}");
        assert_eq!((upstream.connections(), upstream.requests()), (1, 2), "{begun}");
    }
}

#[test]
fn a_new_connection_that_ends_so_is_a_failure() {
    let upstream = Keeping::start(|_, _| ("", true));
    let answer = upstream.gateway(Runtime::Native).chat(ASK);
    assert_eq!(answer.error(), (502, "upstream_unreachable".into()));
    assert_eq!(upstream.connections(), 1);
}

#[test]
fn a_connection_is_used_no_longer_than_its_upstream_keeps_it() {
    const SHORT: &str = "HTTP/1.1 200 OK\r\nkeep-alive: timeout=1, max=9\r\ncontent-type: application/json\r\ncontent-length: 10\r\n\r\n{\"fine\":1}";
    const LONG: &str = "HTTP/1.1 200 OK\r\nkeep-alive: timeout=60\r\ncontent-type: application/json\r\ncontent-length: 10\r\n\r\n{\"fine\":1}";
    let cases: [(Says, usize); 2] = [(|_, _| (SHORT, false), 3), (|_, _| (LONG, false), 1)];
    for (says, connections) in cases {
        let upstream = Keeping::start(says);
        let gateway = upstream.gateway(Runtime::Native);
        for _ in 0..3 {
            assert_eq!(gateway.chat(ASK).status, 200);
        }
        assert_eq!(upstream.connections(), connections);
    }
}

#[test]
fn what_cannot_be_sent_again_goes_out_on_a_connection_of_its_own() {
    let upstream = Keeping::start(|_, before| if before == 0 { (FINE, false) } else { ("", true) });
    let gateway = upstream.gateway(Runtime::Native);
    assert_eq!(gateway.chat(ASK).status, 200);
    // More than is kept to be sent again.
    let body = format!("{}}}", "x".repeat(9 * 1024 * 1024));
    let answer = gateway.raw(request(
        "POST",
        "/v1/files",
        TOKEN,
        "content-type: text/plain\r\n",
        &body,
    ));
    assert_eq!((answer.status, answer.text().as_str()), (200, "{\"fine\":1}"));
    assert_eq!(upstream.connections(), 2);
}
