//! Writes what was said so far.

use serde_json::{Map, Value};

use super::tools::write_call;
use crate::dialect::neutral::request::{Message, Part, PartKind, Quirks, Request, Role, Source, Unsayable, Written};
use crate::dialect::wire::build::{Set, json};

/// The name of a file that has none: upstreams want one.
const NAMELESS: &str = "document.pdf";

/// Returns the messages of a request.
pub(super) fn write(request: &Request, quirks: &Quirks, written: &mut Written) -> Result<Vec<Value>, Unsayable> {
    let mut messages = Vec::with_capacity(request.messages.len());
    for (index, message) in request.messages.iter().enumerate() {
        if message.parts.iter().any(|part| part.cache.is_some()) {
            written.drop("messages.cache");
        }
        match message.role {
            Role::System => write_system("system", message, &mut messages),
            Role::Developer if quirks.developer => write_system("developer", message, &mut messages),
            Role::Developer => write_system("system", message, &mut messages),
            Role::User => write_user(index, message, &mut messages)?,
            Role::Assistant => write_assistant(message, quirks, written, &mut messages),
        }
    }
    Ok(messages)
}

/// Writes one text: few upstreams take a list here.
fn write_system(role: &str, message: &Message, messages: &mut Vec<Value>) {
    let texts: Vec<&str> = message.parts.iter().filter_map(text).collect();
    if !texts.is_empty() {
        messages.push(json!({"role": role, "content": texts.join("\n\n")}));
    }
}

const fn text(part: &Part) -> Option<&str> {
    match &part.kind {
        PartKind::Text(text) => Some(text.as_str()),
        _ => None,
    }
}

/// Writes what tools said, one message for each result, and then what the user said. Results can only be texts: images and documents
/// in them are said by the user.
fn write_user(index: usize, message: &Message, messages: &mut Vec<Value>) -> Result<(), Unsayable> {
    let (mut moved, mut said) = (Vec::new(), Vec::new());
    for (place, part) in message.parts.iter().enumerate() {
        let path = || format!("messages[{index}].content[{place}]");
        if let PartKind::ToolResult {
            id, parts, is_error, ..
        } = &part.kind
        {
            let content = write_result(parts, *is_error, &path(), &mut moved)?;
            messages.push(json!({"role": "tool", "tool_call_id": id, "content": content}));
        } else {
            said.extend(write_part(&part.kind, &path())?);
        }
    }
    moved.append(&mut said);
    let content = match &moved[..] {
        [] => return Ok(()),
        [only] if only["type"] == "text" => only["text"].clone(),
        _ => moved.into(),
    };
    messages.push(json!({"role": "user", "content": content}));
    Ok(())
}

fn write_result(parts: &[Part], is_error: bool, path: &str, moved: &mut Vec<Value>) -> Result<String, Unsayable> {
    let mut texts = Vec::new();
    for part in parts {
        texts.push(match &part.kind {
            PartKind::Document {
                source: Source::Text(text),
                ..
            }
            | PartKind::Text(text) => text,
            PartKind::Image { .. } => "[image]",
            PartKind::Document { .. } => "[document]",
            PartKind::Audio { .. } => "[audio]",
            _ => continue,
        });
        if !matches!(
            &part.kind,
            PartKind::Text(_)
                | PartKind::Document {
                    source: Source::Text(_),
                    ..
                }
        ) {
            moved.extend(write_part(&part.kind, path)?);
        }
    }
    let said = texts.join("\n");
    Ok(if is_error { format!("Error: {said}") } else { said })
}

/// Returns a part of what a user says; nothing for one that only others have.
fn write_part(kind: &PartKind, path: &str) -> Result<Option<Value>, Unsayable> {
    let unsayable = |what: &str| {
        let message = format!("{what} cannot be handed to this upstream: send its bytes, or an address for an image.");
        Unsayable::unsupported(path, message)
    };
    Ok(Some(match kind {
        PartKind::Text(text)
        | PartKind::Document {
            source: Source::Text(text),
            ..
        } => {
            json!({"type": "text", "text": text})
        }
        PartKind::Image { source, detail } => {
            let url = source
                .to_url()
                .ok_or_else(|| unsayable("An image by the id of a file"))?;
            let mut image = Map::new();
            image.set("url", url.into());
            image.extend(detail.clone().map(|detail| ("detail".to_owned(), detail.into())));
            json!({"type": "image_url", "image_url": image})
        }
        PartKind::Document {
            source: Source::File(id),
            ..
        } => json!({"type": "file", "file": {"file_id": id}}),
        PartKind::Document {
            source: Source::Url(_), ..
        } => return Err(unsayable("A document by its address")),
        PartKind::Document { source, name } => {
            let name = name.as_deref().unwrap_or(NAMELESS);
            json!({"type": "file", "file": {"filename": name, "file_data": source.to_url()}})
        }
        PartKind::Audio { data, format } => {
            json!({"type": "input_audio", "input_audio": {"data": data, "format": format}})
        }
        PartKind::Refusal(text) => json!({"type": "text", "text": text}),
        PartKind::Reasoning { .. } | PartKind::ToolCall(_) | PartKind::ToolResult { .. } => return Ok(None),
    }))
}

/// Writes one message with all of it: the text, why the model did not answer (as text: few upstreams know more), and the calls.
fn write_assistant(message: &Message, quirks: &Quirks, written: &mut Written, messages: &mut Vec<Value>) {
    let (mut content, mut reasoning, mut calls) = (None::<String>, String::new(), Vec::new());
    for part in &message.parts {
        match &part.kind {
            PartKind::Text(text) | PartKind::Refusal(text) => content.get_or_insert_default().push_str(text),
            PartKind::Reasoning { text, .. } if quirks.reasoning_history && !text.is_empty() => {
                reasoning.push_str(text);
            }
            PartKind::Reasoning { .. } => written.drop("messages.reasoning"),
            PartKind::ToolCall(call) => calls.push(write_call(call)),
            PartKind::Image { .. }
            | PartKind::Document { .. }
            | PartKind::Audio { .. }
            | PartKind::ToolResult { .. } => written.drop("messages.content"),
        }
    }
    if content.is_none() && calls.is_empty() {
        // A message has a text or calls.
        if !reasoning.is_empty() {
            written.drop("messages.reasoning");
        }
        return;
    }
    let mut answer = Map::new();
    answer.say("role", &"assistant");
    answer.set("content", content.into());
    if !reasoning.is_empty() {
        answer.set("reasoning_content", reasoning.into());
    }
    if !calls.is_empty() {
        answer.set("tool_calls", calls.into());
    }
    messages.push(answer.into());
}
