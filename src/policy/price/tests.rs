use proptest::prelude::*;

use super::*;
use crate::config::{Rates, millionths};

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

/// A price of rates for a million, as `input 2.5, output 10`.
fn price(rates: &str) -> Price {
    Price {
        base: rates_of(rates),
        tiers: Vec::new(),
    }
}

fn rates_of(text: &str) -> Rates {
    let mut rates = Rates::default();
    for part in text.split(", ").filter(|part| !part.is_empty()) {
        let (name, value) = part.split_once(' ').unwrap();
        let (rate, _) = Rate::ALL.into_iter().find(|(_, known)| *known == name).unwrap();
        rates.set(rate, millionths(value).unwrap());
    }
    rates
}

fn used_tokens(prompt: u64, completion: u64) -> Usage {
    Usage {
        prompt_tokens: Some(prompt),
        completion_tokens: Some(completion),
        ..Usage::default()
    }
}

#[test]
fn each_token_is_paid_for_once_at_its_own_rate() {
    let all = "input 1, output 2, cache_read 0.1, cache_write 1.25, cache_write_1h 2, audio_input 5, audio_output 7, image_input 3, \
        image_output 4, reasoning 6";
    let usage = Usage {
        cached_tokens: Some(10),
        cache_write_tokens: Some(20),
        cache_write_hour_tokens: Some(5),
        audio_prompt_tokens: Some(7),
        image_prompt_tokens: Some(3),
        reasoning_tokens: Some(11),
        audio_completion_tokens: Some(13),
        image_completion_tokens: Some(17),
        ..used_tokens(100, 60)
    };
    // A rate of 1 for a million is 1 000 billionths for one.
    let whole = 10 * 100 + 15 * 1250 + 5 * 2000 + 7 * 5000 + 3 * 3000 + 60 * 1000;
    let said = 11 * 6000 + 13 * 7000 + 17 * 4000 + 19 * 2000;
    for (rates, usage, nano) in [
        (all, usage, whole + said),
        ("input 1, output 2", usage, 100 * 1000 + 60 * 2000),
        ("input 1, output 2, cache_read 0", usage, 90 * 1000 + 60 * 2000),
        (
            "input 1, output 2, cache_write 1.25",
            usage,
            80 * 1000 + 20 * 1250 + 60 * 2000,
        ),
        (
            "input 2.5, output 10",
            used_tokens(1_000, 100),
            1_000 * 2_500 + 100 * 10_000,
        ),
        ("input 0, output 0", usage, 0),
        ("input 1, output 2", used_tokens(0, 0), 0),
        ("input 20", used_tokens(1_000, 0), 20_000_000),
        ("input 1, output 1, request 5000", used_tokens(1, 1), 5_002_000),
        ("request 5000", Usage::default(), 5_000_000),
    ] {
        assert_eq!(cost(Some(&price(rates)), &usage), Some(Money(nano)), "{rates}");
    }
}

#[test]
fn numbers_that_are_greater_than_what_they_are_a_part_of_are_not_paid_for_twice() {
    let rates = "input 1, output 2, cache_read 0.1, cache_write 1.25, reasoning 3";
    let usage = Usage {
        cached_tokens: Some(8),
        cache_write_tokens: Some(8),
        cache_write_hour_tokens: Some(100),
        audio_prompt_tokens: Some(8),
        reasoning_tokens: Some(100),
        ..used_tokens(10, 5)
    };
    let nano = 8 * 100 + 2 * 1250 + 5 * 3000;
    assert_eq!(cost(Some(&price(rates)), &usage), Some(Money(nano)));
}

#[test]
fn a_cost_is_rounded_once_and_half_of_a_billionth_goes_up() {
    for (rates, tokens, nano) in [
        ("input 0.0004, output 0", 1, 0),
        ("input 0.000499, output 0", 1, 0),
        ("input 0.0005, output 0", 1, 1),
        ("input 0.001499, output 0", 1, 1),
        ("input 0.0004, output 0", 5, 2),
        ("input 0.000001, output 0", 499, 0),
        ("input 0.000001, output 0", 500, 1),
    ] {
        assert_eq!(
            cost(Some(&price(rates)), &used_tokens(tokens, 0)),
            Some(Money(nano)),
            "{rates}"
        );
    }
    // Each part rounded by itself would come to nothing.
    let parts = Usage {
        cached_tokens: Some(1),
        ..used_tokens(2, 1)
    };
    let rates = price("input 0.0004, output 0.0004, cache_read 0.0003");
    assert_eq!(cost(Some(&rates), &parts), Some(Money(1)));
}

#[test]
fn sound_is_paid_for_by_its_time_or_by_its_tokens() {
    let seconds = |audio_ms| Usage {
        audio_ms: Some(audio_ms),
        ..Usage::default()
    };
    let tokens = Usage {
        audio_prompt_tokens: Some(14),
        ..used_tokens(14, 3)
    };
    for (rates, usage, expected) in [
        ("second 100", seconds(12_500), Some(1_250_000)),
        (
            "second 100",
            Usage {
                prompt_tokens: Some(9),
                ..seconds(1_000)
            },
            Some(100_000),
        ),
        ("second 0.001", seconds(499), Some(0)),
        ("second 0.001", seconds(500), Some(1)),
        (
            "input 2.5, output 10, audio_input 6",
            tokens,
            Some(14 * 6_000 + 3 * 10_000),
        ),
        ("second 100", tokens, None),
        ("input 2.5, output 10", seconds(1_000), None),
    ] {
        assert_eq!(cost(Some(&price(rates)), &usage), expected.map(Money), "{rates}");
    }
}

#[test]
fn long_requests_have_the_rates_of_their_tier() {
    let mut price = price("input 1, output 2");
    price.tiers.push((200, rates_of("input 2, output 3, cache_read 0.01")));
    for (usage, nano) in [
        (used_tokens(200, 1), 200 * 1000 + 2000),
        (used_tokens(201, 1), 201 * 2000 + 3000),
        (used_tokens(1, 201), 1000 + 201 * 2000),
        (
            Usage {
                cached_tokens: Some(200),
                ..used_tokens(201, 0)
            },
            2000 + 200 * 10,
        ),
    ] {
        assert_eq!(cost(Some(&price), &usage), Some(Money(nano)));
    }
}

#[test]
fn what_the_provider_says_wins() {
    let said = Usage {
        own_cost: Some(7),
        ..used_tokens(1_000, 1_000)
    };
    assert_eq!(cost(Some(&price("input 1, output 1")), &said), Some(Money(7)));
    assert_eq!(cost(None, &said), Some(Money(7)));
}

#[test]
fn what_is_not_known_does_not_cost_nothing() {
    assert_eq!(cost(None, &used_tokens(1, 1)), None);
    assert_eq!(cost(Some(&price("input 1")), &used_tokens(1, 1)), None);
    assert_eq!(cost(Some(&price("output 1")), &used_tokens(1, 1)), None);
    assert_eq!(cost(Some(&price("input 1, output 1")), &Usage::default()), None);
}

proptest! {
    #[test]
    fn a_cost_is_what_all_at_the_lowest_and_at_the_highest_rate_costs_or_between(
        (low, middle, high) in (0..1_000_000_u64, 0..1_000_000_u64, 0..1_000_000_u64),
        prompt in 0..10_000_000_u64,
        completion in 0..10_000_000_u64,
        parts in proptest::array::uniform8(proptest::option::of(0..20_000_000_u64)),
        places in proptest::array::uniform10(0..3_usize),
    ) {
        let mut rates = [low, low + middle, low + middle + high];
        rates.sort_unstable();
        let all = |rate: u64| {
            let mut price = Price::default();
            price.base.set(Rate::Input, rate);
            price.base.set(Rate::Output, rate);
            price
        };
        let mut mixed = Price::default();
        for ((rate, _), place) in Rate::ALL.into_iter().zip(places) {
            mixed.base.set(rate, rates[place]);
        }
        let [cached, written, hour, reasoning, audio_in, audio_out, image_in, image_out] = parts;
        let usage = Usage {
            cached_tokens: cached,
            cache_write_tokens: written,
            cache_write_hour_tokens: hour,
            reasoning_tokens: reasoning,
            audio_prompt_tokens: audio_in,
            audio_completion_tokens: audio_out,
            image_prompt_tokens: image_in,
            image_completion_tokens: image_out,
            ..used_tokens(prompt, completion)
        };
        let of = |price: &Price| cost(Some(price), &usage).unwrap();
        let (least, most) = (of(&all(rates[0])), of(&all(rates[2])));
        let found = of(&mixed);
        prop_assert!(least <= found && found <= most, "{:?} {:?} {:?}", least, found, most);
        prop_assert!(found >= Money::ZERO);
        // No part changes how many tokens there are.
        let one = of(&all(1_000));
        prop_assert_eq!(one, Money(i64::try_from(prompt + completion).unwrap()));
    }

    #[test]
    fn no_numbers_are_too_large(numbers in proptest::array::uniform8(any::<u64>()), rate in 0..=1_000_000_000_000_000_u64) {
        let [prompt, completion, cached, written, audio, reasoning, image, audio_ms] = numbers;
        let mut price = Price::default();
        for (known, _) in Rate::ALL {
            price.base.set(known, rate);
        }
        let usage = Usage {
            cached_tokens: Some(cached),
            cache_write_tokens: Some(written),
            audio_prompt_tokens: Some(audio),
            image_completion_tokens: Some(image),
            reasoning_tokens: Some(reasoning),
            audio_ms: Some(audio_ms),
            ..used_tokens(prompt, completion)
        };
        prop_assert!(cost(Some(&price), &usage).unwrap() >= Money::ZERO);
    }
}
