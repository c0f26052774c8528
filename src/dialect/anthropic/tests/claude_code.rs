//! Requests that Claude Code was seen to send.

use super::*;
use crate::dialect::neutral::canonical::document;
use crate::dialect::neutral::opaque::UNSIGNED;
use crate::dialect::neutral::request::{PartKind, Role};

const RECORDED: [&str; 4] = [
    "claude_code_count_tokens",
    "claude_code_older_model_budget_thinking",
    "claude_code_turn1",
    "claude_code_turn2_tool_results",
];

fn recorded(name: &str) -> Request {
    request(&document(&format!("clients/{name}.json"))["body"])
}

#[test]
fn every_recorded_request_is_taken_whole() {
    for name in RECORDED {
        let read = recorded(name);
        assert!(read.dropped.is_empty(), "{name}: {:?}", read.dropped);
        let body = &document(&format!("clients/{name}.json"))["body"];
        assert_eq!(read.tools.len(), body["tools"].as_array().unwrap().len(), "{name}");
        let is_count = name.ends_with("count_tokens");
        assert_eq!(read.stream, !is_count, "{name}");
        assert_eq!(read.cache_key.is_some(), !is_count, "{name}");
    }
}

#[test]
fn the_block_that_says_who_pays_is_left_out_and_the_system_message_stays_where_it_was() {
    let read = recorded("claude_code_turn1");
    assert_eq!(read.messages[0].role, Role::System);
    assert_eq!(read.messages[0].parts.len(), 2);
    assert!(read.messages[0].parts.iter().all(|part| part.cache.is_some()));
    let roles: Vec<Role> = read.messages.iter().map(|message| message.role).collect();
    assert_eq!(roles, [Role::System, Role::User, Role::System]);
}

#[test]
fn thinking_is_read_in_both_forms() {
    let adaptive = recorded("claude_code_turn1").reasoning.unwrap();
    assert!(adaptive.is_adaptive && adaptive.wants_text && adaptive.wants_encrypted);
    assert_eq!(adaptive.effort.as_deref(), Some("high"));
    let budget = recorded("claude_code_older_model_budget_thinking").reasoning.unwrap();
    assert_eq!((budget.budget, budget.is_adaptive), (Some(2000), false));
}

#[test]
fn results_of_tools_keep_that_they_failed_and_their_marks() {
    let read = recorded("claude_code_turn2_tool_results");
    let results = &read.messages.last().unwrap().parts;
    let failed: Vec<bool> = results
        .iter()
        .map(|part| match &part.kind {
            PartKind::ToolResult { is_error, parts, .. } => {
                assert_eq!(parts.len(), 1);
                *is_error
            }
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(failed, [false, true]);
    assert!(results[1].cache.is_some());
}

#[test]
fn a_recorded_request_is_written_as_it_was_read() {
    let quirks = Quirks {
        adaptive_thinking: true,
        system_anywhere: true,
        ..Quirks::default()
    };
    let mut body = document("clients/claude_code_turn2_tool_results.json")["body"].clone();
    let (mut written, dropped) = prompt_for(&request(&body), &quirks);
    assert!(dropped.is_empty(), "{dropped:?}");
    // What is left out on purpose, and a form that means the same.
    body.as_object_mut().unwrap().remove("context_management");
    body["system"].as_array_mut().unwrap().remove(0);
    assert_eq!(
        written["thinking"].take(),
        json!({"type": "adaptive", "display": "summarized"})
    );
    body["thinking"] = Value::Null;
    assert_eq!(written, body);
}

#[test]
fn a_growing_conversation_begins_with_the_same_bytes() {
    let mut body = document("clients/claude_code_turn2_tool_results.json")["body"].clone();
    let before = prompt(&request(&body))["messages"].to_string();
    let more = [
        json!({"role": "assistant", "content": [{"type": "text", "text": "Done."}]}),
        json!({"role": "user", "content": "Thanks."}),
    ];
    body["messages"].as_array_mut().unwrap().extend(more);
    let after = prompt(&request(&body))["messages"].to_string();
    assert!(after.starts_with(before.trim_end_matches(']')), "{before}\n{after}");
}

#[test]
fn reasoning_that_the_gateway_signed_goes_to_no_upstream() {
    let marked = |signature: &str| json!({"type": "thinking", "thinking": "hm", "signature": signature});
    let body = json!({"model": "m", "messages": [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": [marked(UNSIGNED), {"type": "text", "text": "b"}]},
        {"role": "user", "content": "c"},
        {"role": "assistant", "content": [marked("S"), marked("ai-gateway:encrypted:E")]},
        {"role": "assistant", "content": [marked(UNSIGNED)]},
        {"role": "user", "content": UNSIGNED},
    ]});
    let read = request(&body);
    let (written, dropped) = prompt_for(&read, &Quirks::default());
    assert_eq!(written["messages"][1]["content"], "b");
    assert_eq!(written["messages"][3]["content"], json!([marked("S")]));
    assert_eq!(dropped, ["messages.reasoning"]);
    assert!(matches!(&read.messages[3].parts[1].kind,
        PartKind::Reasoning { text, signature: None, encrypted: Some(data) } if text == "hm" && data == "E"));
    // Where the body is passed as it is, the blocks are cut out of it.
    let passed = super::super::marked::without_marked(&body.to_string().into()).unwrap();
    let passed: Value = serde_json::from_slice(&passed).unwrap();
    assert_eq!(passed["messages"].as_array().unwrap().len(), 5);
    assert_eq!(passed["messages"][1]["content"], json!([{"type": "text", "text": "b"}]));
    assert_eq!(passed["messages"][3]["content"], json!([marked("S")]));
    assert_eq!(passed["messages"][4]["content"], UNSIGNED);
    for body in [
        "{}",
        "ai-gateway:unsigned:",
        r#"{"messages":[{"content":"\"ai-gateway:unsigned:\""}]}"#,
        r#"{"messages":"ai-gateway:"}"#,
    ] {
        assert_eq!(
            super::super::marked::without_marked(&body.as_bytes().to_vec().into()),
            None,
            "{body}"
        );
    }
}
