//! Compressed bodies, which pass untouched or not at all.

use serde_json::json;

use crate::classes::send;
use crate::support::upstream::{JSON, Upstream};
use crate::support::{Gateway, Runtime};

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
