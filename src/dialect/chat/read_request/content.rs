//! Reads the content of messages: a text, or a list of parts.

use serde_json::Value;

use crate::dialect::neutral::fields::{Fields, wrong};
use crate::dialect::neutral::request::{Cache, Part, PartKind, Source, Unsayable};

/// The media type of a file that does not say its own.
const PDF: &str = "application/pdf";

/// Takes the content of a message. An empty text is not a part.
pub(super) fn read(message: &mut Fields) -> Result<Vec<Part>, Unsayable> {
    let path = message.path("content");
    match message.take("content") {
        None => Ok(Vec::new()),
        Some(Value::String(text)) => Ok(said(text)),
        Some(Value::Array(list)) => {
            let mut parts = Vec::new();
            for (index, value) in list.into_iter().enumerate() {
                match value {
                    Value::String(text) => parts.extend(said(text)),
                    value => parts.extend(read_part(Fields::of(value, format!("{path}[{index}]"))?)?),
                }
            }
            Ok(parts)
        }
        Some(_) => Err(wrong(path, "a string or an array of parts")),
    }
}

fn said(text: String) -> Vec<Part> {
    let text = Some(text).filter(|text| !text.is_empty());
    text.map(|text| PartKind::Text(text).part()).into_iter().collect()
}

fn read_part(mut part: Fields) -> Result<Option<Part>, Unsayable> {
    let cache = read_cache(&mut part)?;
    let kind = match part.required_text("type")?.as_str() {
        "text" | "input_text" | "output_text" => match part.required_text("text")? {
            text if text.is_empty() => return Ok(None),
            text => PartKind::Text(text),
        },
        "refusal" => PartKind::Refusal(part.required_text("refusal")?),
        "image_url" => read_image(&mut part)?,
        "input_audio" => {
            let mut audio = part.required_object("input_audio")?;
            PartKind::Audio {
                data: audio.required_text("data")?,
                format: audio.required_text("format")?,
            }
        }
        "file" => read_file(part.required_object("file")?)?,
        "thinking" => read_thinking(&mut part)?,
        kind => {
            return Err(Unsayable::unsupported(
                part.path("type"),
                format!("A part of the type `{kind}` is not known: use `text`, `image_url`, `input_audio` or `file`."),
            ));
        }
    };
    Ok(Some(Part { kind, cache }))
}

/// Takes the mark that the prompt up to here is to be kept: OpenAI's own, or Anthropic's, which other gateways take here.
pub(super) fn read_cache(part: &mut Fields) -> Result<Option<Cache>, Unsayable> {
    let own = part.object("prompt_cache_breakpoint")?;
    let other = part.object("cache_control")?;
    let Some(mut mark) = own.or(other) else {
        return Ok(None);
    };
    // OpenAI's half an hour is what its cache keeps anyway.
    let ttl = mark.text("ttl")?.filter(|ttl| ttl != "30m");
    let ttl = ttl.map(|ttl| if ttl == "12h" { "1h".to_owned() } else { ttl });
    Ok(Some(Cache { ttl }))
}

fn read_image(part: &mut Fields) -> Result<PartKind, Unsayable> {
    let path = part.path("image_url");
    let (url, detail) = match part.take("image_url") {
        Some(Value::String(url)) => (url, None),
        Some(value) => {
            let mut image = Fields::of(value, path)?;
            (image.required_text("url")?, image.text("detail")?)
        }
        None => return Err(wrong(path, "an object with a `url`")),
    };
    let source = Source::of_url(&url);
    Ok(PartKind::Image { source, detail })
}

fn read_file(mut file: Fields) -> Result<PartKind, Unsayable> {
    let name = file.text("filename")?;
    let source = match (file.text("file_data")?, file.text("file_id")?) {
        (Some(data), _) if data.contains(':') => Source::of_url(&data),
        (Some(data), _) => Source::Base64 {
            media_type: PDF.to_owned(),
            data,
        },
        (None, Some(id)) => Source::File(id),
        (None, None) => {
            return Err(Unsayable::invalid(
                file.own_path(),
                format!("`{}` needs `file_data` or `file_id`.", file.own_path()),
            ));
        }
    };
    Ok(PartKind::Document { source, name })
}

/// Reads reasoning that stands in the content: Mistral's list of texts, or Anthropic's text.
fn read_thinking(part: &mut Fields) -> Result<PartKind, Unsayable> {
    let path = part.path("thinking");
    let text = match part.take("thinking") {
        Some(Value::String(text)) => text,
        Some(Value::Array(list)) => {
            let texts = list.into_iter().enumerate().map(|(index, value)| {
                Fields::of(value, format!("{path}[{index}]")).and_then(|mut text| text.required_text("text"))
            });
            texts.collect::<Result<String, _>>()?
        }
        _ => return Err(wrong(path, "a string or an array of parts")),
    };
    Ok(PartKind::Reasoning {
        text,
        signature: part.text("signature")?,
        encrypted: None,
    })
}
