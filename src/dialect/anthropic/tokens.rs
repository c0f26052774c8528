//! The tokens of an answer: `usage`. Its three numbers of the request have no token in common, and each number replaces the one that
//! came before it: `message_start` has those of the request, `message_delta` at least those of the answer.

use serde_json::Value;

use crate::dialect::neutral::event::Usage;
use crate::dialect::wire::build::json;

/// The numbers as they came last.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tokens {
    plain: u64,
    cached: u64,
    cache_write: u64,
    output: u64,
    thinking: u64,
}

impl Tokens {
    /// Takes the numbers that are in `usage`.
    pub(super) fn take(&mut self, usage: &Value) {
        let thinking = usage
            .get("output_tokens_details")
            .and_then(|details| details.get("thinking_tokens"));
        for (own, number) in [
            (&mut self.plain, usage.get("input_tokens")),
            (&mut self.cached, usage.get("cache_read_input_tokens")),
            (&mut self.cache_write, usage.get("cache_creation_input_tokens")),
            (&mut self.output, usage.get("output_tokens")),
            (&mut self.thinking, thinking),
        ] {
            // Some upstreams write `12.0`. None of these is negative.
            if let Some(number) = number.and_then(|number| number.as_u64().or_else(|| Some(number.as_f64()? as u64))) {
                *own = number;
            }
        }
    }

    /// Returns the numbers as all dialects have them.
    pub(super) fn usage(self) -> Usage {
        let usage = Usage {
            input: self.plain.saturating_add(self.cached).saturating_add(self.cache_write),
            cached: self.cached,
            cache_write: self.cache_write,
            output: self.output,
            reasoning: self.thinking,
        };
        usage.bounded()
    }
}

/// Returns `usage` with all of its numbers. They are zero where the upstream says nothing: the member is not optional.
pub(super) fn written(usage: Option<Usage>) -> Value {
    let usage = usage.unwrap_or_default();
    json!({
        "input_tokens": usage.input.saturating_sub(usage.cached).saturating_sub(usage.cache_write),
        "cache_creation_input_tokens": usage.cache_write,
        "cache_read_input_tokens": usage.cached,
        "output_tokens": usage.output,
        "output_tokens_details": {"thinking_tokens": usage.reasoning},
    })
}
