//! When a request waits for a key whose rate limit ends soon.

use std::time::Duration;

use crate::sim::{Play, Sim, answer};
use crate::{CHAT, DONE, EVENT, STREAM, run, stream};

const LIMITED: &str = r#"{"error":{"message":"slow down","details":[{"retryDelay":"3s"}]}}"#;
const LIMITED_LONG: &str = r#"{"error":{"message":"slow down","details":[{"retryDelay":"60s"}]}}"#;

/// One upstream with these keys and a field besides.
fn route(keys: &str, field: &str) -> String {
    format!(r#"[{{"token": "t", "base_url": "https://a.example/v1", "api_keys": [{keys}], {field}}}]"#)
}

/// The keys and milliseconds at which the upstream was asked.
fn times(sim: &Sim) -> Vec<(String, u64)> {
    sim.asked().into_iter().map(|asked| (asked.key, asked.at)).collect()
}

/// Limited until so many seconds have passed since the beginning.
fn limited_until(seconds: u64) -> impl Fn(&crate::sim::Asked) -> Play {
    move |asked| {
        let is_limited = asked.at < seconds * 1_000;
        answer(
            if is_limited { 429 } else { 200 },
            if is_limited { LIMITED } else { DONE },
        )
    }
}

#[test]
fn a_request_waits_for_the_end_of_a_limit_and_asks_that_key_once_more() {
    run(async {
        let sim = Sim::new(limited_until(3));
        // The waiting is not a part of the route's time.
        let gateway = sim.gateway(&route(r#""a1""#, r#""retry_wait": 5, "timeout": 1"#));
        for body in [CHAT, STREAM] {
            let answer = sim.chat(&gateway, "x", body).await;
            assert_eq!(answer.record.status, 200);
        }
        let expected = [("a1", 0), ("a1", 3_010), ("a1", 3_020)];
        assert_eq!(times(&sim), expected.map(|(key, at)| (key.to_owned(), at)));
    });
}

#[test]
fn a_request_that_comes_while_all_keys_are_limited_waits_as_well() {
    run(async {
        let sim = Sim::new(limited_until(3));
        let gateway = sim.gateway(&route(r#""a1", "a2""#, r#""retry_wait": 5"#));
        let early = sim.chat(&gateway, "x", CHAT);
        let late = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            sim.chat(&gateway, "y", CHAT).await
        };
        let (early, late) = futures_util::future::join(early, late).await;
        assert_eq!((early.record.status, early.record.attempts), (200, 3));
        assert_eq!(
            (late.record.status, late.record.attempts),
            (200, 1),
            "it asked nobody in vain"
        );
    });
}

#[test]
fn without_the_field_nothing_waits() {
    run(async {
        let sim = Sim::new(limited_until(3));
        let gateway = sim.gateway(&route(r#""a1""#, r#""retry_wait": 0"#));
        for _ in 0..2 {
            let answer = sim.chat(&gateway, "x", CHAT).await;
            assert_eq!(answer.record.status, 429);
        }
        assert_eq!(times(&sim).len(), 2, "a limit changes the order and refuses nothing");
    });
}

#[test]
fn a_limit_that_lasts_longer_is_passed_on_and_then_refused_without_asking() {
    run(async {
        let sim = Sim::new(|_| answer(429, LIMITED_LONG));
        let gateway = sim.gateway(&route(r#""a1", "a2""#, r#""retry_wait": 5"#));
        let first = sim.chat(&gateway, "x", CHAT).await;
        assert_eq!((first.record.status, first.record.attempts, sim.time()), (429, 2, 20));
        assert_eq!(first.response.headers()["retry-after"], "60");

        let second = sim.chat(&gateway, "x", CHAT).await;
        assert_eq!(
            (second.record.status, second.record.error),
            (503, Some("no_key_available"))
        );
        let headers = second.response.headers();
        assert_eq!(
            (headers["retry-after"].to_str().unwrap(), headers.get("x-should-retry")),
            ("60", None)
        );
        assert_eq!((sim.asked().len(), sim.time()), (2, 20));

        // Another model has limits of its own.
        sim.chat(&gateway, "x", r#"{"model":"other"}"#).await;
        assert_eq!(sim.asked().len(), 4);
    });
}

#[test]
fn a_key_is_asked_once_more_and_not_again_and_again() {
    run(async {
        let sim = Sim::new(|_| answer(429, LIMITED));
        let gateway = sim.gateway(&route(r#""a1""#, r#""retry_wait": 60"#));
        let answer = sim.chat(&gateway, "x", CHAT).await;
        assert_eq!((answer.record.status, answer.record.attempts), (429, 2));
        assert_eq!(answer.response.headers()["retry-after"], "3");
    });
}

#[test]
fn nothing_waits_while_a_fallback_is_awake() {
    run(async {
        let sim = Sim::new(|asked| match asked.key.as_str() {
            "b1" => answer(200, DONE),
            _ => answer(429, LIMITED),
        });
        let gateway = sim.gateway(
            r#"[{"token": "t", "base_url": "https://a.example/v1", "api_keys": ["a1", "a2"], "retry_wait": 5, "fallbacks": ["b"]},
                {"token": "u", "name": "b", "base_url": "https://b.example/v1", "api_keys": ["b1"]}]"#,
        );
        let answer = sim.chat(&gateway, "x", CHAT).await;
        assert_eq!((answer.record.status, answer.record.attempts, sim.time()), (200, 3, 30));
    });
}

#[test]
fn a_request_waits_beside_a_dead_key_and_not_for_one() {
    run(async {
        let sim = Sim::new(|asked| match asked.key.as_str() {
            "dead" => answer(401, "{}"),
            _ => limited_until(3)(asked),
        });
        let both = sim.gateway(&route(r#""a1", "dead""#, r#""retry_wait": 5"#));
        let answer = sim.chat(&both, "x", CHAT).await;
        assert_eq!((answer.record.status, sim.asked().len()), (200, 3));
        let before = sim.time();
        let dead = sim.gateway(&route(r#""dead""#, r#""retry_wait": 5"#));
        for _ in 0..2 {
            let answer = sim.chat(&dead, "x", CHAT).await;
            assert_eq!(answer.record.error, Some("upstream_auth_failed"));
        }
        assert_eq!((sim.asked().len(), sim.time() - before), (5, 20));
    });
}

#[test]
fn a_client_that_leaves_ends_the_wait() {
    run(async {
        let sim = Sim::new(limited_until(3));
        let gateway = sim.gateway(&route(r#""a1""#, r#""retry_wait": 5"#));
        let left = tokio::time::timeout(Duration::from_secs(1), sim.chat(&gateway, "x", CHAT)).await;
        assert!(left.is_err());
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert_eq!((sim.asked().len(), sim.open()), (1, 0));
    });
}

#[test]
fn a_stream_that_begins_with_a_limit_waits_as_well() {
    run(async {
        let sim = Sim::new(|asked| {
            let limited =
                "data: {\"error\":{\"code\":429,\"message\":\"slow down\",\"details\":[{\"retryDelay\":\"3s\"}]}}\n\n";
            stream(&[(0, if asked.at < 3_000 { limited } else { EVENT })])
        });
        let gateway = sim.gateway(&route(r#""a1""#, r#""retry_wait": 5"#));
        let answer = sim.chat(&gateway, "x", STREAM).await;
        assert_eq!((answer.record.status, answer.record.attempts), (200, 2));
        let body = sim.read(answer.response.into_body()).await.unwrap();
        assert!(body.ends_with(EVENT) && !body.contains("slow down"), "{body}");
    });
}
