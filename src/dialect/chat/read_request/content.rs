//! Reads the content of messages: a text, or a list of parts.

use serde_json::Value;

use crate::dialect::neutral::fields::Fields;
use crate::dialect::neutral::request::{Cache, Part, PartKind, Source, Unsayable};

/// The media type of a file that does not say its own.
const PDF: &str = "application/pdf";

/// Takes the content of a message. An empty text is not a part.
pub(super) fn read(message: &mut Fields) -> Vec<Part> {
    let path = message.path("content");
    let mut parts = Vec::new();
    match message.take("content") {
        None => {}
        Some(Value::String(text)) => parts.extend(said(text)),
        Some(Value::Array(list)) => {
            for (index, value) in list.into_iter().enumerate() {
                match value {
                    Value::String(text) => parts.extend(said(text)),
                    value => parts.extend(read_part(message.inner(value, format!("{path}[{index}]")))),
                }
            }
        }
        Some(_) => message.wrong(&path, "a string or an array of parts"),
    }
    parts
}

fn said(text: String) -> Option<Part> {
    (!text.is_empty()).then(|| PartKind::Text(text).part())
}

fn read_part(mut part: Fields) -> Option<Part> {
    let cache = read_cache(&mut part);
    let kind = match part.required_text("type").as_str() {
        "text" | "input_text" | "output_text" => match part.required_text("text") {
            text if text.is_empty() => return None,
            text => PartKind::Text(text),
        },
        "refusal" => PartKind::Refusal(part.required_text("refusal")),
        "image_url" => read_image(&mut part),
        "input_audio" => {
            let mut audio = part.required_object("input_audio");
            PartKind::Audio {
                data: audio.required_text("data"),
                format: audio.required_text("format"),
            }
        }
        "file" => read_file(part.required_object("file"))?,
        "thinking" => read_thinking(&mut part),
        kind => {
            part.refuse(Unsayable::unsupported(
                part.path("type"),
                format!("A part of the type `{kind}` is not known: use `text`, `image_url`, `input_audio` or `file`."),
            ));
            return None;
        }
    };
    Some(Part { kind, cache })
}

/// Takes the mark that the prompt up to here is to be kept: OpenAI's own, or Anthropic's, which other gateways take here.
pub(super) fn read_cache(part: &mut Fields) -> Option<Cache> {
    let own = part.object("prompt_cache_breakpoint");
    let other = part.object("cache_control");
    let mut mark = own.or(other)?;
    // OpenAI's half an hour is what its cache keeps anyway.
    let ttl = mark.text("ttl").filter(|ttl| ttl != "30m");
    let ttl = ttl.map(|ttl| if ttl == "12h" { "1h".to_owned() } else { ttl });
    Some(Cache { ttl })
}

fn read_image(part: &mut Fields) -> PartKind {
    let path = part.path("image_url");
    let (url, detail) = match part.take("image_url") {
        Some(Value::String(url)) => (url, None),
        Some(value) => {
            let mut image = part.inner(value, path);
            (image.required_text("url"), image.text("detail"))
        }
        None => {
            part.wrong(&path, "an object with a `url`");
            (String::new(), None)
        }
    };
    let source = Source::of_url(&url);
    PartKind::Image { source, detail }
}

fn read_file(mut file: Fields) -> Option<PartKind> {
    let name = file.text("filename");
    let source = match (file.text("file_data"), file.text("file_id")) {
        (Some(data), _) if data.contains(':') => Source::of_url(&data),
        (Some(data), _) => Source::Base64 {
            media_type: PDF.to_owned(),
            data,
        },
        (None, Some(id)) => Source::File(id),
        (None, None) => {
            let path = file.own_path();
            file.refuse(Unsayable::invalid(
                path,
                format!("`{path}` needs `file_data` or `file_id`."),
            ));
            return None;
        }
    };
    Some(PartKind::Document { source, name })
}

/// Reads reasoning that stands in the content: Mistral's list of texts, or Anthropic's text.
fn read_thinking(part: &mut Fields) -> PartKind {
    let path = part.path("thinking");
    let text = match part.take("thinking") {
        Some(Value::String(text)) => text,
        Some(Value::Array(list)) => {
            let texts = list.into_iter().enumerate();
            texts
                .map(|(index, value)| part.inner(value, format!("{path}[{index}]")).required_text("text"))
                .collect()
        }
        _ => {
            part.wrong(&path, "a string or an array of parts");
            String::new()
        }
    };
    PartKind::Reasoning {
        text,
        signature: part.text("signature"),
        encrypted: None,
    }
}
