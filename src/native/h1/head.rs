//! Heads. They are read strictly, since two readers who disagree about where a message ends can be played against each other
//! (RFC 9112 section 11.2): a request that can be read in two ways is refused. Upstreams are many and old, so an answer may end
//! its lines in line feeds alone; but its length has to be clear as well.
//!
//! A [`Search`] finds the end of a head as its bytes come. [`read_request`] and [`read_answer`] take the head off the buffer
//! when it is whole, and leave what follows.

use std::mem::MaybeUninit;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{self, HeaderMap, HeaderValue};
use http::uri::PathAndQuery;
use http::{Method, Request, Response, StatusCode, Uri, Version, request, response};

use super::body::Framing;
use super::host::is_host;
use super::names;

/// The largest head that is read, in bytes. The core has a limit of its own below it, and can say what is wrong.
pub(super) const HEAD_BUFFER: usize = 64 * 1024;

/// The most fields that a head may have.
const MAX_HEADERS: usize = 512;

/// The preface of HTTP/2 (RFC 9113 section 3.4).
pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The reason why a head is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unreadable {
    TooLarge,
    Malformed,
    /// It has both Content-Length and Transfer-Encoding.
    TwoLengths,
    /// It names no host, or several, or something that is not a host.
    NoHost,
    /// It stopped arriving.
    Slow,
}

/// The head of a request.
#[derive(Debug)]
pub(crate) struct RequestHead {
    pub(crate) parts: request::Parts,
    pub(crate) framing: Framing,
    /// Whether the client would like to use the connection again.
    pub(crate) keep: bool,
    /// Whether it waits for "100 Continue" before it sends the body.
    pub(crate) expects: bool,
}

/// The head of an answer.
#[derive(Debug)]
pub(crate) struct AnswerHead {
    pub(crate) parts: response::Parts,
    /// The framing of the body, if the answer has one. That depends on the request as well.
    pub(crate) framing: Framing,
    /// Whether the connection can be used again, as far as the upstream says.
    pub(crate) keep: bool,
    /// The time for which the upstream keeps the connection while it is idle, if it says so.
    pub(crate) patience: Option<Duration>,
}

/// A search for the end of the head at the beginning of a buffer. It is made anew for each connection, and used for all of its
/// heads.
pub(crate) struct Search {
    /// The number of bytes that were looked through before.
    seen: usize,
}

impl Search {
    /// A search that has not begun.
    pub(crate) const fn new() -> Self {
        Self { seen: 0 }
    }

    /// Takes a whole head off the buffer, if one is there. Each byte is looked at once, however slowly they come.
    ///
    /// `bare`: whether a line may end with a line feed alone.
    ///
    /// # Errors
    /// If the head is too large, or a line ends as it must not.
    fn take(&mut self, buffer: &mut BytesMut, bare: bool) -> Result<Option<Bytes>, Unreadable> {
        if self.seen == 0 {
            // Some clients send an empty line behind a body (RFC 9112 section 2.2).
            while buffer.starts_with(b"\r\n") {
                let _ = buffer.split_to(2);
            }
        }
        let mut end = None;
        for at in memchr::memchr_iter(b'\n', &buffer[self.seen..]) {
            let at = self.seen + at;
            if !bare && !buffer[..at].ends_with(b"\r") {
                return Err(Unreadable::Malformed);
            }
            end = match &buffer[at + 1..] {
                [b'\n', ..] if bare => Some(at + 2),
                [b'\r', b'\n', ..] => Some(at + 3),
                _ => continue,
            };
            break;
        }
        match end {
            Some(end) if end <= HEAD_BUFFER => {
                self.seen = 0;
                Ok(Some(buffer.split_to(end).freeze()))
            }
            None if buffer.len() < HEAD_BUFFER => {
                self.seen = buffer.len().saturating_sub(2);
                Ok(None)
            }
            _ => Err(Unreadable::TooLarge),
        }
    }
}

/// Room for the headers of one message. Only as much of it is touched as a message has.
const ROOM: [MaybeUninit<httparse::Header<'_>>; MAX_HEADERS] = [const { MaybeUninit::uninit() }; MAX_HEADERS];

impl From<httparse::Error> for Unreadable {
    fn from(error: httparse::Error) -> Self {
        match error {
            httparse::Error::TooManyHeaders => Self::TooLarge,
            _ => Self::Malformed,
        }
    }
}

/// Reads the head of a request; nothing while it is not whole.
///
/// # Errors
/// If the head is refused, or what has come cannot become a head.
pub(crate) fn read_request(search: &mut Search, buffer: &mut BytesMut) -> Result<Option<RequestHead>, Unreadable> {
    let begins = search.seen == 0;
    let Some(head) = search.take(buffer, false)? else {
        // It is not worth waiting for the end of something that cannot become a head.
        let hopeless = begins && !buffer.is_empty() && {
            let parsed = httparse::Request::new(&mut []).parse(buffer);
            parsed.is_err_and(|error| error != httparse::Error::TooManyHeaders)
        };
        return if hopeless { Err(Unreadable::Malformed) } else { Ok(None) };
    };
    let mut room = ROOM;
    let mut parsed = httparse::Request::new(&mut []);
    let status = httparse::ParserConfig::default().parse_request_with_uninit_headers(&mut parsed, &head, &mut room)?;
    let (httparse::Status::Complete(_), Some(method), Some(target), Some(version)) =
        (status, parsed.method, parsed.path, parsed.version)
    else {
        return Err(Unreadable::Malformed);
    };
    let (mut parts, ()) = Request::new(()).into_parts();
    parts.method = Method::from_bytes(method.as_bytes()).map_err(|_| Unreadable::Malformed)?;
    parts.uri = uri(&parts.method, head.slice_ref(target.as_bytes()))?;
    parts.version = if version == 0 {
        Version::HTTP_10
    } else {
        Version::HTTP_11
    };
    let mut read = Fields::read(&head, parsed.headers)?;
    let keep = read.keeps_connection(version);
    // The host that it is for must not depend on who reads it (RFC 9112 section 3.2).
    let mut hosts = read.headers.get_all(header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(host), None) if is_host(host.as_bytes()) => {}
        (None, None) if version == 0 => {}
        _ => return Err(Unreadable::NoHost),
    }
    let framing = match read.coding {
        _ if read.coding.is_some() && read.length.is_some() => return Err(Unreadable::TwoLengths),
        Some(Coding::Chunked) if version == 1 => Framing::Chunked,
        Some(_) => return Err(Unreadable::Malformed),
        None => Framing::Length(read.length.unwrap_or(0)),
    };
    // Nobody asks for another protocol under HTTP/1.0, and with a body in front of that protocol two readers could differ on
    // where it begins. A server may pass over any wish for one (RFC 9110 section 7.8).
    if read.upgrades && (version == 0 || framing != Framing::Length(0)) {
        read.headers.remove(header::UPGRADE);
    }
    parts.headers = read.headers;
    Ok(Some(RequestHead {
        parts,
        framing,
        keep,
        expects: version == 1 && read.expects,
    }))
}

/// Reads a target, in one of the four forms that RFC 9112 section 3.2 has.
fn uri(method: &Method, target: Bytes) -> Result<Uri, Unreadable> {
    // No form of a target has a fragment, and the parser would drop it: others may take it for a part of the path.
    if memchr::memchr(b'#', &target).is_some() {
        return Err(Unreadable::Malformed);
    }
    // Nearly all are paths: no authority is looked for in those.
    if target.starts_with(b"/") && method != Method::CONNECT {
        let path = PathAndQuery::from_maybe_shared(target).map_err(|_| Unreadable::Malformed)?;
        return Ok(Uri::from(path));
    }
    let uri = Uri::from_maybe_shared(target).map_err(|_| Unreadable::Malformed)?;
    let fits = match (uri.scheme_str(), uri.authority()) {
        (Some(scheme), Some(authority)) => {
            let is_http = ["http", "https"].iter().any(|http| scheme.eq_ignore_ascii_case(http));
            is_http && is_host(authority.as_str().as_bytes())
        }
        (None, Some(_)) => method == Method::CONNECT,
        // The whole server, which is not a path.
        (None, None) => method == Method::OPTIONS && uri.path() == "*",
        (Some(_), None) => false,
    };
    if fits { Ok(uri) } else { Err(Unreadable::Malformed) }
}

/// Reads the head of an answer; nothing while it is not whole.
///
/// # Errors
/// If the head can be read in two ways, or what has come cannot become a head.
pub(crate) fn read_answer(search: &mut Search, buffer: &mut BytesMut) -> Result<Option<AnswerHead>, Unreadable> {
    let begins = search.seen == 0;
    let Some(head) = search.take(buffer, true)? else {
        let hopeless = begins && {
            let parsed = httparse::Response::new(&mut []).parse(buffer);
            parsed.is_err_and(|error| error != httparse::Error::TooManyHeaders)
        };
        return if hopeless { Err(Unreadable::Malformed) } else { Ok(None) };
    };
    let mut room = ROOM;
    let mut parsed = httparse::Response::new(&mut []);
    let status = httparse::ParserConfig::default().parse_response_with_uninit_headers(&mut parsed, &head, &mut room)?;
    let (httparse::Status::Complete(_), Some(code), Some(version)) = (status, parsed.code, parsed.version) else {
        return Err(Unreadable::Malformed);
    };
    let (mut parts, ()) = Response::new(()).into_parts();
    parts.status = StatusCode::from_u16(code).map_err(|_| Unreadable::Malformed)?;
    let mut read = Fields::read(&head, parsed.headers)?;
    let asks = read.keeps_connection(version);
    // A coding that is not undone would pass for content, and HTTP/1.0 has none (RFC 9112 section 6.1). If a length is said
    // twice, the next reader may believe either.
    if read.coding == Some(Coding::Other) || read.coding.is_some() && version == 0 || read.repeats_length {
        return Err(Unreadable::Malformed);
    }
    let framing = match (read.coding, read.length) {
        (Some(_), _) => Framing::Chunked,
        (None, None) => Framing::Close,
        (None, Some(length)) => Framing::Length(length),
    };
    let two_lengths = read.coding.is_some() && read.length.is_some();
    if two_lengths {
        read.headers.remove(header::CONTENT_LENGTH);
    }
    let patience = read.headers.get("keep-alive").and_then(patience);
    parts.headers = read.headers;
    Ok(Some(AnswerHead {
        parts,
        framing,
        keep: asks && !two_lengths && framing != Framing::Close,
        patience,
    }))
}

/// Returns the `timeout` of a Keep-Alive field, which is in seconds (RFC 2068 section 19.7.1.1).
fn patience(field: &HeaderValue) -> Option<Duration> {
    let mut parameters = field.to_str().ok()?.split([',', ';']);
    let seconds = parameters.find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        let value = value.trim().trim_matches('"');
        name.trim()
            .eq_ignore_ascii_case("timeout")
            .then(|| value.parse().ok())?
    })?;
    Some(Duration::from_secs(seconds))
}

/// The coding of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Coding {
    Chunked,
    Other,
}

/// The fields of a head, and what they say about the body and the connection.
#[derive(Default)]
struct Fields {
    headers: HeaderMap,
    length: Option<u64>,
    /// Whether the length stands more than once, always the same.
    repeats_length: bool,
    coding: Option<Coding>,
    closes: bool,
    keeps: bool,
    expects: bool,
    upgrades: bool,
}

impl Fields {
    /// Reads the fields that were found in `head`.
    fn read(head: &Bytes, parsed: &[httparse::Header<'_>]) -> Result<Self, Unreadable> {
        let mut read = Self {
            headers: HeaderMap::with_capacity(parsed.len()),
            ..Self::default()
        };
        for field in parsed {
            let malformed = |_| Unreadable::Malformed;
            let name = names::name(field.name).map_err(malformed)?;
            let value =
                HeaderValue::from_maybe_shared(head.slice_ref(field.value)).map_err(|_| Unreadable::Malformed)?;
            if name == header::CONTENT_LENGTH {
                let length = content_length(field.value).ok_or(Unreadable::Malformed)?;
                if read.length.is_some_and(|before| before != length) {
                    return Err(Unreadable::Malformed);
                }
                read.repeats_length |= read.length.is_some() || field.value.contains(&b',');
                if read.length.replace(length).is_some() {
                    continue;
                }
            } else if name == header::TRANSFER_ENCODING {
                let chunked = field.value.eq_ignore_ascii_case(b"chunked") && read.coding.is_none();
                read.coding = Some(if chunked { Coding::Chunked } else { Coding::Other });
            } else if name == header::CONNECTION {
                read.closes |= lists(field.value, b"close");
                read.keeps |= lists(field.value, b"keep-alive");
            } else if name == header::EXPECT {
                read.expects |= field.value.eq_ignore_ascii_case(b"100-continue");
            } else if name == header::UPGRADE {
                read.upgrades = true;
            }
            read.headers.append(name, value);
        }
        Ok(read)
    }

    /// Whether the connection may be used again, as far as `connection` says (RFC 9112 section 9.3). `version`: the minor one.
    const fn keeps_connection(&self, version: u8) -> bool {
        !self.closes && (version > 0 || self.keeps)
    }
}

/// Returns the length in a field that has digits and nothing else, once or the same ones several times (RFC 9110 section 8.6).
fn content_length(value: &[u8]) -> Option<u64> {
    let mut lengths = value.split(|byte| *byte == b',').map(|length| {
        let digits = std::str::from_utf8(length.trim_ascii()).ok()?;
        let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        digits.parse::<u64>().ok().filter(|_| plain)
    });
    let first = lengths.next()??;
    lengths.all(|length| length == Some(first)).then_some(first)
}

/// Whether a list of words has one.
fn lists(value: &[u8], word: &[u8]) -> bool {
    let mut words = value.split(|byte| *byte == b',');
    words.any(|listed| listed.trim_ascii().eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests;
