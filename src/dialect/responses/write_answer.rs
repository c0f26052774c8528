//! A whole answer for a client, written.

use serde_json::Value;

use super::errors;
use super::response::{self, Status, item_id};
use super::{items, opaque};
use crate::dialect::neutral::answer::{Answer, Block, Choice};
use crate::dialect::neutral::event::{Context, Event};
use crate::dialect::neutral::flat;
use crate::dialect::neutral::free_text;
use crate::dialect::neutral::request::ToolCall;

/// Writes an answer. This dialect has one choice.
pub(super) fn write_answer(answer: &Answer, context: &Context) -> Value {
    let nothing = Choice::default();
    let choice = answer.choices.first().unwrap_or(&nothing);
    let output = output(choice, context);
    match &answer.error {
        Some((message, code, status)) => {
            let code = errors::code_of(message, code.as_deref(), *status);
            let status = Status::Failed(message, code);
            response::response(context, &context.echo, &status, output, answer.usage)
        }
        None => {
            let status = Status::Finished(choice.finish);
            response::response(context, &context.echo, &status, output, answer.usage)
        }
    }
}

fn output(choice: &Choice, context: &Context) -> Vec<Value> {
    let last = choice.blocks.len().saturating_sub(1);
    let mut output = Vec::new();
    let mut content = Vec::new();
    let mut logprobs = &choice.logprobs[..];
    for (place, block) in choice.blocks.iter().enumerate() {
        let is_cut = place == last && response::is_incomplete(choice.finish);
        let status = if is_cut { "incomplete" } else { "completed" };
        match block {
            // Whose text they are is not known where there are several: the first one.
            Block::Text { text, citations } => content.push(text_part(text, citations, std::mem::take(&mut logprobs))),
            Block::Refusal(text) => content.push(items::refusal_part(text)),
            Block::Reasoning {
                text,
                signature,
                encrypted,
            } => {
                let encrypted = match (encrypted, signature) {
                    (Some(data), _) => Some(opaque::encrypted(data)),
                    (None, Some(signature)) => Some(opaque::signature(signature)),
                    (None, None) => None,
                };
                let id = item_id("rs", context, Some(output.len()));
                output.push(items::reasoning(&id, text, encrypted.as_deref()));
            }
            Block::ToolCall(call) => {
                if let Some(signature) = &call.signature {
                    let id = item_id("rs", context, Some(output.len()));
                    output.push(items::reasoning(&id, "", Some(&opaque::call(signature))));
                }
                let mut call = as_known(call, context);
                if call.id.is_empty() {
                    call.id = item_id("call", context, Some(output.len()));
                }
                let kind = if call.is_custom { "ctc" } else { "fc" };
                let id = item_id(kind, context, Some(output.len()));
                output.push(items::call(&id, call, status));
            }
        }
        let goes_on = matches!(
            choice.blocks.get(place + 1),
            Some(Block::Text { .. } | Block::Refusal(_))
        );
        if !content.is_empty() && !goes_on {
            let id = item_id("msg", context, Some(output.len()));
            output.push(items::message(&id, &std::mem::take(&mut content), status));
        }
    }
    output
}

fn text_part(text: &str, citations: &[Event], logprobs: &[Value]) -> Value {
    let end = text.chars().count();
    let annotations: Vec<Value> = citations
        .iter()
        .filter_map(|citation| items::annotation(citation, 0, end))
        .collect();
    items::text_part(text, &annotations, logprobs)
}

/// Returns a call as the client knows the tool.
fn as_known(call: &ToolCall, context: &Context) -> ToolCall {
    let mut call = call.clone();
    if let Some(tool) = flat::tool_of(&context.tools, &call.name) {
        call.name.clone_from(&tool.name);
        call.namespace.clone_from(&tool.namespace);
        if tool.custom.is_some() && !call.is_custom {
            call.is_custom = true;
            call.arguments = free_text::unwrapped(&call.arguments);
        }
    }
    if !call.is_custom && call.arguments.is_empty() {
        "{}".clone_into(&mut call.arguments);
    }
    call
}
