//! A conversation that grows is written in the same bytes up to where it was: prompt caches compare them.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::dialect::formats::{ANTHROPIC, FORMATS};
use crate::dialect::neutral::request::{Message, Part, PartKind, Quirks, Request, Role, Tool, ToolCall};
use crate::dialect::neutral::{Format, flat};

/// What is asked, thought, called with these arguments, and said.
type Turn = (String, Option<String>, Vec<String>, String);

fn turns() -> impl Strategy<Value = Vec<Turn>> {
    let text = || "[a-zé]{1,8}";
    let turn = (
        text(),
        prop::option::of(text()),
        prop::collection::vec(text(), 0..3),
        text(),
    );
    prop::collection::vec(turn, 1..6)
}

fn said(role: Role, parts: Vec<PartKind>) -> Message {
    let parts: Vec<Part> = parts.into_iter().map(PartKind::part).collect();
    Message { role, parts }
}

/// The messages of a conversation, which end where the client asks, and where they have ended before.
fn conversation(turns: &[Turn]) -> (Vec<Message>, Vec<usize>) {
    let mut messages = vec![said(Role::System, vec![PartKind::Text("be short".into())])];
    let mut ends = Vec::new();
    for (number, (asked, thought, calls, answer)) in turns.iter().enumerate() {
        messages.push(said(Role::User, vec![PartKind::Text(asked.clone())]));
        ends.push(messages.len());
        let mut parts: Vec<PartKind> = thought
            .iter()
            .map(|text| PartKind::Reasoning {
                text: text.clone(),
                signature: Some("c2ln".into()),
                encrypted: None,
            })
            .collect();
        if !calls.is_empty() {
            let id = |place: usize| format!("call_{number}_{place}");
            parts.extend(calls.iter().enumerate().map(|(place, text)| {
                PartKind::ToolCall(ToolCall {
                    id: id(place),
                    name: "look".into(),
                    arguments: json!({"at": text}).to_string(),
                    ..ToolCall::default()
                })
            }));
            messages.push(said(Role::Assistant, std::mem::take(&mut parts)));
            let results = calls.iter().enumerate().map(|(place, text)| PartKind::ToolResult {
                id: id(place),
                name: Some("look".into()),
                parts: vec![PartKind::Text(text.clone()).part()],
                is_error: false,
            });
            messages.push(said(Role::User, results.collect()));
            ends.push(messages.len());
        }
        parts.push(PartKind::Text(answer.clone()));
        messages.push(said(Role::Assistant, parts));
    }
    (messages, ends)
}

/// The request of a client of this dialect.
fn asked(client: &Format, messages: &[Message]) -> Vec<u8> {
    let tool = Tool {
        name: "look".into(),
        parameters: Some(json!({"type": "object", "properties": {"at": {"type": "string"}}})),
        ..Tool::default()
    };
    let request = Request {
        model: Some("m".into()),
        messages: messages.to_vec(),
        tools: vec![tool],
        ..Request::default()
    };
    let body = (client.write_request)(&request, &Quirks::default()).unwrap().body;
    serde_json::to_vec(&body).unwrap()
}

/// The request as an upstream of that dialect gets it: what grows, and everything else.
fn written(
    client: &Format,
    upstream: &Format,
    messages: &[Message],
    quirks: &Quirks,
) -> (Vec<Value>, Map<String, Value>) {
    let mut read = (client.read_request)(&asked(client, messages)).unwrap();
    read.model = Some("m".into());
    read.cache_key = Some("k".into());
    if !upstream.has_tool_kinds {
        flat::flatten(&mut read);
    }
    let mut body = (upstream.write_request)(&read, quirks).unwrap().body;
    if upstream == ANTHROPIC {
        body = unmarked(Value::Object(body)).as_object().unwrap().clone();
    }
    let list = ["messages", "input", "contents"]
        .iter()
        .find_map(|name| body.shift_remove(*name));
    (list.unwrap().as_array().unwrap().clone(), body)
}

/// A prompt without marks for the cache, which move and are no part of what is compared.
fn unmarked(value: Value) -> Value {
    match value {
        Value::Object(mut members) => {
            members.shift_remove("cache_control");
            let text = members.get("content").filter(|content| content.is_string()).cloned();
            if let Some(text) = text {
                members.insert("content".into(), json!([{"type": "text", "text": text}]));
            }
            Value::Object(
                members
                    .into_iter()
                    .map(|(name, value)| (name, unmarked(value)))
                    .collect(),
            )
        }
        Value::Array(list) => list.into_iter().map(unmarked).collect(),
        value => value,
    }
}

fn check(client: &Format, upstream: &Format, turns: &[Turn], quirks: &Quirks) {
    let (messages, ends) = conversation(turns);
    let steps: Vec<_> = ends
        .iter()
        .map(|end| written(client, upstream, &messages[..*end], quirks))
        .collect();
    for pair in steps.windows(2) {
        let ((before, rest), (after, later)) = (&pair[0], &pair[1]);
        let name = format!("{} to {}", client.name, upstream.name);
        let same = serde_json::to_string(&after[..before.len().min(after.len())]).unwrap();
        assert_eq!(serde_json::to_string(before).unwrap(), same, "{name}");
        assert_eq!(
            serde_json::to_string(rest).unwrap(),
            serde_json::to_string(later).unwrap(),
            "{name}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_was_said_before_is_written_in_the_same_bytes_again(turns in turns()) {
        let thinking = Quirks {
            reasoning_history: true,
            thinking_level: true,
            adaptive_thinking: true,
            openai_members: true,
            ..Quirks::default()
        };
        for quirks in [Quirks::default(), thinking] {
            for client in FORMATS {
                for upstream in FORMATS {
                    check(client, upstream, &turns, &quirks);
                }
            }
        }
    }
}
