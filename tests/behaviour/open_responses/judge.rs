//! A client that takes nothing but what Open Responses allows: what has to be in each object, and of which type. It is written from the
//! specification, and knows nothing of the gateway.

use serde_json::Value;

type Is = fn(&Value) -> bool;

const TEXT: Is = Value::is_string;
const FLAG: Is = Value::is_boolean;
const NUMBER: Is = Value::is_number;
const COUNT: Is = Value::is_u64;
const LIST: Is = Value::is_array;
const OBJECT: Is = Value::is_object;

fn text_or_null(value: &Value) -> bool {
    value.is_null() || value.is_string()
}

fn count_or_null(value: &Value) -> bool {
    value.is_null() || value.is_u64()
}

fn object_or_null(value: &Value) -> bool {
    value.is_null() || value.is_object()
}

const RESPONSE: [(&str, Is); 31] = [
    ("id", TEXT),
    ("object", TEXT),
    ("created_at", COUNT),
    ("completed_at", count_or_null),
    ("status", TEXT),
    ("incomplete_details", object_or_null),
    ("model", TEXT),
    ("previous_response_id", text_or_null),
    ("instructions", text_or_null),
    ("output", LIST),
    ("error", object_or_null),
    ("tools", LIST),
    ("tool_choice", |value| value.is_string() || value.is_object()),
    ("truncation", TEXT),
    ("parallel_tool_calls", FLAG),
    ("text", OBJECT),
    ("top_p", NUMBER),
    ("presence_penalty", NUMBER),
    ("frequency_penalty", NUMBER),
    ("top_logprobs", COUNT),
    ("temperature", NUMBER),
    ("reasoning", object_or_null),
    ("usage", object_or_null),
    ("max_output_tokens", count_or_null),
    ("max_tool_calls", count_or_null),
    ("store", FLAG),
    ("background", FLAG),
    ("service_tier", TEXT),
    ("metadata", OBJECT),
    ("safety_identifier", text_or_null),
    ("prompt_cache_key", text_or_null),
];

const TOOL: [(&str, Is); 4] = [
    ("name", TEXT),
    ("description", text_or_null),
    ("parameters", object_or_null),
    ("strict", |value| value.is_null() || value.is_boolean()),
];

/// Fails where a member is not there, or is of another type.
fn has(object: &Value, members: &[(&str, Is)]) {
    for (name, is) in members {
        let value = object.get(name).unwrap_or_else(|| panic!("{name} is not in {object}"));
        assert!(is(value), "{name} is {value} in {object}");
    }
}

/// Fails where this is not a complete response object.
pub(super) fn response(response: &Value) {
    has(response, &RESPONSE);
    assert_eq!(response["object"], "response", "{response}");
    assert!(!response["id"].as_str().unwrap().is_empty(), "{response}");
    has(&response["text"]["format"], &[("type", TEXT)]);
    if response["text"]["format"]["type"] == "json_schema" {
        let format = [("name", TEXT), ("description", text_or_null as Is), ("strict", FLAG)];
        has(&response["text"]["format"], &format);
    }
    if response["reasoning"].is_object() {
        has(
            &response["reasoning"],
            &[("effort", text_or_null), ("summary", text_or_null)],
        );
    }
    for tool in response["tools"].as_array().unwrap() {
        has(tool, &[("type", TEXT)]);
        if tool["type"] == "function" {
            has(tool, &TOOL);
        }
    }
    let items = response["output"].as_array().unwrap();
    items.iter().for_each(item);
    let status = response["status"].as_str().unwrap();
    let is_running = ["in_progress", "queued"].contains(&status);
    let is_known = is_running || ["completed", "incomplete", "failed", "cancelled"].contains(&status);
    assert!(is_known, "{response}");
    assert_eq!(response["completed_at"].is_u64(), status == "completed", "{response}");
    assert_eq!(response["error"].is_object(), status == "failed", "{response}");
    assert_eq!(
        response["incomplete_details"].is_object(),
        status == "incomplete",
        "{response}"
    );
    if status == "failed" {
        has(&response["error"], &[("code", TEXT), ("message", TEXT)]);
    }
    if status == "incomplete" {
        has(&response["incomplete_details"], &[("reason", TEXT)]);
    }
    if is_running {
        assert!(items.is_empty() && response["usage"].is_null(), "{response}");
    }
    if status == "completed" {
        usage(&response["usage"]);
        // Only the last item of an incomplete response may be incomplete.
        assert!(items.iter().all(|item| item["status"] != "incomplete"), "{response}");
    }
}

fn usage(usage: &Value) {
    let counts = ["input_tokens", "output_tokens", "total_tokens"].map(|name| (name, COUNT));
    has(usage, &counts);
    has(&usage["input_tokens_details"], &[("cached_tokens", COUNT)]);
    has(&usage["output_tokens_details"], &[("reasoning_tokens", COUNT)]);
    let [input, output, total] = counts.map(|(name, _)| usage[name].as_u64().unwrap());
    assert_eq!(input + output, total, "{usage}");
}

/// Fails where this is not a complete item of an output.
pub(super) fn item(item: &Value) {
    has(item, &[("type", TEXT), ("id", TEXT)]);
    match item["type"].as_str().unwrap() {
        "message" => {
            has(item, &[("status", TEXT), ("role", TEXT), ("content", LIST)]);
            item["content"].as_array().unwrap().iter().for_each(part);
        }
        "function_call" => {
            let members = ["status", "call_id", "name", "arguments"].map(|name| (name, TEXT));
            has(item, &members);
            assert!(!item["call_id"].as_str().unwrap().is_empty(), "{item}");
        }
        "reasoning" => {
            has(item, &[("summary", LIST)]);
            item["summary"].as_array().unwrap().iter().for_each(part);
            // It may be missing, and is no null.
            assert!(item.get("encrypted_content").is_none_or(Value::is_string), "{item}");
        }
        "compaction" => has(item, &[("encrypted_content", TEXT)]),
        kind => panic!("{kind} in {item}"),
    }
    if let Some(status) = item.get("status") {
        let known = ["in_progress", "completed", "incomplete"];
        assert!(known.iter().any(|known| status == known), "{item}");
    }
}

/// Fails where this is not a complete part of an item.
pub(super) fn part(part: &Value) {
    has(part, &[("type", TEXT)]);
    match part["type"].as_str().unwrap() {
        "output_text" => has(part, &[("text", TEXT), ("annotations", LIST)]),
        "refusal" => has(part, &[("refusal", TEXT)]),
        "input_text" | "summary_text" | "reasoning_text" => has(part, &[("text", TEXT)]),
        "input_image" => has(part, &[("image_url", text_or_null), ("detail", TEXT)]),
        kind => panic!("{kind} in {part}"),
    }
}

/// Fails where this is not a compacted conversation. Returns its items.
pub(super) fn compaction(body: &Value) -> Vec<Value> {
    has(
        body,
        &[("id", TEXT), ("object", TEXT), ("created_at", COUNT), ("output", LIST)],
    );
    assert_eq!(body["object"], "response.compaction");
    usage(&body["usage"]);
    let items = body["output"].as_array().unwrap().clone();
    items.iter().for_each(item);
    items
}

/// Fails where this is not an error as it is said over HTTP. Returns its code.
pub(super) fn error(body: &Value) -> String {
    let error = &body["error"];
    let members = [("message", TEXT), ("type", TEXT), ("param", text_or_null as Is)];
    has(error, &members);
    has(error, &[("code", text_or_null)]);
    error["code"].as_str().unwrap_or_default().to_owned()
}

/// Fails where this is not an error as it is said over a WebSocket. Returns its code.
pub(super) fn socket_error(message: &Value) -> String {
    has(message, &[("type", TEXT), ("status", COUNT), ("error", OBJECT)]);
    assert!(message["status"].as_u64().unwrap() >= 400, "{message}");
    has(&message["error"], &[("code", TEXT), ("message", TEXT)]);
    message["error"]["code"].as_str().unwrap().to_owned()
}
