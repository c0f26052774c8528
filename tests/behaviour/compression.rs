//! Compressed bodies, which pass untouched or not at all.

use std::io::Read;
use std::sync::Mutex;
use std::sync::mpsc::channel;

use serde_json::json;

use crate::classes::send;
use crate::cuts::EVENT;
use crate::support::upstream::{JSON, SSE, Upstream};
use crate::support::{Gateway, Runtime, chat};

const BODY: &str = r#"{"model":"m","stream":true}"#;

/// `{"object":"list","data":[{"id":"file-1"},{"id":"file-2"},{"id":"file-3"}]}`, by gzip.
const LIST: &[u8] = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xabV\xcaO\xcaJM.Q\xb2R\xca\xc9,.Q\xd2QJI,IT\xb2\x8a\xaeV\xcaL\x01\x0a\xa6e\xe6\xa4\xea\x1a*\xd5\xea \xf3\x8d\xd0\xf8\xc6J\xb5\xb1\xb5\x00>\xf2~\xb3J\x00\x00\x00";

/// `{"error":{"message":"No such file for up-SECRET-1","code":"nothing","param":null,"type":"invalid_request_error"}}`
const ERROR: &[u8] = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03%\x8d1\x0b\x830\x14\x06\xffJ\xf8f3t\xcdZ\x5c;\xb4\xdd%\x98\x17\x0d\xc4\xbc\xf4%\x11D\xfc\xef*]\xef\x0en\x07\x89\xb0\xc0\xecX\xa8\x14;\x11\x0c^\xacJ\x1bg\xe5C$\xe5YT\xcb\xfa\xd3?\xdf\xfdW?\xd0adwW\x89\xeb\x1c\xd2t\x81l\xc5.0\xa9\xc5\xd8\xa1n\xf9\xb6!\xad6\x067\x08\xfd\x1a\x95:\xfc7\xc7q\x02\x1c\x17\xd5Cq\x00\x00\x00";

/// An upstream that compresses everything but what is asked for as it is; a stubborn one compresses that as well.
fn upstream(status: &'static str, compressed: &'static [u8], stubborn: bool) -> Upstream {
    Upstream::start(move |received, to| {
        if received.one("accept-encoding") == Some("identity") && !stubborn {
            let plain = r#"{"error":{"message":"No such file for up-SECRET-1","code":"nothing","param":null,"type":"invalid_request_error"}}"#;
            return to.answer(status, JSON, plain);
        }
        let length = compressed.len();
        to.head(
            status,
            &format!("{JSON}content-encoding: gzip\r\nvary: accept-encoding\r\ncontent-length: {length}\r\n"),
        );
        to.send(compressed);
    })
}

pub(crate) fn what_is_passed_unread_may_be_compressed_as_the_client_likes(runtime: Runtime) {
    let upstream = upstream("200 OK", LIST, true);
    let gateway = Gateway::to(runtime, &upstream, json!({}));
    let length = LIST.len().to_string();
    for path in ["/v1/files", "/v1/files/file-1/content"] {
        let came = send(&gateway, &format!("GET {path}"), "accept-encoding: gzip\r\n", b"");
        assert!(
            came.status == 200 && came.body == LIST,
            "{}\n{:?}",
            came.head,
            came.body
        );
        for (name, value) in [
            ("content-encoding", "gzip"),
            ("content-type", "application/json"),
            ("vary", "accept-encoding"),
            ("content-length", &length),
        ] {
            assert_eq!(came.field(name), Some(value), "{}", came.head);
        }
    }
    for accepted in ["gzip, br;q=0.5", "zstd", "identity"] {
        send(
            &gateway,
            "GET /v1/files",
            &format!("accept-encoding: {accepted}\r\n"),
            b"",
        );
        let received = upstream.received().pop().unwrap();
        assert_eq!(received.one("accept-encoding"), Some(accepted));
    }
}

pub(crate) fn where_the_answer_is_read_it_is_asked_for_as_it_is(runtime: Runtime) {
    let upstream = Upstream::answering("200 OK", JSON, r#"{"data":[]}"#);
    let gateway = Gateway::to(runtime, &upstream, json!({}));
    let zipped = "accept-encoding: gzip\r\ncontent-type: application/json\r\n";
    for (target, fields) in [
        ("POST /v1/responses", zipped),
        ("POST /v1/chat/completions", zipped),
        ("DELETE /v1/files/file-1", zipped),
        ("GET /v1/models", zipped),
        ("GET /v1/files", ""),
    ] {
        let body: &[u8] = if target.starts_with("POST") {
            br#"{"model":"m"}"#
        } else {
            b""
        };
        assert_eq!(send(&gateway, target, fields, body).status, 200, "{target}");
        let received = upstream.received().pop().unwrap();
        assert_eq!(received.one("accept-encoding"), Some("identity"), "{target}");
    }
}

pub(crate) fn an_error_is_read_and_cleaned_even_where_it_came_compressed(runtime: Runtime) {
    for (target, requests) in [("GET /v1/files/file-1", 2), ("DELETE /v1/files/file-1", 1)] {
        let upstream = upstream("404 Not Found", ERROR, false);
        let gateway = Gateway::to(runtime, &upstream, json!({"api_keys": ["up-SECRET-1"]}));
        let came = send(&gateway, target, "accept-encoding: gzip\r\n", b"");
        assert_eq!(came.error(), (404, "nothing".into()), "{target}");
        assert!(came.text().contains("No such file for [redacted]"), "{}", came.text());
        assert_eq!(came.field("content-encoding"), None);
        assert_eq!(upstream.received().len(), requests, "{target}");
    }
}

pub(crate) fn an_error_that_stays_compressed_is_told_in_the_gateways_words(runtime: Runtime) {
    let upstream = upstream("404 Not Found", ERROR, true);
    let gateway = Gateway::to(runtime, &upstream, json!({"api_keys": ["up-SECRET-1"]}));
    let came = send(&gateway, "GET /v1/files/file-1", "accept-encoding: gzip\r\n", b"");
    assert_eq!(came.field("content-encoding"), None);
    // Workers take gzip off by themselves.
    let code = match runtime {
        Runtime::Native => "upstream_invalid_response",
        Runtime::Worker => "nothing",
    };
    assert_eq!(came.error(), (404, code.into()));
}

/// `{"choices":[{"message":{"content":"hi"}}]}`, by gzip.
const CHAT: &[u8] = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xab\x56\x4a\xce\xc8\xcf\x4c\x4e\x2d\x56\xb2\x8a\xae\x56\xca\x4d\x2d\x2e\x4e\x4c\x4f\x55\xb2\xaa\x56\x4a\xce\xcf\x2b\x49\xcd\x2b\x51\xb2\x52\xca\xc8\x54\xaa\xad\x8d\xad\x05\x00\xcb\x01\x32\x54\x2a\x00\x00\x00";

const DONE: &str = "data: [DONE]\n\n";

/// What gzip's files begin with.
const GZIP: &[u8] = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03";

/// Bytes as gzip keeps what it does not compress (RFC 1951, section 3.2.4).
fn stored(bytes: &str, is_last: bool) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).unwrap();
    let head = [
        &[u8::from(is_last)][..],
        &length.to_le_bytes(),
        &(!length).to_le_bytes(),
    ]
    .concat();
    [head, bytes.as_bytes().to_vec()].concat()
}

/// [`EVENT`] and [`DONE`], by gzip.
fn zipped() -> Vec<u8> {
    let (check, length) = (2_808_276_803_u32, 93_u32);
    assert_eq!(EVENT.len() + DONE.len(), 93);
    let end = [check.to_le_bytes(), length.to_le_bytes()].concat();
    [GZIP, &stored(EVENT, false), &stored(DONE, true), &end].concat()
}

pub(crate) fn what_cannot_be_read_is_passed_at_once_and_breaks_where_it_breaks(runtime: Runtime) {
    // Neither runtime knows these. The bytes have the ends of lines, and what looks like an error.
    const BYTES: &[u8] = b"\x28\xb5\x2f\xfd\n\"error\"\nup\r\x00\xff";
    for (coding, framing) in [
        ("zstd", "content-length: 5000\r\n"),
        ("zstd", "transfer-encoding: chunked\r\n"),
        ("GZIP, zstd", "transfer-encoding: chunked\r\n"),
    ] {
        let (received, receives) = channel();
        let receives = Mutex::new(receives);
        let upstream = Upstream::start(move |_, to| {
            to.head("200 OK", &format!("{SSE}content-encoding: {coding}\r\n{framing}"));
            if framing.contains("chunked") {
                to.send(format!("{:x}\r\n", BYTES.len()).as_bytes());
            }
            to.send(BYTES);
            // It breaks when all of this has arrived.
            let _ = receives.lock().unwrap().recv();
        });
        let gateway = Gateway::to(runtime, &upstream, json!({"verify_end": true}));
        let (head, mut body) = gateway.open(chat("", BODY)).arriving();
        assert!(
            head.to_lowercase()
                .contains(&format!("content-encoding: {coding}").to_lowercase()),
            "{head}"
        );
        let mut came = vec![0; BYTES.len()];
        body.read_exact(&mut came).expect("something is held back");
        assert_eq!(came, BYTES);
        received.send(()).unwrap();
        let mut rest = Vec::new();
        assert!(
            body.read_to_end(&mut rest).is_err(),
            "a break looks like an end: {rest:?}"
        );
        assert!(rest.is_empty(), "{rest:?}");
    }
}

pub(crate) fn a_compressed_stream_passes_unread_or_as_what_the_runtime_makes_of_it(runtime: Runtime) {
    let all = zipped();
    let cut = [GZIP, &stored(EVENT, false)].concat();
    for (sent, plain) in [
        (all, [EVENT, DONE].concat()),
        (cut, EVENT.to_owned()),
        (EVENT.into(), String::new()),
    ] {
        for fields in [json!({}), json!({"verify_end": true})] {
            let bytes = sent.clone();
            let upstream = Upstream::start(move |_, to| {
                to.head("200 OK", &format!("{SSE}content-encoding: gzip\r\n"));
                to.send(&bytes);
            });
            let one_key = json!({"api_keys": ["up-SECRET-1"], "verify_end": fields["verify_end"] == true});
            let came = Gateway::to(runtime, &upstream, one_key).chat(BODY);
            assert_eq!(came.status, 200);
            if runtime == Runtime::Native {
                assert_eq!((came.field("content-encoding"), &came.body), (Some("gzip"), &sent));
                continue;
            }
            assert_eq!(came.field("content-encoding"), None);
            let text = came.text();
            let rest = text.strip_prefix(&plain).unwrap_or_else(|| panic!("{text}"));
            let is_told = rest.contains("upstream_stream_truncated");
            assert!(is_told != plain.ends_with(DONE) && is_told != rest.is_empty(), "{text}");
        }
    }
}

pub(crate) fn a_compressed_answer_that_nobody_asked_for_reaches_the_client(runtime: Runtime) {
    let upstream = upstream("200 OK", CHAT, true);
    let came = Gateway::to(runtime, &upstream, json!({})).chat(r#"{"model":"m"}"#);
    let (coding, body) = match runtime {
        Runtime::Native => (Some("gzip"), CHAT),
        Runtime::Worker => (None, &br#"{"choices":[{"message":{"content":"hi"}}]}"#[..]),
    };
    assert_eq!(
        (came.status, came.field("content-encoding"), &*came.body),
        (200, coding, body)
    );
    upstream.only();
}
