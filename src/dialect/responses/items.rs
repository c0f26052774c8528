//! The items of an answer's output.

use serde_json::Value;

use crate::dialect::neutral::event::Event;
use crate::dialect::neutral::request::ToolCall;
use crate::dialect::wire::build::{Set, json};

/// Where an item stands: `in_progress`, `completed`, `incomplete`.
pub(super) type Stage = &'static str;

/// Returns an item of reasoning.
pub(super) fn reasoning(id: &str, summary: &str, encrypted: Option<&str>) -> Value {
    let summary = if summary.is_empty() {
        json!([])
    } else {
        json!([summary_part(summary)])
    };
    let mut item = json!({"id": id, "type": "reasoning", "summary": summary});
    if let Some(encrypted) = encrypted {
        item.set("encrypted_content", encrypted.into());
    }
    item
}

/// Returns a part of a summary.
pub(super) fn summary_part(text: &str) -> Value {
    json!({"type": "summary_text", "text": text})
}

/// Returns a message.
pub(super) fn message(id: &str, content: &[Value], status: Stage) -> Value {
    json!({"id": id, "type": "message", "status": status, "role": "assistant", "content": content})
}

/// Returns a part of a message that is text.
pub(super) fn text_part(text: &str, annotations: &[Value], logprobs: &[Value]) -> Value {
    json!({"type": "output_text", "text": text, "annotations": annotations, "logprobs": logprobs})
}

/// Returns a part of a message that says why the model does not answer.
pub(super) fn refusal_part(text: &str) -> Value {
    json!({"type": "refusal", "refusal": text})
}

/// Returns a call of a function or of a custom tool. Its arguments are whole.
pub(super) fn call(id: &str, call: ToolCall, status: Stage) -> Value {
    let mut item = json!({"id": id, "status": status, "call_id": call.id, "name": call.name});
    if call.is_custom {
        item.say("type", &"custom_tool_call");
        item.set("input", call.arguments.into());
    } else {
        item.say("type", &"function_call");
        item.set("arguments", call.arguments.into());
    }
    if let Some(namespace) = call.namespace {
        item.set("namespace", namespace.into());
    }
    item
}

/// Returns what is cited in the text between two characters; nothing where the source has no address.
pub(super) fn annotation(citation: &Event, start: usize, end: usize) -> Option<Value> {
    let Event::Citation {
        url: Some(url), title, ..
    } = citation
    else {
        return None;
    };
    let title = title.as_deref().unwrap_or(url);
    Some(json!({"type": "url_citation", "url": url, "title": title, "start_index": start, "end_index": end}))
}
