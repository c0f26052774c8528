//! What the judges gather of an answer.

use serde_json::{Value, json};

/// Returns `Err` with what is wrong unless it holds.
macro_rules! ensure {
    ($holds:expr, $($wrong:tt)+) => {
        if !$holds {
            return Err(format!($($wrong)+));
        }
    };
}
pub(super) use ensure;

/// What a client has of an answer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Verdict {
    /// In the canonical form: `{"choices", "usage"}`.
    pub(crate) canonical: Value,
    /// The error in which it ended, in the dialect's form. Without one it is complete.
    pub(crate) error: Option<Value>,
}

/// One choice.
#[derive(Default)]
pub(super) struct Said {
    pub(super) text: String,
    pub(super) reasoning: String,
    pub(super) refusal: Option<String>,
    /// Names and parsed arguments.
    pub(super) calls: Vec<(String, Value)>,
    pub(super) finish: Option<&'static str>,
}

impl Said {
    pub(super) fn value(&self) -> Value {
        let calls: Vec<Value> = self
            .calls
            .iter()
            .map(|(name, arguments)| json!({"name": name, "arguments": arguments}))
            .collect();
        json!({"text": self.text, "reasoning": self.reasoning, "refusal": self.refusal, "tool_calls": calls,
            "finish": self.finish})
    }

    /// Returns what is wrong with the finish: calls are to be made exactly where there are some, unless the answer was cut.
    pub(super) fn check_finish(&self) -> Result<(), String> {
        match self.finish {
            Some("tool_calls") if self.calls.is_empty() => Err("tool calls are announced and none is there".into()),
            Some("stop") if !self.calls.is_empty() => Err("calls are there and the finish does not say so".into()),
            None => Err("a choice has no finish".into()),
            _ => Ok(()),
        }
    }
}

pub(super) fn usage(input: u64, output: u64, cached: u64, reasoning: u64) -> Value {
    json!({"input": input, "output": output, "cached": cached, "reasoning": reasoning})
}

/// The number at a path such as `usage/input_tokens`.
pub(super) fn number(value: &Value, path: &str) -> Result<u64, String> {
    let found = value.pointer(&format!("/{path}"));
    found
        .and_then(Value::as_u64)
        .ok_or_else(|| format!("{path} is not a number in {value}"))
}

/// The number at a path, 0 where there is nothing.
pub(super) fn number_or_0(value: &Value, path: &str) -> Result<u64, String> {
    match value.pointer(&format!("/{path}")) {
        None | Some(Value::Null) => Ok(0),
        Some(_) => number(value, path),
    }
}

/// The text at a path.
pub(super) fn text<'a>(value: &'a Value, path: &str) -> Result<&'a str, String> {
    let found = value.pointer(&format!("/{path}"));
    found
        .and_then(Value::as_str)
        .ok_or_else(|| format!("{path} is not a text in {value}"))
}

/// The text at a path, which may not be empty.
pub(super) fn name<'a>(value: &'a Value, path: &str) -> Result<&'a str, String> {
    let found = text(value, path)?;
    ensure!(!found.is_empty(), "{path} is empty in {value}");
    Ok(found)
}

/// The array at a path.
pub(super) fn array<'a>(value: &'a Value, path: &str) -> Result<&'a Vec<Value>, String> {
    let found = value.pointer(&format!("/{path}"));
    found
        .and_then(Value::as_array)
        .ok_or_else(|| format!("{path} is not an array in {value}"))
}

/// The arguments of a call.
pub(super) fn arguments(text: &str) -> Result<Value, String> {
    let parsed: Value = serde_json::from_str(text).map_err(|error| format!("arguments {text:?}: {error}"))?;
    ensure!(parsed.is_object(), "arguments {text:?} are not an object");
    Ok(parsed)
}
