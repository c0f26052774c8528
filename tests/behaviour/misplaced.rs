//! Requests that are not as their endpoint has them, or have in them what only some upstreams take.

use serde_json::{Value, json};

use crate::support::upstream::{JSON, Upstream};
use crate::support::{Gateway, Runtime};

const CHAT: &str = r#"{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"hello"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":1,"total_tokens":4}}"#;

const CHUNKS: &str = "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"hello\"},\"finish_reason\":null}]}\n\ndata: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":1,\"total_tokens\":4}}\n\ndata: [DONE]\n\n";

const RESPONSE: &str = r#"{"id":"r","object":"response","created_at":1,"status":"completed","model":"m","output":[{"type":"message","id":"i","role":"assistant","status":"completed","content":[{"type":"output_text","text":"hello","annotations":[]}]}],"usage":{"input_tokens":3,"output_tokens":1,"total_tokens":4}}"#;

const MESSAGE: &str = r#"{"id":"a","type":"message","role":"assistant","model":"m","content":[{"type":"text","text":"hello"}],"stop_reason":"end_turn","usage":{"input_tokens":3,"output_tokens":1}}"#;

const CONTENT: &str = r#"{"candidates":[{"content":{"role":"model","parts":[{"text":"hello"}]},"finishReason":"STOP","index":0}],"usageMetadata":{"promptTokenCount":3,"candidatesTokenCount":1,"totalTokenCount":4}}"#;

/// What Cursor sends.
fn cursor() -> Value {
    json!({
        "model": "m", "user": "u", "store": false,
        "input": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": [{"type": "input_text", "text": "hi"}]}],
        "tools": [{"type": "function", "name": "read", "parameters": {"type": "object"}}], "tool_choice": "auto",
    })
}

pub(crate) fn a_body_of_responses_at_chat_completions_is_read_as_one(runtime: Runtime) {
    for (dialect, answer) in [
        ("openai", CHAT),
        ("responses", RESPONSE),
        ("anthropic", MESSAGE),
        ("gemini", CONTENT),
    ] {
        let upstream = Upstream::answering("200 OK", JSON, answer);
        let gateway = Gateway::to(
            runtime,
            &upstream,
            json!({"dialect": dialect, "api_keys": ["up-SECRET-1"]}),
        );
        let answer = gateway.chat(&cursor().to_string());
        assert_eq!(answer.status, 200, "{dialect}: {}", answer.text());
        let answer = answer.json();
        assert_eq!(
            (&answer["object"], &answer["model"]),
            (&json!("chat.completion"), &json!("m")),
            "{dialect}"
        );
        assert_eq!(answer["choices"][0]["message"]["content"], "hello", "{dialect}");
        let asked: Value = serde_json::from_slice(&upstream.only().body).unwrap();
        if dialect == "openai" {
            assert_eq!(upstream.only().line(), "POST /v1/chat/completions HTTP/1.1");
            assert_eq!(
                (&asked["messages"][1]["content"], asked.get("input")),
                (&json!("hi"), None)
            );
            assert_eq!(asked["tools"][0]["function"]["name"], "read");
        }
    }
    let upstream = Upstream::answering("200 OK", "content-type: text/event-stream\r\n", CHUNKS);
    let gateway = Gateway::to(runtime, &upstream, json!({}));
    let mut request = cursor();
    request["stream"] = json!(true);
    request["stream_options"] = json!({"include_usage": true});
    let stream = gateway.chat(&request.to_string()).text();
    assert!(
        stream.contains(r#""object":"chat.completion.chunk""#) && stream.contains(r#""content":"hello""#),
        "{stream}"
    );
    assert!(
        stream.contains(r#""total_tokens":4"#) && stream.ends_with("data: [DONE]\n\n"),
        "{stream}"
    );
    let echo = Gateway::echo(runtime).chat(&cursor().to_string()).json();
    assert_eq!(echo["choices"][0]["message"]["content"], "hi");
    // What is wrong with it is said as to any client of Chat Completions.
    let wrong = gateway.chat(r#"{"model":"m","input":"hi","previous_response_id":"r"}"#);
    assert_eq!(wrong.error(), (400, "unsupported_parameter".into()));
    // Embeddings have an `input` too.
    let plain = r#"{"model":"m","input":"hi"}"#;
    gateway.post("/v1/embeddings", plain);
    assert_eq!(upstream.received().last().unwrap().body, plain.as_bytes());
}

pub(crate) fn tools_without_a_function_around_them_are_tools(runtime: Runtime) {
    let upstream = Upstream::answering("200 OK", JSON, CHAT);
    let gateway = Gateway::to(runtime, &upstream, json!({}));
    let flat = json!({"type": "function", "name": "read", "parameters": {"type": "object"}});
    let choice = json!({"type": "function", "name": "read"});
    let mut request =
        json!({"model": "m", "messages": [{"role": "user", "content": "hi"}], "tools": [flat], "tool_choice": choice});
    assert_eq!(gateway.chat(&request.to_string()).status, 200);
    let asked: Value = serde_json::from_slice(&upstream.only().body).unwrap();
    assert_eq!(asked["tools"][0]["function"]["name"], "read");
    assert_eq!(asked["tool_choice"]["function"]["name"], "read");
    // As they should be, they pass as they are. So do tools of other kinds, whatever their shape.
    for tool in [
        json!({"type": "function", "function": {"name": "read"}}),
        json!({"type": "web_search", "name": "w"}),
    ] {
        request["tools"] = json!([tool]);
        let body = request.to_string();
        gateway.chat(&body);
        assert_eq!(upstream.received().last().unwrap().body, body.as_bytes());
    }
}

pub(crate) fn tools_among_the_items_go_where_the_upstream_takes_them(runtime: Runtime) {
    let inside = json!({"type": "additional_tools", "role": "developer", "tools": [{"type": "function", "name": "read", "parameters": {"type": "object"}}]});
    let request =
        json!({"model": "m", "store": false, "input": [inside, {"role": "user", "content": "hi"}]}).to_string();
    let upstream = Upstream::answering("200 OK", JSON, RESPONSE);
    let fields = json!({"dialect": "responses", "api_keys": ["up-SECRET-1"]});
    let gateway = Gateway::to(runtime, &upstream, fields.clone());
    let answer = gateway.post("/v1/responses", &request);
    assert_eq!(
        (answer.status, &answer.json()["object"]),
        (200, &json!("response")),
        "{}",
        answer.text()
    );
    assert_eq!(upstream.only().line(), "POST /v1/responses HTTP/1.1");
    let asked: Value = serde_json::from_slice(&upstream.only().body).unwrap();
    assert_eq!(asked["tools"][0]["name"], "read");
    assert!(!asked["input"].to_string().contains("additional_tools"), "{asked}");
    // OpenAI takes them as they are.
    let upstream = Upstream::answering("200 OK", JSON, RESPONSE);
    let mut own = fields;
    own["provider"] = json!("openai");
    let gateway = Gateway::to(runtime, &upstream, own);
    gateway.post("/v1/responses", &request);
    assert_eq!(upstream.only().body, request.as_bytes());
}
