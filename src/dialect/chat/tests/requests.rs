//! Requests, there and back.

use serde_json::{Value, json};

use super::FORMAT;
use crate::dialect::neutral::canonical::document;
use crate::dialect::neutral::request::{
    Cache, Part, PartKind, Quirks, Reasoning, Request, Role, ToolChoice, Unsayable,
};

pub(super) fn read(request: &Value) -> Request {
    (FORMAT.read_request)(request.to_string().as_bytes()).unwrap()
}

fn refused(request: &Value) -> Unsayable {
    (FORMAT.read_request)(request.to_string().as_bytes()).unwrap_err()
}

/// Quirks of an upstream that takes everything.
fn openai() -> Quirks {
    Quirks {
        developer: true,
        openai_members: true,
        reasoning_history: true,
        top_k: true,
        ..Quirks::default()
    }
}

pub(super) fn write(request: &Request, quirks: &Quirks) -> Value {
    (FORMAT.write_request)(request, quirks).unwrap().body.into()
}

fn parts(message: &Value) -> Vec<Part> {
    read(&json!({"messages": [message]})).messages.remove(0).parts
}

#[test]
fn every_recorded_request_comes_back_as_it_was() {
    let pairs = document("request_pairs.json");
    for (name, pair) in pairs["pairs"].as_object().unwrap() {
        let request = &pair["chat"];
        let quirks = Quirks {
            max_completion_tokens: request.get("max_completion_tokens").is_some(),
            ..openai()
        };
        let read = read(request);
        assert_eq!(read.dropped, [""; 0], "{name}");
        let written = (FORMAT.write_request)(&read, &quirks).unwrap();
        assert_eq!(written.dropped, [""; 0], "{name}");
        assert_eq!(Value::from(written.body), *request, "{name}");
    }
}

#[test]
fn every_member_that_the_vocabulary_has_comes_back() {
    let request = json!({
        "model": "m", "stream": true, "stream_options": {"include_usage": true},
        "messages": [
            {"role": "developer", "content": "d"},
            {"role": "user", "content": [
                {"type": "text", "text": "t"},
                {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}},
                {"type": "file", "file": {"file_id": "file-1"}},
            ]},
            {"role": "assistant", "content": null, "tool_calls": [
                {"id": "a", "type": "custom", "custom": {"name": "sh", "input": "ls"}},
            ]},
            {"role": "tool", "tool_call_id": "a", "content": "x"},
        ],
        "tools": [
            {"type": "custom", "custom": {"name": "sh", "description": "d", "format":
                {"type": "grammar", "grammar": {"syntax": "lark", "definition": "start: x"}}}},
            {"type": "custom", "custom": {"name": "any"}},
            {"type": "function", "function": {"name": "f", "strict": true, "parameters": {"type": "object"}}},
        ],
        "tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [
            {"type": "custom", "custom": {"name": "sh"}}, {"type": "function", "function": {"name": "f"}},
        ]}},
        "parallel_tool_calls": false,
        "max_tokens": 5, "temperature": 0.25, "top_p": 1, "top_k": 3, "seed": 7, "presence_penalty": 0.5,
        "frequency_penalty": -0.5, "stop": ["x"], "n": 2, "logprobs": true, "top_logprobs": 4,
        "reasoning_effort": "low", "response_format": {"type": "json_object"}, "verbosity": "high", "user": "u",
        "prompt_cache_key": "k", "service_tier": "flex",
    });
    let read = read(&request);
    assert_eq!(read.dropped, [""; 0]);
    assert_eq!(write(&read, &openai()), request);
}

#[test]
fn what_is_not_said_is_named() {
    let request = json!({
        "messages": [{"role": "user", "content": "x", "name": "ann"}, {"role": "user", "content": "y", "name": "bob"}],
        "tools": [{"type": "web_search"}], "modalities": ["text", "audio"], "logit_bias": {"1": 2}, "store": true,
        "min_p": 0.5, "stream_options": {"include_usage": false, "include_obfuscation": false},
        "prompt_cache_retention": "24h", "prediction": {}, "web_search_options": null,
    });
    let names = [
        "messages.name",
        "tools.web_search",
        "modalities",
        "store",
        "logit_bias",
        "min_p",
    ];
    assert_eq!(read(&request).dropped, names);
    let silent = json!({"messages": [], "modalities": ["text"], "logit_bias": {}, "store": false});
    assert_eq!(read(&silent).dropped, [""; 0]);
}

#[test]
fn a_wrong_member_is_blamed_by_its_path() {
    let said =
        |content: Value| json!({"messages": [{"role": "user", "content": "x"}, {"role": "user", "content": content}]});
    for (request, param, is_unsupported) in [
        (json!({}), "messages", false),
        (json!({"messages": "x"}), "messages", false),
        (json!({"messages": ["x"]}), "messages[0]", false),
        (
            json!({"messages": [{"role": "boss", "content": "x"}]}),
            "messages[0].role",
            false,
        ),
        (
            json!({"messages": [{"role": "tool", "content": "x"}]}),
            "messages[0].tool_call_id",
            false,
        ),
        (said(json!(5)), "messages[1].content", false),
        (said(json!([{"type": "text"}])), "messages[1].content[0].text", false),
        (
            said(json!([{"type": "video_url"}])),
            "messages[1].content[0].type",
            true,
        ),
        (
            said(json!([{"type": "image_url", "image_url": {}}])),
            "messages[1].content[0].image_url.url",
            false,
        ),
        (
            said(json!([{"type": "file", "file": {}}])),
            "messages[1].content[0].file",
            false,
        ),
        (json!({"messages": [], "max_tokens": -1}), "max_tokens", false),
        (json!({"messages": [], "stop": [1]}), "stop", false),
        (json!({"messages": [], "temperature": "warm"}), "temperature", false),
        (json!({"messages": [], "tool_choice": "maybe"}), "tool_choice", true),
        (
            json!({"messages": [], "tools": [{"type": "function"}]}),
            "tools[0].name",
            false,
        ),
        (
            json!({"messages": [], "response_format": {"type": "xml"}}),
            "response_format.type",
            true,
        ),
        (
            json!({"messages": [], "response_format": {"type": "json_schema", "json_schema": {}}}),
            "response_format.json_schema.schema",
            false,
        ),
    ] {
        let found = refused(&request);
        assert_eq!(
            (&*found.param, found.is_unsupported),
            (param, is_unsupported),
            "{request}"
        );
    }
    assert!((FORMAT.read_request)(b"{").unwrap_err().message.contains("JSON"));
}

#[test]
fn results_of_tools_and_what_the_user_says_next_are_one_turn() {
    let request = json!({"messages": [
        {"role": "user", "content": "a"}, {"role": "user", "content": "b"},
        {"role": "assistant", "content": "", "tool_calls": [
            {"id": "1", "type": "function", "function": {"name": "f", "arguments": ""}},
            {"id": "2", "type": "function", "function": {"name": "f", "arguments": {"x": 1}}}]},
        {"role": "tool", "tool_call_id": "1", "content": "r"}, {"role": "tool", "tool_call_id": "2", "content": ["s"]},
        {"role": "user", "content": "c"}, {"role": "user", "content": "d"},
    ]});
    let messages = read(&request).messages;
    let turns: Vec<(Role, usize)> = messages
        .iter()
        .map(|message| (message.role, message.parts.len()))
        .collect();
    let (user, assistant) = (Role::User, Role::Assistant);
    assert_eq!(turns, [(user, 1), (user, 1), (assistant, 2), (user, 3), (user, 1)]);
    let PartKind::ToolCall(call) = &messages[2].parts[1].kind else {
        panic!("{messages:?}");
    };
    assert_eq!(call.arguments, r#"{"x":1}"#);
}

#[test]
fn the_old_way_to_call_functions_is_understood() {
    let request = json!({
        "messages": [
            {"role": "assistant", "content": null, "function_call": {"name": "f", "arguments": "{}"}},
            {"role": "function", "name": "f", "content": "r"},
        ],
        "functions": [{"name": "f"}], "function_call": {"name": "f"},
    });
    let read = read(&request);
    assert_eq!(read.dropped, [""; 0]);
    assert_eq!(
        write(&read, &Quirks::default()),
        json!({
            "messages": [
                {"role": "assistant", "content": null, "tool_calls": [
                    {"id": "call_0", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
                {"role": "tool", "tool_call_id": "call_0", "content": "r"},
            ],
            "tools": [{"type": "function", "function": {"name": "f"}}],
            "tool_choice": {"type": "function", "function": {"name": "f"}},
        })
    );
}

#[test]
fn reasoning_is_read_in_the_words_of_every_provider() {
    let read = |mut request: Value| {
        request["messages"] = json!([]);
        read(&request).reasoning
    };
    let default = Reasoning::default;
    for (request, expected) in [
        (
            json!({"reasoning": {"effort": "high", "exclude": true}}),
            Reasoning {
                effort: Some("high".to_owned()),
                ..default()
            },
        ),
        (
            json!({"reasoning": {"max_tokens": 9}}),
            Reasoning {
                budget: Some(9),
                wants_text: true,
                ..default()
            },
        ),
        (
            json!({"reasoning": {"enabled": false}}),
            Reasoning {
                is_disabled: true,
                ..default()
            },
        ),
        (
            json!({"thinking": {"type": "enabled", "budget_tokens": 9}}),
            Reasoning {
                budget: Some(9),
                ..default()
            },
        ),
        (
            json!({"thinking": {"type": "enabled"}}),
            Reasoning {
                is_adaptive: true,
                ..default()
            },
        ),
        (
            json!({"thinking": {"type": "disabled"}}),
            Reasoning {
                is_disabled: true,
                ..default()
            },
        ),
        (
            json!({"enable_thinking": true, "thinking_budget": 9}),
            Reasoning {
                budget: Some(9),
                ..default()
            },
        ),
        (
            json!({"enable_thinking": false}),
            Reasoning {
                is_disabled: true,
                ..default()
            },
        ),
    ] {
        assert_eq!(read(request.clone()), Some(expected), "{request}");
    }
    assert_eq!(read(json!({})), None);
}

#[test]
fn reasoning_of_earlier_turns_comes_back_piece_by_piece() {
    let message = json!({"role": "assistant", "content": "x", "reasoning_content": "ab c", "reasoning_details": [
        {"type": "reasoning.text", "text": "a", "index": 0}, {"type": "reasoning.text", "text": "b", "index": 0},
        {"type": "reasoning.text", "signature": "s", "index": 0},
        {"type": "reasoning.summary", "summary": "c", "index": 1}, {"type": "reasoning.encrypted", "data": "e", "index": 2},
        {"type": "reasoning.encrypted", "data": "f"}]});
    let thought = |text: &str, signature: Option<&str>, encrypted: Option<&str>| PartKind::Reasoning {
        text: text.to_owned(),
        signature: signature.map(str::to_owned),
        encrypted: encrypted.map(str::to_owned),
    };
    let kinds: Vec<PartKind> = parts(&message).into_iter().map(|part| part.kind).collect();
    assert_eq!(
        kinds,
        [
            thought("ab", Some("s"), None),
            thought("c", None, Some("e")),
            thought("", None, Some("f")),
            PartKind::Text("x".to_owned()),
        ]
    );
    let blocks = json!({"role": "assistant", "content": [{"type": "thinking", "thinking": [{"type": "text", "text": "m"}]}],
        "thinking_blocks": [{"type": "thinking", "thinking": "a", "signature": "s"}, {"type": "redacted_thinking", "data": "e"}]});
    let kinds: Vec<PartKind> = parts(&blocks).into_iter().map(|part| part.kind).collect();
    assert_eq!(
        kinds,
        [
            thought("a", Some("s"), None),
            thought("", None, Some("e")),
            thought("m", None, None)
        ]
    );
    let plain = json!({"role": "assistant", "content": "x", "reasoning": "r"});
    assert_eq!(parts(&plain)[0].kind, thought("r", None, None));
}

#[test]
fn cache_marks_are_read_and_named_where_an_upstream_has_none() {
    let request = json!({
        "messages": [{"role": "user", "content": [
            {"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}},
            {"type": "text", "text": "b", "prompt_cache_breakpoint": {"mode": "explicit", "ttl": "12h"}}]}],
        "tools": [{"type": "function", "function": {"name": "f"}, "cache_control": {"type": "ephemeral", "ttl": "5m"}}],
    });
    let read = read(&request);
    let mark = |ttl: Option<&str>| {
        Some(Cache {
            ttl: ttl.map(str::to_owned),
        })
    };
    let marks: Vec<Option<Cache>> = read.messages[0].parts.iter().map(|part| part.cache.clone()).collect();
    assert_eq!(marks, [mark(None), mark(Some("1h"))]);
    assert_eq!(read.tools[0].cache, mark(Some("5m")));
    let written = (FORMAT.write_request)(&read, &Quirks::default()).unwrap();
    assert_eq!(written.dropped, ["messages.cache", "tools.cache"]);
}

#[test]
fn a_choice_among_tools_is_a_choice_in_every_form() {
    let choice = |choice: Value| read(&json!({"messages": [], "tool_choice": choice})).tool_choice;
    let named = |optional| {
        Some(ToolChoice::Named {
            names: vec!["f".to_owned()],
            optional,
        })
    };
    for (written, expected) in [
        (json!("any"), Some(ToolChoice::Required)),
        (json!({"type": "auto"}), Some(ToolChoice::Auto)),
        (json!({"type": "custom", "custom": {"name": "f"}}), named(false)),
        (
            json!({"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [{"type": "function", "function": {"name": "f"}}]}}),
            named(true),
        ),
        (Value::Null, None),
    ] {
        assert_eq!(choice(written.clone()), expected, "{written}");
    }
}
