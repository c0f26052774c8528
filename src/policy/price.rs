//! What a request costs: which price belongs to a model, and what the tokens of an answer cost by it.
//!
//! A price that is not known is not zero: then it is not known what a request costs either.

mod table;

use crate::config::{Config, Rate, Route};
use crate::dialect::usage::Usage;

pub use crate::config::{Money, Price, Prices};

pub use self::table::{Row, Table, day, written};

/// OpenRouter's names of vendors whose own addresses are in the table as well, and our names of those. Most models cost the same.
const VENDORS: [(&str, &str); 9] = [
    ("anthropic", "anthropic"),
    ("deepseek", "deepseek"),
    ("google", "gemini"),
    ("mistralai", "mistral"),
    ("moonshotai", "moonshot"),
    ("openai", "openai"),
    ("qwen", "dashscope"),
    ("x-ai", "xai"),
    ("z-ai", "zhipu"),
];

/// How dates at the end of a model's name are written: how many digits each part has.
const DATES: [&[usize]; 7] = [&[4, 2, 2], &[2, 4], &[2, 2], &[8], &[6], &[4], &[3]];

/// How the answers of a route are priced, for one model.
#[derive(Clone, Debug)]
pub struct Pricing {
    /// What the operator says that it costs.
    own: Option<Box<Price>>,
    /// Amounts are in another currency than US dollars, so nothing but what the operator says can be used.
    is_foreign: bool,
}

impl Pricing {
    /// By what is listed.
    pub const LISTED: Self = Self {
        own: None,
        is_foreign: false,
    };

    /// Returns how a model is priced on a route: as that says, else as the configuration says for all, else by what is listed.
    #[must_use]
    pub fn of(config: &Config, route: &Route, model: &str) -> Self {
        let bare = route.model_prefix.and_then(|prefix| model.strip_prefix(prefix));
        let own = |prices: &Prices| prices.of(model).or_else(|| prices.of(bare?)).cloned();
        Self {
            own: own(&route.prices).or_else(|| own(&config.prices)).map(Box::new),
            is_foreign: !config.is_in_dollars(),
        }
    }

    /// Returns what an answer cost; nothing where that is not known.
    #[must_use]
    pub fn cost(&self, provider: &str, model: &str, usage: &Usage) -> Option<Money> {
        if self.is_foreign {
            let usage = Usage {
                own_cost: None,
                ..*usage
            };
            return cost(self.own.as_deref(), &usage);
        }
        if self.own.is_some() || usage.own_cost.is_some() {
            return cost(self.own.as_deref(), usage);
        }
        cost(Some(&listed(Table::INCLUDED, provider, model)?), usage)
    }
}

/// Returns what an answer cost: what its provider says, else what it used at this price. Nothing where that is not known.
#[must_use]
pub fn cost(price: Option<&Price>, usage: &Usage) -> Option<Money> {
    let own = usage.own_cost.map(Money);
    own.or_else(|| used(price?, usage))
}

/// Returns what is to be paid at a price, rounded half up once; nothing where something was used that has no rate.
fn used(price: &Price, usage: &Usage) -> Option<Money> {
    let number = |number: Option<u64>| number.unwrap_or_default();
    let (input, output) = (number(usage.prompt_tokens), number(usage.completion_tokens));
    let rates = price.rates(input);
    // What has a rate of its own is taken from what has not: no token is paid for twice.
    let (mut text, mut said) = (input, output);
    let take = |whole: &mut u64, part: Option<u64>| {
        let part = number(part).min(*whole);
        *whole -= part;
        part
    };
    let cached = take(&mut text, usage.cached_tokens);
    let mut written = take(&mut text, usage.cache_write_tokens);
    let for_hour = take(&mut written, usage.cache_write_hour_tokens);
    let parts = [
        (Rate::CacheRead, cached),
        (Rate::CacheWrite, written),
        (Rate::CacheWriteHour, for_hour),
        (Rate::AudioInput, take(&mut text, usage.audio_prompt_tokens)),
        (Rate::ImageInput, take(&mut text, usage.image_prompt_tokens)),
        (Rate::Input, text),
        (Rate::AudioOutput, take(&mut said, usage.audio_completion_tokens)),
        (Rate::ImageOutput, take(&mut said, usage.image_completion_tokens)),
        (Rate::Reasoning, take(&mut said, usage.reasoning_tokens)),
        (Rate::Output, said),
    ];
    let product = |rate: u64, count: u64| u128::from(rate) * u128::from(count);
    // In thousandths of what a rate counts in, since time counts in milliseconds.
    let by_time = rates.own(Rate::Second).zip(usage.audio_ms);
    let by_request = rates.own(Rate::Request);
    let mut sum = by_time.map_or(0, |(rate, time)| product(rate, time));
    sum += by_request.map_or(0, |rate| product(rate, 1_000));
    for (rate, tokens) in parts.into_iter().filter(|(_, tokens)| *tokens > 0) {
        match rates.get(rate) {
            Some(rate) => sum += product(rate, tokens) * 1_000,
            // Sound is paid for by its time, or by its tokens.
            None if by_time.is_some() => {}
            None => return None,
        }
    }
    let is_known = usage.prompt_tokens.or(usage.completion_tokens).is_some();
    if !is_known && by_time.is_none() && by_request.is_none() {
        return None;
    }
    let nano = (sum + 500_000) / 1_000_000;
    Some(Money(i64::try_from(nano).unwrap_or(i64::MAX)))
}

/// Returns the price that a table has for a model of a provider: by its name, else by its name without the date at its end, else by
/// the vendor's own name where OpenRouter sells it.
#[must_use]
pub fn listed(table: Table<'_>, provider: &str, model: &str) -> Option<Price> {
    let is = |name: &str| provider.eq_ignore_ascii_case(name);
    if is("openrouter") {
        return of_openrouter(table, model);
    }
    let provider = match provider {
        _ if is("azure") => "openai",
        _ if is("gemini-native") => "gemini",
        _ => provider,
    };
    let model = model.strip_prefix("models/").unwrap_or(model);
    // A fine-tuned model is called `ft:`, then the model that it was made from, then its owner.
    let base = model.strip_prefix("ft:").and_then(|name| name.split(':').next());
    let model = base.map_or(model, |base| &model[.."ft:".len() + base.len()]);
    named(table, provider, model)
}

/// Returns the price of a model at OpenRouter.
fn of_openrouter(table: Table<'_>, model: &str) -> Option<Price> {
    let (name, variant) = model.split_once(':').unwrap_or((model, ""));
    if variant == "free" {
        let mut price = Price::default();
        price.base.set(Rate::Input, 0);
        price.base.set(Rate::Output, 0);
        return Some(price);
    }
    named(table, "openrouter", name).or_else(|| {
        let (vendor, name) = name.split_once('/')?;
        let (_, own) = VENDORS.iter().find(|(known, _)| *known == vendor)?;
        match *own {
            "anthropic" => named(table, own, &name.replace('.', "-")),
            _ => named(table, own, name),
        }
    })
}

fn named(table: Table<'_>, provider: &str, model: &str) -> Option<Price> {
    let price = table.price(provider, model);
    price.or_else(|| table.price(provider, without_date(model)?))
}

/// Returns a model's name without the date at its end, or without `-latest`.
fn without_date(model: &str) -> Option<&str> {
    let cut = |lengths: &&[usize]| {
        let mut name = model;
        for length in lengths.iter().rev() {
            let (before, digits) = name.split_at_checked(name.len().checked_sub(*length)?)?;
            let are_digits = digits.bytes().all(|byte| byte.is_ascii_digit());
            name = before.strip_suffix(['-', '@']).filter(|_| are_digits)?;
        }
        Some(name)
    };
    let found = DATES.iter().find_map(cut).or_else(|| model.strip_suffix("-latest"))?;
    (!found.is_empty()).then_some(found)
}

#[cfg(test)]
mod tests;
