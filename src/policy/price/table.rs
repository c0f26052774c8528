//! The table of prices that the gateway brings: a text with one line a model, in the order of its bytes. It is searched as it is, and
//! nothing is made of it beforehand. `scripts/prices` writes it.
//!
//! ```text
//! # date 2026-12-01
//! openai/gpt-5.4<TAB>2.5 15 r.25 >272000 5 22.5 r.5
//! ```
//!
//! A line has the provider and the model in small letters, and rates in US dollars for a million: input, output, then each with its
//! letter what has another one. Behind `>` stands how many tokens of input there are more than, and what differs then.

use crate::config::{Price, Rate, Rates, decimal_of, millionths};
use crate::dialect::wire::date;

/// The letters of the rates that have one.
const LETTERS: [(&str, Rate); 10] = [
    ("r", Rate::CacheRead),
    ("w", Rate::CacheWrite),
    ("h", Rate::CacheWriteHour),
    ("a", Rate::AudioInput),
    ("A", Rate::AudioOutput),
    ("i", Rate::ImageInput),
    ("I", Rate::ImageOutput),
    ("t", Rate::Reasoning),
    ("q", Rate::Request),
    ("s", Rate::Second),
];

/// A table of prices.
#[derive(Clone, Copy, Debug)]
pub struct Table<'a>(&'a str);

/// One line of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row<'a> {
    /// The provider's name.
    pub provider: &'a str,
    /// The model's name in small letters.
    pub model: &'a str,
    /// What it costs, as the table has it.
    rates: &'a str,
}

impl Row<'_> {
    /// Returns what the model costs; nothing where the line cannot be read.
    #[must_use]
    pub fn price(&self) -> Option<Price> {
        read(self.rates)
    }
}

impl Table<'static> {
    /// The table that the gateway brings.
    pub const INCLUDED: Self = Self(include_str!("table.txt"));
}

impl<'a> Table<'a> {
    /// Returns the table that a text is. Nothing where it has no date, where a line cannot be read, or where one is out of order.
    #[must_use]
    pub fn read(text: &'a str) -> Option<Self> {
        let table = Self(text);
        let is_read = table.rows().all(|row| row.price().is_some());
        let keys = || table.rows().map(|row| key(row.provider, row.model));
        let is_sorted = keys().zip(keys().skip(1)).all(|(one, next)| one.lt(next));
        (is_read && is_sorted && table.date().is_some_and(|date| day(date).is_some())).then_some(table)
    }

    /// Returns the day for which the prices were made, as `2026-12-01`.
    #[must_use]
    pub fn date(self) -> Option<&'a str> {
        self.head("# date ")
    }

    /// Returns where the prices come from.
    #[must_use]
    pub fn sources(self) -> Option<&'a str> {
        self.head("# sources ")
    }

    fn head(self, name: &str) -> Option<&'a str> {
        self.0.lines().find_map(|line| line.strip_prefix(name))
    }

    /// Returns the rows in order.
    pub fn rows(self) -> impl Iterator<Item = Row<'a>> {
        let lines = self.0.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
        lines.map(|line| {
            let (name, rates) = line.split_once('\t').unwrap_or((line, ""));
            let (provider, model) = name.split_once('/').unwrap_or(("", name));
            Row { provider, model, rates }
        })
    }

    /// Returns the price of a model of a provider, by no other name than this one. Case makes no difference.
    #[must_use]
    pub fn price(self, provider: &str, model: &str) -> Option<Price> {
        let bytes = self.0.as_bytes();
        let (mut low, mut high) = (0, bytes.len());
        while low < high {
            let middle = low.midpoint(high);
            let is_end = |byte: &u8| *byte == b'\n';
            let start = bytes[low..middle]
                .iter()
                .rposition(is_end)
                .map_or(low, |at| low + at + 1);
            let end = bytes[middle..high]
                .iter()
                .position(is_end)
                .map_or(high, |at| middle + at);
            let (name, rates) = self.0[start..end].split_once('\t').unwrap_or_default();
            match name.bytes().cmp(key(provider, model)) {
                std::cmp::Ordering::Equal => return read(rates),
                std::cmp::Ordering::Less => low = end + 1,
                std::cmp::Ordering::Greater => high = start,
            }
        }
        None
    }
}

/// Returns a price as a line of a table has it.
#[must_use]
pub fn written(price: &Price) -> String {
    let mut words = rates_written(&price.base, None);
    for (above, rates) in &price.tiers {
        words.push(format!(">{above}"));
        words.extend(rates_written(rates, Some(&price.base)));
    }
    words.join(" ")
}

/// Returns rates in words. `base`: those of the shortest requests, for rates of a tier.
fn rates_written(rates: &Rates, base: Option<&Rates>) -> Vec<String> {
    let written = |(letter, rate): (&str, Rate)| {
        let value = rates.own(rate)?;
        let is_new = letter.is_empty() || base.is_none_or(|base| base.own(rate) != Some(value));
        is_new.then(|| format!("{letter}{}", decimal_of(value)))
    };
    let first = [Rate::Input, Rate::Output].map(|rate| ("", rate));
    first.into_iter().chain(LETTERS).filter_map(written).collect()
}

/// Returns the bytes by which a model is found.
fn key(provider: &str, model: &str) -> impl Iterator<Item = u8> {
    let name = provider.bytes().chain([b'/']).chain(model.bytes());
    name.map(|byte| byte.to_ascii_lowercase())
}

/// Reads the rates of a line.
fn read(text: &str) -> Option<Price> {
    let mut price = Price::default();
    let (mut rates, mut above) = (Rates::default(), None);
    let mut next = Some(Rate::Input);
    for word in text.split(' ') {
        if let Some(tokens) = word.strip_prefix('>') {
            put(&mut price, above, &rates);
            (above, next) = (Some(tokens.parse().ok()?), Some(Rate::Input));
            rates.clone_from(&price.base);
            continue;
        }
        let letter = LETTERS
            .iter()
            .find_map(|(letter, rate)| Some((*rate, word.strip_prefix(letter)?)));
        let (rate, number) = match letter {
            Some(found) => found,
            None => (next?, word),
        };
        rates.set(rate, millionths(number)?);
        if letter.is_none() {
            next = (rate == Rate::Input).then_some(Rate::Output);
        }
    }
    put(&mut price, above, &rates);
    (!price.base.is_empty()).then_some(price)
}

/// Adds rates to a price: of a tier where `above` says which.
fn put(price: &mut Price, above: Option<u64>, rates: &Rates) {
    match above {
        None => price.base.clone_from(rates),
        Some(above) => price.tiers.push((above, rates.clone())),
    }
}

/// Returns the day that a date such as `2026-12-01` is, counted from 1970 on.
#[must_use]
pub fn day(date: &str) -> Option<i64> {
    let mut parts = date.split('-').map(|part| part.parse::<i64>().ok());
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    let is_date = parts.next().is_none() && (1970..10_000).contains(&year) && (1..=12).contains(&month);
    if !is_date || !(1..=31).contains(&day) {
        return None;
    }
    Some(date::days(year, month, day))
}

#[cfg(test)]
mod tests;
