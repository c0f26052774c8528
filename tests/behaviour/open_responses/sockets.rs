//! The checks over a WebSocket.

use serde_json::{Value, json};

use super::http::HELLO;
use super::judge;
use super::route::{Kind, Route, text_of};

const NOT_FOUND: &str = "previous_response_not_found";

fn user(text: &str) -> Value {
    json!({"type": "message", "role": "user", "content": text})
}

pub(super) fn a_websocket_brings_the_same_events(route: &Route) {
    let response = route
        .socket()
        .ask("text", &json!({"input": [user("Say hello.")]}))
        .unwrap();
    assert_eq!(
        (text_of(&response).as_str(), &response["status"]),
        (HELLO, &json!("completed"))
    );
}

pub(super) fn a_websocket_answers_one_message_after_the_other(route: &Route) {
    let mut socket = route.socket();
    let mut ids = Vec::new();
    for input in ["first", "second", "third"] {
        let response = socket.ask("text", &json!({"store": false, "input": input})).unwrap();
        assert_eq!(text_of(&response), HELLO);
        assert!(!ids.contains(&response["id"]), "{response}");
        ids.push(response["id"].clone());
        // Each begins anew.
        assert_eq!(route.asked_last().matches("Hello").count(), 0);
    }
}

pub(super) fn a_websocket_goes_on_from_what_nobody_stores(route: &Route) {
    let mut socket = route.socket();
    let asked = route.asked().len();
    let first = socket
        .ask("text", &json!({"store": false, "input": "The word is cobalt."}))
        .unwrap();
    let next = json!({"store": false, "previous_response_id": first["id"], "input": "Which word?"});
    let second = socket.ask("text", &next).unwrap();
    assert_eq!(text_of(&second), HELLO);
    let last = route.asked_last();
    let places = ["The word is cobalt.", HELLO, "Which word?"].map(|text| last.find(text).unwrap());
    assert!(places.is_sorted(), "{last}");
    if route.kind == Kind::Sticky {
        let keys: Vec<String> = route.asked().split_off(asked).into_iter().map(|(key, _)| key).collect();
        assert_eq!(keys[0], keys[1], "a conversation has changed its key");
    }
}

pub(super) fn a_new_websocket_does_not_know_what_nobody_stored(route: &Route) {
    let first = route
        .socket()
        .ask("text", &json!({"store": false, "input": "The word is copper."}))
        .unwrap();
    let mut socket = route.socket();
    let next = json!({"store": false, "previous_response_id": first["id"], "input": "Which word?"});
    assert_eq!(socket.ask("text", &next).unwrap_err(), NOT_FOUND);
    let anew = socket
        .ask("text", &json!({"store": false, "input": [user("Begin anew.")]}))
        .unwrap();
    assert_eq!(text_of(&anew), HELLO);
    assert!(!route.asked_last().contains("copper"));
}

pub(super) fn an_unknown_response_is_not_found(route: &Route) {
    let next = json!({"store": false, "previous_response_id": "resp_missing", "input": "Which word?"});
    assert_eq!(route.socket().ask("text", &next).unwrap_err(), NOT_FOUND);
}

pub(super) fn a_response_that_could_not_be_gone_on_from_is_forgotten(route: &Route) {
    let mut socket = route.socket();
    let first = socket
        .ask("text", &json!({"store": false, "input": "The word is ember."}))
        .unwrap();
    // Nothing was called, so this has no result.
    let result = json!({"type": "function_call_output", "call_id": "call_missing", "output": "none"});
    let failing = json!({"store": false, "previous_response_id": first["id"], "input": [result]});
    let code = socket.ask("text", &failing).unwrap_err();
    assert!(!code.is_empty() && code != NOT_FOUND, "{code}");
    let next = json!({"store": false, "previous_response_id": first["id"], "input": "Which word?"});
    assert_eq!(socket.ask("text", &next).unwrap_err(), NOT_FOUND);
    let anew = socket
        .ask("text", &json!({"store": false, "input": "Begin anew."}))
        .unwrap();
    assert_eq!(text_of(&anew), HELLO);
}

pub(super) fn a_compacted_conversation_goes_on_over_a_websocket(route: &Route) {
    let said = |role: &str, kind: &str, text: &str| json!({"type": "message", "role": role, "content": [{"type": kind, "text": text}]});
    let input = json!([
        said("user", "input_text", "The word is slate."),
        said("assistant", "output_text", "Noted."),
        said("user", "input_text", "Go on.")
    ]);
    let answer = route.post("/v1/responses/compact", &route.body("text", &json!({"input": input})));
    assert_eq!(answer.status, 200, "{}", answer.text());
    let mut input = judge::compaction(&answer.json());
    input.push(user("Which word?"));
    let response = route
        .socket()
        .ask("text", &json!({"store": false, "input": input, "tools": []}))
        .unwrap();
    assert_eq!(text_of(&response), HELLO);
    let asked = route.asked_last();
    assert!(asked.contains("Which word?") && !asked.contains("sealed"), "{asked}");
    if route.kind.is_translated() {
        // What stood in the summary.
        assert!(asked.contains(HELLO), "{asked}");
    }
}

pub(super) fn a_warm_up_over_a_websocket_is_a_complete_response_without_output(route: &Route) {
    let mut socket = route.socket();
    let tool = json!({"type": "function", "name": "f"});
    let asked = route.asked().len();
    let warm = socket
        .ask(
            "text",
            &json!({"store": false, "generate": false, "input": "Be warm.", "tools": [tool]}),
        )
        .unwrap();
    assert_eq!((&warm["output"], &warm["status"]), (&json!([]), &json!("completed")));
    assert_eq!(route.asked().len(), asked, "nobody was asked");
    let next = json!({"store": false, "previous_response_id": warm["id"], "input": "Which word?"});
    assert_eq!(text_of(&socket.ask("text", &next).unwrap()), HELLO);
    assert!(route.asked_last().contains("Be warm."));
}

/// Programs wait, and ask again.
pub(super) fn a_limit_over_a_websocket_is_a_response_that_failed(route: &Route) {
    let mut socket = route.socket();
    let failed = socket.ask("limited", &json!({"store": false, "input": "hi"})).unwrap();
    assert_eq!(
        (&failed["status"], &failed["error"]["code"]),
        (&json!("failed"), &json!("rate_limit_exceeded"))
    );
    assert_eq!(
        text_of(&socket.ask("text", &json!({"store": false, "input": "hi"})).unwrap()),
        HELLO
    );
}
