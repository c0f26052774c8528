//! The content of a message or of a tool's result, read.

use serde_json::Value;

use crate::dialect::neutral::fields::Fields;
use crate::dialect::neutral::request::{Cache, Part, PartKind, Source, Unsayable};

/// Reads the content at `path`: a string, an array of parts, or nothing. Empty texts are left out.
pub(super) fn read(content: Value, path: &str) -> Result<Vec<Part>, Unsayable> {
    let mut parts = match content {
        Value::Null => Vec::new(),
        Value::String(text) => vec![PartKind::Text(text).part()],
        Value::Array(list) => {
            let parts = list.into_iter().enumerate();
            parts
                .map(|(place, part)| read_part(Fields::of(part, format!("{path}[{place}]"))?))
                .collect::<Result<_, _>>()?
        }
        _ => return Err(Unsayable::invalid(path, "A string or an array is expected here.")),
    };
    parts.retain(|part| !matches!(&part.kind, PartKind::Text(text) if text.is_empty()));
    Ok(parts)
}

fn read_part(mut part: Fields) -> Result<Part, Unsayable> {
    let cache = part.object("prompt_cache_breakpoint")?.map(read_cache).transpose()?;
    let kind = part.required_text("type")?;
    let kind = match kind.as_str() {
        "input_text" | "output_text" | "text" => PartKind::Text(part.required_text("text")?),
        "refusal" => PartKind::Refusal(part.required_text("refusal")?),
        "input_image" => read_image(part)?,
        "input_file" => read_file(part)?,
        "input_audio" => read_audio(part)?,
        _ => {
            let message = format!("Content of type `{kind}` is not supported by this gateway for this model.");
            return Err(Unsayable::unsupported(part.own_path(), message));
        }
    };
    Ok(Part { kind, cache })
}

fn read_cache(mut mark: Fields) -> Result<Cache, Unsayable> {
    let ttl = match mark.text("ttl")?.as_deref() {
        // Of the two times that the vocabulary has, the longer one.
        Some("12h") => Some("1h".to_owned()),
        _ => None,
    };
    Ok(Cache { ttl })
}

fn read_image(mut part: Fields) -> Result<PartKind, Unsayable> {
    let source = match (part.text("image_url")?, part.text("file_id")?) {
        (Some(url), _) => source_of(url),
        (None, Some(id)) => Source::File(id),
        (None, None) => return Err(Unsayable::invalid(part.path("image_url"), "`image_url` is missing.")),
    };
    let detail = part.text("detail")?.filter(|detail| detail != "auto");
    Ok(PartKind::Image { source, detail })
}

fn read_file(mut part: Fields) -> Result<PartKind, Unsayable> {
    let name = part.text("filename")?;
    let (data, url, id) = (part.text("file_data")?, part.text("file_url")?, part.text("file_id")?);
    let source = match (data, url, id) {
        (Some(data), _, _) if data.starts_with("data:") => source_of(data),
        (Some(data), _, _) => Source::Base64 {
            media_type: "application/pdf".to_owned(),
            data,
        },
        (None, Some(url), _) => Source::Url(url),
        (None, None, Some(id)) => Source::File(id),
        (None, None, None) => return Err(Unsayable::invalid(part.path("file_data"), "`file_data` is missing.")),
    };
    Ok(PartKind::Document { source, name })
}

fn read_audio(mut part: Fields) -> Result<PartKind, Unsayable> {
    let missing = Unsayable::invalid(part.path("input_audio"), "`input_audio` is missing.");
    let mut audio = part.object("input_audio")?.ok_or(missing)?;
    Ok(PartKind::Audio {
        data: audio.required_text("data")?,
        format: audio.required_text("format")?,
    })
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
