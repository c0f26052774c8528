//! Messages, written as the items of a request's `input`.

use std::collections::HashSet;

use serde_json::Value;

use super::{opaque, short};
use crate::dialect::neutral::request::{Message, Part, PartKind, Quirks, Role, Source, ToolCall, Unsayable};
use crate::dialect::wire::build::{Set, json};

/// The longest id of a call that is taken.
const LONGEST: usize = 64;

/// The items that have been written.
pub(super) struct Items<'a> {
    /// The text of a leading system message.
    pub(super) instructions: Option<String>,
    /// The items.
    pub(super) items: Vec<Value>,
    /// What could not be said.
    pub(super) dropped: Vec<&'static str>,
    quirks: &'a Quirks,
    /// The ids of calls whose arguments are free text: so are their results.
    custom: HashSet<&'a str>,
}

impl<'a> Items<'a> {
    /// Begins with nothing.
    pub(super) fn of(quirks: &'a Quirks) -> Self {
        Self {
            instructions: None,
            items: Vec::new(),
            dropped: Vec::new(),
            quirks,
            custom: HashSet::new(),
        }
    }

    /// Writes a conversation.
    pub(super) fn write(&mut self, messages: &'a [Message]) -> Result<(), Unsayable> {
        for (place, message) in messages.iter().enumerate() {
            if place == 0 && message.role == Role::System {
                self.instructions = joined_text(&message.parts);
                if self.instructions.is_some() {
                    continue;
                }
            }
            self.message(message)?;
        }
        Ok(())
    }

    /// Writes a message. What has an item of its own stands between the items of the rest, in order.
    fn message(&mut self, message: &'a Message) -> Result<(), Unsayable> {
        let mut rest: Vec<&Part> = Vec::new();
        for part in &message.parts {
            let is_item = matches!(
                part.kind,
                PartKind::Reasoning { .. } | PartKind::ToolCall(_) | PartKind::ToolResult { .. }
            );
            if !is_item {
                rest.push(part);
                continue;
            }
            self.content(message.role, &mut rest)?;
            match &part.kind {
                PartKind::Reasoning { text, encrypted, .. } => self.reasoning(text, encrypted.as_deref()),
                PartKind::ToolCall(call) => self.call(call),
                PartKind::ToolResult {
                    id, parts, is_error, ..
                } => self.result(id, parts, *is_error)?,
                _ => {}
            }
        }
        self.content(message.role, &mut rest)
    }

    /// Writes the parts that stand together in one message, and forgets them.
    fn content(&mut self, role: Role, parts: &mut Vec<&Part>) -> Result<(), Unsayable> {
        let parts = std::mem::take(parts);
        let name = match role {
            Role::Developer if self.quirks.developer => "developer",
            Role::System | Role::Developer => "system",
            Role::User => "user",
            Role::Assistant => "assistant",
        };
        if let [
            Part {
                kind: PartKind::Text(text),
                ..
            },
        ] = parts[..]
        {
            self.items.push(json!({"role": name, "content": text}));
            return Ok(());
        }
        let is_said = role == Role::Assistant;
        let mut content = Vec::new();
        for part in parts {
            content.push(self.part(&part.kind, is_said)?);
        }
        if content.is_empty() {
            return Ok(());
        }
        let mut item = json!({"role": name, "content": content});
        if is_said {
            item.say("type", &"message");
        }
        self.items.push(item);
        Ok(())
    }

    /// Writes a part of a message, which the model said, or of a result.
    fn part(&mut self, kind: &PartKind, is_said: bool) -> Result<Value, Unsayable> {
        Ok(match kind {
            PartKind::Text(text) if is_said => json!({"type": "output_text", "text": text, "annotations": []}),
            PartKind::Refusal(text) if is_said => json!({"type": "refusal", "refusal": text}),
            PartKind::Text(text) | PartKind::Refusal(text) => json!({"type": "input_text", "text": text}),
            PartKind::Image { source, detail } => image(source, detail.as_deref()),
            PartKind::Document { source, name } => document(source, name.as_deref()),
            PartKind::Audio { .. } => {
                return Err(Unsayable::unsupported("input_audio", "This model does not take sound."));
            }
            // These have items of their own, and are not parts of results.
            PartKind::Reasoning { text, .. } => json!({"type": "input_text", "text": text}),
            PartKind::ToolCall(call) => json!({"type": "input_text", "text": call.arguments}),
            PartKind::ToolResult { parts, .. } => {
                json!({"type": "input_text", "text": joined_text(parts).unwrap_or_default()})
            }
        })
    }

    fn reasoning(&mut self, text: &str, encrypted: Option<&str>) {
        let id = format!("rs_{}", self.items.len());
        let summary = if text.is_empty() {
            json!([])
        } else {
            json!([{"type": "summary_text", "text": text}])
        };
        if let Some((own, content)) = encrypted.and_then(opaque::of_upstream) {
            let id = if own.is_empty() { &id } else { own };
            self.items
                .push(json!({"type": "reasoning", "id": id, "summary": summary, "encrypted_content": content}));
        } else if self.quirks.reasoning_history && !text.is_empty() {
            let content = json!([{"type": "reasoning_text", "text": text}]);
            self.items
                .push(json!({"type": "reasoning", "id": id, "summary": [], "content": content}));
        } else {
            // An upstream that stores nothing finds no item by an id alone, and refuses what it cannot read.
            self.dropped.push("messages.reasoning");
        }
    }

    fn call(&mut self, call: &'a ToolCall) {
        let id = short::short(&call.id, LONGEST);
        let mut item = if call.is_custom {
            self.custom.insert(&call.id);
            json!({"type": "custom_tool_call", "call_id": id, "name": call.name, "input": call.arguments})
        } else {
            let arguments = if call.arguments.is_empty() {
                "{}"
            } else {
                &call.arguments
            };
            json!({"type": "function_call", "call_id": id, "name": call.name, "arguments": arguments})
        };
        if let Some(namespace) = &call.namespace {
            item.say("namespace", &namespace);
        }
        self.items.push(item);
    }

    fn result(&mut self, id: &str, parts: &[Part], is_error: bool) -> Result<(), Unsayable> {
        let kind = if self.custom.contains(id) {
            "custom_tool_call_output"
        } else {
            "function_call_output"
        };
        let mark = if is_error { "Error: " } else { "" };
        let output = match parts {
            [] => Value::from(mark.trim_end()),
            [
                Part {
                    kind: PartKind::Text(text),
                    ..
                },
            ] => Value::from(format!("{mark}{text}")),
            parts => {
                let mut output = Vec::new();
                if is_error {
                    output.push(json!({"type": "input_text", "text": mark.trim_end()}));
                }
                for part in parts {
                    output.push(self.part(&part.kind, false)?);
                }
                Value::Array(output)
            }
        };
        let id = short::short(id, LONGEST);
        self.items.push(json!({"type": kind, "call_id": id, "output": output}));
        Ok(())
    }
}

/// Returns parts that are all texts as one.
fn joined_text(parts: &[Part]) -> Option<String> {
    let mut texts = Vec::new();
    for part in parts {
        match &part.kind {
            PartKind::Text(text) => texts.push(text.as_str()),
            _ => return None,
        }
    }
    (!texts.is_empty()).then(|| texts.join("\n\n"))
}

fn data_url(media_type: &str, data: &str) -> String {
    format!("data:{media_type};base64,{data}")
}

fn image(source: &Source, detail: Option<&str>) -> Value {
    let detail = detail.unwrap_or("auto");
    match source {
        Source::Base64 { media_type, data } => {
            json!({"type": "input_image", "image_url": data_url(media_type, data), "detail": detail})
        }
        Source::Url(url) => json!({"type": "input_image", "image_url": url, "detail": detail}),
        Source::File(id) => json!({"type": "input_image", "file_id": id, "detail": detail}),
        Source::Text(text) => json!({"type": "input_text", "text": text}),
    }
}

fn document(source: &Source, name: Option<&str>) -> Value {
    match source {
        Source::Base64 { media_type, data } => {
            // The data of a file wants a name.
            let name = name.unwrap_or(if media_type == "application/pdf" {
                "document.pdf"
            } else {
                "document"
            });
            json!({"type": "input_file", "filename": name, "file_data": data_url(media_type, data)})
        }
        Source::Url(url) => json!({"type": "input_file", "file_url": url}),
        Source::File(id) => json!({"type": "input_file", "file_id": id}),
        Source::Text(text) => json!({"type": "input_text", "text": text}),
    }
}
