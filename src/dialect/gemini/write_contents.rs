//! Writes what was said: `contents` and `systemInstruction`.

use serde_json::{Map, Value};

use super::arguments::arguments;
use super::media;
use super::signature::{DUMMY, unmarked};
use crate::dialect::neutral::opaque::UNSIGNED;
use crate::dialect::neutral::request::{Message, Part, PartKind, Quirks, Role, ToolCall, Unsayable, Written};
use crate::dialect::wire::build::{Set, json};

/// The turns, as they are written.
#[derive(Default)]
struct Contents {
    system: Vec<Value>,
    done: Vec<Value>,
    role: &'static str,
    /// The parts of the turn that is open. Results of tools come first: what the client says follows them.
    results: Vec<Value>,
    parts: Vec<Value>,
    /// Id and name of all calls so far.
    calls: Vec<(String, String)>,
}

/// Writes all messages into `written`.
pub(super) fn write(messages: &[Message], quirks: &Quirks, written: &mut Written) -> Result<(), Unsayable> {
    let mut contents = Contents::default();
    for message in messages {
        match message.role {
            Role::System | Role::Developer => contents.instruct(&message.parts, written),
            Role::User => contents.begin("user"),
            Role::Assistant => contents.begin("model"),
        }
        if !matches!(message.role, Role::System | Role::Developer) {
            for part in &message.parts {
                contents.part(part, quirks, written)?;
            }
        }
    }
    contents.end_turn();
    if quirks.thinking_level {
        contents.sign_calls();
    }
    // The conversation begins with the client, and has to have a beginning.
    if contents.done.first().is_none_or(|content| content["role"] != "user") {
        contents
            .done
            .insert(0, json!({"role": "user", "parts": [{"text": " "}]}));
    }
    if !contents.system.is_empty() {
        let system = json!({"parts": contents.system});
        written.body.set("systemInstruction", system);
    }
    written.body.set("contents", contents.done.into());
    Ok(())
}

impl Contents {
    fn instruct(&mut self, parts: &[Part], written: &mut Written) {
        for part in parts {
            note_cache(part, written);
            match &part.kind {
                PartKind::Text(text) if text.is_empty() => {}
                PartKind::Text(text) => self.system.push(json!({"text": text})),
                _ => written.drop("messages.system"),
            }
        }
    }

    /// Begins a turn, or goes on with the one that is open if the same side speaks.
    fn begin(&mut self, role: &'static str) {
        if self.role != role {
            self.end_turn();
            self.role = role;
        }
    }

    fn end_turn(&mut self) {
        let mut parts = std::mem::take(&mut self.results);
        parts.append(&mut self.parts);
        if !parts.is_empty() {
            self.done.push(json!({"role": self.role, "parts": parts}));
        }
    }

    fn part(&mut self, part: &Part, quirks: &Quirks, written: &mut Written) -> Result<(), Unsayable> {
        note_cache(part, written);
        match &part.kind {
            PartKind::Text(text) | PartKind::Refusal(text) if text.is_empty() => {}
            PartKind::Text(text) | PartKind::Refusal(text) => self.parts.push(json!({"text": text})),
            PartKind::Reasoning {
                text,
                signature,
                encrypted,
            } => self.reasoning(text, signature.as_deref(), encrypted.as_deref(), written),
            PartKind::ToolCall(call) => self.call(call),
            PartKind::ToolResult {
                id,
                name,
                parts,
                is_error,
            } => self.result(id, name.as_deref(), parts, *is_error, quirks, written)?,
            PartKind::Image { detail, .. } => {
                if detail.as_deref().is_some_and(|detail| detail != "auto") {
                    written.drop("messages.image.detail");
                }
                self.parts.push(write_media(&part.kind)?);
            }
            PartKind::Document { .. } | PartKind::Audio { .. } => self.parts.push(write_media(&part.kind)?),
        }
        Ok(())
    }

    /// Writes a thought with its signature, or the signature of a text alone. Another upstream's would make the request fail.
    fn reasoning(&mut self, text: &str, signature: Option<&str>, encrypted: Option<&str>, written: &mut Written) {
        let own = [signature, encrypted].into_iter().flatten().find_map(unmarked);
        if own.is_none() && signature.is_some_and(|signature| signature != UNSIGNED) {
            written.drop("messages.reasoning.signature");
        }
        if own.is_none() && encrypted.is_some() {
            written.drop("messages.reasoning.encrypted");
        }
        let before = self.parts.last_mut().and_then(Value::as_object_mut);
        match (own, before) {
            (None, _) if text.is_empty() => {}
            (None, _) => self.parts.push(json!({"text": text, "thought": true})),
            (Some((signature, true)), Some(before)) if text.is_empty() && is_plain_text(before) => {
                before.set("thoughtSignature", signature.into());
            }
            (Some((signature, _)), _) => {
                let mut part = json!({"text": text, "thoughtSignature": signature});
                if !text.is_empty() {
                    part.say("thought", &true);
                }
                self.parts.push(part);
            }
        }
    }

    fn call(&mut self, call: &ToolCall) {
        self.calls.push((call.id.clone(), call.name.clone()));
        let mut part = json!({"functionCall": {"id": call.id, "name": call.name, "args": arguments(call)}});
        if let Some(signature) = &call.signature {
            part.say("thoughtSignature", &signature);
        }
        self.parts.push(part);
    }

    fn result(
        &mut self,
        id: &str,
        name: Option<&str>,
        parts: &[Part],
        is_error: bool,
        quirks: &Quirks,
        written: &mut Written,
    ) -> Result<(), Unsayable> {
        let mut texts = Vec::new();
        let mut media = Vec::new();
        for part in parts {
            note_cache(part, written);
            match &part.kind {
                PartKind::Text(text) => texts.push(text.as_str()),
                PartKind::Image { .. } | PartKind::Document { .. } | PartKind::Audio { .. } => {
                    media.push(write_media(&part.kind)?);
                }
                _ => written.drop("messages.tool_result"),
            }
        }
        let call = self.calls.iter().rev().find(|(known, _)| known == id);
        let name = call.map(|(_, name)| name.as_str()).or(name).unwrap_or(id);
        let mut result = json!({"id": id, "name": name, "response": response(&texts.join("\n"), is_error)});
        if quirks.thinking_level && !media.is_empty() {
            result.set("parts", std::mem::take(&mut media).into());
        }
        self.results.push(json!({"functionResponse": result}));
        // Before Gemini 3 a result has no parts: they stand behind it.
        self.parts.append(&mut media);
        Ok(())
    }

    /// Gives the dummy signature to the first call of each turn whose signatures are lost. All turns get it, not only the last
    /// one, where it is needed: so a turn never changes, and caches hold.
    fn sign_calls(&mut self) {
        for content in &mut self.done {
            let Some(parts) = content["parts"].as_array_mut() else {
                continue;
            };
            let mut calls = parts.iter_mut().filter(|part| part.get("functionCall").is_some());
            let Some(first) = calls.next() else {
                continue;
            };
            let is_signed = |part: &Value| part.get("thoughtSignature").is_some();
            if !is_signed(first) && !calls.any(|part| is_signed(part)) {
                first.say("thoughtSignature", &DUMMY);
            }
        }
    }
}

fn note_cache(part: &Part, written: &mut Written) {
    if part.cache.is_some() {
        written.drop("messages.cache");
    }
}

fn is_plain_text(part: &Map<String, Value>) -> bool {
    part.len() == 1 && part.contains_key("text")
}

fn write_media(kind: &PartKind) -> Result<Value, Unsayable> {
    media::write(kind).ok_or_else(|| {
        let message =
            "A file that is stored with another upstream cannot be sent to this one; send its bytes or its URL.";
        Unsayable::unsupported("file_id", message)
    })
}

/// Returns what a tool said, which is an object here.
fn response(text: &str, is_error: bool) -> Value {
    let object = serde_json::from_str::<Map<String, Value>>(text).ok();
    match (object, is_error) {
        (Some(object), false) => Value::Object(object),
        (Some(object), true) => json!({"error": object}),
        (None, false) => json!({"result": text}),
        (None, true) => json!({"error": text}),
    }
}
