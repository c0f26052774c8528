//! How often the core asks for memory, counted on a runtime that does nothing by itself. The counts are the same on every
//! machine, however busy it is, so each bound is what there is now. A change that needs more has to say so here.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot set up fails")]

#[path = "support/ready.rs"]
mod ready;

use ai_gateway::gateway::Gateway;
use allocation_counter::measure;
use bytes::Bytes;
use http::HeaderValue;

use self::ready::traffic::{EVENTS, Kind, chat_answer, events};
use self::ready::{Ready, ask, request};

/// Makes a gateway.
type Make = fn(&Ready) -> Gateway<Ready>;

const PASSING: Make = |ready| ready.gateway(1);
const TRANSLATING: Make = Ready::translating;

/// Allocations from a request to the end of its answer, when everything that is made once is there. Reading the request
/// and the answer off a connection, and writing them, is the shells' and not counted.
fn allocations(gateway: Make, path: &str, body: &str, prepare: impl Fn(&Ready)) -> u64 {
    allocations_with(("x-stainless-async", "false"), gateway, path, body, prepare)
}

/// The same for a request with this header.
fn allocations_with(
    (name, value): (&'static str, &'static str),
    gateway: Make,
    path: &str,
    body: &str,
    prepare: impl Fn(&Ready),
) -> u64 {
    let ready = Ready::default();
    let gateway = gateway(&ready);
    let mut needed = 0;
    for warm in [false, true] {
        let all = measure(|| {
            prepare(&ready);
            let mut request = request(path, Bytes::copy_from_slice(body.as_bytes()));
            request.headers_mut().insert(name, HeaderValue::from_static(value));
            needed = measure(|| assert!(ready.pass_on(ask(&gateway, request)) > 0)).count_total;
        });
        assert!(
            !warm || all.count_current == 0,
            "something of a request is kept: {all:?}"
        );
    }
    needed
}

/// A chat of so many events, which come one by one, for whoever asks at `path`.
fn streamed(gateway: Make, path: &str, count: usize) -> u64 {
    allocations(gateway, path, &Kind::Burst(1).request_body(), |ready| {
        let mut events = events("m");
        let end = events.split_off(EVENTS - 2);
        events.truncate(count - end.len());
        ready.will_stream([events, end].concat());
    })
}

#[test]
fn a_chat_asks_for_memory_no_more_often_than_it_did() {
    let chat = allocations(PASSING, "/v1/chat/completions", &Kind::Chat.request_body(), |ready| {
        ready.will_answer(chat_answer("m"));
    });
    assert!(chat <= 24, "{chat} allocations");
}

#[test]
fn to_choose_a_key_by_the_conversation_needs_no_memory() {
    let body = Kind::Chat.request_body();
    let counts = ["x-stainless-affinity", "x-session-affinity"].map(|name| {
        allocations_with((name, "s-1"), PASSING, "/v1/chat/completions", &body, |ready| {
            ready.will_answer(chat_answer("m"));
        })
    });
    assert_eq!(counts[0], counts[1]);
}

#[test]
fn a_translated_chat_asks_for_memory_no_more_often_than_it_did() {
    let simple = allocations(PASSING, "/chat", r#"{"message":"hi","model":"chat"}"#, |ready| {
        ready.will_answer(chat_answer("m"));
    });
    assert!(simple <= 58, "{simple} allocations");
}

#[test]
fn an_event_that_passes_by_needs_no_memory() {
    let [short, long] = [100, EVENTS].map(|count| streamed(PASSING, "/v1/chat/completions", count));
    assert_eq!(long, short, "100 events more");
    assert!(short <= 36, "{short} allocations");
}

#[test]
fn a_translated_event_asks_for_memory_no_more_often_than_it_did() {
    let [short, long] = [100, EVENTS].map(|count| streamed(TRANSLATING, "/v1/messages", count));
    let each = (long - short) as f64 / (EVENTS - 100) as f64;
    assert!(each <= 3.0, "{each} allocations");
}
