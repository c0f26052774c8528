//! The members of a request that its answer repeats.

use serde_json::{Map, Value};

use crate::dialect::wire::build::{Json, Set, json};
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
        let mut value: Value = serde_json::from_str(members.last(name)?).ok()?;
        complete(name, &mut value);
        Some((name.to_owned(), value))
    });
    repeated.filter(|(_, value)| !value.is_null()).collect()
}

/// Adds what stands in this member of an answer also where the request leaves it out.
fn complete(name: &str, value: &mut Value) {
    match (name, value) {
        ("reasoning", value) => {
            add(value, "effort", &());
            add(value, "summary", &());
        }
        ("text", value) => {
            add(value, "format", &json!({"type": "text"}));
            let format = value.get_mut("format");
            for format in format.into_iter().filter(|format| format["type"] == "json_schema") {
                add(format, "description", &());
                add(format, "strict", &false);
            }
        }
        ("tools", Value::Array(tools)) => {
            for tool in tools.iter_mut().filter(|tool| tool["type"] == "function") {
                for name in ["description", "parameters", "strict"] {
                    add(tool, name, &());
                }
            }
        }
        _ => {}
    }
}

/// Sets a member that is not there.
fn add(object: &mut Value, name: &str, value: &dyn Json) {
    if object.get(name).is_none_or(Value::is_null) {
        object.say(name, value);
    }
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

    #[test]
    fn what_clients_read_by_a_schema_is_complete() {
        let body = json!({
            "reasoning": {"effort": "low"}, "text": {"verbosity": "low"},
            "tools": [{"type": "function", "name": "f", "strict": true}, {"type": "custom", "name": "c"}, 7],
        });
        let expected = json!({
            "reasoning": {"effort": "low", "summary": null}, "text": {"verbosity": "low", "format": {"type": "text"}},
            "tools": [{"type": "function", "name": "f", "strict": true, "description": null, "parameters": null},
                {"type": "custom", "name": "c"}, 7],
        });
        assert_eq!(Value::Object(echo(body.to_string().as_bytes())), expected);
        let text = |format: Value| Value::Object(echo(json!({"text": {"format": format}}).to_string().as_bytes()));
        let schema = json!({"type": "json_schema", "name": "n", "schema": {}});
        let format = &text(schema)["text"]["format"];
        assert_eq!(
            (&format["description"], &format["strict"]),
            (&Value::Null, &json!(false))
        );
        assert_eq!(format.as_object().unwrap().len(), 5);
        assert_eq!(text(Value::Null)["text"]["format"], json!({"type": "text"}));
        for odd in [
            r#"{"text":7,"tools":{},"reasoning":[]}"#,
            r#"{"text":{"format":"x"},"tools":[[]]}"#,
        ] {
            assert_eq!(
                Value::Object(echo(odd.as_bytes())),
                serde_json::from_str::<Value>(odd).unwrap()
            );
        }
    }
}
