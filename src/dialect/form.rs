//! The `model` of a `multipart/form-data` request (RFC 7578): found and replaced, with every other byte kept.

use std::ops::Range;

use bytes::{Bytes, BytesMut};
use memchr::memmem;

use super::patch::{Pieces, whole};

/// Where the model of a form stands, or where one would go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Form {
    /// Its value, where it is not empty.
    pub model: Option<String>,
    /// There are several. Parsers disagree on which one counts, so none of them may decide what is billed.
    pub is_ambiguous: bool,
    /// The value's place.
    span: Option<Range<usize>>,
    /// `--` and the boundary.
    delimiter: Vec<u8>,
}

impl Form {
    /// Finds the part called `model` in a whole form; nothing where the body is not the form that `content_type` says.
    #[must_use]
    pub fn read(content_type: &str, body: &[u8]) -> Option<Self> {
        let delimiter = [b"--".as_slice(), boundary(content_type)?.as_bytes()].concat();
        let mut form = Self {
            model: None,
            is_ambiguous: false,
            span: None,
            delimiter,
        };
        let mut at = if body.starts_with(&form.delimiter) {
            form.delimiter.len()
        } else {
            memmem::find(body, &[b"\r\n", form.delimiter.as_slice()].concat())? + 2 + form.delimiter.len()
        };
        let end_of_part = [b"\r\n", form.delimiter.as_slice()].concat();
        while let Some(part) = body.get(at..).filter(|rest| !rest.starts_with(b"--")) {
            let head = memmem::find(part, b"\r\n\r\n")?;
            let start = at + head + 4;
            let end = start + memmem::find(body.get(start..)?, &end_of_part)?;
            if is_model(&part[..head]) {
                let value = std::str::from_utf8(&body[start..end]).ok()?;
                form.is_ambiguous = form.span.is_some();
                if form.is_ambiguous {
                    break;
                }
                form.model = Some(value.trim().to_owned()).filter(|model| !model.is_empty());
                form.span = Some(start..end);
            }
            at = end + end_of_part.len();
        }
        Some(form)
    }

    /// `body` with `model` in the place of its model, or as its first part.
    #[must_use]
    pub fn with_model(&self, body: &Bytes, model: &str) -> Pieces {
        if self.model.as_deref() == Some(model) {
            return whole(body.clone());
        }
        if let Some(span) = &self.span {
            let value = Bytes::copy_from_slice(model.as_bytes());
            return [body.slice(..span.start), value, body.slice(span.end..)];
        }
        let mut part = BytesMut::with_capacity(model.len() + self.delimiter.len() + 64);
        part.extend_from_slice(&self.delimiter);
        part.extend_from_slice(b"\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\n");
        part.extend_from_slice(model.as_bytes());
        part.extend_from_slice(b"\r\n");
        [part.freeze(), body.clone(), Bytes::new()]
    }
}

/// Whether a content type is that of a form.
#[must_use]
pub fn is_form(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default();
    essence.trim().eq_ignore_ascii_case("multipart/form-data")
}

/// The boundary that the content type of a form names (RFC 2046 section 5.1.1).
fn boundary(content_type: &str) -> Option<&str> {
    let mut parameters = content_type.split(';').map(str::trim);
    if !is_form(parameters.next()?) {
        return None;
    }
    let named = |parameter: &'_ str| {
        parameter
            .split_once('=')
            .is_some_and(|(name, _)| name.trim().eq_ignore_ascii_case("boundary"))
    };
    let (_, value) = parameters.find(|parameter| named(parameter))?.split_once('=')?;
    let value = value.trim().trim_matches('"');
    (1..=70).contains(&value.len()).then_some(value)
}

/// Whether a part's head names the field `model`, which is no file.
fn is_model(head: &[u8]) -> bool {
    let Ok(head) = std::str::from_utf8(head) else {
        return false;
    };
    head.lines()
        .filter_map(|line| line.split_once(':'))
        .filter(|(name, _)| name.trim().eq_ignore_ascii_case("content-disposition"))
        .any(|(_, value)| {
            let parameters = || {
                value
                    .split(';')
                    .skip(1)
                    .filter_map(|parameter| parameter.split_once('='))
            };
            let is = |wanted: &str, (name, _): &(&str, &str)| name.trim().eq_ignore_ascii_case(wanted);
            // A backslash in quotes means the character behind it, and some readers know `name*` (RFC 8187).
            let plain = |value: &str| value.trim().trim_matches('"').replace('\\', "");
            parameters().any(|pair| is("name", &pair) && plain(pair.1).eq_ignore_ascii_case("model"))
                && !parameters().any(|pair| is("filename", &pair))
                || parameters().any(|pair| is("name*", &pair))
        })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KIND: &str = "multipart/form-data; boundary=xyz";
    const FILE: &str = "--xyz\r\nContent-Disposition: form-data; name=\"file\"; filename=\"model\"\r\nContent-Type: audio/wav\r\n\r\n\0\u{1}--xy\r\n\r\n--xy\r\n";

    fn form(parts: &str) -> Bytes {
        Bytes::from(format!("{parts}--xyz--\r\n"))
    }

    #[test]
    fn the_model_is_replaced_wherever_its_part_stands() {
        let part = |model: &str| format!("--xyz\r\ncontent-disposition: form-data; name=\"model\"\r\n\r\n{model}\r\n");
        for (before, after) in [("", FILE), (FILE, ""), (FILE, FILE)] {
            let body = form(&[before, &part("fast"), after].concat());
            let found = Form::read(KIND, &body).unwrap();
            assert_eq!(found.model.as_deref(), Some("fast"));
            assert_eq!(
                found.with_model(&body, "whisper-1").concat(),
                form(&[before, &part("whisper-1"), after].concat())
            );
            assert_eq!(found.with_model(&body, "fast")[0].as_ptr(), body.as_ptr());
        }
    }

    #[test]
    fn a_missing_model_becomes_the_first_part() {
        let body = form(FILE);
        let found = Form::read("multipart/form-data;charset=utf-8; Boundary=\"xyz\"", &body).unwrap();
        assert_eq!(found.model, None);
        let patched = found.with_model(&body, "whisper-1").concat();
        assert_eq!(Form::read(KIND, &patched).unwrap().model.as_deref(), Some("whisper-1"));
        assert!(patched.ends_with(&body));
    }

    #[test]
    fn two_models_are_noticed_however_their_names_are_written() {
        let part = |name: &str| format!("--xyz\r\nContent-Disposition: form-data; {name}\r\n\r\nm\r\n");
        for second in [
            "name=\"model\"",
            "name=model",
            "name=\"mo\\del\"",
            "name*=utf-8''m%6fdel",
        ] {
            let body = form(&[part("name=\"model\""), FILE.to_owned(), part(second)].concat());
            assert!(Form::read(KIND, &body).unwrap().is_ambiguous, "{second}");
        }
        let body = form(&[part("name=\"models\""), part("name=\"model\"")].concat());
        assert!(!Form::read(KIND, &body).unwrap().is_ambiguous);
    }

    #[test]
    fn what_is_no_form_is_left_alone() {
        for (kind, body) in [
            ("application/json", "{}"),
            ("multipart/form-data", FILE),
            (KIND, ""),
            (KIND, "--xyz\r\nno end"),
            ("multipart/form-data; boundary=", FILE),
        ] {
            assert_eq!(Form::read(kind, body.as_bytes()), None, "{kind} {body}");
        }
    }

    proptest! {
        #[test]
        fn no_body_panics_and_other_parts_stay(noise in proptest::collection::vec(any::<u8>(), 0..200), model in "[a-z0-9/-]{1,20}") {
            let _ = Form::read(KIND, &noise);
            let mut body = b"--xyz\r\nContent-Disposition: form-data; name=\"file\"; filename=\"f\"\r\n\r\n".to_vec();
            body.extend_from_slice(&noise);
            body.extend_from_slice(b"\r\n--xyz\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nold\r\n--xyz--\r\n");
            let body = Bytes::from(body);
            if let Some(found) = Form::read(KIND, &body).filter(|found| found.model.as_deref() == Some("old")) {
                let patched = found.with_model(&body, &model).concat();
                prop_assert_eq!(patched.len(), body.len() - 3 + model.len());
                prop_assert!(memmem::find(&patched, &noise).is_some());
            }
        }
    }
}
