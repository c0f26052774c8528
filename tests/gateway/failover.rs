//! What an outage costs, when its end is found, and how long a first token may take.

use std::time::Duration;

use crate::sim::{Play, Sim, answer};
use crate::{CHAT, DONE, EVENT, ROLE, STREAM, run, slow, stream};

const DONE_EVENT: &str = "data: [DONE]\n\n";

/// Asks once a second, and returns the seconds and keys at which upstreams were asked.
async fn ask_each_second(sim: &Sim, routes: &str, seconds: u64) -> Vec<(u64, String)> {
    let gateway = sim.gateway(routes);
    for second in 0..seconds {
        tokio::time::sleep(Duration::from_millis((second * 1_000).saturating_sub(sim.time()))).await;
        let answer = sim.chat(&gateway, &format!("id-{second}"), CHAT).await;
        assert_eq!(answer.record.status, 200, "at {second} s");
    }
    let asked = sim.asked().into_iter();
    asked.map(|asked| (asked.at / 1_000, asked.key)).collect()
}

#[test]
fn an_outage_behind_one_address_is_the_keys_or_the_models_and_is_not_paid_for_by_every_request() {
    for fallback in [
        r#""api_keys": ["b1"]"#,
        r#""api_keys": ["a1", "a2"], "default_model": "other""#,
    ] {
        run(async {
            let sim = Sim::new(|asked| {
                let is_broken = asked.key.starts_with('a') && asked.body.contains(r#""m""#);
                answer(if is_broken { 503 } else { 200 }, DONE)
            });
            let routes = format!(
                r#"[{{"token": "t", "base_url": "https://a.example/v1", "api_keys": ["a1", "a2"], "fallbacks": ["b"]}},
                    {{"token": "u", "name": "b", "base_url": "https://a.example/v1", {fallback}}}]"#
            );
            // Two keys at 0 s, then one at 5 s and one at 15 s.
            let asked = ask_each_second(&sim, &routes, 20).await;
            assert_eq!(asked.len(), 20 + 2 + 1 + 1, "{fallback}: {asked:?}");
        });
    }
}

#[test]
fn an_outage_costs_one_attempt_in_10_seconds_and_its_end_is_found_within_15() {
    for ends in [9_u64, 21, 31, 61, 150] {
        run(async {
            let sim = Sim::new(move |asked| {
                let is_broken = asked.host == "a.example" && asked.at < ends * 1_000;
                answer(if is_broken { 503 } else { 200 }, DONE)
            });
            let routes = r#"[
                {"token": "t", "base_url": "https://a.example/v1", "api_keys": ["a1", "a2", "a3"], "fallbacks": ["b"]},
                {"token": "u", "name": "b", "base_url": "https://b.example/v1", "api_keys": ["b1"]}]"#;
            let asked = ask_each_second(&sim, routes, ends + 30).await;
            let of_primary: Vec<u64> = asked
                .iter()
                .filter(|(_, key)| key.starts_with('a'))
                .map(|(at, _)| *at)
                .collect();
            let probes: Vec<u64> = of_primary.iter().copied().filter(|at| (1..ends).contains(at)).collect();
            assert!(probes.len() as u64 <= ends / 10 + 1, "{ends}: {probes:?}");
            assert!(
                probes.windows(2).all(|pair| pair[0] < pair[1]),
                "one key at a time: {probes:?}"
            );
            let found = *of_primary.iter().find(|at| **at >= ends).unwrap();
            assert!(found <= ends + 15, "{ends}: found at {found}");
            let since = of_primary.iter().filter(|at| **at >= found).count() as u64;
            assert_eq!(since, ends + 30 - found, "it serves every request again");
        });
    }
}

/// Two upstreams: `a` has this field besides, and `b` is its fallback.
fn with_fallback(field: &str) -> String {
    format!(
        r#"[{{"token": "t", "base_url": "https://a.example/v1", "api_keys": ["a1", "a2"], "timeout": 60, {field}, "fallbacks": ["b"]}},
            {{"token": "u", "name": "b", "base_url": "https://b.example/v1", "api_keys": ["b1"]}}]"#
    )
}

/// The hosts and milliseconds at which upstreams were asked.
fn times(sim: &Sim) -> Vec<(String, u64)> {
    sim.asked().into_iter().map(|asked| (asked.host, asked.at)).collect()
}

#[test]
fn a_stream_without_content_goes_to_a_fallback_after_first_token_timeout() {
    for beginning in [
        Play::Silence,
        stream(&[(30_000, EVENT)]),
        stream(&[(100, ROLE), (30_000, EVENT)]),
    ] {
        run(async {
            let sim = Sim::new(move |asked| match asked.host.as_str() {
                "a.example" => beginning.clone(),
                _ => stream(&[(0, EVENT)]),
            });
            let gateway = sim.gateway(&with_fallback(r#""first_token_timeout": 2"#));
            let answer = sim.chat(&gateway, "x", STREAM).await;
            assert_eq!(times(&sim), [("a.example".into(), 0), ("b.example".into(), 2_000)]);
            assert_eq!((answer.record.status, sim.open()), (200, 1), "the first is let go");
        });
    }
}

#[test]
fn first_token_timeout_ends_nothing_that_could_still_be_the_answer() {
    for (field, body, broken) in [
        // Whole answers have the whole time.
        (r#""first_token_timeout": 2"#, CHAT, "a.example"),
        // No other attempt is left.
        (r#""first_token_timeout": 2, "max_attempts": 1"#, STREAM, "a.example"),
        // It counts to the first content, and not behind that.
        (r#""first_token_timeout": 6"#, STREAM, "a.example"),
        // A fallback that rests does not serve.
        (r#""first_token_timeout": 2"#, STREAM, "both"),
    ] {
        run(async {
            let sim = Sim::new(move |asked| match asked.host.as_str() {
                "b.example" if broken == "both" => answer(503, "{}"),
                "a.example" if asked.at < 1_000 && broken == "both" => answer(503, "{}"),
                _ if asked.body.contains("stream") => stream(&[(5_000, EVENT), (20_000, DONE_EVENT)]),
                _ => slow(5_000, 200),
            });
            let gateway = sim.gateway(&with_fallback(field));
            if broken == "both" {
                sim.chat(&gateway, "x", STREAM).await;
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            let before = sim.asked().len();
            // The first of them to wake is asked, and its content comes late.
            let answer = sim.chat(&gateway, "x", body).await;
            assert_eq!(
                (answer.record.status, answer.record.attempts),
                (200, 1),
                "{field} {broken}"
            );
            assert_eq!(sim.asked()[before].host, "a.example", "{field} {broken}");
        });
    }
}

#[test]
fn the_error_of_a_first_token_that_came_too_late_names_that_time() {
    run(async {
        let sim = Sim::new(|asked| match asked.host.as_str() {
            "a.example" => Play::Silence,
            _ => answer(401, "{}"),
        });
        let gateway = sim.gateway(&with_fallback(r#""first_token_timeout": 2.5"#));
        let answer = sim.chat(&gateway, "x", STREAM).await;
        assert_eq!(
            (answer.record.status, answer.record.error),
            (504, Some("upstream_timeout"))
        );
        let body = sim.read(answer.response.into_body()).await.unwrap();
        assert!(body.contains("within 2.5 seconds"), "{body}");
    });
}

#[test]
fn an_upstream_that_is_silent_is_left_alone_after_first_token_timeout_and_found_within_15_seconds() {
    run(async {
        let sim = Sim::new(|asked| match (asked.host.as_str(), asked.at) {
            ("a.example", ..60_000) => Play::Silence,
            _ => stream(&[(0, EVENT)]),
        });
        let gateway = sim.gateway(&with_fallback(r#""first_token_timeout": 2"#));
        for second in 0..100 {
            tokio::time::sleep(Duration::from_millis((second * 1_000_u64).saturating_sub(sim.time()))).await;
            let answer = sim.chat(&gateway, &format!("id-{second}"), STREAM).await;
            assert_eq!(answer.record.status, 200, "at {second} s");
        }
        let of_primary: Vec<u64> = times(&sim)
            .into_iter()
            .filter(|(host, _)| host == "a.example")
            .map(|(_, at)| at / 1_000)
            .collect();
        let probes = of_primary.iter().filter(|at| **at < 60).count();
        assert!((4..=6).contains(&probes), "{of_primary:?}");
        let found = *of_primary.iter().find(|at| **at >= 60).unwrap();
        assert!(found <= 75, "{of_primary:?}");
        assert_eq!(of_primary.iter().filter(|at| **at >= found).count() as u64, 100 - found);
    });
}

#[test]
fn another_key_of_the_same_upstream_is_not_asked_for_a_first_token() {
    run(async {
        let sim = Sim::new(|_| stream(&[(5_000, EVENT)]));
        let gateway = sim.gateway(
            r#"[{"token": "t", "base_url": "https://a.example/v1", "api_keys": ["a1", "a2"], "first_token_timeout": 2}]"#,
        );
        let answer = sim.chat(&gateway, "x", STREAM).await;
        assert_eq!(
            (answer.record.status, answer.record.attempts, sim.time()),
            (200, 1, 5_010)
        );
    });
}
