//! Writes blocks of messages.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::dialect::neutral::request::{Cache, Part, PartKind, Source, Unsayable};
use crate::dialect::wire::build::{Set, json};

/// Returns `cache_control`.
pub(super) fn cache_control(cache: &Cache) -> Value {
    match &cache.ttl {
        Some(ttl) => json!({"type": "ephemeral", "ttl": ttl}),
        None => json!({"type": "ephemeral"}),
    }
}

/// Returns a block with the mark of a part.
pub(super) fn with_mark(mut block: Value, cache: Option<&Cache>) -> Value {
    if let Some(cache) = cache {
        block.set("cache_control", cache_control(cache));
    }
    block
}

/// Returns a text; nothing for one of white space only, which is refused.
pub(super) fn text(text: &str) -> Option<Value> {
    (!text.trim().is_empty()).then(|| json!({"type": "text", "text": text}))
}

/// Returns the block that a text, an image or a document is; nothing where there is nothing to say.
pub(super) fn block(kind: &PartKind) -> Result<Option<Value>, Unsayable> {
    match kind {
        PartKind::Text(said) | PartKind::Refusal(said) => Ok(text(said)),
        PartKind::Image { source, .. } => image(source).map(Some),
        PartKind::Document { source, name } => document(source, name.as_deref()).map(Some),
        PartKind::Audio { .. } => Err(Unsayable::unsupported("messages", "This upstream does not take audio.")),
        PartKind::Reasoning { .. } | PartKind::ToolCall(_) | PartKind::ToolResult { .. } => Ok(None),
    }
}

fn image(source: &Source) -> Result<Value, Unsayable> {
    let source = match source {
        Source::Base64 { media_type, data } => json!({"type": "base64", "media_type": media_type, "data": data}),
        Source::Url(url) => at(url)?,
        Source::File(_) | Source::Text(_) => return Err(file()),
    };
    Ok(json!({"type": "image", "source": source}))
}

fn document(source: &Source, name: Option<&str>) -> Result<Value, Unsayable> {
    let source = match source {
        Source::Base64 { media_type, .. } if media_type.starts_with("image/") => return image(source),
        Source::Base64 { media_type, data } if media_type == "application/pdf" => {
            json!({"type": "base64", "media_type": media_type, "data": data})
        }
        Source::Base64 { media_type, data } => plain(&decoded(media_type, data)?),
        Source::Url(url) => at(url)?,
        Source::File(_) => return Err(file()),
        Source::Text(text) => plain(text),
    };
    let mut block = json!({"type": "document", "source": source});
    if let Some(name) = name {
        block.set("title", name.into());
    }
    Ok(block)
}

fn plain(text: &str) -> Value {
    json!({"type": "text", "media_type": "text/plain", "data": text})
}

/// Returns the text of a document that consists of text. PDF is all else that is taken.
fn decoded(media_type: &str, data: &str) -> Result<String, Unsayable> {
    let is_text = media_type.starts_with("text/")
        || ["json", "xml", "yaml", "javascript"]
            .iter()
            .any(|end| media_type.ends_with(end));
    let text = STANDARD.decode(data).ok().filter(|_| is_text);
    text.and_then(|text| String::from_utf8(text).ok()).ok_or_else(|| {
        Unsayable::unsupported(
            "messages",
            format!("This upstream takes PDF and text as documents, not {media_type}."),
        )
    })
}

fn at(url: &str) -> Result<Value, Unsayable> {
    let scheme = url.split_once("://").map_or("", |(scheme, _)| scheme);
    if ["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
        Ok(json!({"type": "url", "url": url}))
    } else {
        Err(Unsayable::unsupported(
            "messages",
            "This upstream fetches images and documents from http and https addresses only. Send the data itself.",
        ))
    }
}

fn file() -> Unsayable {
    Unsayable::unsupported(
        "messages",
        "A file that was uploaded elsewhere cannot be sent to this upstream. Send the data itself, or its address.",
    )
}

/// Returns the content of a tool's result: a plain text if it consists of that alone, nothing where there is none.
pub(super) fn of_result(parts: &[Part], may_mark: bool) -> Result<Option<Value>, Unsayable> {
    match parts {
        [] => return Ok(None),
        [
            Part {
                kind: PartKind::Text(text),
                cache: None,
            },
        ] => return Ok(Some(text.as_str().into())),
        _ => {}
    }
    let mut blocks = Vec::new();
    for part in parts {
        let cache = part.cache.as_ref().filter(|_| may_mark);
        blocks.extend(block(&part.kind)?.map(|block| with_mark(block, cache)));
    }
    Ok((!blocks.is_empty()).then_some(Value::Array(blocks)))
}
