//! Reads what was said so far.

use serde_json::Value;

use super::content;
use super::reasoning::history;
use crate::dialect::neutral::fields::Fields;
use crate::dialect::neutral::request::{Message, Part, PartKind, Role, ToolCall, Unsayable};
use crate::dialect::wire::build::json_text;

/// Reads the messages of a `request`, and notes the names of what they have and the vocabulary has not.
pub(super) fn read(messages: Vec<Value>, request: &Fields, dropped: &mut Vec<String>) -> Vec<Message> {
    let mut conversation = Conversation {
        messages: Vec::with_capacity(messages.len()),
        functions: Vec::new(),
        dropped,
    };
    for (index, message) in messages.into_iter().enumerate() {
        conversation.read(index, request.inner(message, format!("messages[{index}]")));
    }
    conversation.messages
}

struct Conversation<'a> {
    messages: Vec<Message>,
    /// Calls in the old form, which have no ids: name and the id that was made. Their results come in the same order.
    functions: Vec<(String, String)>,
    dropped: &'a mut Vec<String>,
}

impl Conversation<'_> {
    fn read(&mut self, index: usize, mut message: Fields) {
        match message.required_text("role").as_str() {
            "system" => self.say(Role::System, &mut message),
            "developer" => self.say(Role::Developer, &mut message),
            "user" => self.say(Role::User, &mut message),
            "assistant" => self.answer(index, &mut message),
            "tool" => {
                let id = message.required_text("tool_call_id");
                self.result(id, &mut message);
            }
            "function" => {
                let name = message.text("name").unwrap_or_default();
                let called = self.functions.iter().position(|(called, _)| *called == name);
                let id = called.map(|at| self.functions.remove(at).1);
                self.result(id.unwrap_or_else(|| format!("call_{name}")), &mut message);
            }
            role => message.refuse(Unsayable::invalid(
                message.path("role"),
                format!("`{role}` is not a role: use `system`, `developer`, `user`, `assistant` or `tool`."),
            )),
        }
        if message.has("name") {
            self.drop("messages.name");
        }
        if message.has("audio") {
            self.drop("messages.audio");
        }
    }

    fn drop(&mut self, name: &str) {
        if !self.dropped.iter().any(|known| known == name) {
            self.dropped.push(name.to_owned());
        }
    }

    fn say(&mut self, role: Role, message: &mut Fields) {
        let parts = content::read(message);
        self.add(role, parts);
    }

    /// Reads what a tool said.
    fn result(&mut self, id: String, message: &mut Fields) {
        let result = PartKind::ToolResult {
            id,
            name: message.text("name"),
            parts: content::read(message),
            is_error: false,
        };
        self.add(Role::User, vec![result.part()]);
    }

    /// Adds what was said. What tools said, and what the user says next, are one turn.
    fn add(&mut self, role: Role, parts: Vec<Part>) {
        if parts.is_empty() {
            return;
        }
        let is_open = |last: &&mut Message| role == Role::User && last.role == role && last.parts.iter().all(is_result);
        match self.messages.last_mut().filter(is_open) {
            Some(last) => last.parts.extend(parts),
            None => self.messages.push(Message { role, parts }),
        }
    }

    /// Reads what the model said.
    fn answer(&mut self, index: usize, message: &mut Fields) {
        let mut parts = history(message);
        parts.extend(content::read(message));
        let refusal = message.text("refusal").filter(|text| !text.is_empty());
        parts.extend(refusal.map(|text| PartKind::Refusal(text).part()));
        for call in message.objects("tool_calls") {
            parts.push(PartKind::ToolCall(read_call(call)).part());
        }
        if let Some(mut function) = message.object("function_call") {
            let name = function.required_text("name");
            let id = format!("call_{index}");
            self.functions.push((name.clone(), id.clone()));
            let arguments = function.text("arguments").unwrap_or_default();
            parts.push(
                PartKind::ToolCall(ToolCall {
                    id,
                    name,
                    arguments,
                    ..ToolCall::default()
                })
                .part(),
            );
        }
        self.add(Role::Assistant, parts);
    }
}

const fn is_result(part: &Part) -> bool {
    matches!(part.kind, PartKind::ToolResult { .. })
}

fn read_call(mut call: Fields) -> ToolCall {
    let id = call.required_text("id");
    let google = call
        .object("extra_content")
        .and_then(|mut extra| extra.object("google"));
    let signature = google.and_then(|mut google| google.text("thought_signature"));
    let custom = call.object("custom");
    let is_custom = custom.is_some();
    let (name, arguments) = match custom {
        Some(mut custom) => (custom.required_text("name"), custom.text("input").unwrap_or_default()),
        None => {
            let mut function = call.required_object("function");
            (function.required_text("name"), read_arguments(&mut function))
        }
    };
    ToolCall {
        id,
        name,
        namespace: None,
        arguments,
        is_custom,
        signature,
    }
}

/// Takes the arguments of a call. Some clients write an object instead of its text.
fn read_arguments(function: &mut Fields) -> String {
    match function.take("arguments") {
        None => String::new(),
        Some(Value::String(text)) => text,
        Some(object @ Value::Object(_)) => json_text(&object),
        Some(_) => {
            function.wrong(&function.path("arguments"), "a string of JSON");
            String::new()
        }
    }
}
