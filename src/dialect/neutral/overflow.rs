//! Conversations that are too long for a model, which each vendor reports in its own words. Clients have to know it: they make the
//! conversation shorter, and ask again.

use serde_json::Value;

use crate::dialect::wire::json::parsed;

/// How Anthropic says it. Claude Code looks for these words, with two numbers behind them.
pub const TOO_LONG: &str = "prompt is too long";

/// How Anthropic says that a prompt leaves no room for the answer that was asked for. Its clients then ask for a shorter one.
pub const CONTEXT_LIMIT: &str = "exceed context limit";

/// OpenAI's code for it, by which Codex knows it.
pub const CODE: &str = "context_length_exceeded";

/// What others have in the place of that code: llama.cpp, GitHub, Zhipu and gateways.
const CODES: [&str; 6] = [
    CODE,
    "context_window_exceeded",
    "model_context_window_exceeded",
    "model_max_prompt_tokens_exceeded",
    "exceed_context_size_error",
    "1261",
];

/// How much of a message is read, in bytes. Behind that it may repeat what the client wrote.
const READ: usize = 400;

/// The words by which messages of vendors are known, in small letters: each of a line stands in the message.
#[rustfmt::skip]
static WORDS: &[&[&str]] = &[
    &[TOO_LONG],                                         // Anthropic, Fireworks
    &["maximum context length"],                         // OpenAI, vLLM, OpenRouter, DeepSeek, Mistral, SGLang
    &["context window", "exceed"],                       // OpenAI (Responses), Cloudflare, MiniMax, relays
    &["context length", "exceed"],                       // Ollama
    &["longer than the model's context length"],         // SGLang
    &["longer than the maximum model length"],           // vLLM, older
    &["available context size", "exceed"],               // llama.cpp
    &["loaded with context length"],                     // LM Studio
    &[CONTEXT_LIMIT],                                    // Anthropic, where `max_tokens` is too much besides
    &["input is too long for requested model"],          // Bedrock
    &["input token count", "exceeds the maximum"],       // Gemini
    &["input token count", "only supports up to"],       // Vertex
    &["prompt token count", "exceeds the limit"],        // GitHub
    &["maximum prompt length"],                          // xAI
    &["exceeded model token limit"],                     // Moonshot
    &["prompt exceeds max length"],                      // Zhipu
    &["range of input length should be"],                // DashScope
    &["exceed max message tokens"],                      // Volcengine
    &["length of prompt_tokens", "max_seq_len"],         // SiliconFlow
    &["`inputs` tokens + `max_new_tokens` must be"],     // Hugging Face, Together
    &["`inputs` must have less than"],                   // Hugging Face
    &["total number of tokens in the prompt cannot exceed"], // Cohere
];

/// Returns whether an error's message says that the conversation is too long.
#[must_use]
pub fn is_overflow(message: &str) -> bool {
    let end = message.floor_char_boundary(READ);
    let lower = message[..end].to_ascii_lowercase();
    WORDS.iter().any(|words| words.iter().all(|word| lower.contains(word)))
}

/// Returns whether a code or type of an error says so.
#[must_use]
pub fn is_code(code: &str) -> bool {
    CODES.contains(&code)
}

/// Returns whether the body of an error has the code by which clients of OpenAI's dialects know it.
#[must_use]
pub fn has_code(body: &[u8]) -> bool {
    let body: Value = parsed(body).unwrap_or_default();
    body["error"]["code"] == CODE
}

/// Returns how many tokens were sent and how many the model takes, where an error's message says both. Some upstreams say what
/// they take first, some last: what was sent is more. Where one number stands there, it is what the model takes.
#[must_use]
pub fn amounts(message: &str) -> Option<(u64, u64)> {
    let is_end = |char: char| !(char.is_ascii_alphanumeric() || matches!(char, '-' | '_' | '.' | ','));
    let words = message
        .split(is_end)
        .map(|word| word.trim_end_matches(['.', ',']).replace(',', ""));
    // Fewer are not numbers of tokens. What is a part of a name is none either.
    let mut numbers = words
        .filter_map(|word| word.parse::<u64>().ok())
        .filter(|number| *number >= 256);
    let one = numbers.next()?;
    let other = numbers.next().unwrap_or_else(|| one.saturating_add(1));
    match numbers.next() {
        // The prompt and the room for the answer, which together are more than the third.
        Some(most) if message.contains(" + ") && message.contains(CONTEXT_LIMIT) => {
            Some((one.saturating_add(other), most))
        }
        _ => Some((one.max(other), one.min(other))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Messages of vendors, and the numbers in them: of tokens that were sent, and that the model takes.
    #[rustfmt::skip]
    const MESSAGES: &[(&str, Option<(u64, u64)>)] = &[
        ("prompt is too long: 9000 tokens > 8192 maximum", Some((9000, 8192))),
        (
            "The prompt is too long: 9000, model maximum context length: 8192",
            Some((9000, 8192)),
        ),
        (
            "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens.",
            Some((9000, 8192)),
        ),
        (
            "This model's maximum context length is 8192 tokens. However, you requested 9000 tokens (1000 in the messages, 8000 in the completion). Please reduce the length of the messages or completion.",
            Some((9000, 8192)),
        ),
        (
            "This endpoint's maximum context length is 8192 tokens. However, you requested about 9000 tokens (8990 of text input, 10 in the output).",
            Some((9000, 8192)),
        ),
        (
            "Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768 maximum context length",
            Some((40_000, 32_768)),
        ),
        (
            "Your input exceeds the context window of this model. Please adjust your input and try again.",
            None,
        ),
        ("context window exceeds limit (2013)", Some((2014, 2013))),
        (
            "AiError: The estimated number of input and maximum output tokens (9000) exceeded this model context window limit (8192).",
            Some((9000, 8192)),
        ),
        ("the input length exceeds the context length", None),
        (
            "The input (5000 tokens) is longer than the model's context length (4096 tokens).",
            Some((5000, 4096)),
        ),
        (
            "The decoder prompt (length 5000) is longer than the maximum model length of 4096. Make sure that `max_model_len` is no smaller.",
            Some((5000, 4096)),
        ),
        (
            "request (4390 tokens) exceeds the available context size (4096 tokens), try increasing it",
            Some((4390, 4096)),
        ),
        (
            "Trying to keep the first 9000 tokens when context the overflows. However, the model is loaded with context length of only 4096 tokens",
            Some((9000, 4096)),
        ),
        (
            "input length and `max_tokens` exceed context limit: 198000 + 8192 > 200000, decrease input length or `max_tokens` and try again",
            Some((206_192, 200_000)),
        ),
        (
            "The model returned the following errors: Input is too long for requested model.",
            None,
        ),
        (
            "The input token count (9000) exceeds the maximum number of tokens allowed (8192).",
            Some((9000, 8192)),
        ),
        (
            "Unable to submit request because the input token count is 1048577 but model only supports up to 1048576.",
            Some((1_048_577, 1_048_576)),
        ),
        (
            "prompt token count of 130000 exceeds the limit of 128000",
            Some((130_000, 128_000)),
        ),
        (
            "This model's maximum prompt length is 131072 but the request contains 140,000 tokens.",
            Some((140_000, 131_072)),
        ),
        (
            "Invalid request: Your request exceeded model token limit: 8192",
            Some((8193, 8192)),
        ),
        ("Prompt exceeds max length", None),
        ("Range of input length should be [1, 30720]", Some((30_721, 30_720))),
        ("Total tokens of image and text exceed max message tokens", None),
        (
            "length of prompt_tokens (33000) must be less than max_seq_len (32768).",
            Some((33_000, 32_768)),
        ),
        (
            "`inputs` tokens + `max_new_tokens` must be <= 4097. Given: 5000 `inputs` tokens and 512 `max_new_tokens`",
            Some((5000, 4097)),
        ),
        (
            "Input validation error: `inputs` must have less than 4096 tokens. Given: 5000",
            Some((5000, 4096)),
        ),
        (
            "too many tokens: total number of tokens in the prompt cannot exceed 4081 - received 4292.",
            Some((4292, 4081)),
        ),
    ];

    #[test]
    fn each_vendors_words_are_known_and_their_numbers() {
        for (message, numbers) in MESSAGES {
            assert!(is_overflow(message), "{message}");
            assert_eq!(amounts(message), *numbers, "{message}");
        }
        for message in [
            "",
            "slow down",
            "max_tokens is too large: 9000",
            "the context window",
            "Request too large for model `m` on tokens per minute (TPM): Limit 6000, Requested 9000",
            "Invalid 'input': string too long. Expected a string with maximum length 10485760",
        ] {
            assert!(!is_overflow(message), "{message}");
        }
    }

    #[test]
    fn what_a_long_message_repeats_of_the_request_says_nothing() {
        let quoted = |before: usize| {
            format!(
                "{}: prompt is too long: 9000 tokens > 8192 maximum",
                "诶".repeat(before)
            )
        };
        assert!(is_overflow(&quoted(10)) && !is_overflow(&quoted(400)));
    }
}
