//! Attempts to get past the gateway: paths with two meanings, the administrator's part, models that are not allowed, bodies
//! that hide theirs. None of them reaches an upstream.

use serde_json::json;

use crate::classes::send;
use crate::support::client::Answer;
use crate::support::upstream::{JSON, Upstream};
use crate::support::{Gateway, Runtime, TOKEN, request};

const JSON_BODY: &str = "content-type: application/json\r\n";
const FORM: &str = "content-type: multipart/form-data; boundary=xyz\r\n";

fn fine() -> Upstream {
    Upstream::answering("200 OK", JSON, r#"{"id":"x"}"#)
}

/// A gateway whose token has the models `ok` and `alias` only.
fn limited(runtime: Runtime, upstream: &Upstream) -> Gateway {
    Gateway::to(
        runtime,
        upstream,
        json!({"models": ["ok", "alias"], "aliases": {"alias": "real"}}),
    )
}

fn part(name: &str, value: &str) -> String {
    format!("--xyz\r\nContent-Disposition: form-data; {name}\r\n\r\n{value}\r\n")
}

fn form(parts: &[String]) -> String {
    parts.concat() + "--xyz--\r\n"
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
            let answer = gateway.raw(request(method, path, token, JSON_BODY, r#"{"model":"m"}"#));
            assert_eq!(answer.error(), (401, "invalid_api_key".into()), "{method} {path}");
        }
    }
    assert!(upstream.received().is_empty());
}

pub(crate) fn a_model_that_is_not_allowed_is_refused_wherever_it_stands(runtime: Runtime) {
    let upstream = fine();
    let gateway = limited(runtime, &upstream);
    let file = part("name=\"file\"; filename=\"a.wav\"", "\0\u{1}");
    let other = form(&[file.clone(), part("name=\"model\"", "other")]);
    for (path, fields, body) in [
        ("responses", JSON_BODY, r#"{"model":"other"}"#.to_owned()),
        ("responses", "", r#"{"model":"other"}"#.to_owned()),
        ("assistants", JSON_BODY, r#"{"model":"other"}"#.to_owned()),
        ("assistants", "", r#"{"model":"other"}"#.to_owned()),
        ("ocr", "content-type: text/plain\r\n", r#"{"model":"other"}"#.to_owned()),
        ("messages", "", r#"{"model":"other"}"#.to_owned()),
        ("completions", JSON_BODY, r#"{"m\u006fdel":"other"}"#.to_owned()),
        ("audio/transcriptions", FORM, other.clone()),
        ("images/edits", FORM, form(&[part("name=model", " other ")])),
        ("videos", FORM, other),
        ("assistants", JSON_BODY, r#"{"model":"ok","MODEL":"other"}"#.to_owned()),
        ("responses", JSON_BODY, r#"{"Model":"other"}"#.to_owned()),
        (
            "chat/completions",
            JSON_BODY,
            r#"{"model":"ok","mODEL":"other"}"#.to_owned(),
        ),
        (
            "chat/completions",
            JSON_BODY,
            r#"{"model":"ok","models":["ok","other"]}"#.to_owned(),
        ),
        (
            "chat/completions",
            JSON_BODY,
            r#"{"model":"ok","fallbacks":[{"model":"other"}]}"#.to_owned(),
        ),
        (
            "deployments/other/chat/completions",
            JSON_BODY,
            r#"{"model":"ok"}"#.to_owned(),
        ),
        (
            "openai/Deployments/%6fther/chat/completions",
            JSON_BODY,
            "{}".to_owned(),
        ),
        ("engines/other/completions", JSON_BODY, "{}".to_owned()),
        ("ocr?Model=other", JSON_BODY, r#"{"model":"ok"}"#.to_owned()),
    ] {
        let answer = send(&gateway, &format!("POST /v1/{path}"), fields, body.as_bytes());
        assert_eq!(answer.error(), (404, "model_not_found".into()), "{path} {fields}{body}");
    }
    let socket = "connection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    for (target, code) in [
        ("/v1/realtime?model=other", "model_not_found"),
        ("/v1/realtime?model=&mod%65l=other", "model_not_found"),
        ("/v1/realtime?model=ok&Model=other", "model_not_found"),
        ("/v1/realtime?deployment=other", "model_not_found"),
        ("/v1/responses", "websocket_unsupported"),
    ] {
        let head = format!("GET {target} HTTP/1.1\r\nhost: g\r\nx-api-key: {TOKEN}\r\n{socket}\r\n");
        gateway.open(head).wait_for(code);
    }
    assert_eq!(
        gateway
            .raw(request("DELETE", "/v1/models/other", TOKEN, "", ""))
            .error(),
        (404, "model_not_found".into())
    );
    assert!(upstream.received().is_empty(), "{:?}", upstream.received());
    let answer = send(
        &gateway,
        "POST /v1/videos",
        FORM,
        form(&[part("name=\"model\"", "alias"), file.clone()]).as_bytes(),
    );
    assert_eq!(answer.status, 200);
    assert_eq!(upstream.only().text(), form(&[part("name=\"model\"", "real"), file]));
}

pub(crate) fn a_body_that_hides_its_model_is_refused(runtime: Runtime) {
    let upstream = fine();
    let gateway = limited(runtime, &upstream);
    let model = |name: &str| part(name, "ok");
    let twice = form(&[model("name=\"model\""), model("name=\"model\"")]);
    let text = "content-type: text/plain\r\n";
    let zipped = |encoding: &str| format!("{JSON_BODY}content-encoding: {encoding}\r\n");
    let hidden = r#"{"model":"other"}"#.to_owned();
    for (path, fields, body, expected) in [
        ("audio/transcriptions", FORM, twice, (400, "invalid_body")),
        (
            "audio/transcriptions",
            FORM,
            form(&[model("name=\"model\""), model("name*=utf-8''model")]),
            (400, "invalid_body"),
        ),
        ("audio/transcriptions", FORM, hidden.clone(), (400, "invalid_body")),
        (
            "audio/transcriptions",
            "content-type: multipart/form-data\r\n",
            form(&[model("name=\"model\"")]),
            (400, "invalid_body"),
        ),
        (
            "responses",
            JSON_BODY,
            r#"{"model":"ok","model":"other"}"#.to_owned(),
            (400, "invalid_body"),
        ),
        (
            "assistants",
            JSON_BODY,
            r#"{"model":"ok","mod\u0065l":"other"}"#.to_owned(),
            (400, "invalid_body"),
        ),
        (
            "assistants",
            &zipped("gzip"),
            hidden.clone(),
            (415, "unsupported_media_type"),
        ),
        (
            "assistants",
            JSON_BODY,
            r#"{"model":"other","top_p":NaN}"#.to_owned(),
            (400, "invalid_json"),
        ),
        ("responses", JSON_BODY, "model=other".to_owned(), (400, "invalid_json")),
        ("responses", JSON_BODY, "[]".to_owned(), (400, "invalid_body")),
        ("responses", text, hidden.clone(), (415, "unsupported_media_type")),
        (
            "responses",
            "content-type: application/x-www-form-urlencoded\r\n",
            "model=other".to_owned(),
            (415, "unsupported_media_type"),
        ),
        (
            "responses",
            &zipped("gzip"),
            "\u{1f}zipped".to_owned(),
            (415, "unsupported_media_type"),
        ),
        (
            "moderations",
            &zipped("zstd"),
            "(zipped".to_owned(),
            (415, "unsupported_media_type"),
        ),
        (
            "chat/completions",
            &zipped("gzip"),
            hidden.clone(),
            (415, "unsupported_media_type"),
        ),
        (
            "embeddings",
            &zipped("br"),
            hidden.clone(),
            (415, "unsupported_media_type"),
        ),
        ("embeddings", text, hidden, (415, "unsupported_media_type")),
    ] {
        let answer = send(&gateway, &format!("POST /v1/{path}"), fields, body.as_bytes());
        assert_eq!(
            answer.error(),
            (expected.0, expected.1.to_owned()),
            "{path} {fields}{body}"
        );
    }
    assert!(upstream.received().is_empty(), "{:?}", upstream.received());
    // Where every model is allowed and none is renamed, what a body is stays the upstream's to judge.
    let open = Gateway::to(runtime, &upstream, json!({}));
    assert_eq!(send(&open, "POST /v1/responses", text, b"anything").status, 200);
    assert_eq!(upstream.only().text(), "anything");
    assert_eq!(
        send(&open, "POST /v1/responses", JSON_BODY, b"anything").error(),
        (400, "invalid_json".into())
    );
}

pub(crate) fn what_must_be_read_has_a_limit_and_what_is_passed_has_none(runtime: Runtime) {
    let upstream = fine();
    let routes = json!([crate::support::route(TOKEN, &upstream, json!({"models": ["ok"]}))]).to_string();
    let gateway = Gateway::start(runtime, &[("GATEWAY_ROUTES", &routes), ("BODY_LIMIT", "1000")]);
    let filler = "x".repeat(1000);
    let large = format!("{{\"model\":\"ok\",\"x\":\"{filler}\"}}");
    let form = form(&[
        part("name=\"file\"; filename=\"f\"", &filler),
        part("name=\"model\"", "ok"),
    ]);
    for (path, fields, body) in [
        ("responses", JSON_BODY, &large),
        ("batches", JSON_BODY, &large),
        ("audio/transcriptions", FORM, &form),
    ] {
        let target = format!("POST /v1/{path}");
        assert_eq!(
            send(&gateway, &target, fields, body.as_bytes()).error(),
            (413, "request_too_large".into()),
            "{path}"
        );
        let chunked = format!(
            "{target} HTTP/1.1\r\nhost: g\r\nx-api-key: {TOKEN}\r\nconnection: close\r\n{fields}transfer-encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n",
            body.len()
        );
        assert_eq!(
            gateway.raw(chunked).error(),
            (413, "request_too_large".into()),
            "{path} in chunks"
        );
    }
    assert!(upstream.received().is_empty());
    assert_eq!(send(&gateway, "POST /v1/files", FORM, form.as_bytes()).status, 200);
    assert_eq!(upstream.only().text(), form);
}

pub(crate) fn a_long_body_that_may_be_json_is_refused_where_models_are_limited(runtime: Runtime) {
    let upstream = fine();
    let gateway = limited(runtime, &upstream);
    // More than either runtime keeps to be sent again.
    let long = format!("\u{feff} {{\"model\":\"other\",\"x\":\"{}\"}}", "x".repeat(9 << 20));
    let text = "content-type: text/plain\r\n";
    let answer = send(&gateway, "POST /v1/assistants", text, long.as_bytes());
    assert_eq!(answer.error(), (415, "unsupported_media_type".into()));
    assert!(upstream.received().is_empty());
    let answer = send(&gateway, "POST /v1/files", text, &long.as_bytes()[10..]);
    assert_eq!(answer.status, 200);
    assert_eq!(upstream.only().body.len(), long.len() - 10);
}

pub(crate) fn a_token_may_name_its_models_wherever_an_upstream_takes_them(runtime: Runtime) {
    let upstream = fine();
    let gateway = limited(runtime, &upstream);
    for (target, body) in [
        (
            "POST /v1/chat/completions",
            r#"{"model":"ok","models":["ok","alias"],"messages":[]}"#,
        ),
        ("POST /v1/deployments/ok/chat/completions", r#"{"model":"ok"}"#),
        ("DELETE /v1/models/ok", ""),
        ("GET /v1/fine_tuning/jobs?deployment=ok", ""),
    ] {
        assert_eq!(
            send(&gateway, target, JSON_BODY, body.as_bytes()).status,
            200,
            "{target}"
        );
    }
    assert_eq!(upstream.received().len(), 4);
}
