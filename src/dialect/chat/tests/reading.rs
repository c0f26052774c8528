//! What upstreams send.

use serde_json::json;

use super::FORMAT;
use crate::dialect::neutral::answer::Answer;
use crate::dialect::neutral::canonical;
use crate::dialect::neutral::event::{Event, Finish};
use crate::dialect::neutral::opaque::mark;
use crate::dialect::neutral::tags::Tags;

/// Returns the events of chunks that have these parts of choices.
fn read(choices: &[&str]) -> Vec<Event> {
    let (mut reader, mut events) = ((FORMAT.reader)(), Vec::new());
    for choice in choices {
        reader.read(
            "",
            &format!(r#"{{"id":"chatcmpl-a1","choices":[{choice}]}}"#),
            &mut events,
        );
    }
    reader.read("", "[DONE]", &mut events);
    reader.end(&mut events);
    canonical::check_order("chunks", &events);
    events
}

/// Returns the ids, names and arguments of the calls in chunks with these tool calls.
fn calls(pieces: &[&str]) -> Vec<(String, String, String)> {
    let choices: Vec<String> = pieces
        .iter()
        .map(|piece| format!(r#"{{"index":0,"delta":{{"tool_calls":[{piece}]}}}}"#))
        .collect();
    let choices: Vec<&str> = choices.iter().map(String::as_str).collect();
    let events = read(&choices);
    let mut found = Vec::new();
    for event in events {
        match event {
            Event::ToolStart { call, .. } => found.push((call.id, call.name, String::new())),
            Event::ToolArguments { index, text, .. } => found[index as usize].2 += &text,
            _ => {}
        }
    }
    found
}

#[track_caller]
fn expect(pieces: &[&str], expected: &[(&str, &str, &str)]) {
    let found = calls(pieces);
    let found: Vec<_> = found
        .iter()
        .map(|(id, name, arguments)| (id.as_str(), name.as_str(), arguments.as_str()))
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn every_recorded_stream_means_what_it_means() {
    canonical::judge("chat", FORMAT.reader);
}

#[test]
fn reasoning_between_marks_is_taken_out_where_that_is_wanted() {
    let fixtures = canonical::fixtures("chat");
    let marked = fixtures
        .iter()
        .find(|fixture| fixture.name == "chat/x31_think_tags_in_content");
    let (mut tags, mut events) = (Tags::default(), Vec::new());
    for event in canonical::read_whole(FORMAT.reader, &marked.unwrap().sse) {
        tags.pass(event, &mut events);
    }
    canonical::check_order("marks", &events);
    let wanted = canonical::document("gateway_expected.json");
    let wanted = &wanted["expected"]["chat/x31_think_tags_in_content"]["choices"];
    assert_eq!(canonical::canonical(&events)["choices"], *wanted);
}

#[test]
fn calls_are_told_apart_without_numbers() {
    expect(
        &[
            r#"{"id":"a","function":{"name":"f","arguments":"{\"x\""}}"#,
            r#"{"function":{"arguments":":1}"}}"#,
            r#"{"id":"b","function":{"name":"g","arguments":"{}"}},{"id":"c","function":{"name":"g","arguments":"{}"}}"#,
        ],
        &[("a", "f", r#"{"x":1}"#), ("b", "g", "{}"), ("c", "g", "{}")],
    );
    expect(
        &[
            r#"{"function":{"name":"f","arguments":"{}"}}"#,
            r#"{"function":{"name":"f","arguments":"{}"}}"#,
        ],
        &[("call_chatcmpla1_0_0", "f", "{}"), ("call_chatcmpla1_0_1", "f", "{}")],
    );
}

#[test]
fn one_number_for_several_calls_does_not_merge_them() {
    expect(
        &[
            r#"{"index":0,"id":"a","function":{"name":"f","arguments":"{\"x\":1}"}}"#,
            r#"{"index":0,"id":"b","function":{"name":"g","arguments":""}}"#,
            r#"{"index":0,"function":{"arguments":"{\"y\":2}"}}"#,
        ],
        &[("a", "f", r#"{"x":1}"#), ("b", "g", r#"{"y":2}"#)],
    );
    expect(
        &[r#"{"index":0,"id":"a","function":{"name":"f","arguments":"{\"x\":1}{\"x\":2} {\"x\":3}"}}"#],
        &[
            ("a", "f", r#"{"x":1}"#),
            ("call_chatcmpla1_0_1", "f", r#"{"x":2}"#),
            ("call_chatcmpla1_0_2", "f", r#" {"x":3}"#),
        ],
    );
}

#[test]
fn what_is_repeated_counts_once() {
    expect(
        &[
            r#"{"index":0,"id":"a","function":{"name":"f","arguments":"{\"x\":1}"}}"#,
            r#"{"index":0,"id":"a","function":{"name":"f","arguments":"{\"x\":1}"}}"#,
            r#"{"index":0,"function":{"arguments":"\n"}}"#,
            r#"{"index":0,"function":{"arguments":"</tool_call>"}}"#,
        ],
        &[("a", "f", r#"{"x":1}"#)],
    );
    let twice = read(&[
        r#"{"delta":{"content":"Hi"}}"#,
        r#"{"message":{"content":"Hi"},"finish_reason":"stop"}"#,
    ]);
    assert_eq!(canonical::canonical(&twice)["choices"][0]["text"], "Hi");
}

#[test]
fn a_name_may_come_late_or_never() {
    expect(
        &[
            r#"{"index":0,"id":"a","function":{"arguments":"{\"x\""}}"#,
            r#"{"index":0,"function":{"arguments":":1"}}"#,
            r#"{"index":0,"function":{"name":"f"}}"#,
            r#"{"index":0,"function":{"arguments":"}"}}"#,
        ],
        &[("a", "f", r#"{"x":1}"#)],
    );
    expect(
        &[r#"{"index":3,"id":"a","function":{"arguments":{"x":1}}}"#],
        &[("a", "", r#"{"x":1}"#)],
    );
}

#[test]
fn a_call_ends_as_soon_as_its_arguments_do() {
    let (mut reader, mut events) = ((FORMAT.reader)(), Vec::new());
    let piece = r#"{"index":0,"id":"a","function":{"name":"f","arguments":"{\"x\":\"}\"}"}}"#;
    reader.read(
        "",
        &format!(r#"{{"choices":[{{"delta":{{"tool_calls":[{piece}]}}}}]}}"#),
        &mut events,
    );
    assert_eq!(events.last(), Some(&Event::ToolEnd { choice: 0, index: 0 }));
}

#[test]
fn free_text_for_a_tool_is_not_taken_for_json() {
    let events = read(&[
        r#"{"delta":{"tool_calls":[{"index":0,"id":"a","type":"custom","custom":{"name":"sh","input":"{}"}}]}}"#,
        r#"{"delta":{"tool_calls":[{"index":0,"custom":{"input":"{}\n"}}]},"finish_reason":"tool_calls"}"#,
    ]);
    let found = canonical::canonical(&events);
    assert_eq!(
        found["choices"][0]["tool_calls"],
        json!([{"name": "sh", "arguments": {"_input": "{}{}\n"}}])
    );
}

#[test]
fn what_comes_behind_the_reason_is_not_lost() {
    let events = read(&[
        r#"{"delta":{"content":"a"},"finish_reason":"stop","stop_reason":"END"}"#,
        r#"{"delta":{"content":"b"},"finish_reason":null}"#,
    ]);
    let answer = Answer::of(&events);
    assert_eq!(canonical::canonical(&events)["choices"][0]["text"], "ab");
    assert_eq!(answer.choices[0].finish, Some(Finish::Stop));
    assert_eq!(answer.choices[0].stop.as_deref(), Some("END"));
}

#[test]
fn proofs_of_reasoning_and_of_calls_are_kept() {
    let events = read(&[
        r#"{"delta":{"reasoning":"a","reasoning_details":[{"type":"reasoning.text","text":"a"}]}}"#,
        r#"{"delta":{"reasoning_details":[{"type":"reasoning.text","signature":"s"}]}}"#,
        r#"{"delta":{"reasoning_details":[{"type":"reasoning.encrypted","data":"e"}]}}"#,
        r#"{"delta":{"tool_calls":[{"id":"x","function":{"name":"f"},"extra_content":{"google":{"thought_signature":"g"}}}]}}"#,
    ]);
    let choice = 0;
    for event in [
        Event::Reasoning {
            choice,
            text: "a".to_owned(),
        },
        Event::Signature {
            choice,
            signature: mark("openai", "s"),
        },
        Event::Encrypted {
            choice,
            data: mark("openai", "e"),
        },
    ] {
        assert_eq!(events.iter().filter(|found| **found == event).count(), 1, "{events:?}");
    }
    let signed =
        |event: &Event| matches!(event, Event::ToolStart { call, .. } if call.signature == Some(mark("openai", "g")));
    assert!(events.iter().any(signed), "{events:?}");
}

#[test]
fn a_whole_answer_is_read_as_its_stream_would_be() {
    let body = br#" {"id":"x","object":"chat.completion","model":"m","choices":[
        {"index":0,"message":{"role":"assistant","content":"Hi","refusal":null,"reasoning_content":"hm","annotations":[
            {"type":"url_citation","url_citation":{"url":"https://e.x","title":"t","start_index":0,"end_index":2}}]},
         "logprobs":{"content":[{"token":"Hi","logprob":-0.5}]},"finish_reason":"length"},
        {"index":1,"message":{"content":null,"tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":""}}]},
         "finish_reason":"stop"}],
        "usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}"#;
    let events = (FORMAT.read_answer)(body).unwrap();
    canonical::check_order("whole", &events);
    let nothing = json!(null);
    assert_eq!(
        canonical::canonical(&events),
        json!({
            "choices": [
                {"text": "Hi", "reasoning": "hm", "refusal": nothing, "tool_calls": [], "finish": "length"},
                {"text": "", "reasoning": "", "refusal": nothing, "finish": "tool_calls",
                 "tool_calls": [{"name": "f", "arguments": {}}]},
            ],
            "usage": {"input": 3, "output": 2, "cached": 0, "reasoning": 0},
        })
    );
    assert!(events.iter().any(|event| matches!(event, Event::Citation { .. })));
    assert!(
        events
            .iter()
            .any(|event| matches!(event, Event::Logprobs { content, .. } if content.len() == 1))
    );
}

#[test]
fn a_body_that_is_not_an_answer_is_none_or_an_error() {
    for body in [
        "",
        "{}",
        "<html>",
        "[]",
        "7",
        r#"{"choices":[]}"#,
        r#"{"object":"list","data":[]}"#,
    ] {
        assert_eq!((FORMAT.read_answer)(body.as_bytes()), None, "{body}");
    }
    for body in [
        r#"{"error":{"message":"m","code":502}}"#,
        r#"[{"error":{"message":"m","code":429}}]"#,
        r#"{"code":20012,"message":"m","data":null}"#,
        r#""m""#,
        r#"{"id":"x","choices":[{"error":{"message":"m","code":502},"message":{"content":""}}]}"#,
    ] {
        let events = (FORMAT.read_answer)(body.as_bytes()).unwrap();
        assert!(
            matches!(&events[..], [Event::Error { message, .. }] if message == "m"),
            "{body}: {events:?}"
        );
    }
}
