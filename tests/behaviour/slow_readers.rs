//! Clients that do not read what they asked for: the upstream is slowed down, and little is held for them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::json;

use crate::http2::{self, Client};
use crate::support::upstream::{SSE, Upstream};
use crate::support::{Gateway, Runtime, chat};
use crate::tls::{self, Secure};

const STREAM: &str = r#"{"model":"m","stream":true}"#;
const CLIENTS: usize = 24;

/// What a stream may take of the native gateway's memory that nobody reads, in KiB: 64 that were read ahead, and what two
/// connections and the system's own way of counting take.
const EACH: usize = 160;

/// The same where one of both connections speaks HTTP/2, which keeps more.
const EACH_HTTP2: usize = 400;

/// What the sockets of both connections may hold of a stream, in bytes, and more.
const IN_SOCKETS: usize = 64 << 20;

pub(crate) fn a_client_that_does_not_read_slows_the_upstream_down(runtime: Runtime) {
    for fields in [json!({}), json!({"verify_end": true})] {
        let (upstream, sent) = endless();
        let gateway = Gateway::to(runtime, &upstream, fields);
        assert_slowed_down((runtime == Runtime::Native).then_some(EACH), &gateway, STREAM, &sent);
        upstream.wait_for_leaver();
    }
}

#[test]
fn a_client_that_does_not_read_slows_an_upstream_of_http_2_down() {
    let upstream = Secure::start("h2");
    let gateway = upstream.gateway(&json!({}), &[]);
    assert_slowed_down(Some(EACH_HTTP2), &gateway, &tls::stream("endless"), &upstream.seen.sent);
}

#[test]
fn a_client_of_http_2_that_does_not_read_slows_the_upstream_down() {
    let (upstream, sent) = endless();
    let gateway = Gateway::to(Runtime::Native, &upstream, json!({}));
    let begin = || {
        let mut client = Client::of(&gateway);
        let mut answer = client.ask(http2::chat(STREAM)).unwrap();
        assert!(client.next(&mut answer).is_some());
        (client, answer)
    };
    assert_bounded(Some(EACH_HTTP2), &gateway, begin, &sent);
    upstream.wait_for_leaver();
}

/// An upstream whose streams do not end, and how much of them it has sent.
fn endless() -> (Upstream, Arc<AtomicUsize>) {
    let sent = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&sent);
    let upstream = Upstream::start(move |_, to| {
        to.head("200 OK", SSE);
        let event = format!("data: {}\n\n", "x".repeat(8000));
        while to.is_open() {
            to.send(event.as_bytes());
            counted.fetch_add(event.len(), Ordering::Relaxed);
        }
    });
    (upstream, sent)
}

fn assert_slowed_down(each: Option<usize>, gateway: &Gateway, ask: &str, sent: &AtomicUsize) {
    let begin = || {
        let mut exchange = gateway.open(chat("", ask));
        exchange.wait_for("data: x");
        exchange
    };
    assert_bounded(each, gateway, begin, sent);
}

/// `each`: what a stream may take of the gateway's memory.
fn assert_bounded<C>(each: Option<usize>, gateway: &Gateway, begin: impl Fn() -> C, sent: &AtomicUsize) {
    let before = gateway.resident_kilobytes();
    let clients: Vec<C> = (0..CLIENTS).map(|_| begin()).collect();
    // Until nothing moves any more: the socket buffers of four ends are full.
    let mut last = usize::MAX;
    while sent.load(Ordering::Relaxed) != last {
        last = sent.load(Ordering::Relaxed);
        assert!(last < CLIENTS * IN_SOCKETS, "the upstream sends on and on");
        thread::sleep(Duration::from_millis(500));
    }
    let grown = gateway.resident_kilobytes().saturating_sub(before);
    assert!(
        each.is_none_or(|each| grown < CLIENTS * each),
        "{grown} KB more for {CLIENTS} streams that nobody reads, after {last} bytes"
    );
    drop(clients);
}
