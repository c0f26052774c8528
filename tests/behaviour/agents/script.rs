//! An upstream of any dialect that has an agent write a file, and says that it is done when it sees the result.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::upstream::{Connection, JSON, SSE};
use crate::translated::dialect::Dialect;

/// What it says when everything is done.
pub(super) const DONE: &str = "ALL-IS-DONE";

/// The file that it has written, and what stands in it.
pub(super) const FILE: (&str, &str) = ("made.txt", "MADE");

/// What an upstream answers.
pub(super) enum Answer {
    Text(&'static str),
    /// A tool is called by this name, with these arguments.
    Tool(String, Value),
}

/// What comes next in a conversation: the file is written with the tool that the agent has for it.
pub(super) fn next(dialect: Dialect, body: &Value, folder: &Path) -> Answer {
    let (names, path) = (tools(dialect, body), folder.join(FILE.0));
    let has = |name: &str| names.iter().any(|known| known == name);
    let file = |member: &str| json!({member: path, "content": FILE.1});
    let call = [
        ("Write", file("file_path")),
        ("write_file", file("file_path")),
        ("write", file("filePath")),
        (
            "exec_command",
            json!({"cmd": format!("printf {} > {}", FILE.1, FILE.0)}),
        ),
    ]
    .into_iter()
    .find(|(name, _)| has(name));
    match call {
        // Titles and the like are asked for without tools.
        Some((name, arguments)) if result(dialect, body).is_none() => Answer::Tool(name.to_owned(), arguments),
        _ => Answer::Text(DONE),
    }
}

/// The names of the tools that a request brings.
fn tools(dialect: Dialect, body: &Value) -> Vec<String> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let tools = list(&body["tools"]).into_iter().flat_map(|tool| match dialect {
        Dialect::OpenAi => vec![tool["function"].clone()],
        Dialect::Responses | Dialect::Anthropic => vec![tool],
        Dialect::Gemini => list(&tool["functionDeclarations"]),
    });
    tools
        .filter_map(|tool| tool["name"].as_str().map(str::to_owned))
        .collect()
}

/// The result of the last tool that was called.
pub(super) fn result(dialect: Dialect, body: &Value) -> Option<Value> {
    let all = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let (list, member) = match dialect {
        Dialect::OpenAi => (all(&body["messages"]), "content"),
        Dialect::Responses => (all(&body["input"]), "output"),
        Dialect::Anthropic => (
            all(&body["messages"])
                .iter()
                .flat_map(|message| all(&message["content"]))
                .collect(),
            "content",
        ),
        Dialect::Gemini => (
            all(&body["contents"])
                .iter()
                .flat_map(|content| all(&content["parts"]))
                .collect(),
            "functionResponse",
        ),
    };
    let is_result = |item: &Value| match dialect {
        Dialect::OpenAi => item["role"] == "tool",
        Dialect::Responses => item["type"] == "function_call_output",
        Dialect::Anthropic => item["type"] == "tool_result",
        Dialect::Gemini => item["functionResponse"].is_object(),
    };
    list.iter()
        .rfind(|item| is_result(item))
        .map(|item| item[member].clone())
}

/// Whether an answer is to be streamed.
fn is_stream(dialect: Dialect, line: &str, body: &Value) -> bool {
    match dialect {
        Dialect::Gemini => line.contains(":streamGenerateContent"),
        _ => body["stream"] == true,
    }
}

/// Answers a request. `line` is its first line.
pub(super) fn say(dialect: Dialect, line: &str, body: &Value, answer: &Answer, to: &mut Connection) {
    if is_stream(dialect, line, body) {
        send(&stream(dialect, answer), to);
    } else {
        to.answer("200 OK", JSON, &whole(dialect, answer).to_string());
    }
}

/// Says these words, and breaks the connection behind them. Whether they were said: an answer that comes whole has no first words.
pub(super) fn break_off(dialect: Dialect, line: &str, body: &Value, words: &'static str, to: &mut Connection) -> bool {
    let is_stream = is_stream(dialect, line, body);
    if is_stream {
        let events = stream(dialect, &Answer::Text(words));
        let said = events.iter().position(|(_, data)| data.contains(words)).unwrap();
        send(&events[..=said], to);
    }
    to.reset();
    is_stream
}

/// Begins a stream, with the event that announces an answer where the dialect has one, and breaks the connection before there is any of it.
pub(super) fn break_before(dialect: Dialect, to: &mut Connection) {
    let is_announced = matches!(dialect, Dialect::Responses | Dialect::Anthropic);
    send(&stream(dialect, &Answer::Text(DONE))[..is_announced.into()], to);
    to.reset();
}

/// Sends the events of a stream.
pub(super) fn send(events: &[(&'static str, String)], to: &mut Connection) {
    to.head("200 OK", SSE);
    for (name, data) in events {
        let name = if name.is_empty() {
            String::new()
        } else {
            format!("event: {name}\n")
        };
        to.send(format!("{name}data: {data}\n\n").as_bytes());
    }
}

const USAGE: [u64; 2] = [90, 4];

fn whole(dialect: Dialect, answer: &Answer) -> Value {
    let [input, output] = USAGE;
    match dialect {
        Dialect::OpenAi => {
            let (message, finish) = match answer {
                Answer::Text(text) => (json!({"role": "assistant", "content": text}), "stop"),
                Answer::Tool(name, arguments) => {
                    let function = json!({"name": name, "arguments": arguments.to_string()});
                    let call = json!({"id": "call_1", "type": "function", "function": function});
                    (
                        json!({"role": "assistant", "content": null, "tool_calls": [call]}),
                        "tool_calls",
                    )
                }
            };
            json!({"id": "c", "object": "chat.completion", "created": 1, "model": "u",
                "choices": [{"index": 0, "message": message, "finish_reason": finish}],
                "usage": {"prompt_tokens": input, "completion_tokens": output, "total_tokens": input + output}})
        }
        Dialect::Responses => response("completed", &json!([item(answer, "completed")])),
        Dialect::Anthropic => {
            let (block, stop) = match answer {
                Answer::Text(text) => (json!({"type": "text", "text": text}), "end_turn"),
                Answer::Tool(name, arguments) => (
                    json!({"type": "tool_use", "id": "toolu_1", "name": name, "input": arguments}),
                    "tool_use",
                ),
            };
            json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "u", "content": [block], "stop_reason": stop,
                "stop_sequence": null, "usage": {"input_tokens": input, "output_tokens": output}})
        }
        Dialect::Gemini => candidates(&gemini_part(answer), Some("STOP")),
    }
}

fn stream(dialect: Dialect, answer: &Answer) -> Vec<(&'static str, String)> {
    let events = match dialect {
        Dialect::OpenAi => chat(answer),
        Dialect::Responses => responses(answer),
        Dialect::Anthropic => messages(answer),
        Dialect::Gemini => {
            let part = gemini_part(answer);
            vec![
                ("", candidates(&part, None)),
                ("", candidates(&json!({"text": ""}), Some("STOP"))),
            ]
        }
    };
    let mut events: Vec<_> = events
        .into_iter()
        .map(|(name, data)| (name, data.to_string()))
        .collect();
    if dialect == Dialect::OpenAi {
        events.push(("", "[DONE]".to_owned()));
    }
    events
}

fn chat(answer: &Answer) -> Vec<(&'static str, Value)> {
    let [input, output] = USAGE;
    let chunk = |delta: Value, finish: Option<&str>| {
        json!({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "u",
            "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})
    };
    let (delta, finish) = match answer {
        Answer::Text(text) => (json!({"role": "assistant", "content": text}), "stop"),
        Answer::Tool(name, arguments) => {
            let function = json!({"name": name, "arguments": arguments.to_string()});
            let call = json!({"index": 0, "id": "call_1", "type": "function", "function": function});
            (json!({"role": "assistant", "tool_calls": [call]}), "tool_calls")
        }
    };
    let usage = json!({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "u", "choices": [],
        "usage": {"prompt_tokens": input, "completion_tokens": output, "total_tokens": input + output}});
    [chunk(delta, None), chunk(json!({}), Some(finish)), usage]
        .map(|data| ("", data))
        .into()
}

fn response(status: &str, output: &Value) -> Value {
    let [input, tokens] = USAGE;
    json!({"id": "resp_1", "object": "response", "created_at": 1, "status": status, "model": "u", "output": output, "error": null,
        "incomplete_details": null, "parallel_tool_calls": true, "tool_choice": "auto", "tools": [],
        "usage": {"input_tokens": input, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": tokens,
            "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": input + tokens}})
}

fn item(answer: &Answer, status: &str) -> Value {
    match answer {
        Answer::Text(text) => {
            let part = json!({"type": "output_text", "text": text, "annotations": []});
            let content = if status == "completed" {
                json!([part])
            } else {
                json!([])
            };
            json!({"type": "message", "id": "msg_1", "status": status, "role": "assistant", "content": content})
        }
        Answer::Tool(name, arguments) => {
            let arguments = if status == "completed" {
                arguments.to_string()
            } else {
                String::new()
            };
            json!({"type": "function_call", "id": "fc_1", "call_id": "call_1", "status": status, "name": name, "arguments": arguments})
        }
    }
}

/// The events of a response in which nothing is said: it was only to get ready.
pub(super) fn warm_up() -> [Value; 2] {
    let event = |kind: &str, status: &str| json!({"type": kind, "response": response(status, &json!([]))});
    [
        event("response.created", "in_progress"),
        event("response.completed", "completed"),
    ]
}

pub(super) fn responses(answer: &Answer) -> Vec<(&'static str, Value)> {
    let mut events = vec![
        (
            "response.created",
            json!({"response": response("in_progress", &json!([]))}),
        ),
        (
            "response.output_item.added",
            json!({"output_index": 0, "item": item(answer, "in_progress")}),
        ),
    ];
    match answer {
        Answer::Text(text) => {
            let place = |more: Value| {
                let mut data = json!({"item_id": "msg_1", "output_index": 0, "content_index": 0});
                data.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
                data
            };
            let part = |text: &str| json!({"part": {"type": "output_text", "text": text, "annotations": []}});
            events.extend([
                ("response.content_part.added", place(part(""))),
                ("response.output_text.delta", place(json!({"delta": text}))),
                ("response.output_text.done", place(json!({"text": text}))),
                ("response.content_part.done", place(part(text))),
            ]);
        }
        Answer::Tool(_, arguments) => {
            let arguments = arguments.to_string();
            events.extend([
                (
                    "response.function_call_arguments.delta",
                    json!({"item_id": "fc_1", "output_index": 0, "delta": arguments}),
                ),
                (
                    "response.function_call_arguments.done",
                    json!({"item_id": "fc_1", "output_index": 0, "arguments": arguments}),
                ),
            ]);
        }
    }
    let done = item(answer, "completed");
    events.push(("response.output_item.done", json!({"output_index": 0, "item": done})));
    events.push((
        "response.completed",
        json!({"response": response("completed", &json!([done]))}),
    ));
    for (number, (name, data)) in events.iter_mut().enumerate() {
        data["type"] = (*name).into();
        data["sequence_number"] = number.into();
    }
    events
}

fn messages(answer: &Answer) -> Vec<(&'static str, Value)> {
    let [input, output] = USAGE;
    let begun = json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "u", "content": [], "stop_reason": null,
        "stop_sequence": null, "usage": {"input_tokens": input, "output_tokens": 1}});
    let (block, delta, stop) = match answer {
        Answer::Text(text) => (
            json!({"type": "text", "text": ""}),
            json!({"type": "text_delta", "text": text}),
            "end_turn",
        ),
        Answer::Tool(name, arguments) => (
            json!({"type": "tool_use", "id": "toolu_1", "name": name, "input": {}}),
            json!({"type": "input_json_delta", "partial_json": arguments.to_string()}),
            "tool_use",
        ),
    };
    let mut events = vec![
        ("message_start", json!({"message": begun})),
        ("content_block_start", json!({"index": 0, "content_block": block})),
        ("content_block_delta", json!({"index": 0, "delta": delta})),
        ("content_block_stop", json!({"index": 0})),
        (
            "message_delta",
            json!({"delta": {"stop_reason": stop, "stop_sequence": null}, "usage": {"output_tokens": output}}),
        ),
        ("message_stop", json!({})),
    ];
    for (name, data) in &mut events {
        data["type"] = (*name).into();
    }
    events
}

fn gemini_part(answer: &Answer) -> Value {
    match answer {
        Answer::Text(text) => json!({"text": text}),
        Answer::Tool(name, arguments) => json!({"functionCall": {"name": name, "args": arguments}}),
    }
}

fn candidates(part: &Value, finish: Option<&str>) -> Value {
    let [input, output] = USAGE;
    let mut candidate = json!({"content": {"role": "model", "parts": [part]}, "index": 0});
    if let Some(finish) = finish {
        candidate["finishReason"] = finish.into();
    }
    json!({"candidates": [candidate], "modelVersion": "u", "responseId": "r",
        "usageMetadata": {"promptTokenCount": input, "candidatesTokenCount": output, "totalTokenCount": input + output}})
}
