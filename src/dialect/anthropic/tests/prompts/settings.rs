//! What is asked for.

use super::*;

#[test]
fn thinking_has_a_budget_or_adapts() {
    let effort = |effort: &str| Reasoning {
        effort: Some(effort.into()),
        ..Reasoning::default()
    };
    let write = |reasoning: &Reasoning, max_tokens, adaptive_thinking| {
        let request = Request {
            reasoning: Some(reasoning.clone()),
            max_tokens,
            ..hi()
        };
        let quirks = Quirks {
            adaptive_thinking,
            ..Quirks::default()
        };
        let (body, dropped) = prompt_for(&request, &quirks);
        (
            body["thinking"].clone(),
            body["output_config"]["effort"].clone(),
            dropped.len(),
        )
    };
    let enabled = |budget: u64| json!({"type": "enabled", "budget_tokens": budget});
    for (reasoning, max_tokens, budget) in [
        (effort("low"), None, 1024),
        (effort("medium"), None, 4096),
        (effort("high"), Some(64_000), 16_384),
        (effort("max"), Some(64_000), 32_768),
        // What the client pays for stays, and leaves room for the answer.
        (effort("high"), None, 12_288),
        (effort("high"), Some(4096), 3072),
        (effort("low"), Some(1025), 1024),
    ] {
        assert_eq!(write(&reasoning, max_tokens, false), (enabled(budget), Value::Null, 0));
    }
    assert_eq!(write(&effort("low"), Some(1024), false), (Value::Null, Value::Null, 1));
    let adaptive = json!({"type": "adaptive"});
    for (given, taken) in [("minimal", "low"), ("high", "high"), ("max", "max")] {
        assert_eq!(
            write(&effort(given), Some(64), true),
            (adaptive.clone(), json!(taken), 0)
        );
    }
    let budget = Reasoning {
        budget: Some(5000),
        wants_text: true,
        ..Reasoning::default()
    };
    let with_text = json!({"type": "adaptive", "display": "summarized"});
    assert_eq!(write(&budget, None, true), (with_text, json!("medium"), 0));
    assert_eq!(write(&budget, None, false), (enabled(5000), Value::Null, 0));
    for off in [
        effort("none"),
        Reasoning {
            is_disabled: true,
            ..Reasoning::default()
        },
    ] {
        assert_eq!(write(&off, None, true), (Value::Null, Value::Null, 0));
        let request = Request {
            reasoning: Some(off),
            ..hi()
        };
        let quirks = Quirks {
            thinking_always: true,
            ..Quirks::default()
        };
        assert_eq!(prompt_for(&request, &quirks).1, ["reasoning"]);
        let quirks = Quirks {
            thinking_off: Some("between_tools"),
            ..Quirks::default()
        };
        let (body, dropped) = prompt_for(&request, &quirks);
        assert_eq!(body["thinking"], json!({"type": "between_tools"}));
        assert_eq!(dropped, Vec::<String>::new());
    }
}

#[test]
fn what_does_not_go_together_with_thinking_is_left_out() {
    let high = Reasoning {
        effort: Some("high".into()),
        ..Reasoning::default()
    };
    let number = |text: &str| serde_json::from_str(text).unwrap();
    let sampled = Request {
        reasoning: Some(high.clone()),
        temperature: number("0.5"),
        top_p: number("0.9"),
        top_k: number("3"),
        ..hi()
    };
    let (body, dropped) = prompt_for(&sampled, &Quirks::default());
    assert_eq!(dropped, ["temperature", "top_p", "top_k"]);
    assert!(body.get("temperature").is_none() && body["thinking"]["type"] == "enabled");
    let forced = Request {
        reasoning: Some(high.clone()),
        ..with_tools(Some(ToolChoice::Required))
    };
    let (body, dropped) = prompt_for(&forced, &Quirks::default());
    assert_eq!(
        (&body["tool_choice"]["type"], dropped),
        (&json!("any"), vec!["reasoning".to_owned()])
    );
    assert!(body.get("thinking").is_none());
    let quirks = Quirks {
        adaptive_thinking: true,
        ..Quirks::default()
    };
    let (body, dropped) = prompt_for(&forced, &quirks);
    assert_eq!((&body["thinking"]["type"], dropped.len()), (&json!("adaptive"), 0));
    let quirks = Quirks {
        forced_tools: false,
        ..Quirks::default()
    };
    let (body, dropped) = prompt_for(&forced, &quirks);
    assert_eq!(
        (&body["tool_choice"]["type"], &body["thinking"]["type"], dropped),
        (&json!("auto"), &json!("enabled"), vec!["tool_choice".to_owned()])
    );
    // A turn that calls tools has to begin with what was thought before it, where thinking has a budget.
    let mut cut = conversation([
        message(Role::Assistant, [called("a", "")]),
        message(Role::User, [result("a", "A")]),
    ]);
    cut.reasoning = Some(high);
    assert!(prompt(&cut).get("thinking").is_none());
    let signed = PartKind::Reasoning {
        text: "hm".into(),
        signature: Some("S".into()),
        encrypted: None,
    };
    cut.messages[0].parts.insert(0, signed.part());
    assert_eq!(prompt(&cut)["thinking"]["type"], "enabled");
}

#[test]
fn tools_have_an_object_as_arguments() {
    let mut request = hi();
    request.tools = vec![
        tool("ping", None),
        tool(
            "either",
            Some(json!({"anyOf": [
            {"type": "object", "properties": {"a": {"type": "string"}, "c": {}}, "required": ["a", "c"]},
            {"$ref": "#/$defs/B"}, {"type": "null"}],
            "$defs": {"B": {"type": "object", "properties": {"b": {}, "c": {}}, "required": ["b", "c"]}}})),
        ),
        tool(
            "there",
            Some(json!({"$ref": "#/$defs/T", "$defs": {"T": {"type": "object", "properties": {"t": {}}}}})),
        ),
        Tool {
            description: Some("Closes.".into()),
            ..tool("close", Some(json!({"properties": {}})))
        },
    ];
    let body = prompt(&request);
    let tools = &body["tools"];
    assert_eq!(
        tools[0],
        json!({"name": "ping", "input_schema": {"type": "object", "properties": {}}})
    );
    assert_eq!(tools[1]["input_schema"]["required"], json!(["c"]));
    assert_eq!(tools[1]["input_schema"]["properties"].as_object().unwrap().len(), 3);
    assert_eq!(tools[1]["input_schema"]["type"], "object");
    assert!(tools[1]["input_schema"].get("anyOf").is_none());
    assert_eq!(tools[2]["input_schema"]["properties"], json!({"t": {}}));
    assert_eq!(
        (&tools[3]["description"], &tools[3]["input_schema"]["type"]),
        (&json!("Closes."), &json!("object"))
    );
}

#[test]
fn a_schema_that_is_followed_keeps_only_what_can_be_followed_and_says_the_rest() {
    let schema = json!({"$schema": "x", "type": "object", "properties": {
        "n": {"type": "integer", "minimum": 1, "description": "N"},
        "s": {"type": "string", "format": "color", "pattern": "^a"},
        "l": {"type": "array", "minItems": 2, "items": {"oneOf": [{"type": "object", "properties": {}}, {"type": "null"}]}},
        "minimum": {"type": "string", "format": "date"}}, "additionalProperties": true});
    let mut request = hi();
    request.format = Some(Format::JsonSchema {
        name: None,
        description: None,
        schema: schema.clone(),
        strict: None,
    });
    let (body, dropped) = prompt_for(&request, &Quirks::default());
    let written = &body["output_config"]["format"]["schema"];
    assert_eq!(
        *written,
        json!({"type": "object", "properties": {
            "n": {"type": "integer", "description": "N\n\n{minimum: 1}"},
            "s": {"type": "string", "description": "{format: \"color\", pattern: \"^a\"}"},
            "l": {"type": "array", "description": "{minItems: 2}", "items": {"anyOf": [
                {"type": "object", "properties": {}, "additionalProperties": false}, {"type": "null"}]}},
            "minimum": {"type": "string", "format": "date"}},
            "additionalProperties": false, "description": "{additionalProperties: true}"})
    );
    assert!(dropped.contains(&"format.schema.minimum".to_owned()), "{dropped:?}");
    // A model that follows no schema is asked to.
    let quirks = Quirks {
        schemas: false,
        ..Quirks::default()
    };
    let (body, dropped) = prompt_for(&request, &quirks);
    assert!(body["system"].as_str().unwrap().contains(&schema.to_string()));
    assert_eq!(dropped, ["format"]);
    request.format = Some(Format::JsonObject);
    assert!(prompt(&request)["system"].as_str().unwrap().contains("JSON object"));
}

#[test]
fn which_tools_may_be_called_is_said_by_leaving_out_the_others() {
    let named = |names: &[&str], optional| {
        Some(ToolChoice::Named {
            names: names.iter().map(|name| (*name).into()).collect(),
            optional,
        })
    };
    for (choice, kind, count) in [
        (None, Value::Null, 2),
        (Some(ToolChoice::Auto), json!({"type": "auto"}), 2),
        (Some(ToolChoice::None), json!({"type": "none"}), 2),
        (Some(ToolChoice::Required), json!({"type": "any"}), 2),
        (named(&["g"], false), json!({"type": "tool", "name": "g"}), 2),
        (named(&["g"], true), json!({"type": "auto"}), 1),
        (named(&["f", "g"], false), json!({"type": "any"}), 2),
    ] {
        let body = prompt(&with_tools(choice));
        assert_eq!(
            (&body["tool_choice"], body["tools"].as_array().unwrap().len()),
            (&kind, count)
        );
    }
    assert_eq!(unsayable(&with_tools(named(&["h"], false))).param, "tool_choice");
    let request = Request {
        parallel_tools: Some(false),
        ..with_tools(None)
    };
    assert_eq!(
        prompt(&request)["tool_choice"],
        json!({"type": "auto", "disable_parallel_tool_use": true})
    );
}

#[test]
fn what_cannot_be_said_is_named_or_refused() {
    let number = |text: &str| serde_json::from_str(text).unwrap();
    let request = Request {
        seed: number("1"),
        presence_penalty: number("0.5"),
        logprobs: Some(2),
        verbosity: Some("low".into()),
        service_tier: Some("flex".into()),
        stop: vec![" \n".into(), "END".into()],
        temperature: number("1.7"),
        top_p: number("0.5"),
        user: Some("u".into()),
        ..hi()
    };
    let quirks = Quirks {
        both_samplings: false,
        ..Quirks::default()
    };
    let (body, dropped) = prompt_for(&request, &quirks);
    assert_eq!(
        dropped,
        [
            "temperature",
            "top_p",
            "stop",
            "service_tier",
            "seed",
            "presence_penalty",
            "logprobs",
            "verbosity"
        ]
    );
    assert_eq!(
        (&body["temperature"], &body["stop_sequences"]),
        (&json!(1), &json!(["END"]))
    );
    let several = Request {
        choices: Some(2),
        ..hi()
    };
    assert!(unsayable(&several).is_unsupported);
    let base64 = |media_type: &str, data: &str| Source::Base64 {
        media_type: media_type.into(),
        data: data.into(),
    };
    let document = |source| PartKind::Document { source, name: None }.part();
    for part in [
        document(base64("application/zip", "AA==")),
        document(Source::File("f".into())),
        document(Source::Url("gs://b/o".into())),
        PartKind::Audio {
            data: "AA==".into(),
            format: "wav".into(),
        }
        .part(),
    ] {
        assert!(unsayable(&conversation([message(Role::User, [part])])).is_unsupported);
    }
    let taken = [
        document(base64("text/csv", "YTtiCg==")),
        document(base64("image/png", "AA==")),
    ];
    let content = &prompt(&conversation([message(Role::User, taken)]))["messages"][0]["content"];
    assert_eq!(content[0]["source"]["data"], "a;b\n");
    assert_eq!(content[1]["type"], "image");
}

#[test]
fn what_is_too_much_to_be_followed_is_not_asked_for() {
    let object = |properties: Value| json!({"type": "object", "properties": properties});
    let many: serde_json::Map<String, Value> = (0..25).map(|index| (format!("p{index}"), json!({}))).collect();
    let few: serde_json::Map<String, Value> = (0..20).map(|index| (format!("p{index}"), json!({}))).collect();
    let strict = |name: &str, parameters: Value| Tool {
        strict: Some(true),
        ..tool(name, Some(parameters))
    };
    let request = Request {
        tools: vec![
            strict("a", object(few.clone().into())),
            strict("b", object(many.into())),
            strict("c", object(json!({"x": {"minimum": 1}}))),
            strict("d", object(few.into())),
        ],
        ..hi()
    };
    let (body, dropped) = prompt_for(&request, &Quirks::default());
    let is_strict: Vec<bool> = body["tools"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tool| tool["strict"] == true)
        .collect();
    assert_eq!(is_strict, [true, false, true, false]);
    assert_eq!(dropped, ["tools.strict", "tools.parameters.minimum"]);
    assert!(body["tools"][1]["input_schema"].get("additionalProperties").is_none());
    let follows = |schema: Value| {
        let request = Request {
            format: Some(Format::JsonSchema {
                name: None,
                description: None,
                schema,
                strict: None,
            }),
            ..hi()
        };
        prompt(&request).get("output_config").is_some()
    };
    let node = json!({"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}}});
    let leaf = json!({"type": "string"});
    let to = |name: &str| json!({"$ref": format!("#/$defs/{name}")});
    assert!(follows(
        json!({"anyOf": [to("a"), to("leaf")], "$defs": {"a": {"items": to("leaf")}, "leaf": leaf}})
    ));
    assert!(!follows(json!({"items": to("node"), "$defs": {"node": node}})));
    assert!(!follows(json!({"items": {"$ref": "#"}})));
    assert!(!follows(json!({"items": {"$ref": "https://e.x/schema"}})));
    assert!(!follows(
        json!({"items": to("a"), "$defs": {"a": to("b"), "b": to("a")}})
    ));
}
