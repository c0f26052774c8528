//! Whatever comes, nothing panics, and unknown things end nothing.

use proptest::prelude::*;

use super::*;
use crate::dialect::neutral::canonical::{Fixture, check_order, document, fixtures, read, strict};

/// A random value in the place of another one.
fn odd_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[a-z_{}\"\\\\]{0,9}".prop_map(Value::from),
        Just(json!([])),
        Just(json!({})),
        Just(json!([{"type": "text"}])),
    ]
}

/// Puts `value` in the place of the one that is found at `place`, counted in the order of the text.
fn replace(document: &mut Value, place: &mut usize, value: &Value) {
    if *place == 0 {
        *document = value.clone();
    }
    *place = place.wrapping_sub(1);
    match document {
        Value::Array(list) => list.iter_mut().for_each(|inner| replace(inner, place, value)),
        Value::Object(members) => members.values_mut().for_each(|inner| replace(inner, place, value)),
        _ => {}
    }
}

/// An event of an answer, in whatever order.
fn odd_event() -> impl Strategy<Value = Event> {
    let piece = "[a-z{}\\[\\]\":, \\\\]{1,5}";
    prop_oneof![
        piece.prop_map(|piece| text(&piece)),
        piece.prop_map(|piece| thought(&piece)),
        piece.prop_map(|signature| Event::Signature { choice: 0, signature }),
        piece.prop_map(|data| Event::Encrypted { choice: 0, data }),
        (0..3_u32).prop_map(|index| call(index, "f")),
        (0..3_u32, piece).prop_map(|(index, piece)| arguments(index, &piece)),
        (0..3_u32).prop_map(call_end),
        Just(Event::KeepAlive),
    ]
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), text in "[\\[\\]{}\":,a-z ]{0,99}") {
        for bytes in [&bytes[..], text.as_bytes()] {
            let _ = (FORMAT.read_request)(bytes);
            let _ = (FORMAT.read_answer)(bytes);
            read(FORMAT.reader, [&String::from_utf8_lossy(bytes).into_owned().into_bytes()[..]]);
            let _ = super::super::marked::without_marked(&[b"\"ai-gateway:", bytes].concat().into());
        }
    }

    #[test]
    fn no_odd_request_panics_and_what_is_read_can_be_written(place in 0..400_usize, value in odd_value(), which in 0..21_usize) {
        let pairs = document("request_pairs.json");
        let mut bodies: Vec<Value> =
            pairs["pairs"].as_object().unwrap().values().map(|pair| pair["anthropic"].clone()).collect();
        for name in ["turn1", "turn2_tool_results", "count_tokens", "older_model_budget_thinking"] {
            bodies.push(document(&format!("clients/claude_code_{name}.json"))["body"].clone());
        }
        let body = &mut bodies[which];
        replace(body, &mut place.clone(), &value);
        if let Ok(read) = (FORMAT.read_request)(body.to_string().as_bytes())
            && let Ok(written) = (FORMAT.write_request)(&read, &Quirks::default())
        {
            let again = (FORMAT.read_request)(Value::Object(written.body.clone()).to_string().as_bytes());
            prop_assert!(again.is_ok(), "{again:?} {:?}", written.body);
        }
    }

    #[test]
    fn no_odd_event_of_a_stream_panics_or_breaks_the_order(place in 0..60_usize, value in odd_value(), which in 0..29_usize) {
        let Fixture { name, sse, .. } = fixtures("anthropic").swap_remove(which);
        let mut place = place;
        let (mut reader, mut events) = ((FORMAT.reader)(), Vec::new());
        for mut data in data(&String::from_utf8(sse).unwrap()) {
            replace(&mut data, &mut place, &value);
            reader.read("", &data.to_string(), &mut events);
        }
        reader.end(&mut events);
        check_order(&name, &events);
        let _ = whole(&events);
        streamed(&events);
    }

    #[test]
    fn events_in_any_order_make_a_stream_that_can_be_read(events in proptest::collection::vec(odd_event(), 0..24)) {
        let events = [vec![start()], events, vec![finish(Finish::Stop), Event::End]].concat();
        let stream = streamed(&events);
        // Arguments that are not JSON are written as they come. All else is as it has to be.
        if let Err(wrong) = strict::stream("anthropic", stream.as_bytes()) {
            prop_assert!(wrong.contains("arguments"), "{wrong}: {stream}");
        }
    }

    #[test]
    fn arguments_cut_anywhere_come_out_whole(value in "[a-zé\\\\\"{}\\[\\]]{0,20}", size in 1..5_usize) {
        let whole_text = json!({"a": {"b": [value]}}).to_string();
        let chars: Vec<char> = whole_text.chars().collect();
        let pieces = chars.chunks(size).map(|piece| arguments(0, &piece.iter().collect::<String>()));
        let mut events = vec![start(), call(0, "f")];
        events.extend(pieces);
        events.extend([call_end(0), finish(Finish::ToolCalls), Event::End]);
        prop_assert_eq!(streamed_content(&streamed(&events)), [format!("tool_use:f {whole_text}")]);
    }
}

#[test]
fn unknown_events_end_nothing() {
    let stream = br#"data: {"type":"future","error":null}

event: future
data: [DONE]

data: {"type":"content_block_start","index":0,"content_block":{"type":"future"}}

data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"lost"}}

data: {"type":"content_block_delta","index":7,"delta":{"type":"text_delta","text":"lost"}}

data: {"type":"content_block_start","index":1,"content_block":{"type":"text","text":"ok"}}

data: {"type":"message_delta","delta":{"stop_reason":"future"},"usage":null}

data: {"type":"message_stop"}
"#;
    let events = read(FORMAT.reader, [&stream[..]]);
    let answer = whole(&events);
    assert_eq!(content(&answer), ["text:ok"]);
    assert_eq!(answer["stop_reason"], "end_turn");
}

#[test]
fn blocks_that_never_close_are_not_kept_for_ever() {
    let (mut reader, mut events) = ((FORMAT.reader)(), Vec::new());
    for index in 0..1000 {
        let block = json!({"type": "tool_use", "id": "t", "name": "f", "input": {}});
        let data = json!({"type": "content_block_start", "index": index, "content_block": block});
        reader.read("", &data.to_string(), &mut events);
    }
    let ends = events
        .iter()
        .filter(|event| matches!(event, Event::ToolEnd { .. }))
        .count();
    assert_eq!(ends, 1000 - 64);
}
