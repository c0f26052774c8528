//! The variables of a process or of a Worker: which ones the gateway knows, what is in them, and which unknown name was
//! probably meant to be one of ours.

use super::pasted::quoted;
use super::problem::Problems;
use super::suggest::distance;
use crate::dialect::providers::PROVIDERS;
use crate::dialect::wire::sorted::Sorted;

/// All variables, as the shell found them. Those of other programs are among them, so that a misspelt name is noticed.
#[derive(Clone, Default)]
pub struct Variables {
    set: Sorted<String, String>,
    counts: bool,
}

impl FromIterator<(String, String)> for Variables {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(variables: I) -> Self {
        let mut all = Self::default();
        for (name, value) in variables {
            all.set(&name, value);
        }
        all
    }
}

impl Variables {
    /// The variables of a runtime that counts what its clients use: limits of rate hold there.
    #[must_use]
    pub fn counting(mut self) -> Self {
        self.counts = true;
        self
    }

    /// Whether the runtime counts what its clients use.
    pub(super) const fn counts(&self) -> bool {
        self.counts
    }

    /// Returns the value of a variable, unchanged. A blank one counts as not set.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        let value = self.set.get(name)?;
        (!value.trim().is_empty()).then_some(value)
    }

    /// Returns the value of a variable, without the blanks and line breaks around it.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.text(name).map(str::trim)
    }

    /// Sets a variable.
    pub fn set(&mut self, name: &str, value: String) {
        *self.set.get_or_insert(name.to_owned(), String::new()) = value;
    }

    /// Returns the names of the variables that are set.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.set
            .iter()
            .map(|(name, _)| name.as_str())
            .filter(|name| self.text(name).is_some())
    }
}

/// Variables while they are read, and the problems found so far.
pub(super) struct Reading<'a> {
    pub(super) variables: &'a Variables,
    pub(super) problems: Problems,
}

impl<'a> Reading<'a> {
    pub(super) fn new(variables: &'a Variables) -> Self {
        Self {
            variables,
            problems: Problems::default(),
        }
    }

    /// Returns the value of the variable `name`, without quotes, which are reported. The name is one of those that [`known`]
    /// lists.
    pub(super) fn get(&mut self, name: &str) -> Option<&'a str> {
        debug_assert!(known().any(|known| known == name), "{name} is not listed");
        let value = self.variables.get(name)?;
        let Some(inside) = quoted(value) else {
            return Some(value);
        };
        self.problems.at(
            name,
            "its value stands in quotes, which are part of it",
            &format!(
                "write {name}=... without quotes: `docker run --env-file` and `environment:` lists (- {name}=\"...\") keep them"
            ),
        );
        Some(inside).filter(|inside| !inside.is_empty())
    }

    /// Reads a number of bytes, at least `least`, if the variable `name` is set. A number that this machine cannot count to
    /// becomes the largest that it can.
    pub(super) fn bytes(&mut self, name: &str, least: u64) -> Option<usize> {
        let text = self.get(name)?;
        let digits = text.find(|char: char| !char.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let factor = match unit.trim().to_ascii_lowercase().as_str() {
            "" | "b" => Some(1),
            "k" | "kb" | "kib" => Some(1024),
            "m" | "mb" | "mib" => Some(1024 * 1024),
            "g" | "gb" | "gib" => Some(1024 * 1024 * 1024),
            _ => None,
        };
        let bytes = number
            .parse::<u64>()
            .ok()
            .zip(factor)
            .and_then(|(number, factor)| number.checked_mul(factor))
            .filter(|bytes| *bytes >= least);
        if bytes.is_none() {
            let expected = match least {
                0 | 1 => "expected a number of bytes".to_owned(),
                least => format!("expected a number of bytes, {least} at least"),
            };
            self.problems.at(name, expected, "write 67108864 or 64MiB");
        }
        bytes.map(|bytes| usize::try_from(bytes).unwrap_or(usize::MAX))
    }
}

/// The variables that hold the table of routes, or say where it is.
pub(super) const ROUTES: &str = "GATEWAY_ROUTES";
pub(super) const ROUTES_FILE: &str = "GATEWAY_ROUTES_FILE";
pub(super) const KV: &str = "GATEWAY_KV";

/// The variable that holds prices of models.
pub const PRICES: &str = "GATEWAY_PRICES";
/// The variable that holds the path of a file with them.
pub const PRICES_FILE: &str = "GATEWAY_PRICES_FILE";

/// The variables of a single token, without those of the providers, each with the field of a route that it fills.
pub(super) const SINGLE: [(&str, &str); 10] = [
    ("GATEWAY_TOKEN", "token"),
    ("PROVIDER", "provider"),
    ("UPSTREAM_API_KEY", "api_keys"),
    ("UPSTREAM_BASE_URL", "base_url"),
    ("UPSTREAM_CHAT_URL", "chat_url"),
    ("UPSTREAM_MODELS_URL", "models_url"),
    ("UPSTREAM_TIMEOUT", "timeout"),
    ("DEFAULT_MODEL", "default_model"),
    ("HTTP_REFERER", "extra_headers.HTTP-Referer"),
    ("X_TITLE", "extra_headers.X-Title"),
];

/// Returns the variable that fills a field of a single token's route; the field's own name where none does.
pub(super) fn of_field(field: &str) -> &str {
    let known = SINGLE.iter().find(|(_, filled)| *filled == field);
    known.map_or(field, |(variable, _)| variable)
}

/// The variables that name a proxy.
pub(super) const PROXIES: [&str; 6] = [
    "HTTPS_PROXY",
    "https_proxy",
    "HTTP_PROXY",
    "http_proxy",
    "ALL_PROXY",
    "all_proxy",
];

/// The settings of the gateway itself.
const SETTINGS: &[&str] = &[
    "CORS_ORIGINS",
    "BODY_LIMIT",
    "BODY_MEMORY",
    "LOG_CLIENT",
    "STATE_SECRET",
    "HOST",
    "PORT",
    "MAX_CONCURRENT",
    "DRAIN_TIMEOUT",
    "SEND_TIMEOUT",
    "LOG_FORMAT",
    "TRUSTED_PROXIES",
    PRICES,
    PRICES_FILE,
    "SSL_CERT_FILE",
    "NO_PROXY",
    "no_proxy",
];

/// Returns the variables of the providers, each once: of their keys, and of their addresses.
fn providers() -> impl Iterator<Item = &'static str> {
    PROVIDERS.iter().enumerate().flat_map(|(index, row)| {
        let is_new = move |name: &&str| {
            !PROVIDERS[..index]
                .iter()
                .any(|earlier| earlier.key_variables.contains(name))
        };
        let keys = row.key_variables.iter().copied().filter(is_new);
        keys.chain(row.base_url_variable)
    })
}

/// Returns every variable that belongs to a single token.
pub(super) fn single_token() -> impl Iterator<Item = &'static str> {
    SINGLE.into_iter().map(|(variable, _)| variable).chain(providers())
}

/// Returns every variable that the gateway reads on any runtime, without the numbered parts of the table.
pub fn known() -> impl Iterator<Item = &'static str> {
    [ROUTES, ROUTES_FILE, KV]
        .into_iter()
        .chain(single_token())
        .chain(SETTINGS.iter().copied())
        .chain(PROXIES)
}

/// Returns the number of a part of the table: 2 for `GATEWAY_ROUTES_2`.
pub(super) fn part(name: &str) -> Option<u32> {
    let digits = name.strip_prefix(ROUTES)?.strip_prefix('_')?;
    let number = digits.parse().ok()?;
    (number > 0 && !digits.starts_with(['0', '+'])).then_some(number)
}

/// Names that other programs have for variables, and ours.
const SYNONYMS: [(&str, &str); 9] = [
    ("ALLOWED_ORIGINS", "CORS_ORIGINS"),
    ("CORS_ALLOWED_ORIGINS", "CORS_ORIGINS"),
    ("CORS_ALLOW_ORIGINS", "CORS_ORIGINS"),
    ("CORS_ALLOW_ORIGIN", "CORS_ORIGINS"),
    ("GATEWAY_ROUTES_PATH", ROUTES_FILE),
    ("GATEWAY_API_KEY", "GATEWAY_TOKEN"),
    ("UPSTREAM_URL", "UPSTREAM_BASE_URL"),
    ("OPENAI_API_BASE", "OPENAI_BASE_URL"),
    ("OPENAI_API_BASE_URL", "OPENAI_BASE_URL"),
];

/// Returns remarks on variables whose name is nearly that of one of ours which is not set. `table`: the routes are in a
/// table, so that variables of a single token or a provider are for another program.
pub(super) fn misspelt(variables: &Variables, table: bool) -> Vec<String> {
    let missing: Vec<&str> = known()
        .filter(|name| variables.text(name).is_none())
        .filter(|name| !table || !single_token().any(|single| single == *name))
        .collect();
    let remark = |name: &str| {
        if is_like_a_part(name) {
            return Some(format!(
                "{name} is not read: the parts of a table are GATEWAY_ROUTES_1, GATEWAY_ROUTES_2, ..."
            ));
        }
        let meant = meant(name, &missing)?;
        Some(format!(
            "{name} is not a variable of the gateway: did you mean {meant}?"
        ))
    };
    let is_known = |name: &&str| part(name).is_some() || known().any(|known| known == *name);
    variables
        .names()
        .filter(|name| !is_known(name))
        .filter_map(remark)
        .collect()
}

/// Whether a name is `GATEWAY_ROUTES` and a number, but not that of a part.
fn is_like_a_part(name: &str) -> bool {
    let rest = name
        .strip_prefix(ROUTES)
        .map(|rest| rest.trim_start_matches(['_', '-']));
    rest.is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Returns the one of `missing` that somebody may have meant by `name`.
fn meant<'a>(name: &str, missing: &[&'a str]) -> Option<&'a str> {
    let bare = |name: &str| name.to_ascii_uppercase().replace(['_', '-', '.'], "");
    let word = bare(name);
    let synonym = SYNONYMS
        .iter()
        .find(|(foreign, _)| bare(foreign) == word)
        .map(|(_, own)| *own);
    let nearness = |known: &str| {
        let own = bare(known);
        let distance = distance(&word, &own);
        let is_near = match known.strip_suffix("_API_KEY").map(bare) {
            // The names of two vendors may be near to each other.
            Some(vendor) => {
                let is_key = |rest| ["APIKEY", "APIKEYS", "APITOKEN", "KEY", "TOKEN"].contains(&rest);
                word.strip_prefix(&vendor).is_some_and(is_key) || (vendor.len() >= 8 && distance <= 1)
            }
            // A short name is near to others that mean something else, as HOME is to HOST.
            None => match own.len() {
                ..8 => false,
                8..12 => distance <= 1,
                _ => distance <= 2,
            },
        };
        is_near.then_some(distance)
    };
    let near = || {
        missing
            .iter()
            .filter_map(|known| Some((nearness(known)?, *known)))
            .min()
    };
    missing
        .iter()
        .copied()
        .find(|known| Some(*known) == synonym)
        .or_else(|| near().map(|(_, known)| known))
}
