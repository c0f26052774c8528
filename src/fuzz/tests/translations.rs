//! Recorded streams, answers and requests of every dialect, with mistakes in them: events that are lost, said twice or change places,
//! members of the wrong type, and bytes that are wrong.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Value, json};

use super::*;
use crate::dialect::formats::FORMATS;
use crate::dialect::neutral::Format;
use crate::dialect::neutral::answer::Answer;
use crate::dialect::neutral::canonical::{document, fixtures, read_whole};
use crate::dialect::neutral::event::Context;

/// What mistakes are made of in the bytes of JSON.
const SIGNS: &[&str] = &[
    "{", "}", "[", "]", ",", ":", "\"", "\\", "\\u0000", "\\ud800", "null", "-1", "1e999", "\n", "\r\n\r\n", "data: ",
    "é", "\u{feff}", "[DONE]",
];

/// The name that the fixtures have for a dialect.
fn folder(format: &Format) -> &'static str {
    if format.name == "openai" { "chat" } else { format.name }
}

/// Everything recorded of one kind: the dialect's name and the text.
fn recorded(kind: &str) -> Vec<(&'static str, String)> {
    let mut found = Vec::new();
    for format in FORMATS {
        let streams = fixtures(folder(format));
        match kind {
            "stream" => {
                let texts = streams
                    .into_iter()
                    .map(|fixture| String::from_utf8(fixture.sse).unwrap());
                found.extend(texts.map(|text| (format.name, text)));
            }
            "answer" => {
                let answers = streams.into_iter().map(|fixture| {
                    let answer = Answer::of(&read_whole(format.reader, &fixture.sse));
                    (format.write_answer)(&answer, &Context::default()).to_string()
                });
                found.extend(answers.map(|text| (format.name, text)));
            }
            _ => {
                let pairs = document("request_pairs.json");
                let pairs = pairs["pairs"].as_object().unwrap();
                found.extend(
                    pairs
                        .values()
                        .map(|bodies| (format.name, bodies[folder(format)].to_string())),
                );
            }
        }
    }
    found
}

/// Places in a JSON document, by a pointer.
fn places(value: &Value, here: &str, found: &mut Vec<String>) {
    found.push(here.to_owned());
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                let name = name.replace('~', "~0").replace('/', "~1");
                places(value, &format!("{here}/{name}"), found);
            }
        }
        Value::Array(list) => {
            for (place, value) in list.iter().enumerate() {
                places(value, &format!("{here}/{place}"), found);
            }
        }
        _ => {}
    }
}

/// What stands where something else should.
fn wrong() -> impl Strategy<Value = Value> {
    select(vec![
        Value::Null,
        json!(true),
        json!(0),
        json!(-1),
        json!(1.5),
        json!(u64::MAX),
        json!(""),
        json!("x"),
        json!("{\"a\":"),
        json!([]),
        json!({}),
        json!([null]),
        json!([[{}]]),
        json!({"type": "x"}),
        json!({"text": "t", "type": "text"}),
    ])
}

/// One thing that is wrong in a document: where, what stands there instead, and whether that place is left out.
type Mistake = (Index, Value, bool);

fn mistakes() -> impl Strategy<Value = Vec<Mistake>> {
    vec((any::<Index>(), wrong(), any::<bool>()), 0..4)
}

fn spoil(text: &str, mistakes: &[Mistake]) -> String {
    let Ok(mut value) = serde_json::from_str::<Value>(text) else {
        return text.to_owned();
    };
    for (place, instead, is_lost) in mistakes {
        let mut all = Vec::new();
        places(&value, "", &mut all);
        let pointer = &all[place.index(all.len())];
        let outside = pointer
            .rsplit_once('/')
            .map(|(outside, name)| (outside, name.to_owned()));
        if let Some((outside, name)) = outside.filter(|_| *is_lost) {
            match value.pointer_mut(outside) {
                Some(Value::Object(members)) => drop(members.shift_remove(&name)),
                Some(Value::Array(list)) => drop(list.pop()),
                _ => {}
            }
        } else if let Some(value) = value.pointer_mut(pointer) {
            *value = instead.clone();
        }
    }
    value.to_string()
}

/// What happens to the events of a stream.
type Change = (u8, Index, Index, Vec<Mistake>);

fn changed(stream: &str, changes: &[Change]) -> Vec<u8> {
    let end = if stream.contains("\r\n") { "\r\n\r\n" } else { "\n\n" };
    let mut events: Vec<String> = stream
        .split(end)
        .filter(|event| !event.is_empty())
        .map(str::to_owned)
        .collect();
    for (kind, one, other, mistakes) in changes {
        if events.is_empty() {
            break;
        }
        let (one, other) = (one.index(events.len()), other.index(events.len()));
        match kind % 6 {
            0 => events.truncate(one),
            1 => events.swap(one, other),
            2 => events.insert(other, events[one].clone()),
            3 => drop(events.remove(one)),
            _ => {
                let lines = events[one].lines().map(|line| match line.strip_prefix("data: ") {
                    Some(data) => format!("data: {}", spoil(data, mistakes)),
                    None => line.to_owned(),
                });
                events[one] = lines.collect::<Vec<_>>().join("\n");
            }
        }
    }
    events.push(String::new());
    events.join(end).into_bytes()
}

fn stream() -> impl Strategy<Value = (&'static str, Vec<u8>)> {
    let change = (any::<u8>(), any::<Index>(), any::<Index>(), mistakes());
    (select(recorded("stream")), vec(change, 0..5))
        .prop_map(|((dialect, stream), changes)| (dialect, changed(&stream, &changes)))
}

fn body(kind: &str) -> impl Strategy<Value = (&'static str, Vec<u8>)> + use<> {
    (select(recorded(kind)), mistakes())
        .prop_map(|((dialect, text), mistakes)| (dialect, spoil(&text, &mistakes).into_bytes()))
}

/// A text of a dialect, and maybe some wrong bytes in it.
fn with_wrong_bytes(
    text: impl Strategy<Value = (&'static str, Vec<u8>)> + 'static,
) -> impl Strategy<Value = (&'static str, Vec<u8>)> {
    text.prop_flat_map(|(dialect, text)| {
        let spoiled = with_mistakes(Just(text.clone()), SIGNS);
        let text = prop_oneof![3 => Just(text), 1 => spoiled];
        (Just(dialect), text)
    })
}

proptest! {
    #![proptest_config(cases(1000))]

    #[test]
    fn streams_are_translated((dialect, text) in with_wrong_bytes(stream()), cuts in cuts()) {
        run(translations, &input(&format!("stream {dialect} {cuts}"), &text))?;
    }

    #[test]
    fn answers_are_translated((dialect, text) in with_wrong_bytes(body("answer"))) {
        run(translations, &input(&format!("answer {dialect} "), &text))?;
    }

    #[test]
    fn requests_are_translated((dialect, text) in with_wrong_bytes(body("request"))) {
        run(translations, &input(&format!("request {dialect} "), &text))?;
    }
}
