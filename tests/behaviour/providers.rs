//! Providers whose OpenAI endpoint is a little different: each against an upstream that behaves like it.

use serde_json::{Value, json};

use crate::support::upstream::{JSON, Received, SSE, Upstream};
use crate::support::{Gateway, Runtime, TOKEN, chat, request, route};

const CHAT: &str = r#"{"model":"m","messages":[{"role":"user","content":"hi"}]}"#;
const ANSWER: &str =
    r#"{"id":"c","choices":[{"index":0,"message":{"role":"assistant","content":"Hi"},"finish_reason":"stop"}]}"#;

/// A gateway with one route of `provider`, whose address is below `root` of the upstream.
fn gateway(runtime: Runtime, upstream: &Upstream, provider: &str, root: &str, fields: &Value) -> Gateway {
    let address = upstream.base_url.trim_end_matches("/v1");
    let mut route = json!({"token": TOKEN, "provider": provider, "base_url": format!("{address}{root}")});
    for (name, value) in fields.as_object().unwrap() {
        route[name] = value.clone();
    }
    Gateway::with_routes(runtime, &json!([route]))
}

fn target(received: &Received) -> &str {
    received.line().trim_end_matches(" HTTP/1.1")
}

pub(crate) fn a_model_that_leads_to_another_address_is_refused(runtime: Runtime) {
    let upstream = Upstream::answering("200 OK", JSON, ANSWER);
    let root = "/openai/deployments/{model}";
    let fields = json!({"api_keys": ["up-SECRET-1"], "models": ["gpt-4o*"]});
    let gateway = gateway(runtime, &upstream, "azure", root, &fields);
    for model in [
        "gpt-4o/../gpt-5",
        "gpt-4o/../../../admin",
        "gpt-4o/./x",
        "gpt-4o/%2e%2e/gpt-5",
        "gpt-4o%2f..%2fgpt-5",
        "gpt-4o/%252E./gpt-5",
        "gpt-4o\\\\..\\\\gpt-5",
        "gpt-4o/..;/gpt-5",
    ] {
        for path in ["/v1/chat/completions", "/v1/embeddings", "/v1/audio/speech", "/chat"] {
            let body = format!("{{\"model\":\"{model}\",\"message\":\"x\",\"messages\":[]}}");
            let answer = gateway.post(path, &body);
            assert_eq!(answer.error(), (400, "invalid_body".into()), "{path} {model}");
        }
    }
    assert!(upstream.received().is_empty(), "{:?}", upstream.received());
    assert_eq!(
        gateway
            .post("/v1/chat/completions", r#"{"model":"gpt-4o.1","messages":[]}"#)
            .status,
        200
    );
}

pub(crate) fn azure_deployments_are_part_of_the_address(runtime: Runtime) {
    // As Azure does: the key in `api-key`, an `api-version` on everything, deployments in the path of what needs one.
    let upstream = Upstream::start(|received, to| {
        assert_eq!(
            (received.one("api-key"), received.one("authorization")),
            (Some("up-SECRET-1"), None)
        );
        if received.line().contains("api-version=2024-10-21") {
            to.answer("200 OK", JSON, ANSWER);
        } else {
            to.answer(
                "404 No",
                JSON,
                r#"{"error":{"code":"404","message":"Resource not found"}}"#,
            );
        }
    });
    let root = "/openai/deployments/{model}?api-version=2024-10-21";
    let fields = json!({"api_keys": ["up-SECRET-1"], "aliases": {"gpt-4o": "my 4o"}, "default_model": "usual"});
    let gateway = gateway(runtime, &upstream, "azure", root, &fields);
    let form = "--b\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\ngpt-4o\r\n--b--\r\n";
    let multipart = "content-type: multipart/form-data; boundary=b\r\n";
    for (method, path, fields, body, expected) in [
        (
            "POST",
            "/v1/chat/completions",
            JSON,
            r#"{"model":"gpt-4o","messages":[]}"#,
            "POST /openai/deployments/my%204o/chat/completions?api-version=2024-10-21",
        ),
        (
            "POST",
            "/v1/chat/completions",
            JSON,
            r#"{"messages":[]}"#,
            "POST /openai/deployments/usual/chat/completions?api-version=2024-10-21",
        ),
        (
            "POST",
            "/v1/embeddings",
            JSON,
            r#"{"model":"e","input":"a"}"#,
            "POST /openai/deployments/e/embeddings?api-version=2024-10-21",
        ),
        (
            "POST",
            "/v1/audio/transcriptions",
            multipart,
            form,
            "POST /openai/deployments/my%204o/audio/transcriptions?api-version=2024-10-21",
        ),
        (
            "POST",
            "/v1/responses",
            JSON,
            r#"{"model":"gpt-4o"}"#,
            "POST /openai/responses?api-version=2024-10-21",
        ),
        (
            "GET",
            "/v1/files?limit=2",
            "",
            "",
            "GET /openai/files?api-version=2024-10-21&limit=2",
        ),
        ("GET", "/v1/models", "", "", "GET /openai/models?api-version=2024-10-21"),
    ] {
        let answer = gateway.raw(request(method, path, TOKEN, fields, body));
        assert_eq!(
            target(upstream.received().last().unwrap()),
            expected,
            "{}",
            answer.text()
        );
    }
}

pub(crate) fn azures_newer_address_is_like_any_other(runtime: Runtime) {
    // Azure's first event has no choices, only what its filter thought of the prompt.
    let stream = "data: {\"choices\":[],\"created\":0,\"id\":\"\",\"model\":\"\",\"object\":\"\",\"prompt_filter_results\":[{\"prompt_index\":0,\"content_filter_results\":{}}]}\n\ndata: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hi\"},\"finish_reason\":null}]}\n\ndata: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
    let upstream = Upstream::start(move |received, to| {
        assert_eq!(received.one("api-key"), Some("up-SECRET-1"));
        to.head("200 OK", SSE);
        to.send(stream.as_bytes());
    });
    let gateway = gateway(
        runtime,
        &upstream,
        "azure",
        "/openai/v1",
        &json!({"api_keys": ["up-SECRET-1"]}),
    );
    let answer = gateway.chat(r#"{"model":"m","stream":true,"messages":[]}"#);
    assert_eq!(answer.text(), stream);
    assert_eq!(upstream.only().line(), "POST /openai/v1/chat/completions HTTP/1.1");
}

pub(crate) fn openrouters_own_fields_and_headers_pass(runtime: Runtime) {
    let extras = r#"{"model":"openai/gpt-4o:free","models":["a/b","c/d"],"provider":{"order":["x"]},"transforms":["middle-out"],"reasoning":{"effort":"high"},"usage":{"include":true},"messages":[]}"#;
    // Comments while it thinks, its own fields in every event, and a padded answer where nothing is streamed.
    let stream = ": OPENROUTER PROCESSING\n\n: OPENROUTER PROCESSING\n\ndata: {\"id\":\"gen-1\",\"provider\":\"X\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"Hi\",\"reasoning\":\"r\"},\"finish_reason\":\"stop\",\"native_finish_reason\":\"STOP\"}]}\n\ndata: {\"id\":\"gen-1\",\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4,\"cost\":0.01}}\n\ndata: [DONE]\n\n";
    let padded = format!("\n         \n{ANSWER}");
    let whole = padded.clone();
    let upstream = Upstream::start(move |received, to| {
        if received.text().contains("\"stream\":true") {
            to.head("200 OK", SSE);
            to.send(stream.as_bytes());
        } else {
            to.answer("200 OK", JSON, &whole);
        }
    });
    let fields = json!({"api_keys": ["up-SECRET-1"], "extra_headers": {"HTTP-Referer": "https://app.example", "X-Title": "App"}});
    let gateway = gateway(runtime, &upstream, "openrouter", "/api/v1", &fields);
    assert_eq!(gateway.chat(extras).text(), padded);
    let received = upstream.only();
    assert_eq!(received.text(), extras);
    assert_eq!(
        (received.line(), received.one("http-referer"), received.one("x-title")),
        (
            "POST /api/v1/chat/completions HTTP/1.1",
            Some("https://app.example"),
            Some("App")
        )
    );
    assert_eq!(
        gateway.chat(r#"{"model":"a/b","stream":true,"messages":[]}"#).text(),
        stream
    );
}

pub(crate) fn a_key_goes_upstream_in_the_header_of_the_dialect(runtime: Runtime) {
    const HEADERS: [&str; 4] = ["authorization", "api-key", "x-api-key", "x-goog-api-key"];
    let upstream = Upstream::answering("200 OK", JSON, r#"{"object":"list","data":[]}"#);
    let cases = [
        (json!({"dialect": "anthropic"}), "x-api-key"),
        (json!({"provider": "gemini-native"}), "x-goog-api-key"),
        (json!({"provider": "azure", "dialect": "anthropic"}), "api-key"),
    ];
    let routes: Vec<Value> = cases
        .iter()
        .enumerate()
        .map(|(index, (fields, _))| {
            let fields = fields.clone();
            let mut route = route(&format!("gw-SECRET-{index}"), &upstream, fields);
            route["api_keys"] = json!(["up-SECRET-1"]);
            route
        })
        .collect();
    let gateway = Gateway::with_routes(runtime, &json!(routes));
    for (index, (fields, header)) in cases.iter().enumerate() {
        gateway.raw(request("GET", "/v1/models", &format!("gw-SECRET-{index}"), "", ""));
        let received = upstream.received().pop().unwrap();
        let sent = HEADERS.map(|name| received.one(name));
        let expected = HEADERS.map(|name| (name == *header).then_some("up-SECRET-1"));
        assert_eq!(sent, expected, "{fields}");
    }
    assert_eq!(upstream.received().len(), cases.len());
}

pub(crate) fn local_servers_need_no_key(runtime: Runtime) {
    for (provider, error) in [
        (
            "ollama",
            r#"{"error":{"message":"model 'x' not found","type":"not_found_error"}}"#,
        ),
        (
            "vllm",
            r#"{"object":"error","message":"no such model","type":"NotFoundError","param":null,"code":404}"#,
        ),
        (
            "llamacpp",
            r#"{"error":{"code":404,"message":"File Not Found","type":"not_found_error"}}"#,
        ),
        ("lmstudio", r#"{"error":"Model not found"}"#),
    ] {
        let upstream = Upstream::start(move |received, to| {
            assert_eq!((received.one("authorization"), received.one("api-key")), (None, None));
            if received.text().contains("\"x\"") {
                to.answer("404 No", JSON, error);
            } else {
                to.answer("200 OK", JSON, ANSWER);
            }
        });
        let gateway = gateway(runtime, &upstream, provider, "/v1", &json!({}));
        assert_eq!(gateway.chat(CHAT).text(), ANSWER, "{provider}");
        let answer = gateway.chat(r#"{"model":"x","messages":[]}"#);
        assert_eq!((answer.status, answer.text().as_str()), (404, error), "{provider}");
    }
}

pub(crate) fn a_local_server_that_still_loads_is_an_upstream_that_fails(runtime: Runtime) {
    // llama.cpp says so with 503, and said so with 200 before.
    for status in ["503 Loading", "200 OK"] {
        let loading = r#"{"error":{"code":503,"message":"Loading model","type":"unavailable_error"}}"#;
        let upstream = Upstream::answering(status, JSON, loading);
        let gateway = gateway(runtime, &upstream, "llamacpp", "/v1", &json!({}));
        let answer = gateway.chat(CHAT);
        assert_eq!((answer.status, answer.text().as_str()), (503, loading));
    }
}

pub(crate) fn workers_ai_keeps_its_models_names_and_its_envelope(runtime: Runtime) {
    let upstream = Upstream::start(|received, to| {
        if received.text().contains("@cf/none") {
            to.answer(
                "400 Bad",
                JSON,
                r#"{"success":false,"errors":[{"code":7009,"message":"No such model"}],"messages":[],"result":null}"#,
            );
        } else if received.one("authorization") == Some("Bearer up-SECRET-1") {
            to.answer(
                "429 Slow",
                JSON,
                r#"{"success":false,"errors":[{"code":3036,"message":"daily free allocation used up"}]}"#,
            );
        } else {
            to.answer("200 OK", JSON, ANSWER);
        }
    });
    let root = "/client/v4/accounts/abc/ai/v1";
    let fields = json!({"api_keys": ["up-SECRET-1", "up-SECRET-2"]});
    let gateway = gateway(runtime, &upstream, "workers-ai", root, &fields);
    let body = r#"{"model":"@cf/meta/llama-3-8b","messages":[]}"#;
    for id in 0..6 {
        let answer = gateway.raw(chat(&format!("x-request-id: {id}\r\n"), body));
        assert_eq!((answer.status, answer.text().as_str()), (200, ANSWER));
    }
    let received = upstream.received().pop().unwrap();
    assert_eq!(
        (received.line(), received.text().as_str()),
        ("POST /client/v4/accounts/abc/ai/v1/chat/completions HTTP/1.1", body)
    );
    let unknown = gateway.chat(r#"{"model":"@cf/none","messages":[]}"#);
    assert_eq!(
        (unknown.status, &unknown.json()["errors"][0]["code"]),
        (400, &Value::from(7009))
    );
}

pub(crate) fn geminis_models_are_the_same_with_and_without_their_prefix(runtime: Runtime) {
    let upstream = Upstream::start(|received, to| {
        let list = r#"{"object":"list","data":[{"id":"models/gemini-9-pro"},{"id":"models/embedding-1"}]}"#;
        let body = if received.line().contains("/models") {
            list
        } else {
            ANSWER
        };
        to.answer("200 OK", JSON, body);
    });
    let fields = json!({"api_keys": ["up-SECRET-1"], "models": ["gemini-*"]});
    let gateway = gateway(runtime, &upstream, "gemini", "/v1", &fields);
    let list = gateway.get("/v1/models").text();
    assert_eq!(list, r#"{"object":"list","data":[{"id":"models/gemini-9-pro"}]}"#);
    for (model, status) in [
        ("gemini-9-pro", 200),
        ("models/gemini-9-pro", 200),
        ("models/embedding-1", 404),
    ] {
        let asked = json!({"model": model, "messages": []}).to_string();
        assert_eq!(gateway.chat(&asked).status, status, "{model}");
    }
}
