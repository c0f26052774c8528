//! Clients that do not read what they asked for: the upstream is slowed down, and little is held for them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::upstream::{SSE, Upstream};
use crate::support::{Gateway, Runtime, chat};

const STREAM: &str = r#"{"model":"m","stream":true}"#;
const CLIENTS: usize = 24;

/// What a stream may take of the native gateway's memory that nobody reads, in KiB: 64 that were read ahead, and what two
/// connections and the system's own way of counting take.
const EACH: usize = 160;

/// What the sockets of both connections may hold of a stream, in bytes, and more.
const IN_SOCKETS: usize = 64 << 20;

pub(crate) fn a_client_that_does_not_read_slows_the_upstream_down(runtime: Runtime) {
    for fields in [json!({}), json!({"verify_end": true})] {
        assert_slowed_down(runtime, fields);
    }
}

fn assert_slowed_down(runtime: Runtime, fields: Value) {
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
    let gateway = Gateway::to(runtime, &upstream, fields);
    let before = gateway.resident_kilobytes();
    let mut exchanges: Vec<_> = (0..CLIENTS).map(|_| gateway.open(chat("", STREAM))).collect();
    for exchange in &mut exchanges {
        exchange.wait_for("data: x");
    }
    // Until nothing moves any more: the socket buffers of four ends are full.
    let mut last = usize::MAX;
    while sent.load(Ordering::Relaxed) != last {
        last = sent.load(Ordering::Relaxed);
        assert!(last < CLIENTS * IN_SOCKETS, "the upstream sends on and on");
        thread::sleep(Duration::from_millis(500));
    }
    let grown = gateway.resident_kilobytes().saturating_sub(before);
    assert!(
        runtime == Runtime::Worker || grown < CLIENTS * EACH,
        "{grown} KB more for {CLIENTS} streams that nobody reads, after {last} bytes"
    );
    for exchange in exchanges {
        exchange.leave();
    }
    upstream.wait_for_leaver();
}
