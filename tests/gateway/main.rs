//! The core on a simulated runtime with virtual time: what it does when, to the millisecond.

#![expect(clippy::unwrap_used, reason = "a test that cannot set up fails")]

mod bench;
mod bodies;
mod bridge;
mod cooldowns;
mod failover;
mod held;
mod lists;
mod overflow;
#[path = "../support/sim.rs"]
mod sim;
mod waiting;

use std::collections::HashSet;
use std::time::Duration;

use ai_gateway::gateway::Body;
use ai_gateway::platform::Fault;
use proptest::prelude::*;

use self::sim::{Play, Sim, answer};

const CHAT: &str = r#"{"model":"m","messages":[{"role":"user","content":"hi"}]}"#;
const DONE: &str = r#"{"choices":[]}"#;

/// The route `t` with three keys and 10 seconds, and its fallback with two keys and 20.
const ROUTES: &str = r#"[
    {"token": "t", "base_url": "https://a.example/v1", "api_keys": ["a1", "a2", "a3"], "timeout": 10, "max_attempts": 5, "fallbacks": ["b"]},
    {"token": "u", "name": "b", "base_url": "https://b.example/v1", "api_keys": ["b1", "b2"], "timeout": 20}
]"#;

fn slow(after: u64, status: u16) -> Play {
    Play::Answer {
        after,
        status,
        chunks: vec![(0, DONE)],
    }
}

/// Runs a test on a clock that stands still until everything waits.
fn run<T>(test: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap()
        .block_on(test)
}

#[test]
fn the_keys_of_a_route_share_its_time() {
    run(async {
        let sim = Sim::new(|asked| match (asked.host.as_str(), asked.at) {
            ("a.example", 0) => slow(4_000, 500),
            ("a.example", _) => Play::Silence,
            _ => slow(15_000, 200),
        });
        let gateway = sim.gateway(ROUTES);
        let answer = sim.chat(&gateway, "x", CHAT).await;
        let times: Vec<_> = sim.asked().into_iter().map(|asked| (asked.host, asked.at)).collect();
        let expected = [("a.example", 0), ("a.example", 4_000), ("b.example", 10_000)];
        assert_eq!(times, expected.map(|(host, at)| (host.to_owned(), at)));
        assert_eq!(
            (answer.record.status, answer.record.attempts, sim.time()),
            (200, 3, 25_000)
        );
    });
}

#[test]
fn silence_everywhere_ends_with_504_when_the_time_of_every_upstream_is_up() {
    run(async {
        let sim = Sim::new(|_| Play::Silence);
        let gateway = sim.gateway(ROUTES);
        let answer = sim.chat(&gateway, "x", CHAT).await;
        assert_eq!(
            (answer.record.status, answer.record.attempts, sim.time()),
            (504, 2, 30_000)
        );
        assert_eq!(sim.open(), 0);
    });
}

#[test]
fn an_answer_that_stalls_in_the_middle_is_no_answer() {
    run(async {
        let sim = Sim::new(|asked| match asked.host.as_str() {
            "a.example" => Play::Answer {
                after: 1_000,
                status: 200,
                chunks: vec![(0, "{\"choices\":"), (60_000, "[]}")],
            },
            _ => answer(200, DONE),
        });
        let gateway = sim.gateway(ROUTES);
        let answer = sim.chat(&gateway, "x", CHAT).await;
        assert_eq!((answer.record.attempts, sim.time()), (2, 10_010));
        assert_eq!(sim.read(answer.response.into_body()).await.unwrap(), DONE);
        assert_eq!(sim.open(), 0);
    });
}

#[test]
fn a_client_that_leaves_takes_the_request_upstream_along() {
    run(async {
        let sim = Sim::new(|_| Play::Silence);
        let gateway = sim.gateway(ROUTES);
        let left = tokio::time::timeout(Duration::from_secs(3), sim.chat(&gateway, "x", CHAT)).await;
        assert!(left.is_err());
        assert_eq!((sim.asked().len(), sim.open()), (1, 0));
    });
}

#[test]
fn a_client_that_leaves_a_stream_takes_it_along() {
    run(async {
        let sim = Sim::new(|_| Play::Answer {
            after: 5,
            status: 200,
            chunks: vec![(0, "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n"); 50],
        });
        let gateway = sim.gateway(ROUTES);
        let answer = sim
            .chat(&gateway, "x", r#"{"model":"m","stream":true,"messages":[]}"#)
            .await;
        assert_eq!((answer.record.status, sim.open()), (200, 1));
        drop(answer);
        assert_eq!(sim.open(), 0);
    });
}

#[test]
fn a_fallback_is_asked_for_a_model_that_it_knows() {
    run(async {
        let sim = Sim::new(|asked| answer(if asked.host == "a.example" { 503 } else { 200 }, DONE));
        let gateway = sim.gateway(
            r#"[
            {"token": "t", "base_url": "https://a.example/v1", "api_keys": ["a1"], "max_attempts": 3, "fallbacks": ["b"]},
            {"token": "u", "name": "b", "base_url": "https://b.example/v1", "api_keys": ["b1"], "default_model": "own"}
        ]"#,
        );
        sim.chat(&gateway, "x", CHAT).await;
        let bodies: Vec<_> = sim.asked().into_iter().map(|asked| asked.body).collect();
        assert_eq!(bodies, [CHAT.to_owned(), CHAT.replace("\"m\"", "\"own\"")]);
    });
}

#[test]
fn a_model_in_the_path_has_the_name_that_each_upstream_knows() {
    run(async {
        let sim = Sim::new(|asked| answer(if asked.host == "a.example" { 503 } else { 200 }, DONE));
        let gateway = sim.gateway(
            r#"[
            {"token": "t", "base_url": "https://a.example/v1", "api_keys": ["a1"], "max_attempts": 3, "fallbacks": ["b"],
             "aliases": {"fast": "mini"}, "default_model": "usual"},
            {"token": "u", "name": "b", "base_url": "https://b.example/v1", "api_keys": ["b1"], "default_model": "own"}
        ]"#,
        );
        let body = r#"{"contents":[{"parts":[{"text":"hi"}]}]}"#;
        for (path, model) in [
            ("/v1beta/models/fast:generateContent", "mini"),
            ("/v1/models/x%2Fy:generateContent", "x/y"),
            ("/v1beta/models/:streamGenerateContent?alt=sse", "usual"),
        ] {
            let before = sim.asked().len();
            sim.post(&gateway, (path, "application/json"), &[(0, body)]).await;
            let asked = sim.asked().into_iter().skip(before);
            let models: Vec<_> = asked
                .map(|asked| serde_json::from_str::<serde_json::Value>(&asked.body).unwrap()["model"].clone())
                .collect();
            assert_eq!(models, [model, "own"], "{path}");
        }
    });
}

const STREAM: &str = r#"{"model":"m","stream":true,"messages":[]}"#;
const EVENT: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"},\"finish_reason\":\"stop\"}]}\n\n";

const ROLE: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n";

fn stream(chunks: &[(u64, &'static str)]) -> Play {
    Play::Answer {
        after: 10,
        status: 200,
        chunks: std::iter::once((0, "data:\n\n"))
            .chain(chunks.iter().copied())
            .collect(),
    }
}

#[test]
fn a_streams_head_is_held_until_its_first_content_while_there_is_another_key() {
    run(async {
        let sim = Sim::new(|_| stream(&[(3_000, ": wait\n\n"), (2_000, EVENT)]));
        let gateway = sim.gateway(ROUTES);
        let answer = sim.chat(&gateway, "x", STREAM).await;
        assert_eq!((answer.record.attempts, sim.time()), (1, 5_010));
        let body = sim.read(answer.response.into_body()).await.unwrap();
        assert_eq!(body, format!("data:\n\n: wait\n\n{EVENT}"));
    });
}

#[test]
fn the_last_attempts_head_goes_out_at_once() {
    run(async {
        for last in [
            r#""api_keys": ["a1"]"#,
            r#""api_keys": ["a1", "a2"], "max_attempts": 1"#,
        ] {
            let sim = Sim::new(|_| stream(&[(9_000, EVENT)]));
            let gateway = sim.gateway(&format!(
                r#"[{{"token": "t", "base_url": "https://a.example/v1", {last}}}]"#
            ));
            sim.chat(&gateway, "x", STREAM).await;
            assert_eq!(sim.time(), 10, "{last}");
        }
    });
}

#[test]
fn no_head_is_held_for_more_than_15_seconds() {
    run(async {
        let sim = Sim::new(|_| stream(&[(20_000, EVENT)]));
        let gateway = sim.gateway(r#"[{"token": "t", "base_url": "https://a.example/v1", "api_keys": ["a1", "a2"]}]"#);
        let answer = sim.chat(&gateway, "x", STREAM).await;
        assert_eq!((answer.record.attempts, sim.time()), (1, 15_010));
        let body = answer.response.into_body();
        // Of the route's 300 s.
        let left = Duration::from_millis(300_000 - 15_010);
        assert!(matches!(&body, Body::Stream(relay) if relay.first_within == left));
        let body = sim.read(body).await.unwrap();
        assert!(body.ends_with(EVENT), "what was on its way is not lost: {body}");
    });
}

#[test]
fn a_stream_that_fails_before_its_first_content_is_failed_over() {
    for beginning in [
        &[][..],
        &[(5, ": only a comment\n\n")],
        &[(5, "data: {\"error\":{\"message\":\"overloaded\"}}\n\n")],
        &[(5, "data: [DONE]\n\n")],
        &[(5, ROLE)],
        &[(5, ROLE), (5, "data: {\"error\":{\"message\":\"overloaded\"}}\n\n")],
    ] {
        run(async {
            let sim = Sim::new(move |asked| stream(if asked.at == 0 { beginning } else { &[(0, EVENT)] }));
            let gateway = sim.gateway(ROUTES);
            let answer = sim.chat(&gateway, "x", STREAM).await;
            assert_eq!(answer.record.attempts, 2, "{beginning:?}");
            let body = sim.read(answer.response.into_body()).await.unwrap();
            assert_eq!(body, format!("data:\n\n{EVENT}"));
        });
    }
}

/// Anything an upstream may do.
fn play() -> impl Strategy<Value = Play> {
    let status = prop_oneof![
        Just(200),
        Just(400),
        Just(401),
        Just(429),
        Just(500),
        Just(503),
        Just(302)
    ];
    let fault = prop_oneof![
        Just(Fault::Connect("refused".into())),
        Just(Fault::Reset("broken".into())),
        Just(Fault::Malformed("two lengths".into())),
        Just(Fault::Timeout)
    ];
    let chunks = proptest::collection::vec((0_u64..9_000, prop_oneof![Just(DONE), Just(""), Just("<html>")]), 0..3);
    prop_oneof![
        Just(Play::Silence),
        (0_u64..15_000, fault).prop_map(|(after, fault)| Play::Fail { after, fault }),
        (0_u64..15_000, status, chunks).prop_map(|(after, status, chunks)| Play::Answer { after, status, chunks }),
    ]
}

proptest! {
    #[test]
    fn whatever_the_upstreams_do_there_is_one_answer_in_time(plays in proptest::collection::vec(play(), 5), id in "[a-z]{1,6}") {
        let once = || run(async {
            let plays = plays.clone();
            let sim = Sim::new(move |asked| plays[usize::from(asked.key.as_bytes()[1] % 5)].clone());
            let gateway = sim.gateway(ROUTES);
            let answer = sim.chat(&gateway, &id, CHAT).await;
            let (status, attempts) = (answer.record.status, answer.record.attempts);
            (status, attempts, sim.read(answer.response.into_body()).await.unwrap(), sim.asked(), sim.time(), sim.open())
        });
        let (status, attempts, body, asked, time, open) = once();
        prop_assert_eq!(once(), (status, attempts, body.clone(), asked.clone(), time, open), "the same again");
        prop_assert!([200, 400, 429, 500, 502, 503, 504].contains(&status), "{}", status);
        prop_assert!(!body.is_empty());
        prop_assert!(attempts == asked.len() && attempts <= 5);
        let keys: HashSet<_> = asked.iter().map(|asked| asked.key.clone()).collect();
        prop_assert_eq!(keys.len(), asked.len(), "a key was tried twice");
        prop_assert!(time <= 30_000, "the time of both upstreams is 30 s, and it took {}", time);
        prop_assert_eq!(open, 0);
    }
}

#[test]
fn a_list_of_models_is_fresh_for_a_minute_and_stands_in_for_an_hour() {
    run(async {
        let sim = Sim::new(|asked| {
            if asked.at < 60_000 {
                answer(200, r#"{"data":[{"id":"m"}]}"#)
            } else {
                answer(500, r#"{"error":{"message":"oops"}}"#)
            }
        });
        let gateway = sim.gateway(r#"[{"token": "t", "base_url": "https://a.example/v1", "api_keys": ["a1"]}]"#);
        for (at, status, asked, old) in [
            (0, 200, 1, false),
            (59_000, 200, 1, false),
            (61_000, 200, 2, true),
            (3_600_000, 200, 3, true),
            (3_601_000, 500, 4, false),
        ] {
            tokio::time::sleep(Duration::from_millis(at - sim.time().min(at))).await;
            let answer = sim.models(&gateway).await;
            let warned = answer.response.headers().contains_key("warning");
            assert_eq!(
                (answer.record.status, sim.asked().len(), warned),
                (status, asked, old),
                "{at}"
            );
        }
    });
}
