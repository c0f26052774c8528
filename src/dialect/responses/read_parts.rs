//! The content of a message or of a tool's result, read.

use serde_json::Value;

use crate::dialect::neutral::fields::Fields;
use crate::dialect::neutral::request::{Cache, Part, PartKind, Source, Unsayable};

/// Reads the content at `path`, inside of `around`: a string, an array of parts, or nothing. Empty texts are left out.
pub(super) fn read(around: &Fields, content: Value, path: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    match content {
        Value::Null => {}
        Value::String(text) => parts.push(PartKind::Text(text).part()),
        Value::Array(list) => {
            for (place, part) in list.into_iter().enumerate() {
                parts.extend(read_part(around.inner(part, format!("{path}[{place}]"))));
            }
        }
        _ => around.refuse(Unsayable::invalid(path, "A string or an array is expected here.")),
    }
    parts.retain(|part| !matches!(&part.kind, PartKind::Text(text) if text.is_empty()));
    parts
}

fn read_part(mut part: Fields) -> Option<Part> {
    let cache = part.object("prompt_cache_breakpoint").map(read_cache);
    let kind = part.required_text("type");
    let kind = match kind.as_str() {
        "input_text" | "output_text" | "text" => PartKind::Text(part.required_text("text")),
        "refusal" => PartKind::Refusal(part.required_text("refusal")),
        "input_image" => read_image(part)?,
        "input_file" => read_file(part)?,
        "input_audio" => read_audio(part),
        _ => {
            let message = format!("Content of type `{kind}` is not supported by this gateway for this model.");
            part.refuse(Unsayable::unsupported(part.own_path(), message));
            return None;
        }
    };
    Some(Part { kind, cache })
}

fn read_cache(mut mark: Fields) -> Cache {
    // Of the two times that the vocabulary has, the longer one.
    let is_long = mark.text("ttl").is_some_and(|ttl| ttl == "12h");
    Cache {
        ttl: is_long.then(|| "1h".to_owned()),
    }
}

fn read_image(mut part: Fields) -> Option<PartKind> {
    let source = match (part.text("image_url"), part.text("file_id")) {
        (Some(url), _) => source_of(url),
        (None, Some(id)) => Source::File(id),
        (None, None) => {
            missing(&part, "image_url");
            return None;
        }
    };
    let detail = part.text("detail").filter(|detail| detail != "auto");
    Some(PartKind::Image { source, detail })
}

fn read_file(mut part: Fields) -> Option<PartKind> {
    let name = part.text("filename");
    let (data, url, id) = (part.text("file_data"), part.text("file_url"), part.text("file_id"));
    let source = match (data, url, id) {
        (Some(data), _, _) if data.starts_with("data:") => source_of(data),
        (Some(data), _, _) => Source::Base64 {
            media_type: "application/pdf".to_owned(),
            data,
        },
        (None, Some(url), _) => Source::Url(url),
        (None, None, Some(id)) => Source::File(id),
        (None, None, None) => {
            missing(&part, "file_data");
            return None;
        }
    };
    Some(PartKind::Document { source, name })
}

fn read_audio(mut part: Fields) -> PartKind {
    if !part.has("input_audio") {
        missing(&part, "input_audio");
    }
    let mut audio = part.required_object("input_audio");
    PartKind::Audio {
        data: audio.required_text("data"),
        format: audio.required_text("format"),
    }
}

/// Notes that a member is missing.
pub(super) fn missing(fields: &Fields, name: &str) {
    fields.refuse(Unsayable::invalid(fields.path(name), format!("`{name}` is missing.")));
}

/// Reads a URL, which may hold the data itself: `data:image/png;base64,...`.
fn source_of(url: String) -> Source {
    let parts = url.strip_prefix("data:").and_then(|rest| rest.split_once(','));
    let parts = parts.and_then(|(head, data)| Some((head.strip_suffix(";base64")?, data)));
    match parts {
        Some((media_type, data)) => Source::Base64 {
            media_type: media_type.split(';').next().unwrap_or_default().to_owned(),
            data: data.to_owned(),
        },
        None => Source::Url(url),
    }
}
