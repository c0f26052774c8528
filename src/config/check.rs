//! The configuration as `ai-gateway check` prints it.

use super::account::Account;
use super::load::Config;
use super::route::{Route, Upstream};
use super::secret::Secret;
use crate::dialect::formats::OPENAI;
use crate::dialect::wire::date;

/// How many keys of a route are shown, and how many tokens.
const SHOWN: usize = 3;

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

/// The columns of the table of tokens.
const OF_TOKENS: [&str; 8] = [
    "NAME",
    "ROUTE",
    "TOKEN",
    "GROUP",
    "EXPIRES",
    "DISABLED",
    "MODELS",
    "ADDRESSES",
];

/// Returns a table for the operator's terminal, one line for each route, and a second one of all tokens where there is more to say
/// about them than which route they take. Keys and tokens are masked.
#[must_use]
pub fn table(config: &Config) -> String {
    let has_dialects = config.routes.iter().any(|route| route.dialect != OPENAI);
    let routes = config.routes.iter().enumerate();
    let rows: Vec<_> = routes.map(|(index, route)| row(config, index, route)).collect();
    let mut text = aligned(&HEADS, &rows, |column| column != DIALECT || has_dialects);
    let is_plain = |row: &[String; OF_TOKENS.len()]| row[0] == row[1] && row[3..].iter().all(|cell| cell == "-");
    let tokens: Vec<_> = config
        .accounts
        .iter()
        .map(|account| token_row(config, account))
        .collect();
    if !tokens.iter().all(is_plain) {
        text += "\n\n";
        text += &aligned(&OF_TOKENS, &tokens, |column| {
            tokens.iter().any(|row| row[column] != "-")
        });
    }
    text
}

/// Returns a warning for each token that has expired, at so many seconds since 1970.
#[must_use]
pub fn expired(config: &Config, now: u64) -> Vec<String> {
    let expired = config.accounts.iter().filter(|account| account.has_expired(now));
    let warning = |account: &Account| {
        let (name, route) = (&account.name, &config.routes[account.route].name);
        let date = account.expires.map(date::text).unwrap_or_default();
        format!("the token `{name}` of the route `{route}` has expired: it was valid until {date}")
    };
    expired.map(warning).collect()
}

/// Returns rows below their heads, each cell as wide as the widest of its column, without the columns that are not `shown`.
fn aligned<const N: usize>(heads: &[&str; N], rows: &[[String; N]], shown: impl Fn(usize) -> bool) -> String {
    let heads = heads.map(str::to_owned);
    let width = |column: usize| {
        let cells = rows.iter().chain([&heads]).map(|row| row[column].chars().count());
        cells.max().unwrap_or_default()
    };
    let columns: Vec<(usize, usize)> = (0..N)
        .filter(|column| shown(*column))
        .map(|column| (column, width(column)))
        .collect();
    let line = |row: &[String; N]| {
        let cells: Vec<String> = columns
            .iter()
            .map(|(column, width)| format!("{:width$}", row[*column]))
            .collect();
        cells.join("  ").trim_end().to_owned()
    };
    let lines: Vec<String> = [&heads].into_iter().chain(rows).map(line).collect();
    lines.join("\n")
}

/// Returns a text, or a dash in the place of none.
fn dash(text: impl Into<String>) -> String {
    let text = text.into();
    if text.is_empty() { "-".to_owned() } else { text }
}

/// Returns a token without showing it: its end, or the beginning of its digest.
fn masked(account: &Account) -> String {
    let digest = || format!("sha256:{}", &account.token.hex()[..8]);
    account.clear_token.as_ref().map_or_else(digest, Secret::masked)
}

/// Returns the first of a list, and how many more there are.
fn first(mut list: Vec<String>) -> String {
    let more = list.len().saturating_sub(SHOWN);
    if more > 0 {
        list.truncate(SHOWN);
        list.push(format!("+{more}"));
    }
    dash(list.join(" "))
}

fn token_row(config: &Config, account: &Account) -> [String; OF_TOKENS.len()] {
    let group = account.group.map(|index| config.groups[index].name.clone());
    let disabled = if account.disabled { "disabled" } else { "" };
    [
        account.name.clone(),
        config.routes[account.route].name.clone(),
        masked(account),
        dash(group.unwrap_or_default()),
        dash(account.expires.map(date::text).unwrap_or_default()),
        dash(disabled),
        first(account.models.iter().map(ToString::to_string).collect()),
        first(account.allow_ips.iter().map(ToString::to_string).collect()),
    ]
}

fn row(config: &Config, index: usize, route: &Route) -> [String; HEADS.len()] {
    let keys = route.keys.iter().map(Secret::masked).collect();
    let fallbacks: Vec<&str> = route
        .fallbacks
        .iter()
        .map(|index| config.routes[*index].name.as_str())
        .collect();
    let accounts = config.accounts.iter().filter(|account| account.route == index);
    [
        route.name.clone(),
        first(accounts.map(masked).collect()),
        route.provider.clone(),
        route.dialect.name.to_owned(),
        match &route.upstream {
            Upstream::Echo => "built in".to_owned(),
            Upstream::Http(addresses) => addresses.base.url.clone(),
        },
        dash(route.default_model.clone().unwrap_or_default()),
        first(keys),
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
