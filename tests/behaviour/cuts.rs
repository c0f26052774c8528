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
    members.is_some_and(|members| members == ["code", "message", "param", "type"])
        && error["error"]["message"].is_string()
        && error["error"]["code"] == "upstream_stream_truncated"
        && error["error"]["type"] == "upstream_error"
        && error["error"]["param"].is_null()
        && rest.ends_with("\n\n")
}

pub(crate) fn an_early_end_is_told_byte_for_byte_where_the_route_verifies_it(runtime: Runtime) {
    for (stream, closing) in [
        (EVENT.repeat(3), ""),
        (format!("{EVENT}data: {{\"choices\":[{{\"del"), "\n\n"),
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
    for stream in [STOP.to_owned(), both, format!("{unended}\n\n"), unended] {
        let sent = stream.clone();
        let upstream = Upstream::start(move |_, to| {
            to.head("200 OK", SSE);
            to.send(sent.as_bytes());
        });
        let answer = Gateway::to(runtime, &upstream, json!({"verify_end": true})).chat(BODY);
        assert_eq!(answer.text(), stream, "nothing is added, not even a [DONE]");
    }
}

pub(crate) fn a_break_is_told_behind_the_event_that_it_cut(runtime: Runtime) {
    let cuts = [
        (format!("{EVENT}data: {{\"choices\":[{{\"del"), "\n\n"),
        // Why the choice has ended was said, and what was to come behind it was not.
        ([EVENT, STOP].concat(), ""),
    ];
    for (fields, (cut, closing)) in [json!({}), json!({"verify_end": true})]
        .iter()
        .flat_map(|fields| cuts.iter().map(move |cut| (fields.clone(), cut)))
    {
        let sent = cut.clone();
        let upstream = Upstream::start(move |_, to| {
            // More is announced than comes.
            to.head("200 OK", &format!("{SSE}content-length: 5000\r\n"));
            to.send(sent.as_bytes());
        });
        let gateway = Gateway::to(runtime, &upstream, fields);
        for _ in 0..2 {
            let answer = gateway.chat(BODY);
            let text = answer.text();
            // Who has not watched the bytes does not know that there is nothing to close.
            let told = [*closing, "\n\n"]
                .iter()
                .filter_map(|closing| text.strip_prefix(&format!("{cut}{closing}")))
                .any(told);
            assert!(answer.status == 200 && told, "{text}");
            assert_eq!(answer.field("content-length"), None);
        }
        assert_eq!(upstream.received().len(), 2, "nothing is asked for again");
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
