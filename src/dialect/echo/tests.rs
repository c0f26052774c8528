//! What the echo says.

use serde_json::json;

use super::*;
use crate::dialect::formats::{ANTHROPIC, FORMATS, GEMINI, OPENAI, RESPONSES};
use crate::dialect::neutral::Format as Dialect;
use crate::dialect::neutral::answer::{Answer, Block};

/// The answer to a request of a dialect.
fn said(dialect: &Dialect, body: &Value) -> Answer {
    let request = (dialect.read_request)(body.to_string().as_bytes()).unwrap();
    let answer = Answer::of(&answer(&request));
    assert!(answer.is_complete && answer.error.is_none() && answer.usage.is_some());
    answer
}

/// The text of an answer.
fn text(answer: &Answer) -> String {
    let texts = answer.choices[0].blocks.iter().filter_map(|block| match block {
        Block::Text { text, .. } => Some(text.as_str()),
        _ => None,
    });
    texts.collect()
}

/// The call in an answer: the tool and its arguments.
fn called(answer: &Answer) -> Option<(String, Value)> {
    let call = answer.choices[0].blocks.iter().find_map(|block| match block {
        Block::ToolCall(call) => Some(call),
        _ => None,
    })?;
    assert_eq!(answer.choices[0].finish, Some(Finish::ToolCalls));
    Some((call.name.clone(), serde_json::from_str(&call.arguments).unwrap()))
}

/// A request of each dialect, in which the user says this, with these tools: `(name, schema)`.
fn asking(said: &str, tools: &[(&str, Value)]) -> [(&'static Dialect, Value); 4] {
    let list = |tool: &dyn Fn(&str, &Value) -> Value| -> Vec<Value> {
        tools.iter().map(|(name, schema)| tool(name, schema)).collect()
    };
    let chat = list(&|name, schema| json!({"type": "function", "function": {"name": name, "parameters": schema}}));
    let responses = list(&|name, schema| json!({"type": "function", "name": name, "parameters": schema}));
    let anthropic = list(&|name, schema| json!({"name": name, "input_schema": schema}));
    let gemini = list(&|name, schema| json!({"name": name, "parametersJsonSchema": schema}));
    let user = json!([{"role": "user", "content": said}]);
    [
        (OPENAI, json!({"messages": user, "tools": chat})),
        (RESPONSES, json!({"input": user, "tools": responses})),
        (
            ANTHROPIC,
            json!({"messages": user, "tools": anthropic, "max_tokens": 9}),
        ),
        (
            GEMINI,
            json!({"contents": [{"role": "user", "parts": [{"text": said}]}], "tools": [{"functionDeclarations": gemini}]}),
        ),
    ]
}

fn file() -> Value {
    json!({
        "type": "object", "required": ["path", "content"],
        "properties": {"path": {"type": "string"}, "content": {"type": "string"}, "more": {"type": "string"}},
    })
}

#[test]
fn the_last_text_is_said_back_in_every_dialect() {
    for (dialect, request) in asking("two words", &[("Write", file())]) {
        let answer = said(dialect, &request);
        assert_eq!(text(&answer), "two words", "{dialect:?}");
        let usage = answer.usage.unwrap();
        assert_eq!((usage.input, usage.output, usage.reasoning), (2, 2, 0));
    }
    let parts = json!([{"type": "text", "text": "hi"}, {"type": "text", "text": "<reminder>use the tool</reminder>"}]);
    let request =
        json!({"messages": [{"role": "user", "content": parts}, {"role": "system", "content": "s"}], "max_tokens": 9});
    assert_eq!(text(&said(ANTHROPIC, &request)), "hi");
    assert_eq!(FORMATS.len(), 4);
}

#[test]
fn a_tool_is_called_where_the_text_says_so() {
    let tools = [("Read", json!({"type": "object"})), ("Write", file())];
    let plain = json!({"path": "echo", "content": "echo"});
    for (words, expected) in [
        ("Call the provided tool.", Some(("Read", json!({})))),
        ("please use the tool Write", Some(("Write", plain.clone()))),
        ("call `write`", Some(("Write", plain))),
        (
            r#"Use Write with {"path": "a.txt", "content": "hi"} now"#,
            Some(("Write", json!({"path": "a.txt", "content": "hi"}))),
        ),
        (
            r#""call Write {\"path\": \"b\"}""#,
            Some(("Write", json!({"path": "b", "content": "echo"}))),
        ),
        ("this tool is fine", None),
        ("use it", None),
        ("read and write", None),
    ] {
        for (dialect, request) in asking(words, &tools) {
            let call = called(&said(dialect, &request));
            let call = call
                .as_ref()
                .map(|(name, arguments)| (name.as_str(), arguments.clone()));
            assert_eq!(call, expected, "{dialect:?} {words}");
        }
    }
}

#[test]
fn a_tool_that_has_to_be_called_is_called() {
    let choices = |choice: Value| {
        let (dialect, mut request) = asking("hi", &[("a", json!({"type": "object"})), ("b", file())])[0].clone();
        request["tool_choice"] = choice;
        called(&said(dialect, &request)).map(|(name, _)| name)
    };
    assert_eq!(choices(json!("required")).as_deref(), Some("a"));
    assert_eq!(
        choices(json!({"type": "function", "function": {"name": "b"}})).as_deref(),
        Some("b")
    );
    assert_eq!(choices(json!("auto")), None);
    let (dialect, mut request) = asking("use the tool a", &[("a", json!({}))])[0].clone();
    request["tool_choice"] = json!("none");
    assert_eq!(called(&said(dialect, &request)), None);
}

#[test]
fn what_a_tool_says_is_said_back_and_no_tool_is_called_again() {
    let (_, mut request) = asking("use the tool Write", &[("Write", file())])[0].clone();
    let call = json!({"id": "c", "type": "function", "function": {"name": "Write", "arguments": "{}"}});
    let history = |result: &str| {
        json!([
            {"role": "user", "content": "use the tool Write"},
            {"role": "assistant", "content": null, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "c", "content": result},
        ])
    };
    for (result, expected) in [("12 bytes", "12 bytes"), ("", DONE)] {
        request["messages"] = history(result);
        let answer = said(OPENAI, &request);
        assert_eq!((text(&answer).as_str(), called(&answer)), (expected, None));
    }
    // The next question is a new one, and so is its call.
    let mut messages = history("x");
    messages
        .as_array_mut()
        .unwrap()
        .push(json!({"role": "user", "content": "use the tool"}));
    request["messages"] = messages;
    let answer = said(OPENAI, &request);
    assert!(
        answer.choices[0]
            .blocks
            .iter()
            .any(|block| matches!(block, Block::ToolCall(call) if call.id == "call_echo_1"))
    );
}

#[test]
fn a_schema_gets_an_instance() {
    let schema = json!({
        "type": "object", "required": ["status", "n", "list", "when", "of", "maybe", "either"], "additionalProperties": false,
        "$defs": {"kind": {"enum": ["a", "b"]}},
        "properties": {
            "status": {"type": "string", "enum": ["ok"]}, "n": {"type": "integer", "minimum": 5, "multipleOf": 3},
            "list": {"type": "array", "minItems": 2, "items": {"type": "number", "maximum": 0.5}},
            "when": {"type": "string", "format": "date"}, "of": {"$ref": "#/$defs/kind"},
            "maybe": {"type": ["null", "string"], "minLength": 6}, "either": {"anyOf": [{"const": 7}, {"type": "null"}]},
            "unasked": {"type": "string"},
        },
    });
    let expected = json!({
        "status": "ok", "n": 6, "list": [0.5, 0.5], "when": "2026-01-01", "of": "a", "maybe": "echooo", "either": 7,
    });
    let format = json!({"type": "json_schema", "json_schema": {"name": "s", "schema": schema}});
    let request = json!({"messages": [{"role": "user", "content": "hi"}], "response_format": format});
    assert_eq!(
        serde_json::from_str::<Value>(&text(&said(OPENAI, &request))).unwrap(),
        expected
    );
    // Google's: great letters, and alternatives of what has to be there.
    let schema = json!({"type": "OBJECT", "properties": {"a": {"type": "STRING", "maxLength": 2}}, "required": ["a"], "anyOf": [{"required": ["a"]}]});
    let config = json!({"responseMimeType": "application/json", "responseSchema": schema});
    let request = json!({"contents": [{"parts": [{"text": "hi"}]}], "generationConfig": config});
    assert_eq!(text(&said(GEMINI, &request)), r#"{"a":"ec"}"#);
    let request = json!({"input": "hi", "text": {"format": {"type": "json_object"}}});
    assert_eq!(text(&said(RESPONSES, &request)), r#"{"echo":"hi"}"#);
    // A schema that is its own part has an end.
    let schema = json!({"type": "object", "required": ["a"], "properties": {"a": {"$ref": "#"}}});
    assert!(instance(&schema).is_object());
    let names: Vec<String> = (0..16).map(|name| name.to_string()).collect();
    let parts: Map<String, Value> = names.iter().map(|name| (name.clone(), json!({"$ref": "#"}))).collect();
    let schema = json!({"type": "object", "required": names, "properties": parts});
    assert!(instance(&schema).to_string().len() < 1_000_000);
}

#[test]
fn thoughts_are_for_who_wants_to_read_them() {
    let thinks = |dialect: &Dialect, body: Value| {
        let answer = said(dialect, &body);
        assert_eq!(text(&answer), "hi");
        matches!(answer.choices[0].blocks[0], Block::Reasoning { .. })
    };
    let user = json!([{"role": "user", "content": "hi"}]);
    let chat = |member: &str, value: Value| thinks(OPENAI, json!({"messages": user, member: value}));
    assert!(chat("reasoning", json!({"effort": "low"})));
    assert!(!chat("reasoning_effort", json!("low")) && !chat("reasoning", json!({"enabled": false})));
    let responses = |reasoning: Value| thinks(RESPONSES, json!({"input": "hi", "reasoning": reasoning}));
    assert!(responses(json!({"summary": "auto"})) && !responses(json!({"effort": "low"})));
    let anthropic = |thinking: Value| {
        thinks(
            ANTHROPIC,
            json!({"messages": user, "max_tokens": 9, "thinking": thinking}),
        )
    };
    assert!(anthropic(json!({"type": "adaptive"})) && !anthropic(json!({"type": "disabled"})));
    assert!(!anthropic(json!({"type": "adaptive", "display": "omitted"})));
}

#[test]
fn words_keep_every_character() {
    assert_eq!(words("hello  big world\n"), ["hello  ", "big ", "world\n"]);
    assert_eq!(words("你好 a世界b"), ["你", "好 ", "a", "世", "界", "b"]);
    assert!(words("").is_empty());
}
