//! Tokens that may use some models only: a request that names another one, or hides which, reaches no upstream.

use serde_json::json;

use crate::bypasses::fine;
use crate::classes::send;
use crate::support::upstream::{JSON, Upstream};
use crate::support::{Gateway, Runtime, TOKEN, request};

pub(crate) const FORM: &str = "content-type: multipart/form-data; boundary=xyz\r\n";

/// A gateway whose token has the models `ok` and `alias` only.
pub(crate) fn limited(runtime: Runtime, upstream: &Upstream) -> Gateway {
    Gateway::to(
        runtime,
        upstream,
        json!({"models": ["ok", "alias"], "aliases": {"alias": "real"}}),
    )
}

pub(crate) fn part(name: &str, value: &str) -> String {
    format!("--xyz\r\nContent-Disposition: form-data; {name}\r\n\r\n{value}\r\n")
}

pub(crate) fn form(parts: &[String]) -> String {
    parts.concat() + "--xyz--\r\n"
}

pub(crate) fn a_model_that_is_not_allowed_is_refused_wherever_it_stands(runtime: Runtime) {
    let upstream = fine();
    let gateway = limited(runtime, &upstream);
    let file = part("name=\"file\"; filename=\"a.wav\"", "\0\u{1}");
    let other = form(&[file.clone(), part("name=\"model\"", "other")]);
    for (path, fields, body) in [
        ("responses", JSON, r#"{"model":"other"}"#.to_owned()),
        ("responses", "", r#"{"model":"other"}"#.to_owned()),
        ("assistants", JSON, r#"{"model":"other"}"#.to_owned()),
        ("assistants", "", r#"{"model":"other"}"#.to_owned()),
        ("ocr", "content-type: text/plain\r\n", r#"{"model":"other"}"#.to_owned()),
        ("messages", "", r#"{"model":"other"}"#.to_owned()),
        ("completions", JSON, r#"{"m\u006fdel":"other"}"#.to_owned()),
        ("audio/transcriptions", FORM, other.clone()),
        ("images/edits", FORM, form(&[part("name=model", " other ")])),
        ("videos", FORM, other),
        ("assistants", JSON, r#"{"model":"ok","MODEL":"other"}"#.to_owned()),
        ("responses", JSON, r#"{"Model":"other"}"#.to_owned()),
        ("chat/completions", JSON, r#"{"model":"ok","mODEL":"other"}"#.to_owned()),
        (
            "chat/completions",
            JSON,
            r#"{"model":"ok","models":["ok","other"]}"#.to_owned(),
        ),
        (
            "chat/completions",
            JSON,
            r#"{"model":"ok","fallbacks":[{"model":"other"}]}"#.to_owned(),
        ),
        (
            "deployments/other/chat/completions",
            JSON,
            r#"{"model":"ok"}"#.to_owned(),
        ),
        ("openai/Deployments/%6fther/chat/completions", JSON, "{}".to_owned()),
        ("engines/other/completions", JSON, "{}".to_owned()),
        ("engines/alias/completions", JSON, "{}".to_owned()),
        (
            "chat/completions",
            JSON,
            r#"{"model":"ok","models":["alias"]}"#.to_owned(),
        ),
        (
            "chat/completions",
            JSON,
            r#"{"model":"ok","fallbacks":[{"ok":["other"]}]}"#.to_owned(),
        ),
        ("ocr?Model=other", JSON, r#"{"model":"ok"}"#.to_owned()),
    ] {
        let answer = send(&gateway, &format!("POST /v1/{path}"), fields, body.as_bytes());
        let dialect = if path == "messages" { "anthropic" } else { "openai" };
        let expected = (404, "model_not_found".into());
        assert_eq!(answer.error_in(dialect), expected, "{path} {fields}{body}");
    }
    let socket = "connection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    for (target, code) in [
        ("/v1/realtime?model=other", "model_not_found"),
        ("/v1/realtime?model=&mod%65l=other", "model_not_found"),
        ("/v1/realtime?model=ok&Model=other", "model_not_found"),
        ("/v1/realtime?deployment=other", "model_not_found"),
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
    let text = "content-type: text/plain\r\n";
    let zipped = |encoding: &str| format!("{JSON}content-encoding: {encoding}\r\n");
    let hidden = r#"{"model":"other"}"#.to_owned();
    for (path, fields, body, expected) in [
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
            JSON,
            r#"{"model":"ok","model":"other"}"#.to_owned(),
            (400, "invalid_body"),
        ),
        (
            "assistants",
            JSON,
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
            JSON,
            r#"{"model":"other","top_p":NaN}"#.to_owned(),
            (400, "invalid_json"),
        ),
        ("responses", JSON, "model=other".to_owned(), (400, "invalid_json")),
        ("responses", JSON, "[]".to_owned(), (400, "invalid_body")),
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
        send(&open, "POST /v1/responses", JSON, b"anything").error(),
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
        ("responses", JSON, &large),
        ("batches", JSON, &large),
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
            r#"{"model":"ok","models":["ok"],"messages":[]}"#,
        ),
        ("POST /v1/deployments/ok/chat/completions", r#"{"model":"ok"}"#),
        ("DELETE /v1/models/ok", ""),
        ("GET /v1/fine_tuning/jobs?deployment=ok", ""),
    ] {
        assert_eq!(send(&gateway, target, JSON, body.as_bytes()).status, 200, "{target}");
    }
    assert_eq!(upstream.received().len(), 4);
}
