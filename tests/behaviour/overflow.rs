//! A conversation that is too long for a model, in the words by which each client's program knows it.

use serde_json::{Value, json};

use crate::support::upstream::{JSON, Upstream};
use crate::support::{Gateway, Runtime, TOKEN, request};

/// What an upstream of some kind says.
struct Said {
    dialect: &'static str,
    status: &'static str,
    body: &'static str,
}

const fn said(dialect: &'static str, status: &'static str, body: &'static str) -> Said {
    Said { dialect, status, body }
}

const OPENAI: &str = r#"{"error":{"message":"This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens.","type":"invalid_request_error","param":"messages","code":"context_length_exceeded"}}"#;
const ANTHROPIC: &str = r#"{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 9000 tokens > 8192 maximum"},"request_id":"req_1"}"#;
const GEMINI: &str = r#"{"error":{"code":400,"message":"The input token count (9000) exceeds the maximum number of tokens allowed (8192).","status":"INVALID_ARGUMENT"}}"#;

/// What vendors say that is not what their dialect's own vendor says.
const OTHERS: &[Said] = &[
    // vLLM, old and new.
    said(
        "openai",
        "400 Bad",
        r#"{"object":"error","message":"This model's maximum context length is 8192 tokens. However, you requested 9000 tokens (8900 in the messages, 100 in the completion). Please reduce the length of the messages or completion.","type":"BadRequestError","param":null,"code":400}"#,
    ),
    said(
        "openai",
        "400 Bad",
        r#"{"error":{"message":"This model's maximum context length is 8192 tokens. However, you requested 0 output tokens and your prompt contains at least 9000 input tokens.","type":"BadRequestError","param":"input_tokens","code":400}}"#,
    ),
    // llama.cpp
    said(
        "openai",
        "400 Bad",
        r#"{"error":{"code":400,"message":"request (9000 tokens) exceeds the available context size (8192 tokens), try increasing it","type":"exceed_context_size_error","n_prompt_tokens":9000,"n_ctx":8192}}"#,
    ),
    // OpenRouter, itself and passing on.
    said(
        "openai",
        "400 Bad",
        r#"{"error":{"message":"This endpoint's maximum context length is 8192 tokens. However, you requested about 9000 tokens (9000 of text input).","code":400,"metadata":{"provider_name":null}},"user_id":"u"}"#,
    ),
    said(
        "openai",
        "400 Bad",
        r#"{"error":{"message":"Provider returned error","code":400,"metadata":{"raw":"{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\",\"message\":\"prompt is too long: 9000 tokens > 8192 maximum\"}}","provider_name":"Anthropic"}}}"#,
    ),
    // Mistral, Hugging Face, xAI, SiliconFlow.
    said(
        "openai",
        "400 Bad",
        r#"{"object":"error","message":"Prompt contains 9000 tokens and 0 draft tokens, too large for model with 8192 maximum context length","type":"invalid_request_prompt","param":null,"code":"3051"}"#,
    ),
    said(
        "openai",
        "422 Bad",
        r#"{"error":"Input validation error: `inputs` must have less than 8192 tokens. Given: 9000","error_type":"validation"}"#,
    ),
    said(
        "openai",
        "400 Bad",
        r#"{"code":"Client specified an invalid argument","error":"This model's maximum prompt length is 8192 but the request contains 9000 tokens."}"#,
    ),
    said(
        "openai",
        "413 Large",
        r#"{"code":20015,"message":"length of prompt_tokens (9000) must be less than max_seq_len (8192).","data":null}"#,
    ),
    // A good status with an error, and a relay.
    said(
        "openai",
        "200 OK",
        r#"{"error":{"message":"maximum context length is 8192 tokens, and 9000 were sent","type":"invalid_request_error","code":null}}"#,
    ),
    said(
        "anthropic",
        "400 Bad",
        r#"{"type":"error","error":{"type":"invalid_request_error","message":"This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens."}}"#,
    ),
    said(
        "anthropic",
        "400 Bad",
        r#"{"type":"error","error":{"type":"invalid_request_error","message":"The prompt is too long: 9000, model maximum context length: 8192"}}"#,
    ),
    said(
        "gemini",
        "400 Bad",
        r#"{"error":{"code":400,"message":"Unable to submit request because the input token count is 9000 but model only supports up to 8192.","status":"INVALID_ARGUMENT"}}"#,
    ),
];

/// Where a client of each dialect asks, what it asks, and its vendor's own words.
const CLIENTS: [(&str, &str, &str, &str); 4] = [
    (
        "openai",
        "/v1/chat/completions",
        r#"{"model":"m","messages":[{"role":"user","content":"hi"}]}"#,
        OPENAI,
    ),
    ("responses", "/v1/responses", r#"{"model":"m","input":"hi"}"#, OPENAI),
    (
        "anthropic",
        "/v1/messages",
        r#"{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}"#,
        ANTHROPIC,
    ),
    (
        "gemini",
        "/v1beta/models/m:generateContent",
        r#"{"contents":[{"parts":[{"text":"hi"}]}]}"#,
        GEMINI,
    ),
];

fn gateway(runtime: Runtime, upstream: &Upstream, dialect: &str, alias: &str) -> Gateway {
    let base_url = if dialect == "gemini" {
        upstream.base_url.replace("/v1", "/v1beta")
    } else {
        upstream.base_url.clone()
    };
    let route = json!({
        "token": TOKEN, "base_url": base_url, "dialect": dialect, "api_keys": ["up-SECRET-1"], "aliases": {"m": alias},
    });
    Gateway::with_routes(runtime, &json!([route]))
}

pub(crate) fn the_words_of_a_vendor_pass_untouched_to_its_own_clients(runtime: Runtime) {
    for (dialect, path, body, own) in CLIENTS {
        let upstream = Upstream::answering("400 Bad", JSON, own);
        let gateway = gateway(runtime, &upstream, dialect, "m");
        let answer = gateway.raw(request("POST", path, TOKEN, JSON, body));
        assert_eq!((answer.status, answer.text().as_str()), (400, own), "{dialect}");
        assert_eq!(answer.field("x-should-retry"), None);
    }
    // Claude Code reads this one too, and asks for a shorter answer.
    let own = r#"{"type":"error","error":{"type":"invalid_request_error","message":"input length and `max_tokens` exceed context limit: 198000 + 8192 > 200000, decrease input length or `max_tokens` and try again"}}"#;
    let upstream = Upstream::answering("400 Bad", JSON, own);
    let (_, path, body, _) = CLIENTS[2];
    let answer = gateway(runtime, &upstream, "anthropic", "m").raw(request("POST", path, TOKEN, JSON, body));
    assert_eq!((answer.status, answer.text().as_str()), (400, own));
}

pub(crate) fn every_client_reads_its_own_vendors_words_whoever_says_so(runtime: Runtime) {
    for Said { dialect, status, body } in OTHERS {
        let upstream = Upstream::answering(status, JSON, body);
        let gateway = gateway(runtime, &upstream, dialect, "m");
        for (client, path, asked, own) in CLIENTS {
            let answer = gateway.raw(request("POST", path, TOKEN, JSON, asked));
            assert_eq!(answer.status, 400, "{client}: {body}");
            let read: Value = serde_json::from_str(&answer.text()).unwrap();
            let own: Value = serde_json::from_str(own).unwrap();
            match client {
                "anthropic" | "gemini" => {
                    assert_eq!(read["error"], own["error"], "{client}: {body}");
                    assert_eq!(read["type"], own["type"], "{client}: {body}");
                }
                _ => {
                    let [read, own] = [&read["error"], &own["error"]];
                    assert_eq!(
                        (&read["code"], &read["type"]),
                        (&own["code"], &own["type"]),
                        "{client}: {body}"
                    );
                    assert!(read["message"].as_str().unwrap().contains("9000"), "{client}: {read}");
                }
            }
        }
    }
}

pub(crate) fn where_nobody_says_how_many_tokens_there_are_the_table_of_models_helps(runtime: Runtime) {
    let unsaid = r#"{"error":{"message":"Your input exceeds the context window of this model. Please adjust your input and try again.","type":"invalid_request_error","param":"input","code":"context_length_exceeded"}}"#;
    let upstream = Upstream::answering("400 Bad", JSON, unsaid);
    for (alias, expected) in [
        ("gpt-4o", "prompt is too long: 128001 tokens > 128000 maximum"),
        (
            "my-own",
            "prompt is too long: Your input exceeds the context window of this model. Please adjust your input and try again.",
        ),
    ] {
        let (_, path, body, _) = CLIENTS[2];
        let answer = gateway(runtime, &upstream, "openai", alias).raw(request("POST", path, TOKEN, JSON, body));
        let read: Value = serde_json::from_str(&answer.text()).unwrap();
        assert_eq!(read["error"]["message"], expected);
    }
}

pub(crate) fn other_mistakes_of_clients_keep_their_words(runtime: Runtime) {
    for body in [
        r#"{"object":"error","message":"max_tokens must be at least 1","type":"BadRequestError","param":null,"code":400}"#,
        r#"{"error":{"message":"Request too large for model `m` on tokens per minute (TPM): Limit 6000, Requested 9000","type":"tokens","code":"rate_limit_exceeded"}}"#,
    ] {
        let upstream = Upstream::answering("400 Bad", JSON, body);
        let (_, path, asked, _) = CLIENTS[0];
        let answer = gateway(runtime, &upstream, "openai", "m").raw(request("POST", path, TOKEN, JSON, asked));
        assert_eq!((answer.status, answer.text().as_str()), (400, body));
    }
}
