//! Attempts to get past the gateway: paths with two meanings, the administrator's part. None of them reaches an upstream.

use serde_json::json;

use crate::support::client::Answer;
use crate::support::upstream::{JSON, Upstream};
use crate::support::{Gateway, Runtime, TOKEN, request};

pub(crate) fn fine() -> Upstream {
    Upstream::answering("200 OK", JSON, r#"{"id":"x"}"#)
}

/// The answer to a request line that HTTP libraries would not write.
fn line(gateway: &Gateway, line: &str) -> Option<Answer> {
    let head = format!("{line} HTTP/1.1\r\nhost: gateway\r\nx-api-key: {TOKEN}\r\nconnection: close\r\n\r\n");
    gateway.open(head).try_finish().map(|answer| gateway.checked(answer))
}

pub(crate) fn paths_with_two_meanings_go_nowhere(runtime: Runtime) {
    let upstream = fine();
    let gateway = Gateway::to(runtime, &upstream, json!({}));
    for path in [
        "/v1/files/a%2fb",
        "/v1/files/a%2Fcontent",
        "/v1/files//content",
        "/v1//files",
        "/v1/files/",
        "/v1/files/%5c..%5corganization",
        "/v1/files/a%00",
        "/v1/files/a%0d%0ax-header:%20b",
        "/v1/files/a%7f",
        "/v1/%2e%2e%2forganization/users",
        "/v1/models/..%2forganization/users",
        "/v1/models/a%2f..%2f..%2forganization/users",
        "/v1/models/x%5cy",
    ] {
        assert_eq!(gateway.get(path).error(), (404, "not_found".into()), "{path}");
    }
    assert!(upstream.received().is_empty(), "{:?}", upstream.received());
}

/// Workers get their paths with dot segments resolved; the binary gets them as they are. Neither passes one on.
pub(crate) fn dot_segments_never_leave_the_gateway(runtime: Runtime) {
    let upstream = fine();
    let gateway = Gateway::to(runtime, &upstream, json!({}));
    for path in [
        "/v1/files/../organization/users",
        "/v1/files/%2e%2e/organization/users",
        "/v1/files/.%2E/projects",
        "/v1/./organization/users",
        "/v1/files/%2e/../../v1/organization/users",
        "/v1/../v2/files",
        "/v1/files/../../admin",
        "/v1/..",
        "/v1/files\\..\\organization",
    ] {
        let refused = line(&gateway, &format!("GET {path}"));
        assert!(
            refused.is_none_or(|answer| [400, 403, 404].contains(&answer.status)),
            "{path}"
        );
    }
    assert!(upstream.received().is_empty(), "{:?}", upstream.received());
}

pub(crate) fn control_bytes_and_endless_paths_go_nowhere(runtime: Runtime) {
    let upstream = fine();
    let gateway = Gateway::to(runtime, &upstream, json!({}));
    for path in ["/v1/files/a\0b", "/v1/files/a\u{1}b", "/v1/fi\tles", "/v1/files/\u{7f}"] {
        let refused = line(&gateway, &format!("GET {path}"));
        assert!(refused.is_none_or(|answer| answer.status >= 400), "{path:?}");
    }
    let long = format!("/v1/files/{}", "x".repeat(40_000));
    assert_eq!(gateway.get(&long).error(), (431, "headers_too_large".into()));
    let query = format!("/v1/files?{}", "x=1&".repeat(10_000));
    assert_eq!(gateway.get(&query).error(), (431, "headers_too_large".into()));
    assert!(upstream.received().is_empty(), "{:?}", upstream.received());
}

pub(crate) fn the_administrators_part_is_refused_however_it_is_spelled(runtime: Runtime) {
    let upstream = fine();
    let gateway = Gateway::to(runtime, &upstream, json!({}));
    for path in [
        "organization/users",
        "Organization/users",
        "ORGANIZATION",
        "%6frganization/users",
        "organizatio%6E/users?limit=1",
        "projects;a=b/users",
        "Projects%20",
        "projects./x",
        "v1/organization/users",
        "V1/%761/Projects",
        "api/v2beta/organization",
    ] {
        for method in ["GET", "POST", "DELETE", "HEAD", "PATCH"] {
            let answer = gateway.raw(request(method, &format!("/v1/{path}"), TOKEN, "", ""));
            assert_eq!(answer.status, 403, "{method} {path}");
            assert!(method == "HEAD" || answer.error().1 == "forbidden");
        }
    }
    assert_eq!(
        gateway.get("/v1/organization%2fusers").error(),
        (404, "not_found".into())
    );
    let socket = "upgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let head = format!(
        "GET /v1/organization/x HTTP/1.1\r\nhost: g\r\nx-api-key: {TOKEN}\r\nconnection: Upgrade\r\n{socket}\r\n"
    );
    let mut exchange = gateway.open(head);
    exchange.wait_for("403");
    exchange.wait_for("forbidden");
    assert!(upstream.received().is_empty());
}

pub(crate) fn methods_that_a_path_does_not_have_are_told_which_it_has(runtime: Runtime) {
    let upstream = fine();
    let gateway = Gateway::to(runtime, &upstream, json!({}));
    for (method, path, allow) in [
        ("GET", "/v1/embeddings", "POST, OPTIONS"),
        ("DELETE", "/v1/embeddings", "POST, OPTIONS"),
        ("DELETE", "/v1/chat/completions", "POST, GET, OPTIONS"),
        ("PATCH", "/v1/chat/completions", "POST, GET, OPTIONS"),
        ("POST", "/v1/models", "GET, OPTIONS"),
        ("DELETE", "/v1/models", "GET, OPTIONS"),
        ("POST", "/v1/models/m", "GET, DELETE, OPTIONS"),
        ("PUT", "/v1/models/m", "GET, DELETE, OPTIONS"),
    ] {
        let answer = gateway.raw(request(method, path, TOKEN, "", ""));
        assert_eq!(answer.error(), (405, "method_not_allowed".into()), "{method} {path}");
        assert_eq!(answer.field("allow"), Some(allow), "{method} {path}");
    }
    for target in [
        "TRACE /v1/files",
        "CONNECT /v1/files",
        "CONNECT up.example:443",
        "TRACE /v1/chat/completions",
    ] {
        // The runtime of Workers knows no tunnels, and answers before the gateway does.
        let answer = line(&gateway, target);
        assert!(answer.is_none_or(|answer| answer.status >= 400), "{target}");
    }
    assert!(upstream.received().is_empty(), "{:?}", upstream.received());
}

pub(crate) fn an_unknown_token_gets_nowhere_in_any_class(runtime: Runtime) {
    let upstream = fine();
    let gateway = Gateway::to(runtime, &upstream, json!({"admin": true}));
    for (method, path) in [
        ("POST", "/v1/chat/completions"),
        ("POST", "/v1/embeddings"),
        ("POST", "/v1/audio/speech"),
        ("POST", "/v1/responses"),
        ("GET", "/v1/files"),
        ("DELETE", "/v1/files/file-1"),
        ("GET", "/v1/organization/users"),
        ("GET", "/v1/models"),
        ("GET", "/v1/models/m"),
        ("GET", "/v1/realtime?model=m"),
        ("PATCH", "/v1/next/years/things"),
        ("POST", "/chat"),
    ] {
        for token in ["gw-unknown", "up-SECRET-1", ""] {
            let answer = gateway.raw(request(method, path, token, JSON, r#"{"model":"m"}"#));
            assert_eq!(answer.error(), (401, "invalid_api_key".into()), "{method} {path}");
        }
    }
    assert!(upstream.received().is_empty());
}
