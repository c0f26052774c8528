//! The response object, which stands in a whole answer and in the first and last events of a stream.

use serde_json::{Map, Value};

use crate::dialect::neutral::event::{Context, Finish, Usage};
use crate::dialect::wire::build::{Set, json};

/// How an answer stands.
pub(super) enum Status<'a> {
    /// It is being made.
    InProgress,
    /// It ended so.
    Finished(Option<Finish>),
    /// It failed: message, code.
    Failed(&'a str, &'a str),
}

/// Returns the id of the response.
pub(super) fn id(context: &Context) -> String {
    item_id("resp", context, None)
}

/// Returns the id of the item at `place`. It is the same each time.
pub(super) fn item_id(kind: &str, context: &Context, place: Option<usize>) -> String {
    let id = context.id.replace('-', "");
    place.map_or_else(|| format!("{kind}_{id}"), |place| format!("{kind}_{id}{place:02x}"))
}

/// Whether an answer that ended so is not all that there was to say.
pub(super) fn is_incomplete(finish: Option<Finish>) -> bool {
    matches!(finish, Some(Finish::Length | Finish::ContentFilter))
}

/// Returns the object. It repeats `echo`, which is the context's or nothing. Clients that read by a schema (Open Responses) want every
/// member, also where it says nothing.
pub(super) fn response(
    context: &Context,
    echo: &Map<String, Value>,
    status: &Status<'_>,
    output: Vec<Value>,
    usage: Option<Usage>,
) -> Value {
    let mut response = json!({
        "id": id(context), "object": "response", "created_at": context.created, "completed_at": null, "background": false,
        "error": null, "frequency_penalty": 0, "incomplete_details": null, "instructions": null, "max_output_tokens": null,
        "max_tool_calls": null, "metadata": {}, "model": context.model, "parallel_tool_calls": true, "presence_penalty": 0,
        "previous_response_id": null, "prompt_cache_key": null, "reasoning": {"effort": null, "summary": null},
        "safety_identifier": null, "service_tier": "default", "temperature": 1.0, "text": {"format": {"type": "text"}},
        "tool_choice": "auto", "tools": [], "top_logprobs": 0, "top_p": 1.0, "truncation": "disabled", "user": null,
    });
    if let Value::Object(members) = &mut response {
        members.extend(echo.clone());
    }
    response.say("store", &false);
    response.set("output", Value::Array(output));
    response.set("usage", usage.map_or(Value::Null, written_usage));
    response["status"] = match status {
        Status::InProgress => "in_progress",
        Status::Failed(message, code) => {
            response.set("error", json!({"code": code, "message": message}));
            "failed"
        }
        Status::Finished(finish) if is_incomplete(*finish) => {
            let reason = if *finish == Some(Finish::Length) {
                "max_output_tokens"
            } else {
                "content_filter"
            };
            response.set("incomplete_details", json!({"reason": reason}));
            "incomplete"
        }
        Status::Finished(_) => {
            response.set("completed_at", context.created.into());
            "completed"
        }
    }
    .into();
    response
}

pub(super) fn written_usage(usage: Usage) -> Value {
    json!({
        "input_tokens": usage.input,
        "input_tokens_details": {"cached_tokens": usage.cached, "cache_write_tokens": usage.cache_write},
        "output_tokens": usage.output,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.input.saturating_add(usage.output),
    })
}
