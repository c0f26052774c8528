//! Who may take a route: its own `token`, or the entries in its `tokens`; and the groups that they belong to.
//!
//! A route's own token is one entry with the name of the route. The fields of an entry may then stand on the route.

use std::collections::HashSet;

use serde_json::value::RawValue;

use super::account::{Account, Group};
use super::allowances::{self, BUDGET, LIMITS, PER_MODEL};
use super::fallbacks::Named;
use super::fields::Fields;
use super::model_pattern::ModelPattern;
use super::network::Network;
use super::pasted::{self, secret_flaw};
use super::problem::shown;
use super::secret::{Secret, TokenDigest};
use super::suggest::did_you_mean;
use super::time_zone::TimeZone;

/// The field of a route that lists entries.
pub(super) const TOKENS: &str = "tokens";

/// The fields that an entry has, or a route with a token of its own.
const OF_A_TOKEN: [&str; 8] = [
    "group",
    "expires",
    "disabled",
    "allow_ips",
    "labels",
    LIMITS,
    BUDGET,
    PER_MODEL,
];

/// The fields that an entry of `tokens` may have.
pub const TOKEN_FIELDS: [&str; 12] = [
    "name",
    "token",
    "token_sha256",
    "models",
    "group",
    "expires",
    "disabled",
    "allow_ips",
    "labels",
    LIMITS,
    BUDGET,
    PER_MODEL,
];

/// The fields that a group may have.
const GROUP_FIELDS: [&str; 3] = [LIMITS, BUDGET, "labels"];

/// How a token is made.
const MAKE: &str = "`ai-gateway token` makes one";

/// What the routes of a table have in common.
pub(super) struct Shared<'a> {
    pub(super) routes: Named<'a>,
    pub(super) groups: &'a [Group],
    pub(super) time_zone: &'a TimeZone,
}

/// What must not stand in a table twice.
#[derive(Default)]
pub(super) struct Seen {
    tokens: HashSet<TokenDigest>,
    names: HashSet<String>,
}

/// Reads the groups of a table.
pub(super) fn groups(fields: &mut Fields<'_, '_>, routes: Named<'_>) -> Vec<Group> {
    let mut groups = Vec::new();
    for (name, value) in fields.members("groups", "an object of objects") {
        let path = ["groups.", &shown(&name)].concat();
        let mut fields = fields.part(&path, value, &GROUP_FIELDS, "");
        groups.push(Group {
            allowance: allowances::allowance(&mut fields, routes, None),
            labels: fields.pairs("labels"),
            name,
        });
    }
    groups
}

/// Reads the tokens of the route number `route`, which is called `name`. `is_new`: no route before it is called so.
pub(super) fn of_route(
    fields: &mut Fields<'_, '_>,
    (route, name, is_new): (usize, &str, bool),
    shared: &Shared<'_>,
    seen: &mut Seen,
) -> Vec<Account> {
    let entries: Option<Vec<&RawValue>> = fields.value(TOKENS, "an array of objects", ENTRY);
    let has_own = fields.has("token") || fields.has("token_sha256");
    let mut accounts = Vec::new();
    if has_own || !fields.has(TOKENS) {
        let account = account(fields, name.to_owned(), route, Vec::new(), shared);
        check_token(fields, &account, seen);
        if is_new {
            check_name(fields, &account, seen);
        }
        accounts.push(account);
    }
    note_whose(fields, has_own);
    if entries.as_ref().is_some_and(Vec::is_empty) {
        fields.problem(Some(TOKENS), "there is no token in it", ENTRY);
    }
    for (place, entry) in entries.into_iter().flatten().enumerate() {
        let path = format!("{TOKENS}[{place}]");
        let mut fields = fields.part(&path, entry, &TOKEN_FIELDS, ENTRY);
        let name = fields.string("name").unwrap_or_default();
        if name.is_empty() && !fields.has("name") {
            fields.problem(
                None,
                "a `name` is missing",
                "logs and counters go by it: it stays when the token is replaced",
            );
        }
        let models = fields.strings("models").into_iter().map(ModelPattern::new).collect();
        let account = Account {
            subject: TokenDigest::of(name.as_bytes()),
            ..account(&mut fields, name, route, models, shared)
        };
        check_token(&mut fields, &account, seen);
        check_name(&mut fields, &account, seen);
        accounts.push(account);
    }
    accounts
}

/// What an entry looks like.
const ENTRY: &str = "an entry looks like {\"name\": \"alice\", \"token\": \"...\"}";

/// Says whom the fields of a token on a route with `tokens` are for: the route's own token, or nobody.
fn note_whose(fields: &mut Fields<'_, '_>, has_own: bool) {
    if !fields.has(TOKENS) {
        return;
    }
    for name in OF_A_TOKEN {
        if !fields.has(name) {
            continue;
        }
        if has_own {
            fields.remark(name, "it is for the route's own token, and not for those in `tokens`");
        } else {
            let hint = "put it into the entries of `tokens` that it is for";
            fields.problem(Some(name), "it is for the route's own token, and there is none", hint);
        }
    }
}

/// Reads one token and what belongs to it.
fn account(
    fields: &mut Fields<'_, '_>,
    name: String,
    route: usize,
    models: Vec<ModelPattern>,
    shared: &Shared<'_>,
) -> Account {
    let (token, clear_token) = token(fields);
    Account {
        name,
        token,
        clear_token,
        subject: token,
        route,
        group: group(fields, shared.groups),
        expires: expires(fields, shared.time_zone),
        disabled: fields.boolean("disabled").unwrap_or(false),
        allow_ips: allow_ips(fields),
        labels: fields.pairs("labels"),
        models,
        allowance: allowances::allowance(fields, shared.routes, Some(route)),
        per_model: allowances::per_model(fields, shared.routes, route),
    }
}

/// Reads a token, in clear or as its digest.
fn token(fields: &mut Fields<'_, '_>) -> (TokenDigest, Option<Secret>) {
    if fields.has("token") && fields.has("token_sha256") {
        fields.problem(Some("token_sha256"), "there is a `token` as well", "keep one of them");
    }
    if let Some(hex) = fields.string("token_sha256") {
        return (
            match TokenDigest::from_hex(&hex) {
                Some(digest) if digest == TokenDigest::of(b"") => {
                    fields.problem(Some("token_sha256"), "it is that of an empty token", MAKE);
                    digest
                }
                Some(digest) => digest,
                None => {
                    fields.problem(Some("token_sha256"), "expected 64 hexadecimal digits", MAKE);
                    TokenDigest::of(hex.as_bytes())
                }
            },
            None,
        );
    }
    let Some(token) = fields.string("token") else {
        if !fields.has("token") {
            fields.problem(None, "a `token` (or `token_sha256`) is missing", MAKE);
        }
        return (TokenDigest::of(b""), None);
    };
    if let Some((message, hint)) = secret_flaw(pasted::TOKEN, &token, fields.are_variables()) {
        fields.problem(Some("token"), message, if hint.is_empty() { MAKE } else { hint });
    }
    (TokenDigest::of(token.as_bytes()), Some(Secret::new(token)))
}

/// Reports a token that stands in the table for the second time.
fn check_token(fields: &mut Fields<'_, '_>, account: &Account, seen: &mut Seen) {
    // A token that could not be read has been reported already.
    let unread = account.token == TokenDigest::of(b"");
    if !unread && !seen.tokens.insert(account.token) {
        let field = if fields.has("token") { "token" } else { "token_sha256" };
        let hint = "give each its own; `ai-gateway token` makes one";
        fields.problem(Some(field), "the same token stands elsewhere in the table", hint);
    }
}

/// Reports a name that another token has.
fn check_name(fields: &mut Fields<'_, '_>, account: &Account, seen: &mut Seen) {
    if !account.name.is_empty() && !seen.names.insert(account.name.clone()) {
        let message = format!("another token is called `{}` as well", account.name);
        let hint = "names are unique over all routes; a route's own token is called as the route";
        fields.problem(Some("name"), message, hint);
    }
}

/// Reads the group of a token.
fn group(fields: &mut Fields<'_, '_>, groups: &[Group]) -> Option<usize> {
    let name = fields.string("group")?;
    let known: Vec<&str> = groups.iter().map(|group| group.name.as_str()).collect();
    let found = known.iter().position(|known| *known == name);
    if found.is_none() {
        let hint = if known.is_empty() {
            "the table has no `groups`: {\"groups\": {\"family\": {...}}, \"routes\": [...]}".to_owned()
        } else {
            did_you_mean(&name, &known)
        };
        fields.problem(Some("group"), format!("no group is called `{}`", shown(&name)), &hint);
    }
    found
}

/// Reads when a token stops being valid.
fn expires(fields: &mut Fields<'_, '_>, time_zone: &TimeZone) -> Option<u64> {
    let text = fields.string("expires")?;
    let instant = time_zone.instant(&text);
    if instant.is_none() {
        fields.problem(
            Some("expires"),
            "expected a date",
            "write it as 2027-03-01, when it ends with the day before, or as 2027-03-01T12:00:00+08:00",
        );
    }
    instant
}

/// Reads where the requests with a token may come from.
fn allow_ips(fields: &mut Fields<'_, '_>) -> Vec<Network> {
    const FIELD: &str = "allow_ips";
    let known = fields.problem_count();
    let mut networks = Vec::new();
    for text in fields.strings(FIELD) {
        match Network::parse(&text) {
            Ok(network) => networks.push(network),
            Err((message, hint)) => fields.problem(Some(FIELD), format!("`{}`: {message}", shown(&text)), hint),
        }
    }
    if networks.is_empty() && fields.has(FIELD) && fields.problem_count() == known {
        fields.problem(
            Some(FIELD),
            "there is no address in it, so that nobody could use the token",
            "leave it out to allow all, or write \"disabled\": true",
        );
    }
    networks
}
