//! `multipart/form-data` as an upstream reads it.

use std::fmt;

use crate::support::upstream::Received;

/// One part of a form.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Part {
    name: String,
    /// Empty for a field that is no file.
    filename: String,
    content: Vec<u8>,
}

impl Part {
    pub(crate) fn field(name: &str, content: &str) -> Self {
        Self::file(name, "", content.into())
    }

    pub(crate) fn file(name: &str, filename: &str, content: Vec<u8>) -> Self {
        Self {
            name: name.into(),
            filename: filename.into(),
            content,
        }
    }
}

/// Bytes of files are counted, not shown.
impl fmt::Debug for Part {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match std::str::from_utf8(&self.content) {
            Ok(text) if text.len() < 80 => write!(to, "{}={text:?}", self.name),
            _ => write!(to, "{}={}({} bytes)", self.name, self.filename, self.content.len()),
        }
    }
}

/// The parts of a form, in order.
pub(crate) fn parts(received: &Received) -> Option<Vec<Part>> {
    let (kind, boundary) = received.one("content-type")?.split_once("; boundary=")?;
    if kind != "multipart/form-data" {
        return None;
    }
    let delimiter = format!("\r\n--{}", boundary.trim_matches('"'));
    let body = [b"\r\n", received.body.as_slice()].concat();
    let starts: Vec<usize> = memchr::memmem::find_iter(&body, &delimiter)
        .map(|at| at + delimiter.len())
        .collect();
    let (last, _) = starts.split_last()?;
    if !body[*last..].starts_with(b"--") {
        return None;
    }
    let between = |pair: &[usize]| part(&body[pair[0]..pair[1] - delimiter.len()]);
    starts.windows(2).map(between).collect()
}

fn part(bytes: &[u8]) -> Option<Part> {
    let end = memchr::memmem::find(bytes, b"\r\n\r\n")?;
    let head = std::str::from_utf8(&bytes[..end]).ok()?;
    let disposition = head
        .lines()
        .find(|line| line.to_lowercase().starts_with("content-disposition: form-data;"))?;
    let parameter = |name: &str| {
        let (_, rest) = disposition.split_once(&format!(" {name}=\""))?;
        Some(rest.split_once('"')?.0)
    };
    Some(Part::file(
        parameter("name")?,
        parameter("filename").unwrap_or_default(),
        bytes[end + 4..].to_vec(),
    ))
}

/// `length` bytes of every value, as the programs of the tests make them as well.
pub(crate) fn pattern(length: usize) -> Vec<u8> {
    let byte = |at: usize| u8::try_from((at * 7 + at / 256) % 256);
    (0..length).map(byte).collect::<Result<_, _>>().unwrap()
}
