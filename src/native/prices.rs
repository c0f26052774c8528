//! `ai-gateway prices`: what the gateway takes models to cost, and what another list would change.

mod list;
mod update;

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use self::update::Update;
use super::process::{print, today};
use crate::config::{ModelPattern, Price, Rate, Rates, decimal_of};
use crate::policy::price::{Table, day, listed};

/// After so many days a table is called old.
const OLD: i64 = 90;

/// The columns, and which rate each has. Other rates stand behind them.
const COLUMNS: [(&str, Rate); 4] = [
    ("INPUT", Rate::Input),
    ("OUTPUT", Rate::Output),
    ("CACHE READ", Rate::CacheRead),
    ("CACHE WRITE", Rate::CacheWrite),
];

const AFTER_HELP: &str = "\
Prices are US dollars for a million tokens (requests, seconds). A model that is not listed has no known price, which is not \
the same as none. OpenRouter and xAI say themselves what a request cost.

For example:  ai-gateway prices 'gpt-5*' --provider openai";

/// What is asked for.
#[derive(Args)]
#[command(args_conflicts_with_subcommands = true, after_help = AFTER_HELP)]
pub(super) struct Prices {
    #[command(subcommand)]
    command: Option<Command>,
    /// Names of models, in which `*` stands for any characters [default: all]
    models: Vec<String>,
    /// Only this provider's
    #[arg(long)]
    provider: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Compare with another list: a table of scripts/prices, or LiteLLM's list of models
    Update(Update),
}

/// A model that is shown.
struct Shown<'a> {
    provider: &'a str,
    model: &'a str,
    price: Price,
}

impl Prices {
    /// Prints the prices, or does what the subcommand says.
    pub(super) fn run(self) -> Result<(), String> {
        if let Some(Command::Update(update)) = self.command {
            return update.run();
        }
        let shown = self.shown(Table::INCLUDED);
        if shown.is_empty() {
            return Err("no such model has a known price; `ai-gateway prices` lists those that have one".into());
        }
        if self.json {
            print(&json_of(Table::INCLUDED, &shown));
        } else {
            print(&text_of(Table::INCLUDED, &shown));
        }
        Ok(())
    }

    /// Returns what was asked for: the rows that fit, or for a name that no row has the price that would count for it.
    fn shown<'a>(&'a self, table: Table<'a>) -> Vec<Shown<'a>> {
        let provider = self.provider.as_deref();
        let rows: Vec<Shown<'a>> = table
            .rows()
            .filter(|row| provider.is_none_or(|provider| provider.eq_ignore_ascii_case(row.provider)))
            .filter_map(|row| {
                Some(Shown {
                    provider: row.provider,
                    model: row.model,
                    price: row.price()?,
                })
            })
            .collect();
        if self.models.is_empty() {
            return rows;
        }
        let mut providers: Vec<&str> = table.rows().map(|row| row.provider).collect();
        providers.dedup();
        let providers = provider.map_or(providers, |provider| vec![provider]);
        let mut shown = Vec::new();
        for model in &self.models {
            let pattern = ModelPattern::new(model.to_ascii_lowercase());
            let of_pattern = rows.iter().filter(|row| pattern.matches(row.model));
            shown.extend(of_pattern.map(|row| Shown {
                price: row.price.clone(),
                ..*row
            }));
            for provider in &providers {
                let is_shown = shown
                    .iter()
                    .any(|row| row.provider.eq_ignore_ascii_case(provider) && row.model.eq_ignore_ascii_case(model));
                let found = (!is_shown).then(|| listed(table, provider, model)).flatten();
                shown.extend(found.map(|price| Shown { provider, model, price }));
            }
        }
        shown
    }
}

/// Returns a remark where the table is old.
pub(super) fn remark() -> Option<String> {
    let date = Table::INCLUDED.date()?;
    let age = day(&today())? - day(date)?;
    (age > OLD).then(|| {
        format!("the prices of models are {age} days old ({date}): a newer version of the gateway has newer ones")
    })
}

fn text_of(table: Table<'_>, shown: &[Shown<'_>]) -> String {
    let mut rows = vec![["PROVIDER", "MODEL"].map(str::to_owned).to_vec()];
    rows[0].extend(COLUMNS.map(|(head, _)| head.to_owned()));
    rows[0].push("BESIDES".to_owned());
    for row in shown {
        let mut cells = vec![row.provider.to_owned(), row.model.to_owned()];
        let rate = |rate| row.price.base.own(rate).map_or_else(|| "-".to_owned(), decimal_of);
        cells.extend(COLUMNS.map(|(_, column)| rate(column)));
        cells.push(besides(&row.price));
        rows.push(cells);
    }
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or_default();
    let widths: Vec<usize> = (0..rows[0].len()).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let lines: Vec<String> = rows.iter().map(line).collect();
    let (date, sources) = (table.date().unwrap_or("-"), table.sources().unwrap_or("-"));
    format!(
        "US dollars for a million tokens, requests or seconds, as of {date} ({sources})\n\n{}",
        lines.join("\n")
    )
}

/// Returns what a price has besides the columns.
fn besides(price: &Price) -> String {
    let named = |rates: &Rates, is_asked: &dyn Fn(Rate) -> bool| {
        let rates = Rate::ALL
            .iter()
            .filter(|(rate, _)| is_asked(*rate))
            .filter_map(|(rate, name)| Some(format!("{} {}", name.replace('_', " "), decimal_of(rates.own(*rate)?))));
        rates.collect::<Vec<_>>().join(", ")
    };
    let is_column = |rate| COLUMNS.iter().any(|(_, column)| *column == rate);
    let mut texts = vec![named(&price.base, &|rate| !is_column(rate))];
    for (above, rates) in &price.tiers {
        let new = named(rates, &|rate| rates.own(rate) != price.base.own(rate));
        texts.push(format!("above {above} tokens: {new}"));
    }
    texts.retain(|text| !text.is_empty());
    texts.join("; ")
}

fn json_of(table: Table<'_>, shown: &[Shown<'_>]) -> String {
    let rates = |rates: &Rates| {
        let named = Rate::ALL
            .iter()
            .filter_map(|(rate, name)| Some(((*name).to_owned(), Value::from(decimal_of(rates.own(*rate)?)))));
        named.collect::<Map<_, _>>()
    };
    let row = |row: &Shown<'_>| {
        let mut object = Map::new();
        object.insert("provider".into(), row.provider.into());
        object.insert("model".into(), row.model.into());
        object.extend(rates(&row.price.base));
        let tier = |(above, tier): &(u64, Rates)| {
            let mut object = rates(tier);
            object.insert("above".into(), (*above).into());
            object
        };
        if !row.price.tiers.is_empty() {
            object.insert(
                "tiers".into(),
                row.price.tiers.iter().map(tier).collect::<Vec<_>>().into(),
            );
        }
        object
    };
    let prices: Vec<_> = shown.iter().map(row).collect();
    format!(
        "{:#}",
        json!({"date": table.date(), "sources": table.sources(), "currency": "USD", "prices": prices})
    )
}
