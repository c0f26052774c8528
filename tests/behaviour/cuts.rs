//! Streams that are cut: what is told of them, and of which nothing is.

use std::io::Read;

use serde_json::{Value, json};

use crate::support::upstream::{SSE, Upstream};
use crate::support::{Gateway, Runtime, chat};

const BODY: &str = r#"{"model":"m","stream":true}"#;

pub(crate) const EVENT: &str =
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hi\"},\"finish_reason\":null}]}\n\n";

pub(crate) const STOP: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";

/// What the gateway says of a stream that was cut.
fn told(rest: &str) -> bool {
    let error: Value = rest
        .strip_prefix("data: ")
        .and_then(|rest| serde_json::from_str(rest).ok())
        .unwrap_or_default();
    let members = error["error"].as_object().map(|error| error.keys().collect::<Vec<_>>());
    members.is_some_and(|members| members == ["message", "type", "param", "code"])
        && error["error"]["message"].is_string()
        && error["error"]["code"] == "upstream_stream_truncated"
        && error["error"]["type"] == "upstream_error"
        && error["error"]["param"].is_null()
        && rest.ends_with("\n\n")
}

pub(crate) fn an_early_end_is_told_byte_for_byte_where_the_route_verifies_it(runtime: Runtime) {
    for (stream, closing) in [
        (EVENT.repeat(3), ""),
        (format!("{EVENT}data: {{}}"), "\n\n"),
        (format!("{EVENT}data: {{}}\n"), "\n"),
        // An LF behind it would belong to the same line end.
        (format!("{EVENT}data: {{}}\r"), "\n\n"),
        // Too long to be kept.
        (format!("{EVENT}data: {}", "x".repeat(100_000)), "\n\n"),
        (format!("{EVENT}: waiting\n\n"), ""),
        (EVENT.replace('\n', "\r\n"), ""),
        // Of two choices only one has said why it ended.
        (format!("{}{EVENT}", STOP.replace("\"index\":0", "\"index\":1")), ""),
        (format!("{}{STOP}", EVENT.replace("\"index\":0", "\"index\":1")), ""),
    ] {
        let sent = stream.clone();
        let upstream = Upstream::start(move |_, to| {
            to.head("200 OK", SSE);
            to.send(sent.as_bytes());
        });
        let answer = Gateway::to(runtime, &upstream, json!({"verify_end": true})).chat(BODY);
        let text = answer.text();
        let rest = text
            .strip_prefix(&(stream + closing))
            .unwrap_or_else(|| panic!("{text}"));
        assert!(answer.status == 200 && told(rest), "{text}");
    }
    // So it is for the completions before Chat Completions.
    const TEXT: &str = "data: {\"choices\":[{\"index\":0,\"text\":\"hi\",\"finish_reason\":null}]}\n\n";
    let upstream = Upstream::start(|_, to| {
        to.head("200 OK", SSE);
        to.send(TEXT.as_bytes());
    });
    let answer = Gateway::to(runtime, &upstream, json!({"verify_end": true})).post("/v1/completions", BODY);
    assert!(answer.text().strip_prefix(TEXT).is_some_and(told), "{}", answer.text());
}

pub(crate) fn behind_the_news_of_a_cut_the_answer_is_over(runtime: Runtime) {
    for (fields, announced) in [
        (json!({"verify_end": true}), ""),
        (json!({}), "content-length: 5000\r\n"),
    ] {
        let upstream = Upstream::start(move |_, to| {
            to.head("200 OK", &format!("{SSE}{announced}"));
            to.send(EVENT.as_bytes());
        });
        let gateway = Gateway::to(runtime, &upstream, fields);
        let (_, mut body) = gateway.open(chat("", BODY)).arriving();
        let mut text = String::new();
        // Not with the connection: what is in chunks has a last one.
        body.read_to_string(&mut text).expect("the end did not come");
        let rest = text.strip_prefix(EVENT).map(str::trim_start).unwrap_or_default();
        assert!(told(rest), "{text}");
    }
}

pub(crate) fn a_stream_whose_choices_all_say_why_they_end_is_complete(runtime: Runtime) {
    let both = [STOP, &STOP.replace("\"index\":0", "\"index\":1")].concat();
    let unended = format!("{EVENT}data: [DONE]");
    for (stream, closing) in [
        (STOP.to_owned(), ""),
        (both, ""),
        (format!("{unended}\n\n"), ""),
        (unended, "\n\n"),
    ] {
        let sent = stream.clone();
        let upstream = Upstream::start(move |_, to| {
            to.head("200 OK", SSE);
            to.send(sent.as_bytes());
        });
        let answer = Gateway::to(runtime, &upstream, json!({"verify_end": true})).chat(BODY);
        assert_eq!(answer.text(), stream + closing, "nothing is added, not even a [DONE]");
    }
}

/// An upstream that sends this, and breaks, or closes it as it should.
fn ending(stream: &str, breaks: bool) -> Upstream {
    let stream = stream.to_owned();
    Upstream::start(move |_, to| {
        // More is announced than comes.
        let announced = if breaks { "content-length: 500000\r\n" } else { "" };
        to.head("200 OK", &format!("{SSE}{announced}"));
        to.send(stream.as_bytes());
    })
}

pub(crate) fn a_break_is_told_behind_the_last_event(runtime: Runtime) {
    for fields in [json!({}), json!({"verify_end": true})] {
        let upstream = ending(EVENT, true);
        let gateway = Gateway::to(runtime, &upstream, fields);
        for _ in 0..2 {
            let answer = gateway.chat(BODY);
            let text = answer.text();
            // Who has not watched the bytes does not know that there is nothing to close.
            let rest = text.strip_prefix(EVENT).unwrap_or_default().trim_start();
            assert!(answer.status == 200 && told(rest), "{text}");
            assert_eq!(answer.field("content-length"), None);
        }
        assert_eq!(upstream.received().len(), 2, "nothing is asked for again");
    }
}

pub(crate) fn half_a_line_is_not_in_front_of_the_news_of_a_cut(runtime: Runtime) {
    const HALF: &str = "data: {\"choices\":[{\"del";
    for (is_broken, path, sent, half, closing) in [
        (true, "/v1/chat/completions", EVENT, HALF, ""),
        (false, "/v1/chat/completions", EVENT, HALF, ""),
        (true, "/v1/chat/completions", EVENT, "data: [DON", ""),
        (
            true,
            "/v1/responses",
            "event: response.output_item.added\ndata: {}\n\nevent: x\n",
            HALF,
            "event: error\n",
        ),
        (
            true,
            "/v1/messages",
            "event: content_block_start\ndata: {}\n\nevent: x\n",
            HALF,
            "event: error\n",
        ),
    ] {
        let cut = format!("{sent}{half}");
        let upstream = ending(&cut, is_broken);
        let gateway = Gateway::to(runtime, &upstream, json!({"verify_end": true}));
        let text = gateway.post(path, BODY).text();
        let rest = text
            .strip_prefix(&format!("{sent}{closing}"))
            .unwrap_or_else(|| panic!("{text}"));
        assert!(
            rest.contains("\"upstream_stream_truncated\"") && rest.ends_with("\n\n"),
            "{text}"
        );
        assert!(!text.contains(half), "{text}");
    }
}

pub(crate) fn a_stream_that_has_said_all_is_complete_however_it_ends(runtime: Runtime) {
    let stream = [EVENT, STOP].concat();
    let upstream = ending(&stream, true);
    let answer = Gateway::to(runtime, &upstream, json!({"verify_end": true})).chat(BODY);
    assert_eq!((answer.status, answer.text()), (200, stream));
}

pub(crate) fn what_comes_behind_the_end_of_a_choice_makes_it_unfinished(runtime: Runtime) {
    let one = |event: &str| event.replace("\"index\":0", "\"index\":1");
    for (stream, complete) in [
        ([EVENT, STOP, EVENT].concat(), false),
        ([EVENT, STOP, EVENT, STOP].concat(), true),
        // Choices that are counted from one.
        ([one(EVENT), one(STOP)].concat(), true),
        ([one(EVENT), one(STOP), one(EVENT)].concat(), false),
        ([one(EVENT), EVENT.to_owned(), one(STOP)].concat(), false),
    ] {
        let upstream = ending(&stream, false);
        let text = Gateway::to(runtime, &upstream, json!({"verify_end": true}))
            .chat(BODY)
            .text();
        let rest = text.strip_prefix(&stream).unwrap_or_else(|| panic!("{text}"));
        assert!(if complete { rest.is_empty() } else { told(rest) }, "{text}");
    }
}

pub(crate) fn behind_the_end_mark_a_break_is_no_news(runtime: Runtime) {
    let stream = format!("{EVENT}data: [DONE]\n\n");
    let sent = stream.clone();
    let upstream = Upstream::start(move |_, to| {
        // More is announced than comes.
        to.head("200 OK", &format!("{SSE}content-length: 5000\r\n"));
        to.send(sent.as_bytes());
    });
    let answer = Gateway::to(runtime, &upstream, json!({"verify_end": true})).chat(BODY);
    assert_eq!(answer.text(), stream);
}

pub(crate) fn behind_a_call_of_a_tool_nothing_is_asked_for_again(runtime: Runtime) {
    const CALL: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"index\":0,\"id\":\"call-1\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"\"}}]},\"finish_reason\":null}]}\n\n";
    let upstream = Upstream::start(|_, to| {
        // More is announced than comes.
        to.head("200 OK", &format!("{SSE}content-length: 5000\r\n"));
        to.send(CALL.as_bytes());
    });
    let answer = Gateway::to(runtime, &upstream, json!({"verify_end": true})).chat(BODY);
    let text = answer.text();
    assert!(text.strip_prefix(CALL).is_some_and(told), "{text}");
    upstream.only();
}

pub(crate) fn a_break_is_told_whatever_was_asked_for_and_whatever_has_come(runtime: Runtime) {
    for path in [
        "/v1/chat/completions",
        "/v1/completions",
        "/v1/responses",
        "/v1/images/generations",
    ] {
        for cut in ["", ": wait\n\n", EVENT] {
            let upstream = Upstream::start(move |_, to| {
                // More is announced than comes.
                to.head("200 OK", &format!("{SSE}content-length: 5000\r\n"));
                to.send(cut.as_bytes());
            });
            let answer = Gateway::to(runtime, &upstream, json!({"api_keys": ["up-SECRET-1"]})).post(path, BODY);
            let text = answer.text();
            // Who has not watched the bytes does not know that there is nothing to close.
            let told = [cut.to_owned(), format!("{cut}\n\n")]
                .iter()
                .filter_map(|cut| text.strip_prefix(cut))
                .any(told);
            assert!(answer.status == 200 && told, "{path}, {cut:?}: {text}");
        }
    }
}

pub(crate) fn a_stall_is_told_and_ends_the_request_upstream(runtime: Runtime) {
    let upstream = Upstream::start(|_, to| {
        to.head("200 OK", SSE);
        to.send(EVENT.as_bytes());
        to.hang();
    });
    // It outlives its answer: what ends upstream does not end with it.
    let gateway = Gateway::to(runtime, &upstream, json!({"idle_timeout": 1}));
    let answer = gateway.chat(BODY);
    assert!(told(answer.text().strip_prefix(EVENT).unwrap()), "{}", answer.text());
    upstream.wait_for_leaver();
}
