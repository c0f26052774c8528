//! `POST /v1/responses/input_tokens`.

use serde_json::{Map, Value};

use crate::dialect::neutral::Counting;
use crate::dialect::wire::build::json;
use crate::dialect::wire::json::number_at;

/// What counts, of the members of a request.
const COUNTED: [&str; 8] = [
    "model",
    "input",
    "instructions",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "reasoning",
    "text",
];

/// How its upstreams count tokens.
pub(super) const COUNTING: Counting = Counting {
    path: "responses/input_tokens",
    request,
    read: |body| number_at(body, "input_tokens"),
    write: |tokens| json!({"object": "response.input_tokens", "input_tokens": tokens}),
};

fn request(mut body: Map<String, Value>, _model: &str) -> Map<String, Value> {
    body.retain(|name, _| COUNTED.contains(&name.as_str()));
    body
}
