use super::pattern::{is_like, version_of};
use super::quirks;
use crate::dialect::formats::by_name;
use crate::dialect::neutral::request::Quirks;

fn of(provider: &str, dialect: &str, model: &str) -> Quirks {
    quirks(provider, by_name(dialect).unwrap(), model)
}

#[test]
fn a_model_that_nobody_knows_is_as_its_dialect_says() {
    for (dialect, model) in [("openai", "m"), ("responses", ""), ("gemini", "a/b/"), ("openai", "*")] {
        assert_eq!(of("custom", dialect, model), Quirks::default(), "{dialect} {model}");
    }
    let other = Quirks {
        schemas: false,
        ..Quirks::default()
    };
    assert_eq!(of("custom", "anthropic", "glm-4.6"), other);
}

#[test]
fn stars_stand_for_any_run() {
    for (pattern, name) in [
        ("a", "a"),
        ("a*", "a"),
        ("*a", "ba"),
        ("a*b*c", "aXbYbZc"),
        ("*b*", "abc"),
        ("gpt-5*-chat*", "gpt-5.2-chat-latest"),
    ] {
        assert!(is_like(pattern, name), "{pattern} {name}");
    }
    for (pattern, name) in [
        ("a", "ab"),
        ("a*", "ba"),
        ("*a", "ab"),
        ("a*bc*bc", "abc"),
        ("aa*a", "aa"),
    ] {
        assert!(!is_like(pattern, name), "{pattern} {name}");
    }
}

#[test]
fn versions_are_read_wherever_they_stand() {
    for (name, version) in [
        ("claude-opus-4-5-20251101", (4, 5)),
        ("claude-opus-4.5", (4, 5)),
        ("claude-sonnet-4-20250514", (4, 0)),
        ("claude-3-7-sonnet-latest", (3, 7)),
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", (4, 5)),
        ("claude-haiku-5-5:beta", (5, 5)),
        ("gemini-2.5-pro-preview-05-06", (2, 5)),
        ("gemini-3-flash", (3, 0)),
        ("gemini-flash-latest", (u16::MAX, 0)),
        ("", (u16::MAX, 0)),
    ] {
        assert_eq!(version_of(name), version, "{name}");
    }
}

#[test]
fn openais_own_members_are_for_openai() {
    for provider in ["openai", "OpenAI", "azure"] {
        let quirks = of(provider, "openai", "gpt-4.1");
        assert!(quirks.developer && quirks.openai_members && quirks.max_completion_tokens && quirks.sampling);
        assert!(of(provider, "responses", "gpt-5").developer);
    }
    for provider in ["openrouter", "groq", "custom"] {
        let quirks = of(provider, "openai", "gpt-4.1");
        assert!(!quirks.developer && !quirks.openai_members && !quirks.max_completion_tokens);
    }
}

#[test]
fn who_reasons_takes_no_sampling_and_who_does_not_takes_no_effort() {
    for model in [
        "o3",
        "gpt-5",
        "GPT-5.6-sol",
        "openai/gpt-5-mini",
        "gpt-6.1-terra",
        "o4-mini",
    ] {
        let quirks = of("custom", "openai", model);
        assert!(!quirks.sampling && quirks.max_completion_tokens, "{model}");
        assert!(quirks.without.is_empty(), "{model}");
    }
    for model in ["gpt-4o", "openai/gpt-4.1-mini", "gpt-3.5-turbo"] {
        let quirks = of("custom", "openai", model);
        assert!(
            quirks.sampling && quirks.without.contains(&"reasoning_effort"),
            "{model}"
        );
        assert!(
            of("openai", "responses", model).without.contains(&"reasoning"),
            "{model}"
        );
    }
    assert!(of("openai", "openai", "gpt-5.2-chat-latest").sampling);
    assert!(of("groq", "openai", "openai/gpt-oss-120b").sampling);
}

/// What a table of models says of each: adaptive thinking, sampling, both samplings, prefill, schemas, forced tools, always thinking,
/// the way to switch that off, system messages anywhere, tokens.
type Claude = (&'static str, [bool; 8], Option<&'static str>, u64);

#[rustfmt::skip]
const CLAUDE: &[Claude] = &[
    //                          adaptive sampling both prefill schemas forced always system
    ("claude-3-opus-20240229",    [false, true,  true,  true,  false, true,  false, false], None, 4_096),
    ("claude-3-5-sonnet-latest",  [false, true,  true,  true,  false, true,  false, false], None, 8_192),
    ("claude-sonnet-4-20250514",  [false, true,  true,  true,  false, true,  false, false], None, 32_000),
    ("claude-opus-4-1-20250805",  [false, true,  false, true,  false, true,  false, false], None, 32_000),
    ("claude-haiku-4-5",          [false, true,  false, true,  true,  true,  false, false], None, 64_000),
    ("Claude-Opus-4.5",           [false, true,  false, true,  true,  true,  false, false], None, 64_000),
    ("claude-sonnet-4-6",         [true,  true,  false, false, true,  true,  false, false], None, 128_000),
    ("claude-opus-4-7-20260416",  [true,  false, false, false, true,  true,  false, false], None, 128_000),
    ("claude-opus-4-8",           [true,  false, false, false, true,  true,  false, true],  None, 128_000),
    ("claude-sonnet-5",           [true,  false, false, false, true,  true,  false, true],  Some("disabled"), 128_000),
    ("claude-opus-5",             [true,  false, false, false, true,  true,  false, true],  Some("disabled"), 128_000),
    ("claude-haiku-5-5",          [true,  false, false, false, true,  true,  false, true],  Some("disabled"), 128_000),
    ("claude-sonnet-5-5",         [true,  false, false, false, true,  false, false, true],  Some("between_tools"), 128_000),
    ("claude-opus-5-5",           [true,  false, false, false, true,  false, true,  true],  Some("disabled"), 128_000),
    ("claude-fable-5",            [true,  false, false, false, true,  true,  true,  true],  Some("disabled"), 128_000),
    ("claude-fable-5-1",          [true,  false, false, false, true,  false, true,  true],  Some("disabled"), 128_000),
    ("claude-mythos-preview",     [true,  false, false, false, true,  true,  true,  false], Some("disabled"), 128_000),
    ("claude-opus-latest",        [true,  false, false, false, true,  false, true,  true],  Some("disabled"), 128_000),
];

#[test]
fn each_model_of_anthropic_is_asked_as_it_wants() {
    for (model, [adaptive, sampling, both, prefill, schemas, forced, always, system], off, most) in CLAUDE {
        let expected = Quirks {
            adaptive_thinking: *adaptive,
            sampling: *sampling,
            both_samplings: *both,
            prefill: *prefill,
            schemas: *schemas,
            forced_tools: *forced,
            thinking_always: *always,
            system_anywhere: *system,
            thinking_off: *off,
            max_tokens: *most,
            ..Quirks::default()
        };
        assert_eq!(of("anthropic", "anthropic", model), expected, "{model}");
        let elsewhere = of("openrouter", "anthropic", &format!("anthropic/{model}"));
        assert_eq!(elsewhere, expected, "{model}");
    }
}

#[test]
fn each_model_of_google_is_asked_as_it_wants() {
    // Levels, always thinking, JSON Schema, sampling, thinking at all.
    for (model, expected) in [
        ("gemini-2.0-flash", [false, false, false, true, false]),
        ("gemini-2.5-flash", [false, false, true, true, true]),
        ("models/gemini-2.5-pro", [false, true, true, true, true]),
        ("gemini-3-flash-preview", [true, false, true, true, true]),
        ("gemini-3.1-pro-preview", [true, true, true, true, true]),
        ("gemini-3.5-flash-lite", [true, false, true, false, true]),
        ("gemini-3.8-flash", [true, true, true, false, true]),
        ("gemini-pro-latest", [true, true, true, true, true]),
        ("gemma-3-27b-it", [false, false, true, true, false]),
    ] {
        let quirks = of("gemini-native", "gemini", model);
        let thinks = !quirks.without.contains(&"thinkingConfig");
        let found = [
            quirks.thinking_level,
            quirks.thinking_always,
            quirks.json_schema,
            quirks.sampling,
            thinks,
        ];
        assert_eq!(found, expected, "{model}");
    }
}

#[test]
fn reasoning_goes_back_to_whoever_wants_it_and_to_nobody_who_refuses_it() {
    for (provider, model) in [
        ("deepseek", "deepseek-chat"),
        ("moonshot", "kimi-k2.6"),
        ("zhipu", "glm-4.6"),
        ("openrouter", "z-ai/glm-4.6"),
        ("custom", "deepseek-ai/DeepSeek-V3.2"),
        ("siliconflow", "moonshotai/Kimi-K2-Thinking"),
    ] {
        assert!(of(provider, "openai", model).reasoning_history, "{provider} {model}");
    }
    for (provider, model) in [
        ("openai", "gpt-5"),
        ("groq", "moonshotai/kimi-k2-instruct"),
        ("mistral", "zai-glm-5"),
        ("moonshot", "moonshot-v1-8k"),
        ("custom", "llama-4"),
    ] {
        assert!(!of(provider, "openai", model).reasoning_history, "{provider} {model}");
    }
}

#[test]
fn schemas_and_forced_calls_are_for_those_who_follow_them() {
    // Schemas, forced tools.
    for (provider, model, expected) in [
        ("openai", "gpt-5", [true, true]),
        ("deepseek", "deepseek-chat", [false, true]),
        ("deepseek", "deepseek-v4-flash", [false, false]),
        ("moonshot", "kimi-k2.6", [true, false]),
        ("moonshot", "moonshot-v1-8k", [true, true]),
        ("zhipu", "glm-4.6", [false, false]),
        ("zhipu", "glm-5.3", [true, false]),
        ("dashscope", "qwen-plus", [true, true]),
        ("dashscope", "qwen3-vl-32b-thinking", [true, false]),
        ("openrouter", "deepseek/deepseek-v4-pro", [true, true]),
    ] {
        let quirks = of(provider, "openai", model);
        assert_eq!([quirks.schemas, quirks.forced_tools], expected, "{provider} {model}");
    }
}

#[test]
fn what_a_provider_refuses_is_left_out() {
    for (provider, model, name) in [
        ("groq", "llama-3.3-70b-versatile", "logprobs"),
        ("groq", "llama-3.3-70b-versatile", "reasoning_effort"),
        ("mistral", "mistral-large-latest", "seed"),
        ("gemini", "gemini-2.5-flash", "seed"),
        ("xai", "grok-4", "stop"),
        ("xai", "grok-4.20-non-reasoning", "reasoning_effort"),
        ("moonshot", "kimi-k3", "n"),
        ("zhipu", "glm-4.6", "presence_penalty"),
    ] {
        assert!(
            of(provider, "openai", model).without.contains(&name),
            "{provider} {model} {name}"
        );
    }
    for (provider, model, name) in [
        ("groq", "openai/gpt-oss-20b", "reasoning_effort"),
        ("xai", "grok-4.5", "reasoning_effort"),
        ("xai", "grok-4.20-non-reasoning", "stop"),
        ("moonshot", "moonshot-v1-8k", "n"),
        ("openrouter", "x-ai/grok-4", "stop"),
    ] {
        assert!(
            !of(provider, "openai", model).without.contains(&name),
            "{provider} {model} {name}"
        );
    }
    assert!(!of("mistral", "openai", "m").stream_options && !of("zhipu", "openai", "m").stream_options);
    assert!(of("vllm", "openai", "m").top_k && !of("openai", "openai", "m").top_k);
    // The same provider's other dialect is another one.
    assert!(of("zhipu", "anthropic", "glm-4.6").without.is_empty());
}

#[test]
fn reasoning_in_the_text_is_looked_for_where_servers_leave_it_there() {
    for (provider, model) in [
        ("ollama", "deepseek-r1:7b"),
        ("vllm", "deepseek-ai/DeepSeek-R1-Distill-Qwen-7B"),
        ("lmstudio", "qwen/qwen3-8b"),
        ("llamacpp", "QwQ-32B"),
        ("custom", "Phi-4-mini-reasoning"),
    ] {
        assert!(of(provider, "openai", model).think_tags, "{provider} {model}");
    }
    for (provider, model) in [
        ("siliconflow", "deepseek-ai/DeepSeek-R1"),
        ("deepseek", "deepseek-reasoner"),
        ("ollama", "llama4"),
    ] {
        assert!(!of(provider, "openai", model).think_tags, "{provider} {model}");
    }
}
