//! The head of a form's part: which field it is.

/// Why a form cannot be read with certainty: a sentence for the client.
pub type Uncertain = &'static str;

/// What a part of a form is, as far as the gateway must know.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// The field `model`.
    Model,
    /// Another field, or a file.
    Other,
}

impl Part {
    /// Reads the header of a part: the lines before the empty one (RFC 7578 section 4.2).
    pub(crate) fn of(head: &[u8]) -> Result<Self, Uncertain> {
        let mut named = None;
        let mut is_encoded = false;
        for line in lines(head)? {
            let colon = line.iter().position(|byte| *byte == b':');
            let (name, value) = line.split_at(colon.ok_or("A part's header has a line without a colon.")?);
            let value = value[1..].trim_ascii();
            let is = |wanted: &str| name.eq_ignore_ascii_case(wanted.as_bytes());
            if name.is_empty() || !name.iter().copied().all(is_token) {
                return Err("A part's header has a line whose name HTTP does not allow.");
            }
            if is("content-disposition") && named.replace(Disposition::of(value)?).is_some() {
                return Err("A part has two Content-Disposition.");
            }
            if is("content-type") && begins_with(value, b"multipart/") {
                return Err("A part is a form itself.");
            }
            is_encoded |= is("content-type") && has_other_charset(value)
                || is("content-transfer-encoding")
                    && !["7bit", "8bit", "binary"]
                        .iter()
                        .any(|plain| value.eq_ignore_ascii_case(plain.as_bytes()));
        }
        let disposition = named.ok_or("A part has no Content-Disposition.")?;
        let name = disposition.name.trim_ascii();
        // PHP and others make a list of parts that are called so.
        if begins_with(name, b"model[") {
            return Err("Its `model` is a list.");
        }
        if !name.eq_ignore_ascii_case(b"model") {
            return Ok(Self::Other);
        }
        // For some readers a part with an empty file name is a file, for others it is not.
        if disposition.is_file {
            return Err("Its `model` is a file.");
        }
        if is_encoded {
            return Err("Its `model` is encoded; send it as plain UTF-8.");
        }
        Ok(Self::Model)
    }
}

/// The parameters of a `Content-Disposition` that matter here.
struct Disposition<'a> {
    name: &'a [u8],
    is_file: bool,
}

impl<'a> Disposition<'a> {
    fn of(value: &'a [u8]) -> Result<Self, Uncertain> {
        let end = value.iter().position(|byte| *byte == b';').unwrap_or(value.len());
        if !value[..end].trim_ascii().eq_ignore_ascii_case(b"form-data") {
            return Err("A part's Content-Disposition is not `form-data`.");
        }
        let (mut name, mut is_file) = (None, false);
        for (parameter, value) in parameters(value.get(end + 1..).unwrap_or_default())? {
            if parameter.eq_ignore_ascii_case(b"name") {
                if value.contains(&b'\\') {
                    return Err("A part's name has a backslash.");
                }
                if name.replace(value).is_some() {
                    return Err("A part has two names.");
                }
            } else if parameter.eq_ignore_ascii_case(b"filename") || parameter.eq_ignore_ascii_case(b"filename*") {
                is_file = true;
            } else if parameter.contains(&b'*') {
                // `name*`, and a long value in pieces (RFC 2231, RFC 8187): few readers know them.
                return Err("A part's name is spelled in a way that few know.");
            }
        }
        let name = name.ok_or("A part has no name.")?;
        Ok(Self { name, is_file })
    }
}

/// Returns the lines of a head, none of them folded or with control characters.
fn lines(head: &[u8]) -> Result<impl Iterator<Item = &[u8]>, Uncertain> {
    let mut rest = head;
    let mut lines = Vec::new();
    while !rest.is_empty() {
        let end = memchr::memmem::find(rest, b"\r\n").unwrap_or(rest.len());
        let (line, behind) = rest.split_at(end);
        if line.iter().any(|byte| byte.is_ascii_control() && *byte != b'\t') {
            return Err("A part's header has control characters, or lines that do not end with CR LF.");
        }
        if line.first().is_none_or(|first| matches!(first, b' ' | b'\t')) {
            return Err("A part's header has a folded line.");
        }
        lines.push(line);
        rest = behind.get(2..).unwrap_or_default();
    }
    Ok(lines.into_iter())
}

/// A name and a value, without the quotes around it.
type Parameter<'a> = (&'a [u8], &'a [u8]);

/// Returns the parameters of a header's value in order: `rest` is what stands behind its first semicolon.
pub(crate) fn parameters(mut rest: &[u8]) -> Result<Vec<Parameter<'_>>, Uncertain> {
    const MALFORMED: Uncertain = "A parameter of Content-Type or Content-Disposition is malformed.";
    let mut parameters = Vec::new();
    loop {
        rest = rest.trim_ascii_start();
        if rest.is_empty() {
            return Ok(parameters);
        }
        let equals = rest.iter().position(|byte| *byte == b'=').ok_or(MALFORMED)?;
        let (name, behind) = (&rest[..equals], &rest[equals + 1..]);
        if name.is_empty() || !name.iter().copied().all(is_token) {
            return Err(MALFORMED);
        }
        let (value, behind) = if let Some(quoted) = behind.strip_prefix(b"\"") {
            let quote = quoted.iter().position(|byte| *byte == b'"').ok_or(MALFORMED)?;
            // For some readers the backslash makes the quote a part of the value, for others it does not.
            if quoted[..quote].ends_with(b"\\") {
                return Err("A quote in a part's header has a backslash before it.");
            }
            (&quoted[..quote], &quoted[quote + 1..])
        } else {
            let end = behind.iter().position(|byte| !is_plain(*byte)).unwrap_or(behind.len());
            if end == 0 {
                return Err(MALFORMED);
            }
            behind.split_at(end)
        };
        parameters.push((name, value));
        rest = behind.trim_ascii_start();
        if let Some(next) = rest.strip_prefix(b";") {
            rest = next;
        } else if !rest.is_empty() {
            return Err(MALFORMED);
        }
    }
}

/// Whether a content type names a charset in which ASCII is not ASCII.
fn has_other_charset(content_type: &[u8]) -> bool {
    let text = content_type.to_ascii_lowercase();
    let has = |what: &[u8]| memchr::memmem::find(&text, what).is_some();
    has(b"charset") && !has(b"utf-8") && !has(b"ascii") && !has(b"8859")
}

fn begins_with(text: &[u8], what: &[u8]) -> bool {
    text.get(..what.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(what))
}

/// Whether a byte may stand in a name (RFC 9110 section 5.6.2).
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Whether a byte may stand in a value without quotes: those of a name, and those that boundaries have (RFC 2046 section
/// 5.1.1).
fn is_plain(byte: u8) -> bool {
    is_token(byte) || b"()/:=?".contains(&byte)
}
