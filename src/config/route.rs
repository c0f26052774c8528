//! An upstream, and how it is asked. Everything is resolved: an address is parsed, a default filled in, a fallback an index.

use std::time::Duration;

use http::{HeaderMap, Uri};

use super::allowance::Limits;
use super::model_pattern::ModelPattern;
use super::prices::Prices;
use super::secret::Secret;
use crate::dialect::key_header::KeyHeader;
use crate::dialect::neutral::Format;
use crate::dialect::providers::Has;

/// A route: an upstream, and how it is asked.
#[derive(Debug)]
pub struct Route {
    /// Its name in logs, in `check` and in the `fallbacks` of others. Unique.
    pub name: String,
    /// The provider's name as the operator wrote it.
    pub provider: String,
    /// The wire format of the upstream.
    pub dialect: &'static Format,
    /// What else the upstream speaks. Not known where the operator gave another address than the provider's.
    pub has: Has,
    /// Whether a request is refused that has something without a counterpart in the upstream's dialect.
    pub strict: bool,
    /// Where requests go.
    pub upstream: Upstream,
    /// The keys, each once, in the order of the configuration. Where there are none, none is sent.
    pub keys: Vec<Secret>,
    /// How much each key may be used for at a time.
    pub key_limits: Limits,
    /// What models cost here, where that differs from what they cost elsewhere.
    pub prices: Prices,
    /// The header in which a key is sent.
    pub key_header: KeyHeader,
    /// Whether the rate limits of the upstream are those of an account, so that another key does not help.
    pub account_limits: bool,
    /// What stands before the names in the upstream's list of models.
    pub model_prefix: Option<&'static str>,
    /// The model of a request that names none. An echo route always has one.
    pub default_model: Option<String>,
    /// The allow-list. Where it is empty, all models are allowed.
    pub models: Vec<ModelPattern>,
    /// The client's name of a model and the upstream's, in the order of the configuration.
    pub aliases: Vec<(String, String)>,
    /// The time limit of a whole answer, and of a stream up to its first event.
    pub timeout: Duration,
    /// The time until another upstream is asked for a stream without content, where one could serve. At most `timeout`.
    pub first_token_timeout: Duration,
    /// How long a request may wait for a key, where the rate limits of all keys hold.
    pub retry_wait: Duration,
    /// The time that may pass without a byte in a stream that has begun.
    pub idle_timeout: Duration,
    /// The time limit of connecting. Native only: a Worker's runtime connects by itself.
    pub connect_timeout: Duration,
    /// Headers of every request upstream. They replace those of the client.
    pub extra_headers: HeaderMap,
    /// How many attempts one request has, those on fallbacks included. At least 1.
    pub max_attempts: usize,
    /// Whether one attempt is reserved for each fallback: where the operator has not set `max_attempts`.
    pub reserves_for_fallbacks: bool,
    /// How the first key of a request is chosen.
    pub rotation: Rotation,
    /// Whether a Worker reads every chunk of a stream. The native gateway always does.
    pub verify_end: bool,
    /// Whether the part of the API that administers the organization is passed on: the field `admin`.
    pub organization: bool,
    /// The routes that are tried next: indices into [`Config::routes`](super::Config::routes), never the route itself, and
    /// without a cycle.
    pub fallbacks: Vec<usize>,
}

/// Where the requests of a route go.
#[derive(Debug)]
pub enum Upstream {
    /// The gateway answers by itself.
    Echo,
    /// Over the network, to these addresses.
    Http(Box<Addresses>),
}

/// The addresses of an upstream.
#[derive(Debug)]
pub struct Addresses {
    /// The address of the API, to which the path of an endpoint is appended: `base_url`.
    pub base: Base,
    /// The address of chat completions, where the operator gave the whole of it.
    pub chat_url: Option<Uri>,
    /// The address of the list of models.
    pub models_url: Uri,
}

/// The address below which an upstream's endpoints are.
#[derive(Debug)]
pub struct Base {
    /// The address, without a slash at its end and without a query.
    pub url: String,
    /// The address for endpoints that do not belong to a deployment (Azure). Elsewhere it equals `url`.
    pub account: String,
    /// The query of every request, such as Azure's `api-version`.
    pub query: Option<String>,
    /// The address of chat completions, unless a model is part of it. Most requests go there, so it is made once.
    pub chat: Option<Uri>,
}

impl Base {
    /// What `url` has in the place of the model, where that is part of the path.
    pub const MODEL: &str = "{model}";
}

/// How the first key of a request is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rotation {
    /// By the id of the request: load is spread over all keys.
    Request,
    /// By the conversation: its requests meet the same prompt cache.
    Sticky,
}

impl Route {
    /// Returns whether the upstream speaks `dialect` as it is; nothing where that is to be found out by asking it.
    #[must_use]
    pub fn speaks(&self, dialect: &Format) -> Option<bool> {
        self.has.speaks(self.dialect, dialect)
    }

    /// Whether the model of a request matters to the gateway.
    #[must_use]
    pub fn chooses_models(&self) -> bool {
        !self.models.is_empty() || !self.aliases.is_empty() || self.default_model.is_some()
    }

    /// Whether a client may ask for `model`. Without an allow-list it may ask for any. An entry may be the client's name of a
    /// model or the upstream's, with its prefix or without.
    #[must_use]
    pub fn allows(&self, model: &str) -> bool {
        self.is_listed(&self.models, model)
    }

    /// Whether a list has `model`, as [`Route::allows`] has it. An empty one has every model.
    #[must_use]
    pub fn is_listed(&self, list: &[ModelPattern], model: &str) -> bool {
        let named = |name: &str| list.iter().any(|pattern| pattern.matches(name));
        let bare = self.model_prefix.and_then(|prefix| model.strip_prefix(prefix));
        list.is_empty() || named(model) || named(self.upstream_model(model)) || bare.is_some_and(named)
    }

    /// Whether the model of a request is a part of the address (Azure's deployments, Gemini's methods of a model).
    #[must_use]
    pub fn has_model_in_path(&self) -> bool {
        self.dialect.paths.whole.contains(Base::MODEL)
            || matches!(&self.upstream, Upstream::Http(addresses) if addresses.base.url.contains(Base::MODEL))
    }

    /// Returns the upstream's name of the model that the client calls `model`.
    #[must_use]
    pub fn upstream_model<'a>(&'a self, model: &'a str) -> &'a str {
        self.aliases
            .iter()
            .find(|(client, _)| client == model)
            .map_or(model, |(_, upstream)| upstream)
    }
}
