//! How much the models of vendors take and give, by their names. Several upstreams serve some of them, and not all of them as much of it:
//! then the least counts. What an upstream's own list says is better.

use super::pattern::{Models, bare};

use Models::{Like, Since};

/// How many tokens a model takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Of a prompt.
    pub input: u64,
    /// Of an answer; 0 where that is not known.
    pub output: u64,
}

const M: u32 = 1_000_000;

/// Models, the most tokens of a prompt and of an answer. Of several rows the later one counts.
static LIMITS: &[(Models, u32, u32)] = &[
    (Like(&["gpt-3.5*"]), 16_385, 4096),
    (Like(&["gpt-4", "gpt-4-0*"]), 8192, 4096),
    (Like(&["gpt-4-1*", "gpt-4-turbo*"]), 128_000, 4096),
    (Like(&["gpt-4o*", "chatgpt-4o*", "gpt-audio*"]), 128_000, 16_384),
    (Like(&["gpt-4.1*"]), 1_047_576, 32_768),
    (Like(&["o1*", "o3*", "o4*"]), 200_000, 100_000),
    (Like(&["gpt-5*"]), 272_000, 128_000),
    (Like(&["gpt-5.4*", "gpt-5.5*"]), 1_050_000, 128_000),
    (Like(&["gpt-5.4-mini*", "gpt-5.4-nano*"]), 272_000, 128_000),
    (Like(&["gpt-5*-chat*"]), 128_000, 16_384),
    (Like(&["gpt-5.6*", "gpt-6*"]), 922_000, 128_000),
    (Like(&["gpt-oss*"]), 128_000, 32_768),
    (Since(&["claude"], (0, 0)), 200_000, 4096),
    (Since(&["claude"], (3, 5)), 200_000, 8192),
    (Since(&["claude"], (3, 7)), 200_000, 32_000),
    (Since(&["claude"], (4, 5)), 200_000, 64_000),
    (Since(&["claude"], (4, 6)), M, 128_000),
    (Like(&["gemini-*"]), 1_048_576, 65_536),
    (Like(&["deepseek-chat*", "deepseek-reasoner*"]), 131_072, 8192),
    (Like(&["deepseek-v4*", "deepseek-flash*"]), M, 131_072),
    (Like(&["kimi-k2*"]), 229_376, 16_384),
    (Like(&["kimi-k3*"]), 1_048_576, 0),
    (Like(&["glm-4.5*"]), 128_000, 32_000),
    (Like(&["glm-4.6*", "glm-4.7*", "glm-5*"]), 200_000, 128_000),
    (Like(&["glm-5.3*"]), M, 128_000),
    (Like(&["grok-4*"]), 500_000, 0),
    (Like(&["grok-code*", "devstral*"]), 256_000, 0),
    (Like(&["minimax-m2*"]), 196_608, 8192),
    (Like(&["minimax-m3*"]), 524_288, 128_000),
    (Like(&["mistral-large*", "mistral-medium*"]), 262_144, 0),
    (
        Like(&[
            "qwen3-coder-plus*",
            "qwen3-coder-flash*",
            "qwen3.*-plus*",
            "qwen3.*-max*",
        ]),
        991_808,
        65_536,
    ),
];

/// Returns how much a model takes, where that is known. Whose it is may stand in front of its name.
#[must_use]
pub fn limits(model: &str) -> Option<Limits> {
    let name = bare(model);
    let rows = LIMITS.iter().rev();
    let (_, input, output) = rows.into_iter().find(|(models, ..)| models.contain(&name))?;
    Some(Limits {
        input: u64::from(*input),
        output: u64::from(*output),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_known_by_its_name_whoever_serves_it() {
        for (name, known) in [
            ("gpt-5.5-2026-04-23", Some((1_050_000, 128_000))),
            ("openai/GPT-5.4-mini", Some((272_000, 128_000))),
            ("gpt-5.2-chat-latest", Some((128_000, 16_384))),
            ("gpt-4-0613", Some((8192, 4096))),
            ("gpt-4-turbo", Some((128_000, 4096))),
            ("anthropic/claude-opus-5.5", Some((1_000_000, 128_000))),
            ("claude-haiku-4-5-20251001", Some((200_000, 64_000))),
            ("gemini-3-pro", Some((1_048_576, 65_536))),
            ("kimi-k3-turbo", Some((1_048_576, 0))),
            ("qwen3.7-max", Some((991_808, 65_536))),
            ("echo", None),
            ("text-embedding-3-large", None),
        ] {
            let limits = limits(name).map(|limits| (limits.input, limits.output));
            assert_eq!(limits, known, "{name}");
        }
    }
}
