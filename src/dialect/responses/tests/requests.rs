//! Requests of clients, read.

use serde_json::{Value, json};

use crate::dialect::neutral::canonical::{document, path};
use crate::dialect::neutral::flat;
use crate::dialect::neutral::request::{
    Cache, Format, Message, Part, PartKind, Quirks, Request, Role, Source, Unsayable,
};
use crate::dialect::responses::FORMAT;

pub(super) fn read(body: &Value) -> Request {
    (FORMAT.read_request)(body.to_string().as_bytes()).unwrap_or_else(|error| panic!("{error:?}: {body}"))
}

fn refused(body: &Value) -> Unsayable {
    (FORMAT.read_request)(body.to_string().as_bytes()).unwrap_err()
}

pub(super) fn write(request: &Request) -> Value {
    let quirks = Quirks {
        developer: true,
        ..Quirks::default()
    };
    Value::Object((FORMAT.write_request)(request, &quirks).unwrap().body)
}

/// Reads a request whose input is these items.
fn messages(items: &Value) -> Vec<Message> {
    read(&json!({"input": items})).messages
}

pub(super) fn text(text: &str) -> Part {
    PartKind::Text(text.to_owned()).part()
}

#[test]
fn the_requests_of_codex_are_read_and_nothing_of_them_is_lost() {
    for name in [
        "codex_custom_provider_turn1",
        "codex_custom_provider_turn2_tool_output",
        "codex_openai_provider_lite",
    ] {
        let body = document(&format!("clients/{name}.json"))["body"].clone();
        let request = read(&body);
        assert!(request.dropped.is_empty(), "{name}: {:?}", request.dropped);
        assert!(request.tools.iter().any(|tool| tool.namespace.is_some()), "{name}");
        assert!(
            request
                .reasoning
                .as_ref()
                .is_some_and(|reasoning| reasoning.wants_encrypted),
            "{name}"
        );
        assert_eq!(request.messages[0].role, Role::Developer);
        assert_eq!(read(&write(&request)), request, "{name}");

        let mut flat = request.clone();
        let table = flat::flatten(&mut flat);
        assert_eq!(flat.tools.len(), request.tools.len(), "{name}");
        assert!(
            table.len() > 4
                && flat
                    .tools
                    .iter()
                    .all(|tool| tool.namespace.is_none() && tool.custom.is_none())
        );
    }
    assert!(path("clients/codex_websocket_attempt.json").exists(), "it has no body");
}

#[test]
fn what_codex_sends_between_two_turns_is_one_message_of_each_side() {
    let body = document("clients/codex_custom_provider_turn2_tool_output.json")["body"].clone();
    let request = read(&body);
    let [.., said, result] = &request.messages[..] else {
        panic!("{request:?}");
    };
    assert_eq!((said.role, result.role), (Role::Assistant, Role::User));
    let [reasoning, call] = &said.parts[..] else {
        panic!("{said:?}");
    };
    assert!(
        matches!(&reasoning.kind, PartKind::Reasoning { text, encrypted: Some(data), .. }
        if text == "thinking about it" && data.ends_with("rs_1:ENC"))
    );
    assert!(matches!(&call.kind, PartKind::ToolCall(call) if call.name == "exec_command" && call.id == "call_1"));
    let item = &write(&request)["input"][4];
    assert_eq!(
        (&item["id"], &item["encrypted_content"]),
        (&json!("rs_1"), &json!("ENC"))
    );
}

#[test]
fn tools_and_settings_in_the_input_are_those_of_the_request() {
    let body = document("clients/codex_openai_provider_lite.json")["body"].clone();
    let request = read(&body);
    assert_eq!(request.reasoning.unwrap().effort.as_deref(), Some("low"));
    assert_eq!(request.verbosity.as_deref(), Some("low"));
    assert!(
        request
            .tools
            .iter()
            .any(|tool| tool.name == "exec" && tool.custom.is_some())
    );
    let request = read(&json!({
        "reasoning": {"effort": "high"},
        "input": [
            {"role": "user", "content": "hi"},
            {"type": "configuration_update", "reasoning": {"effort": "low"}},
            {"type": "configuration_update", "reasoning": {"effort": "max"}, "text": {"format": {"type": "json_object"}}},
            {"type": "additional_tools", "tools": [{"type": "function", "name": "f"}]},
        ],
        "tools": [{"type": "function", "name": "f", "description": "old"}],
    }));
    assert_eq!(request.reasoning.unwrap().effort.as_deref(), Some("max"));
    assert_eq!(request.format, Some(Format::JsonObject));
    assert_eq!((request.tools.len(), &request.tools[0].description), (1, &None));
}

#[test]
fn what_needs_a_memory_is_refused_with_what_to_do_instead() {
    let error = refused(&json!({"input": "hi", "previous_response_id": "resp_1"}));
    assert_eq!(
        error,
        Unsayable::unsupported(
            "previous_response_id",
            "previous_response_id is not supported by this gateway: send the full conversation in `input` with store=false."
        )
    );
    for (name, value) in [
        ("conversation", json!({"id": "conv_1"})),
        ("background", json!(true)),
        ("prompt", json!({"id": "pmpt_1"})),
        ("context_management", json!([{"type": "compaction"}])),
    ] {
        let error = refused(&json!({"input": "hi", name: value}));
        assert!(error.is_unsupported && error.param == name, "{error:?}");
        read(&json!({"input": "hi", name: null}));
    }
    read(&json!({"input": "hi", "background": false, "store": true}));
    for kind in [
        "item_reference",
        "web_search_call",
        "mcp_call",
        "computer_call_output",
        "x",
    ] {
        let error = refused(&json!({"input": [{"role": "user", "content": "a"}, {"type": kind, "id": "x"}]}));
        assert!(error.is_unsupported && error.param == "input[1]", "{error:?}");
    }
}

#[test]
fn a_wrong_shape_is_named_by_its_path() {
    for (body, param) in [
        (json!([]), ""),
        (json!({}), "input"),
        (json!({"input": 1}), "input"),
        (json!({"input": [1]}), "input[0]"),
        (json!({"input": [{}]}), "input[0].role"),
        (json!({"input": [{"role": "x"}]}), "input[0].role"),
        (json!({"input": [{"role": "user", "content": 1}]}), "input[0].content"),
        (
            json!({"input": [{"role": "user", "content": [{"type": "input_image", "image_url": {"url": "x"}}]}]}),
            "input[0].content[0].image_url",
        ),
        (
            json!({"input": [{"type": "function_call", "call_id": "c"}]}),
            "input[0].name",
        ),
        (
            json!({"input": [{"type": "function_call_output", "output": "x"}]}),
            "input[0].call_id",
        ),
        (json!({"input": "a", "model": 1}), "model"),
        (json!({"input": "a", "max_output_tokens": -1}), "max_output_tokens"),
        (json!({"input": "a", "tools": [{"type": "function"}]}), "tools[0].name"),
        (
            json!({"input": "a", "tools": [{"type": "namespace", "name": "n", "tools": [{"type": "function"}]}]}),
            "tools[0].tools[0].name",
        ),
        (json!({"input": "a", "tool_choice": "always"}), "tool_choice"),
        (json!({"input": "a", "reasoning": {"effort": 3}}), "reasoning.effort"),
        (
            json!({"input": "a", "text": {"format": {"type": "json_schema"}}}),
            "text.format.schema",
        ),
    ] {
        let error = refused(&body);
        assert!(!error.is_unsupported && error.param == param, "{body}: {error:?}");
    }
    assert!((FORMAT.read_request)(b"{").is_err());
}

#[test]
fn content_of_every_kind_is_read() {
    let parts = messages(&json!([{"type": "message", "role": "user", "content": [
        {"type": "input_text", "text": "a", "prompt_cache_breakpoint": {"mode": "explicit", "ttl": "12h"}},
        {"type": "input_text", "text": ""},
        {"type": "input_image", "file_id": "file_1", "detail": "high"},
        {"type": "input_image", "image_url": "data:image/png;base64,AA=="},
        {"type": "input_file", "file_url": "https://e.x/a.pdf", "filename": "a.pdf"},
        {"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}},
    ]}]));
    let cached = Part {
        cache: Some(Cache {
            ttl: Some("1h".to_owned()),
        }),
        ..text("a")
    };
    let (png, detail) = (("image/png".to_owned(), "AA==".to_owned()), Some("high".to_owned()));
    let expected = [
        cached,
        PartKind::Image {
            source: Source::File("file_1".to_owned()),
            detail,
        }
        .part(),
        PartKind::Image {
            source: Source::Base64 {
                media_type: png.0,
                data: png.1,
            },
            detail: None,
        }
        .part(),
        PartKind::Document {
            source: Source::Url("https://e.x/a.pdf".to_owned()),
            name: Some("a.pdf".to_owned()),
        }
        .part(),
        PartKind::Audio {
            data: "AA==".to_owned(),
            format: "wav".to_owned(),
        }
        .part(),
    ];
    assert_eq!(
        parts,
        [Message {
            role: Role::User,
            parts: expected.to_vec()
        }]
    );
    let error = refused(&json!({"input": [{"role": "user", "content": [{"type": "input_video"}]}]}));
    assert!(
        error.is_unsupported && error.param == "input[0].content[0]",
        "{error:?}"
    );
}

#[test]
fn what_the_model_said_and_did_is_one_message() {
    let items = json!([
        {"role": "assistant", "content": [{"type": "output_text", "text": "a", "annotations": []}, {"type": "refusal", "refusal": "no"}]},
        {"type": "custom_tool_call", "call_id": "c1", "name": "patch", "namespace": "fs", "input": "***"},
        {"type": "custom_tool_call_output", "call_id": "c1", "output": [{"type": "input_text", "text": "ok"},
            {"type": "input_image", "image_url": "https://e.x/a.png", "detail": "auto"}]},
        {"role": "user", "content": "b"},
    ]);
    let found = messages(&items);
    assert_eq!(found.len(), 3, "{found:?}");
    assert_eq!(found[0].parts.len(), 3);
    assert!(matches!(&found[1].parts[0].kind, PartKind::ToolResult { parts, .. } if parts.len() == 2));
    let mut expected = items.clone();
    expected[0]["type"] = "message".into();
    assert_eq!(write(&read(&json!({"input": items})))["input"], expected);
}

#[test]
fn signatures_of_other_dialects_come_back_as_what_they_were() {
    let reasoning = |content: &str, text: &str| json!({"type": "reasoning", "id": "rs_0", "summary": [{"type": "summary_text", "text": text}], "encrypted_content": content});
    let call = json!({"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"});
    let found = messages(&json!([
        reasoning("ai-gateway:signature:S", "t"),
        reasoning("ai-gateway:encrypted:E", ""),
        reasoning("ai-gateway:call:G", ""),
        call,
        call,
    ]));
    let parts: Vec<&PartKind> = found[0].parts.iter().map(|part| &part.kind).collect();
    assert!(
        matches!(parts[0], PartKind::Reasoning { text, signature: Some(signature), encrypted: None } if text == "t" && signature == "S")
    );
    assert!(matches!(parts[1], PartKind::Reasoning { signature: None, encrypted: Some(data), .. } if data == "E"));
    assert!(matches!(parts[2], PartKind::ToolCall(call) if call.signature.as_deref() == Some("G")));
    assert!(matches!(parts[3], PartKind::ToolCall(call) if call.signature.is_none()));
}

#[test]
fn hosted_tools_are_dropped_unless_one_has_to_be_called() {
    let request = read(&json!({"input": "a", "tool_choice": "auto", "tools": [
        {"type": "web_search", "external_web_access": false}, {"type": "file_search"}, {"type": "file_search"}]}));
    assert_eq!(
        (request.tools.len(), &request.dropped[..]),
        (0, &["tools.file_search".to_owned()][..])
    );
    for choice in [
        json!({"type": "web_search"}),
        json!({"type": "mcp", "server_label": "x"}),
        json!("required"),
    ] {
        let error = refused(&json!({"input": "a", "tools": [{"type": "web_search"}], "tool_choice": choice}));
        assert!(error.is_unsupported && error.param == "tool_choice", "{error:?}");
    }
}
