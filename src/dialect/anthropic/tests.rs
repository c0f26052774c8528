mod answers;
mod claude_code;
mod odd;
mod prompts;
mod requests;
mod streams;

use serde_json::{Value, json};

use super::FORMAT;
use crate::dialect::neutral::answer::Answer;
use crate::dialect::neutral::event::{Context, Event, Finish};
use crate::dialect::neutral::request::{Quirks, Request, ToolCall};

fn context() -> Context {
    Context {
        model: "asked-for".into(),
        id: "0000-1".into(),
        ..Context::default()
    }
}

/// The events as a client gets them.
fn streamed(events: &[Event]) -> String {
    let mut writer = (FORMAT.writer)(context());
    let mut out = Vec::new();
    for event in events {
        writer.write(event, &mut out);
    }
    String::from_utf8(out).unwrap()
}

/// The data of each event of a stream, pings left out.
fn data(stream: &str) -> Vec<Value> {
    let lines = stream.lines().filter_map(|line| line.strip_prefix("data: "));
    let data = lines.map(|line| serde_json::from_str::<Value>(line).unwrap());
    data.filter(|data| data["type"] != "ping").collect()
}

fn whole(events: &[Event]) -> Value {
    (FORMAT.write_answer)(&Answer::of(events), &context())
}

fn request(body: &Value) -> Request {
    (FORMAT.read_request)(body.to_string().as_bytes()).unwrap()
}

/// The body of a request for an upstream that is like Anthropic itself.
fn prompt(request: &Request) -> Value {
    prompt_for(request, &Quirks::default()).0
}

/// The body of a request, and what is dropped.
fn prompt_for(request: &Request, quirks: &Quirks) -> (Value, Vec<String>) {
    let written = (FORMAT.write_request)(request, quirks).unwrap();
    (Value::Object(written.body), written.dropped)
}

fn start() -> Event {
    Event::Start {
        id: "chatcmpl-1".into(),
        model: "other".into(),
    }
}

fn text(text: &str) -> Event {
    Event::Text {
        choice: 0,
        text: text.into(),
    }
}

fn thought(text: &str) -> Event {
    Event::Reasoning {
        choice: 0,
        text: text.into(),
    }
}

fn call(index: u32, name: &str) -> Event {
    Event::ToolStart {
        choice: 0,
        index,
        call: tool_call(&format!("call_{index}"), name, ""),
    }
}

fn tool_call(id: &str, name: &str, arguments: &str) -> ToolCall {
    ToolCall {
        id: id.into(),
        name: name.into(),
        namespace: None,
        arguments: arguments.into(),
        is_custom: false,
        signature: None,
    }
}

fn arguments(index: u32, text: &str) -> Event {
    Event::ToolArguments {
        choice: 0,
        index,
        text: text.into(),
    }
}

fn call_end(index: u32) -> Event {
    Event::ToolEnd { choice: 0, index }
}

fn finish(reason: Finish) -> Event {
    Event::Finish {
        choice: 0,
        reason,
        stop: None,
    }
}

/// The content of an answer, as its blocks say it: `text:Hi`, `tool_use:f {"a":1}`.
fn content(answer: &Value) -> Vec<String> {
    let say = |block: &Value| match block["type"].as_str().unwrap() {
        "text" => format!("text:{}", block["text"].as_str().unwrap()),
        "thinking" => format!(
            "thinking:{}|{}",
            block["thinking"].as_str().unwrap(),
            block["signature"].as_str().unwrap()
        ),
        "tool_use" => format!("tool_use:{} {}", block["name"].as_str().unwrap(), block["input"]),
        kind => format!("{kind}:{}", block["data"].as_str().unwrap()),
    };
    answer["content"].as_array().unwrap().iter().map(say).collect()
}

/// The blocks of a stream put together, as in [`content`].
fn streamed_content(stream: &str) -> Vec<String> {
    let mut blocks: Vec<Value> = Vec::new();
    let mut pieces = String::new();
    for event in data(stream) {
        let delta = &event["delta"];
        let add = |value: &mut Value, more: &Value| {
            *value = format!("{}{}", value.as_str().unwrap(), more.as_str().unwrap()).into();
        };
        match (event["type"].as_str().unwrap(), delta["type"].as_str()) {
            ("content_block_start", _) => blocks.push(event["content_block"].clone()),
            (_, Some("text_delta")) => add(&mut blocks.last_mut().unwrap()["text"], &delta["text"]),
            (_, Some("thinking_delta")) => add(&mut blocks.last_mut().unwrap()["thinking"], &delta["thinking"]),
            (_, Some("signature_delta")) => blocks.last_mut().unwrap()["signature"] = delta["signature"].clone(),
            (_, Some("input_json_delta")) => pieces += delta["partial_json"].as_str().unwrap(),
            ("content_block_stop", _) if !pieces.is_empty() => {
                blocks.last_mut().unwrap()["input"] = serde_json::from_str(&std::mem::take(&mut pieces)).unwrap();
            }
            _ => {}
        }
    }
    content(&json!({"content": blocks}))
}
