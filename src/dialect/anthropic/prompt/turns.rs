//! Writes `system` and `messages`.
//!
//! Users and assistants take turns. What follows a turn that calls tools begins with their results, one for each call, in whatever
//! order and however late they came.

use std::collections::HashSet;

use serde_json::Value;

use super::content;
use crate::dialect::anthropic::{arguments, ids, signature};
use crate::dialect::neutral::request::{Message, Part, PartKind, Quirks, Request, Role, ToolCall, Unsayable, Written};
use crate::dialect::wire::build::{Set, json};

/// What stands for the result of a call that has none: every call needs one.
const NO_RESULT: &str = "(no result)";

/// Everything that was said.
#[derive(Debug, Default)]
pub(super) struct Turns {
    system: Vec<Value>,
    list: Vec<Turn>,
    /// The ids of the calls, as they are written.
    ids: HashSet<String>,
}

#[derive(Debug)]
struct Turn {
    speaker: &'static str,
    blocks: Vec<Value>,
    calls: Vec<Awaited>,
}

/// A call, and its result once that has come.
#[derive(Debug)]
struct Awaited {
    id: String,
    written_id: String,
    result: Option<Value>,
}

const USER: &str = "user";
const ASSISTANT: &str = "assistant";
const SYSTEM: &str = "system";

impl Turns {
    /// Puts everything that was said in order.
    pub(super) fn write(request: &Request, quirks: &Quirks, written: &mut Written) -> Result<Self, Unsayable> {
        let mut turns = Self::default();
        for message in &request.messages {
            match message.role {
                Role::System | Role::Developer => turns.add_system(message, quirks, written),
                Role::User => turns.add(USER, message, written)?,
                Role::Assistant => turns.add(ASSISTANT, message, written)?,
            }
        }
        Ok(turns)
    }

    /// The turn of `speaker` that has not ended.
    fn turn(&mut self, speaker: &'static str) -> &mut Turn {
        if self.list.last().is_none_or(|turn| turn.speaker != speaker) {
            self.list.push(Turn {
                speaker,
                blocks: Vec::new(),
                calls: Vec::new(),
            });
        }
        let last = self.list.len() - 1;
        &mut self.list[last]
    }

    /// What the operator says first is the system prompt. Later it stands where it was said, if the model takes that.
    fn add_system(&mut self, message: &Message, quirks: &Quirks, written: &mut Written) {
        let is_first = self.list.is_empty();
        for part in &message.parts {
            let PartKind::Text(text) = &part.kind else {
                written.drop("messages.system");
                continue;
            };
            if text.trim().is_empty() {
                continue;
            }
            let is_plain = is_first || quirks.system_anywhere;
            let text = if is_plain {
                text.clone()
            } else {
                format!("<system-reminder>\n{text}\n</system-reminder>")
            };
            let block = content::with_mark(json!({"type": "text", "text": text}), part.cache.as_ref());
            match (is_first, quirks.system_anywhere) {
                (true, _) => self.system.push(block),
                (false, true) => self.turn(SYSTEM).blocks.push(block),
                (false, false) => self.turn(USER).blocks.push(block),
            }
        }
    }

    fn add(&mut self, speaker: &'static str, message: &Message, written: &mut Written) -> Result<(), Unsayable> {
        for part in &message.parts {
            let block = match &part.kind {
                PartKind::ToolResult { .. } => {
                    self.add_result(part)?;
                    continue;
                }
                PartKind::ToolCall(call) => Some(self.call(call)),
                PartKind::Reasoning {
                    text,
                    signature,
                    encrypted,
                } => {
                    let block = reasoning(text, signature.as_deref(), encrypted.as_deref());
                    if block.is_none() {
                        written.drop("messages.reasoning");
                    }
                    block
                }
                PartKind::Image { .. } | PartKind::Document { .. } | PartKind::Audio { .. } if speaker == ASSISTANT => {
                    written.drop("messages.assistant");
                    None
                }
                kind => content::block(kind)?,
            };
            let Some(block) = block else { continue };
            let is_thinking = matches!(part.kind, PartKind::Reasoning { .. });
            let cache = part.cache.as_ref().filter(|_| !is_thinking);
            let is_own = is_thinking || matches!(part.kind, PartKind::ToolCall(_));
            let speaker = if is_own { ASSISTANT } else { speaker };
            self.turn(speaker).blocks.push(content::with_mark(block, cache));
        }
        Ok(())
    }

    /// Returns the block of a call. Each call has an id of its own.
    fn call(&mut self, call: &ToolCall) -> Value {
        let plain = match ids::plain(&call.id) {
            id if id.is_empty() => "call".into(),
            id => id,
        };
        let mut written_id = plain.clone().into_owned();
        let mut number = 2;
        while self.ids.contains(&written_id) {
            written_id = format!("{plain}_{number}");
            number += 1;
        }
        self.ids.insert(written_id.clone());
        let mut block = json!({
            "type": "tool_use",
            "id": written_id,
            "name": call.name,
        });
        block.set("input", arguments::object(&call.arguments));
        self.turn(ASSISTANT).calls.push(Awaited {
            id: call.id.clone(),
            written_id,
            result: None,
        });
        block
    }

    /// Puts the result of a call behind the last turn that has such a call without a result.
    fn add_result(&mut self, part: &Part) -> Result<(), Unsayable> {
        let PartKind::ToolResult {
            id, parts, is_error, ..
        } = &part.kind
        else {
            return Ok(());
        };
        let content = content::of_result(parts, part.cache.is_none())?;
        let mut waiting = self.list.iter_mut().enumerate().rev().filter_map(|(place, turn)| {
            let call = turn
                .calls
                .iter_mut()
                .find(|call| call.id == *id && call.result.is_none());
            call.map(|call| (place, call))
        });
        let Some((place, call)) = waiting.next() else {
            let message =
                format!("The result `{id}` belongs to no tool call before it, or the call has a result already.");
            return Err(Unsayable::invalid("messages", message));
        };
        let mut block = json!({"type": "tool_result", "tool_use_id": call.written_id});
        if let Some(content) = content {
            block.set("content", content);
        }
        if *is_error {
            block.say("is_error", &true);
        }
        call.result = Some(content::with_mark(block, part.cache.as_ref()));
        if place + 1 == self.list.len() {
            // What the assistant says after this is another turn.
            self.turn(USER);
        }
        Ok(())
    }

    /// Whether the last turn of the assistant calls tools and does not begin with what was thought.
    pub(super) fn lacks_thinking(&self) -> bool {
        let last = self.list.iter().rev().find(|turn| turn.speaker == ASSISTANT);
        last.is_some_and(|turn| {
            let first = turn.blocks.first().and_then(|block| block["type"].as_str());
            !turn.calls.is_empty() && !first.is_some_and(|kind| kind.ends_with("thinking"))
        })
    }

    /// Adds a sentence to the system prompt.
    pub(super) fn add_instruction(&mut self, text: &str) {
        self.system.push(json!({"type": "text", "text": text}));
    }

    /// Ends the last turn: if it is a text of the assistant, the answer continues it (`may_continue`), or the user asks for more.
    /// Returns whether what was asked for can be said.
    pub(super) fn end(&mut self, may_continue: bool) -> bool {
        let Some(turn) = self
            .list
            .last_mut()
            .filter(|turn| turn.speaker == ASSISTANT && turn.calls.is_empty())
        else {
            return true;
        };
        if may_continue
            && let Some(Value::String(text)) = turn.blocks.last_mut().and_then(|block| block.get_mut("text"))
        {
            // White space at its end is refused. A block has more than that.
            text.truncate(text.trim_end().len());
            return true;
        }
        self.turn(USER)
            .blocks
            .push(json!({"type": "text", "text": "Continue."}));
        false
    }

    /// Returns `system` and `messages`.
    pub(super) fn into_members(self) -> Result<(Option<Value>, Value), Unsayable> {
        let mut messages = Vec::new();
        let mut results: Vec<Value> = Vec::new();
        for Turn { speaker, blocks, calls } in self.list {
            if speaker != USER && !results.is_empty() {
                messages.push(message(USER, std::mem::take(&mut results)));
            }
            let mut all = std::mem::take(&mut results);
            all.extend(blocks);
            if !all.is_empty() {
                messages.push(message(speaker, all));
            }
            results.extend(calls.into_iter().map(Awaited::into_result));
        }
        if !results.is_empty() {
            messages.push(message(USER, results));
        }
        if !messages.is_empty() {
            return Ok((
                (!self.system.is_empty()).then(|| content_of(self.system)),
                messages.into(),
            ));
        }
        if self.system.is_empty() {
            return Err(Unsayable::invalid(
                "messages",
                "Nothing is said in the messages of this request.",
            ));
        }
        // There has to be a message.
        Ok((None, json!([message(USER, self.system)])))
    }
}

impl Awaited {
    fn into_result(self) -> Value {
        self.result.unwrap_or_else(
            || json!({"type": "tool_result", "tool_use_id": self.written_id, "content": NO_RESULT, "is_error": true}),
        )
    }
}

fn message(speaker: &str, blocks: Vec<Value>) -> Value {
    let mut message = json!({"role": speaker});
    message.set("content", content_of(blocks));
    message
}

/// Returns the text that the blocks are where they are one text without a mark, else the blocks.
fn content_of(blocks: Vec<Value>) -> Value {
    match &blocks[..] {
        [Value::Object(block)] if block.len() == 2 && block.contains_key("text") => block["text"].clone(),
        _ => Value::Array(blocks),
    }
}

/// Returns the block of reasoning; nothing where nobody proves that it is the upstream's own.
fn reasoning(text: &str, signature: Option<&str>, encrypted: Option<&str>) -> Option<Value> {
    match (signature, encrypted) {
        (Some(signature), _) if signature::is_own(signature) => {
            Some(json!({"type": "thinking", "thinking": text, "signature": signature}))
        }
        // Anthropic's has no text.
        (None, Some(data)) if text.is_empty() && signature::is_own(data) => {
            Some(json!({"type": "redacted_thinking", "data": data}))
        }
        _ => None,
    }
}
