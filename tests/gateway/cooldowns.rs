//! How long a cooldown lasts, to the second, and what the list of cooldowns shows.

use std::sync::Arc;
use std::time::Duration;

use ai_gateway::gateway::State;
use ai_gateway::platform::{Fault, Moment};

use crate::sim::{Play, Sim, answer};
use crate::{CHAT, DONE, ROUTES, run, slow};

const STICKY: &str =
    r#"[{"token": "t", "base_url": "https://a.example/v1", "api_keys": ["a1", "a2", "a3"], "rotation": "sticky"}]"#;

#[test]
fn the_cooldown_of_a_key_lasts_as_long_as_its_failure_asks() {
    for (status, body, seconds) in [
        (401, "{}", 300),
        (403, "{}", 300),
        (400, r#"{"error":{"details":[{"reason":"API_KEY_INVALID"}]}}"#, 300),
        (402, "{}", 600),
        (429, r#"{"error":{"code":"insufficient_quota"}}"#, 600),
        (429, "{}", 20),
        (429, r#"{"error":{"details":[{"retryDelay":"90000s"}]}}"#, 3_600),
    ] {
        run(async {
            let sim = Sim::new(move |asked| {
                answer(
                    if asked.at == 0 { status } else { 200 },
                    if asked.at == 0 { body } else { DONE },
                )
            });
            let gateway = sim.gateway(STICKY);
            let ask = async |at: u64| {
                tokio::time::sleep(Duration::from_millis(at.saturating_sub(sim.time()))).await;
                sim.chat(&gateway, "x", CHAT).await;
                sim.asked().last().unwrap().key.clone()
            };
            let second = ask(0).await;
            let first = sim.asked()[0].key.clone();
            // It was refused after 10 ms.
            assert_eq!(ask(seconds * 1_000).await, second, "{status} {body}");
            assert_eq!(ask(seconds * 1_000 + 100).await, first, "{status} {body}");
        });
    }
}

#[test]
fn a_limited_key_is_left_alone_as_long_as_its_upstream_says_and_then_used_again() {
    run(async {
        let sim = Sim::new(|asked| {
            if asked.at == 0 {
                answer(429, r#"{"error":{"details":[{"retryDelay":"30s"}]}}"#)
            } else {
                answer(200, DONE)
            }
        });
        let gateway = sim.gateway(
            r#"[{"token": "t", "base_url": "https://a.example/v1", "api_keys": ["a1", "a2", "a3"], "rotation": "sticky"}]"#,
        );
        let ask = async |seconds: u64| {
            tokio::time::sleep(Duration::from_secs(seconds)).await;
            sim.chat(&gateway, "x", CHAT).await;
            sim.asked().last().unwrap().key.clone()
        };
        let second = ask(0).await;
        let first = sim.asked()[0].key.clone();
        assert_ne!(first, second);
        assert_eq!([ask(1).await, ask(28).await], [second.clone(), second]);
        assert_eq!([ask(2).await, ask(1).await], [first.clone(), first]);
    });
}

#[test]
fn a_failed_upstream_is_left_alone_and_probed_by_one_request_at_a_time() {
    run(async {
        let sim = Sim::new(|asked| match (asked.host.as_str(), asked.at) {
            ("a.example", 0..60_000) => slow(1_000, 503),
            _ => answer(200, DONE),
        });
        let gateway = sim.gateway(
            r#"[
            {"token": "t", "base_url": "https://a.example/v1", "api_keys": ["a1"], "max_attempts": 2, "fallbacks": ["b"]},
            {"token": "u", "name": "b", "base_url": "https://b.example/v1", "api_keys": ["b1"]}
        ]"#,
        );
        // Three requests each second for two minutes.
        for _ in 0..120 {
            let three = [0, 1, 2].map(|_| sim.chat(&gateway, "x", CHAT));
            for answer in futures_util::future::join_all(three).await {
                assert_eq!(answer.record.status, 200);
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        let probes: Vec<_> = sim
            .asked()
            .iter()
            .filter(|asked| asked.host == "a.example" && asked.at < 60_000)
            .map(|asked| asked.at / 1_000)
            .collect();
        assert!(
            probes.starts_with(&[0, 0, 0]) && (6..=8).contains(&probes.len()),
            "{probes:?}"
        );
        let gaps: Vec<_> = probes[2..].windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(
            gaps.iter()
                .zip([5, 10, 15, 15])
                .all(|(gap, least)| (least..=least + 4).contains(gap)),
            "{gaps:?}"
        );
        let last = sim.asked().last().unwrap().clone();
        assert_eq!(last.host, "a.example", "it recovered and is used again");
    });
}

#[test]
fn a_clock_that_is_set_back_lengthens_no_cooldown_and_keeps_no_list() {
    run(async {
        let sim = Sim::new(|asked| match (asked.host.as_str(), asked.at) {
            ("a.example", 0) => answer(503, "{}"),
            ("a.example", _) => answer(200, r#"{"data":[{"id":"m"}],"choices":[]}"#),
            _ => answer(200, DONE),
        });
        let gateway = sim.gateway(
            r#"[
            {"token": "t", "base_url": "https://a.example/v1", "api_keys": ["a1"], "fallbacks": ["b"]},
            {"token": "u", "name": "b", "base_url": "https://b.example/v1", "api_keys": ["b1"]}
        ]"#,
        );
        let asked = async || {
            sim.chat(&gateway, "x", CHAT).await;
            sim.asked().last().unwrap().host.clone()
        };
        assert_eq!(asked().await, "b.example");
        sim.set_back(24 * 60 * 60 * 1_000);
        tokio::time::sleep(Duration::from_secs(6)).await;
        assert_eq!(asked().await, "a.example", "its cooldown of 5 seconds is over");

        let before = sim.asked().len();
        sim.models(&gateway).await;
        sim.set_back(2 * 24 * 60 * 60 * 1_000);
        tokio::time::sleep(Duration::from_secs(61)).await;
        sim.models(&gateway).await;
        assert_eq!(sim.asked().len(), before + 4, "the lists of both are a minute old");
    });
}

#[test]
fn an_upstream_is_left_alone_for_the_model_that_failed_and_serves_the_others() {
    run(async {
        let sim = Sim::new(|asked| {
            let broken = asked.host == "a.example" && asked.body.contains("\"broken\"");
            answer(if broken { 503 } else { 200 }, DONE)
        });
        let gateway = sim.gateway(
            r#"[
            {"token": "t", "base_url": "https://a.example/v1", "api_keys": ["a1"], "fallbacks": ["b"]},
            {"token": "u", "name": "b", "base_url": "https://b.example/v1", "api_keys": ["b1"]}
        ]"#,
        );
        let asked = async |body| {
            sim.chat(&gateway, "x", body).await;
            sim.asked().last().unwrap().host.clone()
        };
        assert_eq!(asked(r#"{"model":"broken"}"#).await, "b.example");
        assert_eq!(asked(CHAT).await, "a.example");
        sim.chat(&gateway, "x", r#"{"model":"broken"}"#).await;
        let hosts: Vec<_> = sim.asked().into_iter().map(|asked| asked.host).collect();
        assert_eq!(hosts, ["a.example", "b.example", "a.example", "b.example"]);
    });
}

#[test]
fn when_the_gateway_itself_has_run_out_of_something_nobody_else_is_asked_and_nobody_is_left_alone() {
    run(async {
        let sim = Sim::new(|asked| {
            if asked.at == 0 {
                let fault = Fault::Exhausted("no file descriptor".into());
                Play::Fail { after: 0, fault }
            } else {
                answer(200, DONE)
            }
        });
        let gateway = sim.gateway(ROUTES);
        let refused = sim.chat(&gateway, "x", CHAT).await;
        assert_eq!((refused.record.status, refused.record.error), (503, Some("overloaded")));
        assert_eq!(refused.response.headers()["retry-after"], "1");
        assert!(!refused.response.headers().contains_key("x-should-retry"));
        assert_eq!(sim.asked().len(), 1);
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(sim.chat(&gateway, "x", CHAT).await.record.status, 200);
        let [first, second] = &sim.asked()[..] else {
            panic!("one more was asked")
        };
        assert_eq!((&first.host, &first.key), (&second.host, &second.key));
    });
}

#[test]
fn a_cooldown_is_listed_until_it_ends_and_outlives_the_table() {
    run(async {
        let sim = Sim::new(|asked| match asked.key.as_str() {
            "a1" => answer(401, "{}"),
            _ => answer(429, r#"{"error":{"details":[{"retryDelay":"30s"}]}}"#),
        });
        let state = Arc::new(State::default());
        let gateway = |name: &str, keys: &str| {
            let routes = format!(
                r#"[{{"token": "t", "name": "{name}", "base_url": "https://a.example/v1", "api_keys": [{keys}]}}]"#
            );
            sim.gateway_with(&routes, &state)
        };
        let listed = || {
            let now = Moment(sim.time());
            let lines = state.cooldowns(now).into_iter().map(|one| {
                let key = one
                    .key
                    .map(|key| format!(" {} {}", key.place, key.id))
                    .unwrap_or_default();
                let model = one.model.map(|model| format!(" {model}")).unwrap_or_default();
                let seconds = now.until(one.until).as_secs_f64().round();
                let (kind, reason) = (one.kind.as_str(), one.reason.as_str());
                format!("{} {kind}{key}{model}: {reason}, {seconds} s", one.route)
            });
            lines.collect::<Vec<_>>()
        };

        let before = gateway("one", r#""a1", "a2""#);
        assert!(listed().is_empty());
        assert_eq!(sim.chat(&before, "x", CHAT).await.record.attempts, 2);
        // The ids are the beginnings of the SHA-256 of `a1` and `a2`.
        let of_a1 = "one key 0 f55ff16f: key, 300 s";
        assert_eq!(listed(), [of_a1, "one key_and_model 1 2c3a4249 m: key_and_model, 30 s"]);

        tokio::time::sleep(Duration::from_secs(40)).await;
        let after = gateway("renamed", r#""a2", "a1""#);
        assert_eq!(listed(), ["one key 0 f55ff16f: key, 260 s"]);
        sim.chat(&after, "x", CHAT).await;
        let asked: Vec<_> = sim.asked()[2..].iter().map(|asked| asked.key.clone()).collect();
        assert_eq!(
            asked,
            ["a2", "a1"],
            "the key in a cooldown comes last wherever it stands"
        );
        assert_eq!(
            listed(),
            [
                "renamed key 1 f55ff16f: key, 300 s",
                "renamed key_and_model 0 2c3a4249 m: key_and_model, 30 s",
            ]
        );
    });
}

#[test]
fn a_failed_upstream_is_listed_with_the_model_that_failed_until_it_works_again() {
    run(async {
        let sim = Sim::new(|asked| answer(if asked.at == 0 { 503 } else { 200 }, DONE));
        let state = Arc::new(State::default());
        let gateway = sim.gateway_with(
            r#"[{"token": "t", "name": "one", "base_url": "https://a.example/v1", "api_keys": ["a1"]}]"#,
            &state,
        );
        let listed = || state.cooldowns(Moment(sim.time()));
        sim.chat(&gateway, "x", CHAT).await;
        let [one] = &listed()[..] else {
            panic!("one cooldown is listed")
        };
        assert_eq!((one.kind.as_str(), one.reason.as_str()), ("upstream", "upstream"));
        assert_eq!((one.key.as_ref(), one.model.as_deref()), (None, Some("m")));
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(listed().len(), 1);
        sim.chat(&gateway, "x", CHAT).await;
        assert!(
            listed().is_empty(),
            "it works again before its cooldown would have ended"
        );
    });
}
