//! Conversations that stand in the fixtures as requests in every dialect: each is translated into each.

use serde_json::{Map, Value};

use super::lossy::wanted;
use super::pair::{folder, pairs};
use crate::dialect::formats::FORMATS;
use crate::dialect::neutral::Format;
use crate::dialect::neutral::canonical::document;
use crate::dialect::neutral::request::{Format as Shape, Message, PartKind, Quirks, Request, ToolChoice};

/// Models that take what the conversation has.
fn quirks(name: &str) -> Quirks {
    let is_reasoning = name == "r13_reasoning_effort";
    Quirks {
        max_completion_tokens: is_reasoning,
        reasoning_history: true,
        adaptive_thinking: true,
        thinking_level: is_reasoning,
        ..Quirks::default()
    }
}

fn conversations() -> Map<String, Value> {
    match document("request_pairs.json")["pairs"].take() {
        Value::Object(pairs) => pairs,
        other => panic!("{other}"),
    }
}

/// Reads a request. Gemini has the model in the path.
fn read(from: &Format, body: &Value) -> Request {
    let request = (from.read_request)(body.to_string().as_bytes());
    let mut request = request.unwrap_or_else(|wrong| panic!("{wrong:?} in {body}"));
    request.model = Some("m".into());
    request
}

/// Parses arguments that are JSON in a text: white space in them says nothing.
fn parsed(value: &mut Value) {
    match value {
        Value::Object(members) => {
            if let Some(Value::String(text)) = members.get("arguments") {
                let arguments = serde_json::from_str(text).unwrap();
                members.insert("arguments".into(), arguments);
            }
            members.values_mut().for_each(parsed);
        }
        Value::Array(list) => list.iter_mut().for_each(parsed),
        _ => {}
    }
}

#[test]
fn every_request_is_the_same_in_every_dialect() {
    let mut wrong = String::new();
    for (name, bodies) in conversations() {
        for pair in pairs() {
            let request = read(pair.from, &bodies[folder(pair.from)]);
            assert!(request.dropped.is_empty(), "{name} {pair}: {:?}", request.dropped);
            let written = (pair.to.write_request)(&request, &quirks(&name)).unwrap();
            let mut found = Value::Object(written.body);
            let mut wanted = wanted(&name, pair, &bodies[folder(pair.to)]);
            parsed(&mut found);
            parsed(&mut wanted);
            if found != wanted {
                wrong += &format!("{name} {pair}:\n  {found}\n  {wanted}\n");
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// A request without what not every dialect says.
fn common(mut request: Request) -> Request {
    let mut messages: Vec<Message> = Vec::new();
    for mut message in request.messages {
        message
            .parts
            .retain(|part| !matches!(part.kind, PartKind::Reasoning { .. }));
        match messages.last_mut().filter(|last| last.role == message.role) {
            Some(last) => last.parts.extend(message.parts),
            None => messages.push(message),
        }
    }
    for part in messages.iter_mut().flat_map(|message| &mut message.parts) {
        match &mut part.kind {
            PartKind::Image { detail, .. } => *detail = None,
            PartKind::Document { name, .. } => *name = None,
            PartKind::ToolCall(call) => {
                call.signature = None;
                let arguments: Value = serde_json::from_str(&call.arguments).unwrap();
                call.arguments = arguments.to_string();
            }
            PartKind::ToolResult {
                name, parts, is_error, ..
            } => {
                *name = None;
                for part in parts {
                    if let PartKind::Text(text) = &mut part.kind {
                        *is_error |= text.starts_with("Error: ");
                        *text = text.trim_start_matches("Error: ").to_owned();
                    }
                }
            }
            _ => {}
        }
    }
    request.messages = messages;
    request.stop.clear();
    request.user = None;
    request.parallel_tools = None;
    request.tool_choice = request.tool_choice.filter(|choice| *choice != ToolChoice::Auto);
    if let Some(Shape::JsonSchema { name, strict, .. }) = &mut request.format {
        (*name, *strict) = (None, None);
    }
    if let Some(reasoning) = &mut request.reasoning {
        reasoning.wants_text = false;
        reasoning.wants_encrypted = false;
        reasoning.is_adaptive = false;
    }
    request
}

#[test]
fn every_dialect_says_the_same_in_the_vocabulary() {
    let mut wrong = String::new();
    for (name, bodies) in conversations() {
        let requests = FORMATS.map(|format| common(read(format, &bodies[folder(format)])));
        for (format, request) in FORMATS.iter().zip(&requests).skip(1) {
            if *request != requests[0] {
                wrong += &format!("{name} {}:\n  {request:?}\n  {:?}\n", format.name, requests[0]);
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}
