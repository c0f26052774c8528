//! What clients send.

use super::*;
use crate::dialect::neutral::canonical::document;
use crate::dialect::neutral::request::{Cache, PartKind, Source, ToolChoice, Unsayable};

fn refused(body: &Value) -> Unsayable {
    (FORMAT.read_request)(body.to_string().as_bytes()).unwrap_err()
}

/// The parts of one message of the user with these blocks.
fn parts(blocks: &Value) -> (Vec<PartKind>, Vec<String>) {
    let read = request(&json!({"messages": [{"role": "user", "content": blocks}]}));
    (
        read.messages[0].parts.iter().map(|part| part.kind.clone()).collect(),
        read.dropped,
    )
}

#[test]
fn every_pair_is_written_as_it_was_read() {
    for (name, pair) in document("request_pairs.json")["pairs"].as_object().unwrap() {
        let body = &pair["anthropic"];
        let quirks = Quirks {
            adaptive_thinking: true,
            ..Quirks::default()
        };
        let (mut written, dropped) = prompt_for(&request(body), &quirks);
        if let Some(thinking) = written.get_mut("thinking").and_then(Value::as_object_mut) {
            assert_eq!(thinking.remove("display"), Some(json!("summarized")));
        }
        assert_eq!((&written, &dropped[..]), (body, &[][..]), "{name}");
    }
}

#[test]
fn a_wrong_shape_is_refused_with_the_clients_own_path() {
    let text = json!({"type": "text", "text": "a"});
    for (body, param) in [
        (json!([]), ""),
        (json!({}), "messages"),
        (json!({"messages": {}}), "messages"),
        (json!({"messages": [1]}), "messages[0]"),
        (json!({"messages": [{"content": "a"}]}), "messages[0].role"),
        (
            json!({"messages": [{"role": "tool", "content": "a"}]}),
            "messages[0].role",
        ),
        (json!({"messages": [{"role": "user"}]}), "messages[0].content"),
        (
            json!({"messages": [{"role": "user", "content": 1}]}),
            "messages[0].content",
        ),
        (
            json!({"messages": [{"role": "user", "content": [text, {"text": "a"}]}]}),
            "messages[0].content[1].type",
        ),
        (
            json!({"messages": [{"role": "user", "content": [{"type": "text"}]}]}),
            "messages[0].content[0].text",
        ),
        (
            json!({"messages": [{"role": "user", "content": [{"type": "image", "source": {"type": "base64"}}]}]}),
            "messages[0].content[0].source.media_type",
        ),
        (
            json!({"messages": [{"role": "assistant", "content": [{"type": "tool_use", "id": "1", "name": "f", "input": "x"}]}]}),
            "messages[0].content[0].input",
        ),
        (
            json!({"messages": [{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "1", "content": [{}]}]}]}),
            "messages[0].content[0].content[0].type",
        ),
        (json!({"messages": [], "max_tokens": "1"}), "max_tokens"),
        (json!({"messages": [], "temperature": "hot"}), "temperature"),
        (json!({"messages": [], "stop_sequences": ["a", 1]}), "stop_sequences"),
        (json!({"messages": [], "system": 1}), "system"),
        (json!({"messages": [], "tools": [{"name": "f"}, {}]}), "tools[1].name"),
        (
            json!({"messages": [], "tools": [{"name": "f", "input_schema": []}]}),
            "tools[0].input_schema",
        ),
        (
            json!({"messages": [], "tool_choice": {"type": "some"}}),
            "tool_choice.type",
        ),
        (
            json!({"messages": [], "tool_choice": {"type": "tool", "name": "f"}}),
            "tool_choice.name",
        ),
        (json!({"messages": [], "thinking": {"type": 1}}), "thinking.type"),
        (
            json!({"messages": [], "output_config": {"format": {"type": "json_schema"}}}),
            "output_config.format.schema",
        ),
        (json!({"messages": [], "metadata": {"user_id": 1}}), "metadata.user_id"),
    ] {
        assert_eq!(refused(&body).param, param, "{body}");
    }
    assert!((FORMAT.read_request)(b"{").unwrap_err().message.contains("JSON"));
}

#[test]
fn what_no_other_upstream_can_do_is_named() {
    let body = json!({"messages": [{"role": "assistant", "content": [
            {"type": "text", "text": "a", "citations": [{"type": "char_location"}]},
            {"type": "server_tool_use", "id": "1", "name": "web_search", "input": {}},
            {"type": "web_search_tool_result", "tool_use_id": "1", "content": []},
            {"type": "a b\r\nc: d"},
        ]}],
        "tools": [{"type": "web_search_20250305", "name": "web_search"}, {"type": "custom", "name": "f"}],
        "mcp_servers": [], "container": null, "context_management": {}, "betas": [], "what\n": 1});
    let read = request(&body);
    assert_eq!(
        read.dropped,
        [
            "messages.server_tool_use",
            "messages.web_search_tool_result",
            "messages.unknown",
            "tools.web_search_20250305",
            "unknown",
            "mcp_servers"
        ]
    );
    assert_eq!(read.tools.len(), 1);
    assert_eq!(read.messages[0].parts.len(), 1);
}

#[test]
fn documents_and_what_was_found_become_what_others_know() {
    let (read, dropped) = parts(&json!([
        {"type": "document", "title": "t.txt", "context": "c", "citations": {"enabled": true},
            "source": {"type": "text", "media_type": "text/plain", "data": "d"}},
        {"type": "document", "title": "t", "source": {"type": "content", "content": [
            {"type": "text", "text": "x"}, {"type": "image", "source": {"type": "url", "url": "https://e.x/a.png"}}]}},
        {"type": "document", "source": {"type": "content", "content": "y"}},
        {"type": "search_result", "title": "T", "source": "https://e.x", "content": [{"type": "text", "text": "z"}]},
        {"type": "image", "source": {"type": "file", "file_id": "file_1"}},
        {"type": "compaction", "content": "before"},
        {"type": "tool_reference", "tool_name": "f"},
    ]));
    let text = |text: &str| PartKind::Text(text.into());
    let image = |source| PartKind::Image { source, detail: None };
    let document = PartKind::Document {
        source: Source::Text("d".into()),
        name: Some("t.txt".into()),
    };
    let expected = vec![
        text("c"),
        document,
        text("t"),
        text("x"),
        image(Source::Url("https://e.x/a.png".into())),
        text("y"),
        text("T\nhttps://e.x\nz"),
        image(Source::File("file_1".into())),
        text("before"),
        text("Tool found: f"),
    ];
    assert_eq!(read, expected);
    assert_eq!(dropped, ["messages.citations"]);
}

#[test]
fn results_of_tools_have_texts_and_images() {
    let (read, _) = parts(
        &json!([{"type": "tool_result", "tool_use_id": "1", "is_error": true, "content": [
        {"type": "text", "text": "a"},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA=="}}]}]),
    );
    let PartKind::ToolResult { parts, is_error, .. } = &read[0] else {
        panic!("{read:?}");
    };
    assert!(*is_error && matches!(&parts[1].kind, PartKind::Image { .. }));
}

#[test]
fn a_mark_for_the_whole_request_is_one_at_its_end() {
    let read = request(
        &json!({"cache_control": {"type": "ephemeral", "ttl": "1h"}, "messages": [
        {"role": "user", "content": [{"type": "text", "text": "a", "cache_control": null}, {"type": "text", "text": "b"}]}]}),
    );
    let cache = Cache { ttl: Some("1h".into()) };
    assert_eq!(read.messages[0].parts[0].cache, None);
    assert_eq!(read.messages[0].parts[1].cache, Some(cache));
}

#[test]
fn the_session_is_found_in_both_forms_of_the_users_name() {
    for (user, session) in [
        (r#"{"device_id":"d","session_id":"s1"}"#, Some("s1")),
        ("user_1_account__session_s2", Some("s2")),
        ("somebody", None),
        (r#"{"session_id":""}"#, None),
    ] {
        let read = request(&json!({"messages": [], "metadata": {"user_id": user}}));
        assert_eq!((read.cache_key.as_deref(), read.user.as_deref()), (session, Some(user)));
    }
}

#[test]
fn which_tool_is_called_is_read() {
    let read = |choice: Value| {
        let body = json!({"messages": [], "tool_choice": choice,
            "tools": [{"name": "f", "input_schema": {"type": "object", "properties": {}}, "strict": true}]});
        let read = request(&body);
        assert_eq!((&read.tools[0].parameters, read.tools[0].strict), (&None, Some(true)));
        (read.tool_choice.unwrap(), read.parallel_tools)
    };
    assert_eq!(read(json!({"type": "auto"})), (ToolChoice::Auto, None));
    assert_eq!(read(json!({"type": "none"})), (ToolChoice::None, None));
    assert_eq!(
        read(json!({"type": "any", "disable_parallel_tool_use": true})),
        (ToolChoice::Required, Some(false))
    );
    let named = ToolChoice::Named {
        names: vec!["f".into()],
        optional: false,
    };
    let choice = json!({"type": "tool", "name": "f", "disable_parallel_tool_use": false});
    assert_eq!(read(choice), (named, Some(true)));
}

#[test]
fn members_keep_their_order() {
    let schema = json!({"properties": {"why": {"minimum": 1, "type": "integer"}, "answer": {}}, "$defs": {}, "anyOf": [{}], "type": "object"});
    let body = json!({
        "messages": [{"role": "assistant", "content": [{"type": "tool_use", "id": "1", "name": "f", "input": {"b": 1, "a": 2}}]}],
        "tools": [{"name": "f", "strict": true, "input_schema": schema}],
    });
    let written = prompt(&request(&body)).to_string();
    assert!(written.contains(r#""input":{"b":1,"a":2}"#), "{written}");
    assert!(
        written.find("\"why\"").unwrap() < written.find("\"answer\"").unwrap(),
        "{written}"
    );
}
