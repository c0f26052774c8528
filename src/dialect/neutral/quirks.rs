//! What differs from upstream to upstream within one dialect.

/// What an upstream and its model do not take, or take otherwise than their dialect says. The default is the dialect's own
/// vendor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quirks {
    /// Chat Completions: `max_completion_tokens` instead of `max_tokens`.
    pub max_completion_tokens: bool,
    /// Chat Completions, Responses: the role `developer` is known.
    pub developer: bool,
    /// Responses: tools are taken among the items of the input (`additional_tools`), where Codex has them.
    pub additional_tools: bool,
    /// Chat Completions: reasoning of earlier turns is sent back as `reasoning_content`.
    pub reasoning_history: bool,
    /// Temperature, nucleus and top-k sampling are taken.
    pub sampling: bool,
    /// Chat Completions: `stream_options` is taken.
    pub stream_options: bool,
    /// Chat Completions: top-k sampling is taken.
    pub top_k: bool,
    /// Chat Completions: what OpenAI alone knows is taken: a choice among several tools, `verbosity`, `prompt_cache_key`,
    /// `service_tier`.
    pub openai_members: bool,
    /// Members of a request that are left out, by the names that they have there; Gemini: members of `generationConfig`.
    pub without: &'static [&'static str],
    /// Answers have reasoning in their text, between `<think>` and `</think>`: see [`Tags`](super::tags::Tags).
    pub think_tags: bool,
    /// Anthropic: thinking is adaptive, with an effort; else it has a budget.
    pub adaptive_thinking: bool,
    /// Anthropic: system messages are taken between the others, not at the beginning only. With the version 2023-06-01 that needs the
    /// beta `mid-conversation-system-2026-04-07`.
    pub system_anywhere: bool,
    /// Anthropic: the last message may be the assistant's: the answer continues it.
    pub prefill: bool,
    /// Anthropic: temperature and nucleus sampling are taken together.
    pub both_samplings: bool,
    /// Chat Completions, Anthropic: schemas are followed, that of the answer and those of strict tools.
    pub schemas: bool,
    /// Chat Completions, Anthropic: a tool can be forced to be called.
    pub forced_tools: bool,
    /// Gemini: thinking has a level; else it has a budget. Such models also take images in results of tools, and tools together with
    /// a schema for the answer; and they want a signature on each step's first call.
    pub thinking_level: bool,
    /// Anthropic, Gemini: thinking cannot be switched off.
    pub thinking_always: bool,
    /// Anthropic: something is thought unless `thinking` is of this type; nothing is thought unasked where there is none.
    pub thinking_off: Option<&'static str>,
    /// Gemini: schemas are JSON Schema; else they are the subset of OpenAPI that it began with.
    pub json_schema: bool,
    /// The most tokens of an answer, where the dialect wants a number and the request has none.
    pub max_tokens: u64,
}

impl Default for Quirks {
    fn default() -> Self {
        Self {
            max_completion_tokens: false,
            developer: false,
            additional_tools: false,
            reasoning_history: false,
            sampling: true,
            stream_options: true,
            top_k: false,
            openai_members: false,
            without: &[],
            think_tags: false,
            adaptive_thinking: false,
            system_anywhere: false,
            prefill: true,
            both_samplings: true,
            schemas: true,
            forced_tools: true,
            thinking_level: false,
            thinking_always: false,
            thinking_off: None,
            json_schema: true,
            max_tokens: 16_384,
        }
    }
}
