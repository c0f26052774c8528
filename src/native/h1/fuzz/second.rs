//! A second reader of HTTP/1.1: it reads bytes that are all there, step by step as RFC 9112 describes a message. It is made
//! to be checked by eye, and knows nothing of the reader that it is compared with.

use std::ops::Range;

/// How strictly a message is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rules {
    /// A request: lines end with CR LF, and no blanks stand around a chunk's size.
    Strict,
    /// An answer: a line of the head may end with LF alone, and blanks may stand behind a chunk's size.
    Lenient,
}

/// A head, with names and values as they stand in the bytes.
#[derive(Debug)]
pub(super) struct Head<'a> {
    pub(super) line: &'a [u8],
    pub(super) fields: Vec<(&'a [u8], &'a [u8])>,
    /// Where it ends in the bytes.
    pub(super) end: usize,
}

/// A body, as far as it has come.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Body {
    pub(super) bytes: Vec<u8>,
    /// Where it ends in the bytes, if it does.
    pub(super) end: Option<usize>,
}

/// How long a body is (RFC 9112 section 6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Length {
    None,
    Known(u64),
    Chunked,
    /// Several say so, and both may be meant.
    Both,
}

/// The line at the beginning of `bytes`, and where the next one begins. Nothing where it has no end or a wrong one.
fn line(bytes: &[u8], rules: Rules) -> Option<(&[u8], usize)> {
    let feed = bytes.iter().position(|byte| *byte == b'\n')?;
    let text = match (bytes[..feed].strip_suffix(b"\r"), rules) {
        (Some(text), _) => text,
        (None, Rules::Lenient) => &bytes[..feed],
        (None, Rules::Strict) => return None,
    };
    let is_text = |byte: &u8| *byte == b'\t' || !byte.is_ascii_control();
    text.iter().all(is_text).then_some((text, feed + 1))
}

/// The head that begins at `start`, behind empty lines. Nothing where it is not whole, or is wrong.
pub(super) fn head(bytes: &[u8], start: usize, rules: Rules) -> Option<Head<'_>> {
    let mut at = start;
    let first = loop {
        let (text, length) = line(&bytes[at..], rules)?;
        at += length;
        if !text.is_empty() {
            break text;
        }
    };
    let mut fields = Vec::new();
    loop {
        let (text, length) = line(&bytes[at..], rules)?;
        at += length;
        if text.is_empty() {
            return Some(Head {
                line: first,
                fields,
                end: at,
            });
        }
        let colon = text.iter().position(|byte| *byte == b':')?;
        let name = &text[..colon];
        if name.is_empty() || !name.iter().all(|byte| is_token(*byte)) {
            return None;
        }
        fields.push((name, text[colon + 1..].trim_ascii()));
    }
}

/// Whether a byte may stand in a name (RFC 9110 section 5.6.2).
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

impl<'a> Head<'a> {
    /// Method, target and version of a request.
    pub(super) fn request_line(&self) -> Option<[&'a [u8]; 3]> {
        let words: Vec<&'a [u8]> = self.line.split(|byte| *byte == b' ').collect();
        let [method, target, version] = words.try_into().ok()?;
        let fits = !method.is_empty() && method.iter().all(|byte| is_token(*byte)) && !target.is_empty();
        (fits && is_version(version)).then_some([method, target, version])
    }

    /// Version and status of an answer.
    pub(super) fn status_line(&self) -> Option<(&'a [u8], u16)> {
        let (version, rest) = self.line.split_at_checked(8)?;
        let (status, reason) = rest.strip_prefix(b" ")?.split_at_checked(3)?;
        let fits = is_version(version) && (reason.is_empty() || reason.starts_with(b" "));
        let digits = std::str::from_utf8(status).ok().filter(|_| fits)?;
        Some((version, digits.parse().ok()?))
    }

    /// The values of all fields with this name, in order.
    pub(super) fn all(&self, name: &str) -> Vec<&'a [u8]> {
        let named = self
            .fields
            .iter()
            .filter(|(field, _)| field.eq_ignore_ascii_case(name.as_bytes()));
        named.map(|(_, value)| *value).collect()
    }

    /// Whether a list of words in these fields has `word`.
    pub(super) fn lists(&self, name: &str, word: &str) -> bool {
        let values = self.all(name).join(&b","[..]);
        let mut words = values.split(|byte| *byte == b',');
        words.any(|listed| listed.trim_ascii().eq_ignore_ascii_case(word.as_bytes()))
    }

    /// Returns what the head says of its body; nothing if that is not a length.
    pub(super) fn length(&self) -> Option<Length> {
        let codings = self.all("transfer-encoding");
        let lengths = self.all("content-length");
        if !codings.is_empty() {
            let [coding] = *codings else { return None };
            let known = coding.eq_ignore_ascii_case(b"chunked");
            let length = if lengths.is_empty() {
                Length::Chunked
            } else {
                Length::Both
            };
            return known.then_some(length);
        }
        let all = lengths.join(&b","[..]);
        if lengths.is_empty() {
            return Some(Length::None);
        }
        let mut read = all.split(|byte| *byte == b',').map(|text| {
            let text = text.trim_ascii();
            let digits = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
            std::str::from_utf8(text).ok()?.parse().ok().filter(|_| digits)
        });
        let first: u64 = read.next()??;
        read.all(|length| length == Some(first)).then_some(Length::Known(first))
    }
}

fn is_version(text: &[u8]) -> bool {
    text == b"HTTP/1.1" || text == b"HTTP/1.0"
}

/// The bytes of a body of known length that begins at `start`.
pub(super) fn counted(bytes: &[u8], start: usize, length: u64) -> Body {
    let there = &bytes[start..];
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    match there.get(..length) {
        Some(whole) => Body {
            bytes: whole.to_vec(),
            end: Some(start + length),
        },
        None => Body {
            bytes: there.to_vec(),
            end: None,
        },
    }
}

/// The bytes of a body in chunks that begins at `start` (RFC 9112 section 7.1). An error where it is wrong.
pub(super) fn chunked(bytes: &[u8], start: usize, rules: Rules) -> Result<Body, &'static str> {
    let (mut body, mut at) = (Body::default(), start);
    loop {
        let Some(text) = chunk_line(bytes, &mut at)? else {
            return Ok(body);
        };
        let size = chunk_size(text, rules)?;
        if size == 0 {
            break;
        }
        let data = counted(bytes, at, size);
        body.bytes.extend(data.bytes);
        let Some(end) = data.end else { return Ok(body) };
        at = end;
        match &bytes[at..] {
            [] | b"\r" => return Ok(body),
            [b'\r', b'\n', ..] => at += 2,
            _ => return Err("a chunk is longer than its size"),
        }
    }
    while let Some(text) = chunk_line(bytes, &mut at)? {
        if text.is_empty() {
            body.end = Some(at);
            break;
        }
    }
    Ok(body)
}

/// The line at `at`, which moves behind it. Nothing where it has not ended.
fn chunk_line<'a>(bytes: &'a [u8], at: &mut usize) -> Result<Option<&'a [u8]>, &'static str> {
    if !bytes[*at..].contains(&b'\n') {
        return Ok(None);
    }
    let (text, length) = line(&bytes[*at..], Rules::Strict).ok_or("a line between chunks is wrong")?;
    *at += length;
    Ok(Some(text))
}

fn chunk_size(text: &[u8], rules: Rules) -> Result<u64, &'static str> {
    let digits: Range<usize> = 0..text.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    let behind = &text[digits.end..];
    let blanks = behind.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    let fits = match behind.get(blanks) {
        // Blanks may stand before an extension (section 7.1.1), and in old servers' answers before nothing.
        Some(byte) => *byte == b';',
        None => blanks == 0 || rules == Rules::Lenient,
    };
    let size = std::str::from_utf8(&text[digits]).ok().filter(|_| fits);
    size.and_then(|size| u64::from_str_radix(size, 16).ok())
        .ok_or("a chunk's size is wrong")
}
