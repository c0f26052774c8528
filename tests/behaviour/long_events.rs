//! Events that are too long to be kept: read and cleaned all the same, however they come.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::sleep;
use std::time::Duration;

use serde_json::json;

use crate::cuts::{EVENT, STOP};
use crate::support::upstream::{SSE, Upstream};
use crate::support::{Gateway, Runtime};

const BODY: &str = r#"{"model":"m","stream":true,"store":false}"#;

/// An upstream whose first answer begins with these events, in pieces of that size, and whose next ones are good.
fn begins_with(events: String, size: usize) -> Upstream {
    let asked = AtomicUsize::new(0);
    Upstream::start(move |received, to| {
        let key = received.one("authorization").unwrap().trim_start_matches("Bearer ");
        to.head("200 OK", SSE);
        if asked.fetch_add(1, Ordering::Relaxed) == 0 {
            for piece in events.replace("$KEY", key).as_bytes().chunks(size) {
                to.send(piece);
            }
        } else {
            to.send(good().as_bytes());
        }
    })
}

fn good() -> String {
    format!("{EVENT}{STOP}data: [DONE]\n\ndata: {{\"type\":\"response.completed\"}}\n\n")
}

pub(crate) fn a_long_error_is_a_failed_attempt_like_any_other(runtime: Runtime) {
    let (short, long) = ("x".repeat(17 * 1024), "x".repeat(200 * 1024));
    for (path, size, event) in [
        (
            "chat/completions",
            1400,
            format!("data: {{\"error\":{{\"message\":\"no $KEY {short}\"}}}}\n\n"),
        ),
        (
            "chat/completions",
            1 << 20,
            format!("data: {{\"error\":{{\"message\":\"no $KEY {long}\",\"code\":429}}}}\n\n"),
        ),
        (
            "chat/completions",
            1 << 20,
            format!("event: error\ndata: {{\"message\":\"{long}\",\"code\":500}}\n\n"),
        ),
        (
            "chat/completions",
            60_000,
            format!("data: {{\"message\":\"{long}\",\"object\":\"error\"}}\n\n"),
        ),
        (
            "responses",
            60_000,
            format!("data: {{\"message\":\"{long}\",\"type\":\"error\"}}\n\n"),
        ),
        (
            "responses",
            1400,
            format!("data: {{\"response\":{{\"x\":\"{short}\",\"error\":{{}}}},\"type\":\"response.failed\"}}\n\n"),
        ),
        (
            "images/generations",
            60_000,
            format!(
                "data: {{\"error\":{{\"code\":\"x\",\"message\":\"{}\"}}}}\n\n",
                long.repeat(15)
            ),
        ),
        (
            "chat/completions",
            1400,
            format!("data: {{\"error\":\ndata: {{\"message\":\"{short}\",\ndata: \"code\":500}}}}\n\n"),
        ),
    ] {
        let upstream = begins_with(event.clone(), size);
        let answer = Gateway::to(runtime, &upstream, json!({})).post(&format!("/v1/{path}"), BODY);
        assert_eq!(answer.field("x-gateway-attempts"), Some("2"), "{path} {}", &event[..40]);
        assert!(answer.text() == good(), "{path}");
    }
}

pub(crate) fn the_code_of_a_long_error_counts(runtime: Runtime) {
    let long = "x".repeat(200 * 1024);
    for error in [
        format!("{{\"error\":{{\"code\":429,\"message\":\"{long}\"}}}}"),
        format!("{{\"error\":{{\"message\":\"{long}\",\"code\":429}}}}"),
    ] {
        let upstream = begins_with(format!("data: {error}\n\n"), 60_000);
        let gateway = Gateway::to(runtime, &upstream, json!({}));
        for _ in 0..2 {
            assert_eq!(gateway.chat_with("x-request-id: same\r\n", BODY).status, 200);
        }
        // The same request begins with the same key, unless that one rests.
        let keys: Vec<_> = upstream
            .received()
            .iter()
            .map(|asked| asked.one("authorization").map(str::to_owned))
            .collect();
        assert!(keys.len() == 3 && keys[0] != keys[1] && keys[1] == keys[2], "{keys:?}");
    }
}

pub(crate) fn a_long_error_shows_no_secret(runtime: Runtime) {
    let (long, short) = ("x".repeat(200 * 1024), "x".repeat(17 * 1024));
    for beginning in ["", EVENT] {
        for (size, error) in [
            (
                1400,
                format!("data: {{\"error\":{{\"message\":\"{short} no $KEY {short}$KEY\"}}}}\n\n"),
            ),
            (
                1 << 20,
                format!("data: {{\"error\":{{\"message\":\"$KEY {long} $KEY{long}\"}}}}\n\n"),
            ),
            (
                60_000,
                format!("data: {{\"message\":\"{long} $KEY {long}\",\"type\":\"error\"}}\n\n"),
            ),
            (60_000, format!("event: error\ndata: {long}$KEY\n\n")),
            (60_000, format!("{{\"error\":{{\"message\":\"{long}$KEY\"}}}}\n\n")),
        ] {
            let expected = format!("{beginning}{}", error.replace("$KEY", "[redacted]"));
            let upstream = begins_with(format!("{beginning}{error}"), size);
            let fields = json!({"api_keys": ["up-SECRET-1"], "verify_end": true});
            let gateway = Gateway::to(runtime, &upstream, fields);
            let answer = gateway.post("/v1/responses", BODY).text();
            assert!(!answer.contains("up-SECRET"), "{size}");
            assert!(answer.starts_with(&expected), "{size} {}", &error[..40]);
        }
    }
}

pub(crate) fn what_says_nothing_yet_is_no_content_however_long_it_is(runtime: Runtime) {
    let text = "x".repeat(256 * 1024);
    let body = format!("{{\"model\":\"m\",\"stream\":true,\"store\":false,\"instructions\":\"{text}\"}}");
    let named = |kind: &str| {
        format!("event: {kind}\ndata: {{\"type\":\"{kind}\",\"response\":{{\"instructions\":\"{text}\"}}}}\n\n")
    };
    let unnamed =
        |kind: &str| format!("data: {{\"response\":{{\"instructions\":\"{text}\"}},\"type\":\"{kind}\"}}\n\n");
    let silent = [
        [named("response.created"), named("response.in_progress")].concat(),
        [
            unnamed("response.created"),
            unnamed("response.queued"),
            unnamed("response.in_progress"),
        ]
        .concat(),
        format!(": {}\n\nevent: ping\ndata: {}\n\n", &text[..50_000], &text[..50_000]),
    ];
    let failures = [
        "",
        "data: {\"type\":\"error\",\"code\":\"server_error\"}\n\n",
        "data: {\"type\":\"response.failed\",\"response\":{\"error\":{\"code\":\"server_error\"}}}\n\n",
    ];
    for (index, (silent, failure)) in silent
        .iter()
        .flat_map(|silent| failures.iter().map(move |failure| (silent, failure)))
        .enumerate()
    {
        let size = [1400, 100_000, 1 << 20][index % 3];
        let upstream = begins_with(format!("{silent}{failure}"), size);
        let answer = Gateway::to(runtime, &upstream, json!({})).post("/v1/responses", &body);
        assert_eq!(
            answer.field("x-gateway-attempts"),
            Some("2"),
            "{} {failure}",
            &silent[..60]
        );
        assert!(answer.text() == good());
    }
    // And when it goes on well, none of it is lost.
    let stream = format!("{}{}", silent[0], good());
    let upstream = begins_with(stream.clone(), 10_000);
    let answer = Gateway::to(runtime, &upstream, json!({})).post("/v1/responses", &body);
    assert!(answer.field("x-gateway-attempts") == Some("1") && answer.text() == stream);
}

pub(crate) fn a_line_is_sent_when_it_is_complete_or_long(runtime: Runtime) {
    let upstream = Upstream::start(|_, to| {
        to.head("200 OK", SSE);
        to.send(
            format!(
                "{EVENT}data: {{\"choices\":[{{\"delta\":{{\"content\":\"{}",
                "long".repeat(8 * 1024)
            )
            .as_bytes(),
        );
        sleep(Duration::from_millis(200));
        to.send(format!("\"}}}}]}}\n\n{EVENT}data: {{\"half\":").as_bytes());
        to.hang();
    });
    let gateway = Gateway::to(runtime, &upstream, json!({}));
    let mut exchange = gateway.open(crate::support::chat("", BODY));
    exchange.wait_for("longlong");
    exchange.wait_for(&format!("\"}}}}]}}\n\n{EVENT}"));
    exchange.leave();
    upstream.wait_for_leaver();
}
