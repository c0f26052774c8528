//! How much of a stream is held back for its first content.

use std::cell::Cell;

use ai_gateway::gateway::Body;

use crate::run;
use crate::sim::{Play, Sim};

const ROUTE: &str = r#"[{"token": "t", "base_url": "https://a.example/v1", "api_keys": ["a1", "a2"]}]"#;
const STREAM: &str = r#"{"model":"m","stream":true}"#;
const GOOD: &str = "data: {\"choices\":[{\"delta\":{\"content\":\"hi\"}}]}\n\n";
const KIB: usize = 1024;

/// So many KiB were held back when the head of an answer went out, and so many upstreams were asked, where the first one's stream
/// consists of these pieces, 100 of the second. Nothing where no stream was handed on.
fn held(first: &'static str, piece: &str, last: &'static str) -> (Option<usize>, usize) {
    let piece: &'static str = piece.to_owned().leak();
    run(async {
        let is_first = Cell::new(true);
        let sim = Sim::new(move |_| {
            let mut chunks = vec![(0, GOOD)];
            if is_first.take() {
                chunks = vec![(0, first)];
                chunks.extend([(1, piece); 100]);
                chunks.push((1, last));
            }
            Play::Answer {
                after: 0,
                status: 200,
                chunks,
            }
        });
        let answer = sim.chat(&sim.gateway(ROUTE), "x", STREAM).await;
        let held = match answer.response.into_body() {
            Body::Stream(relay) => Some(relay.read.len() / KIB),
            _ => None,
        };
        (held, sim.asked().len())
    })
}

#[test]
fn what_says_nothing_is_held_back_for_so_long_and_no_longer() {
    let created = format!(
        "data: {{\"type\":\"response.created\",\"x\":\"{}\"}}\n\n",
        "x".repeat(20 * KIB)
    );
    assert_eq!(held("data:\n\n", &created, GOOD), (Some(1042), 1));
    let comment = format!(": {}\n\n", "x".repeat(10 * KIB));
    assert_eq!(held("data:\n\n", &comment, GOOD), (Some(130), 1));
    // An event without end may be anything.
    assert_eq!(
        held("data: {\"x\":\"", &"x".repeat(20 * KIB), "\"}\n\n"),
        (Some(1040), 1)
    );
}

#[test]
fn an_error_is_read_to_its_end_and_need_not_be_held_for_that() {
    let text = "x".repeat(100 * KIB);
    for first in [
        "data: {\"error\":{\"message\":\"",
        "event: error\ndata: {\"message\":\"",
    ] {
        assert_eq!(held(first, &text, "\"}}\n\n"), (Some(0), 2), "{first}");
        assert_eq!(held(first, &text, ""), (Some(0), 2), "{first}, and no end");
    }
}
