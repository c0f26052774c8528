//! What passes in the heads of requests and answers.

use serde_json::json;

use crate::support::upstream::{JSON, SSE, Upstream};
use crate::support::{Gateway, Runtime, TOKEN, request};

const BODY: &str = r#"{"model":"m"}"#;

pub(crate) fn the_upstream_sees_the_allow_list_and_nothing_else(runtime: Runtime) {
    let upstream = Upstream::answering("200 OK", JSON, "{}");
    let gateway = Gateway::to(runtime, &upstream, json!({}));
    let sent = "user-agent: OpenAI/Python 3\r\nx-stainless-lang: python\r\nopenai-beta: b\r\nidempotency-key: i\r\nanthropic-version: v\r\nanthropic-beta: ab\r\nanthropic-workspace-id: aw\r\nx-claude-code-session-id: s\r\nx-codex-window-id: w\r\nsession-id: s\r\nthread-id: t\r\nx-session-affinity: a\r\nconversation_id: c\r\nx-client-request-id: r\r\naccept: application/json\r\ncookie: a=b\r\nopenai-organization: org\r\nopenai-project: p\r\nx-forwarded-for: 1.2.3.4\r\ncf-connecting-ip: 1.2.3.4\r\nx-api-key: other\r\norigin: https://a.example\r\nreferer: https://a.example\r\naccept-encoding: br\r\nx-request-id: mine-1\r\nx-custom: c\r\n";
    assert_eq!(gateway.chat_with(sent, BODY).status, 200);
    let received = upstream.only();
    let expected = [
        "accept",
        "accept-encoding",
        "anthropic-beta",
        "anthropic-version",
        "anthropic-workspace-id",
        "authorization",
        "content-length",
        "content-type",
        "conversation_id",
        "host",
        "idempotency-key",
        "openai-beta",
        "session-id",
        "thread-id",
        "user-agent",
        "x-claude-code-session-id",
        "x-client-request-id",
        "x-codex-window-id",
        "x-gateway-hop",
        "x-request-id",
        "x-session-affinity",
        "x-stainless-lang",
    ];
    // The runtime's own, on Workers, tell nothing about the client.
    let names: Vec<String> = received
        .names()
        .into_iter()
        .filter(|name| !["cf-worker", "cf-ew-via", "cdn-loop", "connection"].contains(&name.as_str()))
        .collect();
    assert_eq!(names, expected);
    assert!(received.one("authorization").unwrap().starts_with("Bearer up-SECRET-"));
    assert_eq!(
        (received.one("accept-encoding"), received.one("x-request-id")),
        (Some("identity"), Some("mine-1"))
    );
    assert_eq!(received.one("user-agent"), Some("OpenAI/Python 3"));
}

pub(crate) fn what_ends_with_the_clients_connection_is_not_passed_on(runtime: Runtime) {
    let upstream = Upstream::answering("200 OK", JSON, "{}");
    let gateway = Gateway::to(runtime, &upstream, json!({}));
    let sent = "connection: Idempotency-Key, openai-beta\r\nidempotency-key: i\r\nopenai-beta: b\r\nx-stainless-lang: python\r\n";
    assert_eq!(gateway.chat_with(sent, BODY).status, 200);
    let received = upstream.only();
    let passed = ["idempotency-key", "openai-beta", "x-stainless-lang"].map(|name| received.one(name));
    assert_eq!(passed, [None, None, Some("python")]);
}

pub(crate) fn the_clients_headers_lose_against_the_operators(runtime: Runtime) {
    let upstream = Upstream::answering("200 OK", JSON, "{}");
    let extra = json!({"extra_headers": {"User-Agent": "ours", "X-Title": "网关 é", "OpenAI-Organization": "org-1"}});
    assert_eq!(
        Gateway::to(runtime, &upstream, extra)
            .chat_with("user-agent: theirs\r\nx-title: theirs\r\n", BODY)
            .status,
        200
    );
    let received = upstream.only();
    for (name, value) in [
        ("user-agent", "ours"),
        ("x-title", "网关 é"),
        ("openai-organization", "org-1"),
    ] {
        assert_eq!(received.one(name), Some(value));
    }
}

pub(crate) fn the_answer_keeps_what_matters_and_loses_what_is_hop_by_hop(runtime: Runtime) {
    const FIELDS: &str = "content-type: application/json\r\nset-cookie: a=b\r\nserver: up\r\nalt-svc: h3\r\nstrict-transport-security: x\r\ncf-ray: 1\r\nopenai-organization: org\r\nx-request-id: up-1\r\nx-ratelimit-remaining-requests: 5\r\nretry-after: 3\r\nopenai-processing-ms: 12\r\nx-vendor: v\r\nx-name: 网关 é\r\nkeep-alive: timeout=5\r\nnel: {}\r\nreport-to: {}\r\nclear-site-data: *\r\nwww-authenticate: Basic\r\nlocation: https://up.example/v1/x\r\ncontent-location: /v1/x\r\naccess-control-allow-origin: https://up.example\r\n";
    let upstream = Upstream::answering("200 OK", FIELDS, "{}");
    let answer = Gateway::to(runtime, &upstream, json!({})).chat_with("x-request-id: mine-1\r\n", BODY);
    for gone in [
        "set-cookie",
        "server",
        "alt-svc",
        "strict-transport-security",
        "cf-ray",
        "openai-organization",
        "keep-alive",
        "nel",
        "report-to",
        "clear-site-data",
        "www-authenticate",
        "location",
    ] {
        assert_eq!(answer.field(gone), None, "{gone}");
    }
    for (name, value) in [
        ("x-request-id", "mine-1"),
        ("x-upstream-request-id", "up-1"),
        ("x-ratelimit-remaining-requests", "5"),
        ("retry-after", "3"),
        ("openai-processing-ms", "12"),
        ("x-vendor", "v"),
        ("x-name", "网关 é"),
        ("content-location", "/v1/x"),
        ("access-control-allow-origin", "*"),
        ("content-length", "2"),
        ("x-gateway-attempts", "1"),
    ] {
        assert_eq!(answer.field(name), Some(value), "{name}");
    }
}

pub(crate) fn a_safe_request_id_is_kept_and_another_replaced(runtime: Runtime) {
    let upstream = Upstream::answering("200 OK", JSON, "{}");
    let gateway = Gateway::to(runtime, &upstream, json!({}));
    let id = |sent: &str| {
        let answer = gateway.chat_with(&format!("x-request-id: {sent}\r\n"), BODY);
        answer.field("x-request-id").unwrap().to_owned()
    };
    let longest = "x".repeat(128);
    for safe in ["a.B_9:-", "0", &longest] {
        assert_eq!(id(safe), safe);
    }
    for unsafe_id in ["a b", "a/b", "a,b", "\u{e9}", &"x".repeat(129), ""] {
        let replaced = id(unsafe_id);
        assert!(replaced.len() == 36 && replaced.as_bytes()[14] == b'7', "{replaced}");
        // The upstream gets to know the same.
        assert_eq!(
            upstream.received().last().unwrap().one("x-request-id"),
            Some(replaced.as_str())
        );
    }
    // They sort by their time, which no other version of a UUID does.
    let made = [(); 6].map(|()| {
        std::thread::sleep(std::time::Duration::from_millis(5));
        id("a b")
    });
    assert!(made.windows(2).all(|pair| pair[0] < pair[1]), "{made:?}");
}

pub(crate) fn every_answer_has_the_request_id_and_every_proxied_one_its_attempts(runtime: Runtime) {
    let upstream = Upstream::start(|received, to| match received.text() {
        text if text.contains("stream") => {
            to.head("200 OK", SSE);
            to.send(b"data: [DONE]\n\n");
        }
        text if text.contains("404") => to.answer("404 No", JSON, "{}"),
        text if text.contains("500") => to.answer("500 Oops", JSON, "{}"),
        text if text.contains("401") => to.answer("401 No", JSON, "{}"),
        text if text.contains("gone") => {}
        _ => to.answer("200 OK", JSON, "{}"),
    });
    let gateway = Gateway::to(runtime, &upstream, json!({"api_keys": ["up-SECRET-1"]}));
    let ask = |method: &str, path: &str, token: &str, body: &str| {
        let fields = "content-type: application/json\r\nx-request-id: mine-1\r\n";
        gateway.raw(request(method, path, token, fields, body))
    };
    let own = [
        ("GET", "/", TOKEN, "", 200),
        ("GET", "/health", TOKEN, "", 200),
        ("GET", "/nowhere", TOKEN, "", 404),
        ("PUT", "/v1/models", TOKEN, "", 405),
        ("OPTIONS", "/v1/models", TOKEN, "", 204),
        ("GET", "/v1/models", "gw-unknown", "", 401),
        ("GET", "/v1/organization/users", TOKEN, "", 403),
        ("POST", "/v1/chat/completions", TOKEN, "{", 400),
    ];
    for (method, path, token, body, status) in own {
        let answer = ask(method, path, token, body);
        assert_eq!(
            (answer.status, answer.field("x-request-id")),
            (status, Some("mine-1")),
            "{path}"
        );
        assert_eq!(answer.field("x-gateway-attempts"), None, "{path}");
    }
    let chat = "/v1/chat/completions";
    let proxied = [
        ("POST", chat, BODY, 200),
        ("POST", chat, r#"{"model":"m","stream":true}"#, 200),
        ("POST", chat, r#"{"model":"404"}"#, 404),
        ("POST", chat, r#"{"model":"500"}"#, 500),
        ("POST", chat, r#"{"model":"401"}"#, 502),
        ("POST", chat, r#"{"model":"gone"}"#, 502),
        ("POST", "/v1/embeddings", BODY, 200),
        ("POST", "/chat", r#"{"model":"404","message":"hi"}"#, 404),
        ("GET", "/v1/models", "", 200),
        ("GET", "/v1/files", "", 200),
        ("POST", "/v1/audio/speech", BODY, 200),
    ];
    for (method, path, body, status) in proxied {
        let answer = ask(method, path, TOKEN, body);
        assert_eq!(
            (answer.status, answer.field("x-request-id")),
            (status, Some("mine-1")),
            "{path} {body}"
        );
        assert_eq!(answer.field("x-gateway-attempts"), Some("1"), "{path} {body}");
        let received = upstream.received();
        assert_eq!(
            received.last().unwrap().one("x-request-id"),
            Some("mine-1"),
            "{path} {body}"
        );
    }
}

pub(crate) fn azure_gets_its_key_in_its_own_header(runtime: Runtime) {
    let upstream = Upstream::answering("200 OK", JSON, "{}");
    assert_eq!(
        Gateway::to(
            runtime,
            &upstream,
            json!({"provider": "azure", "api_keys": ["az-SECRET"]})
        )
        .chat(BODY)
        .status,
        200
    );
    let received = upstream.only();
    assert_eq!(
        (received.one("api-key"), received.one("authorization")),
        (Some("az-SECRET"), None)
    );
}

pub(crate) fn a_token_that_is_repeated_stays_here(runtime: Runtime) {
    let upstream = Upstream::answering("200 OK", JSON, "{}");
    // What an upstream gets is not among the gateway's own secrets where the route holds a digest only.
    let routes = json!([
        crate::support::route(TOKEN, &upstream, json!({})),
        {"token": "gw-SECRET-other", "provider": "echo"},
    ]);
    let gateway = Gateway::with_routes(runtime, &routes);
    let repeated = format!(
        "user-agent: app/1 ({TOKEN})\r\nidempotency-key: {TOKEN}-1\r\nx-stainless-lang: {TOKEN}\r\nx-stainless-os: Linux\r\nx-api-key: {TOKEN}\r\nx-request-id: {TOKEN}\r\n"
    );
    let answer = gateway.chat_with(&repeated, BODY);
    assert_eq!(answer.status, 200);
    for (target, sent) in [
        (format!("/v1/files?key={TOKEN}"), "/v1/files"),
        (
            format!("/v1/files?a=1&k%65y={}&b=%20", TOKEN.replace('-', "%2d")),
            "/v1/files?a=1&b=%20",
        ),
        ("/v1/files?key=gw-SECRET-other&b=2".to_owned(), "/v1/files?b=2"),
        (
            format!("/v1/chat/completions?x=Bearer+{TOKEN}&y=1"),
            "/v1/chat/completions?y=1",
        ),
    ] {
        assert_eq!(gateway.get(&target).status, 200, "{target}");
        let received = upstream.received();
        let line = received.last().unwrap().line().to_owned();
        assert!(line.starts_with(&format!("GET {sent} ")), "{line}");
    }
    for received in upstream.received() {
        let all = &received.head;
        assert!(!all.contains(TOKEN) && !all.contains("gw-SECRET-other"), "{all}");
    }
    assert_eq!(upstream.received()[0].one("x-stainless-os"), Some("Linux"));
}

pub(crate) fn of_two_content_types_the_first_counts(runtime: Runtime) {
    let upstream = Upstream::answering("200 OK", JSON, "{}");
    let gateway = Gateway::to(runtime, &upstream, json!({"models": ["m"]}));
    for fields in [
        "content-type: application/json\r\ncontent-type: application/json\r\n",
        "content-type: application/json, application/json\r\n",
        "content-type: application/json; charset=utf-8\r\ncontent-type: text/plain\r\n",
    ] {
        for path in ["/v1/chat/completions", "/v1/responses"] {
            let answer = gateway.raw(request("POST", path, TOKEN, fields, BODY));
            assert_eq!(answer.status, 200, "{path} {fields}");
        }
    }
    let types: Vec<String> = upstream
        .received()
        .iter()
        .map(|received| received.one("content-type").unwrap().to_owned())
        .collect();
    assert!(types.iter().all(|kind| !kind.contains(',')), "{types:?}");
    assert!(
        types.iter().all(|kind| kind.starts_with("application/json")),
        "{types:?}"
    );
}
