//! Reads what was said: `contents` and `systemInstruction`.

use serde_json::Value;

use super::fields::{Strict, note};
use super::media;
use super::signature;
use crate::dialect::neutral::request::{Message, Part, PartKind, Role, ToolCall, Unsayable};
use crate::dialect::wire::build::json_text;

/// The calls of tools so far. Older clients name none of them by an id: then results belong to them by name, in order.
#[derive(Debug, Default)]
pub(super) struct Calls {
    /// Id and name of those that have no result yet.
    open: Vec<(String, String)>,
    /// How many there were.
    count: usize,
}

impl Calls {
    /// Notes a call. Returns its id.
    fn begin(&mut self, id: Option<String>, name: &str) -> String {
        let id = id
            .filter(|id| !id.is_empty())
            .unwrap_or_else(|| format!("call_{}", self.count));
        self.count += 1;
        self.open.push((id.clone(), name.to_owned()));
        id
    }

    /// Returns the id of the call that a result belongs to.
    fn end(&mut self, id: Option<String>, name: &str) -> String {
        let id = id.filter(|id| !id.is_empty());
        let is_same = |known: &(String, String)| Some(&known.0) == id.as_ref();
        let by_name = |known: &(String, String)| known.1 == name;
        let place = self
            .open
            .iter()
            .position(is_same)
            .or_else(|| self.open.iter().position(by_name));
        match place {
            Some(place) => self.open.remove(place).0,
            None => id.unwrap_or_else(|| format!("call_{name}")),
        }
    }
}

/// Reads one turn; nothing where it says nothing.
pub(super) fn content(
    content: &Strict<'_>,
    calls: &mut Calls,
    dropped: &mut Vec<String>,
) -> Result<Option<Message>, Unsayable> {
    let role = match content.text("role")?.as_deref() {
        None | Some("" | "user" | "function" | "tool") => Role::User,
        Some("model" | "assistant") => Role::Assistant,
        Some("system") => Role::System,
        Some(other) => {
            let message = format!("The role must be `user` or `model`, not `{other}`.");
            return Err(Unsayable::invalid(content.at("role"), message));
        }
    };
    let mut parts = Vec::new();
    for part in content.objects("parts")? {
        read_part(&part, calls, &mut parts, dropped)?;
    }
    Ok((!parts.is_empty()).then_some(Message { role, parts }))
}

/// Reads what the operator says.
pub(super) fn instruction(content: &Strict<'_>, dropped: &mut Vec<String>) -> Result<Option<Message>, Unsayable> {
    let mut parts = Vec::new();
    for part in content.objects("parts")? {
        read_part(&part, &mut Calls::default(), &mut parts, dropped)?;
    }
    let role = Role::System;
    Ok((!parts.is_empty()).then_some(Message { role, parts }))
}

fn read_part(
    part: &Strict<'_>,
    calls: &mut Calls,
    parts: &mut Vec<Part>,
    dropped: &mut Vec<String>,
) -> Result<(), Unsayable> {
    let proof = part.text("thoughtSignature")?.filter(|signature| !signature.is_empty());
    if let Some(call) = part.object("functionCall")? {
        parts.push(read_call(&call, proof, calls)?.part());
    } else if let Some(result) = part.object("functionResponse")? {
        parts.push(read_result(&result, calls, dropped)?.part());
    } else if let Some(media) = read_media(part)? {
        parts.push(media.part());
    } else {
        read_text(part, proof.as_deref(), parts)?;
    }
    const READ: [&str; 7] = [
        "text",
        "thought",
        "thoughtSignature",
        "functionCall",
        "functionResponse",
        "inlineData",
        "fileData",
    ];
    for name in part.unknown(&READ) {
        note(dropped, &format!("contents.parts.{name}"));
    }
    Ok(())
}

/// Reads text or a thought, and what proves it.
fn read_text(part: &Strict<'_>, proof: Option<&str>, parts: &mut Vec<Part>) -> Result<(), Unsayable> {
    let text = part.text("text")?.unwrap_or_default();
    let is_thought = part.is_true("thought")?;
    let is_said = !text.is_empty();
    let proof = proof.map(|signature| signature::from_client(signature, is_said && !is_thought));
    if is_said && !is_thought {
        parts.push(PartKind::Text(text.clone()).part());
    }
    if is_thought && is_said || proof.is_some() {
        let proof = proof.unwrap_or_default();
        let reasoning = PartKind::Reasoning {
            text: if is_thought { text } else { String::new() },
            signature: proof.signature,
            encrypted: proof.encrypted,
        };
        parts.push(reasoning.part());
    }
    Ok(())
}

fn read_media(part: &Strict<'_>) -> Result<Option<PartKind>, Unsayable> {
    if let Some(inline) = part.object("inlineData")? {
        let media_type = inline.needed_text("mimeType")?;
        let data = inline.needed_text("data")?;
        return Ok(Some(media::of_bytes(media_type, &data, inline.text("displayName")?)));
    }
    let Some(file) = part.object("fileData")? else {
        return Ok(None);
    };
    let media_type = file.text("mimeType")?;
    let address = file.needed_text("fileUri")?;
    let name = file.text("displayName")?;
    Ok(Some(media::of_address(media_type.as_deref(), address, name)))
}

fn read_call(call: &Strict<'_>, proof: Option<String>, calls: &mut Calls) -> Result<PartKind, Unsayable> {
    let name = call.needed_text("name")?;
    let arguments = call.get("args").unwrap_or("{}");
    if !arguments.starts_with('{') {
        return Err(Unsayable::invalid(call.at("args"), "This must be an object."));
    }
    Ok(PartKind::ToolCall(ToolCall {
        id: calls.begin(call.text("id")?, &name),
        name,
        namespace: None,
        arguments: arguments.to_owned(),
        is_custom: false,
        signature: proof.map(signature::of_call_from_client),
    }))
}

fn read_result(result: &Strict<'_>, calls: &mut Calls, dropped: &mut Vec<String>) -> Result<PartKind, Unsayable> {
    let name = result.needed_text("name")?;
    let response = result.get("response").unwrap_or("{}");
    if !response.starts_with('{') {
        return Err(Unsayable::invalid(result.at("response"), "This must be an object."));
    }
    let (text, is_error) = read_response(response);
    let mut parts = Vec::new();
    if !text.is_empty() {
        parts.push(PartKind::Text(text).part());
    }
    for part in result.objects("parts")? {
        match read_media(&part)? {
            Some(media) => parts.push(media.part()),
            None => note(dropped, "contents.parts.functionResponse.parts"),
        }
    }
    Ok(PartKind::ToolResult {
        id: calls.end(result.text("id")?, &name),
        name: Some(name),
        parts,
        is_error,
    })
}

/// Returns the text of a tool's result, and whether the tool failed. A result that is only text stands in an object of one member:
/// `output` by the documentation, `result` by custom.
fn read_response(response: &str) -> (String, bool) {
    let parsed: Option<serde_json::Map<String, Value>> = serde_json::from_str(response).ok();
    let only = parsed
        .filter(|members| members.len() == 1)
        .and_then(|members| members.into_iter().next());
    match only {
        Some((name, Value::String(text))) if matches!(name.as_str(), "result" | "output") => (text, false),
        Some((name, Value::String(text))) if name == "error" => (text, true),
        Some((name, value @ Value::Object(_))) if name == "error" => (json_text(&value), true),
        None if response.trim_matches(['{', '}', ' ', '\r', '\n', '\t']).is_empty() => (String::new(), false),
        _ => (response.to_owned(), false),
    }
}
