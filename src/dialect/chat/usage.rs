//! The tokens of an answer: the members of `usage`.

use serde_json::Value;

use super::json::{count, inner};
use crate::dialect::neutral::event::Usage;
use crate::dialect::wire::build::json;
use crate::dialect::wire::members::Members;

/// Returns the tokens in a chunk or an answer: in its `usage`, or where Groq (`x_groq.usage`) and Moonshot (`choices[].usage`) put it.
pub(super) fn find(chunk: &Members<'_>, choices: &[Members<'_>]) -> Option<Usage> {
    let in_choices = || choices.iter().find_map(|choice| read(&inner(choice, "usage")?));
    let in_groq = || read(&inner(&inner(chunk, "x_groq")?, "usage")?);
    inner(chunk, "usage")
        .and_then(|usage| read(&usage))
        .or_else(in_choices)
        .or_else(in_groq)
}

/// Returns the tokens that a `usage` names; nothing where it names neither those of the request nor those of the answer.
fn read(usage: &Members<'_>) -> Option<Usage> {
    let either = |one, other| count(usage, one).or_else(|| count(usage, other));
    let (input, output) = (
        either("prompt_tokens", "input_tokens"),
        either("completion_tokens", "output_tokens"),
    );
    if input.is_none() && output.is_none() {
        return None;
    }
    let detail = |object: &str, name: &str| inner(usage, object).and_then(|details| count(&details, name));
    let (input, mut output) = (input.unwrap_or_default(), output.unwrap_or_default());
    let reasoning = detail("completion_tokens_details", "reasoning_tokens")
        .or_else(|| count(usage, "reasoning_tokens"))
        .unwrap_or_default();
    // xAI leaves reasoning out of the completion, and has it in the total.
    let sum = input.checked_add(output).and_then(|sum| sum.checked_add(reasoning));
    if reasoning > 0 && sum.is_some() && sum == count(usage, "total_tokens") {
        output += reasoning;
    }
    let usage = Usage {
        input,
        cached: detail("prompt_tokens_details", "cached_tokens")
            .or_else(|| either("prompt_cache_hit_tokens", "cached_tokens"))
            .unwrap_or_default(),
        cache_write: detail("prompt_tokens_details", "cache_write_tokens")
            .or_else(|| count(usage, "cache_creation_input_tokens"))
            .unwrap_or_default(),
        output,
        reasoning,
    };
    Some(usage.bounded())
}

/// Returns the member for a client.
pub(super) fn write(usage: &Usage) -> Value {
    json!({
        "prompt_tokens": usage.input,
        "completion_tokens": usage.output,
        "total_tokens": usage.input.saturating_add(usage.output),
        "prompt_tokens_details": {"cached_tokens": usage.cached, "cache_write_tokens": usage.cache_write, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": usage.reasoning,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::chat::json::object;

    #[test]
    fn tokens_are_found_under_every_name() {
        let found = |chunk: &str| {
            find(
                &object(chunk).unwrap(),
                &[object(r#"{"index":0,"usage":{"completion_tokens":9}}"#).unwrap()],
            )
        };
        let usage = |input, cached, cache_write, output, reasoning| {
            Some(Usage {
                input,
                cached,
                cache_write,
                output,
                reasoning,
            })
        };
        for (chunk, expected) in [
            (
                r#"{"usage":{"prompt_tokens":7,"completion_tokens":3,"prompt_tokens_details":{"cached_tokens":2,"cache_write_tokens":1},"completion_tokens_details":{"reasoning_tokens":2}}}"#,
                usage(7, 2, 1, 3, 2),
            ),
            (
                r#"{"usage":{"prompt_tokens":7.0,"prompt_cache_hit_tokens":5}}"#,
                usage(7, 5, 0, 0, 0),
            ),
            (
                r#"{"usage":{"input_tokens":7,"output_tokens":1,"cached_tokens":3}}"#,
                usage(7, 3, 0, 1, 0),
            ),
            (
                r#"{"usage":{"prompt_tokens":7,"completion_tokens":3,"total_tokens":15,"completion_tokens_details":{"reasoning_tokens":5}}}"#,
                usage(7, 0, 0, 8, 5),
            ),
            (
                r#"{"usage":{"prompt_tokens":18446744073709551615,"completion_tokens":3,"total_tokens":5,"reasoning_tokens":1}}"#,
                usage(u64::MAX, 0, 0, 3, 1),
            ),
            (
                r#"{"x_groq":{"usage":{"prompt_tokens":1}},"usage":{}}"#,
                usage(0, 0, 0, 9, 0),
            ),
            (r#"{"usage":null}"#, usage(0, 0, 0, 9, 0)),
        ] {
            assert_eq!(found(chunk), expected, "{chunk}");
        }
        let groq = object(r#"{"x_groq":{"usage":{"prompt_tokens":1}}}"#).unwrap();
        assert_eq!(find(&groq, &[]), usage(1, 0, 0, 0, 0));
        assert_eq!(find(&object("{}").unwrap(), &[]), None);
    }
}
