//! The rows: families of models first, for whoever serves them; then providers, which may know better.

use super::pattern::{Models, Row};
use crate::dialect::neutral::request::Quirks;

use Models::{Any, Like, Since};

const CHAT: &[&str] = &["openai"];
const OPENAI: &[&str] = &["openai", "azure"];

/// Returns a row for models, whoever serves them.
const fn models(models: Models, set: fn(&mut Quirks)) -> Row {
    Row {
        providers: &[],
        dialects: &[],
        models,
        set,
    }
}

/// Returns a row for models of providers that are asked for Chat Completions.
const fn chat(providers: &'static [&'static str], models: Models, set: fn(&mut Quirks)) -> Row {
    Row {
        providers,
        dialects: CHAT,
        models,
        set,
    }
}

/// OpenAI's models that do not reason. They refuse to hear how much they should, which coding agents always say.
const PLAIN: &[&str] = &["gpt-3.5*", "gpt-4*", "chatgpt-4o*", "gpt-audio*", "gpt-5-search*"];

/// OpenAI's models that reason.
const REASONING: &[&str] = &[
    "o1*",
    "o3*",
    "o4*",
    "gpt-5*",
    "gpt-6*",
    "gpt-daybreak*",
    "codex-*",
    "computer-use*",
];

/// Models that write what they think into their text, where the server does not take it apart.
const TAGGED: &[&str] = &[
    "deepseek-r1*",
    "*-r1-distill*",
    "qwq*",
    "qwen3*",
    "glm-4*",
    "glm-z1*",
    "minimax-m*",
    "phi-4*reasoning*",
];

/// Models that want to see again what they thought, at least along with calls of tools.
const REMEMBERING: &[&str] = &[
    "deepseek-v*",
    "deepseek-flash*",
    "deepseek-reasoner*",
    "kimi-k*",
    "glm-4.7*",
    "glm-5*",
    "minimax-m*",
];

/// The table.
pub(super) static ROWS: &[Row] = &[
    // OpenAI's models.
    models(Like(PLAIN), |quirks| {
        quirks.without = &["reasoning_effort", "reasoning"];
    }),
    models(Like(REASONING), |quirks| {
        quirks.max_completion_tokens = true;
        quirks.sampling = false;
    }),
    models(Like(&["gpt-5*-chat*"]), |quirks| quirks.sampling = true),
    models(Like(&["gpt-4o*search*"]), |quirks| quirks.sampling = false),
    models(Like(REMEMBERING), |quirks| quirks.reasoning_history = true),
    // Anthropic's models. What others serve in its dialect knows none of what is new.
    Row {
        dialects: &["anthropic"],
        ..models(Any, |quirks| quirks.schemas = false)
    },
    models(Since(&["claude"], (0, 0)), |quirks| quirks.max_tokens = 4096),
    models(Since(&["claude"], (3, 5)), |quirks| quirks.max_tokens = 8192),
    // Before 4.5, what may be answered and what was asked have to fit together.
    models(Since(&["claude"], (3, 7)), |quirks| quirks.max_tokens = 32_000),
    models(Since(&["claude"], (4, 1)), |quirks| quirks.both_samplings = false),
    models(Since(&["claude"], (4, 5)), |quirks| {
        quirks.schemas = true;
        quirks.max_tokens = 64_000;
    }),
    models(Since(&["claude"], (4, 6)), |quirks| {
        quirks.adaptive_thinking = true;
        quirks.prefill = false;
        quirks.max_tokens = 128_000;
    }),
    models(Since(&["claude"], (4, 7)), |quirks| quirks.sampling = false),
    models(Since(&["claude"], (4, 8)), |quirks| quirks.system_anywhere = true),
    models(Since(&["claude"], (5, 0)), |quirks| {
        quirks.thinking_off = Some("disabled");
    }),
    models(Since(&["claude", "sonnet"], (5, 5)), |quirks| {
        quirks.thinking_off = Some("between_tools");
        quirks.forced_tools = false;
    }),
    models(Like(&["*claude-fable*", "*claude-mythos*"]), |quirks| {
        quirks.thinking_always = true;
    }),
    models(Since(&["claude", "fable"], (5, 1)), |quirks| {
        quirks.forced_tools = false;
    }),
    models(Since(&["claude", "mythos"], (5, 1)), |quirks| {
        quirks.forced_tools = false;
    }),
    models(Since(&["claude", "opus"], (5, 5)), |quirks| {
        quirks.thinking_always = true;
        quirks.forced_tools = false;
    }),
    models(Like(&["*claude-mythos-preview*"]), |quirks| {
        quirks.system_anywhere = false;
        quirks.forced_tools = true;
    }),
    // Gemini's models.
    models(Like(&["gemma-*", "learnlm-*"]), |quirks| {
        quirks.without = &["thinkingConfig"];
    }),
    models(Since(&["gemini"], (0, 0)), |quirks| {
        quirks.json_schema = false;
        quirks.without = &["thinkingConfig"];
    }),
    models(Since(&["gemini"], (2, 5)), |quirks| {
        quirks.json_schema = true;
        quirks.without = &[];
    }),
    models(Like(&["gemini-2.5-pro*"]), |quirks| quirks.thinking_always = true),
    // The lowest level that all of them have is LOW.
    models(Since(&["gemini"], (3, 0)), |quirks| {
        quirks.thinking_level = true;
        quirks.thinking_always = true;
    }),
    models(
        Like(&["gemini-3-flash*", "gemini-3.1-flash*", "gemini-3.5-flash*"]),
        |quirks| {
            quirks.thinking_always = false;
        },
    ),
    models(Since(&["gemini", "flash"], (3, 6)), |quirks| quirks.sampling = false),
    models(Like(&["gemini-3.5-flash-lite*"]), |quirks| quirks.sampling = false),
    // Providers of Chat Completions.
    Row {
        dialects: &["openai", "responses"],
        ..chat(OPENAI, Any, |quirks| {
            quirks.developer = true;
            quirks.additional_tools = true;
        })
    },
    chat(OPENAI, Any, |quirks| {
        quirks.max_completion_tokens = true;
        quirks.openai_members = true;
    }),
    chat(&["openrouter"], Any, |quirks| {
        quirks.top_k = true;
        quirks.reasoning_history = true;
    }),
    chat(
        &["siliconflow", "together", "vllm", "llamacpp", "lmstudio"],
        Any,
        |quirks| quirks.top_k = true,
    ),
    chat(&["dashscope"], Any, |quirks| {
        quirks.top_k = true;
        quirks.reasoning_history = true;
    }),
    chat(
        &["ollama", "vllm", "llamacpp", "lmstudio", "custom"],
        Like(TAGGED),
        |quirks| quirks.think_tags = true,
    ),
    chat(&["gemini"], Any, |quirks| {
        quirks.without = &[
            "seed",
            "user",
            "frequency_penalty",
            "presence_penalty",
            "logprobs",
            "top_logprobs",
        ];
    }),
    chat(&["deepseek"], Any, |quirks| {
        quirks.reasoning_history = true;
        quirks.schemas = false;
    }),
    // While these think, which they do unasked, no tool can be forced to be called.
    chat(
        &["deepseek"],
        Like(&["deepseek-v*", "deepseek-flash*", "deepseek-reasoner*"]),
        |quirks| {
            quirks.forced_tools = false;
        },
    ),
    chat(
        &["dashscope"],
        Like(&["*thinking*", "qwq*", "deepseek-v*", "kimi-k*"]),
        |quirks| {
            quirks.forced_tools = false;
        },
    ),
    chat(&["groq"], Any, |quirks| {
        quirks.reasoning_history = false;
        quirks.without = &["logprobs", "top_logprobs", "n", "reasoning_effort"];
    }),
    chat(&["groq"], Like(&["gpt-oss*"]), |quirks| {
        quirks.without = &["logprobs", "top_logprobs", "n"];
    }),
    // Which efforts its models take differs from model to model.
    chat(&["mistral"], Any, |quirks| {
        quirks.reasoning_history = false;
        quirks.stream_options = false;
        quirks.without = &["seed", "user", "logprobs", "top_logprobs", "reasoning_effort"];
    }),
    chat(&["xai"], Any, |quirks| {
        quirks.without = &["presence_penalty", "frequency_penalty", "stop", "reasoning_effort"];
    }),
    chat(
        &["xai"],
        Like(&[
            "grok-3-mini*",
            "grok-4.3*",
            "grok-4.5*",
            "grok-4.6*",
            "grok-4.7*",
            "*multi-agent*",
        ]),
        |quirks| {
            quirks.without = &["presence_penalty", "frequency_penalty", "stop"];
        },
    ),
    chat(
        &["xai"],
        Like(&["*non-reasoning*", "grok-2*", "grok-3", "grok-3-fast*"]),
        |quirks| {
            quirks.without = &["reasoning_effort"];
        },
    ),
    chat(&["moonshot"], Like(&["kimi-*"]), |quirks| {
        quirks.reasoning_history = true;
        quirks.sampling = false;
        quirks.forced_tools = false;
        quirks.without = &["n", "presence_penalty", "frequency_penalty", "reasoning_effort"];
    }),
    chat(&["zhipu"], Any, |quirks| {
        quirks.reasoning_history = true;
        quirks.schemas = false;
        quirks.forced_tools = false;
        quirks.stream_options = false;
        quirks.without = &[
            "frequency_penalty",
            "presence_penalty",
            "logprobs",
            "top_logprobs",
            "reasoning_effort",
        ];
    }),
    chat(&["zhipu"], Like(&["glm-5.3*"]), |quirks| quirks.schemas = true),
    chat(&["volcengine"], Any, |quirks| quirks.reasoning_history = true),
];
