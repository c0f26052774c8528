//! Streams of upstreams, read.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::scripts::{arguments, call, start, text, thought, tool_end};
use crate::dialect::neutral::canonical::{canonical, fixtures, judge, read_whole};
use crate::dialect::neutral::event::{Event, Finish};
use crate::dialect::responses::FORMAT;

/// Reads events that have no names.
fn read(events: &[Value]) -> Vec<Event> {
    let (mut reader, mut found) = ((FORMAT.reader)(), Vec::new());
    for event in events {
        reader.read("", &event.to_string(), &mut found);
    }
    reader.end(&mut found);
    found
}

/// Reads events in an answer that begins and ends well, and returns what they say.
fn said(events: &[Value]) -> Vec<Event> {
    let mut all = vec![json!({"type": "response.created", "response": {"id": "r", "model": "m"}})];
    all.extend_from_slice(events);
    all.push(json!({"type": "response.completed", "response": {"id": "r"}}));
    let mut found = read(&all);
    assert!(matches!(found.remove(0), Event::Start { .. }));
    assert_eq!(found.pop(), Some(Event::End));
    assert!(matches!(found.pop(), Some(Event::Finish { .. })));
    found
}

#[test]
fn every_recorded_stream_means_what_it_means_to_the_official_library() {
    judge("responses", FORMAT.reader);
}

#[test]
fn a_whole_answer_means_what_its_stream_means() {
    for fixture in fixtures("responses") {
        let stream = String::from_utf8(fixture.sse.clone()).unwrap();
        let last = stream.lines().rfind(|line| line.contains("\"response.completed\""));
        let Some(last) = last.and_then(|line| line.strip_prefix("data: ")) else {
            continue;
        };
        let last: Value = serde_json::from_str(last).unwrap();
        if last["response"]["output"].is_array() {
            let events = (FORMAT.read_answer)(last["response"].to_string().as_bytes()).unwrap();
            let streamed = read_whole(FORMAT.reader, &fixture.sse);
            assert_eq!(canonical(&events), canonical(&streamed), "{}", fixture.name);
        }
    }
}

#[test]
fn what_is_not_an_answer_is_none() {
    for body in [
        "",
        "[]",
        "{}",
        "{\"error\":{\"message\":\"x\"}}",
        "<html>",
        "{\"id\":1,\"object\":\"chat.completion\"}",
    ] {
        assert_eq!((FORMAT.read_answer)(body.as_bytes()), None, "{body}");
    }
    let failed = json!({"object": "response", "id": "r", "status": "failed", "output": [], "error": {"code": "server_error", "message": "m"}});
    let events = (FORMAT.read_answer)(failed.to_string().as_bytes()).unwrap();
    assert!(
        matches!(events.last(), Some(Event::Error { status: Some(500), .. })),
        "{events:?}"
    );
    let waiting = json!({"object": "response", "id": "r", "status": "queued"});
    let events = (FORMAT.read_answer)(waiting.to_string().as_bytes()).unwrap();
    assert_eq!(events.len(), 1, "{events:?}");
}

#[test]
fn each_piece_is_read_at_once_and_once() {
    let mut reader = (FORMAT.reader)();
    let mut read = |event: Value| {
        let mut found = Vec::new();
        reader.read("", &event.to_string(), &mut found);
        found
    };
    let item =
        |arguments: &str| json!({"type": "function_call", "call_id": "call_f", "name": "f", "arguments": arguments});
    assert_eq!(
        read(json!({"type": "response.created", "response": {"id": "r", "model": "m"}})).len(),
        1
    );
    assert_eq!(read(json!({"type": "response.in_progress", "response": {}})), []);
    assert_eq!(
        read(json!({"type": "response.in_progress", "response": {}})),
        [Event::KeepAlive]
    );
    assert_eq!(
        read(json!({"type": "response.output_text.delta", "output_index": 0, "delta": "a", "logprobs": []})),
        [text("a")]
    );
    assert_eq!(
        read(json!({"type": "response.output_text.done", "output_index": 0, "text": "a"})),
        []
    );
    assert_eq!(
        read(json!({"type": "response.output_item.added", "output_index": 1, "item": item("")})),
        [start(0, call("f"))]
    );
    assert_eq!(
        read(json!({"type": "response.function_call_arguments.delta", "output_index": 1, "delta": "{\"\\u00"})),
        [arguments(0, "{\"\\u00")]
    );
    assert_eq!(
        read(json!({"type": "response.function_call_arguments.done", "output_index": 1, "arguments": "{}"})),
        []
    );
    assert_eq!(
        read(json!({"type": "response.output_item.done", "output_index": 1, "item": item("{}")})),
        [tool_end(0)]
    );
    assert_eq!(read(json!({"type": "response.new.thing", "output_index": 1})), []);
    assert_eq!(
        read(json!({"type": "response.output_text.delta", "delta": {"a": 1}})),
        []
    );
    let output = json!([{"type": "message", "content": [{"type": "output_text", "text": "a"}]}, item("{}")]);
    let last = read(json!({"type": "response.completed", "response": {"output": output}}));
    assert!(
        matches!(
            last[..],
            [
                Event::Finish {
                    reason: Finish::ToolCalls,
                    ..
                },
                Event::End
            ]
        ),
        "{last:?}"
    );
    assert_eq!(read(json!({"type": "response.output_text.delta", "delta": "late"})), []);
}

#[test]
fn items_that_only_come_whole_are_read_from_their_ends() {
    let items = [
        json!({"type": "response.output_item.done", "item": {"type": "reasoning", "id": "rs", "summary": [], "encrypted_content": "E"}}),
        json!({"type": "response.output_item.done", "item": {"type": "message", "content": [{"type": "output_text", "text": "a"}]}}),
        json!({"type": "response.output_item.done", "item": {"type": "message", "content": [{"type": "output_text", "text": "b"}]}}),
        json!({"type": "response.output_item.done", "item": {"type": "function_call", "call_id": "call_f", "name": "f", "namespace": "n", "arguments": "{}"}}),
    ];
    let mut named = call("f");
    named.namespace = Some("n".to_owned());
    let found = said(&items);
    assert!(
        matches!(&found[0], Event::Encrypted { data, .. } if data.ends_with("rs:E")),
        "{found:?}"
    );
    assert_eq!(
        found[1..],
        [text("a"), text("b"), start(0, named), arguments(0, "{}"), tool_end(0)]
    );
}

#[test]
fn a_call_whose_arguments_come_before_its_name_waits_for_it() {
    let found = said(&[
        json!({"type": "response.function_call_arguments.delta", "output_index": 0, "delta": "{}"}),
        json!({"type": "response.output_item.done", "output_index": 0, "item": {"type": "function_call", "call_id": "call_f", "name": "f", "arguments": "{}"}}),
    ]);
    assert_eq!(found, [start(0, call("f")), arguments(0, "{}"), tool_end(0)]);
}

#[test]
fn a_call_ends_with_its_item_and_nothing_of_it_follows() {
    let added = json!({"type": "response.output_item.added", "output_index": 0, "item": {"type": "function_call", "call_id": "call_f", "name": "f"}});
    let delta = |item: u64, text: &str| json!({"type": "response.function_call_arguments.delta", "output_index": item, "delta": text});
    let whole = json!({"type": "response.function_call_arguments.done", "output_index": 0, "arguments": "{}"});
    let expected = [start(0, call("f")), arguments(0, "{}"), tool_end(0)];
    for done in [
        json!({"type": "function_call", "call_id": "call_f", "name": "f", "arguments": "{}"}),
        json!({"type": "function_call"}),
        json!({"type": "message", "content": []}),
        json!({"type": 5}),
        Value::Null,
    ] {
        let done = json!({"type": "response.output_item.done", "output_index": 0, "item": done});
        let late = [
            delta(0, "{"),
            whole.clone(),
            done.clone(),
            delta(7, "{}"),
            added.clone(),
        ];
        let events = [&[added.clone(), delta(0, "{}"), done.clone()][..], &late].concat();
        assert_eq!(said(&events), expected, "{done}");
    }
    // What lacks its beginning is not read before all of it is there.
    let events = [delta(0, "{"), added, delta(0, "}"), whole];
    assert_eq!(said(&events), expected);
}

#[test]
fn the_paragraphs_of_reasoning_are_kept_apart_and_its_summary_is_not_said_twice() {
    let summary = |index: u64, delta: &str| json!({"type": "response.reasoning_summary_text.delta", "output_index": 0, "summary_index": index, "delta": delta});
    let found = said(&[
        summary(0, "a"),
        summary(0, "b"),
        summary(1, "c"),
        json!({"type": "response.reasoning_text.delta", "output_index": 0, "content_index": 0, "delta": "abc"}),
    ]);
    assert_eq!(found, [thought("a"), thought("b"), thought("\n\nc")]);
}

#[test]
fn sources_and_probabilities_come_along() {
    let found = said(&[
        json!({"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": "a",
            "logprobs": [{"token": "a", "logprob": -1.0, "top_logprobs": [{"token": "b", "logprob": -2.0}]}]}),
        json!({"type": "response.output_text.annotation.added", "output_index": 0, "content_index": 0,
            "annotation": {"type": "url_citation", "url": "https://e.x", "title": "t"}}),
        json!({"type": "response.output_item.done", "output_index": 0, "item": {"type": "message", "content": [
            {"type": "output_text", "text": "a", "annotations": [{"type": "url_citation", "url": "https://e.x", "title": "t"}]}]}}),
    ]);
    let content = vec![json!({"token": "a", "logprob": -1.0, "bytes": null,
        "top_logprobs": [{"token": "b", "logprob": -2.0, "bytes": null}]})];
    let citation = Event::Citation {
        choice: 0,
        url: Some("https://e.x".to_owned()),
        title: Some("t".to_owned()),
        text: None,
    };
    assert_eq!(found, [text("a"), Event::Logprobs { choice: 0, content }, citation]);
}

#[test]
fn half_of_a_character_does_not_cost_the_text_around_it() {
    let mut found = Vec::new();
    let data = r#"{"type":"response.output_text.delta","output_index":0,"delta":"a\ud83db"}"#;
    (FORMAT.reader)().read("", data, &mut found);
    assert_eq!(found[1], text("a\u{fffd}b"));
}

#[test]
fn errors_are_read_in_every_shape() {
    let error = |message: &str, code: Option<&str>, status| Event::Error {
        message: message.to_owned(),
        code: code.map(str::to_owned),
        status,
    };
    for (event, expected) in [
        (
            json!({"type": "error", "code": "invalid_prompt", "message": "m", "param": null}),
            error("m", Some("invalid_prompt"), Some(400)),
        ),
        (
            json!({"type": "error", "status": 429, "error": {"type": "usage_limit_reached", "message": "m"}}),
            error("m", Some("usage_limit_reached"), Some(429)),
        ),
        (json!({"error": {"message": "m", "code": null}}), error("m", None, None)),
        (json!({"error": "m"}), error("m", None, None)),
    ] {
        assert_eq!(read(&[event]), [expected]);
    }
    let failed = json!({"type": "response.failed", "response": {"id": "r", "status": "failed", "error": {"code": "rate_limit_exceeded", "message": "m"}}});
    assert_eq!(
        read(&[failed])[1..],
        [error("m", Some("rate_limit_exceeded"), Some(429))]
    );
}

/// Values that are like those of events, and others.
fn values() -> impl Strategy<Value = Value> {
    let words = prop::sample::select(vec![
        "message",
        "reasoning",
        "function_call",
        "custom_tool_call",
        "output_text",
        "refusal",
        "completed",
        "incomplete",
        "failed",
        "x",
        "",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (0..3_u64).prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        words.prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let names = prop::sample::select(vec![
            "type",
            "item",
            "response",
            "output",
            "output_index",
            "content",
            "summary",
            "content_index",
            "delta",
            "text",
            "arguments",
            "input",
            "name",
            "call_id",
            "id",
            "status",
            "error",
            "usage",
            "annotations",
            "logprobs",
            "top_logprobs",
            "encrypted_content",
            "message",
        ]);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map(names.prop_map(str::to_owned), inner, 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn no_event_makes_a_reader_panic_or_say_more_after_its_end(
        events in prop::collection::vec((prop::sample::select(vec![
            "response.created", "response.in_progress", "response.output_item.added", "response.output_item.done",
            "response.output_text.delta", "response.output_text.done", "response.output_text.annotation.added", "response.refusal.done",
            "response.reasoning_summary_text.delta", "response.reasoning_text.done", "response.function_call_arguments.delta",
            "response.custom_tool_call_input.done", "response.completed", "response.incomplete", "response.failed", "error", "x", "",
        ]), values()), 0..12),
        noise in any::<String>(),
    ) {
        let (mut reader, mut found) = ((FORMAT.reader)(), Vec::new());
        for (name, mut event) in events {
            if let Value::Object(members) = &mut event {
                members.insert("type".to_owned(), name.into());
            }
            reader.read(name, &event.to_string(), &mut found);
            let _ = (FORMAT.read_answer)(event.to_string().as_bytes());
            reader.read(name, &noise, &mut found);
        }
        reader.end(&mut found);
        let ends = found.iter().filter(|event| matches!(event, Event::End | Event::Error { .. })).count();
        prop_assert!(ends <= 1);
        let last = found.iter().position(|event| matches!(event, Event::End | Event::Error { .. }));
        prop_assert!(last.is_none_or(|last| last + 1 == found.len()));
        crate::dialect::neutral::canonical::check_order("events", &found);
    }
}
