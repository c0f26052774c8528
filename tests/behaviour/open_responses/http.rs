//! The checks over HTTP.

use serde_json::{Value, json};

use super::judge;
use super::route::{Kind, Route, item_of, text_of};
use crate::translated::PIXEL;

pub(super) const HELLO: &str = "Hello, world!";

fn user(text: &str) -> Value {
    json!({"type": "message", "role": "user", "content": text})
}

/// A tool as clients write it who leave out what they may.
fn weather() -> Value {
    let location = json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]});
    json!({"type": "function", "name": "get_weather", "description": "Says the weather.", "parameters": location})
}

fn question(tools: &[Value]) -> Value {
    json!({"input": [user("What is the weather in Oslo?")], "tools": tools})
}

pub(super) fn a_text_is_a_complete_response(route: &Route) {
    let response = route.response("text", &json!({"input": [user("Say hello.")], "metadata": {"a": "b"}}));
    assert_eq!(
        (text_of(&response).as_str(), &response["status"]),
        (HELLO, &json!("completed"))
    );
    let message = item_of(&response, "message");
    assert_eq!(
        (&message["role"], &message["status"]),
        (&json!("assistant"), &json!("completed"))
    );
    // A text instead of a list, and `instructions`.
    let response = route.response("text", &json!({"input": "Say hello.", "instructions": "Be brief."}));
    assert_eq!(
        (text_of(&response).as_str(), &response["instructions"]),
        (HELLO, &json!("Be brief."))
    );
}

pub(super) fn usage_is_the_upstreams(route: &Route) {
    let whole = route.response("text", &json!({"input": "hi"}));
    let (_, streamed) = route.stream("text", &json!({"input": "hi"}));
    for response in [whole, streamed] {
        let usage = ["input_tokens", "output_tokens", "total_tokens"].map(|name| response["usage"][name].as_u64());
        assert_eq!(usage, [Some(9), Some(4), Some(13)], "{response}");
    }
}

pub(super) fn phases_of_earlier_messages_are_taken(route: &Route) {
    let said =
        |phase: &str, text: &str| json!({"type": "message", "role": "assistant", "phase": phase, "content": text});
    let input = json!([
        said("commentary", "I look it up."),
        said("final_answer", "It is four."),
        user("Say the number only.")
    ]);
    let response = route.response("text", &json!({"input": input}));
    assert_eq!(response["status"], "completed");
    let asked = route.asked_last();
    assert!(
        asked.contains("I look it up.") && asked.contains("It is four."),
        "{asked}"
    );
}

pub(super) fn phases_of_an_answer_come_through(route: &Route) {
    let (_, response) = route.stream("phases", &json!({"input": "hi"}));
    let items = response["output"].as_array().unwrap().iter();
    let phases: Vec<&Value> = items.map(|item| &item["phase"]).collect();
    assert_eq!(phases, ["commentary", "final_answer"]);
}

/// No other dialect has phases.
pub(super) fn an_answer_without_phases_has_none(route: &Route) {
    let (_, response) = route.stream("text", &json!({"input": "hi"}));
    assert!(item_of(&response, "message").get("phase").is_none(), "{response}");
}

pub(super) fn a_stream_has_every_event_in_its_order(route: &Route) {
    let (events, response) = route.stream("text", &json!({"input": [user("Say hello.")]}));
    assert_eq!(text_of(&response), HELLO);
    let mut kinds: Vec<&str> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    let deltas = kinds
        .iter()
        .filter(|kind| **kind == "response.output_text.delta")
        .count();
    assert!(deltas > 1, "{kinds:?}");
    kinds.dedup();
    let expected = [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ];
    assert_eq!(kinds, expected);
}

pub(super) fn a_system_prompt_reaches_the_model(route: &Route) {
    for role in ["system", "developer"] {
        let pirate = json!({"type": "message", "role": role, "content": "Speak as a pirate does."});
        let response = route.response("text", &json!({"input": [pirate, user("Say hello.")]}));
        assert_eq!(response["status"], "completed");
        let asked = route.asked_last();
        assert!(
            asked.contains("pirate") && !asked.contains(r#""role":"user","content":"Speak"#),
            "{asked}"
        );
    }
}

pub(super) fn a_tool_is_called(route: &Route) {
    let response = route.response("call", &question(&[weather()]));
    let call = item_of(&response, "function_call");
    let arguments: Value = serde_json::from_str(call["arguments"].as_str().unwrap()).unwrap();
    assert_eq!(
        (&call["name"], &call["status"]),
        (&json!("get_weather"), &json!("completed"))
    );
    assert!(arguments["city"].is_string(), "{call}");
    assert!(route.asked_last().contains("Says the weather."));
}

pub(super) fn a_streamed_call_of_a_tool_has_every_event_in_its_order(route: &Route) {
    let (events, response) = route.stream("call", &question(&[weather()]));
    assert_eq!(item_of(&response, "function_call")["name"], "get_weather");
    let mut kinds: Vec<&str> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    kinds.dedup();
    let expected = [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
        "response.output_item.done",
        "response.completed",
    ];
    assert_eq!(kinds, expected);
}

pub(super) fn the_result_of_a_tool_goes_back(route: &Route) {
    for is_stream in [false, true] {
        let asked = route.asked().len();
        let mut input = vec![user("What is the weather in Oslo?")];
        let members = |input: &[Value]| {
            json!({"input": input, "tools": [weather()], "store": false, "include": ["reasoning.encrypted_content"],
                "tool_choice": if input.len() == 1 { json!({"type": "function", "name": "get_weather"}) } else { json!("auto") }})
        };
        let ask = |input: &[Value]| match is_stream {
            true => route.stream("talk", &members(input)).1,
            false => route.response("talk", &members(input)),
        };
        let first = ask(&input);
        let call = item_of(&first, "function_call");
        input.extend(first["output"].as_array().unwrap().iter().cloned());
        input.push(json!({"type": "function_call_output", "call_id": call["call_id"], "output": "4 degrees"}));
        assert_eq!(text_of(&ask(&input)), HELLO);
        let bodies = &route.asked()[asked..];
        let (key, last) = bodies.last().unwrap();
        assert!(last.to_string().contains("4 degrees"), "{last}");
        if route.kind == Kind::Sticky {
            assert!(
                bodies.iter().all(|(other, _)| other == key),
                "a conversation has changed its key"
            );
        }
    }
}

pub(super) fn an_image_reaches_the_model(route: &Route) {
    let image = json!({"type": "input_image", "image_url": format!("data:image/png;base64,{PIXEL}")});
    let content = json!([{"type": "input_text", "text": "What do you see?"}, image]);
    let response = route.response(
        "text",
        &json!({"input": [{"type": "message", "role": "user", "content": content}]}),
    );
    assert_eq!(response["status"], "completed");
    assert!(route.asked_last().contains(PIXEL));
}

pub(super) fn a_file_reaches_the_model(route: &Route) {
    let file =
        json!({"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0xLjEK"});
    let content = json!([{"type": "input_text", "text": "What is its title?"}, file]);
    let response = route.response(
        "text",
        &json!({"input": [{"type": "message", "role": "user", "content": content}]}),
    );
    assert_eq!(response["status"], "completed");
    assert!(route.asked_last().contains("JVBERi0xLjEK"));
}

pub(super) fn earlier_messages_reach_the_model(route: &Route) {
    let said = json!({"type": "message", "role": "assistant", "content": "Hello Alice!"});
    let response = route.response(
        "text",
        &json!({"input": [user("My name is Alice."), said, user("What is my name?")]}),
    );
    assert_eq!(response["status"], "completed");
    let asked = route.asked_last();
    let places = ["My name is Alice.", "Hello Alice!", "What is my name?"].map(|text| asked.find(text).unwrap());
    assert!(places.is_sorted(), "{asked}");
}

pub(super) fn a_stored_response_is_gone_on_from(route: &Route) {
    let first = route.response("text", &json!({"input": "Remember the word papaya."}));
    for is_stream in [false, true] {
        let members = json!({"input": "Which word?", "previous_response_id": first["id"]});
        let next = match is_stream {
            true => route.stream("text", &members).1,
            false => route.response("text", &members),
        };
        assert_eq!(
            (&next["previous_response_id"], text_of(&next).as_str()),
            (&first["id"], HELLO)
        );
        assert_ne!(next["id"], first["id"]);
    }
    let (status, code) = route.error(
        &route
            .body("text", &json!({"input": "hi", "previous_response_id": "resp_none"}))
            .to_string(),
    );
    assert_eq!((status, code.as_str()), (400, "previous_response_not_found"));
}

/// Nobody keeps the conversation for the client: the gateway stores nothing, and the upstream does not know what a response is.
pub(super) fn a_stored_response_is_refused_with_what_to_do_instead(route: &Route) {
    let first = route.response("text", &json!({"input": "Remember the word papaya."}));
    assert_eq!(first["store"], false);
    let asked = route.asked().len();
    for is_stream in [false, true] {
        let members = json!({"input": "Which word?", "previous_response_id": first["id"], "stream": is_stream});
        let answer = route.post("/v1/responses", &route.body("text", &members));
        assert_eq!(
            (answer.status, judge::error(&answer.json()).as_str()),
            (400, "unsupported_parameter")
        );
        let error = &answer.json()["error"];
        assert_eq!(error["param"], "previous_response_id");
        assert!(
            error["message"].as_str().unwrap().contains("full conversation"),
            "{error}"
        );
    }
    assert_eq!(route.asked().len(), asked, "nobody was asked");
}

pub(super) fn reasoning_has_a_summary(route: &Route) {
    let members = json!({"input": "What is 2+2?", "reasoning": {"effort": "low", "summary": "auto"}});
    let whole = route.response("thoughts", &members);
    let (events, streamed) = route.stream("thoughts", &members);
    for response in [whole, streamed] {
        let reasoning = item_of(&response, "reasoning");
        assert_eq!(reasoning["summary"][0]["text"], "The user wants 2+2.");
        assert_eq!(response["output"][0], *reasoning, "it comes first");
        assert_eq!(
            (text_of(&response).as_str(), &response["reasoning"]["effort"]),
            ("4", &json!("low"))
        );
    }
    let deltas = events
        .iter()
        .filter(|event| event["type"] == "response.reasoning_summary_text.delta");
    assert!(deltas.count() > 0);
    // What is not said of it is there all the same.
    route.response(
        "thoughts",
        &json!({"input": "What is 2+2?", "reasoning": {"effort": "low"}}),
    );
}

pub(super) fn an_answer_follows_a_schema(route: &Route) {
    let schema = json!({"type": "object", "properties": {"answer": {"type": "integer"}, "why": {"type": "string"}},
        "required": ["answer", "why"], "additionalProperties": false});
    let format = json!({"type": "json_schema", "name": "answer", "schema": schema, "strict": true});
    let members = json!({"input": "What is 6*7?", "text": {"format": format}});
    let (_, streamed) = route.stream("data", &members);
    for response in [route.response("data", &members), streamed] {
        let data: Value = serde_json::from_str(&text_of(&response)).unwrap();
        assert_eq!(data, json!({"answer": 42, "why": "be\"cause"}));
        assert_eq!(response["text"]["format"]["schema"], schema);
    }
    assert!(route.asked_last().contains("why"));
}

pub(super) fn an_answer_that_is_cut_is_incomplete(route: &Route) {
    let members = json!({"input": "Tell a story.", "max_output_tokens": 16});
    let (events, streamed) = route.stream("cut", &members);
    assert_eq!(events.last().unwrap()["type"], "response.incomplete");
    for response in [route.response("cut", &members), streamed] {
        assert_eq!(
            (&response["status"], text_of(&response).as_str()),
            (&json!("incomplete"), "Once upon a time there")
        );
        assert_eq!(response["incomplete_details"]["reason"], "max_output_tokens");
        assert_eq!(item_of(&response, "message")["status"], "incomplete");
    }
}

pub(super) fn a_conversation_is_compacted(route: &Route) {
    let said = json!({"type": "message", "role": "assistant", "content": "Tuesday, and support knows before."});
    let input = json!([user("We launch on Tuesday. Support has to know first."), said]);
    let members = json!({"input": input, "prompt_cache_key": "a-conversation"});
    let answer = route.post("/v1/responses/compact", &route.body("text", &members));
    assert_eq!(answer.status, 200, "{}", answer.text());
    let items = judge::compaction(&answer.json());
    let kinds: Vec<&Value> = items.iter().map(|item| &item["type"]).collect();
    assert_eq!(kinds, ["message", "compaction"]);
}

pub(super) fn a_compaction_without_a_model_is_refused(route: &Route) {
    let answer = route.post("/v1/responses/compact", &json!({"input": [user("Compact this.")]}));
    assert_eq!(answer.status, 400, "{}", answer.text());
    judge::error(&answer.json());
    assert_eq!(answer.json()["error"]["param"], "model");
}

pub(super) fn a_limit_is_told_with_the_time_to_wait(route: &Route) {
    let answer = route.post("/v1/responses", &route.body("limited", &json!({"input": "hi"})));
    assert_eq!(
        (answer.status, judge::error(&answer.json()).as_str()),
        (429, "rate_limit_exceeded")
    );
    assert!(answer.field("retry-after").is_some());
}

pub(super) fn a_mistake_gets_an_error_object(route: &Route) {
    assert_eq!(route.error(r#"{"input":"hi"}"#).0, 400);
    for odd in ["", "{", "[]", "null", r#"{"model":7,"input":"hi"}"#] {
        assert_eq!(route.error(odd).0, 400, "{odd}");
    }
    let body = |members: Value| route.body("text", &members).to_string();
    assert_eq!(route.error(&body(json!({"input": 7}))).0, 400);
    assert_eq!(route.error(&body(json!({}))).0, 400);
    assert_eq!(route.error(&body(json!({"input": [{"type": "no such item"}]}))).0, 400);
    assert_eq!(
        route.stranger(&route.body("text", &json!({"input": "hi"}))),
        (401, "invalid_api_key".into())
    );
    if route.kind == Kind::AllowList {
        let other = route.error(r#"{"model":"other","input":"hi"}"#);
        assert_eq!(other, (404, "model_not_found".into()));
    }
}
