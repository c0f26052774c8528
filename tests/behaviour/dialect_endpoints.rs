//! Clients of other dialects: their paths, where their tokens stand, and the shape in which they read errors.

use serde_json::json;

use crate::support::upstream::{JSON, Upstream};
use crate::support::{Gateway, Runtime, TOKEN, chat, request, route};

/// A request body that every dialect's upstream would take for its own to judge.
const ASK: &str = r#"{"contents":[{"role":"user","parts":[{"text":"hi"}]}]}"#;

/// An answer of Gemini's.
const SAID: &str =
    r#"{"candidates":[{"content":{"role":"model","parts":[{"text":"hi"}]},"finishReason":"STOP","index":0}]}"#;

/// A gateway before an upstream of Gemini's dialect.
fn gemini(runtime: Runtime, upstream: &Upstream, fields: serde_json::Value) -> Gateway {
    let mut route = route(TOKEN, upstream, fields);
    route["dialect"] = json!("gemini");
    Gateway::with_routes(runtime, &json!([route]))
}

pub(crate) fn every_refusal_has_the_shape_that_its_client_reads(runtime: Runtime) {
    let routes = json!([{"token": TOKEN, "provider": "echo"}]).to_string();
    let gateway = Gateway::start(runtime, &[("GATEWAY_ROUTES", &routes), ("BODY_LIMIT", "1000")]);
    let json = "content-type: application/json\r\n";
    let text = "content-type: text/plain\r\n";
    let version = "anthropic-version: 2023-06-01\r\n";
    let (long, large) = (format!("x-large: {}\r\n", "x".repeat(40_000)), "x".repeat(1001));
    for (dialect, path, unknown) in [
        ("gemini", "/v1beta/models/m:generateContent", "/v1beta"),
        ("gemini", "/v1/models/m:countTokens", "/v1alpha/files/a%2fb"),
        ("anthropic", "/v1/messages", "/v1/messages/a%2fb"),
        ("openai", "/v1/responses", "/v1/responses/a%2fb"),
        ("openai", "/v1/chat/completions", "/v2"),
    ] {
        let told = |method: &str, path: &str, token: &str, fields: &str, body: &str| {
            gateway
                .raw(request(method, path, token, fields, body))
                .error_in(dialect)
        };
        assert_eq!(
            told("POST", path, "nobody", json, "{}"),
            (401, "invalid_api_key".into()),
            "{path}"
        );
        assert_eq!(
            told("POST", unknown, TOKEN, json, "{}"),
            (404, "not_found".into()),
            "{unknown}"
        );
        assert_eq!(
            told("POST", path, TOKEN, json, &large),
            (413, "request_too_large".into()),
            "{path}"
        );
        assert_eq!(
            told("POST", path, TOKEN, &long, "{}"),
            (431, "headers_too_large".into()),
            "{path}"
        );
        assert_eq!(
            told("POST", path, TOKEN, json, "{"),
            (400, "invalid_json".into()),
            "{path}"
        );
        if !path.contains("/v1/responses") && !path.contains("/v1/messages") {
            assert_eq!(
                told("PUT", path, TOKEN, json, "{}"),
                (405, "method_not_allowed".into()),
                "{path}"
            );
            assert_eq!(
                told("POST", path, TOKEN, text, "{}"),
                (415, "unsupported_media_type".into()),
                "{path}"
            );
        }
    }
    // Where several APIs have a path, the headers of their clients tell them apart.
    for (dialect, fields) in [
        ("anthropic", version),
        ("gemini", "x-goog-api-client: google-genai-sdk/3.6.1\r\n"),
        ("openai", ""),
    ] {
        for (method, path, status, code) in [
            ("POST", "/v1/models", 405, "method_not_allowed"),
            ("GET", "/v1/nothing//", 404, "not_found"),
        ] {
            let answer = gateway.raw(request(method, path, TOKEN, fields, ""));
            assert_eq!(answer.error_in(dialect), (status, code.into()), "{path} {fields}");
        }
    }
}

pub(crate) fn what_only_the_shell_refuses_has_that_shape_too(runtime: Runtime) {
    let routes = json!([{"token": TOKEN}]).to_string();
    for (dialect, path) in [
        ("gemini", "/v1beta/models/m:generateContent"),
        ("anthropic", "/v1/messages"),
        ("openai", "/v1/chat/completions"),
    ] {
        let asked = request("POST", path, TOKEN, "content-type: application/json\r\n", "{}");
        match runtime {
            Runtime::Native => {
                let silent = Upstream::start(|_, to| to.hang());
                let routes = json!([route(TOKEN, &silent, json!({}))]).to_string();
                let gateway = Gateway::start(runtime, &[("GATEWAY_ROUTES", &routes), ("MAX_CONCURRENT", "1")]);
                let held = gateway.open(chat("", r#"{"model":"m"}"#));
                silent.wait_for_request();
                assert_eq!(
                    gateway.raw(&asked).error_in(dialect),
                    (503, "overloaded".into()),
                    "{path}"
                );
                held.leave();
                let endless = format!("POST {path} HTTP/1.1\r\nhost: g\r\nx-large: {}", "x".repeat(70_000));
                assert_eq!(
                    gateway.raw(endless).error_in(dialect),
                    (431, "headers_too_large".into()),
                    "{path}"
                );
            }
            Runtime::Worker => {
                let gateway = Gateway::start(runtime, &[("GATEWAY_ROUTES", &routes)]);
                assert_eq!(
                    gateway.raw(&asked).error_in(dialect),
                    (500, "configuration_error".into()),
                    "{path}"
                );
            }
        }
    }
}

pub(crate) fn the_key_in_the_address_is_the_token_where_google_has_its_keys(runtime: Runtime) {
    let upstream = Upstream::answering("200 OK", JSON, SAID);
    let gateway = gemini(runtime, &upstream, json!({"api_keys": ["up-SECRET-1"]}));
    let post = |target: &str, fields: &str| {
        let fields = format!("content-type: application/json\r\n{fields}");
        let head = format!(
            "POST {target} HTTP/1.1\r\nhost: g\r\nconnection: close\r\n{fields}content-length: {}\r\n\r\n",
            ASK.len()
        );
        gateway.raw(head + ASK)
    };
    for (target, fields) in [
        (format!("/v1beta/models/m:generateContent?key={TOKEN}&a=%41"), ""),
        (
            "/v1beta/models/m:generateContent?k%65y=gw%2DSECRET-token&a=%41&key=AIza".to_owned(),
            "",
        ),
        (
            format!("/v1beta/models/m:generateContent?key=AIza&a=%41&%6bey={TOKEN}"),
            "x-goog-api-key: AIza\r\n",
        ),
        (
            "/v1beta/models/m:generateContent?key=AIza&a=%41".to_owned(),
            "x-goog-api-key: gw-SECRET-token\r\n",
        ),
    ] {
        assert_eq!(post(&target, fields).text(), SAID, "{target}");
        let received = upstream.received();
        let last = received.last().unwrap();
        assert_eq!(
            last.line(),
            "POST /v1/models/m:generateContent?a=%41 HTTP/1.1",
            "{target}"
        );
        assert_eq!(last.one("x-goog-api-key"), Some("up-SECRET-1"));
        assert!(
            !last.head.contains("AIza") && !last.head.contains(TOKEN),
            "{}",
            last.head
        );
    }
    let asked = upstream.received().len();
    for (target, dialect) in [
        ("/v1beta/models/m:generateContent?key=AIza".to_owned(), "gemini"),
        (
            format!("/v1beta/models/m:generateContent?access_token={TOKEN}"),
            "gemini",
        ),
        (format!("/v1/chat/completions?key={TOKEN}"), "openai"),
        (format!("/v1/messages?key={TOKEN}"), "anthropic"),
    ] {
        assert_eq!(
            post(&target, "").error_in(dialect),
            (401, "invalid_api_key".into()),
            "{target}"
        );
    }
    assert_eq!(upstream.received().len(), asked);
}

pub(crate) fn a_model_in_the_path_is_renamed_and_limited_like_any_other(runtime: Runtime) {
    let upstream = Upstream::answering("200 OK", JSON, SAID);
    let fields = json!({
        "models": ["gemini-*", "fast", "v/m", "tunedModels/t"],
        "aliases": {"fast": "gemini-mini"},
        "default_model": "gemini-own",
    });
    let gateway = gemini(runtime, &upstream, fields);
    for (path, sent) in [
        (
            "/v1beta/models/gemini-x:generateContent",
            "models/gemini-x:generateContent",
        ),
        ("/v1/models/fast:countTokens", "models/gemini-mini:countTokens"),
        (
            "/v1alpha/models/models%2Fgemini-x%3AgenerateContent",
            "models/gemini-x:generateContent",
        ),
        ("/v1beta/models/v%2Fm:generateContent", "models/v/m:generateContent"),
        ("/v1beta/models/:generateContent", "models/gemini-own:generateContent"),
        ("/v1beta/tunedModels/t:generateContent", "tunedModels/t:generateContent"),
    ] {
        assert_eq!(gateway.post(path, ASK).status, 200, "{path}");
        let line = upstream.received().last().unwrap().line().to_owned();
        assert_eq!(line, format!("POST /v1/{sent} HTTP/1.1"), "{path}");
        assert_eq!(upstream.received().last().unwrap().text(), ASK);
    }
    let asked = upstream.received().len();
    let counting = r#"{"generateContentRequest":{"model":"models/other","contents":[]}}"#;
    let batch = r#"{"requests":[{"model":"models/other","content":{}}]}"#;
    for (path, body) in [
        ("/v1beta/models/other:generateContent", ASK),
        ("/v1/models/oth%65r:streamGenerateContent?alt=sse", ASK),
        ("/v1beta/models/t:generateContent", ASK),
        ("/v1beta/models/gemini-x:countTokens", counting),
        ("/v1beta/models/gemini-x:generateContent?model=other", ASK),
        ("/v1beta/models/other:embedContent", "{}"),
        ("/v1beta/models/gemini-x:batchEmbedContents", batch),
        ("/v1beta/tunedModels/gemini-x:transferOwnership", "{}"),
    ] {
        assert_eq!(
            gateway.post(path, body).error_in("gemini"),
            (404, "model_not_found".into()),
            "{path}"
        );
    }
    assert_eq!(upstream.received().len(), asked);
}

pub(crate) fn whatever_else_google_has_reaches_its_upstreams_only(runtime: Runtime) {
    let upstream = Upstream::answering("200 OK", JSON, r#"{"embedding":{"values":[0.10]}}"#);
    let gateway = gemini(
        runtime,
        &upstream,
        json!({"aliases": {"m": "other"}, "default_model": "d"}),
    );
    let body = r#"{"content":{"parts":[{"text":"hi"}]},"model" : "models/m"}"#;
    for (method, path, sent) in [
        ("POST", "/v1beta/models/m:embedContent", "models/m:embedContent"),
        (
            "POST",
            "/v1/models/v%2Fm:batchEmbedContents",
            "models/v%2Fm:batchEmbedContents",
        ),
        (
            "POST",
            "/v1beta/models/m:predictLongRunning",
            "models/m:predictLongRunning",
        ),
        ("POST", "/v1beta/cachedContents", "cachedContents"),
        ("DELETE", "/v1alpha/files/x?force=true", "files/x?force=true"),
        (
            "GET",
            "/v1beta/tunedModels/x/permissions?pageSize=1",
            "tunedModels/x/permissions?pageSize=1",
        ),
    ] {
        let body = if method == "POST" { body } else { "" };
        let answer = gateway.raw(request(method, path, TOKEN, "content-type: application/json\r\n", body));
        assert_eq!(answer.text(), r#"{"embedding":{"values":[0.10]}}"#, "{path}");
        let received = upstream.received();
        let last = received.last().unwrap();
        assert_eq!(
            (last.line(), last.text()),
            (&*format!("{method} /v1/{sent} HTTP/1.1"), body.to_owned())
        );
    }
    for upstream_dialect in ["openai", "anthropic", "responses"] {
        let other = Upstream::answering("200 OK", JSON, "{}");
        let gateway = Gateway::to(runtime, &other, json!({"dialect": upstream_dialect}));
        for path in ["/v1beta/models/m:embedContent", "/v1/models/m:predict", "/v1beta/files"] {
            let answer = gateway.post(path, body);
            assert_eq!(answer.error_in("gemini"), (404, "not_found".into()), "{path}");
            assert!(answer.text().contains("does not speak Gemini"), "{}", answer.text());
        }
        assert!(other.received().is_empty());
    }
}

pub(crate) fn a_stream_that_is_an_array_comes_as_it_is_sent(runtime: Runtime) {
    const BEGINNING: &str = "[{\"candidates\": [{\"content\": {\"parts\": [{\"text\": \"a\"}]}}]}";
    const REST: &str = ",\r\n{\"candidates\": [{\"finishReason\": \"STOP\"}]}]";
    let upstream = Upstream::start(|received, to| {
        if received.text().contains("limited") {
            let error = r#"[{"error":{"code":429,"message":"up-SECRET-1 is limited","status":"RESOURCE_EXHAUSTED"}}]"#;
            return to.answer("429 Too Many", JSON, error);
        }
        to.head("200 OK", JSON);
        to.send(BEGINNING.as_bytes());
        std::thread::sleep(std::time::Duration::from_millis(1500));
        to.send(REST.as_bytes());
    });
    let gateway = gemini(runtime, &upstream, json!({"api_keys": ["up-SECRET-1"]}));
    let path = "/v1beta/models/m:streamGenerateContent";
    let asked = request("POST", path, TOKEN, "content-type: application/json\r\n", ASK);
    let mut exchange = gateway.open(asked);
    exchange.wait_for("\"a\"");
    let answer = exchange.finish();
    assert!(answer.text().ends_with(REST), "{}", answer.text());
    assert_eq!(
        upstream.only().line(),
        format!("POST /v1/{} HTTP/1.1", &path["/v1beta/".len()..])
    );
    let refused = gateway.post(path, r#"{"contents":"limited"}"#);
    assert!(
        refused.status == 429 && refused.text().contains("is limited"),
        "{}",
        refused.text()
    );
    assert!(!refused.text().contains("SECRET"), "{}", refused.text());
}
