//! Reads the content of messages: a text, or a list of blocks.

use serde_json::Value;

use super::dropped::Dropped;
use crate::dialect::anthropic::ids;
use crate::dialect::anthropic::signature::{self, Proof};
use crate::dialect::neutral::fields::Fields;
use crate::dialect::neutral::request::{Cache, Part, PartKind, Source, ToolCall, Unsayable};
use crate::dialect::wire::build::json_text;

/// What the block begins with that Claude Code puts before the system prompt. Only Anthropic reads it. It is not the same in every
/// request, so other vendors' caches would hold nothing.
const ATTRIBUTION: &str = "x-anthropic-billing-header:";

/// Whether a part is the block by which Claude Code says who pays.
pub(super) fn is_attribution(part: &Part) -> bool {
    matches!(&part.kind, PartKind::Text(text) if text.starts_with(ATTRIBUTION))
}

/// Reads `cache_control`.
pub(super) fn cache(block: &mut Fields) -> Option<Cache> {
    let mut control = block.object("cache_control")?;
    let ttl = control.text("ttl");
    Some(Cache { ttl })
}

/// Reads content, which stands at `path` inside of `around`. An empty text is left out.
pub(super) fn parts(around: &Fields, content: Value, path: &str, dropped: &mut Dropped) -> Vec<Part> {
    let mut parts = Vec::new();
    match content {
        Value::String(text) if text.is_empty() => {}
        Value::String(text) => parts.push(PartKind::Text(text).part()),
        Value::Array(blocks) => {
            for (index, value) in blocks.into_iter().enumerate() {
                block(around.inner(value, format!("{path}[{index}]")), dropped, &mut parts);
            }
        }
        _ => around.wrong(path, "a string or an array of blocks"),
    }
    parts
}

fn block(mut block: Fields, dropped: &mut Dropped, parts: &mut Vec<Part>) {
    let cache = cache(&mut block);
    let begin = parts.len();
    match block.required_text("type").as_str() {
        "text" => parts.push(PartKind::Text(block.required_text("text")).part()),
        "image" => {
            let source = source(block.required_object("source"));
            parts.push(PartKind::Image { source, detail: None }.part());
        }
        "document" => document(block, dropped, parts),
        "search_result" => search_result(block, dropped, parts),
        "tool_use" => parts.push(PartKind::ToolCall(tool_use(block)).part()),
        "tool_result" => parts.push(tool_result(block, dropped).part()),
        "thinking" => {
            let text = block.text("thinking").unwrap_or_default();
            let proof = signature::of_client(&block.text("signature").unwrap_or_default());
            // Nothing is left of reasoning that nobody may read and nobody has signed.
            if !text.is_empty() || proof != Proof::default() {
                parts.push(reasoning(text, proof));
            }
        }
        "redacted_thinking" => {
            let encrypted = Some(block.required_text("data"));
            let signature = None;
            parts.push(reasoning(String::new(), Proof { signature, encrypted }));
        }
        "tool_reference" => {
            // A search of tools found this one. Elsewhere all tools are known from the beginning.
            let name = block.text("tool_name").unwrap_or_default();
            parts.push(PartKind::Text(format!("Tool found: {name}")).part());
        }
        "compaction" => {
            let summary = block.text("content").filter(|summary| !summary.is_empty());
            parts.extend(summary.map(|summary| PartKind::Text(summary).part()));
        }
        "fallback" => {}
        // Blocks of Anthropic's own tools, and what there will be one day.
        other => dropped.add("messages.", other),
    }
    if let Some(last) = parts.get_mut(begin..).and_then(<[Part]>::last_mut) {
        last.cache = cache.or_else(|| last.cache.take());
    }
}

fn reasoning(text: String, proof: Proof) -> Part {
    let kind = PartKind::Reasoning {
        text,
        signature: proof.signature,
        encrypted: proof.encrypted,
    };
    kind.part()
}

fn source(mut source: Fields) -> Source {
    match source.required_text("type").as_str() {
        "base64" => Source::Base64 {
            media_type: source.required_text("media_type"),
            data: source.required_text("data"),
        },
        "url" => Source::Url(source.required_text("url")),
        "file" => Source::File(source.required_text("file_id")),
        "text" => Source::Text(source.required_text("data")),
        other => {
            let message = format!("A source of the type `{other}` is not known.");
            source.refuse(Unsayable::unsupported(source.path("type"), message));
            Source::Text(String::new())
        }
    }
}

/// Reads a document. One that consists of blocks becomes its blocks, its title before them.
fn document(mut block: Fields, dropped: &mut Dropped, parts: &mut Vec<Part>) {
    let name = block.text("title");
    note_citations(&mut block, dropped);
    let context = block.text("context").filter(|context| !context.is_empty());
    parts.extend(context.map(|context| PartKind::Text(context).part()));
    let mut from = block.required_object("source");
    if let Some(content) = from.take("content") {
        parts.extend(name.map(|name| PartKind::Text(name).part()));
        parts.extend(self::parts(&from, content, &from.path("content"), dropped));
    } else {
        let source = source(from);
        parts.push(PartKind::Document { source, name }.part());
    }
}

/// Notes that sources are to be cited: others do that unasked, or not at all.
fn note_citations(block: &mut Fields, dropped: &mut Dropped) {
    let enabled = block
        .object("citations")
        .and_then(|mut citations| citations.flag("enabled"));
    if enabled == Some(true) {
        dropped.add("messages.", "citations");
    }
}

/// Reads what a search found: its title, its source and its texts become one text.
fn search_result(mut block: Fields, dropped: &mut Dropped, parts: &mut Vec<Part>) {
    note_citations(&mut block, dropped);
    let mut lines: Vec<String> = Vec::new();
    lines.extend(block.text("title"));
    lines.extend(block.text("source"));
    for mut text in block.objects("content") {
        lines.push(text.required_text("text"));
    }
    parts.push(PartKind::Text(lines.join("\n")).part());
}

fn tool_use(mut block: Fields) -> ToolCall {
    let (id, signature) = ids::of_client(&block.required_text("id"));
    let input = block.object("input").map(Fields::into_members).unwrap_or_default();
    ToolCall {
        id,
        name: block.required_text("name"),
        arguments: json_text(&Value::Object(input)),
        signature,
        ..ToolCall::default()
    }
}

fn tool_result(mut block: Fields, dropped: &mut Dropped) -> PartKind {
    let (id, _) = ids::of_client(&block.required_text("tool_use_id"));
    let parts = match block.take("content") {
        Some(content) => parts(&block, content, &block.path("content"), dropped),
        None => Vec::new(),
    };
    PartKind::ToolResult {
        id,
        name: None,
        parts,
        is_error: block.flag("is_error").unwrap_or_default(),
    }
}
