//! What is written for a client as a stream, and read again.

use super::*;
use crate::dialect::neutral::canonical::{Fixture, canonical, fixtures, judge, read, read_whole, strict};
use crate::dialect::neutral::event::Usage;
use crate::dialect::neutral::opaque::UNSIGNED;

#[test]
fn every_recorded_stream_is_read_however_it_is_cut() {
    judge("anthropic", FORMAT.reader);
}

#[test]
fn every_recorded_stream_is_written_as_it_was_read_and_the_libraries_take_it() {
    for Fixture { name, sse, expected } in fixtures("anthropic") {
        let events = read_whole(FORMAT.reader, &sse);
        let stream = streamed(&events);
        let again = read_whole(FORMAT.reader, stream.as_bytes());
        let is_broken = matches!(expected, crate::dialect::neutral::canonical::Expected::Broken { .. });
        assert_eq!(
            canonical(&again)["choices"],
            canonical(&events)["choices"],
            "{name}: {stream}"
        );
        if is_broken {
            assert!(!again.contains(&Event::End), "{name}");
            continue;
        }
        assert_eq!(canonical(&again)["usage"], canonical(&events)["usage"], "{name}");
        let verdict = strict::stream("anthropic", stream.as_bytes()).unwrap();
        assert_eq!(verdict.canonical["choices"], canonical(&events)["choices"], "{name}");
        let answer = whole(&events);
        assert_eq!(streamed_content(&stream), content(&answer), "{name}");
        strict::answer("anthropic", &answer).unwrap();
        let again = (FORMAT.read_answer)(answer.to_string().as_bytes()).unwrap();
        assert_eq!(canonical(&again), canonical(&events), "{name}: {answer}");
    }
}

#[test]
fn the_first_event_is_written_at_once_and_names_the_model_that_was_asked_for() {
    let stream = streamed(&[start()]);
    assert!(stream.starts_with("event: message_start\ndata: {"), "{stream}");
    let message = &data(&stream)[0]["message"];
    assert_eq!(
        (&message["model"], &message["id"]),
        (&json!("asked-for"), &json!("msg_0000-1"))
    );
    assert_eq!(message["usage"]["input_tokens"], 0);
}

#[test]
fn numbers_of_tokens_come_apart_and_together_again() {
    let usage = Usage {
        input: 100,
        cached: 60,
        cache_write: 30,
        output: 9,
        reasoning: 4,
    };
    let stream = streamed(&[start(), finish(Finish::Stop), Event::Usage(usage), Event::End]);
    let end = &data(&stream)[1];
    assert_eq!(
        end["usage"],
        json!({"input_tokens": 10, "cache_read_input_tokens": 60, "cache_creation_input_tokens": 30, "output_tokens": 9,
            "output_tokens_details": {"thinking_tokens": 4}})
    );
    let events = read_whole(FORMAT.reader, stream.as_bytes());
    assert!(events.contains(&Event::Usage(usage)), "{events:?}");
}

#[test]
fn calls_that_come_mixed_become_one_block_after_the_other() {
    let events = [
        start(),
        text("Let me see."),
        call(0, "a"),
        arguments(0, "{\"x\":\"\\"),
        call(1, "b"),
        arguments(1, "{\"y\""),
        arguments(0, "\"}"),
        text(" And"),
        arguments(1, ":[1]"),
        text(" then"),
        call(2, "c"),
        arguments(0, "\"} "),
        arguments(2, "{\"z\":{}}"),
        arguments(1, ",\"w\":2}"),
        call_end(1),
        call_end(0),
        call_end(2),
        finish(Finish::Stop),
        Event::End,
    ];
    let stream = streamed(&events);
    strict::stream("anthropic", stream.as_bytes()).unwrap();
    assert_eq!(
        streamed_content(&stream),
        [
            "text:Let me see.",
            "tool_use:a {\"x\":\"\\\"}\"}",
            "tool_use:b {\"y\":[1],\"w\":2}",
            "text: And then",
            "tool_use:c {\"z\":{}}"
        ]
    );
    // The upstream said `stop`. Clients look at the reason before they look at the calls.
    assert_eq!(
        data(&stream).iter().rev().nth(1).unwrap()["delta"]["stop_reason"],
        "tool_use"
    );
}

#[test]
fn arguments_that_are_complete_let_the_next_call_begin_at_once() {
    let mut writer = (FORMAT.writer)(context());
    let mut out = Vec::new();
    for event in [
        start(),
        call(0, "a"),
        arguments(0, "{\"x\":1}"),
        call(1, "b"),
        arguments(1, "{\"y\""),
    ] {
        writer.write(&event, &mut out);
    }
    assert!(String::from_utf8(out).unwrap().contains("{\\\"y\\\""));
}

#[test]
fn arguments_of_every_shape_become_an_object() {
    for (given, expected) in [
        ("", "{}"),
        ("  ", "{}"),
        ("null", "{}"),
        ("{\"a\":1}{\"a\":1}", "{\"a\":1}"),
        ("\"{\\\"a\\\":1}\"", "{\"a\":1}"),
        ("[1]", "{\"_raw\":\"[1]\"}"),
        ("ls -l", "{\"_raw\":\"ls -l\"}"),
    ] {
        let pieces = given.chars().map(|char| arguments(0, &char.to_string()));
        let mut events = vec![start(), call(0, "f")];
        events.extend(pieces);
        events.extend([call_end(0), finish(Finish::ToolCalls), Event::End]);
        let expected = [format!("tool_use:f {expected}")];
        assert_eq!(streamed_content(&streamed(&events)), expected, "{given}");
        assert_eq!(content(&whole(&events)), expected, "{given}");
    }
}

#[test]
fn reasoning_has_a_signature_whoever_thought_it() {
    let events = [
        start(),
        thought("a"),
        Event::Signature {
            choice: 0,
            signature: "S".into(),
        },
        thought("b"),
        Event::Encrypted {
            choice: 0,
            data: "E".into(),
        },
        Event::Encrypted {
            choice: 0,
            data: "R".into(),
        },
        thought("c"),
        text("d"),
        finish(Finish::Stop),
        Event::End,
    ];
    let expected = [
        "thinking:a|S",
        "thinking:b|ai-gateway:encrypted:E",
        "redacted_thinking:R",
        &format!("thinking:c|{UNSIGNED}"),
        "text:d",
    ];
    let stream = streamed(&events);
    strict::stream("anthropic", stream.as_bytes()).unwrap();
    assert_eq!(streamed_content(&stream), expected);
    assert_eq!(content(&whole(&events)), expected);
}

#[test]
fn a_broken_stream_ends_in_an_error_and_in_nothing_else() {
    for (status, code, kind) in [
        (Some(429), None, "rate_limit_error"),
        (None, Some("overloaded_error"), "overloaded_error"),
        (Some(429), Some("insufficient_quota"), "billing_error"),
        (None, None, "api_error"),
    ] {
        let error = Event::Error {
            message: "m".into(),
            code: code.map(Into::into),
            status,
        };
        for before in [vec![], vec![start(), call(0, "a"), arguments(0, "{"), call(1, "b")]] {
            let events = [before, vec![error.clone(), Event::KeepAlive, Event::End]].concat();
            let stream = streamed(&events);
            let (_, last) = stream.rsplit_once("event: ").unwrap();
            assert!(last.starts_with("error\n"), "{stream}");
            let expected = json!({"type": "error", "error": {"type": kind, "message": "m"}});
            assert_eq!(data(&stream).last(), Some(&expected));
        }
    }
}

#[test]
fn keep_alives_are_pings_once_the_message_has_begun() {
    assert_eq!(streamed(&[Event::KeepAlive]), ": ping\n\n");
    let stream = streamed(&[start(), Event::KeepAlive]);
    assert_eq!(stream.matches("event: ping\ndata: {\"type\":\"ping\"}\n\n").count(), 2);
}

#[test]
fn why_it_ended_is_said_in_the_words_of_this_dialect() {
    let refusal = Event::Refusal {
        choice: 0,
        text: "No.".into(),
    };
    let met = Event::Finish {
        choice: 0,
        reason: Finish::Stop,
        stop: Some("END".into()),
    };
    for (events, reason, stop) in [
        (vec![finish(Finish::Stop)], "end_turn", None),
        (vec![finish(Finish::Length)], "max_tokens", None),
        (vec![finish(Finish::Pause)], "pause_turn", None),
        (vec![finish(Finish::ContentFilter)], "refusal", None),
        (vec![refusal, finish(Finish::Stop)], "refusal", None),
        (vec![met], "stop_sequence", Some("END")),
        (vec![], "end_turn", None),
    ] {
        let events = [vec![start()], events, vec![Event::End]].concat();
        let delta = data(&streamed(&events)).iter().rev().nth(1).unwrap()["delta"].clone();
        assert_eq!(
            (delta["stop_reason"].as_str(), delta["stop_sequence"].as_str()),
            (Some(reason), stop)
        );
        let answer = whole(&events);
        assert_eq!(
            (answer["stop_reason"].as_str(), answer["stop_sequence"].as_str()),
            (Some(reason), stop)
        );
    }
}

#[test]
fn only_the_first_of_several_answers_is_written() {
    let other = Event::Text {
        choice: 1,
        text: "B".into(),
    };
    let events = [start(), text("A"), other, text("C"), finish(Finish::Stop), Event::End];
    assert_eq!(streamed_content(&streamed(&events)), ["text:AC"]);
}

#[test]
fn sources_of_a_text_are_carried() {
    let sse = br#"event: message_start
data: {"type":"message_start","message":{"id":"msg_1","model":"m","content":[]}}

data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":"","citations":[]}}

data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"so"}}

data: {"type":"content_block_delta","index":0,"delta":{"type":"citations_delta","citation":{"type":"web_search_result_location","url":"https://e.x","title":"T","cited_text":"C","encrypted_index":"I"}}}

data: {"type":"message_delta","delta":{"stop_reason":"end_turn"}}

"#;
    let events = read_whole(FORMAT.reader, sse);
    let cited = Event::Citation {
        choice: 0,
        url: Some("https://e.x".into()),
        title: Some("T".into()),
        text: Some("C".into()),
    };
    assert!(events.contains(&cited), "{events:?}");
    let again = read_whole(FORMAT.reader, streamed(&events).as_bytes());
    assert!(again.contains(&cited));
    let answer = whole(&events);
    assert_eq!(answer["content"][0]["citations"][0]["url"], "https://e.x");
    assert!(
        (FORMAT.read_answer)(answer.to_string().as_bytes())
            .unwrap()
            .contains(&cited)
    );
}

#[test]
fn an_argument_of_ten_megabytes_goes_through_without_being_held() {
    let piece = format!(
        "data: {}\n\n",
        json!({"type": "content_block_delta", "index": 0,
            "delta": {"type": "input_json_delta", "partial_json": "x".repeat(64 * 1024)}})
    );
    let mut writer = (FORMAT.writer)(context());
    let mut reader = (FORMAT.reader)();
    let (mut out, mut events) = (Vec::new(), Vec::new());
    let start = json!({"type": "content_block_start", "index": 0,
        "content_block": {"type": "tool_use", "id": "t", "name": "f", "input": {}}});
    let open = json!({"type": "content_block_delta", "index": 0,
        "delta": {"type": "input_json_delta", "partial_json": "{\"a\":\""}});
    for data in [start.to_string(), open.to_string()] {
        reader.read("", &data, &mut events);
    }
    let piece = piece.trim_start_matches("data: ").trim_end();
    let mut most = 0;
    for _ in 0..160 {
        reader.read("", piece, &mut events);
        for event in events.drain(..) {
            writer.write(&event, &mut out);
        }
        most = most.max(out.len());
        out.clear();
    }
    assert!(most < 3 * 64 * 1024, "{most}");
}

#[test]
fn half_a_character_costs_no_more_than_itself() {
    let half = |text: &str| {
        format!(r#"{{"type":"content_block_delta","index":0,"delta":{{"type":"text_delta","text":"{text}"}}}}"#)
    };
    let (mut reader, mut events) = ((FORMAT.reader)(), Vec::new());
    let open = r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#;
    for data in [open, &half(r"a\ud83d"), &half(r"\ude00b")] {
        reader.read("", data, &mut events);
    }
    assert_eq!(events[1..], [text("a\u{fffd}"), text("\u{fffd}b")]);
}

#[test]
fn other_vendors_streams_are_read_with_what_they_do_differently() {
    // The input of a call at once, no names of events, an error of another shape.
    let sse = br#"data: {"type":"message_start","message":{"id":"1","model":"m","usage":{"input_tokens":3.0,"output_tokens":null}}}

data: {"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"t","name":"f","input":{"a":1}}}

data: {"type":"content_block_stop","index":0}

data: {"error":{"message":"m","code":"rate_limit_error"}}

data: {"type":"message_stop"}

"#;
    let events = read(FORMAT.reader, [&sse[..]]);
    assert!(events.contains(&arguments(0, "{\"a\":1}")), "{events:?}");
    let error = Event::Error {
        message: "m".into(),
        code: Some("rate_limit_error".into()),
        status: Some(429),
    };
    assert_eq!(events.last(), Some(&error));
}
