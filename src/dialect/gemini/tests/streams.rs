//! Streams, read and written.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::dialect::neutral::answer::Answer;
use crate::dialect::neutral::canonical::{canonical, check_order, fixtures, judge, read_whole, strict};
use crate::dialect::neutral::event::{Finish, Usage};

fn text(choice: u32, text: &str) -> Event {
    let text = text.to_owned();
    Event::Text { choice, text }
}

fn call_start(index: u32, name: &str) -> Event {
    let call = ToolCall {
        id: format!("id{index}"),
        name: name.to_owned(),
        namespace: None,
        arguments: String::new(),
        is_custom: false,
        signature: None,
    };
    let choice = 0;
    Event::ToolStart { choice, index, call }
}

fn arguments(index: u32, text: &str) -> Event {
    let text = text.to_owned();
    let choice = 0;
    Event::ToolArguments { choice, index, text }
}

fn call_end(index: u32) -> Event {
    Event::ToolEnd { choice: 0, index }
}

fn finish(choice: u32, reason: Finish) -> Event {
    let stop = None;
    Event::Finish { choice, reason, stop }
}

#[test]
fn every_recorded_stream_means_what_the_vendors_library_says() {
    judge("gemini", FORMAT.reader);
}

#[test]
fn the_news_of_a_cut_is_an_error_for_clients() {
    let words = String::from_utf8(FORMAT.ending.truncated()).unwrap();
    let events = read_whole(FORMAT.reader, words.as_bytes());
    let status = |event: &Event| match event {
        Event::Error { status, .. } => *status,
        _ => None,
    };
    assert_eq!(
        events.iter().filter_map(status).collect::<Vec<_>>(),
        [502],
        "{events:?}"
    );
}

#[test]
fn what_the_writer_writes_the_reader_reads_as_the_same_answer() {
    for fixture in fixtures("gemini") {
        let events = read_whole(FORMAT.reader, &fixture.sse);
        let stream = stream_of(&events, context());
        let again = read_whole(FORMAT.reader, stream.as_bytes());
        check_order(&fixture.name, &again);
        let (before, after) = (Answer::of(&events), Answer::of(&again));
        assert_eq!(before.is_complete, after.is_complete, "{}", fixture.name);
        if before.is_complete {
            assert_eq!(canonical(&again), canonical(&events), "{}", fixture.name);
            let verdict = strict::stream("gemini", stream.as_bytes()).unwrap();
            assert_eq!(
                verdict.canonical["choices"],
                canonical(&events)["choices"],
                "{}",
                fixture.name
            );
        }
        assert_eq!(
            without_blanks(before.choices),
            without_blanks(after.choices),
            "{}",
            fixture.name
        );
    }
}

#[test]
fn a_text_goes_out_at_once_and_the_end_says_why_and_how_much() {
    let usage = Usage {
        input: 9,
        cached: 3,
        cache_write: 0,
        output: 7,
        reasoning: 2,
    };
    let events = [
        text(0, "a\r\n"),
        finish(0, Finish::Length),
        Event::Usage(usage),
        Event::End,
        text(0, "late"),
    ];
    let chunks = chunks_of(&events);
    assert_eq!(
        chunks,
        [
            json!({"candidates": [{"content": {"parts": [{"text": "a\r\n"}], "role": "model"}, "index": 0}],
                "modelVersion": "m", "responseId": "r1"}),
            json!({"candidates": [{"content": {"parts": [{"text": ""}], "role": "model"}, "index": 0,
                "finishReason": "MAX_TOKENS"}], "modelVersion": "m", "responseId": "r1",
                "usageMetadata": {"promptTokenCount": 9, "cachedContentTokenCount": 3, "candidatesTokenCount": 5,
                    "thoughtsTokenCount": 2, "totalTokenCount": 16}}),
        ]
    );
}

#[test]
fn calls_that_come_at_once_go_out_whole_and_in_order() {
    let events = [
        call_start(0, "f"),
        call_start(1, "g"),
        arguments(1, "{\"y\":\"\\u00"),
        arguments(0, "{\n \"x\": 1.50"),
        arguments(1, "e9\"}"),
        call_end(1),
        text(0, "between"),
        arguments(0, "}"),
        call_end(0),
        call_start(2, "h"),
        call_end(2),
        finish(0, Finish::ToolCalls),
        Event::End,
    ];
    let stream = stream_of(&events, context());
    assert!(stream.contains("\"args\":{  \"x\": 1.50}"), "{stream}");
    let parts: Vec<Value> = chunks_of(&events)
        .iter()
        .map(|chunk| chunk["candidates"][0]["content"]["parts"][0].clone())
        .collect();
    assert_eq!(
        parts,
        [
            json!({"text": "between"}),
            json!({"functionCall": {"id": "id0", "name": "f", "args": {"x": 1.5}}}),
            json!({"functionCall": {"id": "id1", "name": "g", "args": {"y": "é"}}}),
            json!({"functionCall": {"id": "id2", "name": "h", "args": {}}}),
            json!({"text": ""}),
        ]
    );
}

#[test]
fn arguments_that_are_not_an_object_become_one() {
    for (given, written) in [
        ("", json!({})),
        ("{\"a\":", json!({"input": "{\"a\":"})),
        ("[1]", json!({"input": "[1]"})),
    ] {
        let mut events = vec![call_start(0, "f")];
        if !given.is_empty() {
            events.push(arguments(0, given));
        }
        events.extend([call_end(0), Event::End]);
        let args = &chunks_of(&events)[0]["candidates"][0]["content"]["parts"][0]["functionCall"]["args"];
        assert_eq!(*args, written, "{given}");
    }
}

#[test]
fn a_refusal_is_text_that_ends_in_a_filter() {
    let refusal = Event::Refusal {
        choice: 0,
        text: "no".to_owned(),
    };
    let chunks = chunks_of(&[refusal, finish(0, Finish::Stop), Event::End]);
    assert_eq!(chunks[0]["candidates"][0]["content"]["parts"][0]["text"], "no");
    assert_eq!(chunks[1]["candidates"][0]["finishReason"], "SAFETY");
}

#[test]
fn an_error_ends_the_stream_and_no_reason_is_given() {
    let error = Event::Error {
        message: "overloaded".to_owned(),
        code: Some("overloaded_error".to_owned()),
        status: Some(529),
    };
    let chunks = chunks_of(&[text(0, "a"), finish(0, Finish::Stop), error, Event::End, text(0, "b")]);
    assert_eq!(chunks.len(), 2);
    assert_eq!(
        chunks[1],
        json!({"error": {"code": 529, "message": "overloaded", "status": "UNAVAILABLE", "details": [
            {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "OVERLOADED_ERROR", "domain": "ai-gateway"}]}})
    );
}

#[test]
fn a_prompt_that_is_blocked_is_a_refusal() {
    let blocked = json!({"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"promptTokenCount": 3}});
    let events = events_of(&[blocked]);
    assert!(
        matches!(&events[2], Event::Refusal { text, .. } if text.contains("SAFETY")),
        "{events:?}"
    );
    assert_eq!(events[3..], [finish(0, Finish::ContentFilter), Event::End]);
}

#[test]
fn a_failure_of_the_model_is_an_error_only_without_content() {
    let fault = |parts: Value| {
        json!({"candidates": [{"content": {"parts": parts}, "finishReason": "MALFORMED_FUNCTION_CALL",
            "finishMessage": "print(x)"}]})
    };
    let events = events_of(&[fault(json!([{"text": "hm", "thought": true}]))]);
    assert!(
        matches!(events.last(), Some(Event::Error { message, code: Some(code), status: Some(502) })
            if message == "print(x)" && code == "MALFORMED_FUNCTION_CALL"),
        "{events:?}"
    );
    let events = events_of(&[fault(json!([{"text": "said"}]))]);
    assert_eq!(events[2..], [finish(0, Finish::Stop), Event::End]);
}

#[test]
fn a_reason_in_every_chunk_does_not_end_the_answer() {
    let chunk = |text: &str| json!({"candidates": [{"content": {"parts": [{"text": text}]}, "finishReason": "STOP"}]});
    let events = events_of(&[chunk("a"), chunk("b")]);
    assert_eq!(
        events[1..],
        [text(0, "a"), text(0, "b"), finish(0, Finish::Stop), Event::End]
    );
}

#[test]
fn an_answer_in_which_one_choice_goes_on_is_cut() {
    let events = events_of(&[json!({"candidates": [
        {"index": 0, "content": {"parts": [{"text": "a"}]}, "finishReason": "STOP"},
        {"index": 1, "content": {"parts": [{"text": "b"}]}}]})]);
    assert_eq!(events.last(), Some(&text(1, "b")));
}

#[test]
fn a_call_without_an_id_gets_one_that_no_other_call_has() {
    let chunk = |id: Option<&str>, tokens: u32| {
        let mut chunk = json!({"candidates": [{"content": {"parts": [
            {"functionCall": {"name": "f"}}, {"functionCall": {"name": "f"}}]}, "finishReason": "STOP"}],
            "usageMetadata": {"promptTokenCount": tokens}});
        if let Some(id) = id {
            chunk["responseId"] = id.into();
        }
        chunk
    };
    let mut ids = Vec::new();
    for chunk in [chunk(Some("a-b_ü"), 1), chunk(None, 1), chunk(None, 2)] {
        for event in events_of(&[chunk]) {
            if let Event::ToolStart { call, .. } = event {
                ids.push(call.id);
            }
        }
    }
    assert_eq!(ids[..2], ["call_a-b__0", "call_a-b__1"]);
    let plain = |id: &String| {
        id.bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
    };
    assert!(ids.iter().all(plain));
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 6);
}

#[test]
fn errors_are_read_in_each_of_their_shapes() {
    for (data, message, code, status) in [
        (
            json!({"error": {"code": 429, "message": "m", "status": "RESOURCE_EXHAUSTED"}}),
            "m",
            Some("RESOURCE_EXHAUSTED"),
            Some(429),
        ),
        (
            json!([{"error": {"message": "m", "status": "UNAVAILABLE"}}]),
            "m",
            Some("UNAVAILABLE"),
            Some(503),
        ),
        (
            json!({"error": {"code": 400, "message": "m", "status": "INVALID_ARGUMENT", "details": [{"reason": "API_KEY_INVALID"}]}}),
            "m",
            Some("INVALID_ARGUMENT"),
            Some(401),
        ),
        (json!({"error": "m"}), "m", None, None),
    ] {
        let expected = Event::Error {
            message: message.to_owned(),
            code: code.map(Into::into),
            status,
        };
        assert_eq!(events_of(&[data]), [expected]);
    }
}

#[test]
fn a_chunk_that_is_broken_is_an_error() {
    let mut reader = (FORMAT.reader)();
    let mut events = Vec::new();
    for data in ["ping", "[DONE]", "null", "[]", "{}", "{\"candidates\": [{"] {
        assert!(events.is_empty(), "{events:?}");
        reader.read("", data, &mut events);
    }
    assert!(matches!(events.as_slice(), [Event::Error { .. }]), "{events:?}");
    reader.end(&mut events);
    assert_eq!(events.len(), 1);
}

proptest! {
    #[test]
    fn no_data_panics_and_order_is_kept(
        data in proptest::collection::vec("\\PC{0,40}", 0..4),
        at in any::<prop::sample::Index>(),
        byte in 0_u8..128,
        which in any::<prop::sample::Index>(),
    ) {
        let fixtures = fixtures("gemini");
        let mut sse = fixtures[which.index(fixtures.len())].sse.clone();
        let at = at.index(sse.len());
        sse[at] = byte;
        let mut events = Vec::new();
        let mut reader = (FORMAT.reader)();
        for data in &data {
            reader.read("", data, &mut events);
        }
        check_order("random data", &events);
        if let Ok(sse) = String::from_utf8(sse) {
            let events = read_whole(FORMAT.reader, sse.as_bytes());
            check_order("one byte is another", &events);
            stream_of(&events, context());
        }
    }
}
