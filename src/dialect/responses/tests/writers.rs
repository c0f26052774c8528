//! Streams for clients, written.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::scripts::{answers, arguments, call, start, text, thought, tool_end, whole};
use super::strict::accumulate;
use crate::dialect::neutral::answer::Answer;
use crate::dialect::neutral::canonical::{canonical, fixtures, read_whole, strict};
use crate::dialect::neutral::event::{Context, Event, Finish};
use crate::dialect::neutral::request::Tool;
use crate::dialect::responses::FORMAT;

/// Returns what a writer knows.
pub(super) fn context() -> Context {
    let tool = |namespace: Option<&str>, name: &str, custom: Option<Value>| Tool {
        name: name.to_owned(),
        namespace: namespace.map(str::to_owned),
        description: None,
        parameters: None,
        strict: None,
        custom,
        cache: None,
    };
    Context {
        model: "asked".to_owned(),
        id: "0197a2b4-0000-7000-8000-00000000abcd".to_owned(),
        created: 1_795_000_000,
        tools: vec![
            ("agents__close".to_owned(), tool(Some("agents"), "close", None)),
            ("fs__patch".to_owned(), tool(Some("fs"), "patch", Some(Value::Null))),
        ],
        echo: [("metadata".to_owned(), json!({"a": "b"}))].into_iter().collect(),
        ..Context::default()
    }
}

/// Writes a stream.
pub(super) fn write(events: &[Event]) -> Vec<u8> {
    let (mut writer, mut out) = ((FORMAT.writer)(context()), Vec::new());
    for event in events {
        writer.write(event, &mut out);
    }
    out
}

/// Returns the types of the events of a stream, without those of its beginning.
pub(super) fn kinds(stream: &[u8]) -> Vec<String> {
    let text = String::from_utf8(stream.to_vec()).unwrap();
    let names = text.lines().filter_map(|line| line.strip_prefix("event: response."));
    names.skip(2).map(str::to_owned).collect()
}

#[test]
fn what_was_read_is_written_so_that_it_is_read_again() {
    for fixture in fixtures("responses") {
        let events = read_whole(FORMAT.reader, &fixture.sse);
        let stream = write(&events);
        let again = read_whole(FORMAT.reader, &stream);
        let is_complete = Answer::of(&events).is_complete;
        assert_eq!(Answer::of(&again).is_complete, is_complete, "{}", fixture.name);
        if is_complete || fixture.name.contains("s11") {
            assert_eq!(canonical(&again), canonical(&events), "{}", fixture.name);
        }
        accumulate(&stream);
        if is_complete {
            let verdict = strict::stream("responses", &stream).unwrap();
            assert_eq!(verdict.canonical, canonical(&events), "{}", fixture.name);
        }
    }
}

#[test]
fn every_event_is_written_when_it_comes() {
    let (mut writer, mut lengths) = ((FORMAT.writer)(context()), Vec::new());
    let events = whole(
        [
            text("a"),
            text("b"),
            start(0, call("f")),
            arguments(0, "{"),
            arguments(0, "}"),
            tool_end(0),
        ],
        Finish::ToolCalls,
    );
    for event in &events {
        let mut out = Vec::new();
        writer.write(event, &mut out);
        lengths.push(out.len());
    }
    // What ends a choice ends nothing here that has not ended.
    assert!(
        lengths
            .iter()
            .enumerate()
            .all(|(place, length)| (*length > 0) != (place == 7)),
        "{lengths:?}"
    );
}

#[test]
fn items_and_their_parts_begin_and_end() {
    let events = whole(
        [
            thought("t"),
            Event::Signature {
                choice: 0,
                signature: "S".to_owned(),
            },
            text("a"),
            start(0, call("f")),
            tool_end(0),
        ],
        Finish::ToolCalls,
    );
    let stream = write(&events);
    let response = accumulate(&stream);
    let expected = [
        "output_item.added",
        "reasoning_summary_part.added",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.done",
        "reasoning_summary_part.done",
        "output_item.done",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "output_item.added",
        "function_call_arguments.delta",
        "function_call_arguments.done",
        "output_item.done",
        "completed",
    ];
    assert_eq!(kinds(&stream), expected);
    let output = &response["output"];
    assert_eq!(output[0]["encrypted_content"], "ai-gateway:signature:S");
    assert_eq!(output[1]["content"][0]["text"], "a");
    assert_eq!(
        (&output[2]["call_id"], &output[2]["arguments"]),
        (&json!("call_f"), &json!("{}"))
    );
    assert_eq!(
        (&response["model"], &response["metadata"]),
        (&json!("asked"), &json!({"a": "b"}))
    );
    assert_eq!(response["id"], "resp_0197a2b400007000800000000000abcd");
}

#[test]
fn an_error_ends_the_stream_and_says_whether_to_try_again() {
    let error = |code: Option<&str>, status| Event::Error {
        message: "try again in 1.5s".to_owned(),
        code: code.map(str::to_owned),
        status,
    };
    for (event, code) in [
        (error(Some("rate_limit_error"), Some(429)), "rate_limit_exceeded"),
        (error(Some("overloaded_error"), Some(529)), "server_error"),
        (error(Some("context_length_exceeded"), None), "context_length_exceeded"),
        (error(None, None), "server_error"),
    ] {
        let mut events = whole([text("a"), start(0, call("f"))], Finish::Stop);
        events.splice(3.., [event, text("late"), Event::End]);
        let response = accumulate(&write(&events));
        assert_eq!(response["status"], "failed");
        assert_eq!(response["error"], json!({"code": code, "message": "try again in 1.5s"}));
        assert_eq!(response["output"][0]["content"][0]["text"], "a");
    }
    // A stream whose first event is an error begins all the same.
    assert_eq!(accumulate(&write(&[error(None, None)]))["status"], "failed");
}

#[test]
fn a_stream_that_was_cut_has_no_end() {
    let mut events = whole([text("a")], Finish::Stop);
    events.truncate(2);
    assert_eq!(accumulate(&write(&events)), Value::Null);
}

#[test]
fn a_client_that_waits_gets_a_real_event() {
    let mut events = whole([text("a")], Finish::Stop);
    events.insert(2, Event::KeepAlive);
    let stream = write(&events);
    accumulate(&stream);
    assert_eq!(kinds(&stream)[3], "in_progress");
}

#[test]
fn other_choices_are_left_out() {
    let mut events = whole([text("a")], Finish::Stop);
    events.insert(
        2,
        Event::Text {
            choice: 1,
            text: "b".to_owned(),
        },
    );
    events.insert(
        3,
        Event::Finish {
            choice: 1,
            reason: Finish::Length,
            stop: None,
        },
    );
    let response = accumulate(&write(&events));
    assert_eq!(
        (&response["status"], &response["output"][0]["content"][0]["text"]),
        (&json!("completed"), &json!("a"))
    );
}

proptest! {
    #[test]
    fn every_answer_is_written_as_strict_clients_want_it_and_means_the_same(events in answers()) {
        let stream = write(&events);
        let response = accumulate(&stream);
        let mut expected = canonical(&events);
        let again = canonical(&read_whole(FORMAT.reader, &stream));
        // An answer says by its items that tools are to be called.
        let calls = |form: &Value| form["choices"][0]["tool_calls"].as_array().map_or(0, Vec::len);
        if matches!(Answer::of(&events).choices[0].finish, Some(Finish::Stop | Finish::ToolCalls)) {
            expected["choices"][0]["finish"] = if calls(&expected) > 0 { "tool_calls" } else { "stop" }.into();
        }
        prop_assert_eq!(without_order(&again), without_order(&expected));
        prop_assert_eq!(response["usage"].is_null(), expected["usage"].is_null());
        let answer = (FORMAT.write_answer)(&Answer::of(&events), &context());
        let whole = canonical(&(FORMAT.read_answer)(answer.to_string().as_bytes()).unwrap());
        prop_assert_eq!(without_order(&whole), without_order(&expected));
    }

    #[test]
    fn where_an_answer_fails_its_stream_is_as_strict_clients_want_it(events in answers(), at in any::<prop::sample::Index>()) {
        let mut events = events;
        events.truncate(at.index(events.len()));
        prop_assert_eq!(accumulate(&write(&events)), Value::Null);
        events.push(Event::Error { message: "m".to_owned(), code: None, status: None });
        prop_assert_eq!(&accumulate(&write(&events))["status"], "failed");
    }
}

/// Returns a canonical form without what a dialect may say otherwise: arguments that are not JSON, breaks between paragraphs of reasoning,
/// and the order of calls that were mixed.
fn without_order(form: &Value) -> Value {
    let mut form = form.clone();
    let choice = &mut form["choices"][0];
    let reasoning = choice["reasoning"].as_str().unwrap_or_default().replace("\n\n", "");
    choice["reasoning"] = reasoning.into();
    if let Some(calls) = choice["tool_calls"].as_array_mut() {
        calls.sort_by_key(|call| call["name"].to_string());
    }
    form
}
