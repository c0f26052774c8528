//! Several tokens on one route: who they are, and what each of them may do.

use serde_json::{Value, json};

use crate::allowed::FORM;
use crate::support::client::Answer;
use crate::support::upstream::{JSON, Upstream};
use crate::support::{Gateway, Runtime, request, route};

const ALICE: &str = "gw-SECRET-alice";
const BOB: &str = "gw-SECRET-bob";

/// A gateway with one route to `upstream`, whose tokens these are.
fn with_tokens(runtime: Runtime, upstream: &Upstream, tokens: &Value) -> Gateway {
    let fields = json!({"name": "or", "token": null, "tokens": tokens});
    Gateway::with_routes(runtime, &json!({"routes": [route("", upstream, fields)]}))
}

/// A chat with a token, and with further fields.
fn chat(gateway: &Gateway, token: &str, fields: &str, body: &str) -> Answer {
    let fields = format!("content-type: application/json\r\n{fields}");
    gateway.raw(request("POST", "/v1/chat/completions", token, &fields, body))
}

/// What the line of a request says, whatever the runtime writes around it.
fn line(gateway: &Gateway, id: &str) -> Value {
    gateway.wait_for_log(&format!("\"request_id\":\"{id}\""));
    let log = gateway.log();
    let line = log.lines().find(|line| line.contains(&format!("\"{id}\""))).unwrap();
    serde_json::from_str(&line[line.find('{').unwrap()..]).unwrap()
}

pub(crate) fn two_tokens_share_a_route_and_the_log_says_whose_a_request_is(runtime: Runtime) {
    let upstream = Upstream::answering("200 OK", JSON, r#"{"fine":1}"#);
    let tokens = json!([
        {"name": "alice", "token": ALICE, "group": "family", "labels": {"team": "a"}},
        {"name": "bob", "token_sha256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    ]);
    let fields = json!({"name": "or", "token": "gw-SECRET-own", "tokens": tokens});
    let table = json!({"timezone": "+08:00", "currency": "CNY", "groups": {"family": {}}, "routes": [route("", &upstream, fields)]});
    let gateway = Gateway::with_routes(runtime, &table);
    for (id, token, named) in [
        ("1", ALICE, json!("alice")),
        ("2", "abc", json!("bob")),
        ("3", "gw-SECRET-own", Value::Null),
    ] {
        let answer = chat(&gateway, token, &format!("x-request-id: {id}\r\n"), r#"{"model":"m"}"#);
        assert_eq!((answer.status, answer.text().as_str()), (200, r#"{"fine":1}"#), "{id}");
        let line = line(&gateway, id);
        assert_eq!((&line["route"], &line["token"]), (&json!("or"), &named), "{line}");
    }
    assert_eq!(
        chat(&gateway, "gw-other", "", r#"{"model":"m"}"#).error(),
        (401, "invalid_api_key".into())
    );
    // No token goes up, whoever's it is.
    for received in upstream.received() {
        assert!(received.one("authorization").unwrap().starts_with("Bearer up-SECRET-"));
    }
}

pub(crate) fn a_token_that_has_expired_or_is_disabled_is_refused_before_its_body(runtime: Runtime) {
    let upstream = Upstream::answering("200 OK", JSON, "{}");
    let tokens = json!([
        {"name": "past", "token": "gw-SECRET-past", "expires": "2020-01-01"},
        {"name": "future", "token": "gw-SECRET-future", "expires": "9999-12-31T23:59:59+08:00", "disabled": false},
        {"name": "off", "token": "gw-SECRET-off", "disabled": true, "expires": "2020-01-01"},
    ]);
    let gateway = with_tokens(runtime, &upstream, &tokens);
    for (target, dialect) in [
        ("POST /v1/chat/completions", "openai"),
        ("POST /v1/messages", "anthropic"),
        ("POST /v1beta/models/m:generateContent", "gemini"),
        ("GET /v1/models", "openai"),
        ("GET /v1/files", "openai"),
    ] {
        let (method, path) = target.split_once(' ').unwrap();
        for (token, code) in [("gw-SECRET-past", "token_expired"), ("gw-SECRET-off", "token_disabled")] {
            let answer = gateway.raw(request(method, path, token, JSON, "no JSON"));
            assert_eq!(answer.error_in(dialect), (401, code.into()), "{target}");
            assert_eq!(answer.field("www-authenticate"), Some("Bearer"));
        }
    }
    assert!(upstream.received().is_empty());
    chat(&gateway, "gw-SECRET-past", "x-request-id: late\r\n", "{}");
    let line = line(&gateway, "late");
    assert_eq!(
        (&line["token"], &line["error"]),
        (&json!("past"), &json!("token_expired"))
    );
    assert_eq!(chat(&gateway, "gw-SECRET-future", "", r#"{"model":"m"}"#).status, 200);
}

pub(crate) fn a_token_is_used_from_its_addresses_only(runtime: Runtime) {
    let upstream = Upstream::answering("200 OK", JSON, "{}");
    let tokens = json!([
        {"name": "alice", "token": ALICE, "allow_ips": ["203.0.113.0/24", "2001:db8::/32"]},
        {"name": "bob", "token": BOB},
    ]);
    let routes = json!([route(
        "",
        &upstream,
        json!({"name": "or", "token": null, "tokens": tokens})
    )])
    .to_string();
    let variables = |proxies| {
        [
            ("GATEWAY_ROUTES", &*routes),
            ("TRUSTED_PROXIES", proxies),
            ("LOG_CLIENT", "true"),
        ]
    };
    let gateway = Gateway::start(runtime, &variables("127.0.0.1"));
    // Where the runtime finds the client's address.
    let name = match runtime {
        Runtime::Native => "x-forwarded-for",
        Runtime::Worker => "cf-connecting-ip",
    };
    let refused = (403, "ip_not_allowed".to_owned());
    for address in ["203.0.113.9", "2001:db8::9"] {
        let fields = format!("{name}: {address}\r\nx-request-id: {address}\r\n");
        assert_eq!(
            chat(&gateway, ALICE, &fields, r#"{"model":"m"}"#).status,
            200,
            "{address}"
        );
        assert_eq!(line(&gateway, address)["client"], address);
    }
    for address in ["198.51.100.1", "127.0.0.1", "2001:db9::1", "unknown"] {
        let fields = format!("{name}: {address}\r\n");
        assert_eq!(
            chat(&gateway, ALICE, &fields, r#"{"model":"m"}"#).error(),
            refused,
            "{address}"
        );
        assert_eq!(
            chat(&gateway, BOB, &fields, r#"{"model":"m"}"#).status,
            200,
            "{address}"
        );
    }
    let messages = gateway.raw(request("POST", "/v1/messages", ALICE, JSON, "{}"));
    assert_eq!(messages.error_in("anthropic"), refused);
    assert_eq!(messages.field("www-authenticate"), None);
    if runtime == Runtime::Native {
        // Nobody is trusted: what a client says of itself counts for nothing.
        let gateway = Gateway::start(runtime, &variables(""));
        let fields = "x-forwarded-for: 203.0.113.9\r\nx-request-id: one\r\n";
        assert_eq!(chat(&gateway, ALICE, fields, r#"{"model":"m"}"#).error(), refused);
        assert_eq!(line(&gateway, "one")["client"], "127.0.0.1");
    }
}

pub(crate) fn a_token_has_models_of_its_own_within_those_of_the_route(runtime: Runtime) {
    let list = r#"{"object":"list","data":[{"id":"gpt-mini"},{"id":"gpt-large"},{"id":"o1"},{"id":"hidden"}]}"#;
    let upstream = Upstream::start(
        move |received, to| match received.line().starts_with("GET /v1/models ") {
            true => to.answer("200 OK", JSON, list),
            false => to.answer("200 OK", JSON, "{}"),
        },
    );
    let tokens = json!([
        {"name": "alice", "token": ALICE, "models": ["*mini", "fast", "hidden"]},
        {"name": "bob", "token": BOB},
    ]);
    let fields = json!({"name": "or", "token": null, "tokens": tokens, "models": ["gpt-*", "o1", "fast"],
        "aliases": {"fast": "gpt-mini"}, "default_model": "gpt-large"});
    let gateway = Gateway::with_routes(runtime, &json!([route("", &upstream, fields)]));
    let ids = |token: &str| {
        let list = gateway.raw(request("GET", "/v1/models", token, "", "")).json();
        let entries = list["data"].as_array().unwrap().iter();
        entries
            .map(|entry| entry["id"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(ids(ALICE), ["gpt-mini", "fast"]);
    assert_eq!(ids(BOB), ["gpt-mini", "gpt-large", "o1", "fast"]);
    let missing = (404, "model_not_found".to_owned());
    for (target, body) in [
        ("POST /v1/chat/completions", r#"{"model":"gpt-large"}"#),
        ("POST /v1/chat/completions", r#"{"model":"hidden"}"#),
        ("POST /v1/chat/completions", r#"{"model":"fast","models":["o1"]}"#),
        ("POST /v1/responses", r#"{"model":"o1"}"#),
        ("POST /v1/embeddings", r#"{"model":"gpt-large"}"#),
        ("POST /v1/assistants", r#"{"model":"o1"}"#),
        ("POST /v1/deployments/o1/chat/completions", "{}"),
        ("GET /v1/models/o1", ""),
    ] {
        let (method, path) = target.split_once(' ').unwrap();
        let answer = gateway.raw(request(method, path, ALICE, JSON, body));
        assert_eq!(answer.error(), missing, "{target} {body}");
        // It is the token's list that refuses it.
        if !body.contains("hidden") {
            assert_eq!(
                gateway.raw(request(method, path, BOB, JSON, body)).status,
                200,
                "{target} {body}"
            );
        }
    }
    // What the token may not use is not its default either.
    for path in ["/v1/chat/completions", "/v1/responses", "/v1/embeddings"] {
        let answer = gateway.raw(request("POST", path, ALICE, JSON, "{}"));
        assert_eq!(answer.error(), (400, "missing_model".into()), "{path}");
        assert_eq!(
            gateway.raw(request("POST", path, BOB, JSON, "{}")).status,
            200,
            "{path}"
        );
    }
    let before = upstream.received().len();
    assert_eq!(chat(&gateway, ALICE, "", r#"{"model":"fast"}"#).status, 200);
    assert_eq!(upstream.received()[before].text(), r#"{"model":"gpt-mini"}"#);
}

pub(crate) fn a_body_is_read_where_the_tokens_own_models_are_limited(runtime: Runtime) {
    let upstream = Upstream::answering("200 OK", JSON, "{}");
    let tokens = json!([{"name": "alice", "token": ALICE, "models": ["ok"]}, {"name": "bob", "token": BOB}]);
    let gateway = with_tokens(runtime, &upstream, &tokens);
    let form = "--xyz\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nother\r\n--xyz--\r\n";
    let text = "content-type: text/plain\r\n";
    for (path, fields, body, expected) in [
        ("audio/transcriptions", FORM, form, (404, "model_not_found")),
        (
            "responses",
            text,
            r#"{"model":"other"}"#,
            (415, "unsupported_media_type"),
        ),
        (
            "assistants",
            JSON,
            r#"{"model":"other","top_p":NaN}"#,
            (400, "invalid_json"),
        ),
    ] {
        let target = format!("/v1/{path}");
        let answer = gateway.raw(request("POST", &target, ALICE, fields, body));
        assert_eq!(answer.error(), (expected.0, expected.1.to_owned()), "{path}");
        assert!(upstream.received().is_empty());
    }
    let handshake = "connection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    for (target, code) in [
        ("/v1/realtime?model=other", "model_not_found"),
        ("/v1/live", "websocket_unsupported"),
    ] {
        let head = format!("GET {target} HTTP/1.1\r\nhost: g\r\nx-api-key: {ALICE}\r\n{handshake}\r\n");
        gateway.open(head).wait_for(code);
    }
    assert!(upstream.received().is_empty());
    let answer = gateway.raw(request("POST", "/v1/audio/transcriptions", BOB, FORM, form));
    assert_eq!((answer.status, upstream.only().text()), (200, form.to_owned()));
}

pub(crate) fn a_token_that_is_replaced_keeps_its_key(runtime: Runtime) {
    let upstream = Upstream::answering("200 OK", JSON, "{}");
    let keys: Vec<String> = (0..12).map(|number| format!("up-SECRET-{number}-end")).collect();
    let key_of = |name: &str, token: &str| {
        let fields = json!({"token": null, "api_keys": keys, "tokens": [{"name": name, "token": token}]});
        let gateway = Gateway::with_routes(runtime, &json!([route("", &upstream, fields)]));
        let before = upstream.received().len();
        for file in 0..3 {
            assert_eq!(
                gateway
                    .raw(request("GET", &format!("/v1/files/{file}"), token, "", ""))
                    .status,
                200
            );
        }
        let received = upstream.received().split_off(before);
        let used: Vec<String> = received
            .iter()
            .map(|received| received.one("authorization").unwrap().to_owned())
            .collect();
        assert!(used.iter().all(|key| *key == used[0]), "{used:?}");
        used[0].clone()
    };
    let key = key_of("alice", ALICE);
    assert_eq!(
        key_of("alice", "gw-SECRET-alice-2"),
        key,
        "what alice keeps is in one account"
    );
    let others = ["bob", "carol", "dave"].map(|name| key_of(name, ALICE));
    assert!(others.iter().any(|other| *other != key), "{others:?}");
}

#[test]
fn a_token_is_disabled_and_replaced_while_requests_are_served() {
    let table = |entries: Value| json!({"routes": [{"name": "or", "provider": "echo", "tokens": entries}]}).to_string();
    let bob = json!({"name": "bob", "token": BOB});
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("routes.json");
    std::fs::write(&path, table(json!([{"name": "alice", "token": ALICE}, bob]))).unwrap();
    let gateway = Gateway::start(Runtime::Native, &[("GATEWAY_ROUTES_FILE", path.to_str().unwrap())]);
    let status = |token: &str| gateway.raw(request("GET", "/v1/models", token, "", "")).status;
    assert_eq!((status(ALICE), status(BOB)), (200, 200));

    std::fs::write(
        &path,
        table(json!([{"name": "alice", "token": "gw-SECRET-alice-2"}, bob])),
    )
    .unwrap();
    gateway.wait_for_log("was read again: 1 route");
    assert_eq!(
        (status(ALICE), status("gw-SECRET-alice-2"), status(BOB)),
        (401, 200, 200)
    );

    let disabled = json!({"name": "bob", "token": BOB, "disabled": true});
    std::fs::write(&path, table(json!([disabled]))).unwrap();
    let bobs = || gateway.raw(request("GET", "/v1/models", BOB, "", ""));
    while bobs().status == 200 {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert_eq!(bobs().error(), (401, "token_disabled".into()));
}
