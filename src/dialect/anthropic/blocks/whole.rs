//! Writes a whole answer.

use serde_json::Value;

use crate::dialect::anthropic::stop::{self, Said};
use crate::dialect::anthropic::{arguments, errors, ids, signature, tokens};
use crate::dialect::neutral::answer::{Answer, Block};
use crate::dialect::neutral::event::{Context, Event};
use crate::dialect::neutral::flat::tool_of;
use crate::dialect::neutral::request::ToolCall;
use crate::dialect::wire::build::{Set, json};

/// Returns a whole answer: the first one, where several were asked for.
pub(in crate::dialect::anthropic) fn write_answer(answer: &Answer, context: &Context) -> Value {
    if let Some((message, code, status)) = &answer.error {
        return errors::value(message, code.as_deref(), *status);
    }
    let choice = answer.choices.first();
    let blocks = choice.map(|choice| &choice.blocks[..]).unwrap_or_default();
    let numbered = blocks.iter().enumerate();
    let content = numbered
        .filter_map(|(number, block)| written(block, number as u64, context))
        .collect();
    let mut whole = message(context, &answer.id, &answer.model);
    whole.set("content", Value::Array(content));
    let said = Said {
        calls: blocks.iter().any(|block| matches!(block, Block::ToolCall(_))),
        refusal: blocks.iter().any(|block| matches!(block, Block::Refusal(_))),
    };
    let text = choice.and_then(|choice| choice.stop.as_deref());
    let reason = stop::write(choice.and_then(|choice| choice.finish), text, said);
    for (name, value) in stop::members(reason, text) {
        whole.set(&name, value);
    }
    whole.set("usage", tokens::written(answer.usage));
    whole
}

fn written(block: &Block, number: u64, context: &Context) -> Option<Value> {
    Some(match block {
        Block::Text { text, .. } | Block::Refusal(text) if text.is_empty() => return None,
        Block::Text { text, citations } => {
            let citations: Vec<Value> = citations.iter().filter_map(source).collect();
            let citations = if citations.is_empty() {
                Value::Null
            } else {
                citations.into()
            };
            json!({"type": "text", "text": text, "citations": citations})
        }
        Block::Refusal(text) => json!({"type": "text", "text": text, "citations": null}),
        Block::Reasoning {
            text,
            signature: None,
            encrypted: Some(data),
        } if text.is_empty() => json!({"type": "redacted_thinking", "data": data}),
        Block::Reasoning {
            text,
            signature,
            encrypted,
        } => {
            let signature = signature::for_client(signature.as_deref(), encrypted.as_deref());
            json!({"type": "thinking", "thinking": text, "signature": signature})
        }
        Block::ToolCall(call) => block_of_call(context, number, call, arguments::of_call(call)),
    })
}

fn source(event: &Event) -> Option<Value> {
    match event {
        Event::Citation { url, title, text, .. } => citation(url.as_deref(), title.as_deref(), text.as_deref()),
        _ => None,
    }
}

/// Returns the block of a call. The tool has the name by which the client knows it. `number` is that of the block.
pub(super) fn block_of_call(context: &Context, number: u64, call: &ToolCall, input: Value) -> Value {
    let name = tool_of(&context.tools, &call.name).map_or(&call.name, |tool| &tool.name);
    let id = match ids::for_client(call) {
        id if id.is_empty() => format!("toolu_{}_{number}", context.id),
        id => id,
    };
    let mut block = json!({"type": "tool_use", "id": id, "name": name});
    block.set("input", input);
    block
}

/// Returns a source of a text; nothing where its address is not known.
pub(super) fn citation(url: Option<&str>, title: Option<&str>, text: Option<&str>) -> Option<Value> {
    Some(json!({
        "type": "web_search_result_location",
        "url": url?,
        "title": title,
        "cited_text": text.unwrap_or_default(),
        "encrypted_index": "",
    }))
}

/// Returns a message that has not begun to say anything. `id` and `model` are those of the upstream. The client asked for a model of its own, and
/// forgets reasoning of any other.
pub(super) fn message(context: &Context, id: &str, model: &str) -> Value {
    let id = if id.starts_with("msg_") {
        id.to_owned()
    } else {
        format!("msg_{}", context.id)
    };
    let model = if context.model.is_empty() {
        model
    } else {
        &context.model
    };
    json!({
        "id": id,
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [],
        "stop_reason": null,
        "stop_sequence": null,
        "stop_details": null,
    })
}
