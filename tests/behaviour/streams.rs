//! Streams: the same bytes, each event as soon as it is there, and nothing left open when the client goes.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use serde_json::{Value, json};

use crate::cuts::{EVENT, STOP};
use crate::support::upstream::{SSE, Upstream};
use crate::support::{Gateway, Runtime, chat, request, route};

const BODY: &str = r#"{"model":"m","stream":true}"#;

pub(crate) fn a_stream_passes_byte_for_byte(runtime: Runtime) {
    const STREAM: &str = ": hi\r\n\r\ndata: {\"a\":1}\r\n\r\nevent: x\nid: 1\nretry: 5\nodd: field\ndata: é\n\ndata:[DONE]\n\n: after\n\n";
    let upstream = Upstream::start(|_, to| {
        to.head(
            "200 OK",
            &format!("{SSE}set-cookie: a=b\r\nx-request-id: up-1\r\ncache-control: max-age=9\r\n"),
        );
        to.send(STREAM.as_bytes());
    });
    let answer = Gateway::to(runtime, &upstream, json!({})).chat_with("accept-encoding: gzip, br\r\n", BODY);
    assert_eq!((answer.status, answer.text().as_str()), (200, STREAM));
    let expected = [
        ("content-type", Some("text/event-stream; charset=utf-8")),
        ("cache-control", Some("no-cache, no-transform")),
        ("x-accel-buffering", Some("no")),
        ("x-upstream-request-id", Some("up-1")),
        ("content-length", None),
        ("content-encoding", None),
        ("set-cookie", None),
    ];
    assert_eq!(expected.map(|(name, _)| (name, answer.field(name))), expected);
}

pub(crate) fn every_event_arrives_before_the_next_is_sent(runtime: Runtime) {
    let (seen, next): (Sender<()>, Receiver<()>) = channel();
    let next = Mutex::new(next);
    let upstream = Upstream::start(move |_, to| {
        to.head("200 OK", SSE);
        for event in 0..5 {
            to.send(format!("data: event-{event}\n\n").as_bytes());
            next.lock().unwrap().recv_timeout(Duration::from_secs(60)).unwrap();
        }
        to.send(b"data: [DONE]\n\n");
    });
    let gateway = Gateway::to(runtime, &upstream, json!({}));
    let mut exchange = gateway.open(chat("", BODY));
    for event in 0..5 {
        exchange.wait_for(&format!("data: event-{event}\n\n"));
        seen.send(()).unwrap();
    }
    assert!(gateway.checked(exchange.finish()).text().ends_with("data: [DONE]\n\n"));
}

pub(crate) fn a_long_stream_in_odd_pieces_is_the_same_stream(runtime: Runtime) {
    let mut stream: Vec<u8> = Vec::new();
    for event in 0..3000 {
        stream.extend_from_slice(
            format!(
                "data: {{\"n\":{event},\"text\":\"{}\"}}\n\n",
                "日本語 émoji 😀 ".repeat(event % 40)
            )
            .as_bytes(),
        );
    }
    stream.extend_from_slice(b"data: [DONE]\n\n");
    let sent = stream.clone();
    let upstream = Upstream::start(move |_, to| {
        to.head("200 OK", SSE);
        let mut rest = sent.as_slice();
        for size in [1, 7, 1000, 3, 65_536, 11, 4096].iter().cycle() {
            let (piece, left) = rest.split_at(rest.len().min(*size));
            to.send(piece);
            rest = left;
            if rest.is_empty() {
                break;
            }
        }
    });
    let answer = Gateway::to(runtime, &upstream, json!({})).chat(BODY);
    assert!(
        answer.body == stream,
        "{} bytes instead of {}",
        answer.body.len(),
        stream.len()
    );
}

pub(crate) fn a_stream_that_fails_behind_what_is_no_content_is_tried_elsewhere(runtime: Runtime) {
    const ROLE: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n";
    const ERROR: &str = "data: {\"error\":{\"message\":\"overloaded\"}}\n\n";
    let failures = [
        (": wait\n\n", ""),
        (": wait\n\n", ERROR),
        (": wait\n\n", "data: [DONE]\n\n"),
        (ROLE, ""),
        (ROLE, ERROR),
    ];
    let told = failures.map(|(beginning, end)| {
        let asked = AtomicUsize::new(0);
        let upstream = Upstream::start(move |_, to| {
            to.head("200 OK", SSE);
            if asked.fetch_add(1, Ordering::Relaxed) == 0 {
                to.send(beginning.as_bytes());
                std::thread::sleep(Duration::from_millis(200));
                to.send(end.as_bytes());
            } else {
                to.send(format!("{ROLE}{EVENT}{STOP}data: [DONE]\n\n").as_bytes());
            }
        });
        let answer = Gateway::to(runtime, &upstream, json!({})).chat(BODY);
        assert_eq!(answer.status, 200);
        (beginning, end, answer.text())
    });
    let second = format!("{ROLE}{EVENT}{STOP}data: [DONE]\n\n");
    assert_eq!(told, failures.map(|(beginning, end)| (beginning, end, second.clone())));
}

pub(crate) fn a_response_that_fails_before_its_first_item_is_tried_elsewhere(runtime: Runtime) {
    const CREATED: &str =
        "event: response.created\ndata: {\"type\":\"response.created\",\"response\":{\"error\":null}}\n\n";
    const REST: &str = "event: response.output_item.added\ndata: {\"type\":\"response.output_item.added\"}\n\nevent: response.completed\ndata: {\"type\":\"response.completed\"}\n\n";
    for end in [
        "",
        "event: error\ndata: {\"type\":\"error\",\"code\":\"server_error\",\"message\":\"m\"}\n\n",
        "event: response.failed\ndata: {\"type\":\"response.failed\",\"response\":{\"error\":{\"code\":\"server_error\"}}}\n\n",
    ] {
        let asked = AtomicUsize::new(0);
        let upstream = Upstream::start(move |_, to| {
            to.head("200 OK", SSE);
            let is_first = asked.fetch_add(1, Ordering::Relaxed) == 0;
            to.send(CREATED.as_bytes());
            to.send(if is_first { end } else { REST }.as_bytes());
        });
        let gateway = Gateway::to(runtime, &upstream, json!({}));
        let answer = gateway.post("/v1/responses", r#"{"model":"m","stream":true,"store":false}"#);
        assert_eq!(
            (answer.field("x-gateway-attempts"), answer.text()),
            (Some("2"), format!("{CREATED}{REST}")),
            "{end}"
        );
    }
}

pub(crate) fn a_stream_that_does_not_say_what_it_is_is_one(runtime: Runtime) {
    for kind in ["", "content-type: text/plain\r\n", "content-type: application/json\r\n"] {
        let upstream = Upstream::start(move |_, to| {
            to.head("200 OK", kind);
            to.send(EVENT.as_bytes());
            to.hang();
        });
        let gateway = Gateway::to(runtime, &upstream, json!({}));
        let mut exchange = gateway.open(chat("", BODY));
        exchange.wait_for("text/event-stream");
        exchange.wait_for(EVENT);
        exchange.leave();
        upstream.wait_for_leaver();
    }
    // What is none stays what it is.
    let upstream = Upstream::start(move |_, to| to.answer("200 OK", "", " {\"choices\":[]}"));
    let answer = Gateway::to(runtime, &upstream, json!({})).chat(BODY);
    assert_eq!((answer.status, answer.text().as_str()), (200, " {\"choices\":[]}"));
}

pub(crate) fn the_first_event_is_not_held_back_for_another_one(runtime: Runtime) {
    let slow = Upstream::start(|_, to| to.hang());
    let upstream = Upstream::start(|_, to| {
        to.head("200 OK", SSE);
        to.send(EVENT.as_bytes());
        to.hang();
    });
    // The time is the gateway's own: what it gives another request, which is sent before.
    let was_first = |_| {
        let (asked, late) = (
            route("gw-SECRET-a", &upstream, json!({})),
            route("gw-SECRET-b", &slow, json!({"timeout": 5})),
        );
        let gateway = Gateway::with_routes(runtime, &json!([asked, late]));
        let late = gateway.open(request("POST", "/v1/chat/completions", "gw-SECRET-b", "", BODY));
        let mut exchange = gateway.open(request("POST", "/v1/chat/completions", "gw-SECRET-a", "", BODY));
        exchange.wait_for(EVENT);
        !late.has_come()
    };
    // A machine that stands still lets both come at once.
    assert!((0..3).any(was_first));
}

/// Whether the head of a stream of this type comes before its first content, and in time. The time is the gateway's own:
/// what it gives another request, which is sent before.
fn head_comes_within(seconds: u32, runtime: Runtime, kind: &'static str, fields: Value) -> bool {
    let slow = Upstream::start(|_, to| to.hang());
    let (seen, next): (Sender<()>, Receiver<()>) = channel();
    let next = Mutex::new(next);
    let upstream = Upstream::start(move |_, to| {
        to.head("200 OK", kind);
        // Nothing is known of a stream without a type while it is blank.
        for _ in 0..if kind.is_empty() { 10 } else { 0 } {
            to.send(b"\n");
            std::thread::sleep(Duration::from_secs(1));
        }
        // The content comes when the client has the head, and not before. What comes meanwhile is none, and buys no time.
        for _ in 0..60 {
            to.send(b": wait\n\n");
            if next.lock().unwrap().recv_timeout(Duration::from_secs(1)).is_ok() {
                return to.send(b"data: [DONE]\n\n");
            }
        }
    });
    let (asked, late) = (
        route("gw-SECRET-a", &upstream, fields),
        route("gw-SECRET-b", &slow, json!({"timeout": seconds})),
    );
    let gateway = Gateway::with_routes(runtime, &json!([asked, late]));
    let late = gateway.open(request("POST", "/v1/chat/completions", "gw-SECRET-b", "", BODY));
    let mut exchange = gateway.open(request("POST", "/v1/chat/completions", "gw-SECRET-a", "", BODY));
    exchange.wait_for(": wait\n\n");
    let was_first = !late.has_come();
    seen.send(()).unwrap();
    let answer = gateway.checked(exchange.finish());
    assert_eq!(answer.text().replace(": wait\n\n", "").trim_start(), "data: [DONE]\n\n");
    upstream.only();
    was_first
}

pub(crate) fn the_last_possible_attempts_head_goes_out_before_its_first_content(runtime: Runtime) {
    // A machine that stands still lets both come at once.
    for fields in [json!({"api_keys": ["up-SECRET-1"]}), json!({"max_attempts": 1})] {
        let in_time = |_| head_comes_within(5, runtime, SSE, fields.clone());
        assert!((0..3).any(in_time), "{fields}");
    }
}

pub(crate) fn a_head_is_not_held_back_for_much_longer_than_15_seconds(runtime: Runtime) {
    for kind in [SSE, ""] {
        let in_time = |_| head_comes_within(20, runtime, kind, json!({}));
        assert!((0..3).any(in_time), "{kind}");
    }
}

pub(crate) fn a_lively_stream_is_not_bounded_by_any_timeout(runtime: Runtime) {
    let upstream = Upstream::start(|_, to| {
        to.head("200 OK", SSE);
        // Any byte is a sign of life.
        for event in [EVENT, ": still there\n\n"] {
            for _ in 0..60 {
                to.send(event.as_bytes());
                std::thread::sleep(Duration::from_millis(100));
            }
        }
        to.send(b"data: [DONE]\n\n");
    });
    let answer = Gateway::to(runtime, &upstream, json!({"timeout": 3, "idle_timeout": 3})).chat(BODY);
    let text = EVENT.repeat(60) + &": still there\n\n".repeat(60) + "data: [DONE]\n\n";
    assert_eq!(answer.text(), text);
}

pub(crate) fn before_its_first_content_a_stream_has_its_timeout(runtime: Runtime) {
    let upstream = Upstream::start(|_, to| {
        to.head("200 OK", SSE);
        to.send(b": wait\n\n");
        std::thread::sleep(Duration::from_secs(3));
        to.send(format!("{EVENT}data: [DONE]\n\n").as_bytes());
    });
    let fields = json!({"timeout": 60, "idle_timeout": 1, "api_keys": ["up-SECRET-1"]});
    let answer = Gateway::to(runtime, &upstream, fields).chat(BODY);
    assert_eq!(answer.text(), format!(": wait\n\n{EVENT}data: [DONE]\n\n"));
}

pub(crate) fn usage_is_read_on_the_way_and_goes_into_the_log(runtime: Runtime) {
    let upstream = Upstream::answering(
        "200 OK",
        SSE,
        "data: {\"choices\":[{\"index\":0,\"finish_reason\":\"stop\"}]}\n\ndata: {\"choices\":[],\"usage\":{\"prompt_tokens\":31,\"completion_tokens\":41}}\n\ndata: [DONE]\n\n",
    );
    let gateway = Gateway::to(runtime, &upstream, json!({"verify_end": true}));
    gateway.chat_with("x-request-id: mine\r\n", BODY);
    gateway.wait_for_log("\"prompt_tokens\":31,\"completion_tokens\":41");
    // The same line says whose request it was, and how it went.
    let log = gateway.log();
    let line = log.lines().find(|line| line.contains("\"prompt_tokens\":31")).unwrap();
    for told in [
        r#""request_id":"mine""#,
        r#""route":"route-1""#,
        r#""provider":"custom""#,
        r#""model":"m""#,
        r#""status":200"#,
        r#""attempts":1"#,
    ] {
        assert!(line.contains(told), "{told} in {line}");
    }
}

pub(crate) fn the_log_has_the_tokens_of_whole_answers_and_nothing_that_was_said(runtime: Runtime) {
    let whole =
        r#"{"choices":[{"message":{"content":"answered"}}],"usage":{"prompt_tokens":32,"completion_tokens":42}}"#;
    let upstream = Upstream::answering("200 OK", "content-type: application/json\r\n", whole);
    let gateway = Gateway::to(runtime, &upstream, json!({}));
    gateway.chat(r#"{"model":"m","messages":[{"role":"user","content":"asked"}]}"#);
    gateway.wait_for_log("\"prompt_tokens\":32,\"completion_tokens\":42");
    let log = gateway.log();
    assert!(!log.contains("asked") && !log.contains("answered"), "{log}");
}

pub(crate) fn a_client_that_leaves_a_stream_ends_it_upstream(runtime: Runtime) {
    let upstream = Upstream::start(|_, to| {
        to.head("200 OK", SSE);
        to.send(b"data: first\n\n");
        to.hang();
    });
    let gateway = Gateway::to(runtime, &upstream, json!({}));
    let mut exchange = gateway.open(chat("", BODY));
    exchange.wait_for("data: first\n\n");
    exchange.leave();
    upstream.wait_for_leaver();
}

pub(crate) fn a_client_that_closes_a_lively_stream_ends_it_upstream(runtime: Runtime) {
    let upstream = Upstream::start(|_, to| {
        to.head("200 OK", SSE);
        while to.is_open() {
            to.send(b"data: tick\n\n");
            std::thread::sleep(Duration::from_millis(10));
        }
    });
    let gateway = Gateway::to(runtime, &upstream, json!({}));
    let mut exchange = gateway.open(chat("", BODY));
    exchange.wait_for("data: tick\n\n");
    drop(exchange);
    upstream.wait_for_leaver();
}

pub(crate) fn a_client_that_leaves_before_the_head_ends_the_request_upstream(runtime: Runtime) {
    let upstream = Upstream::start(|_, to| to.hang());
    let gateway = Gateway::to(runtime, &upstream, json!({}));
    let exchange = gateway.open(chat("", BODY));
    upstream.wait_for_request();
    exchange.leave();
    upstream.wait_for_leaver();
}

pub(crate) fn a_request_upstream_ends_within_a_second_of_its_clients_leaving(runtime: Runtime) {
    // The second is the gateway's own: the time limit of another request, which is sent when the client has left.
    let slow = Upstream::start(|_, to| to.hang());
    for has_begun in [true, false] {
        let was_first = || {
            let upstream = Upstream::start(move |_, to| {
                if has_begun {
                    to.head("200 OK", SSE);
                    to.send(b"data: first\n\n");
                }
                to.hang();
            });
            let (left, late) = (
                route("gw-SECRET-a", &upstream, json!({})),
                route("gw-SECRET-b", &slow, json!({"timeout": 1})),
            );
            let gateway = Gateway::with_routes(runtime, &json!([left, late]));
            let mut exchange = gateway.open(request("POST", "/v1/chat/completions", "gw-SECRET-a", "", BODY));
            upstream.wait_for_request();
            if has_begun {
                exchange.wait_for("data: first\n\n");
            }
            exchange.leave();
            let late = gateway.raw(request("POST", "/v1/chat/completions", "gw-SECRET-b", "", BODY));
            assert_eq!(late.error(), (504, "upstream_timeout".into()));
            upstream.saw_a_leaver()
        };
        // A machine that stands still for that second lets both happen at once, in any order.
        assert!((0..3).any(|_| was_first()), "after the head: {has_begun}");
    }
}
