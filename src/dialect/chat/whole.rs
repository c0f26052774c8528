//! Writes whole answers for clients.

use serde_json::{Map, Value};

use super::{finish, usage};
use crate::dialect::neutral::answer::{Answer, Block, Choice};
use crate::dialect::neutral::event::{Context, Event, Finish};
use crate::dialect::neutral::flat;
use crate::dialect::neutral::free_text::unwrapped;
use crate::dialect::neutral::request::ToolCall;
use crate::dialect::wire::build::{Set, json};

/// Returns an answer as the object `chat.completion`.
pub(super) fn write_answer(answer: &Answer, context: &Context) -> Value {
    let choices = answer.choices.iter().enumerate();
    let choices: Vec<Value> = choices
        .map(|(index, choice)| write_choice(index, choice, context))
        .collect();
    let mut body = json!({
        "id": format!("chatcmpl-{}", context.id),
        "object": "chat.completion",
        "created": context.created,
        "model": context.model,
        "choices": choices,
    });
    if let Some(usage) = &answer.usage {
        body.set("usage", usage::write(usage));
    }
    body
}

fn write_choice(index: usize, choice: &Choice, context: &Context) -> Value {
    let mut message = Message::default();
    for block in &choice.blocks {
        message.add(index, block, context);
    }
    let reason = choice.finish.unwrap_or(Finish::Stop);
    let reason = finish::with_calls(reason, !message.calls.is_empty());
    let logprobs = (!choice.logprobs.is_empty()).then(|| json!({"content": choice.logprobs, "refusal": null}));
    let mut written = json!({
        "index": index,
        "message": message.write(),
        "logprobs": logprobs,
        "finish_reason": finish::write(reason),
    });
    if let Some(stop) = &choice.stop {
        written.say("stop_reason", &stop);
    }
    written
}

/// The parts of a message.
#[derive(Default)]
struct Message {
    content: Option<String>,
    /// Characters of the content.
    said: usize,
    refusal: Option<String>,
    annotations: Vec<Value>,
    reasoning: String,
    /// The reasoning once more, piece by piece, with what proves it.
    details: Vec<Value>,
    has_proof: bool,
    calls: Vec<Value>,
}

impl Message {
    fn add(&mut self, choice: usize, block: &Block, context: &Context) {
        match block {
            Block::Text { text, citations } => {
                let from = self.said;
                self.said += text.chars().count();
                self.content.get_or_insert_default().push_str(text);
                let sources = citations
                    .iter()
                    .filter_map(|citation| annotation(citation, (from, self.said)));
                self.annotations.extend(sources);
            }
            Block::Refusal(text) => self.refusal.get_or_insert_default().push_str(text),
            Block::Reasoning {
                text,
                signature,
                encrypted,
            } => {
                self.reasoning.push_str(text);
                self.has_proof |= signature.is_some() || encrypted.is_some();
                if !text.is_empty() || signature.is_some() {
                    let mut detail = json!({"type": "reasoning.text", "text": text});
                    if let Some(signature) = signature {
                        detail.say("signature", &signature);
                    }
                    self.details.push(detail);
                }
                let data = encrypted
                    .iter()
                    .map(|data| json!({"type": "reasoning.encrypted", "data": data}));
                self.details.extend(data);
            }
            Block::ToolCall(call) => self.calls.push(write_call((choice, self.calls.len()), call, context)),
        }
    }

    fn write(self) -> Value {
        let mut message = Map::new();
        message.say("role", &"assistant");
        message.set("content", self.content.into());
        message.set("refusal", self.refusal.into());
        message.set("annotations", self.annotations.into());
        if !self.reasoning.is_empty() {
            message.set("reasoning_content", self.reasoning.into());
        }
        if self.has_proof {
            message.set("reasoning_details", self.details.into());
        }
        if !self.calls.is_empty() {
            message.set("tool_calls", self.calls.into());
        }
        message.into()
    }
}

fn annotation(citation: &Event, (from, to): (usize, usize)) -> Option<Value> {
    let Event::Citation {
        url: Some(url), title, ..
    } = citation
    else {
        return None;
    };
    let title = title.as_ref().unwrap_or(url);
    let source = json!({"url": url, "title": title, "start_index": from, "end_index": to});
    Some(json!({"type": "url_citation", "url_citation": source}))
}

/// Returns a tool call. `place` is its choice and its place among the calls of the choice.
fn write_call(place: (usize, usize), call: &ToolCall, context: &Context) -> Value {
    let tool = flat::tool_of(&context.tools, &call.name);
    let name = tool.map_or(&call.name, |tool| &tool.name);
    let is_wrapped = !call.is_custom && tool.is_some_and(|tool| tool.custom.is_some());
    let (kind, content) = if is_wrapped {
        ("custom", json!({"name": name, "input": unwrapped(&call.arguments)}))
    } else if call.is_custom {
        ("custom", json!({"name": name, "input": call.arguments}))
    } else {
        let arguments = if call.arguments.is_empty() {
            "{}"
        } else {
            &call.arguments
        };
        ("function", json!({"name": name, "arguments": arguments}))
    };
    let id = if call.id.is_empty() {
        format!("call_{}_{}_{}", context.id, place.0, place.1)
    } else {
        call.id.clone()
    };
    let mut written = json!({"id": id, "type": kind});
    written.set(kind, content);
    if let Some(signature) = &call.signature {
        written["extra_content"] = json!({"google": {"thought_signature": signature}});
    }
    written
}
