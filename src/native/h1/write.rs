//! Heads as they are written: everything that is the same on every connection. What depends on the connection or the body is
//! appended by the caller, and the empty line behind it.

use std::cell::RefCell;
use std::time::Duration;

use bytes::BytesMut;
use http::header::{self, HeaderMap};
use http::uri::{Authority, PathAndQuery};
use http::{StatusCode, request};
use tokio::time::Instant;

/// Appends the first lines of an answer: everything except what its connection needs, and the empty line.
pub(crate) fn write_answer(out: &mut BytesMut, status: StatusCode, headers: &HeaderMap) {
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

/// Appends the first lines of a request: everything except what its body needs, and the empty line.
///
/// `whole`: whether the target names the host as well, as proxies want it (RFC 9112 section 3.2.2).
pub(crate) fn write_request(out: &mut BytesMut, head: &request::Parts, whole: bool) {
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
        write_field(out, "host", host.as_bytes());
    }
    fields(out, &head.headers);
}

/// Appends the lines of all fields.
fn fields(out: &mut BytesMut, headers: &HeaderMap) {
    for (name, value) in headers {
        write_field(out, name.as_str(), value.as_bytes());
    }
}

/// Appends the line of a field.
pub(crate) fn write_field(out: &mut BytesMut, name: &str, value: &[u8]) {
    out.reserve(name.len() + value.len() + 4);
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

thread_local! {
    static DATE: RefCell<Date> = const { RefCell::new(Date { text: String::new(), written: None }) };
}

/// The date as text. To write it costs more than the rest of a head, so it is written anew twice a second at most.
struct Date {
    text: String,
    written: Option<Instant>,
}

impl Date {
    #[expect(clippy::disallowed_types, reason = "a date is the system clock's")]
    /// Returns the date now, not older than half a second.
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

    use super::super::head::{Search, read_answer};
    use super::*;

    #[test]
    fn what_was_written_is_read_again() {
        let (mut sent, ()) = Request::post("http://user@host.example:81/v1/chat?x=1")
            .body(())
            .unwrap()
            .into_parts();
        sent.headers.insert("x-one", HeaderValue::from_static("1"));
        let mut out = BytesMut::new();
        write_request(&mut out, &sent, false);
        assert_eq!(
            out,
            "POST /v1/chat?x=1 HTTP/1.1\r\nhost: host.example:81\r\nx-one: 1\r\n"
        );
        out.clear();
        write_request(&mut out, &sent, true);
        assert!(out.starts_with(b"POST http://host.example:81/v1/chat?x=1 HTTP/1.1\r\n"));
        out.clear();
        write_answer(&mut out, StatusCode::IM_A_TEAPOT, &sent.headers);
        out.extend_from_slice(b"\r\nbody");
        let head = read_answer(&mut Search::new(), &mut out).unwrap().unwrap();
        assert_eq!((head.parts.status, &out[..]), (StatusCode::IM_A_TEAPOT, &b"body"[..]));
        assert_eq!(head.parts.headers["x-one"], "1");
        assert!(head.parts.headers.contains_key(header::DATE));
    }

    #[test]
    fn a_target_is_a_path_with_its_query_and_behind_a_proxy_the_whole_address() {
        for (address, path) in [
            ("http://h", "/"),
            ("http://h?x=1", "/?x=1"),
            ("https://user:pass@h:8443/a%20b?c&d", "/a%20b?c&d"),
        ] {
            let (head, ()) = Request::get(address).body(()).unwrap().into_parts();
            let host = head.uri.authority().unwrap().as_str().rsplit('@').next().unwrap();
            for (whole, target) in [(false, path.to_owned()), (true, format!("http://{host}{path}"))] {
                let mut out = BytesMut::new();
                write_request(&mut out, &head, whole);
                assert_eq!(out, format!("GET {target} HTTP/1.1\r\nhost: {host}\r\n"));
            }
        }
    }

    #[test]
    fn a_status_line_has_a_blank_behind_its_status_and_every_answer_a_date() {
        let own = StatusCode::from_u16(299).unwrap();
        for status in [StatusCode::NO_CONTENT, own] {
            let mut out = BytesMut::new();
            write_answer(&mut out, status, &HeaderMap::new());
            assert!(out.starts_with(format!("HTTP/1.1 {} ", status.as_str()).as_bytes()));
            assert!(out.ends_with(b" GMT\r\n"));
        }
        let date = HeaderValue::from_static("Sun, 06 Nov 1994 08:49:37 GMT");
        let mut out = BytesMut::new();
        write_answer(&mut out, own, &HeaderMap::from_iter([(header::DATE, date)]));
        assert_eq!(out, "HTTP/1.1 299 Unknown\r\ndate: Sun, 06 Nov 1994 08:49:37 GMT\r\n");
    }
}
