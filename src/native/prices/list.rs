//! LiteLLM's list of models: an object with a member for each, which has the price of one token as a number.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::config::{Price, Rate, Rates};
use crate::policy::price::{Table, listed, written};

/// LiteLLM's names of providers and ours. Others are passed over.
const PROVIDERS: [(&str, &str); 14] = [
    ("anthropic", "anthropic"),
    ("cloudflare", "workers-ai"),
    ("dashscope", "dashscope"),
    ("deepseek", "deepseek"),
    ("gemini", "gemini"),
    ("groq", "groq"),
    ("mistral", "mistral"),
    ("moonshot", "moonshot"),
    ("openai", "openai"),
    ("openrouter", "openrouter"),
    ("text-completion-openai", "openai"),
    ("together_ai", "together"),
    ("volcengine", "volcengine"),
    ("xai", "xai"),
];

/// The members that have a rate. With `_above_200k_tokens` at its end a name is that of a tier.
const RATES: [(&str, Rate); 10] = [
    ("input_cost_per_token", Rate::Input),
    ("output_cost_per_token", Rate::Output),
    ("cache_read_input_token_cost", Rate::CacheRead),
    ("cache_creation_input_token_cost", Rate::CacheWrite),
    ("cache_creation_input_token_cost_above_1hr", Rate::CacheWriteHour),
    ("input_cost_per_audio_token", Rate::AudioInput),
    ("output_cost_per_audio_token", Rate::AudioOutput),
    ("input_cost_per_image_token", Rate::ImageInput),
    ("output_cost_per_image_token", Rate::ImageOutput),
    ("output_cost_per_reasoning_token", Rate::Reasoning),
];

/// Returns the rows of a table with the prices of such a list put over them; nothing where the text is not such a list. What the list
/// does not name stays, rates as well as models. A name that a lookup resolves to the same price adds no row.
pub(super) fn merged(table: Table<'_>, text: &str) -> Option<BTreeMap<String, String>> {
    let list: BTreeMap<String, Map<String, Value>> = serde_json::from_str(text).ok()?;
    let rows = table.rows().filter_map(|row| {
        let name = format!("{}/{}", row.provider, row.model);
        Some((name, written(&row.price()?)))
    });
    let mut rows: BTreeMap<String, String> = rows.collect();
    for (key, members) in &list {
        let Some(theirs) = members.get("litellm_provider").and_then(Value::as_str) else {
            continue;
        };
        let Some((_, provider)) = PROVIDERS.iter().find(|(name, _)| *name == theirs) else {
            continue;
        };
        let model = key
            .strip_prefix(theirs)
            .and_then(|rest| rest.strip_prefix('/'))
            .unwrap_or(key);
        let known = listed(table, provider, model);
        let Some(price) = price(members, known.as_ref()) else {
            continue;
        };
        if known.as_ref() != Some(&price) {
            rows.insert(format!("{provider}/{}", model.to_ascii_lowercase()), written(&price));
        }
    }
    Some(rows)
}

/// Returns the price of a model with what the list says of it; nothing where it says nothing.
fn price(members: &Map<String, Value>, known: Option<&Price>) -> Option<Price> {
    let base = rates(members, "");
    // A zero stands there where nobody knows the price.
    if RATES.iter().all(|(_, rate)| base.own(*rate).unwrap_or_default() == 0) {
        return None;
    }
    let mut price = known.cloned().unwrap_or_default();
    put(&mut price.base, &base);
    let mut tiers: Vec<u64> = members.keys().filter_map(|name| tier(name)).collect();
    tiers.sort_unstable();
    tiers.dedup();
    if !tiers.is_empty() {
        let above = |thousands: u64| {
            let mut tier = price.base.clone();
            put(&mut tier, &rates(members, &format!("_above_{thousands}k_tokens")));
            (thousands * 1_000, tier)
        };
        price.tiers = tiers.into_iter().map(above).collect();
    }
    Some(price)
}

/// Returns the rates of the members whose names end so.
fn rates(members: &Map<String, Value>, ending: &str) -> Rates {
    let mut rates = Rates::default();
    for (name, rate) in RATES {
        let value = members.get(&format!("{name}{ending}")).and_then(Value::as_f64);
        // Smaller parts than a millionth of a millionth do not count.
        if let Some(value) = value.filter(|value| (0.0..1.0).contains(value)) {
            rates.set(rate, (value * 1e12).round() as u64);
        }
    }
    rates
}

/// Sets all rates that are set in others, unless they say nothing new.
fn put(rates: &mut Rates, others: &Rates) {
    for (rate, _) in Rate::ALL {
        let known = rates.get(rate).unwrap_or_default();
        if let Some(value) = others.own(rate).filter(|value| *value != known) {
            rates.set(rate, value);
        }
    }
}

/// Returns of how many thousand tokens on a member has the price; nothing where it is not one of a tier.
fn tier(name: &str) -> Option<u64> {
    let (name, above) = name.strip_suffix("k_tokens")?.rsplit_once("_above_")?;
    let is_rate = RATES.iter().any(|(rate, _)| *rate == name);
    is_rate.then(|| above.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str =
        "# date 2026-12-01\nanthropic/claude-opus-5\t5 25 r.5 w6.25 h10\nopenai/gpt-5.4\t2.5 15 r.25 >272000 5 22.5\n";

    fn changed(list: &str) -> Option<Vec<(String, String)>> {
        let table = Table::read(TABLE).unwrap();
        let old = merged(table, "{}").unwrap();
        let new = merged(table, list)?;
        assert!(old.keys().all(|name| new.contains_key(name)));
        Some(
            new.into_iter()
                .filter(|(name, price)| old.get(name) != Some(price))
                .collect(),
        )
    }

    #[test]
    fn a_list_changes_what_it_names_and_nothing_else() {
        for (list, changes) in [
            ("{}", vec![]),
            (
                r#"{"claude-opus-5": {"litellm_provider": "anthropic", "input_cost_per_token": 4e-06, "cache_read_input_token_cost": 4e-7}}"#,
                vec![("anthropic/claude-opus-5", "4 25 r0.4 w6.25 h10")],
            ),
            (
                r#"{"gpt-5.4": {"litellm_provider": "openai", "input_cost_per_token": 2.5e-06, "input_cost_per_token_above_200k_tokens": 4e-06}}"#,
                vec![("openai/gpt-5.4", "2.5 15 r0.25 >200000 4 15")],
            ),
            (
                r#"{"together_ai/Qwen/New": {"litellm_provider": "together_ai", "input_cost_per_token": 1.5e-07, "output_cost_per_token": 6e-07}}"#,
                vec![("together/qwen/new", "0.15 0.6")],
            ),
            // The same price by another name, a price that nobody knows, a provider that is not ours.
            (
                r#"{"gpt-5.4-2026-03-05": {"litellm_provider": "openai", "input_cost_per_token": 2.5e-06, "output_cost_per_token": 1.5e-05,
                        "output_cost_per_reasoning_token": 1.5e-05},
                    "free": {"litellm_provider": "openai", "input_cost_per_token": 0, "output_cost_per_token": 0.0},
                    "gpt-5.4": {"litellm_provider": "bedrock", "input_cost_per_token": 1e-06},
                    "sample_spec": {"input_cost_per_token": 1e-06}}"#,
                vec![],
            ),
        ] {
            let found = changed(list).unwrap();
            let found: Vec<(&str, &str)> = found.iter().map(|(name, price)| (&**name, &**price)).collect();
            assert_eq!(found, changes, "{list}");
        }
    }

    #[test]
    fn what_is_not_such_a_list_is_none() {
        for text in ["", "[]", "x", r#"{"a": 1}"#, TABLE] {
            assert_eq!(changed(text), None, "{text}");
        }
    }
}
