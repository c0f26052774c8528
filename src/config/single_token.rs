//! The variables of one token and one upstream, as a table of one route: so every rule is written once.

use serde_json::{Map, Value};

use super::source::Document;
use super::variables::{Reading, Variables, single_token};
use super::{Route, parse};
use crate::dialect::providers::{self, PROVIDERS, Provider};

/// Where a key goes that names no provider itself.
const DEFAULT_PROVIDER: &str = "openrouter";

const TOKEN: &str = "GATEWAY_TOKEN";
const ANY_KEY: &str = "UPSTREAM_API_KEY";
const BASE_URL: &str = "UPSTREAM_BASE_URL";

/// The route that the variables describe, or the problems with them.
pub(super) fn routes(reading: &mut Reading<'_>) -> Vec<Route> {
    let Some(token) = reading.get(TOKEN) else {
        report_missing(reading);
        return Vec::new();
    };
    let written = reading.get("PROVIDER");
    let named = written.and_then(providers::named);
    let key_variable = key_variable(reading.variables, named);
    let owner = key_variable.and_then(owner);
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
    for (variable, field) in [
        (base_variable, "base_url"),
        ("UPSTREAM_CHAT_URL", "chat_url"),
        ("UPSTREAM_MODELS_URL", "models_url"),
        ("DEFAULT_MODEL", "default_model"),
    ] {
        if let Some(value) = reading.get(variable) {
            put(field, value.into());
        }
    }
    if let Some(timeout) = reading.get("UPSTREAM_TIMEOUT") {
        // What is no number in JSON either is told as it stands.
        let seconds = timeout.parse::<f64>().ok().filter(|seconds| seconds.is_finite());
        put("timeout", seconds.map_or_else(|| timeout.into(), Value::from));
    }
    let mut headers = Map::new();
    for (variable, header) in [("HTTP_REFERER", "HTTP-Referer"), ("X_TITLE", "X-Title")] {
        headers.extend(reading.get(variable).map(|value| (header.to_owned(), value.into())));
    }
    if !headers.is_empty() {
        put("extra_headers", headers.into());
    }
    let text = Value::from(vec![Value::from(route)]).to_string();
    let document = Document::variables(parse::SINGLE_TOKEN.to_owned(), text);
    let routes = parse::routes(&document, &mut reading.problems);
    reading.problems.rename(ANY_KEY, key_variable.unwrap_or(ANY_KEY));
    reading.problems.rename(BASE_URL, base_variable);
    note(reading, provider, key_variable, base_variable);
    routes
}

/// The provider whose key a variable usually holds.
fn owner(variable: &str) -> Option<&'static Provider> {
    PROVIDERS.iter().find(|row| row.key_variable == Some(variable))
}

/// The variable whose keys are used: that of the provider which was named, else the first that is set. A provider that
/// works without a key gets nobody else's.
fn key_variable(variables: &Variables, named: Option<&'static Provider>) -> Option<&'static str> {
    let own = named.and_then(|row| row.key_variable);
    let takes_others = named.is_none_or(|row| !row.keyless);
    let others = PROVIDERS
        .iter()
        .filter(|_| takes_others)
        .filter_map(|row| row.key_variable);
    let mut candidates = own.into_iter().chain([ANY_KEY]).chain(others);
    candidates.find(|variable| variables.get(variable).is_some())
}

/// The variable of the upstream's address. That of the key's `owner` goes with its key, unless the operator named another
/// provider, which has an address of its own.
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

fn report_missing(reading: &mut Reading<'_>) {
    let mut keys = PROVIDERS.iter().filter_map(|row| row.key_variable).chain([ANY_KEY]);
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

/// Says what was made of the variables, and which of them were not needed.
fn note(reading: &mut Reading<'_>, provider: &str, key_variable: Option<&str>, base_variable: &str) {
    let is_set = |name: &str| reading.variables.get(name).is_some();
    let mut source = format!("the route comes from {TOKEN}, and goes to {provider}");
    if let Some(key) = key_variable {
        source += &format!(" with the key in {key}");
    }
    if is_set(base_variable) {
        source += &format!(" at the address in {base_variable}");
    }
    let is_key = |name: &str| name == ANY_KEY || owner(name).is_some();
    let is_address = |name: &str| name == BASE_URL || PROVIDERS.iter().any(|row| row.base_url_variable == Some(name));
    let passed_over: Vec<&str> = single_token()
        .filter(|name| is_set(name))
        .filter(|name| (is_key(name) && key_variable != Some(name)) || (is_address(name) && *name != base_variable))
        .collect();
    let notes = &mut reading.problems.notes;
    notes.insert(0, source);
    let is_other = |owner: &&Provider| !owner.name.eq_ignore_ascii_case(provider);
    if let Some(owner) = key_variable.and_then(owner).filter(is_other) {
        notes.push(format!("PROVIDER sends the key of {} to {provider}", owner.name));
    }
    if !passed_over.is_empty() {
        notes.push(format!("set and passed over: {}", passed_over.join(", ")));
    }
}
