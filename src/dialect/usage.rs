//! How many tokens an answer used, whatever its endpoint calls them.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::ser::{SerializeMap, Serializer};
use serde::{Deserialize, Serialize};

use super::neutral::event as neutral;

/// The tokens of one answer. Zero where the upstream leaves a number out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "UsageMembers")]
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

/// The members of a `usage` object: the first two in Chat Completions, the others in Responses and most other endpoints.
#[derive(Deserialize)]
struct UsageMembers {
    prompt_tokens: Option<f64>,
    completion_tokens: Option<f64>,
    input_tokens: Option<f64>,
    output_tokens: Option<f64>,
    /// Anthropic counts what was read from a cache and written to it beside `input_tokens`, not in it.
    cache_read_input_tokens: Option<f64>,
    cache_creation_input_tokens: Option<f64>,
    #[serde(default)]
    prompt_tokens_details: Details,
    #[serde(default)]
    input_tokens_details: Details,
    /// DeepSeek.
    prompt_cache_hit_tokens: Option<f64>,
}

/// How many of some tokens were cached, where their details are an object that says so.
#[derive(Clone, Copy, Default)]
struct Details(Option<f64>);

impl<'de> Deserialize<'de> for Details {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(DetailsOnly)
    }
}

struct DetailsOnly;

/// A name, borrowed where it holds no escape.
#[derive(Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de> Visitor<'de> for DetailsOnly {
    type Value = Details;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("details")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Details, A::Error> {
        let mut cached = None;
        while let Some(name) = map.next_key::<Key<'de>>()? {
            if name.0 == "cached_tokens" {
                cached = map.next_value::<Option<f64>>()?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(Details(cached))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Details, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Details(None))
    }

    fn visit_unit<E>(self) -> Result<Details, E> {
        Ok(Details(None))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Details, E> {
        Ok(Details(None))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Details, E> {
        Ok(Details(None))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Details, E> {
        Ok(Details(None))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Details, E> {
        Ok(Details(None))
    }

    fn visit_str<E>(self, _: &str) -> Result<Details, E> {
        Ok(Details(None))
    }
}

impl From<UsageMembers> for Usage {
    fn from(members: UsageMembers) -> Self {
        // Some upstreams write `12.0`.
        let tokens = |number: Option<f64>| number.unwrap_or_default() as u64;
        let input = || {
            MessageTokens {
                input_tokens: members.input_tokens,
                output_tokens: None,
                cache_read_input_tokens: members.cache_read_input_tokens,
                cache_creation_input_tokens: members.cache_creation_input_tokens,
            }
            .usage()
            .prompt_tokens
        };
        Self {
            prompt_tokens: members.prompt_tokens.map_or_else(input, |tokens| tokens as u64),
            completion_tokens: tokens(members.completion_tokens.or(members.output_tokens)),
            cached_tokens: (members.prompt_tokens_details.0)
                .or(members.input_tokens_details.0)
                .or(members.prompt_cache_hit_tokens)
                .or(members.cache_read_input_tokens)
                .map(|tokens| tokens as u64),
        }
    }
}

/// The tokens that a stream of Anthropic's Messages has named so far. The numbers are totals: those that come later count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
pub(super) struct MessageTokens {
    input_tokens: Option<f64>,
    output_tokens: Option<f64>,
    cache_read_input_tokens: Option<f64>,
    cache_creation_input_tokens: Option<f64>,
}

impl MessageTokens {
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
    let tokens: GeminiTokens = serde_json::from_str(usage).ok()?;
    let sum = |one: Option<f64>, other: Option<f64>| (one.unwrap_or_default() + other.unwrap_or_default()) as u64;
    Some(Usage {
        prompt_tokens: sum(tokens.prompt_token_count, tokens.tool_use_prompt_token_count),
        completion_tokens: sum(tokens.candidates_token_count, tokens.thoughts_token_count),
        cached_tokens: tokens.cached_content_token_count.map(|tokens| tokens as u64),
    })
}

/// What was thought is not in the candidates' tokens, nor what tools said in the prompt's.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct GeminiTokens {
    prompt_token_count: Option<f64>,
    tool_use_prompt_token_count: Option<f64>,
    candidates_token_count: Option<f64>,
    thoughts_token_count: Option<f64>,
    cached_content_token_count: Option<f64>,
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
            let read: Usage = serde_json::from_str(&usage.to_string()).unwrap();
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
