//! The configuration as `ai-gateway check` prints it.

use super::account::Account;
use super::load::Config;
use super::route::{Route, Upstream};
use super::secret::Secret;
use crate::dialect::formats::OPENAI;

/// How many keys of a route are shown.
const SHOWN_KEYS: usize = 3;

/// The columns.
const HEADS: [&str; 10] = [
    "NAME",
    "TOKEN",
    "PROVIDER",
    "DIALECT",
    "UPSTREAM",
    "DEFAULT MODEL",
    "KEYS",
    "TIMEOUT",
    "ATTEMPTS",
    "FALLBACKS",
];

/// Which of them is shown only where a route has another dialect than OpenAI's.
const DIALECT: usize = 3;

/// Returns a table for the operator's terminal, one line for each route. Keys and tokens are masked.
#[must_use]
pub fn table(config: &Config) -> String {
    let mut rows = vec![HEADS.map(str::to_owned)];
    rows.extend(
        config
            .routes
            .iter()
            .enumerate()
            .map(|(index, route)| row(config, index, route)),
    );
    let width = |column: usize| {
        rows.iter()
            .map(|row| row[column].chars().count())
            .max()
            .unwrap_or_default()
    };
    let has_dialects = config.routes.iter().any(|route| route.dialect != OPENAI);
    let columns: Vec<(usize, usize)> = (0..HEADS.len())
        .filter(|column| *column != DIALECT || has_dialects)
        .map(|column| (column, width(column)))
        .collect();
    let line = |row: &[String; HEADS.len()]| {
        let cells: Vec<String> = columns
            .iter()
            .map(|(column, width)| format!("{:width$}", row[*column]))
            .collect();
        cells.join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn row(config: &Config, index: usize, route: &Route) -> [String; HEADS.len()] {
    let mut keys: Vec<String> = route.keys.iter().take(SHOWN_KEYS).map(Secret::masked).collect();
    if route.keys.len() > SHOWN_KEYS {
        keys.push(format!("+{}", route.keys.len() - SHOWN_KEYS));
    }
    let dash = |text: String| {
        if text.is_empty() { "-".to_owned() } else { text }
    };
    let fallbacks: Vec<&str> = route
        .fallbacks
        .iter()
        .map(|index| config.routes[*index].name.as_str())
        .collect();
    let token = |account: &Account| {
        let digest = || format!("sha256:{}", &account.token.hex()[..8]);
        account.clear_token.as_ref().map_or_else(digest, Secret::masked)
    };
    let accounts = config.accounts.iter().filter(|account| account.route == index);
    let tokens: Vec<String> = accounts.map(token).collect();
    [
        route.name.clone(),
        dash(tokens.join(" ")),
        route.provider.clone(),
        route.dialect.name.to_owned(),
        match &route.upstream {
            Upstream::Echo => "built in".to_owned(),
            Upstream::Http(addresses) => addresses.base.url.clone(),
        },
        dash(route.default_model.clone().unwrap_or_default()),
        dash(keys.join(" ")),
        times(route),
        route.max_attempts.to_string(),
        dash(fallbacks.join(" ")),
    ]
}

/// Returns the times of a route: its `timeout`, and what the operator has set besides.
fn times(route: &Route) -> String {
    let mut times = format!("{} s", route.timeout.as_secs_f64());
    if route.first_token_timeout < route.timeout {
        times += &format!(", first token {} s", route.first_token_timeout.as_secs_f64());
    }
    if !route.retry_wait.is_zero() {
        times += &format!(", waits {} s", route.retry_wait.as_secs_f64());
    }
    times
}
