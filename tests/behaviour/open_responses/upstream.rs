//! An upstream of Responses as OpenAI's is. It keeps what it is asked to keep, compacts conversations, and answers with the recorded answer
//! of the model's name. What it keeps and what it encrypts belongs to the key that it was asked with.

use std::collections::BTreeMap;
use std::sync::Mutex;

use serde_json::{Value, json};

use crate::support::upstream::{Connection, JSON, Received, SSE, Upstream};
use crate::translated::dialect::{Dialect, events};
use crate::translated::upstream;

/// The key of an account that has used up its limit for every model but one.
pub(super) const LIMITED: &str = "up-SECRET-2";
const UNLIMITED: &str = "s01_text";

/// What it keeps: the conversation up to a response, by its id, and whose it is.
type Kept = BTreeMap<String, (String, Vec<Value>)>;

/// A request that is refused: its status, and what is wrong.
type Refused = (u16, Value);

pub(super) fn start() -> Upstream {
    let kept = Mutex::new(Kept::new());
    Upstream::start(move |received, to| {
        if let Err((status, error)) = reply(received, &mut kept.lock().unwrap(), to) {
            let wait = if status == 429 { "retry-after: 600\r\n" } else { "" };
            let fields = format!("{JSON}{wait}");
            to.answer(&format!("{status} No"), &fields, &json!({"error": error}).to_string());
        }
    })
}

fn refused(code: &str, param: &str) -> Refused {
    let error = json!({"message": format!("odd request: {code} {param}"), "type": "invalid_request_error", "param": param, "code": code});
    (400, error)
}

fn reply(received: &Received, kept: &mut Kept, to: &mut Connection) -> Result<(), Refused> {
    let key = received.one("authorization").unwrap_or_default();
    let key = key.strip_prefix("Bearer ").unwrap_or_default();
    let is_compact = received.line().starts_with("POST /v1/responses/compact ");
    if !is_compact && !received.line().starts_with("POST /v1/responses ") {
        return Err((
            405,
            json!({"message": "no such method", "type": "x", "param": null, "code": null}),
        ));
    }
    let body: Value = serde_json::from_slice(&received.body).map_err(|_| refused("invalid_json", "body"))?;
    let model = body["model"].as_str();
    let model = model.ok_or_else(|| refused("missing_required_parameter", "model"))?;
    if model == "limited" || (key == LIMITED && model != UNLIMITED) {
        let error = json!({"message": "slow down", "type": "requests", "param": null, "code": "rate_limit_exceeded"});
        return Err((429, error));
    }
    let conversation = conversation(&body, key, kept)?;
    if is_compact {
        to.answer("200 OK", JSON, &compacted(key, conversation).to_string());
        return Ok(());
    }
    let has_result = conversation.iter().any(|item| item["type"] == "function_call_output");
    let name = match model {
        "loop" if has_result => "s01_text",
        "loop" => "s07_reasoning_tool",
        model => model,
    };
    let id = format!("resp_{:04}", kept.len());
    let mut keep = |output: &[Value]| {
        // What nobody may look up has another owner than all keys.
        let owner = if body["store"] == false { "" } else { key };
        kept.insert(id.clone(), (owner.to_owned(), [&conversation[..], output].concat()));
    };
    if body["stream"] == true {
        let stream = upstream::stream(Dialect::Responses, name).ok_or_else(|| refused("model_not_found", "model"))?;
        let (events, output) = streamed(&stream, &body, &id);
        keep(&output);
        to.head("200 OK", SSE);
        to.send(events.as_bytes());
    } else {
        let whole = upstream::whole(Dialect::Responses, name).ok_or_else(|| refused("model_not_found", "model"))?;
        let mut response = serde_json::from_str(&whole).unwrap();
        complete(&mut response, &body, &id);
        keep(response["output"].as_array().unwrap());
        to.answer("200 OK", JSON, &response.to_string());
    }
    Ok(())
}

/// Returns all items that an answer is asked for with.
fn conversation(body: &Value, key: &str, kept: &Kept) -> Result<Vec<Value>, Refused> {
    let mut items = match body["previous_response_id"].as_str() {
        None => Vec::new(),
        Some(previous) => {
            let found = kept.get(previous).filter(|(owner, _)| owner == key);
            let (_, items) = found.ok_or_else(|| refused("previous_response_not_found", "previous_response_id"))?;
            items.clone()
        }
    };
    match &body["input"] {
        Value::String(text) => items.push(json!({"type": "message", "role": "user", "content": text})),
        Value::Array(list) => items.extend(list.iter().cloned()),
        _ => return Err(refused("missing_required_parameter", "input")),
    }
    for item in &items {
        let calls = || items.iter().filter(|item| item["type"] == "function_call");
        let is_right = match item["type"].as_str().unwrap_or("message") {
            "message" => item["role"].is_string() && !item["content"].is_null(),
            "function_call" | "reasoning" => true,
            "function_call_output" => calls().any(|call| call["call_id"] == item["call_id"]),
            "compaction" if item["encrypted_content"] != *sealed(key) => {
                return Err(refused("invalid_encrypted_content", "input"));
            }
            "compaction" => true,
            _ => false,
        };
        if !is_right {
            // OpenAI has no code for it.
            let error = json!({"message": format!("odd item: {item}"), "type": "invalid_request_error", "param": "input", "code": null});
            return Err((400, error));
        }
    }
    Ok(items)
}

fn sealed(key: &str) -> String {
    // The key itself is no answer.
    format!("gAAAA-of-{}", key.trim_start_matches("up-SECRET-"))
}

fn compacted(key: &str, conversation: Vec<Value>) -> Value {
    let users = conversation.into_iter().filter(|item| item["role"] == "user");
    let mut output: Vec<Value> = users
        .enumerate()
        .map(|(place, mut item)| {
            if let Value::String(text) = &item["content"] {
                item["content"] = json!([{"type": "input_text", "text": text}]);
            }
            item["id"] = format!("msg_{place}").into();
            item["status"] = "completed".into();
            item
        })
        .collect();
    output.push(json!({"type": "compaction", "id": "cmp_1", "encrypted_content": sealed(key)}));
    let usage = json!({"input_tokens": 9, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": 4,
        "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 13});
    json!({"id": "resp_c", "object": "response.compaction", "created_at": 1, "output": output, "usage": usage})
}

/// Returns a recorded stream as one that answers this request, and the items in it.
fn streamed(stream: &str, body: &Value, id: &str) -> (String, Vec<Value>) {
    let recorded = events(stream).into_iter();
    let mut events: Vec<Value> = recorded.map(|(_, data)| serde_json::from_str(&data).unwrap()).collect();
    if events[1]["type"] != "response.in_progress" {
        let begun = json!({"type": "response.in_progress", "response": events[0]["response"]});
        events.insert(1, begun);
    }
    let mut written = String::new();
    for (number, event) in events.iter_mut().enumerate() {
        event["sequence_number"] = number.into();
        if let Some(response) = event.get_mut("response") {
            complete(response, body, id);
        }
        written += &format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap());
    }
    let output = events.last().unwrap()["response"]["output"].as_array();
    (written, output.cloned().unwrap_or_default())
}

/// Makes a recorded response one that answers this request, and adds what was not there when it was recorded.
fn complete(response: &mut Value, body: &Value, id: &str) {
    let none = json!({"completed_at": null, "presence_penalty": 0, "frequency_penalty": 0, "top_logprobs": 0, "max_output_tokens": null,
        "max_tool_calls": null, "service_tier": "default", "safety_identifier": null, "prompt_cache_key": null, "instructions": null,
        "background": false, "previous_response_id": null, "store": true, "metadata": {}, "reasoning": null, "truncation": "disabled",
        "text": {"format": {"type": "text"}}});
    for (name, value) in none.as_object().unwrap() {
        if response.get(name).is_none() || ["reasoning", "text", "store"].contains(&name.as_str()) {
            response[name] = value.clone();
        }
    }
    if response["status"] == "completed" {
        response["completed_at"] = response["created_at"].clone();
    }
    response["id"] = id.into();
    for name in [
        "previous_response_id",
        "store",
        "instructions",
        "metadata",
        "prompt_cache_key",
    ] {
        if let Some(value) = body.get(name) {
            response[name] = value.clone();
        }
    }
    if body["reasoning"].is_object() {
        response["reasoning"] = json!({"effort": body["reasoning"]["effort"], "summary": body["reasoning"]["summary"]});
    }
    if body["text"]["format"].is_object() {
        response["text"] = body["text"].clone();
        response["text"]["format"]["description"] = Value::Null;
    }
    let tools = body["tools"].as_array().into_iter().flatten();
    let with_defaults = tools.map(|tool| {
        json!({"type": tool["type"], "name": tool["name"], "description": tool["description"], "parameters": tool["parameters"],
            "strict": true})
    });
    response["tools"] = with_defaults.collect();
}
