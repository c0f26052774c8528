//! `POST /v1/messages/count_tokens`.

use serde_json::{Map, Value};

use crate::dialect::neutral::Counting;
use crate::dialect::wire::build::json;
use crate::dialect::wire::json::number_at;

/// What counts, of the members of a request.
const COUNTED: [&str; 8] = [
    "model",
    "messages",
    "system",
    "tools",
    "tool_choice",
    "thinking",
    "output_config",
    "cache_control",
];

/// How its upstreams count tokens.
pub(super) const COUNTING: Counting = Counting {
    path: "messages/count_tokens",
    request,
    read: |body| number_at(body, "input_tokens"),
    write: |tokens| json!({"input_tokens": tokens}),
};

fn request(mut body: Map<String, Value>, _model: &str) -> Map<String, Value> {
    body.retain(|name, _| COUNTED.contains(&name.as_str()));
    body
}
