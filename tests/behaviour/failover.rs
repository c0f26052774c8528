//! Which key is tried, when the next one is, and what is told when none is left.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;

use crate::support::upstream::{JSON, SSE, Upstream};
use crate::support::{Gateway, Runtime, TOKEN, request, route};

const BODY: &str = r#"{"model":"m"}"#;

pub(crate) fn failing_keys_are_stepped_over_unnoticed(runtime: Runtime) {
    for failure in [
        "401 No", "402 Pay", "403 No", "429 Slow", "500 Oops", "502 Bad", "503 Busy", "504 Late", "520 Odd",
        "524 Late", "529 Busy", "html", "empty", "error", "reset",
    ] {
        let upstream = Upstream::start(move |received, to| match failure {
            _ if received.one("authorization") == Some("Bearer good-SECRET") => {
                to.answer("200 OK", JSON, r#"{"fine":1}"#);
            }
            "html" => to.answer("200 OK", "content-type: text/html\r\n", "<p>"),
            "empty" => to.answer("200 OK", JSON, ""),
            "error" => to.answer("200 OK", JSON, r#"{"error":{"message":"oops"}}"#),
            "reset" => {}
            status => to.answer(status, JSON, r#"{"error":{"message":"bad"}}"#),
        });
        let gateway = Gateway::to(
            runtime,
            &upstream,
            json!({"api_keys": ["bad-SECRET-1", "bad-SECRET-2", "good-SECRET"]}),
        );
        for (id, path) in (0..4).flat_map(|id| ["/v1/chat/completions", "/v1/moderations"].map(|path| (id, path))) {
            let fields = format!("{JSON}x-request-id: {id}\r\n");
            let answer = gateway.raw(request("POST", path, TOKEN, &fields, BODY));
            assert_eq!(
                (answer.status, answer.text().as_str()),
                (200, r#"{"fine":1}"#),
                "{failure} {path}"
            );
        }
        assert!(upstream.received().len() > 8, "{failure}: no bad key was ever first");
    }
}

pub(crate) fn a_connection_that_breaks_or_is_refused_moves_on_to_the_fallback(runtime: Runtime) {
    let second = Upstream::answering("200 OK", JSON, r#"{"fine":1}"#);
    let broken = Upstream::start(|_, _| {});
    let refused = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}/v1", listener.local_addr().unwrap())
    };
    for base_url in [refused.as_str(), &broken.base_url] {
        let routes = json!([
            {"token": TOKEN, "base_url": base_url, "api_keys": ["up-SECRET-1"], "fallbacks": ["second"]},
            route("gw-SECRET-other", &second, json!({"name": "second", "api_keys": ["up-SECRET-3"], "default_model": "its-own"})),
        ]);
        let answer = Gateway::with_routes(runtime, &routes).chat(BODY);
        assert_eq!((answer.status, answer.field("x-gateway-attempts")), (200, Some("2")));
    }
    let received = second.received();
    assert_eq!(received.len(), 2);
    assert_eq!(
        (received[0].one("authorization"), received[0].text().as_str()),
        (Some("Bearer up-SECRET-3"), r#"{"model":"its-own"}"#)
    );
}

pub(crate) fn a_whole_answer_that_breaks_is_tried_elsewhere(runtime: Runtime) {
    for (fields, beginning) in [
        ("content-length: 5000\r\n", "{\"broken\""),
        ("transfer-encoding: chunked\r\n", "c\r\n{\"broken\":1}\r\n"),
    ] {
        let asked = AtomicUsize::new(0);
        let upstream = Upstream::start(move |_, to| {
            if asked.fetch_add(1, Ordering::Relaxed) == 0 {
                to.head("200 OK", &format!("{JSON}{fields}"));
                to.send(beginning.as_bytes());
            } else {
                to.answer("200 OK", JSON, r#"{"fine":1}"#);
            }
        });
        let answer = Gateway::to(runtime, &upstream, json!({})).chat(BODY);
        assert_eq!(
            (answer.status, answer.text().as_str()),
            (200, r#"{"fine":1}"#),
            "{fields}"
        );
        assert_eq!(answer.field("x-gateway-attempts"), Some("2"), "{fields}");
    }
}

pub(crate) fn the_clients_own_mistakes_come_back_untouched_after_one_attempt(runtime: Runtime) {
    const ERROR: &str = "{ \"error\" : {\"message\":\"no\",\"n\":1.00} }";
    for status in [
        "400 Bad",
        "404 Gone",
        "405 No",
        "409 Conflict",
        "413 Large",
        "415 Type",
        "422 Unprocessable",
    ] {
        let upstream = Upstream::answering(status, "content-type: application/json; x=y\r\n", ERROR);
        let second = Upstream::answering("200 OK", JSON, "{}");
        let routes = json!([
            route(TOKEN, &upstream, json!({"fallbacks": ["second"]})),
            route("gw-SECRET-other", &second, json!({"name": "second"})),
        ]);
        let gateway = Gateway::with_routes(runtime, &routes);
        // Nothing rests after it: the same key of the same upstream is asked again.
        for _ in 0..2 {
            let answer = gateway.chat_with("x-request-id: same\r\n", BODY);
            assert!(status.starts_with(&answer.status.to_string()));
            assert_eq!(
                (answer.text().as_str(), answer.field("content-type")),
                (ERROR, Some("application/json; x=y"))
            );
            assert_eq!(
                (answer.field("x-gateway-attempts"), answer.field("x-should-retry")),
                (Some("1"), None)
            );
        }
        let received = upstream.received();
        assert_eq!(received.len(), 2, "{status}");
        assert_eq!(received[0].one("authorization"), received[1].one("authorization"));
    }
}

pub(crate) fn the_clients_own_mistakes_need_not_be_told_in_json(runtime: Runtime) {
    for (kind, body) in [
        ("text/plain", "n: at most 4\r\n"),
        ("application/json", "{\"half\": "),
        ("application/xml; x=y", " no <n>"),
    ] {
        let fields = format!("content-type: {kind}\r\n");
        let upstream = Upstream::start(move |_, to| to.answer("422 Unprocessable", &fields, body));
        let answer = Gateway::to(runtime, &upstream, json!({})).chat(BODY);
        assert_eq!((answer.status, answer.text().as_str()), (422, body));
        assert_eq!(answer.field("content-type"), Some(kind));
        assert_eq!(upstream.received().len(), 1, "{kind}");
    }
}

pub(crate) fn when_everything_failed_the_cause_is_told(runtime: Runtime) {
    // A Worker is not told what was wrong with what came.
    let garbage = match runtime {
        Runtime::Native => "upstream_invalid_response",
        Runtime::Worker => "upstream_unreachable",
    };
    let cases: [(&str, &str, &str, u16, &str); 9] = [
        ("401 No", JSON, "{}", 502, "upstream_auth_failed"),
        ("402 Pay", JSON, "{}", 503, "no_key_available"),
        ("403 No", JSON, "{}", 502, "upstream_auth_failed"),
        (
            "302 Go",
            "location: /elsewhere\r\n",
            "",
            502,
            "upstream_invalid_response",
        ),
        (
            "200 OK",
            "content-type: text/html\r\n",
            "<html>",
            502,
            "upstream_invalid_response",
        ),
        ("200 OK", JSON, "", 502, "upstream_invalid_response"),
        ("503 Busy", "", "<html>", 503, "upstream_invalid_response"),
        ("garbage", "", "", 502, garbage),
        ("", "", "", 502, "upstream_unreachable"),
    ];
    for (status, fields, body, expected, code) in cases {
        let upstream = Upstream::start(move |_, to| match status {
            "" => {}
            "garbage" => to.send(b"what is this\r\n\r\n"),
            _ => to.answer(status, fields, body),
        });
        let answer = Gateway::to(runtime, &upstream, json!({})).chat(BODY);
        assert_eq!(answer.error(), (expected, code.to_owned()), "{status}");
        assert_eq!(answer.field("x-should-retry"), Some("false"));
        assert_eq!(answer.field("x-gateway-attempts"), Some("2"));
    }
}

pub(crate) fn a_rate_limit_on_every_key_keeps_its_retry_after(runtime: Runtime) {
    let upstream = Upstream::answering(
        "429 Slow",
        "content-type: application/json\r\nretry-after: 7\r\n",
        r#"{"error":{"code":"x"}}"#,
    );
    let answer = Gateway::to(runtime, &upstream, json!({})).chat(BODY);
    assert_eq!(
        (answer.status, answer.text().as_str()),
        (429, r#"{"error":{"code":"x"}}"#)
    );
    assert_eq!(
        (answer.field("retry-after"), answer.field("x-should-retry")),
        (Some("7"), None)
    );
    assert_eq!(answer.field("x-gateway-attempts"), Some("2"));
}

pub(crate) fn when_everything_failed_the_last_answer_of_an_upstream_is_told(runtime: Runtime) {
    const FIRST: &str = "{ \"error\": {\"message\":\"first\", \"n\":1.0} }";
    const LAST: &str = "{ \"error\": {\"message\":\"last\", \"n\":2.0} }";
    for (first, last, told, body, retry) in [
        ("500 Oops", "502 Bad", 502, LAST, Some("false")),
        ("429 Slow", "503 Busy", 503, LAST, None),
        ("500 Oops", "529 Busy", 529, LAST, None),
        ("529 Busy", "429 Slow", 429, LAST, None),
        ("401 No", "504 Late", 504, LAST, Some("false")),
        ("500 Oops", "401 No", 500, FIRST, Some("false")),
        ("429 Slow", "reset", 429, FIRST, None),
    ] {
        let asked = AtomicUsize::new(0);
        let upstream = Upstream::start(move |_, to| {
            let (status, body) = [(first, FIRST), (last, LAST)][asked.fetch_add(1, Ordering::Relaxed)];
            if status != "reset" {
                to.answer(status, &format!("{JSON}retry-after: 7\r\n"), body);
            }
        });
        let answer = Gateway::to(runtime, &upstream, json!({})).chat(BODY);
        assert_eq!((answer.status, answer.text().as_str()), (told, body), "{first}, {last}");
        assert_eq!(answer.field("retry-after"), Some("7"), "{first}, {last}");
        assert_eq!(answer.field("x-should-retry"), retry, "{first}, {last}");
        assert_eq!(answer.field("x-gateway-attempts"), Some("2"));
    }
}

pub(crate) fn a_fallback_is_spared_an_attempt_where_no_maximum_is_set(runtime: Runtime) {
    let keys: Vec<String> = (0..6).map(|n| format!("up-SECRET-{n}")).collect();
    for (own, attempts, status) in [
        (json!({"api_keys": keys, "fallbacks": ["second"]}), "4", 200),
        (
            json!({"api_keys": keys, "fallbacks": ["second"], "max_attempts": 3}),
            "3",
            500,
        ),
    ] {
        let upstream = Upstream::answering("500 Oops", JSON, r#"{"error":{}}"#);
        let second = Upstream::answering("200 OK", JSON, "{}");
        let routes = json!([
            route(TOKEN, &upstream, own),
            route("gw-SECRET-other", &second, json!({"name": "second"})),
        ]);
        let answer = Gateway::with_routes(runtime, &routes).chat(BODY);
        assert_eq!(
            (answer.status, answer.field("x-gateway-attempts")),
            (status, Some(attempts))
        );
    }
}

pub(crate) fn attempts_end_at_their_maximum(runtime: Runtime) {
    let upstream = Upstream::answering("500 Oops", JSON, r#"{"error":{}}"#);
    let keys: Vec<String> = (0..6).map(|n| format!("up-SECRET-{n}")).collect();
    let answer = Gateway::to(runtime, &upstream, json!({"api_keys": keys, "max_attempts": 3})).chat(BODY);
    assert_eq!((answer.status, answer.field("x-gateway-attempts")), (500, Some("3")));
    assert_eq!(upstream.received().len(), 3);
    assert_eq!(
        Gateway::to(runtime, &upstream, json!({"api_keys": keys}))
            .chat(BODY)
            .field("x-gateway-attempts"),
        Some("4")
    );
}

pub(crate) fn a_silent_upstream_is_ended_by_the_timeout(runtime: Runtime) {
    let upstream = Upstream::start(|_, to| to.hang());
    // It outlives its answer: what ends upstream does not end with it.
    let gateway = Gateway::to(runtime, &upstream, json!({"timeout": 0.3}));
    let answer = gateway.chat(BODY);
    assert_eq!(answer.error(), (504, "upstream_timeout".into()));
    assert_eq!(
        (answer.field("x-gateway-attempts"), answer.field("x-should-retry")),
        (Some("1"), Some("false"))
    );
    upstream.wait_for_leaver();
}

pub(crate) fn an_answer_that_stalls_is_ended_by_the_timeout(runtime: Runtime) {
    let upstream = Upstream::start(|_, to| {
        to.head("200 OK", JSON);
        to.send(b"{\"half\":");
        to.hang();
    });
    // It outlives its answer: what ends upstream does not end with it.
    let gateway = Gateway::to(runtime, &upstream, json!({"timeout": 0.3}));
    let answer = gateway.chat(BODY);
    assert_eq!(answer.error(), (504, "upstream_timeout".into()));
    upstream.wait_for_leaver();
    // The head of a stream is within its time; what comes later is not bounded by it.
    let stream = Upstream::start(|_, to| {
        to.head("200 OK", SSE);
        to.send(b"data: 1\n\n");
        std::thread::sleep(std::time::Duration::from_millis(600));
        to.send(b"data: [DONE]\n\n");
    });
    assert_eq!(
        Gateway::to(runtime, &stream, json!({"timeout": 0.5, "idle_timeout": 60}))
            .chat(BODY)
            .text(),
        "data: 1\n\ndata: [DONE]\n\n"
    );
}

pub(crate) fn an_upstream_that_does_not_know_stream_options_is_asked_without_them(runtime: Runtime) {
    const REFUSAL: &str =
        r#"{"error":{"message":"Extra inputs are not permitted: stream_options","type":"invalid_request_error"}}"#;
    let upstream = Upstream::start(|received, to| {
        if received.text().contains("stream_options") {
            to.answer("422 Bad", JSON, REFUSAL);
        } else {
            to.answer("200 OK", SSE, "data: [DONE]\n\n");
        }
    });
    let gateway = Gateway::to(runtime, &upstream, json!({"api_keys": ["up-SECRET-1"]}));
    let body = r#"{"model":"m","stream":true,"stream_options":{"include_usage":true},"n":1.0}"#;
    let attempts = |body| gateway.chat(body).field("x-gateway-attempts").map(str::to_owned);
    assert_eq!(attempts(body).as_deref(), Some("2"));
    assert_eq!(attempts(body).as_deref(), Some("1"), "it is remembered");
    let bodies: Vec<_> = upstream.received().iter().map(|received| received.text()).collect();
    let without = r#"{"model":"m","stream":true,"n":1.0}"#;
    assert_eq!(bodies, [body, without, without]);
}

pub(crate) fn an_upstream_that_failed_is_left_alone_while_its_fallback_serves(runtime: Runtime) {
    let broken = Upstream::answering("503 Busy", JSON, "{}");
    let second = Upstream::answering("200 OK", JSON, r#"{"fine":1}"#);
    let routes = json!([
        route(
            TOKEN,
            &broken,
            json!({"fallbacks": ["second"], "api_keys": ["up-SECRET-1"]})
        ),
        route("gw-SECRET-other", &second, json!({"name": "second"})),
    ]);
    let gateway = Gateway::with_routes(runtime, &routes);
    let attempts: Vec<_> = (0..4)
        .map(|_| gateway.chat(BODY).field("x-gateway-attempts").map(str::to_owned))
        .collect();
    assert_eq!(attempts, ["2", "1", "1", "1"].map(|count| Some(count.to_owned())));
    assert_eq!(broken.received().len(), 1);
}

pub(crate) fn an_accounts_limit_burns_one_further_key(runtime: Runtime) {
    let upstream = Upstream::answering("429 Slow", JSON, r#"{"error":{"code":429,"message":"slow down"}}"#);
    let gateway = Gateway::to(
        runtime,
        &upstream,
        json!({"provider": "openrouter", "api_keys": ["up-SECRET-1", "up-SECRET-2", "up-SECRET-3"]}),
    );
    let answer = gateway.chat(BODY);
    assert_eq!((answer.status, answer.field("retry-after")), (429, Some("20")));
    assert_eq!(upstream.received().len(), 2);
    // The other key may be another account's.
    let upstream = Upstream::start(|received, to| {
        if received.one("authorization") == Some("Bearer up-SECRET-1") {
            to.answer("429 Slow", JSON, r#"{"error":{"code":429,"message":"slow down"}}"#);
        } else {
            to.answer("200 OK", JSON, r#"{"fine":1}"#);
        }
    });
    let gateway = Gateway::to(runtime, &upstream, json!({"provider": "openrouter"}));
    let statuses = (0..6).map(|id| gateway.chat_with(&format!("x-request-id: {id}\r\n"), BODY).status);
    assert_eq!(statuses.collect::<Vec<_>>(), [200; 6]);
    assert_eq!(upstream.received().len(), 7, "only the limited one rests");
}
