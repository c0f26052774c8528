//! How often the core asks for memory, counted on a runtime that does nothing by itself. The counts are the same on every
//! machine, however busy it is, so each bound is what there is now. A change that needs more has to say so here.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot set up fails")]

#[path = "support/ready.rs"]
mod ready;

use allocation_counter::measure;
use bytes::Bytes;

use self::ready::traffic::{EVENTS, Kind, chat_answer, events};
use self::ready::{Ready, ask, request};

/// Allocations from a request to the end of its answer, when everything that is made once is there. Reading the request
/// and the answer off a connection, and writing them, is the shells' and not counted.
fn allocations(path: &str, body: &str, prepare: impl Fn(&Ready)) -> u64 {
    let ready = Ready::default();
    let gateway = ready.gateway(1);
    let mut needed = 0;
    for warm in [false, true] {
        let all = measure(|| {
            prepare(&ready);
            let request = request(path, Bytes::copy_from_slice(body.as_bytes()));
            needed = measure(|| assert!(ready.pass_on(ask(&gateway, request)) > 0)).count_total;
        });
        assert!(
            !warm || all.count_current == 0,
            "something of a request is kept: {all:?}"
        );
    }
    needed
}

/// A streamed chat of so many events, which come one by one.
fn streamed(count: usize) -> u64 {
    allocations("/v1/chat/completions", &Kind::Burst(1).request_body(), |ready| {
        let mut events = events("m");
        let end = events.split_off(EVENTS - 2);
        events.truncate(count - end.len());
        ready.will_stream([events, end].concat());
    })
}

#[test]
fn a_chat_asks_for_memory_no_more_often_than_it_did() {
    let chat = allocations("/v1/chat/completions", &Kind::Chat.request_body(), |ready| {
        ready.will_answer(chat_answer("m"));
    });
    assert!(chat <= 24, "{chat} allocations");
}

#[test]
fn a_translated_chat_asks_for_memory_no_more_often_than_it_did() {
    let simple = allocations("/chat", r#"{"message":"hi","model":"chat"}"#, |ready| {
        ready.will_answer(chat_answer("m"));
    });
    assert!(simple <= 57, "{simple} allocations");
}

#[test]
fn an_event_that_passes_by_needs_no_memory() {
    let (short, long) = (streamed(100), streamed(EVENTS));
    assert_eq!(long, short, "100 events more");
    assert!(short <= 36, "{short} allocations");
}
