//! How much is thought, and what proves it.

use serde_json::json;

use super::*;
use crate::dialect::neutral::request::Reasoning;

fn thinking(reasoning: &Reasoning, quirks: &Quirks) -> (Value, Vec<String>) {
    let request = Request {
        reasoning: Some(reasoning.clone()),
        ..Request::default()
    };
    let written = (FORMAT.write_request)(&request, quirks).unwrap();
    let config = written
        .body
        .get("generationConfig")
        .map(|config| config["thinkingConfig"].clone());
    (config.unwrap_or_default(), written.dropped)
}

#[test]
fn an_effort_is_a_level_or_a_number_of_tokens() {
    for (effort, level, budget, dropped) in [
        ("none", json!("MINIMAL"), json!(0), false),
        ("minimal", json!("MINIMAL"), json!(1024), false),
        ("low", json!("LOW"), json!(1024), false),
        ("medium", json!("MEDIUM"), json!(8192), false),
        ("high", json!("HIGH"), json!(24_576), false),
        ("xhigh", json!("HIGH"), json!(24_576), true),
        ("max", json!("HIGH"), json!(24_576), true),
    ] {
        let reasoning = Reasoning {
            effort: Some(effort.to_owned()),
            ..Reasoning::default()
        };
        let (found, named) = thinking(&reasoning, &newest());
        assert_eq!(found, json!({"thinkingLevel": level}));
        assert_eq!(named.is_empty(), !dropped, "{effort}");
        assert_eq!(
            thinking(&reasoning, &Quirks::default()).0,
            json!({"thinkingBudget": budget})
        );
    }
}

#[test]
fn a_model_that_does_not_think_is_not_asked_to() {
    let reasoning = Reasoning {
        effort: Some("high".to_owned()),
        ..Reasoning::default()
    };
    let quirks = Quirks {
        without: &["thinkingConfig"],
        ..newest()
    };
    assert_eq!(
        thinking(&reasoning, &quirks),
        (json!(null), vec!["thinkingConfig".to_owned()])
    );
}

#[test]
fn a_budget_stays_or_becomes_a_level() {
    let budget = |budget| Reasoning {
        budget: Some(budget),
        wants_text: true,
        ..Reasoning::default()
    };
    for (tokens, level) in [(0, "MINIMAL"), (1024, "LOW"), (8192, "MEDIUM"), (31_999, "HIGH")] {
        let (found, _) = thinking(&budget(tokens), &newest());
        assert_eq!(found, json!({"thinkingLevel": level, "includeThoughts": true}));
        let (found, _) = thinking(&budget(tokens), &Quirks::default());
        assert_eq!(found, json!({"thinkingBudget": tokens, "includeThoughts": true}));
    }
}

#[test]
fn thinking_is_switched_off_or_left_to_the_model() {
    let off = Reasoning {
        is_disabled: true,
        ..Reasoning::default()
    };
    let adaptive = Reasoning {
        is_adaptive: true,
        ..Reasoning::default()
    };
    let always = |quirks: Quirks| Quirks {
        thinking_always: true,
        ..quirks
    };
    assert_eq!(thinking(&off, &newest()).0, json!({"thinkingLevel": "MINIMAL"}));
    assert_eq!(thinking(&off, &always(newest())).0, json!({"thinkingLevel": "LOW"}));
    assert_eq!(thinking(&off, &Quirks::default()).0, json!({"thinkingBudget": 0}));
    assert_eq!(
        thinking(&off, &always(Quirks::default())).0,
        json!({"thinkingBudget": 128})
    );
    assert_eq!(thinking(&adaptive, &newest()).0, Value::Null);
    assert_eq!(thinking(&adaptive, &Quirks::default()).0, json!({"thinkingBudget": -1}));
}

#[test]
fn every_way_to_ask_is_read() {
    for (config, expected) in [
        (
            json!({"thinkingBudget": -1}),
            Reasoning {
                is_adaptive: true,
                ..Reasoning::default()
            },
        ),
        (
            json!({"thinkingBudget": 0}),
            Reasoning {
                is_disabled: true,
                ..Reasoning::default()
            },
        ),
        (
            json!({"thinking_level": "MEDIUM", "includeThoughts": true}),
            Reasoning {
                effort: Some("medium".to_owned()),
                wants_text: true,
                ..Reasoning::default()
            },
        ),
    ] {
        let body = json!({"contents": [], "generationConfig": {"thinkingConfig": config}});
        assert_eq!(read(&body).reasoning, Some(expected), "{config}");
    }
    for config in [json!({}), json!({"thinkingLevel": "THINKING_LEVEL_UNSPECIFIED"})] {
        let body = json!({"contents": [], "generationConfig": {"thinkingConfig": config}});
        assert_eq!(read(&body).reasoning, None, "{config}");
    }
}

fn history(signatures: [Option<&str>; 2]) -> Request {
    let call = |signature: Option<&str>| {
        let call = ToolCall {
            id: "1".to_owned(),
            name: "f".to_owned(),
            namespace: None,
            arguments: "{}".to_owned(),
            is_custom: false,
            signature: signature.map(Into::into),
        };
        PartKind::ToolCall(call).part()
    };
    Request {
        messages: vec![Message {
            role: Role::Assistant,
            parts: signatures.map(call).to_vec(),
        }],
        ..Request::default()
    }
}

#[test]
fn a_lost_signature_of_a_call_is_replaced_where_one_is_wanted() {
    const DUMMY: &str = "skip_thought_signature_validator";
    let signatures = |request: &Request, quirks: &Quirks| -> Vec<Value> {
        let body = (FORMAT.write_request)(request, quirks).unwrap().body;
        let parts = body["contents"][1]["parts"].as_array().unwrap().clone();
        parts.iter().map(|part| part["thoughtSignature"].clone()).collect()
    };
    for (given, newest_gets, older_gets) in [
        ([None, None], [json!(DUMMY), Value::Null], [Value::Null, Value::Null]),
        (
            [Some("QQ=="), None],
            [json!("QQ=="), Value::Null],
            [json!("QQ=="), Value::Null],
        ),
        (
            [None, Some("QQ==")],
            [Value::Null, json!("QQ==")],
            [Value::Null, json!("QQ==")],
        ),
    ] {
        assert_eq!(signatures(&history(given), &newest()), newest_gets);
        assert_eq!(signatures(&history(given), &Quirks::default()), older_gets);
    }
}

#[test]
fn signatures_of_texts_return_to_their_parts() {
    let contents = json!([
        {"role": "user", "parts": [{"text": "q"}]},
        {"role": "model", "parts": [
            {"text": "plan", "thought": true, "thoughtSignature": "QQ=="},
            {"text": "a", "thoughtSignature": "Qg=="},
            {"text": "b"},
            {"text": "", "thoughtSignature": "Qw=="}]},
    ]);
    let written = write(&read(&json!({ "contents": contents })));
    assert_eq!(written.body["contents"], contents);
    assert_eq!(written.dropped, [""; 0]);
}
