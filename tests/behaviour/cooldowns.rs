//! How long what failed is left alone, and that nothing is refused because it rests.

#![expect(clippy::disallowed_types, reason = "a native test has a native clock")]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::client::Answer;
use crate::support::upstream::{JSON, Received, Upstream};
use crate::support::{Gateway, Runtime, TOKEN, request, route};

const BODY: &str = r#"{"model":"m"}"#;
const FINE: &str = r#"{"fine":1}"#;
const FIRST: &str = "Bearer up-SECRET-1";
const SECOND: &str = "Bearer up-SECRET-2";

fn attempts(answer: &Answer) -> usize {
    answer.field("x-gateway-attempts").unwrap().parse().unwrap()
}

fn keys(upstream: &Upstream) -> Vec<String> {
    let key = |received: &Received| received.one("authorization").unwrap().to_owned();
    upstream.received().iter().map(key).collect()
}

/// An id whose request begins with the first key.
fn id_of_the_first_key(gateway: &Gateway, upstream: &Upstream) -> String {
    let begins = |id: &String| {
        let before = upstream.received().len();
        gateway.chat_with(&format!("x-request-id: {id}\r\n"), r#"{"model":"other"}"#);
        keys(upstream)[before] == FIRST
    };
    (0..64).map(|id| id.to_string()).find(begins).unwrap()
}

pub(crate) fn the_log_says_how_long_each_failure_lets_a_key_rest(runtime: Runtime) {
    const QUOTA: &str = r#"{"error":{"code":"insufficient_quota"}}"#;
    const INVALID: &str = r#"[{"error":{"code":400,"details":[{"reason":"API_KEY_INVALID"}]}}]"#;
    const RETRY_INFO: &str = r#"[{"error":{"code":429,"details":[{"retryDelay":"34s"}]}}]"#;
    let cases = [
        ("401 No", "", "{}", "300"),
        ("403 No", "", "{}", "300"),
        ("400 Bad", "", INVALID, "300"),
        ("402 Pay", "", "{}", "600"),
        ("429 Slow", "", QUOTA, "600"),
        ("429 Slow", "retry-after: 7\r\n", QUOTA, "600"),
        ("429 Slow", "", r#"{"error":{"type":"insufficient_quota"}}"#, "600"),
        ("429 Slow", "", "{}", "20"),
        ("429 Slow", "retry-after: 7\r\n", "{}", "7"),
        ("429 Slow", "retry-after-ms: 6500\r\n", "{}", "6.5"),
        ("429 Slow", "x-ratelimit-reset-requests: 1m2s\r\n", "{}", "62"),
        ("429 Slow", "x-ratelimit-reset-tokens: 450ms\r\n", "{}", "0.45"),
        ("429 Slow", "x-ratelimit-reset-requests: 30\r\n", "{}", "30"),
        ("429 Slow", "", RETRY_INFO, "34"),
        ("429 Slow", "retry-after: 100000\r\n", "{}", "3600"),
        (
            "429 Slow",
            "retry-after: Thu, 01 Jan 2099 00:00:00 GMT\r\n",
            "{}",
            "3600",
        ),
    ];
    let upstream = Upstream::start(move |received, to| {
        let case: usize = received.line().split('/').nth(1).unwrap().parse().unwrap();
        let (status, fields, body, _) = cases[case];
        to.answer(status, &format!("{JSON}{fields}"), body);
    });
    let root = upstream.base_url.trim_end_matches("/v1");
    let routes: Vec<_> = (0..cases.len())
        .map(|case| json!({"token": format!("gw-SECRET-{case}"), "name": format!("case-{case}"), "base_url": format!("{root}/{case}"), "api_keys": ["up-SECRET-1"]}))
        .collect();
    let gateway = Gateway::with_routes(runtime, &json!(routes));
    let told = |case: usize| {
        let failure = format!("case-{case} key 1: ");
        gateway.raw(request(
            "POST",
            "/v1/chat/completions",
            &format!("gw-SECRET-{case}"),
            JSON,
            BODY,
        ));
        gateway.wait_for_log(&failure);
        let log = gateway.log();
        let rest = &log[log.find(&failure).unwrap() + failure.len()..];
        rest.split('"').next().unwrap().to_owned()
    };
    let expected = cases.map(|(status, _, _, seconds)| format!("status {}, rests {seconds} s", &status[..3]));
    assert_eq!((0..cases.len()).map(told).collect::<Vec<_>>(), expected);
}

pub(crate) fn a_limited_key_is_passed_over_until_its_time_is_up(runtime: Runtime) {
    let upstream = Upstream::start(|received, to| {
        let limited = received.one("authorization") == Some(FIRST) && received.text() == BODY;
        if limited {
            to.answer("429 Slow", &format!("{JSON}retry-after: 2\r\n"), "{}");
        } else {
            to.answer("200 OK", JSON, FINE);
        }
    });
    // Twice as long as the key rests: what the gateway gives another request, which is sent behind its failure.
    let slow = Upstream::start(|_, to| to.hang());
    let routes = json!([
        route(TOKEN, &upstream, json!({})),
        route("gw-SECRET-b", &slow, json!({"timeout": 4})),
    ]);
    let gateway = Gateway::with_routes(runtime, &routes);
    let id = format!("x-request-id: {}\r\n", id_of_the_first_key(&gateway, &upstream));
    let begin = Instant::now();
    assert_eq!(attempts(&gateway.chat_with(&id, BODY)), 2);
    let late = gateway.open(request("POST", "/v1/chat/completions", "gw-SECRET-b", JSON, BODY));
    let mut passed_over = 0;
    let mut is_over = false;
    while attempts(&gateway.chat_with(&id, BODY)) == 1 {
        passed_over += 1;
        assert!(!is_over, "it rests for longer than it was told");
        thread::sleep(Duration::from_millis(50));
        is_over = late.has_come();
    }
    let rested = begin.elapsed();
    assert!(
        rested >= Duration::from_secs(2),
        "{rested:?}, passed over {passed_over} times"
    );
}

pub(crate) fn a_limit_holds_for_its_model_and_an_empty_quota_for_all(runtime: Runtime) {
    for (body, attempts_for_another_model) in [
        (r#"{"error":{"code":"rate_limit_exceeded"}}"#, 2),
        (r#"{"error":{"code":"insufficient_quota"}}"#, 1),
    ] {
        let upstream = Upstream::start(move |received, to| {
            let bad = received.one("authorization") == Some(FIRST) && !received.text().contains("other");
            if bad {
                to.answer("429 Slow", &format!("{JSON}retry-after: 600\r\n"), body);
            } else {
                to.answer("200 OK", JSON, FINE);
            }
        });
        let gateway = Gateway::to(runtime, &upstream, json!({}));
        let id = format!("x-request-id: {}\r\n", id_of_the_first_key(&gateway, &upstream));
        let asked = |model: &str| attempts(&gateway.chat_with(&id, &format!("{{\"model\":\"{model}\"}}")));
        assert_eq!([asked("m"), asked("m")], [2, 1], "{body}");
        assert_eq!(asked("n"), attempts_for_another_model, "{body}");
    }
}

pub(crate) fn a_key_that_is_refused_rests_alone(runtime: Runtime) {
    let upstream = Upstream::start(|received, to| match received.one("authorization") {
        Some(FIRST) => to.answer("401 No", JSON, "{}"),
        _ => to.answer("200 OK", JSON, FINE),
    });
    let fields = json!({"api_keys": ["up-SECRET-1", "up-SECRET-2", "up-SECRET-3"]});
    let gateway = Gateway::to(runtime, &upstream, fields);
    let ask = || {
        let before = upstream.received().len();
        for id in 0..12 {
            assert_eq!(gateway.chat_with(&format!("x-request-id: {id}\r\n"), BODY).status, 200);
        }
        keys(&upstream).split_off(before)
    };
    ask();
    let again = ask();
    for key in [SECOND, "Bearer up-SECRET-3"] {
        assert!(again.iter().any(|asked| asked == key), "{key} rests as well: {again:?}");
    }
}

pub(crate) fn a_key_that_serves_again_is_the_first_again(runtime: Runtime) {
    let bad = Arc::new(Mutex::new(""));
    let worse = Arc::clone(&bad);
    let upstream = Upstream::start(move |received, to| {
        let is_bad = received.one("authorization") == Some(*worse.lock().unwrap()) && received.text() == BODY;
        match received.one("authorization") {
            Some(FIRST) if is_bad => to.answer("401 No", JSON, "{}"),
            Some(SECOND) if is_bad => to.answer("429 Slow", &format!("{JSON}retry-after: 600\r\n"), "{}"),
            _ => to.answer("200 OK", JSON, FINE),
        }
    });
    let gateway = Gateway::to(runtime, &upstream, json!({}));
    let id = format!("x-request-id: {}\r\n", id_of_the_first_key(&gateway, &upstream));
    for key in [FIRST, SECOND] {
        *bad.lock().unwrap() = key;
        assert_eq!(attempts(&gateway.chat_with(&id, BODY)), 2, "{key}");
    }
    // The first key has rested for all models, and has served meanwhile; the second rests for that one model.
    gateway.chat_with(&id, r#"{"model":"n"}"#);
    assert_eq!(keys(&upstream).pop().unwrap(), FIRST);
}

pub(crate) fn a_limited_key_that_serves_again_is_the_first_again(runtime: Runtime) {
    let bad = Arc::new(Mutex::new(""));
    let worse = Arc::clone(&bad);
    let upstream = Upstream::start(move |received, to| {
        let is_bad = received.one("authorization") == Some(*worse.lock().unwrap()) && received.text() == BODY;
        match received.one("authorization") {
            Some(FIRST) if is_bad => to.answer("429 Slow", &format!("{JSON}retry-after: 600\r\n"), "{}"),
            Some(SECOND) if is_bad => to.answer("401 No", JSON, "{}"),
            _ => to.answer("200 OK", JSON, FINE),
        }
    });
    let gateway = Gateway::to(runtime, &upstream, json!({}));
    let id = format!("x-request-id: {}\r\n", id_of_the_first_key(&gateway, &upstream));
    for key in [FIRST, SECOND] {
        *bad.lock().unwrap() = key;
        assert_eq!(attempts(&gateway.chat_with(&id, BODY)), 2, "{key}");
    }
    // The first key has rested for this model, and has served meanwhile; the second would wake before that rest is over.
    assert_eq!(attempts(&gateway.chat_with(&id, BODY)), 1);
    assert_eq!(keys(&upstream).pop().unwrap(), FIRST);
}

pub(crate) fn when_every_key_rests_the_one_that_wakes_first_is_tried(runtime: Runtime) {
    let upstream = Upstream::start(|received, to| {
        let seconds = if received.one("authorization") == Some(FIRST) {
            600
        } else {
            300
        };
        to.answer("429 Slow", &format!("{JSON}retry-after: {seconds}\r\n"), "{}");
    });
    let gateway = Gateway::to(runtime, &upstream, json!({}));
    for id in 0..8 {
        let answer = gateway.chat_with(&format!("x-request-id: {id}\r\n"), BODY);
        assert_eq!((answer.status, attempts(&answer)), (429, 2), "rest never refuses");
    }
    let firsts: Vec<_> = keys(&upstream).into_iter().skip(2).step_by(2).collect();
    assert_eq!(firsts, [SECOND; 7]);
}

pub(crate) fn what_recovers_is_served_again_at_once_where_nothing_else_is_awake(runtime: Runtime) {
    for status in ["401 No", "402 Pay", "429 Slow", "503 Busy"] {
        let asked = AtomicUsize::new(0);
        let upstream = Upstream::start(move |_, to| {
            if asked.fetch_add(1, Ordering::Relaxed) == 0 {
                to.answer(status, JSON, "{}");
            } else {
                to.answer("200 OK", JSON, FINE);
            }
        });
        let gateway = Gateway::to(runtime, &upstream, json!({"api_keys": ["up-SECRET-1"]}));
        assert_ne!(gateway.chat(BODY).status, 200, "{status}");
        let again = gateway.chat(BODY);
        assert_eq!((again.status, again.text().as_str()), (200, FINE), "{status}");
    }
}

pub(crate) fn what_recovers_is_served_again_at_once_where_its_fallback_rests_too(runtime: Runtime) {
    let upstream = || {
        let asked = AtomicUsize::new(0);
        Upstream::start(move |_, to| {
            if asked.fetch_add(1, Ordering::Relaxed) == 0 {
                to.answer("503 Busy", JSON, "{}");
            } else {
                to.answer("200 OK", JSON, FINE);
            }
        })
    };
    let (first, second) = (upstream(), upstream());
    let fields = json!({"fallbacks": ["second"], "api_keys": ["up-SECRET-1"], "max_attempts": 2});
    let gateway = with_fallback(runtime, (&first, fields), &second);
    let failed = gateway.chat(BODY);
    assert_eq!((failed.status, attempts(&failed)), (503, 2));
    let again = gateway.chat(BODY);
    assert_eq!((again.status, again.text().as_str()), (200, FINE));
}

/// A gateway whose route to the first upstream, with these fields, falls back to the second.
fn with_fallback(runtime: Runtime, (first, fields): (&Upstream, Value), second: &Upstream) -> Gateway {
    let routes = json!([
        route(TOKEN, first, fields),
        route("gw-SECRET-other", second, json!({"name": "second"})),
    ]);
    Gateway::with_routes(runtime, &routes)
}

pub(crate) fn a_failed_upstream_rests_and_is_then_asked_by_one_request_at_a_time(runtime: Runtime) {
    let (release, released) = channel::<()>();
    let (asked, released) = (AtomicUsize::new(0), Mutex::new(released));
    let broken = Upstream::start(move |_, to| {
        match asked.fetch_add(1, Ordering::Relaxed) {
            0 => return to.answer("503 Busy", JSON, "{}"),
            1 => released.lock().unwrap().recv_timeout(Duration::from_secs(60)).unwrap(),
            _ => {}
        }
        to.answer("200 OK", JSON, r#"{"again":1}"#);
    });
    let second = Upstream::answering("200 OK", JSON, FINE);
    let gateway = with_fallback(
        runtime,
        (&broken, json!({"fallbacks": ["second"], "api_keys": ["up-SECRET-1"]})),
        &second,
    );
    let begin = Instant::now();
    assert_eq!(attempts(&gateway.chat(BODY)), 2);
    thread::scope(|scope| {
        // Asks until it is the one that finds out, which takes as long as that is kept waiting.
        let probe = scope.spawn(|| {
            loop {
                let answer = gateway.chat(BODY);
                if answer.text() != FINE || begin.elapsed() > Duration::from_secs(60) {
                    return answer;
                }
                thread::sleep(Duration::from_millis(50));
            }
        });
        while broken.received().len() < 2 {
            assert!(!probe.is_finished(), "nobody finds out");
            thread::sleep(Duration::from_millis(20));
        }
        let rested = begin.elapsed();
        assert!(rested >= Duration::from_secs(5), "{rested:?}");
        for _ in 0..5 {
            let answer = gateway.chat(BODY);
            assert_eq!((attempts(&answer), answer.text().as_str()), (1, FINE));
        }
        assert_eq!(broken.received().len(), 2, "one request at a time");
        release.send(()).unwrap();
        assert_eq!(probe.join().unwrap().text(), r#"{"again":1}"#);
    });
    assert_eq!(gateway.chat(BODY).text(), r#"{"again":1}"#);
}

pub(crate) fn a_failed_probe_doubles_an_upstreams_rest(runtime: Runtime) {
    let slow = Upstream::start(|_, to| to.hang());
    let second = Upstream::answering("200 OK", JSON, FINE);
    let in_time = |_| {
        let asked = AtomicUsize::new(0);
        let broken = Upstream::start(move |_, to| {
            if asked.fetch_add(1, Ordering::Relaxed) < 2 {
                to.answer("503 Busy", JSON, "{}");
            } else {
                to.answer("200 OK", JSON, r#"{"again":1}"#);
            }
        });
        // The last one has somewhat more than both rests take.
        let routes = json!([
            route(
                TOKEN,
                &broken,
                json!({"fallbacks": ["second"], "api_keys": ["up-SECRET-1"]})
            ),
            route("gw-SECRET-other", &second, json!({"name": "second"})),
            route("gw-SECRET-late", &slow, json!({"timeout": 20})),
        ]);
        let gateway = Gateway::with_routes(runtime, &routes);
        let begin = Instant::now();
        let late = gateway.open(request("POST", "/v1/chat/completions", "gw-SECRET-late", JSON, BODY));
        while gateway.chat(BODY).text() == FINE {
            assert!(begin.elapsed() < Duration::from_secs(60), "it is never asked again");
            thread::sleep(Duration::from_millis(50));
        }
        let rested = begin.elapsed();
        assert!(rested >= Duration::from_secs(5 + 10), "{rested:?}");
        !late.has_come()
    };
    // A machine that stands still lets everything happen at once.
    assert!((0..3).any(in_time), "it rests for longer");
}

pub(crate) fn a_timeout_lets_nobody_rest(runtime: Runtime) {
    let silent = Upstream::start(|_, to| to.hang());
    let second = Upstream::answering("200 OK", JSON, FINE);
    let fields = json!({"timeout": 0.3, "fallbacks": ["second"]});
    let gateway = with_fallback(runtime, (&silent, fields), &second);
    for _ in 0..2 {
        let answer = gateway.chat(BODY);
        assert_eq!((attempts(&answer), answer.text().as_str()), (2, FINE));
    }
    assert_eq!(silent.received().len(), 2);
}

pub(crate) fn an_accounts_limit_falls_back_and_lets_all_its_keys_rest(runtime: Runtime) {
    let limited = Upstream::answering("429 Slow", JSON, r#"{"error":{"code":429,"message":"slow down"}}"#);
    let second = Upstream::answering("200 OK", JSON, FINE);
    let gateway = with_fallback(
        runtime,
        (&limited, json!({"provider": "openrouter", "fallbacks": ["second"]})),
        &second,
    );
    let asked: Vec<_> = (0..6)
        .map(|id| attempts(&gateway.chat_with(&format!("x-request-id: {id}\r\n"), BODY)))
        .collect();
    assert_eq!(asked, [3, 1, 1, 1, 1, 1]);
    assert_eq!((limited.received().len(), second.received().len()), (2, 6));
    // Whatever the model.
    assert_eq!(attempts(&gateway.chat(r#"{"model":"other"}"#)), 1);
}
