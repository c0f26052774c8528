//! The short way to configure a gateway: one token and one upstream, in variables. They become a table of one route, so that
//! every rule is written once.

use serde_json::{Map, Number, Value};

use super::document::{Document, SINGLE_TOKEN};
use super::parse::{self, Table};
use super::variables::{Reading, SINGLE, Variables, of_field, single_token};
use crate::dialect::providers::{self, PROVIDERS, Provider};
use crate::dialect::wire::build::json_text;
use crate::dialect::wire::number::decimal;

/// The provider where neither `PROVIDER` nor the variable of the key names one.
const DEFAULT_PROVIDER: &str = "openrouter";

const TOKEN: &str = "GATEWAY_TOKEN";
const ANY_KEY: &str = "UPSTREAM_API_KEY";
const BASE_URL: &str = "UPSTREAM_BASE_URL";

/// Reads the route that the variables describe. Reports what is wrong with them.
pub(super) fn table(reading: &mut Reading<'_>) -> Table {
    let Some(token) = reading.get(TOKEN) else {
        report_missing(reading);
        return Table::default();
    };
    let written = reading.get(of_field("provider"));
    let named = written.and_then(providers::named);
    let key_variable = key_variable(reading.variables, named);
    let owner = key_variable.and_then(|variable| owner(variable, named));
    let provider = written
        .or_else(|| owner.map(|row| row.name))
        .unwrap_or(DEFAULT_PROVIDER);
    let base_variable = base_variable(reading.variables, owner, written.is_none(), named);

    let mut route = Map::new();
    let mut put = |field: &str, value: Value| drop(route.insert(field.to_owned(), value));
    put("token", token.into());
    put("name", "default".into());
    put("provider", provider.into());
    if let Some(keys) = key_variable.and_then(|variable| reading.get(variable)) {
        let keys = keys.split(',').map(str::trim).filter(|key| !key.is_empty());
        put("api_keys", keys.map(Value::from).collect());
    }
    let texts = ["chat_url", "models_url", "default_model"].map(|field| (of_field(field), field));
    for (variable, field) in [(base_variable, "base_url")].into_iter().chain(texts) {
        if let Some(value) = reading.get(variable) {
            put(field, value.into());
        }
    }
    if let Some(timeout) = reading.get(of_field("timeout")) {
        // A text that is not a number goes into the table as it is, and is reported there.
        let seconds = serde_json::from_str(timeout).ok();
        let seconds = seconds.or_else(|| Number::from_f64(decimal(timeout)?));
        put("timeout", seconds.map_or_else(|| timeout.into(), Value::Number));
    }
    let mut headers = Map::new();
    for (variable, field) in SINGLE {
        let Some(header) = field.strip_prefix("extra_headers.") else {
            continue;
        };
        headers.extend(reading.get(variable).map(|value| (header.to_owned(), value.into())));
    }
    if !headers.is_empty() {
        put("extra_headers", headers.into());
    }
    let text = json_text(&Value::from(vec![Value::from(route)]));
    let document = Document::variables(SINGLE_TOKEN.to_owned(), text);
    let table = parse::table(&document, &mut reading.problems);
    reading.problems.rename(ANY_KEY, key_variable.unwrap_or(ANY_KEY));
    reading.problems.rename(BASE_URL, base_variable);
    note(reading, (provider, owner), key_variable, base_variable);
    table
}

/// Returns the provider whose key a variable holds: the one that was `named`, if it takes it, else the first that does.
fn owner(variable: &str, named: Option<&'static Provider>) -> Option<&'static Provider> {
    let mut rows = named.into_iter().chain(PROVIDERS);
    rows.find(|row| row.key_variables.contains(&variable))
}

/// Returns the variable whose keys are used: that of the provider which was named, else the first that is set. A provider
/// that works without a key does not get the key of another one.
fn key_variable(variables: &Variables, named: Option<&'static Provider>) -> Option<&'static str> {
    let own = named.into_iter().flat_map(|row| row.key_variables);
    let takes_others = named.is_none_or(|row| !row.keyless);
    let others = PROVIDERS
        .iter()
        .filter(|_| takes_others)
        .flat_map(|row| row.key_variables);
    let mut candidates = own.chain([&ANY_KEY]).chain(others).copied();
    candidates.find(|variable| variables.get(variable).is_some())
}

/// Returns the variable of the upstream's address. The address of the key's `owner` goes with the key, unless the operator
/// named another provider, which has an address of its own.
fn base_variable(
    variables: &Variables,
    owner: Option<&'static Provider>,
    is_derived: bool,
    named: Option<&'static Provider>,
) -> &'static str {
    let goes_there = is_derived || named == owner || named.is_some_and(|row| row.base_url.is_none());
    let own = owner.and_then(|row| row.base_url_variable).filter(|_| goes_there);
    own.filter(|_| variables.get(BASE_URL).is_none())
        .filter(|own| variables.get(own).is_some())
        .unwrap_or(BASE_URL)
}

/// Reports that the token is missing.
fn report_missing(reading: &mut Reading<'_>) {
    let mut keys = PROVIDERS.iter().flat_map(|row| row.key_variables).chain([&ANY_KEY]);
    if keys.any(|key| reading.variables.get(key).is_some()) {
        reading.problems.at(
            TOKEN,
            "an upstream key is set, but no token for clients",
            "run `ai-gateway token` and set GATEWAY_TOKEN to what it prints",
        );
    } else {
        reading.problems.at(
            "GATEWAY_ROUTES",
            "nothing is configured",
            "set GATEWAY_ROUTES (a JSON array of routes), or GATEWAY_TOKEN and an upstream key; `ai-gateway demo` runs without either",
        );
    }
}

/// Adds notes: what was made of the variables, and which of them were not needed. `owner` is the provider that the key is
/// for.
fn note(
    reading: &mut Reading<'_>,
    (provider, owner): (&str, Option<&'static Provider>),
    key_variable: Option<&str>,
    base_variable: &str,
) {
    let is_set = |name: &str| reading.variables.get(name).is_some();
    let mut source = format!("the route comes from {TOKEN}, and goes to {provider}");
    if let Some(key) = key_variable {
        source += &format!(" with the key in {key}");
    }
    if is_set(base_variable) {
        source += &format!(" at the address in {base_variable}");
    }
    let is_key = |name: &str| name == ANY_KEY || self::owner(name, None).is_some();
    let is_address = |name: &str| name == BASE_URL || PROVIDERS.iter().any(|row| row.base_url_variable == Some(name));
    let passed_over: Vec<&str> = single_token()
        .filter(|name| is_set(name))
        .filter(|name| (is_key(name) && key_variable != Some(name)) || (is_address(name) && *name != base_variable))
        .collect();
    let notes = &mut reading.problems.notes;
    notes.insert(0, source);
    let is_other = |owner: &&Provider| !owner.name.eq_ignore_ascii_case(provider);
    if let Some(owner) = owner.filter(is_other) {
        notes.push(format!("PROVIDER sends the key of {} to {provider}", owner.name));
    }
    if !passed_over.is_empty() {
        notes.push(format!("set and passed over: {}", passed_over.join(", ")));
    }
}
