//! A table of routes in JSON -> routes, or every problem in it.

use std::collections::HashSet;
use std::time::Duration;

use serde_json::value::RawValue;

use super::address::{extra_headers, upstream};
use super::fields::{Fields, invisible};
use super::pasted::{self, secret_flaw};
use super::problem::Problems;
use super::secret::{Secret, TokenDigest};
use super::suggest::did_you_mean;
use super::{Document, ModelPattern, Rotation, Route, Upstream, syntax};
use crate::dialect::providers::{self, CUSTOM, Dialect, KeyHeader, PROVIDERS, Provider};

/// The origin of a document that was made from the single-token variables.
pub(super) const SINGLE_TOKEN: &str = "the single-token variables";

/// What a route may have.
pub const ROUTE_FIELDS: [&str; 21] = [
    "token",
    "token_sha256",
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
    "timeout",
    "idle_timeout",
    "connect_timeout",
    "extra_headers",
    "max_attempts",
    "rotation",
    "verify_end",
    "admin",
    FALLBACKS,
];
const FALLBACKS: &str = "fallbacks";

/// Dialects that are planned and cannot be served yet.
const PLANNED: [&str; 2] = ["anthropic", "gemini"];

/// Providers of those dialects. (`gemini` is its OpenAI-compatible endpoint.)
const PLANNED_PROVIDERS: [&str; 2] = ["anthropic", "gemini-native"];

/// How long an answer may take where the route does not say.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(300);
const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const DEFAULT_MAX_ATTEMPTS: usize = 4;

/// A route whose fallbacks are still names.
struct Draft {
    route: Route,
    max_attempts: Option<usize>,
    fallbacks: Vec<String>,
}

/// The routes in `document`. Where problems were added, what is returned is of no use.
pub(super) fn routes(document: &Document, problems: &mut Problems) -> Vec<Route> {
    let text = document.text.strip_prefix('\u{feff}').unwrap_or(&document.text);
    let list: Vec<&RawValue> = match syntax::read(&document.origin, text) {
        Ok(list) => list,
        Err(problem) => {
            problems.push(problem);
            return Vec::new();
        }
    };
    if list.is_empty() {
        problems.at(
            &document.origin,
            "expected at least one route, found an empty array",
            "a route looks like {\"token\": \"...\", \"provider\": \"...\", \"api_keys\": [\"...\"]}",
        );
    }
    let mut drafts: Vec<Draft> = Vec::with_capacity(list.len());
    let (mut tokens, mut names) = (HashSet::new(), HashSet::new());
    for (index, value) in list.into_iter().enumerate() {
        let path = if document.origin == SINGLE_TOKEN {
            SINGLE_TOKEN.to_owned()
        } else {
            format!("{}[{index}]", document.origin)
        };
        let mut fields = Fields::read(text, path, value, &ROUTE_FIELDS, problems);
        let draft = draft(&mut fields, index);
        // One that could not be read is reported as such.
        let unread = draft.route.token == TokenDigest::of(b"");
        if !unread && !tokens.insert(draft.route.token) {
            let field = if fields.has("token") { "token" } else { "token_sha256" };
            fields.problem(
                Some(field),
                "another route has the same token",
                "give each route its own; `ai-gateway token` makes one",
            );
        }
        if !names.insert(draft.route.name.clone()) {
            fields.problem(
                Some("name"),
                format!("another route is called `{}` as well", draft.route.name),
                "names are unique",
            );
        }
        drafts.push(draft);
    }
    link(drafts, &document.origin, problems)
}

fn draft(fields: &mut Fields<'_, '_>, index: usize) -> Draft {
    let (token, clear_token) = token(fields);
    let name = fields.string("name").unwrap_or_else(|| format!("route-{}", index + 1));
    let (provider, row) = provider(fields);
    dialect(fields);
    let (upstream, local) = upstream(fields, row);
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
        fallbacks: fields.strings(FALLBACKS),
        route: Route {
            name,
            token,
            clear_token,
            provider,
            dialect: Dialect::OpenAi,
            upstream,
            keys,
            key_header: row.map_or(KeyHeader::Bearer, |row| row.key_header),
            account_limits: row.is_some_and(|row| row.account_limits),
            model_prefix: row.and_then(|row| row.model_prefix),
            default_model: fields.string("default_model"),
            models: fields.strings("models").into_iter().map(ModelPattern::new).collect(),
            aliases: aliases(fields),
            timeout,
            idle_timeout: fields.seconds("idle_timeout").unwrap_or(timeout),
            connect_timeout: fields.seconds("connect_timeout").unwrap_or(DEFAULT_CONNECT_TIMEOUT),
            extra_headers: extra_headers(fields),
            max_attempts: 1,
            spares_fallbacks: true,
            rotation,
            verify_end: fields.boolean("verify_end").unwrap_or(false),
            admin: fields.boolean("admin").unwrap_or(false),
            fallbacks: Vec::new(),
        },
    }
}

fn token(fields: &mut Fields<'_, '_>) -> (TokenDigest, Option<Secret>) {
    const MAKE: &str = "`ai-gateway token` makes one";
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

fn provider(fields: &mut Fields<'_, '_>) -> (String, Option<&'static Provider>) {
    let name = fields.string("provider").unwrap_or_else(|| CUSTOM.to_owned());
    let row = providers::named(&name);
    if PLANNED_PROVIDERS.contains(&&*name.to_ascii_lowercase()) {
        fields.problem(
            Some("provider"),
            format!("the dialect of `{name}` is not available yet"),
            "use the provider's OpenAI-compatible endpoint, or `openrouter`",
        );
    } else if row.is_none() && !fields.has("base_url") {
        let known: Vec<&str> = PROVIDERS.iter().map(|provider| provider.name).collect();
        let hint = format!("{} Otherwise give its `base_url`.", did_you_mean(&name, &known));
        fields.problem(Some("provider"), format!("unknown provider `{}`", shown(&name)), &hint);
    }
    (name, row)
}

fn dialect(fields: &mut Fields<'_, '_>) {
    match fields.string("dialect").as_deref() {
        None | Some("openai") => {}
        Some(planned) if PLANNED.contains(&planned) => {
            fields.problem(
                Some("dialect"),
                format!("the dialect `{planned}` is not available yet"),
                "leave it out and use an OpenAI-compatible endpoint",
            );
        }
        Some(other) => {
            let hint = did_you_mean(other, &["openai", "anthropic", "gemini"]);
            fields.problem(Some("dialect"), format!("unknown dialect `{}`", shown(other)), &hint);
        }
    }
}

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

/// Where there is more than one key.
const SEVERAL: &str = "several keys are [\"key-1\", \"key-2\"] in a table, and key-1,key-2 in a variable";

/// Turns the names of fallbacks into indices and settles what depends on them.
fn link(drafts: Vec<Draft>, origin: &str, problems: &mut Problems) -> Vec<Route> {
    let names: Vec<String> = drafts.iter().map(|draft| draft.route.name.clone()).collect();
    let known: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut links: Vec<Vec<usize>> = Vec::with_capacity(drafts.len());
    for (index, draft) in drafts.iter().enumerate() {
        let path = format!("{origin}[{index}].{FALLBACKS}");
        let mut targets = Vec::new();
        for name in &draft.fallbacks {
            match known.iter().position(|known| known == name) {
                Some(target) if target == index => {
                    problems.at(&path, format!("`{name}` falls back to itself"), "name another route");
                }
                Some(target) if targets.contains(&target) => {
                    problems.at(&path, format!("`{name}` stands twice"), "keep one of them");
                }
                Some(target) => targets.push(target),
                None => problems.at(
                    &path,
                    format!("no route is called `{}`", shown(name)),
                    &did_you_mean(name, &known),
                ),
            }
        }
        links.push(targets);
    }
    for start in 0..links.len() {
        if let Some(cycle) = cycle(&links, start) {
            let chain: Vec<&str> = cycle.iter().map(|index| known[*index]).collect();
            problems.at(
                &format!("{origin}[{start}].{FALLBACKS}"),
                format!("these go round in a circle: {}", chain.join(" -> ")),
                "take one of them out",
            );
            break;
        }
    }
    let key_counts: Vec<usize> = drafts.iter().map(|draft| draft.route.keys.len().max(1)).collect();
    let settle = |(index, draft): (usize, Draft)| {
        let keys = key_counts[index] + links[index].iter().map(|fallback| key_counts[*fallback]).sum::<usize>();
        let max_attempts = draft.max_attempts.unwrap_or_else(|| keys.min(DEFAULT_MAX_ATTEMPTS));
        Route {
            max_attempts,
            spares_fallbacks: draft.max_attempts.is_none(),
            fallbacks: links[index].clone(),
            ..draft.route
        }
    };
    drafts.into_iter().enumerate().map(settle).collect()
}

/// A way from `start` back to itself.
fn cycle(links: &[Vec<usize>], start: usize) -> Option<Vec<usize>> {
    let mut seen = vec![false; links.len()];
    let mut paths = vec![vec![start]];
    while let Some(path) = paths.pop() {
        for next in &links[*path.last()?] {
            let mut longer = path.clone();
            longer.push(*next);
            if *next == start {
                return Some(longer);
            }
            if !std::mem::replace(&mut seen[*next], true) {
                paths.push(longer);
            }
        }
    }
    None
}

/// A value as a report may show it: cut, and without control characters.
pub(super) fn shown(text: &str) -> String {
    text.chars().take(60).filter(|char| !char.is_control()).collect()
}
