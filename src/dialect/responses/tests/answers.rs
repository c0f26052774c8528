//! Whole answers for clients, written.

use serde_json::json;

use super::scripts::{arguments, call, start, text, thought, tool_end, whole};
use super::strict::accumulate;
use super::writers::{context, write};
use crate::dialect::neutral::answer::Answer;
use crate::dialect::neutral::event::{Event, Finish, Usage};
use crate::dialect::responses::FORMAT;

#[test]
fn a_whole_answer_is_what_the_last_event_of_its_stream_holds() {
    let usage = Usage {
        input: 9,
        cached: 2,
        cache_write: 1,
        output: 4,
        reasoning: 3,
    };
    let refusal = Event::Refusal {
        choice: 0,
        text: "no".to_owned(),
    };
    let encrypted = Event::Encrypted {
        choice: 0,
        data: "E".to_owned(),
    };
    for (events, reason) in [
        (vec![], Finish::Stop),
        (vec![thought("t"), encrypted, text("a"), refusal], Finish::Length),
        (
            vec![
                start(0, call("fs__patch")),
                arguments(0, "{\"input\":\"x\"}"),
                tool_end(0),
                start(1, call("f")),
                tool_end(1),
                text("b"),
                Event::Usage(usage),
            ],
            Finish::ToolCalls,
        ),
    ] {
        let events = whole(events, reason);
        let answer = (FORMAT.write_answer)(&Answer::of(&events), &context());
        assert_eq!(answer, accumulate(&write(&events)));
    }
}

#[test]
fn an_answer_that_failed_says_so() {
    let answer = Answer {
        error: Some(("m".to_owned(), Some("rate_limit_error".to_owned()), Some(429))),
        ..Answer::default()
    };
    let written = (FORMAT.write_answer)(&answer, &context());
    assert_eq!(written["status"], "failed");
    assert_eq!(written["error"], json!({"code": "rate_limit_exceeded", "message": "m"}));
}

#[test]
fn an_answer_has_every_member_that_libraries_want() {
    let answer = Answer::of(&whole([text("a")], Finish::Stop));
    let written = (FORMAT.write_answer)(&answer, &context());
    for (name, value) in [
        ("object", json!("response")),
        ("created_at", json!(1_795_000_000)),
        ("status", json!("completed")),
        ("error", json!(null)),
        ("incomplete_details", json!(null)),
        ("instructions", json!(null)),
        ("parallel_tool_calls", json!(true)),
        ("tool_choice", json!("auto")),
        ("tools", json!([])),
        ("temperature", json!(1.0)),
        ("top_p", json!(1.0)),
        ("store", json!(false)),
        ("usage", json!(null)),
    ] {
        assert_eq!(written[name], value, "{name}");
    }
    let message = &written["output"][0];
    assert_eq!(message["role"], "assistant");
    assert_eq!(
        message["content"],
        json!([{"type": "output_text", "text": "a", "annotations": [], "logprobs": []}])
    );
    assert!(message["id"].as_str().unwrap().starts_with("msg_"));
}
