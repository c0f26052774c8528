//! Arguments of a tool's call: text elsewhere, here an object.

use serde_json::Value;

use crate::dialect::neutral::request::ToolCall;
use crate::dialect::wire::build::json;
use crate::dialect::wire::json;

/// Returns a call's arguments as an object.
pub(super) fn arguments(call: &ToolCall) -> Value {
    match object_of(call) {
        Ok(text) => json::value(text).unwrap_or_else(|| json!({"input": text})),
        Err(object) => object,
    }
}

/// Returns the text of a call's arguments, if it is an object; else an object that has the text in it.
pub(super) fn object_of(call: &ToolCall) -> Result<&str, Value> {
    let text = call.arguments.trim();
    if !call.is_custom && json::members(text).is_some() {
        Ok(text)
    } else if text.is_empty() && !call.is_custom {
        Err(json!({}))
    } else {
        Err(json!({"input": call.arguments}))
    }
}
