//! Requests for upstreams, written.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::requests::{read, text, write};
use crate::dialect::neutral::canonical::document;
use crate::dialect::neutral::request::{Message, Part, PartKind, Quirks, Reasoning, Request, Role, ToolChoice};
use crate::dialect::responses::FORMAT;

#[test]
fn a_request_that_was_read_is_written_as_it_was() {
    let pairs = document("request_pairs.json");
    for (name, pair) in pairs["pairs"].as_object().unwrap() {
        let request = read(&pair["responses"]);
        assert!(request.dropped.is_empty(), "{name}: {:?}", request.dropped);
        assert_eq!(write(&request), pair["responses"], "{name}");
        assert_eq!(read(&write(&request)), request, "{name}");
    }
}

#[test]
fn reasoning_that_an_upstream_cannot_read_is_left_out_or_sent_as_text() {
    let mut request = read(&json!({"input": "hi"}));
    let reasoning = PartKind::Reasoning {
        text: "t".to_owned(),
        signature: Some("S".to_owned()),
        encrypted: None,
    };
    request.messages.push(Message {
        role: Role::Assistant,
        parts: vec![reasoning.part(), text("a")],
    });
    let written = (FORMAT.write_request)(&request, &Quirks::default()).unwrap();
    assert_eq!(written.dropped, ["messages.reasoning"]);
    assert_eq!(
        written.body["input"],
        json!([{"role": "user", "content": "hi"}, {"role": "assistant", "content": "a"}])
    );
    let quirks = Quirks {
        reasoning_history: true,
        ..Quirks::default()
    };
    let written = (FORMAT.write_request)(&request, &quirks).unwrap();
    let content = json!([{"type": "reasoning_text", "text": "t"}]);
    assert_eq!(
        written.body["input"][1],
        json!({"type": "reasoning", "id": "rs_1", "summary": [], "content": content})
    );
}

#[test]
fn what_a_model_refuses_is_left_out_and_named() {
    let request = read(
        &json!({"input": "hi", "reasoning": {"effort": "low"}, "user": "u", "include": ["reasoning.encrypted_content"]}),
    );
    let quirks = Quirks {
        without: &["reasoning", "truncation"],
        ..Quirks::default()
    };
    let written = (FORMAT.write_request)(&request, &quirks).unwrap();
    assert_eq!(written.dropped, ["reasoning"]);
    let body = json!({"input": [{"role": "user", "content": "hi"}], "user": "u", "store": false});
    assert_eq!(Value::Object(written.body), body);
}

#[test]
fn tool_choices_of_every_kind_are_read_and_written() {
    let tools = json!([{"type": "function", "name": "f", "parameters": {"type": "object", "properties": {"a": {}}}, "strict": true},
        {"type": "custom", "name": "c"}]);
    let named = |names: &[&str], optional| ToolChoice::Named {
        names: names.iter().map(|name| (*name).to_owned()).collect(),
        optional,
    };
    for (choice, expected) in [
        (json!("auto"), ToolChoice::Auto),
        (json!("none"), ToolChoice::None),
        (json!("required"), ToolChoice::Required),
        (json!({"type": "function", "name": "f"}), named(&["f"], false)),
        (json!({"type": "custom", "name": "c"}), named(&["c"], false)),
        (
            json!({"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "f"}]}),
            named(&["f"], true),
        ),
        (
            json!({"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "f"}, {"type": "custom", "name": "c"}]}),
            named(&["f", "c"], false),
        ),
    ] {
        let request = read(&json!({"input": "a", "tools": tools, "tool_choice": choice}));
        assert_eq!(request.tool_choice, Some(expected));
        let written = write(&request);
        assert_eq!((&written["tool_choice"], &written["tools"]), (&choice, &tools));
    }
}

#[test]
fn settings_of_every_kind_are_read_and_written() {
    let body = json!({
        "model": "m", "input": "hi", "stream": true, "store": false, "top_logprobs": 3, "temperature": 0.5, "top_p": 1,
        "include": ["reasoning.encrypted_content", "message.output_text.logprobs"], "reasoning": {"effort": "low", "summary": "auto"},
        "text": {"format": {"type": "json_schema", "name": "n", "description": "d", "schema": {"type": "object"}, "strict": false}, "verbosity": "high"},
        "service_tier": "flex", "prompt_cache_key": "k", "user": "u", "metadata": {"a": "b"}, "max_output_tokens": 99,
    });
    let request = read(&body);
    let mut expected = body;
    expected["input"] = json!([{"role": "user", "content": "hi"}]);
    assert_eq!(write(&request), expected);
    let mut request = read(
        &json!({"input": "a", "seed": 1, "moderation": {"model": "x"}, "client_metadata": {}, "max_tool_calls": 3,
        "safety_identifier": "s", "truncation": "auto", "stream_options": {"include_obfuscation": false}}),
    );
    request.dropped.sort();
    assert_eq!(request.dropped, ["moderation", "seed"]);
    assert_eq!(request.user.as_deref(), Some("s"));
}

#[test]
fn what_this_dialect_has_not_is_dropped_by_name() {
    let request = Request {
        top_k: Some(1.into()),
        seed: Some(1.into()),
        temperature: Some(1.into()),
        stop: vec!["x".to_owned()],
        max_tokens: Some(1),
        user: Some("u".repeat(70)),
        parallel_tools: Some(true),
        tool_choice: Some(ToolChoice::Auto),
        reasoning: Some(Reasoning {
            budget: Some(4096),
            ..Reasoning::default()
        }),
        ..Request::default()
    };
    let quirks = Quirks {
        sampling: false,
        ..Quirks::default()
    };
    let written = (FORMAT.write_request)(&request, &quirks).unwrap();
    assert_eq!(written.dropped, ["temperature", "top_k", "seed", "stop"]);
    let user = written.body["user"].as_str().unwrap();
    assert_eq!(user.len(), 64);
    let expected =
        json!({"input": [], "store": false, "max_output_tokens": 16, "reasoning": {"effort": "medium"}, "user": user});
    assert_eq!(Value::Object(written.body), expected);
    let several = Request {
        choices: Some(2),
        ..Request::default()
    };
    assert!((FORMAT.write_request)(&several, &quirks).unwrap_err().is_unsupported);
}

#[test]
fn a_growing_conversation_is_written_in_the_same_bytes() {
    let body = document("clients/codex_custom_provider_turn2_tool_output.json")["body"].clone();
    let mut longer = body.clone();
    let more = json!({"role": "user", "content": "more"});
    longer["input"].as_array_mut().unwrap().push(more);
    let (short, long) = (write(&read(&body)), write(&read(&longer)));
    let (short, long) = (short["input"].to_string(), long["input"].to_string());
    assert!(long.starts_with(short.strip_suffix(']').unwrap()));
}

#[test]
fn results_say_that_a_tool_failed() {
    let result = |parts: Vec<Part>| PartKind::ToolResult {
        id: "c".repeat(70),
        name: None,
        parts,
        is_error: true,
    };
    let request = Request {
        messages: vec![Message {
            role: Role::User,
            parts: vec![
                result(vec![text("station offline")]).part(),
                result(vec![text("a"), text("b")]).part(),
                result(Vec::new()).part(),
                text("why?"),
            ],
        }],
        ..Request::default()
    };
    let input = &write(&request)["input"];
    assert_eq!(input[0]["output"], "Error: station offline");
    assert_eq!(input[1]["output"][0]["text"], "Error:");
    assert_eq!(input[2]["output"], "Error:");
    assert_eq!(input[0]["call_id"].as_str().map(str::len), Some(64));
    assert_eq!(input[3], json!({"role": "user", "content": "why?"}));
}

/// Requests with members exchanged, left out and made something else.
fn mutated() -> impl Strategy<Value = Value> {
    let bodies: Vec<Value> = ["codex_custom_provider_turn2_tool_output", "codex_openai_provider_lite"]
        .iter()
        .map(|name| document(&format!("clients/{name}.json"))["body"].clone())
        .collect();
    let value = prop::sample::select(vec![
        json!(null),
        json!(1),
        json!(-1.5),
        json!(true),
        json!("x"),
        json!(""),
        json!([]),
        json!([[]]),
        json!({}),
        json!({"type": "text"}),
    ]);
    let change = (any::<prop::sample::Index>(), value);
    (prop::sample::select(bodies), prop::collection::vec(change, 1..6)).prop_map(|(mut body, changes)| {
        for (at, value) in changes {
            let mut places = Vec::new();
            pointers(&body, String::new(), &mut places);
            let place = &places[at.index(places.len())];
            *body.pointer_mut(place).unwrap() = value;
        }
        body
    })
}

fn pointers(value: &Value, path: String, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                let name = name.replace('~', "~0").replace('/', "~1");
                pointers(value, format!("{path}/{name}"), found);
            }
        }
        Value::Array(list) => {
            for (place, value) in list.iter().enumerate() {
                pointers(value, format!("{path}/{place}"), found);
            }
        }
        _ => {}
    }
    found.push(path);
}

proptest! {
    #[test]
    fn no_body_makes_a_reader_panic(body in prop::collection::vec(any::<u8>(), 0..64)) {
        let _ = (FORMAT.read_request)(&body);
        let _ = (FORMAT.read_answer)(&body);
    }

    #[test]
    fn no_mutated_request_makes_a_reader_or_writer_panic(body in mutated()) {
        if let Ok(request) = (FORMAT.read_request)(body.to_string().as_bytes()) {
            let _ = (FORMAT.write_request)(&request, &Quirks::default());
            let written = write(&request);
            prop_assert_eq!(write(&read(&written)), written);
        }
    }
}
