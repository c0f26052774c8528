//! Forms: where ours is read, a second reader that follows RFC 2046 and RFC 7578 finds the same models, and replacing them
//! changes no other part.

use bytes::Bytes;
use memchr::memmem;

use crate::dialect::wire::form::{Form, is_form};

/// A part: its head and its value.
type Part<'a> = (&'a [u8], &'a [u8]);

/// Checks what is read of a form, and what becomes of it when its model is replaced.
pub(super) fn check(content_type: &str, body: &[u8]) {
    // Nobody reads anything else as a form.
    let Some(Ok(form)) = is_form(content_type).then(|| Form::read(content_type, body)) else {
        return;
    };
    let boundary = boundary(content_type).expect("a second reader finds no boundary");
    let before = parts(body, &boundary).expect("a second reader finds no form");
    let models = |parts: &[Part<'_>]| -> Vec<String> {
        let models = parts.iter().filter(|(head, _)| is_model(head));
        let texts = models.map(|(_, value)| String::from_utf8_lossy(value).trim().to_owned());
        texts.filter(|text| !text.is_empty()).collect()
    };
    assert_eq!(form.models, models(&before), "a second reader finds other models");

    let body = Bytes::copy_from_slice(body);
    for model in ["m", "whisper-1 large"] {
        let patched = form.with_model(&body, model).concat();
        let read = Form::read(content_type, &patched).expect("what was patched cannot be read");
        let after = parts(&patched, &boundary).expect("what was patched is not a form");
        let count = before.iter().filter(|(head, _)| is_model(head)).count().max(1);
        assert_eq!((read.models.len(), models(&after).len()), (count, count));
        assert!(read.models.iter().all(|read| read == model), "a model is not replaced");
        let others = |parts: &[Part<'_>]| -> Vec<Vec<u8>> {
            let others = parts.iter().filter(|(head, _)| !is_model(head));
            others
                .map(|(head, value)| [head, &b"\r\n\r\n"[..], value].concat())
                .collect()
        };
        assert_eq!(others(&before), others(&after), "another part is changed");
        assert_eq!(preamble(&body, &boundary), preamble(&patched, &boundary));
    }
}

/// The parameters of a header's value, quotes taken off.
fn parameters(value: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let (mut pieces, mut quoted) = (vec![Vec::new()], false);
    for byte in value {
        quoted ^= *byte == b'"';
        match byte {
            b';' if !quoted => pieces.push(Vec::new()),
            byte => pieces.last_mut().into_iter().for_each(|piece| piece.push(*byte)),
        }
    }
    let split = |piece: &Vec<u8>| {
        let equals = piece.iter().position(|byte| *byte == b'=')?;
        let (name, value) = (piece[..equals].trim_ascii(), piece[equals + 1..].trim_ascii());
        let plain = value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\""));
        Some((name.to_ascii_lowercase(), plain.unwrap_or(value).to_vec()))
    };
    pieces.iter().skip(1).filter_map(split).collect()
}

fn parameter(value: &[u8], name: &str) -> Option<Vec<u8>> {
    let named = |(found, _): &(Vec<u8>, Vec<u8>)| found == name.as_bytes();
    parameters(value).into_iter().find(named).map(|(_, value)| value)
}

fn boundary(content_type: &str) -> Option<Vec<u8>> {
    parameter(content_type.as_bytes(), "boundary")
}

/// What stands before the first delimiter, which begins a line.
fn preamble<'a>(body: &'a [u8], boundary: &[u8]) -> &'a [u8] {
    let delimiter = [b"--", boundary].concat();
    let starts = memmem::find_iter(body, &delimiter);
    let first = starts
        .into_iter()
        .find(|start| *start == 0 || body[..*start].ends_with(b"\r\n"));
    &body[..first.unwrap_or(body.len())]
}

/// The parts between the delimiters, up to the last one. Nothing where one of them is not as it should be.
fn parts<'a>(body: &'a [u8], boundary: &[u8]) -> Option<Vec<Part<'a>>> {
    let delimiter = [b"\r\n--", boundary].concat();
    let first = preamble(body, boundary).len() + delimiter.len() - 2;
    let (mut parts, mut rest) = (Vec::new(), body.get(first..)?);
    while !rest.starts_with(b"--") {
        let part = rest.strip_prefix(b"\r\n")?;
        let end = memmem::find(part, &delimiter)?;
        let head = memmem::find(&part[..end], b"\r\n\r\n")?;
        parts.push((&part[..head], &part[head + 4..end]));
        rest = &part[end + delimiter.len()..];
    }
    Some(parts)
}

fn is_model(head: &[u8]) -> bool {
    let mut lines = head.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let named = |line: &&[u8]| {
        let name = line.split(|byte| *byte == b':').next().unwrap_or_default();
        name.eq_ignore_ascii_case(b"content-disposition")
    };
    let name = lines.find(named).and_then(|line| parameter(line, "name"));
    name.is_some_and(|name| name.trim_ascii().eq_ignore_ascii_case(b"model"))
}
