use super::*;

const TABLE: &str = "\
# date 2026-12-01
anthropic/claude-opus-5-5\t4 20
gemini/gemini-3-pro\t2 12
openai/ft:gpt-4o\t3.75 15
openai/gpt-4o\t2.5 10
openai/gpt-4o-2024-05-13\t5 15
openrouter/meta/small\t.1 .2
openrouter/openai/gpt-4o-mini\t.3 .9
xai/grok-4\t3 15
";

/// The rate of input, in millionths, that is found.
fn input(provider: &str, model: &str) -> Option<u64> {
    let table = Table::read(TABLE).unwrap();
    listed(table, provider, model).and_then(|price| price.base.own(Rate::Input))
}

#[test]
fn a_price_is_found_by_every_name_that_means_the_model() {
    for (provider, model, rate) in [
        ("openai", "gpt-4o", 2_500_000),
        ("OpenAI", "GPT-4o", 2_500_000),
        ("openai", "gpt-4o-latest", 2_500_000),
        ("openai", "gpt-4o-2024-11-20", 2_500_000),
        ("openai", "gpt-4o-2024-05-13", 5_000_000),
        ("azure", "gpt-4o", 2_500_000),
        ("azure", "gpt-4o-0513", 2_500_000),
        ("openai", "ft:gpt-4o-2024-08-06:acme::abc123", 3_750_000),
        ("openai", "ft:gpt-4o", 3_750_000),
        ("anthropic", "claude-opus-5-5-20261001", 4_000_000),
        ("anthropic", "claude-opus-5-5@20261001", 4_000_000),
        ("gemini", "models/gemini-3-pro", 2_000_000),
        ("gemini-native", "gemini-3-pro-09-2026", 2_000_000),
        ("Gemini-Native", "gemini-3-pro-001", 2_000_000),
        ("xai", "grok-4-0709", 3_000_000),
        ("openrouter", "meta/small", 100_000),
        ("openrouter", "meta/small:nitro", 100_000),
        ("openrouter", "meta/small:free", 0),
        ("openrouter", "who/knows:free", 0),
        ("openrouter", "openai/gpt-4o-mini", 300_000),
        ("openrouter", "openai/gpt-4o", 2_500_000),
        ("openrouter", "openai/gpt-4o-2024-11-20:online", 2_500_000),
        ("openrouter", "anthropic/claude-opus-5.5", 4_000_000),
        ("openrouter", "x-ai/grok-4", 3_000_000),
    ] {
        assert_eq!(input(provider, model), Some(rate), "{provider} {model}");
    }
}

#[test]
fn a_price_is_not_found_by_a_name_that_is_merely_similar() {
    for (provider, model) in [
        ("openai", "gpt-4"),
        ("openai", "gpt-4o-mini"),
        ("openai", "gpt-4o-12345"),
        ("openai", "gpt-4o2024"),
        ("openai", "gpt-4o-2024-5-13"),
        ("openai", "openai/gpt-4o"),
        ("openai", "gpt-4o:free"),
        ("openai", "-2024"),
        ("openai", ""),
        ("custom", "gpt-4o"),
        ("ollama", "gpt-4o"),
        ("openrouter", "gpt-4o"),
        ("openrouter", "meta/gpt-4o"),
        ("openrouter", "openai/"),
        ("openai", "ft:"),
        ("openai", "模型-2024"),
    ] {
        assert_eq!(input(provider, model), None, "{provider} {model}");
    }
}

#[test]
fn a_date_at_the_end_of_a_name_is_known_in_every_form() {
    for (model, name) in [
        ("m-2024-08-06", Some("m")),
        ("m-20240806", Some("m")),
        ("m@20240806", Some("m")),
        ("m-251201", Some("m")),
        ("m-05-20", Some("m")),
        ("m-preview-09-2025", Some("m-preview")),
        ("m-0613", Some("m")),
        ("m-001", Some("m")),
        ("m-latest", Some("m")),
        ("m-12", None),
        ("m-12345", None),
        ("m", None),
        ("2024", None),
        ("-2024", None),
        ("é-2024", Some("é")),
        ("éé", None),
    ] {
        assert_eq!(without_date(model), name, "{model}");
    }
}

#[test]
fn well_known_models_have_a_price() {
    for (provider, model) in [
        ("openai", "gpt-4o-mini-2024-07-18"),
        ("azure", "gpt-4o"),
        ("anthropic", "claude-sonnet-4-5-20250929"),
        ("gemini", "gemini-2.5-pro"),
        ("gemini-native", "gemini-2.5-flash"),
        ("deepseek", "deepseek-chat"),
        ("mistral", "mistral-large-latest"),
        ("xai", "grok-4-latest"),
        ("groq", "llama-3.3-70b-versatile"),
        ("moonshot", "kimi-k3"),
        ("zhipu", "glm-5"),
        ("dashscope", "qwen3-max"),
        ("openrouter", "openai/gpt-4o"),
        ("openrouter", "anthropic/claude-opus-4.5"),
        ("openrouter", "google/gemini-2.5-pro"),
    ] {
        assert!(listed(Table::INCLUDED, provider, model).is_some(), "{provider} {model}");
    }
}
