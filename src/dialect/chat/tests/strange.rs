//! What no upstream and no client should send.

use std::sync::LazyLock;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{FORMAT, context, stream};
use crate::dialect::neutral::canonical;
use crate::dialect::neutral::event::Event;
use crate::dialect::neutral::request::Quirks;

/// A value in the place of another one.
fn strange() -> impl Strategy<Value = Value> {
    let text = prop_oneof![
        Just("error"),
        Just("stop"),
        Just(""),
        Just("{\"a\":1}{"),
        Just("</think>")
    ];
    prop_oneof![
        Just(json!(null)),
        Just(json!([])),
        Just(json!({})),
        Just(json!(-1)),
        Just(json!(1e300)),
        Just(json!(u64::MAX)),
        Just(json!(true)),
        Just(json!([null, 1, "x", {"type": "text", "text": "y"}])),
        Just(json!({"message": "m", "code": 0, "text": "t", "url": 1, "index": 7})),
        text.prop_map(Value::from),
    ]
}

/// Puts `new` into the place of the `at`th value in a document, or takes that value out.
fn mutate(document: &mut Value, at: prop::sample::Index, new: &Value) {
    let mut pointers = Vec::new();
    collect(document, String::new(), &mut pointers);
    let pointer = at.get(&pointers);
    if let Some(value) = document.pointer_mut(pointer) {
        *value = new.clone();
    }
}

fn collect(value: &Value, pointer: String, pointers: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                collect(
                    value,
                    format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1")),
                    pointers,
                );
            }
        }
        Value::Array(list) => {
            for (index, value) in list.iter().enumerate() {
                collect(value, format!("{pointer}/{index}"), pointers);
            }
        }
        _ => {}
    }
    pointers.push(pointer);
}

/// The data of each event of each recorded stream.
static RECORDED: LazyLock<Vec<Vec<String>>> = LazyLock::new(|| {
    canonical::fixtures("chat")
        .iter()
        .map(|fixture| data(&fixture.sse))
        .collect()
});

/// The recorded requests.
static REQUESTS: LazyLock<Vec<Value>> = LazyLock::new(|| {
    let pairs = canonical::document("request_pairs.json");
    let pairs = pairs["pairs"].as_object().unwrap();
    pairs.values().map(|pair| pair["chat"].clone()).collect()
});

fn data(sse: &[u8]) -> Vec<String> {
    let sse = String::from_utf8_lossy(sse).into_owned();
    sse.lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .map(str::to_owned)
        .collect()
}

/// Fails unless these events can be written, and come in an order that is allowed.
fn check(events: &[Event]) {
    canonical::check_order("strange", events);
    let written = stream(events, context());
    let again = canonical::read_whole(FORMAT.reader, &written);
    canonical::check_order("strange, written", &again);
    // A comment may stand behind the end mark.
    let said = |event: &&Event| **event != Event::KeepAlive;
    let complete = |events: &[Event]| events.iter().rfind(said) == Some(&Event::End);
    assert_eq!(complete(events), complete(&again), "{events:?}");
}

#[test]
fn what_is_not_known_never_ends_a_stream() {
    for strange in [
        "ping",
        "",
        "{}",
        "[]",
        "7",
        "null",
        r#"{"type":"ping"}"#,
        r#"{"object":"chat.completion.chunk","choices":null,"usage":null,"error":null}"#,
        r#"{"choices":[{"index":900,"delta":{"content":"x"}}]}"#,
        r#"{"choices":[{"index":0,"delta":{"video":{"data":"x"}},"finish_reason":null}]}"#,
        r#"{"choices":[7,null,"x"],"error":{"code":0,"message":""}}"#,
        r#"{"prompt_filter_results":[{"prompt_index":0}],"choices":[],"id":"","model":""}"#,
    ] {
        let (mut reader, mut events) = ((FORMAT.reader)(), Vec::new());
        for data in [
            strange,
            r#"{"choices":[{"delta":{"content":"x"},"finish_reason":"stop"}]}"#,
            strange,
        ] {
            reader.read("", data, &mut events);
        }
        reader.end(&mut events);
        assert_eq!(events.last(), Some(&Event::End), "{strange}: {events:?}");
    }
}

#[test]
fn an_end_mark_without_an_answer_is_not_an_answer() {
    for data in ["[DONE]", " [DONE] ", r#"{"choices":[],"usage":{"prompt_tokens":1}}"#] {
        let (mut reader, mut events) = ((FORMAT.reader)(), Vec::new());
        reader.read("", data, &mut events);
        reader.read("", "[DONE]", &mut events);
        reader.end(&mut events);
        assert!(!events.contains(&Event::End), "{data}");
    }
}

#[test]
fn half_a_chunk_is_an_error() {
    let (mut reader, mut events) = ((FORMAT.reader)(), Vec::new());
    reader.read("", r#"{"choices":[{"delta":{"cont"#, &mut events);
    assert!(
        matches!(&events[..], [Event::Error { status: Some(502), .. }]),
        "{events:?}"
    );
}

#[test]
fn several_chunks_in_one_event_are_several_chunks() {
    let chunk = |text: &str| format!(r#"{{"choices":[{{"delta":{{"content":"{text}"}}}}]}}"#);
    let (mut reader, mut events) = ((FORMAT.reader)(), Vec::new());
    reader.read("", &format!("{}\n{}\n[DONE]", chunk("a"), chunk("b")), &mut events);
    assert_eq!(canonical::canonical(&events)["choices"][0]["text"], "ab");
    assert_eq!(events.last(), Some(&Event::End));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    #[test]
    fn a_stream_with_strange_values_is_read_in_order(
        which in any::<prop::sample::Index>(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), strange()), 1..5),
    ) {
        let mut data = which.get(&RECORDED).clone();
        for (event, at, new) in &changes {
            if data.is_empty() {
                break;
            }
            let event = event.index(data.len());
            if let Ok(mut chunk) = serde_json::from_str(&data[event]) {
                mutate(&mut chunk, *at, new);
                data[event] = chunk.to_string();
            }
        }
        let (mut reader, mut events) = ((FORMAT.reader)(), Vec::new());
        for data in &data {
            reader.read("", data, &mut events);
        }
        reader.end(&mut events);
        check(&events);
    }

    #[test]
    fn a_request_with_strange_values_is_read_or_refused(
        which in any::<prop::sample::Index>(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), strange()), 1..5),
    ) {
        let mut request = which.get(&REQUESTS).clone();
        for (at, new) in &changes {
            mutate(&mut request, *at, new);
        }
        if let Ok(read) = (FORMAT.read_request)(request.to_string().as_bytes())
            && let Ok(written) = (FORMAT.write_request)(&read, &Quirks::default())
        {
            let body = Value::from(written.body).to_string();
            let again = (FORMAT.read_request)(body.as_bytes()).unwrap();
            let twice = (FORMAT.write_request)(&again, &Quirks::default()).unwrap();
            prop_assert_eq!(Value::from(twice.body).to_string(), body);
        }
    }

    #[test]
    fn a_stream_of_any_bytes_does_not_panic(
        pieces in proptest::collection::vec(prop_oneof![
            "\\PC{0,20}",
            Just("data: {\"choices\":[{\"delta\":{\"content\":\"".to_owned()),
            Just("\"}}]}\n\n".to_owned()),
            Just("data: [DONE]\n\n".to_owned()),
            Just("\"tool_calls\":[{\"function\":{\"arguments\":\"".to_owned()),
            Just("\\ud83d".to_owned()),
        ], 0..16),
    ) {
        let bytes = pieces.concat();
        check(&canonical::read_whole(FORMAT.reader, bytes.as_bytes()));
        let _ = (FORMAT.read_answer)(bytes.as_bytes());
        let _ = (FORMAT.read_request)(bytes.as_bytes());
    }
}
