//! Responses over a WebSocket.

use proptest::prelude::*;
use serde_json::Value;

use crate::dialect::responses::websocket::{Turns, refusal};
use crate::dialect::wire::build::json;

fn asked(turns: &mut Turns, message: &Value) -> Value {
    serde_json::from_slice(&turns.ask(message.to_string().as_bytes()).unwrap().body).unwrap()
}

fn answered(turns: &mut Turns, status: u16, answer: &str) -> Vec<Value> {
    turns.begin(status);
    let mut out = Vec::new();
    for piece in answer.as_bytes().chunks(7) {
        turns.feed(piece, &mut out);
    }
    turns.end(&mut out);
    out.iter()
        .map(|message| serde_json::from_str(message).unwrap())
        .collect()
}

fn create(more: &Value) -> Value {
    let mut message = serde_json::json!({"type": "response.create", "model": "m"});
    for (name, value) in more.as_object().unwrap() {
        message[name] = value.clone();
    }
    message
}

const STREAM: &str = "event: response.created\ndata: {\"type\":\"response.created\",\"response\":{\"id\":\"r1\"}}\n\n\
    data: {\"type\":\"response.output_item.done\",\"item\":{\"type\":\"reasoning\",\"encrypted_content\":null}}\n\n\
    : still here\n\n\
    data: {\"type\":\"response.output_item.done\",\"item\":{\"type\":\"message\",\"id\":\"m1\"}}\n\n\
    data: {\"type\":\"response.completed\",\"response\":{\"id\":\"r1\",\"output\":[]}}\n\ndata: [DONE]\n\n";

#[test]
fn a_message_becomes_the_body_of_a_request() {
    let mut turns = Turns::new(1000);
    let message = br#" {"type":"response.create", "generate" : true,"temp\u0065rature":1.00,"model":"m","input":"hi","stream":false,"previous_response_id":null}"#;
    let turn = turns.ask(message).unwrap();
    let body = r#"{"stream":true,"temperature":1.00,"model":"m","input":"hi","previous_response_id":null}"#;
    assert_eq!((&turn.body[..], turn.is_warm_up), (body.as_bytes(), false));
    assert!(
        turns
            .ask(&create(&json!({"generate": false})).to_string().into_bytes())
            .unwrap()
            .is_warm_up
    );
}

#[test]
fn what_is_not_a_request_is_refused() {
    let mut turns = Turns::new(1000);
    for message in [
        "",
        "[]",
        "{}",
        r#"{"type":"response.steer"}"#,
        r#"{"type":"response.create","input":1}"#,
    ] {
        let error = turns.ask(message.as_bytes()).unwrap_err();
        let message: Value = serde_json::from_str(&refusal(&error)).unwrap();
        assert_eq!((&message["type"], &message["status"]), (&json!("error"), &json!(400)));
        assert!(message["error"]["message"].is_string(), "{message}");
    }
}

#[test]
fn the_items_of_the_latest_response_come_before_what_is_new() {
    let mut turns = Turns::new(1000);
    asked(&mut turns, &create(&json!({"input": "hi", "store": false})));
    let events = answered(&mut turns, 200, STREAM);
    assert_eq!(events.len(), 4);
    assert_eq!(events[3]["response"]["id"], "r1");
    let next = create(&json!({"input": [{"new": 1}], "previous_response_id": "r1", "store": false}));
    let body = asked(&mut turns, &next);
    let user = json!({"type": "message", "role": "user", "content": "hi"});
    assert_eq!(
        body["input"],
        json!([user, {"type": "message", "id": "m1"}, {"new": 1}])
    );
    assert!(body.get("previous_response_id").is_none());
    // Whoever only has to wait asks for the same again.
    answered(&mut turns, 429, r#"{"error":{"message":"no"}}"#);
    assert_eq!(asked(&mut turns, &next)["input"], body["input"]);
    answered(&mut turns, 500, r#"{"error":{"message":"no"}}"#);
    assert_eq!(asked(&mut turns, &next)["previous_response_id"], "r1");
}

#[test]
fn a_request_that_does_not_go_on_fails_alone() {
    let mut turns = Turns::new(1000);
    asked(&mut turns, &create(&json!({"input": "hi"})));
    answered(&mut turns, 200, STREAM);
    asked(&mut turns, &create(&json!({"input": "something else"})));
    answered(&mut turns, 500, r#"{"error":{"message":"no"}}"#);
    let next = create(&json!({"input": [{"new": 1}], "previous_response_id": "r1"}));
    assert!(asked(&mut turns, &next).get("previous_response_id").is_none());
}

#[test]
fn every_error_has_a_code() {
    let mut turns = Turns::new(1000);
    for (error, code) in [
        (
            json!({"message": "no", "type": "invalid_request_error", "code": null}),
            "invalid_request_error",
        ),
        (json!({"message": "no"}), "server_error"),
        (json!({"message": "no", "type": "x", "code": "its own"}), "its own"),
    ] {
        asked(&mut turns, &create(&json!({"input": "hi"})));
        let said = answered(&mut turns, 400, &json!({"error": error}).to_string());
        assert_eq!(said[0]["error"]["code"], code, "{}", said[0]);
    }
}

#[test]
fn an_unknown_response_is_left_to_the_upstream() {
    let mut turns = Turns::new(1000);
    let message = create(&json!({"input": [], "previous_response_id": "other"}));
    assert_eq!(asked(&mut turns, &message)["previous_response_id"], "other");
    let refused = r#"{"error":{"message":"no","param":"previous_response_id","code":"unsupported_parameter"}}"#;
    let said = answered(&mut turns, 400, refused);
    assert_eq!(said[0]["error"]["code"], "previous_response_not_found");
    asked(&mut turns, &message);
    answered(&mut turns, 200, STREAM);
    let next = create(&json!({"input": [], "previous_response_id": "r1"}));
    assert_eq!(asked(&mut turns, &next)["previous_response_id"], "r1");
}

#[test]
fn a_conversation_that_is_too_long_is_not_kept() {
    let mut turns = Turns::new(10);
    asked(&mut turns, &create(&json!({"input": "long enough"})));
    answered(&mut turns, 200, STREAM);
    let next = create(&json!({"input": [], "previous_response_id": "r1"}));
    assert_eq!(asked(&mut turns, &next)["previous_response_id"], "r1");
}

#[test]
fn an_answer_that_came_whole_is_said_with_events() {
    let mut turns = Turns::new(1000);
    asked(&mut turns, &create(&json!({"input": "hi"})));
    let whole = "{\n \"id\": \"r2\", \"object\": \"response\", \"status\": \"completed\", \"error\": null,\n \"output\": [{\"type\": \"message\"}]}";
    let kinds: Vec<Value> = answered(&mut turns, 200, whole)
        .iter()
        .map(|event| event["type"].clone())
        .collect();
    assert_eq!(
        kinds,
        ["response.created", "response.output_item.done", "response.completed"]
    );
    let next = create(&json!({"previous_response_id": "r2"}));
    assert_eq!(asked(&mut turns, &next)["input"][1], json!({"type": "message"}));
}

#[test]
fn errors_have_the_shape_that_they_have_over_a_websocket() {
    let mut turns = Turns::new(1000);
    for (status, answer, expected) in [
        (
            429,
            r#"{"error":{"message":"slow","code":"c"}}"#,
            json!({"message": "slow", "code": "c"}),
        ),
        (
            200,
            "data: {\"error\":{\"message\":\"cut\",\"code\":\"upstream_stream_truncated\"}}\n\n",
            json!({"message": "cut", "code": "upstream_stream_truncated"}),
        ),
        (
            200,
            "event: error\ndata: {\"type\":\"error\",\"code\":\"insufficient_quota\",\"message\":\"m\",\"param\":null}\n\n",
            json!({"type": "error", "code": "insufficient_quota", "message": "m", "param": null}),
        ),
    ] {
        turns.ask(&create(&json!({})).to_string().into_bytes()).unwrap();
        let said = answered(&mut turns, status, answer);
        let status = match status {
            200 if answer.contains("quota") => 429,
            200 => 502,
            other => other,
        };
        assert_eq!(said, [json!({"type": "error", "status": status, "error": expected})]);
    }
    turns.ask(&create(&json!({})).to_string().into_bytes()).unwrap();
    let said = answered(
        &mut turns,
        200,
        "data: {\"type\":\"response.created\",\"response\":{}}\n\n",
    );
    assert_eq!((said.len(), &said[1]["status"]), (2, &json!(502)));
}

#[test]
fn a_limit_of_the_rate_is_a_response_that_failed() {
    let mut turns = Turns::new(1000);
    for (status, answer) in [
        (
            429,
            r#"{"error":{"message":"try again in 1.5s","code":"rate_limit_exceeded"}}"#,
        ),
        (429, r#"{"error":{"message":"try again in 1.5s","code":null}}"#),
        (
            200,
            "data: {\"type\":\"error\",\"code\":\"rate_limit_exceeded\",\"message\":\"try again in 1.5s\"}\n\n",
        ),
    ] {
        turns.ask(&create(&json!({})).to_string().into_bytes()).unwrap();
        let said = answered(&mut turns, status, answer);
        assert_eq!((said.len(), &said[0]["type"]), (1, &json!("response.failed")));
        let error = json!({"code": "rate_limit_exceeded", "message": "try again in 1.5s"});
        assert_eq!(said[0]["response"]["error"], error);
    }
}

proptest! {
    #[test]
    fn no_message_and_no_answer_panics_and_all_that_is_said_is_json(
        fields in "(\"type\":\"response.create\",)?(\"input\":(\\[[{]\"a\":1[}],2\\]|\"x\\\\n\"|null|3),?)?(\"previous_response_id\":\"r1\")?",
        answers in proptest::collection::vec("(data: ?)?[{](\"type\":\"(error|response[.](completed|output_item[.]done))\",)?(\"object\":\"response\",)?(\"(item|response|output|error|status)\":([{]\"id\":\"r1\"[}]|\\[[{][}]\\]|null|1|\"\\\\\"\"),?){0,3}[}]?(\n\n|\n)", 0..4),
        status in 200..500_u16,
    ) {
        let mut turns = Turns::new(60);
        for answer in answers {
            if let Ok(turn) = turns.ask(format!("{{{fields}}}").as_bytes()) {
                prop_assert!(serde_json::from_slice::<Value>(&turn.body).is_ok());
                prop_assert!(!answered(&mut turns, status, &answer).is_empty());
            }
        }
    }
}
