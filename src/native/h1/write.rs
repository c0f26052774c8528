//! Heads as they are written.

use std::cell::RefCell;
use std::time::Duration;

use bytes::BytesMut;
use http::header::{self, HeaderMap};
use http::uri::{Authority, PathAndQuery};
use http::{StatusCode, request};
use tokio::time::Instant;

/// Writes the first lines of an answer: all but what its connection needs, and the empty line.
pub(super) fn answer(out: &mut BytesMut, status: StatusCode, headers: &HeaderMap) {
    out.extend_from_slice(b"HTTP/1.1 ");
    out.extend_from_slice(status.as_str().as_bytes());
    out.extend_from_slice(b" ");
    out.extend_from_slice(status.canonical_reason().unwrap_or("Unknown").as_bytes());
    out.extend_from_slice(b"\r\n");
    fields(out, headers);
    if !headers.contains_key(header::DATE) {
        out.extend_from_slice(b"date: ");
        DATE.with_borrow_mut(|date| out.extend_from_slice(date.now().as_bytes()));
        out.extend_from_slice(b"\r\n");
    }
}

/// Writes the first lines of a request: all but what its body needs, and the empty line.
///
/// `whole`: the target names the host as well, as proxies want it (RFC 9112 section 3.2.2).
pub(super) fn request(out: &mut BytesMut, head: &request::Parts, whole: bool) {
    let authority = head.uri.authority().map_or("", Authority::as_str);
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let target = head.uri.path_and_query().map_or("/", PathAndQuery::as_str);
    out.extend_from_slice(head.method.as_str().as_bytes());
    out.extend_from_slice(b" ");
    if whole {
        out.extend_from_slice(b"http://");
        out.extend_from_slice(host.as_bytes());
    }
    if !target.starts_with('/') {
        out.extend_from_slice(b"/");
    }
    out.extend_from_slice(target.as_bytes());
    out.extend_from_slice(b" HTTP/1.1\r\n");
    if !head.headers.contains_key(header::HOST) {
        field(out, "host", host.as_bytes());
    }
    fields(out, &head.headers);
}

fn fields(out: &mut BytesMut, headers: &HeaderMap) {
    for (name, value) in headers {
        field(out, name.as_str(), value.as_bytes());
    }
}

pub(super) fn field(out: &mut BytesMut, name: &str, value: &[u8]) {
    out.reserve(name.len() + value.len() + 4);
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

thread_local! {
    static DATE: RefCell<Date> = const { RefCell::new(Date { text: String::new(), written: None }) };
}

/// The date as text, written anew when it has changed.
struct Date {
    text: String,
    written: Option<Instant>,
}

impl Date {
    #[expect(clippy::disallowed_types, reason = "a date is the system clock's")]
    fn now(&mut self) -> &str {
        let now = Instant::now();
        if self
            .written
            .is_none_or(|written| now - written >= Duration::from_millis(500))
        {
            self.text = httpdate::fmt_http_date(std::time::SystemTime::now());
            self.written = Some(now);
        }
        &self.text
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderValue, Request};

    use super::super::head::{self, Search};
    use super::*;

    #[test]
    fn what_was_written_is_read_again() {
        let (mut sent, ()) = Request::post("http://user@host.example:81/v1/chat?x=1")
            .body(())
            .unwrap()
            .into_parts();
        sent.headers.insert("x-one", HeaderValue::from_static("1"));
        let mut out = BytesMut::new();
        request(&mut out, &sent, false);
        assert_eq!(
            out,
            "POST /v1/chat?x=1 HTTP/1.1\r\nhost: host.example:81\r\nx-one: 1\r\n"
        );
        out.clear();
        request(&mut out, &sent, true);
        assert!(out.starts_with(b"POST http://host.example:81/v1/chat?x=1 HTTP/1.1\r\n"));
        out.clear();
        answer(&mut out, StatusCode::IM_A_TEAPOT, &sent.headers);
        out.extend_from_slice(b"\r\nbody");
        let head = head::answer(&mut Search::new(), &mut out).unwrap().unwrap();
        assert_eq!((head.parts.status, &out[..]), (StatusCode::IM_A_TEAPOT, &b"body"[..]));
        assert_eq!(head.parts.headers["x-one"], "1");
        assert!(head.parts.headers.contains_key(header::DATE));
    }
}
