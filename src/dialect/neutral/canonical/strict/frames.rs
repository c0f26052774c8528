//! Server-sent events as the strictest library reads them.

use serde_json::Value;

use super::said::ensure;

/// An event, or a comment where it has no data.
pub(super) struct Frame<'a> {
    pub(super) name: Option<&'a str>,
    pub(super) data: Option<&'a str>,
}

/// Returns the events of a stream. Lines end in one way throughout; each event has one line of data behind `data: `, ends with an
/// empty line, and has data where it has a name.
pub(super) fn frames(bytes: &[u8]) -> Result<Vec<Frame<'_>>, String> {
    let text = std::str::from_utf8(bytes).map_err(|error| error.to_string())?;
    ensure!(!text.starts_with('\u{feff}'), "a byte order mark");
    let end = if text.contains('\r') { "\r\n" } else { "\n" };
    let blocks = text.trim_end_matches(end);
    let ending = &text[blocks.len()..];
    ensure!(
        text.is_empty() || ending.len() >= 2 * end.len(),
        "no empty line at the end"
    );
    let mut frames = Vec::new();
    for block in blocks.split(&end.repeat(2)).filter(|block| !block.is_empty()) {
        frames.push(frame(block, end)?);
    }
    Ok(frames)
}

fn frame<'a>(block: &'a str, end: &str) -> Result<Frame<'a>, String> {
    let mut frame = Frame { name: None, data: None };
    for line in block.split(end).filter(|line| !line.is_empty()) {
        ensure!(!line.contains(['\r', '\n']), "ends of lines differ in {block:?}");
        if let Some(name) = line.strip_prefix("event: ") {
            ensure!(frame.name.replace(name).is_none(), "two names in {block:?}");
        } else if let Some(data) = line.strip_prefix("data: ") {
            ensure!(frame.data.replace(data).is_none(), "two lines of data in {block:?}");
        } else {
            ensure!(line.starts_with(':'), "what is {line:?}?");
        }
    }
    ensure!(
        frame.name.is_none() || frame.data.is_some(),
        "a name without data in {block:?}"
    );
    Ok(frame)
}

pub(super) fn json(data: &str) -> Result<Value, String> {
    serde_json::from_str(data).map_err(|error| format!("{data:?}: {error}"))
}
