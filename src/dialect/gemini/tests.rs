//! What Gemini's own streams and requests become, and what becomes of others here.

mod answers;
mod arrays;
mod contents;
mod requests;
mod schemas;
mod scripts;
mod streams;
mod thinking;

use serde_json::Value;

use super::FORMAT;
use crate::dialect::neutral::answer::{Block, Choice};
use crate::dialect::neutral::event::{Context, Event};
use crate::dialect::neutral::request::{Message, Part, PartKind, Quirks, Request, Role, ToolCall, Written};

fn read(body: &Value) -> Request {
    (FORMAT.read_request)(body.to_string().as_bytes()).unwrap()
}

fn write(request: &Request) -> Written {
    (FORMAT.write_request)(request, &Quirks::default()).unwrap()
}

/// What Gemini 3 takes.
fn newest() -> Quirks {
    Quirks {
        thinking_level: true,
        ..Quirks::default()
    }
}

fn user(parts: Vec<Part>) -> Message {
    let role = Role::User;
    Message { role, parts }
}

fn text(text: &str) -> Part {
    PartKind::Text(text.to_owned()).part()
}

fn call(id: &str, name: &str, arguments: &str) -> ToolCall {
    ToolCall {
        id: id.to_owned(),
        name: name.to_owned(),
        namespace: None,
        arguments: arguments.to_owned(),
        is_custom: false,
        signature: None,
    }
}

fn result(id: &str, name: Option<&str>, parts: Vec<Part>, is_error: bool) -> Part {
    let kind = PartKind::ToolResult {
        id: id.to_owned(),
        name: name.map(Into::into),
        parts,
        is_error,
    };
    kind.part()
}

fn context() -> Context {
    Context {
        model: "m".to_owned(),
        id: "r1".to_owned(),
        ..Context::default()
    }
}

/// The events of chunks that come one by one.
fn events_of(chunks: &[Value]) -> Vec<Event> {
    let mut reader = (FORMAT.reader)();
    let mut events = Vec::new();
    for chunk in chunks {
        reader.read("", &chunk.to_string(), &mut events);
    }
    reader.end(&mut events);
    events
}

/// The choices of an answer, for comparing: white space in arguments says nothing.
fn without_blanks(mut choices: Vec<Choice>) -> Vec<Choice> {
    for block in choices.iter_mut().flat_map(|choice| &mut choice.blocks) {
        if let Block::ToolCall(call) = block {
            let arguments: Value = serde_json::from_str(&call.arguments).unwrap();
            call.arguments = arguments.to_string();
        }
    }
    choices
}

fn stream_of(events: &[Event], context: Context) -> String {
    let mut writer = (FORMAT.writer)(context);
    let mut out = Vec::new();
    for event in events {
        writer.write(event, &mut out);
    }
    String::from_utf8(out).unwrap()
}

/// The chunks of a stream of server-sent events.
fn chunks_of(events: &[Event]) -> Vec<Value> {
    let stream = stream_of(events, context());
    let mut chunks = Vec::new();
    for block in stream.split("\r\n\r\n").filter(|block| !block.is_empty()) {
        chunks.push(serde_json::from_str(block.strip_prefix("data: ").unwrap()).unwrap());
    }
    chunks
}
