//! The `model` of a `multipart/form-data` request (RFC 7578): found and replaced, with every other byte kept.
//!
//! The model decides what is billed and what a token may ask for, and the upstream reads the form with a reader of its own.
//! Readers differ over names that are spelled in unusual ways, empty file names, folded lines, and boundaries with something
//! behind them. So a form is read only where the common ones (python-multipart, busboy, Go's mime/multipart, PHP) agree
//! about it. Any other form is refused, with the reason.

mod disposition;

use std::ops::Range;

use bytes::{Bytes, BytesMut};
use memchr::memmem;

pub use self::disposition::Uncertain;
use self::disposition::{Part, parameters};
use super::pieces::{Pieces, whole};

/// A form that was read: where its model is, or where one would go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Form {
    /// The values of the parts called `model`, in order, where they are not empty. Readers disagree on which one counts.
    pub models: Vec<String>,
    /// The ranges of the values of all parts called `model`, the empty ones as well.
    spans: Vec<Range<usize>>,
    /// The place of the first delimiter. What comes before it does not belong to a part.
    first: usize,
    /// `--` and the boundary.
    delimiter: Vec<u8>,
}

impl Form {
    /// Finds the parts called `model` in a whole form.
    ///
    /// # Errors
    /// A body that is not the form that `content_type` says, or one that common readers read in different ways.
    pub fn read(content_type: &str, body: &[u8]) -> Result<Self, Uncertain> {
        let delimiter = [b"--".as_slice(), &boundary(content_type)?].concat();
        let mut form = Self {
            models: Vec::new(),
            spans: Vec::new(),
            first: 0,
            delimiter,
        };
        let delimiter = form.delimiter.clone();
        // The part that has begun, and whether the last delimiter has come.
        let (mut part, mut closed) = (None, false);
        for at in memmem::find_iter(body, &delimiter) {
            if closed {
                return Err("Behind its last boundary another one follows.");
            }
            let (before, behind) = (&body[..at], &body[at + delimiter.len()..]);
            if !(before.is_empty() || before.ends_with(b"\r\n")) {
                return Err("A boundary stands in the middle of a line.");
            }
            match part {
                None => form.first = at,
                // The line end before a delimiter belongs to it (RFC 2046 section 5.1.1).
                Some(start) => form.read_part(body, start..at.saturating_sub(2))?,
            }
            closed = behind == b"--" || behind.starts_with(b"--\r\n");
            if !closed && !behind.starts_with(b"\r\n") {
                return Err("Something stands behind a boundary.");
            }
            part = Some(at + delimiter.len() + 2);
        }
        if closed { Ok(form) } else { Err("It has no end.") }
    }

    /// Reads one part, which `range` of `body` is.
    fn read_part(&mut self, body: &[u8], range: Range<usize>) -> Result<(), Uncertain> {
        let start = range.start;
        let part = body.get(range).ok_or("A part has no header.")?;
        let head = memmem::find(part, b"\r\n\r\n").ok_or("A part has no end of its header.")?;
        let Part::Model = Part::of(&part[..head])? else {
            return Ok(());
        };
        let value = &part[head + 4..];
        let model = std::str::from_utf8(value)
            .map_err(|_| "Its `model` is not UTF-8.")?
            .trim();
        if model.contains(char::is_control) {
            return Err("Its `model` has more than one line.");
        }
        if !model.is_empty() {
            self.models.push(model.to_owned());
        }
        self.spans.push(start + head + 4..start + part.len());
        Ok(())
    }

    /// Returns the model that the form names: the first, where it has several.
    #[must_use]
    pub fn model(&self) -> Option<&str> {
        self.models.first().map(String::as_str)
    }

    /// Returns `body`, which is the one that was read, with `model` in the place of all its models, or as its first part.
    #[must_use]
    pub fn with_model(&self, body: &Bytes, model: &str) -> Pieces {
        if !self.spans.is_empty() && self.spans.iter().all(|span| body[span.clone()] == *model.as_bytes()) {
            return whole(body.clone());
        }
        match &*self.spans {
            [] => {
                let mut part = BytesMut::with_capacity(model.len() + self.delimiter.len() + 64);
                part.extend_from_slice(&self.delimiter);
                part.extend_from_slice(b"\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\n");
                part.extend_from_slice(model.as_bytes());
                part.extend_from_slice(b"\r\n");
                [body.slice(..self.first), part.freeze(), body.slice(self.first..)]
            }
            [span] => {
                let value = Bytes::copy_from_slice(model.as_bytes());
                [body.slice(..span.start), value, body.slice(span.end..)]
            }
            spans => {
                let mut patched = BytesMut::with_capacity(body.len() + spans.len() * model.len());
                let mut copied = 0;
                for span in spans {
                    patched.extend_from_slice(&body[copied..span.start]);
                    patched.extend_from_slice(model.as_bytes());
                    copied = span.end;
                }
                patched.extend_from_slice(&body[copied..]);
                whole(patched.freeze())
            }
        }
    }
}

/// Whether a content type is that of a form.
#[must_use]
pub fn is_form(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default();
    essence.trim().eq_ignore_ascii_case("multipart/form-data")
}

/// Returns the boundary that the content type of a form names (RFC 2046 section 5.1.1).
fn boundary(content_type: &str) -> Result<Vec<u8>, Uncertain> {
    let unnamed = "Its content-type names no boundary, or one that is too long.";
    let (_, rest) = content_type.split_once(';').ok_or(unnamed)?;
    let mut boundary = None;
    for (name, value) in parameters(rest.as_bytes())? {
        if name.eq_ignore_ascii_case(b"boundary") && boundary.replace(value).is_some() {
            return Err("Its content-type names two boundaries.");
        }
    }
    let boundary = boundary.ok_or(unnamed)?;
    if !(1..=70).contains(&boundary.len()) || boundary.contains(&b'\\') {
        return Err(unnamed);
    }
    Ok(boundary.to_vec())
}

#[cfg(test)]
mod tests;
