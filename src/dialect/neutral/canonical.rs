//! For tests: the fixtures of `tests/fixtures/dialects`, ways to feed one to a reader, and the form in which answers of all dialects
//! are compared.
//!
//! A dialect's test of its reader is one call: `canonical::judge("chat", chat::FORMAT.reader)`.

mod order;
pub(crate) mod strict;

use std::path::{Path, PathBuf};

use proptest::prelude::*;
use serde_json::{Value, json};

pub(crate) use self::order::check_order;
use super::answer::{Answer, Block, Choice};
use super::event::{Event, Finish, ReadStream};
use crate::dialect::wire::sse::{Events, Item};

/// Makes a reader.
pub(crate) type NewReader = fn() -> Box<dyn ReadStream>;

/// A recorded stream, and what a reader has to make of it.
pub(crate) struct Fixture {
    /// `chat/s01_text`.
    pub(crate) name: String,
    /// The stream.
    pub(crate) sse: Vec<u8>,
    /// What it means.
    pub(crate) expected: Expected,
}

/// What a stream means.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Expected {
    /// A complete answer.
    Complete {
        /// Its choices in canonical form.
        choices: Value,
        /// Its usage in canonical form. `None` where it does not matter.
        usage: Option<Value>,
        /// Anthropic: the signatures of its reasoning.
        signatures: Option<Value>,
    },
    /// An error, or the end of the connection, after this text.
    Broken {
        /// All of the text before.
        text: String,
    },
    /// Either: an upstream's own failure without any content.
    Empty,
}

/// Returns the path of a file or folder of the fixtures.
pub(crate) fn path(below: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/dialects")
        .join(below)
}

/// Returns a fixture that is JSON: `request_pairs.json`, `clients/claude_code_turn1.json`.
pub(crate) fn document(name: &str) -> Value {
    let text = std::fs::read(path(name)).unwrap();
    serde_json::from_slice(&text).unwrap()
}

/// Returns the streams of a dialect (`chat`, `anthropic`, `responses`, `gemini`), in order of their names.
pub(crate) fn fixtures(dialect: &str) -> Vec<Fixture> {
    let (canonical, gateway) = (document("canonical.json"), document("gateway_expected.json"));
    let mut found = Vec::new();
    for entry in std::fs::read_dir(path("streams").join(dialect)).unwrap() {
        let path = entry.unwrap().path();
        let name = format!("{dialect}/{}", path.file_stem().unwrap().to_str().unwrap());
        let expected = expected(&name, &canonical[&name], &gateway["expected"][&name]);
        let sse = std::fs::read(path).unwrap();
        found.push(Fixture { name, sse, expected });
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

/// `judged`: what the vendor's own library makes of it. `wanted`: what a gateway makes of it where that is something else.
fn expected(name: &str, judged: &Value, wanted: &Value) -> Expected {
    match name {
        // The old way to call a function is a tool call. The library leaves it out.
        "chat/x20_legacy_function_call" => Expected::Complete {
            choices: json!([{"text": "", "reasoning": "", "refusal": null, "finish": "tool_calls",
                "tool_calls": [{"name": "f", "arguments": {"a": 1}}]}]),
            usage: Some(Value::Null),
            signatures: None,
        },
        // Marks in the text are text: no model is known to mean them.
        "chat/x31_think_tags_in_content" => complete(&judged["canonical"], Some(&judged["canonical"]["usage"])),
        "gemini/x04_malformed_function_call" => Expected::Empty,
        _ => match wanted["outcome"].as_str() {
            Some("ok") => complete(wanted, Some(&wanted["usage"]).filter(|usage| !usage.is_null())),
            Some("error") => Expected::Broken {
                text: wanted["partial_text"].as_str().unwrap().to_owned(),
            },
            Some(outcome) => panic!("{name}: {outcome}"),
            None => complete(&judged["canonical"], Some(&judged["canonical"]["usage"])),
        },
    }
}

fn complete(document: &Value, usage: Option<&Value>) -> Expected {
    let mut choices = document["choices"].clone();
    for choice in choices.as_array_mut().unwrap() {
        choice.as_object_mut().unwrap().remove("raw_finish");
    }
    Expected::Complete {
        choices,
        usage: usage.cloned(),
        signatures: document.get("signatures").cloned(),
    }
}

impl Expected {
    /// Fails where these events mean something else.
    #[track_caller]
    pub(crate) fn check(&self, name: &str, events: &[Event]) {
        check_order(name, events);
        let (answer, found) = (Answer::of(events), canonical(events));
        match self {
            Self::Complete {
                choices,
                usage,
                signatures,
            } => {
                assert!(answer.is_complete, "{name} is not complete: {events:?}");
                assert_eq!(found["choices"], *choices, "{name}: {events:?}");
                if let Some(usage) = usage {
                    assert_eq!(found["usage"], *usage, "{name}: {events:?}");
                }
                if let Some(expected) = signatures {
                    assert_eq!(signatures_of(&answer), *expected, "{name}: {events:?}");
                }
            }
            Self::Broken { text } => {
                assert!(!answer.is_complete, "{name} is complete: {events:?}");
                let found = found["choices"][0]["text"].as_str().unwrap_or_default();
                assert_eq!(found, text, "{name}: {events:?}");
            }
            Self::Empty => assert_eq!(found["choices"][0]["text"].as_str().unwrap_or_default(), "", "{name}"),
        }
    }
}

/// Returns the canonical form of `tests/fixtures/dialects/canonical.json`: `{"choices": [...], "usage"}`, without ids, with all text
/// of a choice in one.
pub(crate) fn canonical(events: &[Event]) -> Value {
    let answer = Answer::of(events);
    let choices: Vec<Value> = answer.choices.iter().map(choice).collect();
    let usage = answer.usage.map(|usage| {
        json!({"input": usage.input, "output": usage.output, "cached": usage.cached, "reasoning": usage.reasoning})
    });
    json!({"choices": choices, "usage": usage})
}

fn choice(choice: &Choice) -> Value {
    let (mut said, mut thought, mut refused) = (String::new(), String::new(), None::<String>);
    let mut calls = Vec::new();
    for block in &choice.blocks {
        match block {
            Block::Text { text, .. } => said.push_str(text),
            Block::Reasoning { text, .. } => thought.push_str(text),
            Block::Refusal(text) => refused.get_or_insert_default().push_str(text),
            Block::ToolCall(call) => {
                let arguments = match call.arguments.as_str() {
                    text if call.is_custom => json!({"_input": text}),
                    "" => json!({}),
                    text => serde_json::from_str(text).unwrap_or_else(|_| json!({"_raw": text})),
                };
                calls.push(json!({"name": call.name, "arguments": arguments}));
            }
        }
    }
    let finish = choice.finish.map(|finish| match finish {
        Finish::Stop | Finish::Pause => "stop",
        Finish::Length => "length",
        Finish::ToolCalls => "tool_calls",
        Finish::ContentFilter => "content_filter",
    });
    json!({"text": said, "reasoning": thought, "refusal": refused, "tool_calls": calls, "finish": finish})
}

/// Returns the signatures of an answer's reasoning, in order.
pub(crate) fn signatures_of(answer: &Answer) -> Value {
    let blocks = answer.choices.iter().flat_map(|choice| &choice.blocks);
    let signatures = blocks.filter_map(|block| match block {
        Block::Reasoning { signature, .. } => signature.clone().map(Value::from),
        _ => None,
    });
    signatures.collect()
}

/// Returns the events that a reader makes of a stream that comes in these pieces. A comment is [`Event::KeepAlive`].
pub(crate) fn read<'a>(new: NewReader, pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<Event> {
    let (mut frames, mut reader) = (Events::default(), new());
    let mut events = Vec::new();
    let mut take = |item: Item<'_>| match item {
        Item::Event { name, data } => reader.read(name, data, &mut events),
        Item::Comment => events.push(Event::KeepAlive),
        // The end of a stream that was cut within a character.
        Item::Unreadable => {}
    };
    for piece in pieces {
        frames.feed(piece, &mut take);
    }
    frames.end(&mut take);
    reader.end(&mut events);
    events
}

/// Returns the events of a stream that comes whole.
pub(crate) fn read_whole(new: NewReader, bytes: &[u8]) -> Vec<Event> {
    read(new, [bytes])
}

/// Cuts `bytes` at these places.
pub(crate) fn cut<'a>(bytes: &'a [u8], places: &[prop::sample::Index]) -> Vec<&'a [u8]> {
    let mut places: Vec<usize> = places.iter().map(|place| place.index(bytes.len() + 1)).collect();
    places.sort_unstable();
    let mut from = 0;
    let mut pieces = Vec::new();
    for place in places.into_iter().chain([bytes.len()]) {
        pieces.push(&bytes[from..place]);
        from = place;
    }
    pieces
}

/// Places for [`cut`].
pub(crate) fn places() -> impl Strategy<Value = Vec<prop::sample::Index>> {
    prop::collection::vec(any::<prop::sample::Index>(), 0..24)
}

/// Runs a test on many random [`places`].
pub(crate) fn at_random_places(cases: u32, test: impl Fn(&[prop::sample::Index])) {
    let config = ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(cases)
    };
    let mut runner = proptest::test_runner::TestRunner::new(config);
    runner
        .run(&places(), |places| {
            test(&places);
            Ok(())
        })
        .unwrap();
}

/// Fails unless a reader makes of every stream of its dialect what is expected, whole, in pieces of 1 to 16 bytes and cut at random.
#[track_caller]
pub(crate) fn judge(dialect: &str, new: NewReader) {
    let fixtures = fixtures(dialect);
    assert!(fixtures.len() > 18, "{dialect} has too few fixtures");
    for Fixture { name, sse, expected } in &fixtures {
        let whole = read_whole(new, sse);
        expected.check(name, &whole);
        for size in 1..=16 {
            assert_eq!(read(new, sse.chunks(size)), whole, "{name} in pieces of {size}");
        }
        at_random_places(16, |places| {
            assert_eq!(read(new, cut(sse, places)), whole, "{name} at {places:?}");
        });
    }
}

#[cfg(test)]
mod tests;
