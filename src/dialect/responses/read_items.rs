//! The items of a request's `input`, read into messages.
//!
//! What the model said and did stands in items of their own, one after the other: they become one message of the assistant. The results of
//! tools that follow each other become one message of the user.

use serde_json::{Map, Value};

use super::opaque::{self, Opaque};
use super::read_parts;
use super::read_tools::Tools;
use crate::dialect::neutral::fields::Fields;
use crate::dialect::neutral::request::{Message, Part, PartKind, Role, ToolCall, Unsayable};
use crate::dialect::wire::build::Set;

/// A conversation that is being read.
pub(super) struct Conversation<'a> {
    /// The messages so far.
    pub(super) messages: Vec<Message>,
    /// The settings that items changed: members of a request.
    pub(super) update: Map<String, Value>,
    /// The conversation is to be summed up.
    pub(super) compaction: bool,
    tools: &'a mut Tools,
    /// The signature of the next call.
    signature: Option<String>,
}

impl<'a> Conversation<'a> {
    /// Begins with `messages`; the tools of items are added to `tools`.
    pub(super) fn of(messages: Vec<Message>, tools: &'a mut Tools) -> Self {
        Self {
            messages,
            update: Map::new(),
            compaction: false,
            tools,
            signature: None,
        }
    }

    /// Reads an item.
    pub(super) fn read(&mut self, mut item: Fields) {
        let kind = item.text("type");
        match kind.as_deref() {
            None | Some("message") => self.message(item),
            Some("reasoning") => self.reasoning(item),
            Some("function_call") => self.call(item, "arguments"),
            Some("custom_tool_call") => self.call(item, "input"),
            Some("function_call_output" | "custom_tool_call_output") => self.result(item),
            Some("additional_tools") => self.tools.read(item.objects("tools"), None),
            Some("configuration_update") => self.change_settings(item),
            Some("item_reference") => item.refuse(Unsayable::unsupported(
                item.own_path(),
                "item_reference is not supported by this gateway: send the item itself in `input` with store=false.",
            )),
            Some("compaction_trigger") => self.compaction = true,
            // Those that the gateway made are opened before.
            Some("compaction" | "compaction_summary") => item.refuse(Unsayable::encrypted(
                item.path("encrypted_content"),
                "This summary was encrypted by another upstream, and cannot be read here; go on with the model that made it, or begin a new conversation.",
            )),
            Some(kind) => item.refuse(Unsayable::unsupported(
                item.own_path(),
                format!("Input items of type `{kind}` are not supported by this gateway for this model."),
            )),
        }
    }

    fn message(&mut self, mut item: Fields) {
        let role = item.required_text("role");
        let role = match role.as_str() {
            "user" => Role::User,
            "assistant" => Role::Assistant,
            "system" => Role::System,
            "developer" => Role::Developer,
            _ => {
                let message = format!("`{role}` is not a role: user, assistant, system and developer are.");
                return item.refuse(Unsayable::invalid(item.path("role"), message));
            }
        };
        let content = item.take("content").unwrap_or_default();
        let parts = read_parts::read(&item, content, &item.path("content"));
        if role == Role::Assistant {
            for part in parts {
                self.say(part);
            }
        } else if !parts.is_empty() {
            self.messages.push(Message { role, parts });
        }
    }

    /// Adds a part to what the model said.
    fn say(&mut self, part: Part) {
        match self.messages.last_mut() {
            Some(Message {
                role: Role::Assistant,
                parts,
            }) => parts.push(part),
            _ => self.messages.push(Message {
                role: Role::Assistant,
                parts: vec![part],
            }),
        }
    }

    fn reasoning(&mut self, mut item: Fields) {
        let mut texts = Vec::new();
        for name in ["summary", "content"] {
            // A summary and the whole of it say the same.
            if texts.is_empty() {
                for mut part in item.objects(name) {
                    texts.extend(part.text("text"));
                }
            }
        }
        let text = texts.join("\n\n");
        let id = item.text("id").unwrap_or_default();
        let content = item.text("encrypted_content").filter(|content| !content.is_empty());
        let (mut signature, mut encrypted) = (None, None);
        match content.map(|content| opaque::read(&id, content)) {
            None => {}
            Some(Opaque::Signature(found)) => signature = Some(found),
            Some(Opaque::Encrypted(found)) => encrypted = Some(found),
            Some(Opaque::OfCall(found)) => self.signature = Some(found),
        }
        if !text.is_empty() || signature.is_some() || encrypted.is_some() {
            self.say(
                PartKind::Reasoning {
                    text,
                    signature,
                    encrypted,
                }
                .part(),
            );
        }
    }

    /// Reads a call whose arguments are the member `arguments`.
    fn call(&mut self, mut item: Fields, arguments: &str) {
        let call = ToolCall {
            id: item.required_text("call_id"),
            name: item.required_text("name"),
            namespace: item.text("namespace"),
            arguments: item.text(arguments).unwrap_or_default(),
            is_custom: arguments == "input",
            signature: self.signature.take(),
        };
        self.say(PartKind::ToolCall(call).part());
    }

    fn result(&mut self, mut item: Fields) {
        let id = item.required_text("call_id");
        let output = item.take("output").unwrap_or_default();
        let part = PartKind::ToolResult {
            id,
            name: None,
            parts: read_parts::read(&item, output, &item.path("output")),
            is_error: false,
        }
        .part();
        match self.messages.last_mut() {
            Some(Message {
                role: Role::User,
                parts,
            }) if parts
                .iter()
                .all(|part| matches!(part.kind, PartKind::ToolResult { .. })) =>
            {
                parts.push(part);
            }
            _ => self.messages.push(Message {
                role: Role::User,
                parts: vec![part],
            }),
        }
    }

    /// Keeps what an item says of settings. The last one counts.
    fn change_settings(&mut self, mut item: Fields) {
        for name in ["reasoning", "text"] {
            if let Some(value) = item.take(name) {
                self.update.set(name, value);
            }
        }
    }
}
