//! The configuration as a whole, and how it is made: from the table of routes, wherever that is, and from the variables.

use std::collections::HashMap;

use http::HeaderValue;

use super::account::{Account, Group};
use super::cors::{Cors, cors};
use super::document::Document;
use super::parse::{self, Table};
use super::prices::{self, Prices};
use super::problem::Problems;
use super::route::Route;
use super::secret::{Secret, TokenDigest};
use super::source::{inline_routes, report_gap, sources};
use super::time_zone::TimeZone;
use super::variables::{ROUTES, Reading, Variables, misspelt};
use super::{identity, single_token, unenforced};

/// The currency where the table names none, and that of the prices that the gateway brings.
const CURRENCY: &str = "USD";

/// Everything that the gateway needs to know. Made by [`load`].
#[derive(Debug)]
pub struct Config {
    /// The routes: at least one, in a configuration that was loaded.
    pub routes: Vec<Route>,
    /// Who may call.
    pub accounts: Vec<Account>,
    /// What accounts may have in common.
    pub groups: Vec<Group>,
    /// When days and months begin.
    pub time_zone: TimeZone,
    /// The currency of all amounts of money: a code such as `USD`.
    pub currency: String,
    /// What models cost on any route, in that currency.
    pub prices: Prices,
    /// Whether an account may be used from some addresses only.
    pub checks_addresses: bool,
    /// Whether anybody may use so much only.
    has_limits: bool,
    /// The index of each token's account: see [`Config::account_of`].
    tokens: HashMap<TokenDigest, usize>,
    /// Which web pages may read answers.
    pub cors: Cors,
    /// The largest request body that is read, in bytes. Where nothing is set, the runtime has a limit of its own.
    pub body_limit: Option<usize>,
    /// Whether the addresses of clients are logged.
    pub log_client: bool,
    /// What seals the state that clients keep: the first one, and all of them open it. The clients' tokens where there is none.
    pub state_secrets: Vec<Secret>,
    /// What the operator should know although nothing is wrong, one sentence each: where the routes come from, and what is
    /// set and not used. No secret is in them.
    pub notes: Vec<String>,
    /// The mark of requests that this gateway, or another replica of it, has sent.
    pub hop: HeaderValue,
}

impl Config {
    /// Returns the configuration of `ai-gateway demo`: the tokens `demo` and `demo-2`, answered by the gateway itself.
    ///
    /// # Errors
    /// Problems with those variables that are not about routes.
    pub fn demo(variables: &Variables) -> Result<Self, Problems> {
        let text = r#"[{"token":"demo","name":"demo","provider":"echo","default_model":"echo"},
            {"token":"demo-2","name":"demo-2","provider":"echo","default_model":"echo-2"}]"#;
        with_table(text, variables)
    }

    /// Returns a configuration without routes. A gateway with it refuses every request.
    #[must_use]
    pub fn none() -> Self {
        Self {
            routes: Vec::new(),
            accounts: Vec::new(),
            groups: Vec::new(),
            time_zone: TimeZone::default(),
            currency: CURRENCY.to_owned(),
            prices: Prices::default(),
            checks_addresses: false,
            has_limits: false,
            tokens: HashMap::new(),
            cors: Cors::Any,
            body_limit: None,
            log_client: false,
            state_secrets: Vec::new(),
            notes: Vec::new(),
            hop: identity::of(&[]),
        }
    }

    /// Returns the configuration of a table of routes, without any variable.
    ///
    /// # Errors
    /// Every problem of the table.
    pub fn of_routes(table: &str) -> Result<Self, Problems> {
        with_table(table, &Variables::default())
    }

    /// Returns the account of a token. The accounts are searched by the token's digest, which nobody can choose piece by
    /// piece, and what is found is compared in constant time.
    #[must_use]
    pub fn account_of(&self, token: &[u8]) -> Option<&Account> {
        let digest = TokenDigest::of(token);
        let account = self.accounts.get(*self.tokens.get(&digest)?)?;
        account.token.matches(&digest).then_some(account)
    }

    /// Whether an account may use so much only, by itself or with its group.
    pub(crate) fn limits(&self, account: &Account) -> bool {
        self.has_limits && (account.is_limited() || account.group.is_some_and(|group| self.groups[group].is_limited()))
    }

    /// Whether amounts of money are in US dollars, in which providers and the gateway's own table have prices.
    #[must_use]
    pub fn is_in_dollars(&self) -> bool {
        self.currency == CURRENCY
    }

    /// Whether a text has the form of [`Config::hop`].
    #[must_use]
    pub fn is_hop(text: &str) -> bool {
        identity::is_mark(text)
    }

    /// Returns everything that must never be shown: keys, and tokens that are known in clear.
    pub fn secrets(&self) -> impl Iterator<Item = &Secret> {
        let keys = self.routes.iter().flat_map(|route| &route.keys);
        keys.chain(self.accounts.iter().filter_map(|account| account.clear_token.as_ref()))
            .chain(&self.state_secrets)
    }
}

/// Returns the configuration. The routes are those in the variables, else those in `stored`, else that of a single token.
/// Where there are [`inline_routes`], a shell need not read what is stored.
///
/// # Errors
/// Every problem that there is.
pub fn load(stored: Option<&Document>, variables: &Variables) -> Result<Config, Problems> {
    let mut reading = Reading::new(variables);
    let inline = inline_routes(variables);
    let table = inline.as_ref().or_else(|| stored.filter(|stored| !stored.is_empty()));
    reading.problems.notes = sources(variables, table, stored);
    if table.is_none_or(|table| table.origin != ROUTES) {
        report_gap(&mut reading);
    }
    let parsed = match table {
        Some(table) => parse::table(table, &mut reading.problems),
        None => single_token::table(&mut reading),
    };
    reading.problems.notes.extend(misspelt(variables, table.is_some()));
    finish(parsed, reading)
}

/// Returns the configuration of a table, and of the variables that are not about routes.
fn with_table(text: &str, variables: &Variables) -> Result<Config, Problems> {
    let mut reading = Reading::new(variables);
    let table = Document::variables(ROUTES.to_owned(), text.to_owned());
    finish(parse::table(&table, &mut reading.problems), reading)
}

/// Adds the settings to the routes.
fn finish(parsed: Table, mut reading: Reading<'_>) -> Result<Config, Problems> {
    let cors = cors(&mut reading);
    let body_limit = reading.bytes("BODY_LIMIT", 1);
    let log_client = log_client(&mut reading);
    let state_secrets = state_secrets(&mut reading);
    let set_prices = prices::of_variable(&mut reading);
    unenforced::refuse(&parsed, reading.variables.counts(), &mut reading.problems);
    if !reading.problems.is_empty() {
        return Err(reading.problems);
    }
    let Table {
        origin: _,
        routes,
        accounts,
        around,
    } = parsed;
    let tokens = accounts.iter().enumerate();
    let mut prices = around.prices;
    prices.extend(set_prices);
    Ok(Config {
        tokens: tokens.map(|(index, account)| (account.token, index)).collect(),
        checks_addresses: accounts.iter().any(|account| !account.allow_ips.is_empty()),
        has_limits: accounts.iter().any(Account::is_limited) || around.groups.iter().any(Group::is_limited),
        accounts,
        groups: around.groups,
        time_zone: around.time_zone,
        currency: around.currency.unwrap_or_else(|| CURRENCY.to_owned()),
        prices,
        hop: identity::of(&routes),
        routes,
        cors,
        body_limit,
        log_client,
        state_secrets,
        notes: reading.problems.notes,
    })
}

/// Reads `LOG_CLIENT`.
fn log_client(reading: &mut Reading<'_>) -> bool {
    match reading.get("LOG_CLIENT").map(str::to_ascii_lowercase).as_deref() {
        None | Some("false" | "0" | "no" | "off") => false,
        Some("true" | "1" | "yes" | "on") => true,
        Some(_) => {
            reading.problems.at("LOG_CLIENT", "expected `true` or `false`", "");
            false
        }
    }
}

/// The shortest secret, in bytes. A shorter one could be guessed.
const SHORTEST_SECRET: usize = 16;

/// Reads `STATE_SECRET`: a secret, and behind commas those that it has replaced.
fn state_secrets(reading: &mut Reading<'_>) -> Vec<Secret> {
    let Some(text) = reading.get("STATE_SECRET") else {
        return Vec::new();
    };
    let secrets = text.split(',').map(str::trim);
    if secrets.clone().any(|secret| secret.len() < SHORTEST_SECRET) {
        reading.problems.at(
            "STATE_SECRET",
            format!("expected at least {SHORTEST_SECRET} characters, and as many for each one behind a comma"),
            "`openssl rand -hex 32` makes a good one",
        );
    }
    secrets.map(|secret| Secret::new(secret.to_owned())).collect()
}
