//! What a request costs: which price belongs to a model, and what the tokens of an answer cost by it.
//!
//! A price that is not known is not zero: then it is not known what a request costs either.

mod table;

use crate::config::{Price, Rate};

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
