//! Bad input: every refusal is an error object with a way out.

use serde_json::json;

use crate::support::upstream::{JSON, SSE, Upstream};
use crate::support::{Gateway, Runtime, TOKEN, chat, request};

pub(crate) fn bodies_that_cannot_be_read_are_refused(runtime: Runtime) {
    let gateway = Gateway::echo(runtime);
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(128), "]".repeat(128));
    for (body, code) in [
        ("", "invalid_json"),
        ("nonsense", "invalid_json"),
        (r#"{"a":1"#, "invalid_json"),
        (deep.as_str(), "invalid_json"),
        ("[]", "invalid_body"),
        ("\"text\"", "invalid_body"),
        (r#"{"model":"a","mod\u0065l":"b"}"#, "invalid_body"),
        (r#"{"model":5}"#, "invalid_body"),
        (r#"{"model":"m","stream":"yes"}"#, "invalid_body"),
    ] {
        let answer = gateway.chat(body);
        assert_eq!(answer.error(), (400, code.to_owned()), "{body}");
        assert!(answer.field("x-request-id").is_some() && answer.field("access-control-allow-origin") == Some("*"));
    }
    assert_eq!(gateway.chat(r#"{"model":5}"#).json()["error"]["param"], "model");
    let mut raw = chat("", "........").into_bytes();
    let end = raw.len();
    raw[end - 8..].copy_from_slice(b"{\"\xff\xfe\":0}");
    assert_eq!(gateway.raw(raw).error(), (400, "invalid_json".into()));
}

pub(crate) fn paths_and_methods_that_do_not_exist_are_refused(runtime: Runtime) {
    let gateway = Gateway::echo(runtime);
    for path in [
        "/v2",
        "//v1/models",
        "/models",
        "/chat/completions",
        "/v1/files",
        "/v1/models/",
        "/v1/models/a%2f%2e%2e%2fb",
        "/health/",
    ] {
        assert_eq!(gateway.get(path).error(), (404, "not_found".into()), "{path}");
    }
    for (method, path, allow) in [
        ("PUT", "/v1/chat/completions", "POST, GET, OPTIONS"),
        ("POST", "/v1/models", "GET, OPTIONS"),
        ("DELETE", "/health", "GET, HEAD, OPTIONS"),
        ("PUT", "/chat", "POST, OPTIONS"),
    ] {
        let answer = gateway.raw(request(method, path, TOKEN, "", ""));
        assert_eq!(answer.error(), (405, "method_not_allowed".into()), "{method} {path}");
        assert_eq!(answer.field("allow"), Some(allow));
    }
}

pub(crate) fn callers_without_a_known_token_are_refused(runtime: Runtime) {
    let gateway = Gateway::echo(runtime);
    let long = format!("authorization: Bearer {}\r\n", "x".repeat(20_000));
    for fields in [
        "",
        "authorization: Basic Z3c=\r\n",
        "authorization: Bearer\r\n",
        "authorization: gw-SECRET-token\r\n",
        "x-api-key: gw-secret-token\r\n",
        "x-api-key: \u{e9}\r\n",
        "x-api-key: \u{4e2d}gw-SECRET-token\r\n",
        &long,
    ] {
        let answer = gateway.raw(format!("POST /v1/chat/completions HTTP/1.1\r\nhost: g\r\n{fields}content-length: 2\r\nconnection: close\r\n\r\n{{}}"));
        assert_eq!(answer.error(), (401, "invalid_api_key".into()), "{fields}");
        assert_eq!(answer.field("www-authenticate"), Some("Bearer"));
    }
}

pub(crate) fn a_known_token_beside_unknown_ones_suffices(runtime: Runtime) {
    let gateway = Gateway::echo(runtime);
    for fields in [
        format!("x-api-key: {TOKEN}\r\nauthorization: Bearer sk-else\r\n"),
        format!("x-api-key: else\r\nauthorization: bEARER {TOKEN}\r\n"),
        format!("authorization: Bearer sk-else\r\nx-goog-api-key: {TOKEN}\r\n"),
        format!("api-key: {TOKEN}\r\n"),
        format!("x-api-key: else\r\nx-api-key: {TOKEN}\r\n"),
        format!("authorization: Bearer sk-else\r\nauthorization: Bearer {TOKEN}\r\n"),
    ] {
        let answer = gateway.raw(format!(
            "GET /v1/models HTTP/1.1\r\nhost: g\r\n{fields}connection: close\r\n\r\n"
        ));
        assert_eq!(answer.status, 200, "{fields}");
    }
}

pub(crate) fn heads_and_bodies_over_the_limit_are_refused(runtime: Runtime) {
    let routes = json!([{"token": TOKEN, "provider": "echo"}]).to_string();
    let gateway = Gateway::start(runtime, &[("GATEWAY_ROUTES", &routes), ("BODY_LIMIT", "1000")]);
    // The rest of the head is less than a KiB.
    let head = |bytes| gateway.chat_with(&format!("x-large: {}\r\n", "x".repeat(bytes)), r#"{"messages":[]}"#);
    assert_eq!(head(31 * 1024).status, 200);
    for bytes in [32 * 1024, 40_000] {
        assert_eq!(head(bytes).error(), (431, "headers_too_large".into()));
    }
    let large = format!("{{\"a\":\"{}\"}}", "x".repeat(1000));
    assert_eq!(gateway.chat(&large).error(), (413, "request_too_large".into()));
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: g\r\nx-api-key: {TOKEN}\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n"
    );
    assert_eq!(
        gateway
            .raw(format!("{head}{:x}\r\n{large}\r\n0\r\n\r\n", large.len()))
            .error(),
        (413, "request_too_large".into())
    );
    // The limit itself is none too many, and one more is.
    for (bytes, status) in [(1000, 200), (1001, 413)] {
        let body = format!("{:<bytes$}", r#"{"messages":[]}"#);
        let chunked = gateway.raw(format!("{head}{bytes:x}\r\n{body}\r\n0\r\n\r\n"));
        assert_eq!([gateway.chat(&body).status, chunked.status], [status; 2], "{bytes}");
    }
}

pub(crate) fn a_client_that_sends_65_megabytes_learns_why_they_are_refused(runtime: Runtime) {
    let gateway = Gateway::echo(runtime);
    let megabytes = |count: usize| format!("{{\"a\":\"{}\"}}", "x".repeat(count * 1024 * 1024));
    let answer = gateway.chat(&megabytes(65));
    assert_eq!(answer.error(), (413, "request_too_large".into()));
    let limit = match runtime {
        Runtime::Native => 64 << 20,
        Runtime::Worker => 16 << 20,
    };
    assert!(
        answer.text().contains(&format!("{limit} bytes")) && answer.text().contains("`BODY_LIMIT`"),
        "{}",
        answer.text()
    );
    // One of that length is waited for.
    let head = |length: usize| chat("", "").replace("content-length: 0", &format!("content-length: {length}"));
    let waited_for = gateway.open(head(limit));
    assert_eq!(gateway.raw(head(limit + 1)).error(), (413, "request_too_large".into()));
    assert!(!waited_for.has_come());
}

pub(crate) fn a_refusal_waits_for_no_body_that_does_not_come(runtime: Runtime) {
    let slow = Upstream::start(|_, to| to.hang());
    let gateway = Gateway::to(runtime, &slow, json!({"timeout": 5}));
    let was_first = || {
        let late = gateway.open(chat("", r#"{"model":"m"}"#));
        for (token, length, told) in [
            (TOKEN, 500_000_000_usize, (413, "request_too_large")),
            ("unknown", 50, (401, "invalid_api_key")),
        ] {
            for begun in ["", "{"] {
                let head = format!(
                    "POST /v1/chat/completions HTTP/1.1\r\nhost: g\r\nx-api-key: {token}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{begun}"
                );
                assert_eq!(gateway.raw(head).error(), (told.0, told.1.to_owned()));
            }
        }
        !late.has_come()
    };
    // A machine that stands still lets everything happen at once.
    assert!((0..3).any(|_| was_first()));
}

/// What an upstream may write a key as, without changing what it says.
const SPELLINGS: [fn(&str) -> String; 4] = [
    |key| key.to_owned(),
    |key| key.replace('-', "\\u002d"),
    |key| key.replace('/', "\\/"),
    |key| key.replace('/', "%2f").replace('-', "%2D"),
];

pub(crate) fn a_secret_is_redacted_however_it_is_spelled(runtime: Runtime) {
    let keys = json!(["up-SECRET-1", "up-SECRET-1/and-more"]);
    for spell in SPELLINGS {
        let upstream = Upstream::start(move |received, to| {
            let key = received.one("authorization").unwrap().replace("Bearer ", "");
            to.answer("400 Bad", JSON, &format!("{{\"error\":\"<{}>\"}}", spell(&key)));
        });
        let gateway = Gateway::to(runtime, &upstream, json!({"api_keys": keys}));
        // Either key comes first for some of them.
        for id in 0..8 {
            let answer = gateway.chat_with(&format!("x-request-id: {id}\r\n"), r#"{"model":"m"}"#);
            assert_eq!(answer.text(), r#"{"error":"<[redacted]>"}"#);
        }
    }
}

pub(crate) fn a_key_that_comes_back_in_a_header_stays_here(runtime: Runtime) {
    for kind in ["application/json", "text/event-stream", "audio/mpeg"] {
        let upstream = Upstream::start(move |received, to| {
            let key = received.one("authorization").unwrap();
            let fields = format!(
                "content-type: {kind}\r\nx-echo: {key}\r\nlocation: https://a.example/?key={key}\r\nx-kept: up\r\n"
            );
            to.answer("200 OK", &fields, "{\"data\":[]}");
        });
        let gateway = Gateway::to(runtime, &upstream, json!({"api_keys": ["up-SECRET-1"]}));
        let answer = gateway.post("/v1/audio/speech", r#"{"model":"m"}"#);
        assert_eq!((answer.status, answer.field("x-kept")), (200, Some("up")), "{kind}");
        assert!(!answer.head.contains("SECRET"), "{}", answer.head);
    }
}

pub(crate) fn a_secret_in_an_upstreams_error_is_redacted(runtime: Runtime) {
    let upstream = Upstream::start(|received, to| {
        let body = format!(
            "{{\"error\":{{\"message\":\"you sent {}\"}}}}",
            received.one("authorization").unwrap()
        );
        to.answer(
            "400 Bad",
            &format!("{JSON}x-echo: {}\r\n", received.one("authorization").unwrap()),
            &body,
        );
    });
    let answer = Gateway::to(runtime, &upstream, json!({})).chat(r#"{"model":"m"}"#);
    assert_eq!(
        (answer.status, answer.text().as_str()),
        (400, r#"{"error":{"message":"you sent Bearer [redacted]"}}"#)
    );
    assert_eq!(answer.field("x-echo"), None);
}

pub(crate) fn a_secret_in_a_streams_error_is_redacted(runtime: Runtime) {
    const EVENT: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hi\"}}]}\n\n";
    // On a Worker the runtime moves what comes behind the first content.
    let beginnings: &[&str] = match runtime {
        Runtime::Native => &["", EVENT],
        Runtime::Worker => &[""],
    };
    for &beginning in beginnings {
        let upstream = Upstream::start(move |received, to| {
            let key = received.one("authorization").unwrap();
            to.head("200 OK", SSE);
            to.send(beginning.as_bytes());
            to.send(format!("data: {{\"error\":{{\"message\":\"no {key}\"}}}}\n\n").as_bytes());
        });
        let answer = Gateway::to(runtime, &upstream, json!({"api_keys": ["up-SECRET-1"]}))
            .chat(r#"{"model":"m","stream":true}"#);
        let error = "data: {\"error\":{\"message\":\"no Bearer [redacted]\"}}\n\n";
        assert_eq!(answer.text(), format!("{beginning}{error}"));
    }
}
