//! What the operator wrote, as the gateway uses it: answers only, nothing left to interpret. A value that
//! reached [`Config`] is valid; everything wrong was reported as [`Problems`] before.
//!
//! Variables and texts reach this module as arguments; it never asks the process or the runtime.

mod address;
mod character;
mod check;
mod fields;
mod identity;
mod loops;
mod parse;
mod pasted;
mod problem;
mod secret;
mod server;
mod single_token;
mod source;
mod suggest;
mod syntax;
mod variables;

use std::collections::HashMap;
use std::time::Duration;

use http::{HeaderMap, HeaderValue, Uri};

pub use self::address::is_loopback;
pub use self::check::table;
pub use self::loops::loops;
pub use self::parse::{DEFAULT_TIMEOUT, ROUTE_FIELDS};
pub use self::problem::{Problem, Problems};
pub use self::secret::{Secret, TokenDigest};
pub use self::server::{LogFormat, Server};
pub use self::source::{Document, inline_routes, load, routes_file};
pub use self::variables::{Variables, known as known_variables};
use crate::dialect::providers::{Dialect, KeyHeader};

/// Everything the gateway needs to know.
#[derive(Debug)]
pub struct Config {
    /// At least one, in a configuration that was loaded.
    pub routes: Vec<Route>,
    /// Which route a token is bound to: ask [`Config::route_of`].
    tokens: HashMap<TokenDigest, usize>,
    /// Who may call from a browser.
    pub cors: Cors,
    /// The largest request body that is read, in bytes, where that is set; else it is what the runtime can bear.
    pub body_limit: Option<usize>,
    /// Whether the log has the clients' addresses.
    pub log_client: bool,
    /// What its operator should know although nothing is wrong, one sentence each: where the routes come from, and what is
    /// set and not used. Holds no secret.
    pub notes: Vec<String>,
    /// What marks a request as one that this gateway, or another replica of it, has sent.
    pub hop: HeaderValue,
}

/// A client's token and what it is bound to.
#[derive(Debug)]
pub struct Route {
    /// Shown in logs and `check`.
    pub name: String,
    /// The SHA-256 of the client's token.
    pub token: TokenDigest,
    /// The client's token itself where the operator wrote it in clear (for scrubbing, never for comparing).
    pub clear_token: Option<Secret>,
    /// The provider's name as the operator wrote it.
    pub provider: String,
    /// The wire format of the upstream.
    pub dialect: Dialect,
    /// Where requests go.
    pub upstream: Upstream,
    /// The keys, in the order of the configuration, without repetition. Empty: none is sent.
    pub keys: Vec<Secret>,
    /// How a key is sent.
    pub key_header: KeyHeader,
    /// Whether the upstream limits the account, not the key.
    pub account_limits: bool,
    /// What the upstream's list of models puts before their names.
    pub model_prefix: Option<&'static str>,
    /// Used when the request names no model.
    pub default_model: Option<String>,
    /// The allow-list; empty: all models.
    pub models: Vec<ModelPattern>,
    /// Client's name -> upstream's name, in the order of the configuration.
    pub aliases: Vec<(String, String)>,
    /// To the complete answer, or, streaming, to the first event.
    pub timeout: Duration,
    /// Without a byte in a started stream.
    pub idle_timeout: Duration,
    /// To a connection (native).
    pub connect_timeout: Duration,
    /// Set on every upstream request, over the client's.
    pub extra_headers: HeaderMap,
    /// Upstream attempts for one client request, fallbacks included; at least 1.
    pub max_attempts: usize,
    /// The operator has not said how many: each fallback is spared one of them.
    pub spares_fallbacks: bool,
    /// How keys are chosen.
    pub rotation: Rotation,
    /// Worker: read every chunk of a stream.
    pub verify_end: bool,
    /// Whether the administrative part of the API is passed on.
    pub admin: bool,
    /// Indices into [`Config::routes`], never the route itself, no cycles.
    pub fallbacks: Vec<usize>,
}

/// Where a route's requests go.
#[derive(Debug)]
pub enum Upstream {
    /// Answered by the gateway itself.
    Echo,
    /// Sent over the network.
    Http(Box<Addresses>),
}

/// The addresses of an upstream.
#[derive(Debug)]
pub struct Addresses {
    /// `{base_url}`: other endpoints' paths are appended.
    pub base: Base,
    /// Chat completions, where the operator gave the whole address.
    pub chat_url: Option<Uri>,
    /// The list of models.
    pub models_url: Uri,
}

/// The address below which an upstream's endpoints are.
#[derive(Debug)]
pub struct Base {
    /// Without a trailing slash and without a query.
    pub url: String,
    /// The same for what does not belong to a deployment (Azure); else equal.
    pub account: String,
    /// Goes with every request (Azure's `api-version`).
    pub query: Option<String>,
    /// Chat completions below it, where no model stands in its path: most requests go there, so it is made once.
    pub chat: Option<Uri>,
}

impl Base {
    /// Stands in `url` for the model of the request, where that is part of the path.
    pub const MODEL: &str = "{model}";
}

/// How keys are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rotation {
    /// By request id.
    Request,
    /// By conversation.
    Sticky,
}

/// An entry of an allow-list: a model's name in which `*` stands for any run of characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelPattern(String);

/// Which origins may read answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cors {
    /// Every origin.
    Any,
    /// These only.
    Origins(Vec<String>),
}

impl Config {
    /// The configuration of `ai-gateway demo`: the tokens `demo` and `demo-2`, answered by the gateway itself.
    ///
    /// # Errors
    /// Those of `variables` that hold for every configuration.
    pub fn demo(variables: &Variables) -> Result<Self, Problems> {
        let text = r#"[{"token":"demo","name":"demo","provider":"echo","default_model":"echo"},
            {"token":"demo-2","name":"demo-2","provider":"echo","default_model":"echo-2"}]"#;
        source::with_table(text, variables)
    }

    /// No route at all: with it a gateway can do nothing but refuse.
    #[must_use]
    pub fn none() -> Self {
        Self {
            routes: Vec::new(),
            tokens: HashMap::new(),
            cors: Cors::Any,
            body_limit: None,
            log_client: false,
            notes: Vec::new(),
            hop: identity::of(&[]),
        }
    }

    /// The configuration of a route table alone, without any variable.
    ///
    /// # Errors
    /// Every problem of the table.
    pub fn of_routes(table: &str) -> Result<Self, Problems> {
        source::with_table(table, &Variables::default())
    }

    /// The route of a token. The table is searched by the token's digest, which nobody can choose piece by piece, and what
    /// is found is compared in constant time.
    #[must_use]
    pub fn route_of(&self, token: &[u8]) -> Option<usize> {
        let digest = TokenDigest::of(token);
        let index = *self.tokens.get(&digest)?;
        self.routes.get(index)?.token.matches(&digest).then_some(index)
    }

    /// Whether a text has the form of [`Config::hop`].
    #[must_use]
    pub fn is_hop(text: &str) -> bool {
        identity::is_mark(text)
    }

    /// Everything that must never be shown.
    pub fn secrets(&self) -> impl Iterator<Item = &Secret> {
        self.routes
            .iter()
            .flat_map(|route| route.keys.iter().chain(&route.clear_token))
    }
}

impl Route {
    /// Whether a client may ask for `model`: every one where there is no allow-list, else those that it names, by
    /// the client's name or by the upstream's, with or without its prefix.
    #[must_use]
    pub fn allows(&self, model: &str) -> bool {
        let named = |name: &str| self.models.iter().any(|pattern| pattern.matches(name));
        let bare = self.model_prefix.and_then(|prefix| model.strip_prefix(prefix));
        self.models.is_empty() || named(model) || named(self.upstream_model(model)) || bare.is_some_and(named)
    }

    /// Whether the model of a request is a part of the upstream's addresses.
    #[must_use]
    pub fn has_model_in_path(&self) -> bool {
        matches!(&self.upstream, Upstream::Http(addresses) if addresses.base.url.contains(Base::MODEL))
    }

    /// The upstream's name of the client's `model`.
    #[must_use]
    pub fn upstream_model<'a>(&'a self, model: &'a str) -> &'a str {
        self.aliases
            .iter()
            .find(|(client, _)| client == model)
            .map_or(model, |(_, upstream)| upstream)
    }
}

impl ModelPattern {
    /// A pattern as the operator wrote it.
    #[must_use]
    pub const fn new(pattern: String) -> Self {
        Self(pattern)
    }

    /// The one model that it stands for, if there is no `*` in it.
    #[must_use]
    pub fn exact(&self) -> Option<&str> {
        Some(self.0.as_str()).filter(|pattern| !pattern.contains('*'))
    }

    /// Whether `model` fits, every `*` standing for any run of characters. Takes no more than the product of both lengths.
    #[must_use]
    pub fn matches(&self, model: &str) -> bool {
        let (pattern, model) = (self.0.as_bytes(), model.as_bytes());
        let (mut at, mut read) = (0, 0);
        let mut star: Option<(usize, usize)> = None;
        while read < model.len() {
            if pattern.get(at) == Some(&b'*') {
                star = Some((at, read));
                at += 1;
            } else if pattern.get(at) == Some(&model[read]) {
                at += 1;
                read += 1;
            } else if let Some((behind, start)) = star {
                star = Some((behind, start + 1));
                at = behind + 1;
                read = start + 1;
            } else {
                return false;
            }
        }
        pattern[at..].iter().all(|byte| *byte == b'*')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_any_run() {
        let fits = |pattern: &str, model: &str| ModelPattern::new(pattern.into()).matches(model);
        for (pattern, model) in [
            ("*", ""),
            ("gpt-*", "gpt-4o"),
            ("*/gpt-*", "openai/gpt-4o"),
            ("a*b*c", "aXbYbZc"),
            ("x", "x"),
        ] {
            assert!(fits(pattern, model), "{pattern} {model}");
        }
        for (pattern, model) in [
            ("gpt-*", "agpt-4"),
            ("a*b", "abc"),
            ("", "x"),
            ("x", ""),
            ("GPT", "gpt"),
        ] {
            assert!(!fits(pattern, model), "{pattern} {model}");
        }
    }
}
