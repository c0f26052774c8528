//! What an answer used, whatever its endpoint calls it: tokens, time, money.
//!
//! Here it is settled what a dialect counts in what. All numbers of a [`Usage`] that are a part of another one are within it.

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use super::neutral::event as neutral;
use super::wire::json;
use super::wire::members::Members;
use super::wire::number::of_json;

/// What one answer used. A number is missing where the upstream does not say it; that is not zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Tokens of the request, all of them.
    pub prompt_tokens: Option<u64>,
    /// Tokens of the answer, all of them.
    pub completion_tokens: Option<u64>,
    /// Those of the request that were read from a prompt cache.
    pub cached_tokens: Option<u64>,
    /// Those of the request that were written to one.
    pub cache_write_tokens: Option<u64>,
    /// Of these, the ones that are kept for an hour.
    pub cache_write_hour_tokens: Option<u64>,
    /// Those of the answer that were thought.
    pub reasoning_tokens: Option<u64>,
    /// Those of the request that are sound.
    pub audio_prompt_tokens: Option<u64>,
    /// Those of the answer that are sound.
    pub audio_completion_tokens: Option<u64>,
    /// Those of the request that are images.
    pub image_prompt_tokens: Option<u64>,
    /// Those of the answer that are images.
    pub image_completion_tokens: Option<u64>,
    /// How long the sound of the request is, in milliseconds, where that is what counts.
    pub audio_ms: Option<u64>,
    /// What the provider itself says that it cost, in billionths of a US dollar.
    pub own_cost: Option<i64>,
}

/// As the log has it.
impl Serialize for Usage {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        let prompt = self.prompt_tokens.unwrap_or_default();
        map.serialize_entry("prompt_tokens", &prompt)?;
        map.serialize_entry("completion_tokens", &self.completion_tokens.unwrap_or_default())?;
        if let Some(cached) = self.cached_tokens {
            map.serialize_entry("cached_tokens", &cached)?;
            map.serialize_entry("cached_percent", &(cached.saturating_mul(100) / prompt.max(1)))?;
        }
        for (name, number) in [
            ("cache_write_tokens", self.cache_write_tokens),
            ("cache_write_1h_tokens", self.cache_write_hour_tokens),
            ("reasoning_tokens", self.reasoning_tokens),
            ("audio_prompt_tokens", self.audio_prompt_tokens),
            ("audio_completion_tokens", self.audio_completion_tokens),
            ("image_prompt_tokens", self.image_prompt_tokens),
            ("image_completion_tokens", self.image_completion_tokens),
            ("audio_ms", self.audio_ms),
        ] {
            if let Some(number) = number.filter(|number| *number > 0) {
                map.serialize_entry(name, &number)?;
            }
        }
        map.end()
    }
}

impl From<neutral::Usage> for Usage {
    fn from(usage: neutral::Usage) -> Self {
        Self {
            prompt_tokens: Some(usage.input),
            completion_tokens: Some(usage.output),
            cached_tokens: Some(usage.cached),
            cache_write_tokens: Some(usage.cache_write),
            reasoning_tokens: Some(usage.reasoning),
            ..Self::default()
        }
    }
}

/// The names of what says more of the tokens of a request, and of those of an answer.
const PROMPT_DETAILS: [&str; 3] = ["prompt_tokens_details", "input_tokens_details", "input_token_details"];
const COMPLETION_DETAILS: [&str; 3] = [
    "completion_tokens_details",
    "output_tokens_details",
    "output_token_details",
];

impl Usage {
    /// Reads a `usage` object; nothing where a number in it is something else.
    pub(super) fn read(usage: &str) -> Option<Self> {
        let members = json::members(usage)?;
        let tokens = |name| Some(number(&members, name)?.map(whole));
        // Anthropic's names, which Responses and most other endpoints have for two of them.
        let message = MessageTokens::of(&members)?.usage();
        let (prompt, completion) = (tokens("prompt_tokens")?, tokens("completion_tokens")?);
        // DeepSeek.
        let hit = tokens("prompt_cache_hit_tokens")?;
        let (of_prompt, of_completion) = (details(&members, PROMPT_DETAILS), details(&members, COMPLETION_DETAILS));
        let (of_prompt, of_completion) = (of_prompt.as_ref(), of_completion.as_ref());
        let seconds = number_of(&members, "seconds").or_else(|| number_of(&members, "prompt_audio_seconds"));
        let mut read = Self {
            prompt_tokens: prompt.or(message.prompt_tokens),
            completion_tokens: completion.or(message.completion_tokens),
            cached_tokens: detail(of_prompt, "cached_tokens").or(hit).or(message.cached_tokens),
            cache_write_tokens: detail(of_prompt, "cache_write_tokens").or(message.cache_write_tokens),
            reasoning_tokens: detail(of_completion, "reasoning_tokens").or(message.reasoning_tokens),
            audio_prompt_tokens: detail(of_prompt, "audio_tokens"),
            audio_completion_tokens: detail(of_completion, "audio_tokens"),
            image_prompt_tokens: detail(of_prompt, "image_tokens"),
            image_completion_tokens: detail(of_completion, "image_tokens"),
            audio_ms: seconds.map(|seconds| whole(seconds * 1e3)),
            own_cost: own_cost(&members),
            ..message
        };
        // xAI leaves reasoning out of the completion, and has it in the total.
        if let (Some(prompt), Some(completion), Some(reasoning)) = (prompt, completion, read.reasoning_tokens) {
            let sum = completion.saturating_add(reasoning);
            if reasoning > 0 && tokens("total_tokens")? == Some(prompt.saturating_add(sum)) {
                read.completion_tokens = Some(sum);
            }
        }
        Some(read)
    }

    /// Returns the numbers with those of another reading of the same answer where these are missing.
    #[must_use]
    pub fn or(self, other: Option<Self>) -> Self {
        let other = other.unwrap_or_default();
        Self {
            prompt_tokens: self.prompt_tokens.or(other.prompt_tokens),
            completion_tokens: self.completion_tokens.or(other.completion_tokens),
            cached_tokens: self.cached_tokens.or(other.cached_tokens),
            cache_write_tokens: self.cache_write_tokens.or(other.cache_write_tokens),
            cache_write_hour_tokens: self.cache_write_hour_tokens.or(other.cache_write_hour_tokens),
            reasoning_tokens: self.reasoning_tokens.or(other.reasoning_tokens),
            audio_prompt_tokens: self.audio_prompt_tokens.or(other.audio_prompt_tokens),
            audio_completion_tokens: self.audio_completion_tokens.or(other.audio_completion_tokens),
            image_prompt_tokens: self.image_prompt_tokens.or(other.image_prompt_tokens),
            image_completion_tokens: self.image_completion_tokens.or(other.image_completion_tokens),
            audio_ms: self.audio_ms.or(other.audio_ms),
            own_cost: self.own_cost.or(other.own_cost),
        }
    }
}

/// Returns a whole number. Some upstreams write `12.0`.
const fn whole(number: f64) -> u64 {
    number as u64
}

/// Returns the number that a member is, if it is there; nothing where it is something else.
fn number(members: &Members<'_>, name: &str) -> Option<Option<f64>> {
    match members.value(name) {
        None => Some(None),
        Some(value) => of_json(value).map(Some),
    }
}

/// Returns the number that a member is, where it is one.
fn number_of(members: &Members<'_>, name: &str) -> Option<f64> {
    number(members, name)?
}

/// Returns the first object that there is under one of these names.
fn details<'a>(members: &Members<'a>, names: [&str; 3]) -> Option<Members<'a>> {
    names.into_iter().find_map(|name| json::members(members.value(name)?))
}

/// Returns the number that the details have under this name.
fn detail(details: Option<&Members<'_>>, name: &str) -> Option<u64> {
    number_of(details?, name).map(whole)
}

/// Returns what the provider says that an answer cost, in billionths of a US dollar.
fn own_cost(members: &Members<'_>) -> Option<i64> {
    let ticks = || number_of(members, "cost_in_usd_ticks").map(|ticks| ticks / 1e10);
    // OpenRouter. With a key of the operator's own, its part is only one of two.
    let is_own_key = members.value("is_byok") == Some("true");
    let upstream = || {
        let details = json::members(members.value("cost_details")?)?;
        number_of(&details, "upstream_inference_cost").filter(|_| is_own_key)
    };
    let cost = number_of(members, "cost").map(|cost| cost + upstream().unwrap_or_default());
    let cost = cost.or_else(ticks).filter(|cost| *cost >= 0.0)?;
    Some((cost * 1e9 + 0.5) as i64)
}

/// The numbers that a stream of Anthropic's Messages has named so far. They are totals: those that come later count.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct MessageTokens([Option<f64>; 6]);

impl MessageTokens {
    /// Reads a `usage` object; nothing where a number in it is something else.
    pub(super) fn read(usage: &str) -> Option<Self> {
        Self::of(&json::members(usage)?)
    }

    fn of(members: &Members<'_>) -> Option<Self> {
        let tokens = |name| number(members, name);
        let inner = |object, name| number_of(&json::members(members.value(object)?)?, name);
        Some(Self([
            tokens("input_tokens")?,
            tokens("output_tokens")?,
            tokens("cache_read_input_tokens")?,
            tokens("cache_creation_input_tokens")?,
            inner("cache_creation", "ephemeral_1h_input_tokens"),
            inner("output_tokens_details", "thinking_tokens"),
        ]))
    }

    /// Takes the numbers that a later event has.
    pub(super) fn update(&mut self, later: &Self) {
        for (known, later) in self.0.iter_mut().zip(later.0) {
            *known = later.or(*known);
        }
    }

    /// Returns the sums. The three numbers of the request have nothing in common: what was read from a cache and written to it counts
    /// beside `input_tokens`, not in it.
    pub(super) fn usage(&self) -> Usage {
        let [input, output, read, written, written_for_hour, thinking] = self.0;
        let parts = [input, read, written];
        let prompt = parts.iter().any(Option::is_some);
        Usage {
            prompt_tokens: prompt.then(|| whole(parts.into_iter().flatten().sum())),
            completion_tokens: output.map(whole),
            cached_tokens: read.map(whole),
            cache_write_tokens: written.map(whole),
            cache_write_hour_tokens: written_for_hour.map(whole),
            reasoning_tokens: thinking.map(whole),
            ..Usage::default()
        }
    }
}

/// Returns what Gemini's `usageMetadata` says, where it can be read.
pub(super) fn of_gemini(usage: &str) -> Option<Usage> {
    let members = json::members(usage)?;
    let tokens = |name| number(&members, name);
    let sum = |one: Option<f64>, other: Option<f64>| {
        let sum = one.unwrap_or_default() + other.unwrap_or_default();
        one.or(other).map(|_| whole(sum))
    };
    let cached = tokens("cachedContentTokenCount")?;
    let thoughts = tokens("thoughtsTokenCount")?;
    let [audio_prompt_tokens, image_prompt_tokens] = of_modalities(&members, "promptTokensDetails");
    let [audio_completion_tokens, image_completion_tokens] = of_modalities(&members, "candidatesTokensDetails");
    Some(Usage {
        // What was thought is not in the candidates' tokens, nor what tools said in the prompt's.
        prompt_tokens: sum(tokens("promptTokenCount")?, tokens("toolUsePromptTokenCount")?),
        completion_tokens: sum(tokens("candidatesTokenCount")?, thoughts),
        cached_tokens: cached.map(whole),
        reasoning_tokens: thoughts.map(whole),
        audio_prompt_tokens,
        audio_completion_tokens,
        image_prompt_tokens,
        image_completion_tokens,
        ..Usage::default()
    })
}

/// Returns the tokens of sound and those of images in one of Gemini's lists.
fn of_modalities(members: &Members<'_>, list: &str) -> [Option<u64>; 2] {
    let mut tokens = [None; 2];
    let elements = members.value(list).and_then(json::elements).unwrap_or_default();
    for element in elements.into_iter().filter_map(json::members) {
        let kinds = ["\"AUDIO\"", "\"IMAGE\""].into_iter().zip(&mut tokens);
        for (_, found) in kinds.filter(|(kind, _)| element.value("modality") == Some(kind)) {
            *found = number_of(&element, "tokenCount").map(whole);
        }
    }
    tokens
}

#[cfg(test)]
mod tests;
