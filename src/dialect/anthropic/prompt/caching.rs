//! Marks of what to keep in the prompt cache: `cache_control`.
//!
//! Other vendors keep prompts without being asked. Here a mark says up to where, and a request has at most four.

use crate::dialect::wire::build::{Set, json};
use serde_json::{Map, Value};

/// The most marks of a request.
const MOST: usize = 4;

/// Marks the end of what stays the same in a conversation, and the end of the conversation so far, unless there are marks already.
pub(super) fn mark(body: &mut Map<String, Value>) {
    if !marked(body).is_empty() {
        return;
    }
    let fixed = if body.contains_key("system") { "system" } else { "tools" };
    let last_message = body
        .get_mut("messages")
        .and_then(Value::as_array_mut)
        .and_then(|list| list.last_mut());
    if let Some(content) = last_message.and_then(|message| message.get_mut("content")) {
        mark_last(content);
    }
    if let Some(list) = body.get_mut(fixed) {
        mark_last(list);
    }
}

/// Marks the last block of a text or a list of blocks. Reasoning cannot be marked.
fn mark_last(content: &mut Value) {
    if let Value::String(text) = content {
        *content = json!([{"type": "text", "text": text}]);
    }
    let last = content
        .as_array_mut()
        .and_then(|list| list.last_mut())
        .and_then(Value::as_object_mut);
    if let Some(last) = last {
        let kind = last.get("type").and_then(Value::as_str).unwrap_or_default();
        if !kind.ends_with("thinking") {
            last.set("cache_control", json!({"type": "ephemeral"}));
        }
    }
}

/// Takes marks away where there are too many, and returns whether it did. The first one stays, and the last ones: they are what the
/// next request finds again.
pub(super) fn limit(body: &mut Map<String, Value>) -> bool {
    let marked = marked(body);
    let surplus = marked.len().saturating_sub(MOST);
    for block in marked.into_iter().skip(1).take(surplus) {
        block.shift_remove("cache_control");
    }
    surplus > 0
}

/// Returns the blocks that are marked, in the order of the prompt: tools, system, messages.
fn marked(body: &mut Map<String, Value>) -> Vec<&mut Map<String, Value>> {
    let mut found = Vec::new();
    let (mut tools, mut system, mut messages) = (None, None, None);
    for (name, value) in body.iter_mut() {
        match name.as_str() {
            "tools" => tools = value.as_array_mut(),
            "system" => system = value.as_array_mut(),
            "messages" => messages = value.as_array_mut(),
            _ => {}
        }
    }
    for block in tools.into_iter().flatten().chain(system.into_iter().flatten()) {
        add_marked(block, &mut found);
    }
    for message in messages.into_iter().flatten() {
        let content = message.get_mut("content").and_then(Value::as_array_mut);
        for block in content.into_iter().flatten() {
            add_marked(block, &mut found);
        }
    }
    found
}

fn add_marked<'a>(block: &'a mut Value, found: &mut Vec<&'a mut Map<String, Value>>) {
    let Value::Object(block) = block else { return };
    if block.contains_key("cache_control") {
        // What is marked as a whole has no marks inside: see `content`.
        found.push(block);
    } else if let Some(Value::Array(inner)) = block.get_mut("content") {
        for block in inner {
            if let Value::Object(block) = block
                && block.contains_key("cache_control")
            {
                found.push(block);
            }
        }
    }
}
