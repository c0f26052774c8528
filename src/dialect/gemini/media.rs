//! Parts that are not text: `inlineData` has bytes, `fileData` says where they are.

use std::borrow::Cow;

use memchr::memchr2;
use serde_json::Value;

use crate::dialect::neutral::request::{PartKind, Source};
use crate::dialect::wire::build::{Set, json};

/// Endings of file names, and what they stand for.
const ENDINGS: [(&str, &str); 22] = [
    ("png", "image/png"),
    ("jpg", "image/jpeg"),
    ("jpeg", "image/jpeg"),
    ("webp", "image/webp"),
    ("gif", "image/gif"),
    ("heic", "image/heic"),
    ("heif", "image/heif"),
    ("bmp", "image/bmp"),
    ("pdf", "application/pdf"),
    ("txt", "text/plain"),
    ("md", "text/markdown"),
    ("csv", "text/csv"),
    ("html", "text/html"),
    ("xml", "text/xml"),
    ("json", "application/json"),
    ("mp3", "audio/mp3"),
    ("wav", "audio/wav"),
    ("ogg", "audio/ogg"),
    ("flac", "audio/flac"),
    ("mp4", "video/mp4"),
    ("mov", "video/mov"),
    ("webm", "video/webm"),
];

/// Returns the part that bytes of this type are. A video is a document: who cannot take one says so.
pub(super) fn of_bytes(media_type: String, data: &str, name: Option<String>) -> PartKind {
    let data = standard(data).into_owned();
    if let Some(format) = media_type.strip_prefix("audio/") {
        let format = match format.split(';').next().unwrap_or_default() {
            "mpeg" | "mp3" => "mp3",
            "wav" | "wave" | "x-wav" | "vnd.wave" => "wav",
            other => other,
        };
        return PartKind::Audio {
            data,
            format: format.to_owned(),
        };
    }
    at(Source::Base64 { media_type, data }, name)
}

/// Returns the part that stands at an address.
pub(super) fn of_address(media_type: Option<&str>, address: String, name: Option<String>) -> PartKind {
    let is_image = match media_type {
        Some(media_type) => media_type.starts_with("image/"),
        None => media_type_of(&address).is_some_and(|found| found.starts_with("image/")),
    };
    let is_public = address.contains("://")
        && !address.starts_with("gs://")
        && !address.starts_with("https://generativelanguage.googleapis.com/");
    let source = if is_public {
        Source::Url(address)
    } else {
        Source::File(address)
    };
    if is_image {
        PartKind::Image { source, detail: None }
    } else {
        PartKind::Document { source, name }
    }
}

fn at(source: Source, name: Option<String>) -> PartKind {
    match &source {
        Source::Base64 { media_type, .. } if media_type.starts_with("image/") => {
            PartKind::Image { source, detail: None }
        }
        _ => PartKind::Document { source, name },
    }
}

/// Returns base64 in the standard alphabet, padded: this dialect takes the other one as well, most do not.
fn standard(data: &str) -> Cow<'_, str> {
    let is_padded = data.ends_with('=') || data.len().is_multiple_of(4);
    if is_padded && memchr2(b'-', b'_', data.as_bytes()).is_none() {
        return Cow::Borrowed(data);
    }
    let mut data = data.replace('-', "+").replace('_', "/");
    while !is_padded && !data.len().is_multiple_of(4) {
        data.push('=');
    }
    Cow::Owned(data)
}

/// Returns an image, a document or sound as this dialect writes it; nothing where it is a file that another upstream keeps, or
/// another kind of part.
pub(super) fn write(kind: &PartKind) -> Option<Value> {
    match kind {
        PartKind::Audio { data, format } => {
            Some(json!({"inlineData": {"mimeType": format!("audio/{format}"), "data": standard(data)}}))
        }
        PartKind::Image { source, .. } => write_source(source, "image/jpeg"),
        PartKind::Document { source, .. } => write_source(source, "application/pdf"),
        _ => None,
    }
}

fn write_source(source: &Source, usual: &str) -> Option<Value> {
    match source {
        Source::Base64 { media_type, data } => {
            Some(json!({"inlineData": {"mimeType": media_type, "data": standard(data)}}))
        }
        Source::Text(text) => Some(json!({"text": text})),
        Source::File(address) if address.contains("://") || address.starts_with("files/") => {
            let mut file = json!({"fileUri": address});
            if let Some(found) = media_type_of(address) {
                file.set("mimeType", found.into());
            }
            Some(json!({ "fileData": file }))
        }
        Source::File(_) => None,
        Source::Url(url) if is_youtube(url) => Some(json!({"fileData": {"fileUri": url}})),
        Source::Url(url) => {
            Some(json!({"fileData": {"mimeType": media_type_of(url).unwrap_or(usual), "fileUri": url}}))
        }
    }
}

/// Returns the type that the ending of an address stands for.
fn media_type_of(address: &str) -> Option<&'static str> {
    let path = address.split(['?', '#']).next().unwrap_or_default();
    let (_, ending) = path.rsplit_once('/').unwrap_or(("", path)).1.rsplit_once('.')?;
    let found = ENDINGS.iter().find(|(known, _)| ending.eq_ignore_ascii_case(known));
    found.map(|(_, media_type)| *media_type)
}

/// Whether an address is that of a film which Gemini fetches by itself: it knows the type.
fn is_youtube(url: &str) -> bool {
    let host = url.split_once("://").map_or(url, |(_, rest)| rest);
    let host = host.split(['/', '?', ':']).next().unwrap_or_default();
    host == "youtu.be" || host == "youtube.com" || host.ends_with(".youtube.com")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_and_addresses_come_back_as_they_were() {
        let inline = |media_type: &str, data: &str| json!({"inlineData": {"mimeType": media_type, "data": data}});
        for (media_type, data, written) in [
            ("image/png", "aGk=", inline("image/png", "aGk=")),
            ("application/pdf", "a-_k", inline("application/pdf", "a+/k")),
            ("video/mp4", "aGk", inline("video/mp4", "aGk=")),
            ("audio/x-wav", "aGk=", inline("audio/wav", "aGk=")),
            ("audio/mpeg", "aGk=", inline("audio/mp3", "aGk=")),
        ] {
            let part = of_bytes(media_type.to_owned(), data, None);
            assert_eq!(write(&part), Some(written), "{media_type}");
        }
        for file in [
            json!({"mimeType": "image/png", "fileUri": "https://e.x/a.PNG?b=c.d"}),
            json!({"mimeType": "application/pdf", "fileUri": "https://e.x/a"}),
            json!({"mimeType": "application/pdf", "fileUri": "gs://bucket/a.pdf"}),
            json!({"fileUri": "https://generativelanguage.googleapis.com/v1beta/files/abc"}),
            json!({"fileUri": "https://www.youtube.com/watch?v=1"}),
        ] {
            let address = file["fileUri"].as_str().unwrap().to_owned();
            let part = of_address(file["mimeType"].as_str(), address, None);
            assert_eq!(write(&part), Some(json!({ "fileData": file })));
        }
    }

    #[test]
    fn a_file_that_another_upstream_keeps_cannot_be_written() {
        let source = Source::File("file-abc".to_owned());
        assert_eq!(write(&PartKind::Document { source, name: None }), None);
    }
}
