//! The members of a request that its answer repeats.

use serde_json::{Map, Value};

use crate::dialect::wire::members::Members;

const REPEATED: [&str; 17] = [
    "instructions",
    "max_output_tokens",
    "max_tool_calls",
    "metadata",
    "parallel_tool_calls",
    "prompt_cache_key",
    "reasoning",
    "safety_identifier",
    "service_tier",
    "temperature",
    "text",
    "tool_choice",
    "tools",
    "top_logprobs",
    "top_p",
    "truncation",
    "user",
];

/// Returns what an answer repeats of the request with this body, for [`Context::echo`]. Nothing is stored, whatever the request says.
///
/// [`Context::echo`]: crate::dialect::neutral::event::Context::echo
#[must_use]
pub(super) fn echo(body: &[u8]) -> Map<String, Value> {
    let Ok(members) = Members::of(body) else {
        return Map::new();
    };
    let repeated = REPEATED.into_iter().filter_map(|name| {
        let value: Value = serde_json::from_str(members.last(name)?).ok()?;
        Some((name.to_owned(), value))
    });
    repeated.filter(|(_, value)| !value.is_null()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_answer_repeats_settings_and_not_the_conversation() {
        let body = json!({
            "model": "m", "input": "hi", "store": true, "stream": true, "metadata": {"a": "b"},
            "tools": [{"type": "web_search"}], "user": null,
        });
        let expected = json!({"metadata": {"a": "b"}, "tools": [{"type": "web_search"}]});
        assert_eq!(Value::Object(echo(body.to_string().as_bytes())), expected);
        assert!(echo(b"x").is_empty());
    }
}
