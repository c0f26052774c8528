//! Clients that do not read what they asked for: the upstream is slowed down, and little is held for them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use http::Response;
use hyper::body::Incoming;
use serde_json::json;

use crate::http2::{self, Client};
use crate::support::client::Exchange;
use crate::support::upstream::{SSE, Upstream};
use crate::support::{Gateway, Runtime, TOKEN, chat, request};
use crate::tls::{self, Secure};

const CLIENTS: usize = 24;

/// What a stream may take of the native gateway's memory because nobody reads it, in KiB: 64 of its bytes, and as much again for how
/// they lie there.
const EACH: usize = 128;

/// What the sockets of both connections may hold of a stream, in bytes, and more.
const IN_SOCKETS: usize = 64 << 20;

pub(crate) fn a_client_that_does_not_read_slows_the_upstream_down(runtime: Runtime) {
    for fields in [json!({}), json!({"verify_end": true})] {
        let (upstream, sent) = endless();
        let gateway = Gateway::to(runtime, &upstream, fields);
        assert_bounded(runtime, &gateway, begin(&gateway), &sent);
        upstream.wait_for_leaver();
    }
}

#[test]
fn a_client_that_does_not_read_slows_an_upstream_of_http_2_down() {
    let upstream = Secure::start("h2");
    let gateway = upstream.gateway(&json!({}), &[]);
    // A connection that takes whole answers, of which more may be read ahead, is there already.
    assert_eq!(gateway.chat(r#"{"model":"m"}"#).status, 200);
    assert_bounded(Runtime::Native, &gateway, begin(&gateway), &upstream.seen.sent);
}

#[test]
fn a_client_of_http_2_that_does_not_read_slows_the_upstream_down() {
    let (upstream, sent) = endless();
    let gateway = Gateway::to(Runtime::Native, &upstream, json!({}));
    assert_bounded(Runtime::Native, &gateway, begin_http2(&gateway), &sent);
    upstream.wait_for_leaver();
}

#[test]
fn a_client_of_http_2_that_does_not_read_slows_an_upstream_of_http_2_down() {
    let upstream = Secure::start("h2");
    let gateway = upstream.gateway(&json!({}), &[]);
    assert_bounded(Runtime::Native, &gateway, begin_http2(&gateway), &upstream.seen.sent);
}

/// An upstream whose streams do not end where they are asked not to and else say no more than one event, and how much of the
/// endless ones it has sent.
#[test]
fn downloads_that_nobody_reads_are_in_nobodys_way_over_http_2() {
    let upstream = Secure::start("h2");
    let gateway = upstream.gateway(&json!({}), &[]);
    let download = request("GET", "/v1/files/endless/content", TOKEN, "", "");
    // More than a connection lets wait by default.
    let _clients: Vec<Exchange> = (0..CLIENTS)
        .map(|_| {
            let mut exchange = gateway.open(&download);
            exchange.wait_for("data: ");
            exchange
        })
        .collect();
    until_nothing_moves(&upstream.seen.sent);
    assert_eq!(gateway.chat(r#"{"model":"m"}"#).json()["version"], "HTTP/2.0");
    assert_eq!(upstream.seen.connections.load(Ordering::SeqCst), 1);
}

/// Until the socket buffers of four ends are full.
fn until_nothing_moves(sent: &AtomicUsize) {
    let mut last = usize::MAX;
    while sent.load(Ordering::Relaxed) != last {
        last = sent.load(Ordering::Relaxed);
        assert!(last < CLIENTS * IN_SOCKETS, "the upstream sends on and on");
        thread::sleep(Duration::from_millis(500));
    }
}

fn endless() -> (Upstream, Arc<AtomicUsize>) {
    let sent = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&sent);
    let upstream = Upstream::start(move |received, to| {
        to.head("200 OK", SSE);
        // Longer than what a stream may take: its lines are not kept either.
        let event = format!("data: {}\n\n", "x".repeat(200_000));
        to.send(event.as_bytes());
        while received.text().contains("endless") && to.is_open() {
            for piece in event.as_bytes().chunks(8000) {
                to.send(piece);
                counted.fetch_add(piece.len(), Ordering::Relaxed);
            }
        }
        to.hang();
    });
    (upstream, sent)
}

fn begin(gateway: &Gateway) -> impl Fn(&str) -> Exchange {
    |model| {
        let mut exchange = gateway.open(chat("", &tls::stream(model)));
        exchange.wait_for("data: ");
        exchange
    }
}

fn begin_http2(gateway: &Gateway) -> impl Fn(&str) -> (Client, Response<Incoming>) {
    |model| {
        let mut client = Client::of(gateway);
        let mut answer = client.ask(http2::chat(&tls::stream(model))).unwrap();
        assert!(client.next(&mut answer).is_some());
        (client, answer)
    }
}

/// `begin` begins a stream of a model; of that of `endless` ones `sent` says how much was sent.
fn assert_bounded<C>(runtime: Runtime, gateway: &Gateway, begin: impl Fn(&str) -> C, sent: &AtomicUsize) {
    let mut clients = Vec::new();
    let mut growth = |model: &str| {
        let before = gateway.resident_kilobytes();
        clients.extend((0..CLIENTS).map(|_| begin(model)));
        until_nothing_moves(sent);
        gateway.resident_kilobytes().saturating_sub(before)
    };
    // The first ones find a gateway that has nothing yet of what it keeps.
    growth("stall");
    let (idle, full) = (growth("stall"), growth("endless"));
    assert!(
        runtime == Runtime::Worker || full <= idle + CLIENTS * EACH,
        "{idle} KB more for {CLIENTS} streams that say nothing, {full} KB for as many that nobody reads"
    );
}
