//! The core on a simulated runtime with virtual time: what it does when, to the millisecond.

#![expect(clippy::unwrap_used, reason = "a test that cannot set up fails")]

#[path = "support/sim.rs"]
mod sim;

use std::collections::HashSet;
use std::time::Duration;

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
        Just(Fault::TooLarge)
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
