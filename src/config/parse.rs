//! From a table of routes in JSON to routes and accounts, or to every problem in it.
//!
//! A route is read field by field; reading goes on behind a mistake, so that one report has all of them. Names of fallbacks
//! are resolved at the end, when all routes are known.

use std::collections::HashSet;
use std::time::Duration;

use serde_json::value::RawValue;

use super::account::Account;
use super::address::{extra_headers, upstream};
use super::allowances::{self, BUDGET, KEY_LIMITS, LIMITS, PER_MODEL};
use super::around::{Around, ROUTES, TABLE, TABLE_FIELDS};
use super::document::{Document, SINGLE_TOKEN};
use super::fallbacks::Named;
use super::fields::{Fields, invisible};
use super::model_pattern::ModelPattern;
use super::pasted::{self, secret_flaw};
use super::prices::{self, PRICES};
use super::problem::{Problems, shown};
use super::route::{Rotation, Route, Upstream};
use super::secret::Secret;
use super::suggest::did_you_mean;
use super::syntax::Written;
use super::tokens::{self, Seen, Shared, TOKENS};
use super::{fallbacks, provider, syntax};
use crate::dialect::providers::{ECHO, ECHO_MODEL, Provider};
use crate::dialect::wire::number::seconds;

/// The fields that a route may have.
pub const ROUTE_FIELDS: [&str; 35] = [
    "token",
    "token_sha256",
    TOKENS,
    "group",
    "expires",
    "disabled",
    "allow_ips",
    "labels",
    LIMITS,
    BUDGET,
    PER_MODEL,
    "name",
    "provider",
    "dialect",
    "base_url",
    "chat_url",
    "models_url",
    "default_model",
    "models",
    "aliases",
    "api_keys",
    KEY_LIMITS,
    PRICES,
    "timeout",
    FIRST_TOKEN_TIMEOUT,
    "retry_wait",
    "idle_timeout",
    "connect_timeout",
    "extra_headers",
    "max_attempts",
    "rotation",
    "verify_end",
    "strict",
    "admin",
    fallbacks::FIELD,
];

/// The time limit of an answer where the route has none.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(300);
const FIRST_TOKEN_TIMEOUT: &str = "first_token_timeout";
const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const DEFAULT_MAX_ATTEMPTS: usize = 4;

/// What a route looks like.
const ROUTE: &str = "a route looks like {\"token\": \"...\", \"provider\": \"...\"}";

/// The content of a table.
#[derive(Default)]
pub(super) struct Table {
    /// Where it comes from.
    pub(super) origin: String,
    pub(super) routes: Vec<Route>,
    pub(super) accounts: Vec<Account>,
    pub(super) around: Around,
}

/// A route whose fallbacks are still names.
struct Draft {
    route: Route,
    max_attempts: Option<usize>,
    fallbacks: Vec<String>,
}

/// Reads a table. Where problems were added, what is returned is not to be used.
pub(super) fn table(document: &Document, problems: &mut Problems) -> Table {
    let text = document.text.strip_prefix('\u{feff}').unwrap_or(&document.text);
    let written = match syntax::read(&document.origin, text) {
        Ok(written) => written,
        Err(problem) => {
            problems.push(problem);
            return Table::default();
        }
    };
    let mut around = Around::default();
    let mut place = document.origin.clone();
    let known = problems.len();
    let list: Vec<&RawValue> = match written {
        Written::Routes(list) => list,
        Written::Table(whole) => {
            let mut fields = Fields::read(text, place.clone(), whole, &TABLE_FIELDS, TABLE, problems);
            let list: Option<Vec<&RawValue>> = fields.value(ROUTES, "an array of routes", ROUTE);
            let list = list.unwrap_or_default();
            around = Around::read(&mut fields, Named(&list));
            place = format!("{place}.{ROUTES}");
            list
        }
    };
    if list.is_empty() && problems.len() == known {
        problems.at(&place, "expected at least one route, found an empty array", ROUTE);
    }
    let shared = Shared {
        routes: Named(&list),
        groups: &around.groups,
        time_zone: &around.time_zone,
    };
    let mut drafts: Vec<Draft> = Vec::with_capacity(list.len());
    let mut accounts = Vec::new();
    let (mut seen, mut names) = (Seen::default(), HashSet::new());
    for (index, value) in list.iter().enumerate() {
        let path = if document.origin == SINGLE_TOKEN {
            SINGLE_TOKEN.to_owned()
        } else {
            format!("{place}[{index}]")
        };
        let mut fields = Fields::read(text, path, value, &ROUTE_FIELDS, ROUTE, problems);
        let draft = draft(&mut fields, index);
        let name = &draft.route.name;
        let is_new = names.insert(name.clone());
        accounts.extend(tokens::of_route(&mut fields, (index, name, is_new), &shared, &mut seen));
        if !is_new {
            let message = format!("another route is called `{name}` as well");
            fields.problem(Some("name"), message, "names are unique");
        }
        drafts.push(draft);
    }
    Table {
        origin: document.origin.clone(),
        routes: settle(drafts, &place, problems),
        accounts,
        around,
    }
}

/// Reads one route, apart from what depends on the others.
fn draft(fields: &mut Fields<'_, '_>, index: usize) -> Draft {
    let name = fields.string("name").unwrap_or_else(|| fallbacks::default_name(index));
    let (provider, row) = provider::named(fields);
    let dialect = provider::dialect(fields, row);
    let (upstream, local) = upstream(fields, row, dialect);
    let has = provider::has(row, &upstream);
    let keys = keys(
        fields,
        row.is_some_and(|row| row.keyless) || local || matches!(upstream, Upstream::Echo),
    );
    let timeout = fields.seconds("timeout").unwrap_or(DEFAULT_TIMEOUT);
    let rotation = match fields.string("rotation").as_deref() {
        None | Some("request") => Rotation::Request,
        Some("sticky") => Rotation::Sticky,
        Some(other) => {
            fields.problem(
                Some("rotation"),
                format!("unknown rotation `{other}`"),
                &did_you_mean(other, &["request", "sticky"]),
            );
            Rotation::Request
        }
    };
    Draft {
        max_attempts: fields.count("max_attempts"),
        fallbacks: fields.strings(fallbacks::FIELD),
        route: Route {
            name,
            provider,
            dialect,
            key_header: provider::key_header(row, has, dialect),
            has,
            strict: fields.boolean("strict").unwrap_or(false),
            upstream,
            keys,
            key_limits: allowances::limits(fields, KEY_LIMITS),
            prices: prices::of_field(fields),
            account_limits: row.is_some_and(|row| row.account_limits),
            model_prefix: row.and_then(|row| row.model_prefix),
            default_model: default_model(fields, row),
            models: fields.strings("models").into_iter().map(ModelPattern::new).collect(),
            aliases: aliases(fields),
            timeout,
            first_token_timeout: first_token_timeout(fields, timeout),
            retry_wait: fields.seconds_or_none("retry_wait").unwrap_or_default(),
            idle_timeout: fields.seconds("idle_timeout").unwrap_or(timeout),
            connect_timeout: fields.seconds("connect_timeout").unwrap_or(DEFAULT_CONNECT_TIMEOUT),
            extra_headers: extra_headers(fields),
            max_attempts: 1,
            reserves_for_fallbacks: true,
            rotation,
            verify_end: fields.boolean("verify_end").unwrap_or(false),
            organization: fields.boolean("admin").unwrap_or(false),
            fallbacks: Vec::new(),
        },
    }
}

/// Reads the time until another upstream is asked for a stream. One that is longer than `timeout` would never pass.
fn first_token_timeout(fields: &mut Fields<'_, '_>, timeout: Duration) -> Duration {
    let time = fields.seconds(FIRST_TOKEN_TIMEOUT).unwrap_or(timeout);
    if fields.has(FIRST_TOKEN_TIMEOUT) && !fields.has(fallbacks::FIELD) {
        let remark = "it does nothing here: the route has no `fallbacks`, and the same upstream is not asked again";
        fields.remark(FIRST_TOKEN_TIMEOUT, remark);
    }
    if time > timeout {
        fields.problem(
            Some(FIRST_TOKEN_TIMEOUT),
            format!(
                "expected at most the `timeout` of {} seconds, found {}",
                seconds(timeout),
                seconds(time)
            ),
            "every attempt ends at `timeout`: write less here, or more there",
        );
    }
    time
}

/// Returns the `default_model` of a route. The built-in provider has one model, which need not be named.
fn default_model(fields: &mut Fields<'_, '_>, row: Option<&'static Provider>) -> Option<String> {
    let own = row.filter(|row| row.name == ECHO).map(|_| ECHO_MODEL.to_owned());
    fields.string("default_model").or(own)
}

/// Reads the aliases of a route.
fn aliases(fields: &mut Fields<'_, '_>) -> Vec<(String, String)> {
    let aliases = fields.pairs("aliases");
    for (message, hint) in aliases
        .iter()
        .flat_map(|(name, model)| [invisible(name), invisible(model)])
        .flatten()
    {
        fields.problem(Some("aliases"), message, hint);
    }
    for (name, _) in aliases.iter().filter(|(_, model)| model.trim().is_empty()) {
        let message = format!("`{}` stands for an empty name", shown(name));
        fields.problem(Some("aliases"), message, "name the upstream's model");
    }
    aliases
}

/// Reads the keys of a route. Those of a local upstream are `optional`.
fn keys(fields: &mut Fields<'_, '_>, optional: bool) -> Vec<Secret> {
    let mut keys: Vec<Secret> = Vec::new();
    let known = fields.problem_count();
    let written = fields.strings("api_keys");
    let are_readable = fields.problem_count() == known;
    for key in written {
        let several = || {
            key.contains([',', ';'])
                .then(|| ("several keys stand in one".to_owned(), SEVERAL))
        };
        if let Some((message, hint)) = secret_flaw(pasted::KEY, &key, fields.are_variables()).or_else(several) {
            let real = "put the upstream's real key there";
            fields.problem(Some("api_keys"), message, if hint.is_empty() { real } else { hint });
        }
        let key = Secret::new(key);
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    if keys.is_empty() && !optional && !fields.has("api_keys") {
        if fields.are_variables() {
            fields.problem(
                None,
                "there is no upstream key",
                "set UPSTREAM_API_KEY, or the provider's own variable (OPENROUTER_API_KEY, ...)",
            );
        } else {
            fields.problem(None, "`api_keys` are missing", "the upstream's keys: [\"...\"]");
        }
    } else if keys.is_empty() && !optional && are_readable {
        fields.problem(
            Some("api_keys"),
            "there is no usable key",
            "the upstream's keys: [\"...\"]",
        );
    }
    keys
}

/// How several keys are written.
const SEVERAL: &str = "several keys are [\"key-1\", \"key-2\"] in a table, and key-1,key-2 in a variable";

/// Links the fallbacks of all routes, and settles what depends on them: how many attempts a request has.
/// `place` is where the array of routes is.
fn settle(drafts: Vec<Draft>, place: &str, problems: &mut Problems) -> Vec<Route> {
    let named: Vec<(&str, &[String])> = drafts
        .iter()
        .map(|draft| (&*draft.route.name, &*draft.fallbacks))
        .collect();
    let links = fallbacks::link(&named, place, problems);
    let key_counts: Vec<usize> = drafts.iter().map(|draft| draft.route.keys.len().max(1)).collect();
    let routes = drafts
        .into_iter()
        .zip(links)
        .enumerate()
        .map(|(index, (draft, fallbacks))| {
            let keys = key_counts[index] + fallbacks.iter().map(|fallback| key_counts[*fallback]).sum::<usize>();
            Route {
                max_attempts: draft.max_attempts.unwrap_or_else(|| keys.min(DEFAULT_MAX_ATTEMPTS)),
                reserves_for_fallbacks: draft.max_attempts.is_none(),
                fallbacks,
                ..draft.route
            }
        });
    routes.collect()
}

#[cfg(test)]
mod tests;
