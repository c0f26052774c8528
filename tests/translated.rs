//! How much a translated stream holds, counted while a tool call with 10 MB of arguments goes through.

#![expect(clippy::unwrap_used, reason = "a test that cannot set up fails")]

use std::fmt::Write as _;

use ai_gateway::dialect::formats::by_name;
use ai_gateway::dialect::neutral::event::{Context, Event};
use ai_gateway::dialect::wire::sse::{Events, Item};
use allocation_counter::measure;

const PIECE: usize = 1024;
const ALL: usize = 10 * 1024 * PIECE;

/// The events around the arguments, and what stands around a piece of them, in an upstream's stream.
fn around(dialect: &str) -> [&'static str; 4] {
    match dialect {
        "openai" => [
            r#"data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"role":"assistant","tool_calls":[{"index":0,"id":"call_1","type":"function","function":{"name":"f","arguments":"{\"a\":\""}}]},"finish_reason":null}]}"#,
            r#"data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":""#,
            r#""}}]},"finish_reason":null}]}"#,
            "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"\\\"}\"}}]},\"finish_reason\":\"tool_calls\"}]}\n\ndata: [DONE]",
        ],
        _ => [
            "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"m\",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,\"usage\":{\"input_tokens\":1,\"output_tokens\":1}}}\n\nevent: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"tool_use\",\"id\":\"toolu_1\",\"name\":\"f\",\"input\":{}}}\n\nevent: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"{\\\"a\\\":\\\"\"}}",
            "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"",
            "\"}}",
            "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"\\\"}\"}}\n\nevent: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\nevent: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"tool_use\",\"stop_sequence\":null},\"usage\":{\"output_tokens\":5}}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}",
        ],
    }
}

/// The most bytes held at once while the arguments are translated in pieces, and how many bytes the client got.
fn held(from: &str, to: &str) -> (u64, usize) {
    let [first, before, behind, last] = around(from);
    let piece = "x".repeat(PIECE);
    let (from, to) = (by_name(from).unwrap(), by_name(to).unwrap());
    let mut written = 0;
    let used = measure(|| {
        let (mut frames, mut reader) = (Events::default(), (from.reader)());
        let mut writer = (to.writer)(Context {
            model: "m".to_owned(),
            id: "1".to_owned(),
            ..Context::default()
        });
        let (mut text, mut events, mut out) = (String::new(), Vec::new(), Vec::new());
        for number in 0..=ALL / PIECE + 1 {
            text.clear();
            let _ = match number {
                0 => write!(text, "{first}\n\n"),
                number if number <= ALL / PIECE => write!(text, "{before}{piece}{behind}\n\n"),
                _ => write!(text, "{last}\n\n"),
            };
            frames.feed(text.as_bytes(), &mut |item| {
                if let Item::Event { name, data } = item {
                    reader.read(name, data, &mut events);
                }
            });
            if number > ALL / PIECE {
                reader.end(&mut events);
                assert_eq!(events.last(), Some(&Event::End));
            }
            for event in events.drain(..) {
                writer.write(&event, &mut out);
                written += out.len();
                out.clear();
            }
        }
    });
    (used.bytes_max, written)
}

#[test]
fn arguments_go_through_in_pieces_where_the_client_takes_pieces() {
    for from in ["openai", "anthropic"] {
        for to in ["openai", "anthropic"] {
            let (held, written) = held(from, to);
            assert!(held < 128 * 1024, "{from} to {to}: {held} bytes are held");
            assert!(written > ALL, "{from} to {to}: {written} bytes");
        }
    }
}

/// Gemini's clients get a call whole, and those of Responses get all of it once more at the end.
#[test]
fn arguments_are_held_a_few_times_where_the_client_wants_them_whole() {
    for from in ["openai", "anthropic"] {
        for to in ["responses", "gemini"] {
            let (held, written) = held(from, to);
            assert!(held < 8 * ALL as u64, "{from} to {to}: {held} bytes are held");
            assert!(written > ALL, "{from} to {to}: {written} bytes");
        }
    }
}
