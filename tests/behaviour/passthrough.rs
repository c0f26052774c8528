//! Everything under `/v1/` that the gateway does not know by name.

use serde_json::{Value, json};

use crate::support::upstream::{JSON, Received, SSE, Upstream};
use crate::support::{Gateway, Runtime, TOKEN, request};

fn send(gateway: &Gateway, method: &str, path: &str, fields: &str, body: &str) -> crate::support::client::Answer {
    gateway.raw(request(method, path, TOKEN, fields, body))
}

const JSON_BODY: &str = "content-type: application/json\r\n";
const FORM: &str = "content-type: multipart/form-data; boundary=xyz\r\n";

/// The target of a request as the upstream saw it.
fn target(received: &Received) -> String {
    received.line().trim_end_matches(" HTTP/1.1").to_owned()
}

pub(crate) fn any_method_and_path_is_passed_on_as_it_is(runtime: Runtime) {
    let upstream = Upstream::answering(
        "201 Made",
        "content-type: application/json\r\netag: \"e\"\r\n",
        r#"{"id":"file-1","n":1.0}"#,
    );
    let gateway = Gateway::to(runtime, &upstream, json!({"api_keys": ["up-SECRET-1"]}));
    for (method, path, fields, body) in [
        (
            "POST",
            "/v1/batches",
            JSON_BODY,
            r#"{ "input_file_id":"file-1", "n":1.00 }"#,
        ),
        ("GET", "/v1/files?limit=2&after=a%20b", "", ""),
        ("DELETE", "/v1/files/file-1", "", ""),
        ("PATCH", "/v1/next/years/things", JSON_BODY, "[1,2]"),
        (
            "PUT",
            "/v1/skills/s-1/content",
            "content-type: application/octet-stream\r\n",
            "\0\u{1}bytes",
        ),
        ("GET", "/v1/chat/completions?limit=1", "", ""),
    ] {
        let answer = send(&gateway, method, path, fields, body);
        assert_eq!(
            (answer.status, answer.text().as_str()),
            (201, r#"{"id":"file-1","n":1.0}"#),
            "{method} {path}"
        );
        assert_eq!(answer.field("etag"), Some("\"e\""));
        let received = upstream.received().pop().unwrap();
        assert_eq!(
            (target(&received), received.text()),
            (format!("{method} {path}"), body.to_owned())
        );
        let kind = fields.trim_end().strip_prefix("content-type: ");
        assert_eq!(received.one("content-type"), kind);
        assert_eq!(received.one("authorization"), Some("Bearer up-SECRET-1"));
    }
}

pub(crate) fn the_model_is_replaced_wherever_it_stands(runtime: Runtime) {
    let upstream = Upstream::answering("200 OK", JSON, r#"{"text":"hi"}"#);
    let gateway = Gateway::to(
        runtime,
        &upstream,
        json!({"aliases": {"fast": "real"}, "default_model": "usual", "models": ["fast", "usual"]}),
    );
    let part = |name: &str, value: &str| {
        format!("--xyz\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    let form = |parts: &[String]| parts.concat() + "--xyz--\r\n";
    let file = "--xyz\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\n\r\nmodel \0 bytes\r\n"
        .to_owned();
    for (path, fields, body, expected) in [
        (
            "images/generations",
            JSON_BODY,
            r#"{"model":"fast","n":1.0}"#.to_owned(),
            r#"{"model":"real","n":1.0}"#.to_owned(),
        ),
        (
            "responses",
            JSON_BODY,
            r#"{"input":"hi"}"#.to_owned(),
            r#"{"model":"usual","input":"hi"}"#.to_owned(),
        ),
        (
            "batches",
            JSON_BODY,
            r#"{"input_file_id":"f"}"#.to_owned(),
            r#"{"input_file_id":"f"}"#.to_owned(),
        ),
        (
            "audio/transcriptions",
            FORM,
            form(&[file.clone(), part("model", "fast")]),
            form(&[file.clone(), part("model", "real")]),
        ),
        (
            "audio/transcriptions",
            FORM,
            form(std::slice::from_ref(&file)),
            form(&[part("model", "usual"), file.clone()]),
        ),
        (
            "files",
            FORM,
            form(&[part("model", "fast"), file.clone()]),
            form(&[part("model", "fast"), file]),
        ),
    ] {
        let answer = send(&gateway, "POST", &format!("/v1/{path}"), fields, &body);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        assert_eq!(upstream.received().pop().unwrap().text(), expected, "{path}");
    }
    for (fields, body) in [
        (JSON_BODY, r#"{"model":"other"}"#.to_owned()),
        (FORM, form(&[part("model", "other")])),
    ] {
        let answer = send(&gateway, "POST", "/v1/audio/speech", fields, &body);
        assert_eq!(answer.error(), (404, "model_not_found".into()));
    }
}

pub(crate) fn answers_of_any_type_pass_byte_for_byte(runtime: Runtime) {
    let bytes: Vec<u8> = (0..=255_u8).cycle().take(300_000).collect();
    let sent = bytes.clone();
    let upstream = Upstream::start(move |received, to| {
        if received.one("if-none-match").is_some() {
            to.send(b"HTTP/1.1 304 Not Modified\r\netag: \"e\"\r\nconnection: close\r\n\r\n");
        } else if received.one("range") == Some("bytes=0-9") {
            to.send(b"HTTP/1.1 206 Partial\r\ncontent-type: audio/mpeg\r\ncontent-range: bytes 0-9/300000\r\ncontent-length: 10\r\nconnection: close\r\n\r\n");
            to.send(&sent[..10]);
        } else {
            to.head("200 OK", "content-type: audio/mpeg\r\ncontent-length: 300000\r\n");
            sent.chunks(10_000).for_each(|piece| to.send(piece));
        }
    });
    let gateway = Gateway::to(runtime, &upstream, json!({}));
    let speech = send(
        &gateway,
        "POST",
        "/v1/audio/speech",
        JSON_BODY,
        r#"{"model":"m","input":"hi"}"#,
    );
    assert!(speech.status == 200 && speech.body == bytes, "{}", speech.head);
    assert_eq!(
        (speech.field("content-type"), speech.field("content-length")),
        (Some("audio/mpeg"), Some("300000"))
    );
    let part = send(&gateway, "GET", "/v1/files/f/content", "range: bytes=0-9\r\n", "");
    assert_eq!(
        (part.status, part.body.as_slice(), part.field("content-range")),
        (206, &bytes[..10], Some("bytes 0-9/300000"))
    );
    let known = send(&gateway, "GET", "/v1/files/f/content", "if-none-match: \"e\"\r\n", "");
    assert_eq!(
        (known.status, known.field("etag"), known.body.len()),
        (304, Some("\"e\""), 0)
    );
}

pub(crate) fn the_operators_part_is_refused_unless_the_route_opens_it(runtime: Runtime) {
    let upstream = Upstream::answering("200 OK", JSON, r#"{"data":[]}"#);
    let closed = Gateway::to(runtime, &upstream, json!({}));
    for path in ["/v1/organization/users", "/v1/projects"] {
        assert_eq!(closed.get(path).error(), (403, "forbidden".into()));
    }
    assert!(upstream.received().is_empty());
    let open = Gateway::to(runtime, &upstream, json!({"admin": true}));
    assert_eq!(open.get("/v1/organization/users").status, 200);
}

pub(crate) fn what_lives_in_an_account_is_asked_of_its_key(runtime: Runtime) {
    let upstream = Upstream::start(|received, to| {
        if received.line().starts_with("DELETE") {
            to.answer("401 No", JSON, r#"{"error":{"message":"no"}}"#);
        } else {
            to.answer("200 OK", JSON, r#"{"id":"file-1"}"#);
        }
    });
    let gateway = Gateway::to(
        runtime,
        &upstream,
        json!({"api_keys": ["up-SECRET-1", "up-SECRET-2", "up-SECRET-3", "up-SECRET-4"]}),
    );
    for id in 0..6 {
        let fields = format!("x-request-id: {id}\r\n{JSON_BODY}");
        for (method, path, body) in [
            ("POST", "/v1/batches", r#"{"input_file_id":"f"}"#),
            ("GET", "/v1/files/file-1", ""),
            (
                "POST",
                "/v1/responses",
                r#"{"model":"m","previous_response_id":"resp_1"}"#,
            ),
        ] {
            assert_eq!(send(&gateway, method, path, &fields, body).status, 200);
        }
    }
    let answer = send(&gateway, "DELETE", "/v1/files/file-1", "", "");
    assert_eq!(
        (answer.error().1.as_str(), answer.field("x-gateway-attempts")),
        ("upstream_auth_failed", Some("1"))
    );
    let keys: std::collections::HashSet<_> = upstream
        .received()
        .iter()
        .map(|received| received.one("authorization").unwrap().to_owned())
        .collect();
    assert_eq!(keys.len(), 1, "{keys:?}");
}

pub(crate) fn a_response_stream_ends_with_its_own_event(runtime: Runtime) {
    let begun = "event: response.created\ndata: {\"type\":\"response.created\"}\n\nevent: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"delta\":\"hi\"}\n\n";
    let end = "event: response.completed\ndata: {\"type\":\"response.completed\"}\n\n";
    for complete in [true, false] {
        let stream = if complete {
            [begun, end].concat()
        } else {
            begun.to_owned()
        };
        let sent = stream.clone();
        let upstream = Upstream::start(move |_, to| {
            to.head("200 OK", SSE);
            to.send(sent.as_bytes());
        });
        let gateway = Gateway::to(runtime, &upstream, json!({"verify_end": true}));
        let answer = send(
            &gateway,
            "POST",
            "/v1/responses",
            JSON_BODY,
            r#"{"model":"m","input":"hi","stream":true}"#,
        );
        let rest = answer.text().strip_prefix(&stream).unwrap().to_owned();
        assert_eq!(rest.contains("upstream_stream_truncated"), !complete, "{rest}");
        assert_eq!(rest.is_empty(), complete);
    }
}

pub(crate) fn a_long_upload_is_streamed_on(runtime: Runtime) {
    let upstream = Upstream::start(|received, to| {
        let sum: u64 = received.body.iter().map(|byte| u64::from(*byte)).sum();
        to.answer(
            "200 OK",
            JSON,
            &json!({"bytes": received.body.len(), "sum": sum}).to_string(),
        );
    });
    let gateway = Gateway::to(runtime, &upstream, json!({}));
    let body = "0123456789abcdef".repeat(20 * 65_536);
    let sum: u64 = body.bytes().map(u64::from).sum();
    let answer = send(
        &gateway,
        "POST",
        "/v1/files",
        "content-type: application/octet-stream\r\n",
        &body,
    );
    let expected: Value = json!({"bytes": body.len(), "sum": sum});
    assert_eq!(
        (answer.status, answer.json(), answer.field("x-gateway-attempts")),
        (200, expected, Some("1"))
    );
}

pub(crate) fn a_compressed_body_passes_where_nothing_is_read_in_it(runtime: Runtime) {
    let upstream = Upstream::answering("200 OK", JSON, r#"{"data":[]}"#);
    let fields = format!("{JSON_BODY}content-encoding: gzip\r\n");
    let ask = |route: Value| {
        send(
            &Gateway::to(runtime, &upstream, route),
            "POST",
            "/v1/moderations",
            &fields,
            "not really gzip",
        )
    };
    assert_eq!(ask(json!({})).status, 200);
    let received = upstream.only();
    assert_eq!(
        (received.one("content-encoding"), received.text().as_str()),
        (Some("gzip"), "not really gzip")
    );
    assert_eq!(
        ask(json!({"aliases": {"a": "b"}})).error(),
        (415, "unsupported_media_type".into())
    );
}
