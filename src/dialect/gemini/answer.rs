//! Writes a whole answer for a client.

use serde_json::{Map, Value};

use super::arguments::arguments;
use super::{error, finish, grounding, signature};
use crate::dialect::neutral::answer::{Answer, Block, Choice};
use crate::dialect::neutral::event::{Context, Event, Usage};
use crate::dialect::neutral::request::ToolCall;
use crate::dialect::wire::build::{Set, json};

/// Returns an answer as this dialect writes it; the error, if it ended in one.
pub(super) fn write_answer(answer: &Answer, context: &Context) -> Value {
    if let Some((message, code, status)) = &answer.error {
        return error::event(message, code.as_deref(), *status);
    }
    let none = [Choice::default()];
    let choices = if answer.choices.is_empty() {
        &none
    } else {
        answer.choices.as_slice()
    };
    let candidates: Vec<Value> = choices
        .iter()
        .enumerate()
        .map(|(index, choice)| candidate(index, choice))
        .collect();
    let mut body = json!({"candidates": candidates, "modelVersion": context.model, "responseId": context.id});
    if let Some(usage) = &answer.usage {
        body.set("usageMetadata", write_usage(usage));
    }
    body
}

fn candidate(index: usize, choice: &Choice) -> Value {
    let mut parts: Vec<Value> = Vec::new();
    let mut citations: Vec<Event> = Vec::new();
    let mut refused = false;
    for block in &choice.blocks {
        match block {
            Block::Text {
                text,
                citations: sources,
            } => {
                citations.extend_from_slice(sources);
                parts.push(json!({"text": text}));
            }
            Block::Refusal(text) => {
                refused = true;
                parts.push(json!({"text": text}));
            }
            Block::Reasoning {
                text,
                signature,
                encrypted,
            } => write_reasoning(text, signature.as_deref(), encrypted.as_deref(), &mut parts),
            Block::ToolCall(call) => parts.push(write_call(call)),
        }
    }
    if parts.is_empty() {
        // The vendor's libraries take content without parts for a failure.
        parts.push(json!({"text": ""}));
    }
    let mut candidate = json!({
        "content": {"parts": parts, "role": "model"},
        "finishReason": finish::write(choice.finish, refused),
        "index": index,
    });
    if !citations.is_empty() {
        candidate.set("groundingMetadata", grounding::write_citations(&citations));
    }
    if !choice.logprobs.is_empty() {
        candidate.set("logprobsResult", grounding::write_logprobs(&choice.logprobs));
    }
    candidate
}

fn write_reasoning(text: &str, signature: Option<&str>, encrypted: Option<&str>, parts: &mut Vec<Value>) {
    let on_text = signature
        .and_then(signature::unmarked)
        .is_some_and(|(_, on_text)| on_text);
    let proof = signature
        .map(signature::for_client)
        .or_else(|| encrypted.map(signature::encrypted_for_client));
    let before = parts
        .last_mut()
        .filter(|part| part.get("text").is_some() && on_text && text.is_empty());
    match (proof, before) {
        (Some(proof), Some(before)) => before["thoughtSignature"] = proof.into(),
        (Some(proof), None) if text.is_empty() => parts.push(json!({"text": "", "thoughtSignature": proof})),
        (Some(proof), None) => parts.push(json!({"text": text, "thought": true, "thoughtSignature": proof})),
        (None, _) if text.is_empty() => {}
        (None, _) => parts.push(json!({"text": text, "thought": true})),
    }
}

fn write_call(call: &ToolCall) -> Value {
    let mut function = Map::new();
    if !call.id.is_empty() {
        function.say("id", &call.id);
    }
    function.say("name", &call.name);
    function.set("args", arguments(call));
    let mut part = json!({ "functionCall": function });
    if let Some(signature) = &call.signature {
        part.set("thoughtSignature", signature::of_call_for_client(signature).into());
    }
    part
}

/// Returns the tokens that were used.
pub(super) fn write_usage(usage: &Usage) -> Value {
    let mut tokens = json!({
        "promptTokenCount": usage.input,
        "candidatesTokenCount": usage.output.saturating_sub(usage.reasoning),
        "totalTokenCount": usage.input.saturating_add(usage.output),
    });
    for (name, count) in [
        ("cachedContentTokenCount", usage.cached),
        ("thoughtsTokenCount", usage.reasoning),
    ] {
        if count > 0 {
            tokens.set(name, count.into());
        }
    }
    tokens
}
