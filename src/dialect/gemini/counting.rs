//! `POST /v1beta/models/{model}:countTokens`.

use serde_json::{Map, Value};

use crate::dialect::neutral::Counting;
use crate::dialect::wire::build::{Set, json};
use crate::dialect::wire::json::number_at;

/// How its upstreams count tokens.
pub(super) const COUNTING: Counting = Counting {
    path: "models/{model}:countTokens",
    request,
    read: |body| number_at(body, "totalTokens"),
    write: |tokens| json!({"totalTokens": tokens}),
};

/// The tools and the system's text count only where the request stands as a whole.
fn request(mut body: Map<String, Value>, model: &str) -> Map<String, Value> {
    body.set("model", format!("models/{model}").into());
    Map::from_iter([("generateContentRequest".to_owned(), Value::Object(body))])
}
