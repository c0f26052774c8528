//! How many tokens an answer used, whatever its endpoint calls them.

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use super::neutral::event as neutral;
use super::wire::json;
use super::wire::members::Members;
use super::wire::number::of_json;

/// The tokens of one answer. Zero where the upstream leaves a number out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Tokens of the request.
    pub prompt_tokens: u64,
    /// Tokens of the answer.
    pub completion_tokens: u64,
    /// Those of the request that were read from a prompt cache, where the upstream says.
    pub cached_tokens: Option<u64>,
}

/// As the log has it.
impl Serialize for Usage {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("prompt_tokens", &self.prompt_tokens)?;
        map.serialize_entry("completion_tokens", &self.completion_tokens)?;
        if let Some(cached) = self.cached_tokens {
            map.serialize_entry("cached_tokens", &cached)?;
            map.serialize_entry(
                "cached_percent",
                &(cached.saturating_mul(100) / self.prompt_tokens.max(1)),
            )?;
        }
        map.end()
    }
}

impl From<neutral::Usage> for Usage {
    fn from(usage: neutral::Usage) -> Self {
        Self {
            prompt_tokens: usage.input,
            completion_tokens: usage.output,
            cached_tokens: Some(usage.cached),
        }
    }
}

impl Usage {
    /// Reads a `usage` object; nothing where a number in it is something else.
    pub(super) fn read(usage: &str) -> Option<Self> {
        let members = json::members(usage)?;
        let tokens = |name| number(&members, name);
        // Anthropic's names, which Responses and most other endpoints have for two of them.
        let message = MessageTokens::of(&members)?.usage();
        let (prompt, completion) = (tokens("prompt_tokens")?, tokens("completion_tokens")?);
        let mut cached = None;
        for name in ["prompt_tokens_details", "input_tokens_details"] {
            let details = members.value(name).and_then(json::members);
            if let Some(details) = details {
                cached = cached.or(number(&details, "cached_tokens")?);
            }
        }
        // DeepSeek.
        let cached = cached.or(tokens("prompt_cache_hit_tokens")?);
        // Some upstreams write `12.0`.
        let whole = |tokens: f64| tokens as u64;
        Some(Self {
            prompt_tokens: prompt.map_or(message.prompt_tokens, whole),
            completion_tokens: completion.map_or(message.completion_tokens, whole),
            cached_tokens: cached.map(whole).or(message.cached_tokens),
        })
    }
}

/// Returns the number that a member is, if it is there; nothing where it is something else.
fn number(members: &Members<'_>, name: &str) -> Option<Option<f64>> {
    match members.value(name) {
        None => Some(None),
        Some(value) => of_json(value).map(Some),
    }
}

/// The tokens that a stream of Anthropic's Messages has named so far. The numbers are totals: those that come later count.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct MessageTokens {
    input_tokens: Option<f64>,
    output_tokens: Option<f64>,
    /// What was read from a cache and written to it counts beside `input_tokens`, not in it.
    cache_read_input_tokens: Option<f64>,
    cache_creation_input_tokens: Option<f64>,
}

impl MessageTokens {
    /// Reads a `usage` object; nothing where a number in it is something else.
    pub(super) fn read(usage: &str) -> Option<Self> {
        Self::of(&json::members(usage)?)
    }

    fn of(members: &Members<'_>) -> Option<Self> {
        let tokens = |name| number(members, name);
        Some(Self {
            input_tokens: tokens("input_tokens")?,
            output_tokens: tokens("output_tokens")?,
            cache_read_input_tokens: tokens("cache_read_input_tokens")?,
            cache_creation_input_tokens: tokens("cache_creation_input_tokens")?,
        })
    }

    /// Takes the numbers that a later event has.
    pub(super) fn update(&mut self, later: &Self) {
        let update = |known: &mut Option<f64>, later: Option<f64>| *known = later.or(*known);
        update(&mut self.input_tokens, later.input_tokens);
        update(&mut self.output_tokens, later.output_tokens);
        update(&mut self.cache_read_input_tokens, later.cache_read_input_tokens);
        update(&mut self.cache_creation_input_tokens, later.cache_creation_input_tokens);
    }

    /// Returns the sums. The three numbers of the request have nothing in common.
    pub(super) fn usage(&self) -> Usage {
        let sum = |numbers: [Option<f64>; 3]| numbers.into_iter().flatten().sum::<f64>() as u64;
        Usage {
            prompt_tokens: sum([
                self.input_tokens,
                self.cache_read_input_tokens,
                self.cache_creation_input_tokens,
            ]),
            completion_tokens: sum([self.output_tokens, None, None]),
            cached_tokens: self.cache_read_input_tokens.map(|tokens| tokens as u64),
        }
    }
}

/// Returns the tokens in Gemini's `usageMetadata`, where they can be read.
pub(super) fn of_gemini(usage: &str) -> Option<Usage> {
    let members = json::members(usage)?;
    let tokens = |name| number(&members, name);
    let cached = tokens("cachedContentTokenCount")?;
    // What was thought is not in the candidates' tokens, nor what tools said in the prompt's.
    let sum = |one, other| Some((tokens(one)?.unwrap_or_default() + tokens(other)?.unwrap_or_default()) as u64);
    Some(Usage {
        prompt_tokens: sum("promptTokenCount", "toolUsePromptTokenCount")?,
        completion_tokens: sum("candidatesTokenCount", "thoughtsTokenCount")?,
        cached_tokens: cached.map(|tokens| tokens as u64),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_was_cached_is_read_in_every_shape_and_stands_in_the_log() {
        for (usage, cached) in [
            (
                json!({"prompt_tokens": 8, "prompt_tokens_details": {"cached_tokens": 4, "audio_tokens": 0}}),
                Some(4),
            ),
            (
                json!({"input_tokens": 8, "input_tokens_details": {"cached_tokens": 6.0}}),
                Some(6),
            ),
            (json!({"prompt_tokens": 8, "prompt_cache_hit_tokens": 2}), Some(2)),
            (json!({"input_tokens": 2, "cache_read_input_tokens": 6}), Some(6)),
            (json!({"prompt_tokens": 8, "prompt_tokens_details": null}), None),
            (
                json!({"prompt_tokens": 8, "prompt_tokens_details": [{"cached_tokens": 1}]}),
                None,
            ),
            (json!({"prompt_tokens": 8, "prompt_tokens_details": "x"}), None),
            (json!({"prompt_tokens": 8}), None),
        ] {
            let read = Usage::read(&usage.to_string()).unwrap();
            assert_eq!((read.prompt_tokens, read.cached_tokens), (8, cached), "{usage}");
        }
        let usage = Usage {
            prompt_tokens: 8,
            completion_tokens: 1,
            cached_tokens: Some(6),
        };
        let line = json!({"prompt_tokens": 8, "completion_tokens": 1, "cached_tokens": 6, "cached_percent": 75});
        assert_eq!(serde_json::to_value(usage).unwrap(), line);
    }
}
