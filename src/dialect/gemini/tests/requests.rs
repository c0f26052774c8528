//! Requests, read and written.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::dialect::neutral::canonical::document;
use crate::dialect::neutral::request::{Cache, Source, Tool, ToolChoice};

/// Whatever Gemini's own client says comes out as it came in.
#[test]
fn every_request_pair_comes_back_as_it_was() {
    let pairs = document("request_pairs.json");
    let pairs = pairs["pairs"].as_object().unwrap();
    assert!(pairs.len() > 10);
    for (name, pair) in pairs {
        let request = read(&pair["gemini"]);
        assert_eq!(request.dropped, [""; 0], "{name}");
        let written = (FORMAT.write_request)(&request, &newest()).unwrap();
        assert_eq!(written.dropped, [""; 0], "{name}");
        let mut expected = pair["gemini"].clone();
        if name.starts_with("r09") || name.starts_with("r10") {
            let call = &mut expected["contents"][1]["parts"];
            let first = call
                .as_array_mut()
                .unwrap()
                .iter_mut()
                .find(|part| part["functionCall"].is_object());
            first.unwrap()["thoughtSignature"] = "skip_thought_signature_validator".into();
        }
        assert_eq!(Value::Object(written.body), expected, "{name}");
    }
}

#[test]
fn the_same_request_is_always_the_same_bytes() {
    let pairs = document("request_pairs.json");
    for pair in pairs["pairs"].as_object().unwrap().values() {
        let first = Value::Object(write(&read(&pair["gemini"])).body).to_string();
        let second = Value::Object(write(&read(&serde_json::from_str(&first).unwrap())).body).to_string();
        assert_eq!(first, second);
    }
}

#[test]
fn names_may_be_in_snake_case_everywhere_but_in_what_clients_name() {
    let body = json!({
        "system_instruction": {"parts": [{"text": "s"}]},
        "contents": [
            {"role": "user", "parts": [{"inline_data": {"mime_type": "image/png", "data": "aGk="}},
                {"fileData": {"file_uri": "https://e.x/a.pdf", "mimeType": "application/pdf"}}]},
            {"role": "model", "parts": [{"function_call": {"name": "do_it", "args": {"a_b": 1, "aB": 2}},
                "thought_signature": "QQ=="}]},
            {"parts": [{"functionResponse": {"name": "do_it", "response": {"x_y": {"zZ": 1}}}}]},
        ],
        "tools": [{"function_declarations": [{"name": "do_it",
            "parameters": {"type": "OBJECT", "properties": {"any_of": {"type": "STRING", "min_length": "3"}}}}]}],
        "tool_config": {"function_calling_config": {"mode": "any", "allowed_function_names": ["do_it"]}},
        "generation_config": {"max_output_tokens": 5, "topP": 0.5, "top_k": 3.0, "stop_sequences": ["x"],
            "thinking_config": {"include_thoughts": true, "thinkingBudget": "7"}},
    });
    let request = read(&body);
    assert_eq!(request.dropped, [""; 0]);
    assert_eq!(request.messages.len(), 4);
    let [image, pdf] = request.messages[1].parts.as_slice() else {
        panic!("{:?}", request.messages);
    };
    assert!(
        matches!(&image.kind, PartKind::Image { source: Source::Base64 { media_type, .. }, .. } if media_type == "image/png")
    );
    assert!(matches!(
        &pdf.kind,
        PartKind::Document {
            source: Source::Url(_),
            ..
        }
    ));
    let mut expected = call("call_0", "do_it", "{\"a_b\":1,\"aB\":2}");
    expected.signature = Some("QQ==".to_owned());
    assert_eq!(request.messages[2].parts, [PartKind::ToolCall(expected).part()]);
    assert_eq!(
        request.messages[3].parts,
        [result(
            "call_0",
            Some("do_it"),
            vec![text("{\"x_y\":{\"zZ\":1}}")],
            false
        )]
    );
    assert_eq!(
        request.tools[0].parameters,
        Some(json!({"type": "object", "properties": {"any_of": {"type": "string", "minLength": 3}}}))
    );
    let names = vec!["do_it".to_owned()];
    assert_eq!(request.tool_choice, Some(ToolChoice::Named { names, optional: false }));
    assert_eq!(
        (request.max_tokens, request.stop.as_slice()),
        (Some(5), ["x".to_owned()].as_slice())
    );
    let reasoning = request.reasoning.unwrap();
    assert_eq!((reasoning.budget, reasoning.wants_text), (Some(7), true));
}

#[test]
fn what_cannot_be_said_is_named() {
    let cache = Some(Cache { ttl: None });
    let image = PartKind::Image {
        source: Source::Url("https://e.x/a".to_owned()),
        detail: Some("low".to_owned()),
    };
    let mut marked = text("a");
    marked.cache = cache.clone();
    let request = Request {
        messages: vec![user(vec![marked, image.part()])],
        tools: vec![Tool {
            name: "f".to_owned(),
            namespace: None,
            description: None,
            parameters: None,
            strict: Some(true),
            custom: None,
            cache,
        }],
        parallel_tools: Some(false),
        verbosity: Some("low".to_owned()),
        service_tier: Some("priority".to_owned()),
        stop: ["a", "b", "c", "d", "e", "f"].map(Into::into).to_vec(),
        format: Some(crate::dialect::neutral::request::Format::JsonObject),
        user: Some("u".to_owned()),
        ..Request::default()
    };
    let written = write(&request);
    assert_eq!(
        written.dropped,
        [
            "messages.cache",
            "messages.image.detail",
            "tools.strict",
            "tools.cache",
            "stop",
            "format",
            "parallel_tools",
            "verbosity",
            "service_tier"
        ]
    );
    assert_eq!(
        written.body["generationConfig"]["stopSequences"],
        json!(["a", "b", "c", "d", "e"])
    );
    assert_eq!(
        written.body["contents"][0]["parts"][1]["fileData"]["mimeType"],
        "image/jpeg"
    );
    let quirks = Quirks {
        sampling: false,
        ..Quirks::default()
    };
    let config = json!({"temperature": 1, "topK": 4, "seed": 5_000_000_000_u64});
    let request = read(&json!({"contents": [], "generationConfig": config}));
    let written = (FORMAT.write_request)(&request, &quirks).unwrap();
    assert_eq!(written.dropped, ["temperature", "top_k", "seed"]);
    assert!(!written.body.contains_key("generationConfig"));
}

#[test]
fn what_nobody_else_has_is_named_by_the_clients_names() {
    let body = json!({
        "contents": [{"parts": [{"text": "a"}, {"executableCode": {"code": "1"}}, {"text": "b", "videoMetadata": {}}]}],
        "tools": [{"googleSearch": {}}, {"code_execution": {}}],
        "safety_settings": [{"category": "x"}],
        "labels": {"a": "b"},
        "news": 1,
        "generationConfig": {"speechConfig": {}, "responseModalities": ["TEXT", "IMAGE"], "responseMimeType": "text/x.enum",
            "responseSchema": {"type": "STRING", "enum": ["a"]}},
        "toolConfig": {"retrievalConfig": {}},
    });
    let request = read(&body);
    let expected = [
        "contents.parts.executableCode",
        "contents.parts.videoMetadata",
        "tools.googleSearch",
        "tools.code_execution",
        "toolConfig.retrievalConfig",
        "generationConfig.responseMimeType",
        "generationConfig.responseModalities",
        "generationConfig.speechConfig",
        "safetySettings",
        "news",
    ];
    assert_eq!(request.dropped, expected);
}

#[test]
fn what_has_the_wrong_shape_is_refused_with_its_place() {
    for (body, param) in [
        (json!([]), ""),
        (json!({}), "contents"),
        (json!({"contents": "hi"}), "contents"),
        (json!({"contents": [1]}), "contents[0]"),
        (json!({"contents": [{"role": "bot"}]}), "contents[0].role"),
        (
            json!({"contents": [{"parts": [{"text": 1}]}]}),
            "contents[0].parts[0].text",
        ),
        (
            json!({"contents": [{"parts": [{"functionCall": {}}]}]}),
            "contents[0].parts[0].functionCall.name",
        ),
        (
            json!({"contents": [{"parts": [{"functionCall": {"name": "f", "args": []}}]}]}),
            "contents[0].parts[0].functionCall.args",
        ),
        (
            json!({"contents": [{"parts": [{"inlineData": {"data": ""}}]}]}),
            "contents[0].parts[0].inlineData.mimeType",
        ),
        (
            json!({"contents": [], "generationConfig": {"topP": "x"}}),
            "generationConfig.topP",
        ),
        (
            json!({"contents": [], "generationConfig": {"stopSequences": [1]}}),
            "generationConfig.stopSequences",
        ),
        (
            json!({"contents": [], "tools": [{"functionDeclarations": [{"name": "f", "parameters": 1}]}]}),
            "tools[0].functionDeclarations[0].parameters",
        ),
        (
            json!({"contents": [], "toolConfig": {"functionCallingConfig": {"mode": "MAYBE"}}}),
            "toolConfig.functionCallingConfig.mode",
        ),
    ] {
        let error = (FORMAT.read_request)(body.to_string().as_bytes()).unwrap_err();
        assert_eq!((error.param.as_str(), error.is_unsupported), (param, false), "{body}");
    }
    let cached = br#"{"contents": [], "cached_content": "cachedContents/x"}"#;
    assert!((FORMAT.read_request)(cached).unwrap_err().is_unsupported);
}

#[test]
fn a_request_for_a_count_may_be_wrapped() {
    let inner = json!({"model": "models/m", "contents": [{"parts": [{"text": "a"}]}]});
    assert_eq!(read(&json!({ "generateContentRequest": inner })), read(&inner));
}

#[test]
fn tool_choices_have_their_modes() {
    let function = json!([{"functionDeclarations": [{"name": "f"}]}]);
    for (config, choice) in [
        (json!({"mode": "AUTO"}), Some(ToolChoice::Auto)),
        (json!({"mode": "NONE"}), Some(ToolChoice::None)),
        (json!({"mode": "ANY"}), Some(ToolChoice::Required)),
        (
            json!({"mode": "VALIDATED", "allowedFunctionNames": ["f"]}),
            Some(ToolChoice::Named {
                names: vec!["f".to_owned()],
                optional: true,
            }),
        ),
        (json!({"mode": "MODE_UNSPECIFIED"}), None),
    ] {
        let body = json!({"contents": [], "tools": function, "toolConfig": {"functionCallingConfig": config}});
        let request = read(&body);
        assert_eq!(request.tool_choice, choice);
        let written = write(&request).body;
        let expected = choice.map(|_| config);
        assert_eq!(
            written
                .get("toolConfig")
                .map(|config| config["functionCallingConfig"].clone()),
            expected
        );
    }
    // Without functions the upstream refuses a choice.
    let request = Request {
        tool_choice: Some(ToolChoice::Required),
        ..Request::default()
    };
    assert_eq!(write(&request).dropped, ["tool_choice"]);
}

/// Changes one place of a JSON value into another value.
fn change(value: &mut Value, at: usize, to: &Value) -> usize {
    if at == 0 {
        *value = to.clone();
        return 1;
    }
    let mut count = 1;
    let inner: Vec<&mut Value> = match value {
        Value::Array(values) => values.iter_mut().collect(),
        Value::Object(members) => members.values_mut().collect(),
        _ => Vec::new(),
    };
    for value in inner {
        if count > at {
            break;
        }
        count += change(value, at - count, to);
    }
    count
}

proptest! {
    #[test]
    fn no_request_panics(
        at in 0_usize..60,
        which in any::<prop::sample::Index>(),
        to in prop_oneof![
            Just(json!(null)), Just(json!([])), Just(json!({})), Just(json!("x")), Just(json!(-1.5)), Just(json!([{}, 1])), Just(json!(true)),
        ],
    ) {
        let pairs = document("request_pairs.json");
        let pairs: Vec<&Value> = pairs["pairs"].as_object().unwrap().values().collect();
        let mut body = pairs[which.index(pairs.len())]["gemini"].clone();
        change(&mut body, at, &to);
        let request = (FORMAT.read_request)(body.to_string().as_bytes());
        // The address of a file may have become one that is not known, and is not sent on.
        if let Ok(written) = request.and_then(|request| (FORMAT.write_request)(&request, &Quirks::default())) {
            let first = Value::Object(written.body);
            let second = Value::Object(write(&read(&first)).body);
            prop_assert_eq!(first, second);
        }
    }

    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
        let _ = (FORMAT.read_request)(&bytes);
        let _ = (FORMAT.read_answer)(&bytes);
    }
}
