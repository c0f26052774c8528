//! What upstreams get of a request.

use serde_json::{Value, json};

use super::FORMAT;
use super::requests::{read, write};
use crate::dialect::neutral::request::{PartKind, Quirks, Source};

#[test]
fn an_upstream_gets_only_what_it_takes() {
    let request = read(&json!({
        "messages": [{"role": "developer", "content": ["a", "b"]}, {"role": "assistant", "content": "x", "reasoning": "r"}],
        "tools": [{"type": "function", "function": {"name": "f"}}, {"type": "function", "function": {"name": "g"}},
            {"type": "function", "function": {"name": "h"}}],
        "tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [
            {"type": "function", "function": {"name": "f"}}, {"type": "function", "function": {"name": "g"}}]}},
        "temperature": 1, "top_k": 2, "seed": 3, "verbosity": "low", "prompt_cache_key": "k", "stream": true,
        "reasoning": {"max_tokens": 4000}, "stop": ["1", "2", "3", "4", "5"], "user": "u".repeat(65),
    }));
    let quirks = Quirks {
        sampling: false,
        stream_options: false,
        without: &["seed", "n"],
        ..Quirks::default()
    };
    let written = (FORMAT.write_request)(&request, &quirks).unwrap();
    assert_eq!(
        written.dropped,
        [
            "messages.reasoning",
            "temperature",
            "top_k",
            "stop",
            "verbosity",
            "seed"
        ]
    );
    let mut body = Value::from(written.body);
    assert_eq!(body["user"].take().as_str().map(str::len), Some(64));
    assert_eq!(
        body,
        json!({
            "messages": [{"role": "system", "content": "a\n\nb"}, {"role": "assistant", "content": "x"}],
            "tools": [{"type": "function", "function": {"name": "f"}}, {"type": "function", "function": {"name": "g"}}],
            "tool_choice": "required", "reasoning_effort": "medium", "stop": ["1", "2", "3", "4"], "stream": true,
            "user": null,
        })
    );
}

#[test]
fn what_a_tool_shows_is_shown_by_the_user() {
    let image = PartKind::Image {
        source: Source::of_url("data:image/png;base64,iVBORw0="),
        detail: None,
    };
    let result = PartKind::ToolResult {
        id: "a".to_owned(),
        name: None,
        parts: vec![PartKind::Text("seen".to_owned()).part(), image.part()],
        is_error: true,
    };
    let mut request = read(&json!({"messages": [{"role": "user", "content": "and?"}]}));
    request.messages[0].parts.insert(0, result.part());
    assert_eq!(
        write(&request, &Quirks::default())["messages"],
        json!([
            {"role": "tool", "tool_call_id": "a", "content": "Error: seen\n[image]"},
            {"role": "user", "content": [
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0="}},
                {"type": "text", "text": "and?"}]},
        ])
    );
}

#[test]
fn what_an_upstream_could_not_see_is_refused() {
    let mut request = read(&json!({"messages": [{"role": "user", "content": "x"}]}));
    for kind in [
        PartKind::Image {
            source: Source::File("f".to_owned()),
            detail: None,
        },
        PartKind::Document {
            source: Source::Url("https://e.x".to_owned()),
            name: None,
        },
    ] {
        request.messages[0].parts.push(kind.part());
        let found = (FORMAT.write_request)(&request, &Quirks::default()).unwrap_err();
        assert_eq!((&*found.param, found.is_unsupported), ("messages[0].content[1]", true));
        request.messages[0].parts.pop();
    }
}

#[test]
fn what_an_upstream_does_not_follow_is_said_to_its_model() {
    let request = read(&json!({
        "messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}],
        "response_format": {"type": "json_schema", "json_schema": {"name": "o", "schema": {"type": "object"}, "strict": true}},
        "tools": [{"type": "function", "function": {"name": "f"}}],
        "tool_choice": {"type": "function", "function": {"name": "f"}},
    }));
    let quirks = Quirks {
        schemas: false,
        forced_tools: false,
        ..Quirks::default()
    };
    let written = (FORMAT.write_request)(&request, &quirks).unwrap();
    assert_eq!(written.dropped, ["format", "tool_choice"]);
    let body = Value::from(written.body);
    assert_eq!(body["response_format"], json!({"type": "json_object"}));
    assert_eq!(body["tool_choice"], "auto");
    let roles: Vec<&Value> = body["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|message| &message["role"])
        .collect();
    assert_eq!(roles, ["system", "system", "user"]);
    let said = body["messages"][1]["content"].as_str().unwrap();
    assert!(
        said.contains("JSON object") && said.ends_with(r#"{"type":"object"}"#),
        "{said}"
    );
}
