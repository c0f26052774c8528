//! Upstreams that say things in their own way, and whom a gateway must neither misunderstand nor trust.

use std::time::Duration;

use serde_json::json;

use crate::support::upstream::{JSON, SSE, Upstream};
use crate::support::{Gateway, Runtime, TOKEN, request, route};

const CHAT: &str = r#"{"model":"m"}"#;
const STREAM: &str = r#"{"model":"m","stream":true}"#;
const CONTENT: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hi\"},\"finish_reason\":\"\"}]}\n\n";
const DONE: &str = "data: [DONE]\n\n";

/// Pauses long enough that what came before has been read.
fn pause() {
    std::thread::sleep(Duration::from_millis(100));
}

pub(crate) fn a_stream_that_begins_with_an_error_of_any_shape_is_tried_elsewhere(runtime: Runtime) {
    for beginning in [
        "data: {\"error\":{\"message\":\"no\"}}\n\n",
        "data: [{\"error\":{\"code\":503,\"message\":\"no\"}}]\n\n",
        "data: {\"code\":20012,\"message\":\"no\"}\n\n",
        "data: {\"detail\":\"no\"}\n\n",
        "data: {\"success\":false,\"errors\":[{\"message\":\"no\"}]}\n\n",
        "event: error\ndata: no\n\n",
        "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"\"},\"error\":{\"code\":502,\"message\":\"no\"},\"finish_reason\":\"error\"}]}\n\n",
        "\u{feff}data: {\"error\":{\"message\":\"no\"}}\n\n",
        "event: ping\ndata: {}\n\ndata: {\"error\":{\"message\":\"no\"}}\n\n",
        "data: ping\n\ndata: {\"type\":\"ping\"}\n\ndata: {\"error\":{\"message\":\"no\"}}\n\n",
    ] {
        // One says that its bytes are as they are.
        for field in ["", "content-encoding: identity\r\n"] {
            let upstream = Upstream::start(move |received, to| {
                to.head("200 OK", &format!("{SSE}{field}"));
                let is_bad = received.one("authorization") == Some("Bearer up-SECRET-1");
                to.send(if is_bad { beginning } else { CONTENT }.as_bytes());
                to.send(DONE.as_bytes());
            });
            let gateway = Gateway::to(runtime, &upstream, json!({}));
            for id in 0..4 {
                let answer = gateway.chat_with(&format!("x-request-id: {id}\r\n"), STREAM);
                assert_eq!(answer.text(), [CONTENT, DONE].concat(), "{beginning} {field}");
            }
        }
    }
}

pub(crate) fn a_stream_of_unknown_type_that_begins_with_nothing_is_one(runtime: Runtime) {
    for beginning in ["\n", "\u{feff}", "\r\n\r\n"] {
        let upstream = Upstream::start(move |_, to| {
            to.head("200 OK", "");
            to.send(beginning.as_bytes());
            pause();
            to.send(DONE.as_bytes());
        });
        let answer = Gateway::to(runtime, &upstream, json!({})).chat(STREAM);
        assert_eq!((answer.status, answer.text()), (200, format!("{beginning}{DONE}")));
        assert_eq!(answer.field("content-type"), Some("text/event-stream; charset=utf-8"));
    }
}

pub(crate) fn an_error_that_says_nothing_is_none(runtime: Runtime) {
    for error in ["{}", "\"\"", "null", "{\"code\":null}"] {
        let event = format!("data: {{\"error\":{error},\"choices\":[{{\"delta\":{{\"content\":\"hi\"}}}}]}}\n\n");
        let sent = event.clone();
        let upstream = Upstream::start(move |_, to| {
            to.head("200 OK", SSE);
            to.send(sent.as_bytes());
        });
        let text = Gateway::to(runtime, &upstream, json!({"verify_end": true}))
            .chat(STREAM)
            .text();
        let rest = text.strip_prefix(&event).unwrap();
        assert!(rest.contains("\"upstream_stream_truncated\""), "{text}");
        upstream.only();
    }
}

pub(crate) fn an_empty_reason_to_finish_is_none(runtime: Runtime) {
    let upstream = Upstream::start(|_, to| {
        to.head("200 OK", &format!("{SSE}content-encoding: identity\r\n"));
        to.send(CONTENT.as_bytes());
    });
    let text = Gateway::to(runtime, &upstream, json!({"verify_end": true}))
        .chat(STREAM)
        .text();
    assert!(text.contains("\"upstream_stream_truncated\""), "{text}");
}

pub(crate) fn a_secret_that_comes_in_pieces_is_redacted(runtime: Runtime) {
    // On a Worker the runtime moves what comes behind the first content.
    let beginnings: &[&str] = match runtime {
        Runtime::Native => &["", CONTENT],
        Runtime::Worker => &[""],
    };
    for &beginning in beginnings {
        for (before, after) in [
            ("data: {\"error\":{\"message\":\"no ", "\"}}\n\n"),
            ("data: {\"error\":\ndata: {\"message\":\"no ", "\"}}\n\n"),
            ("{\"error\":{\"message\":\"no ", "\"}}\n\n"),
            ("error: {\"message\":\"no ", "\"}\n\n"),
            ("data: {\"code\":401,\"message\":\"no ", "\"}\n\n"),
            ("data: {\"type\":\"error\",\"message\":\"no ", "\"}\n\n"),
            ("data: {\"detail\":\"no ", "\"}\n\n"),
            ("no ", "\n\n"),
            ("event: error\ndata: no ", "\n\n"),
        ] {
            for keys in [json!(["up-SECRET-1"]), json!(["up-SECRET-1", "up-SECRET-2"])] {
                let upstream = Upstream::start(move |received, to| {
                    let key = received.one("authorization").unwrap();
                    let (half, rest) = key.split_at(key.len() - 4);
                    to.head("200 OK", SSE);
                    if received.text().contains("waits") {
                        to.send(b": wait\n\n");
                        pause();
                        return to.send(format!("{CONTENT}{before}{key}{after}").as_bytes());
                    }
                    to.send(format!("{beginning}{before}{half}").as_bytes());
                    pause();
                    to.send(format!("{rest}{after}").as_bytes());
                });
                let gateway = Gateway::to(runtime, &upstream, json!({"api_keys": keys}));
                let text = gateway.chat(STREAM).text();
                assert!(text.contains("[redacted]") || beginning.is_empty(), "{before}: {text}");
                assert!(!text.contains("up-SEC"), "{before}: {text}");
                // Behind the first content, but in the same piece.
                let text = gateway.chat(r#"{"model":"waits","stream":true}"#).text();
                assert!(
                    text.contains("[redacted]") && !text.contains("up-SEC"),
                    "{before}: {text}"
                );
            }
        }
    }
}

pub(crate) fn an_error_that_is_cut_shows_no_secret(runtime: Runtime) {
    for keys in [json!(["up-SECRET-1"]), json!(["up-SECRET-1", "up-SECRET-2"])] {
        let upstream = Upstream::start(|received, to| {
            let key = received.one("authorization").unwrap();
            to.head("200 OK", SSE);
            to.send(b": wait\n\n");
            pause();
            to.send(format!("{CONTENT}data: {{\"error\":{{\"message\":\"no {key} fits").as_bytes());
        });
        let gateway = Gateway::to(runtime, &upstream, json!({"api_keys": keys, "verify_end": true}));
        let text = gateway.chat(STREAM).text();
        let rest = text.strip_prefix(&format!(": wait\n\n{CONTENT}"));
        let is_news = rest.is_some_and(|rest| {
            rest.starts_with("data: {\"error\":{\"message\":")
                && rest.contains("\"code\":\"upstream_stream_truncated\"")
        });
        assert!(is_news && !text.contains("up-SECRET"), "{text}");
    }
}

pub(crate) fn a_short_secret_is_left_in_a_stream_of_plain_text(runtime: Runtime) {
    let text = "odd: none\ndata: none of this is an answer's JSON\n\ndata: none\n\n";
    let upstream = Upstream::answering("200 OK", SSE, text);
    let gateway = Gateway::to(runtime, &upstream, json!({"api_keys": ["none"]}));
    assert_eq!(gateway.post("/v1/tell", STREAM).text(), text);
}

pub(crate) fn what_may_be_an_error_is_held_back_no_longer_than_its_line(runtime: Runtime) {
    let event = "data: {\"error\":{},\"choices\":[{\"delta\":{\"content\":\"hi\"}}]}\n\n";
    let (seen, next) = std::sync::mpsc::channel::<()>();
    let next = std::sync::Mutex::new(next);
    let upstream = Upstream::start(move |_, to| {
        to.head("200 OK", SSE);
        let (half, rest) = event.split_at(40);
        to.send(half.as_bytes());
        pause();
        to.send(rest.as_bytes());
        next.lock().unwrap().recv_timeout(Duration::from_secs(60)).unwrap();
        to.send(DONE.as_bytes());
    });
    let gateway = Gateway::to(runtime, &upstream, json!({"api_keys": ["up-SECRET-1"]}));
    let mut exchange = gateway.open(crate::support::chat("", STREAM));
    exchange.wait_for("\"hi\"}}]}\n\n");
    seen.send(()).unwrap();
    assert_eq!(gateway.checked(exchange.finish()).text(), format!("{event}{DONE}"));
}

pub(crate) fn a_message_that_breaks_ends_with_an_event_its_clients_know(runtime: Runtime) {
    const MESSAGE: &str = "event: message_start\ndata: {\"type\":\"message_start\"}\n\nevent: content_block_delta\ndata: {\"type\":\"content_block_delta\"}\n\n";
    let body = r#"{"model":"m","stream":true,"max_tokens":1}"#;
    for stops in [false, true] {
        let upstream = Upstream::start(move |_, to| {
            to.head("200 OK", SSE);
            to.send(MESSAGE.as_bytes());
            if stops {
                to.send(b"event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n");
            }
        });
        let text = Gateway::to(runtime, &upstream, json!({"verify_end": true}))
            .post("/v1/messages", body)
            .text();
        let rest = text.strip_prefix(MESSAGE).unwrap();
        if stops {
            assert_eq!(rest, "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n");
        } else {
            let begins = rest.starts_with("event: error\ndata: {\"type\":\"error\",\"error\":{\"");
            assert!(begins && rest.contains("\"upstream_stream_truncated\""), "{rest}");
        }
    }
    // What only says that there will be a message is no part of it.
    let upstream = Upstream::start(|received, to| {
        to.head("200 OK", SSE);
        if received.one("authorization") == Some("Bearer up-SECRET-1") {
            to.send(b"event: message_start\ndata: {\"type\":\"message_start\"}\n\nevent: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\"}}\n\n");
        } else {
            to.send(MESSAGE.as_bytes());
            to.send(b"event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n");
        }
    });
    let gateway = Gateway::to(runtime, &upstream, json!({}));
    for id in 0..4 {
        let fields = format!("{JSON}x-request-id: {id}\r\n");
        let text = gateway
            .raw(request("POST", "/v1/messages", TOKEN, &fields, body))
            .text();
        assert!(text.ends_with("\"message_stop\"}\n\n"), "{text}");
    }
}

pub(crate) fn a_thing_that_failed_is_an_answer_like_any_other(runtime: Runtime) {
    for (path, body) in [
        (
            "fine_tuning/jobs",
            r#"{"object":"fine_tuning.job","id":"ftjob-1","error":{}}"#,
        ),
        (
            "fine_tuning/jobs",
            r#"{"object":"fine_tuning.job","id":"ftjob-1","error":{"code":"x","message":"m"}}"#,
        ),
        ("videos", r#"{"id":"video_1","error":{"code":"x","message":"m"}}"#),
        ("embed", r#"["error"]"#),
        ("tokenize", r#"[{"message":"m","id":1}]"#),
        ("chat/completions", r#"{"choices":[{"error":null}],"error":{}}"#),
        (
            "chat/completions",
            r#"{"choices":[{"message":{"content":"half"},"finish_reason":"error"}]}"#,
        ),
        (
            "chat/completions",
            r#"{"choices":[{"message":{"content":"all"}}],"error":{"code":0,"message":"success"}}"#,
        ),
        (
            "chat/completions",
            r#"{"choices":[{"error":{"message":"m"}},{"message":{"content":"one"}}]}"#,
        ),
    ] {
        let upstream = Upstream::answering("200 OK", JSON, body);
        let answer = Gateway::to(runtime, &upstream, json!({})).post(&format!("/v1/{path}"), CHAT);
        assert_eq!((answer.status, answer.text().as_str()), (200, body), "{path}");
        upstream.only();
    }
    for body in [
        r#"{"choices":[],"error":{"message":"m"}}"#,
        r#"{"choices":[{"message":{"content":""},"finish_reason":"error"}],"error":{"message":"m"}}"#,
        r#"{"choices":[{"message":{"content":""},"finish_reason":"stop","error":{"code":502,"message":"m"}}]}"#,
        r#"{"id":"x","object":"chat.completion","choices":[ ],"error":{"message":"m"}}"#,
        r#"{"code":50505,"message":"m","data":null}"#,
        r#"{"detail":"m"}"#,
        r#"{"success":false,"errors":[{"code":7009,"message":"m"}]}"#,
    ] {
        let upstream = Upstream::answering("200 OK", JSON, body);
        let answer = Gateway::to(runtime, &upstream, json!({})).chat(CHAT);
        assert_eq!((answer.status, upstream.received().len()), (502, 2), "{body}");
    }
}

pub(crate) fn an_error_whose_words_do_not_come_is_still_that_error(runtime: Runtime) {
    for (status, told) in [
        ("429 Slow", "429 rate_limit_exceeded"),
        ("401 No", "502 upstream_auth_failed"),
    ] {
        let upstream = Upstream::start(move |received, to| {
            if received.one("authorization") != Some("Bearer up-SECRET-1") {
                return to.answer("200 OK", JSON, "{}");
            }
            to.head(status, &format!("{JSON}content-length: 100\r\nretry-after: 600\r\n"));
            to.send(b"{\"error\"");
            to.hang();
        });
        let only = route("gw-SECRET-only", &upstream, json!({"api_keys": ["up-SECRET-1"]}));
        let both = route(TOKEN, &upstream, json!({}));
        let gateway = Gateway::with_routes(runtime, &json!([both, only]));
        let alone = gateway.raw(request("POST", "/v1/chat/completions", "gw-SECRET-only", JSON, CHAT));
        let (status, code) = alone.error();
        assert_eq!(format!("{status} {code}"), told);
        // It rests, and is passed over.
        for id in 0..4 {
            let answer = gateway.chat_with(&format!("x-request-id: {id}\r\n"), CHAT);
            assert_eq!(answer.field("x-gateway-attempts"), Some("1"), "{status}");
        }
    }
}

pub(crate) fn an_error_that_breaks_is_still_that_error(runtime: Runtime) {
    let upstream = Upstream::start(|_, to| {
        to.head(
            "429 Slow",
            &format!("{JSON}content-length: 100\r\nretry-after: 600\r\n"),
        );
        to.send(b"{\"error\"");
    });
    let answer = Gateway::to(runtime, &upstream, json!({})).chat(CHAT);
    assert_eq!(answer.error(), (429, "rate_limit_exceeded".into()));
}

pub(crate) fn a_beginning_without_content_is_not_kept_for_ever(runtime: Runtime) {
    const COMMENT: &str = ": this is no content and never ends in any\n";
    let upstream = Upstream::start(|_, to| {
        to.head("200 OK", SSE);
        for _ in 0..4000 {
            to.send(COMMENT.as_bytes());
        }
        to.hang();
    });
    let late = Upstream::start(|_, to| to.hang());
    let routes = json!([
        route(TOKEN, &upstream, json!({})),
        route("gw-SECRET-b", &late, json!({"timeout": 8})),
    ]);
    let in_time = |_| {
        let gateway = Gateway::with_routes(runtime, &routes);
        let late = gateway.open(request("POST", "/v1/chat/completions", "gw-SECRET-b", JSON, CHAT));
        let mut exchange = gateway.open(crate::support::chat("", STREAM));
        exchange.wait_for(COMMENT);
        !late.has_come()
    };
    // A machine that stands still lets both come at once.
    assert!((0..3).any(in_time));
}

pub(crate) fn when_a_fallback_is_limited_its_own_limit_is_told(runtime: Runtime) {
    let refusing = Upstream::answering("401 No", JSON, "{}");
    let limited = Upstream::answering("429 Slow", JSON, r#"{"error":{"message":"slow down"}}"#);
    let routes = json!([
        route(TOKEN, &refusing, json!({"fallbacks": ["second"]})),
        route("gw-SECRET-b", &limited, json!({"name": "second"})),
    ]);
    let answer = Gateway::with_routes(runtime, &routes).chat(CHAT);
    let seconds: u64 = answer.field("retry-after").unwrap().parse().unwrap();
    assert!(answer.status == 429 && seconds <= 20, "{} {seconds}", answer.status);
}

pub(crate) fn waiting_helps_where_it_helps_one_of_the_keys(runtime: Runtime) {
    let upstream = Upstream::start(|received, to| {
        if received.one("authorization") == Some("Bearer up-SECRET-1") {
            to.answer("429 Slow", JSON, r#"{"error":{"code":"insufficient_quota"}}"#);
        } else {
            to.answer("429 Slow", &format!("{JSON}retry-after: 3\r\n"), r#"{"error":{}}"#);
        }
    });
    for id in 0..4 {
        let gateway = Gateway::to(runtime, &upstream, json!({}));
        let answer = gateway.chat_with(&format!("x-request-id: {id}\r\n"), CHAT);
        assert_eq!((answer.status, answer.field("x-should-retry")), (429, None));
        assert_eq!(answer.field("retry-after"), Some("3"));
    }
}

pub(crate) fn a_body_where_none_belongs_is_no_upstreams_fault(runtime: Runtime) {
    let upstream = Upstream::answering("200 OK", JSON, r#"{"fine":1}"#);
    let gateway = Gateway::to(runtime, &upstream, json!({}));
    let answer = gateway.raw(request("GET", "/v1/files", TOKEN, JSON, CHAT));
    assert_eq!((answer.status, answer.text().as_str()), (200, r#"{"fine":1}"#));
}

pub(crate) fn a_long_event_is_read_at_both_ends(runtime: Runtime) {
    let long = "x".repeat(200_000);
    let chat = format!(
        "data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{long}\"}},\"finish_reason\":\"stop\"}}],\"usage\":{{\"prompt_tokens\":31,\"completion_tokens\":41}}}}\n\n"
    );
    let typed = format!(
        "data: {{\"type\":\"response.completed\",\"response\":{{\"output\":\"{long}\",\"usage\":{{\"input_tokens\":31,\"output_tokens\":41}}}}}}\n\n"
    );
    let named = format!(
        "event: response.completed\n{}",
        typed.replace("\"type\":\"response.completed\",", "")
    );
    for (path, event) in [("chat/completions", chat), ("responses", typed), ("responses", named)] {
        let sent = event.clone();
        let upstream = Upstream::start(move |_, to| {
            to.head("200 OK", SSE);
            let (half, rest) = sent.split_at(100_000);
            to.send(half.as_bytes());
            pause();
            to.send(rest.as_bytes());
        });
        let gateway = Gateway::to(runtime, &upstream, json!({"verify_end": true}));
        let text = gateway.post(&format!("/v1/{path}"), STREAM).text();
        assert!(text == event, "{}", text.replace(&long, "..."));
        gateway.wait_for_log("\"prompt_tokens\":31,\"completion_tokens\":41");
    }
}
