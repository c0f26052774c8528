//! Who may call the gateway.

use super::allowance::Allowance;
use super::model_pattern::ModelPattern;
use super::network::Network;
use super::route::Route;
use super::secret::{Secret, TokenDigest};

/// A client of the gateway: the token of a route, or one of the entries in its `tokens`.
#[derive(Debug)]
pub struct Account {
    /// Its name in logs and in `check`. Unique.
    pub name: String,
    /// The SHA-256 of the client's token.
    pub token: TokenDigest,
    /// The client's token itself, where the operator wrote that instead of its digest. It is removed from answers that
    /// contain it, and never compared with what a client sends.
    pub clear_token: Option<Secret>,
    /// What chooses the key that keeps files and the like for it: the name of an entry, which stays when its token is replaced, or
    /// the token of a route, which may have no name of its own.
    pub subject: TokenDigest,
    /// The route that its requests take: an index into [`Config::routes`](super::Config::routes).
    pub route: usize,
    /// The group that it belongs to: an index into [`Config::groups`](super::Config::groups).
    pub group: Option<usize>,
    /// From when on it is not valid any more, in seconds since 1970.
    pub expires: Option<u64>,
    /// Whether the operator has disabled it.
    pub disabled: bool,
    /// Where its requests may come from; from everywhere, where it is empty.
    pub allow_ips: Vec<Network>,
    /// What the operator calls it by, in the order of the configuration.
    pub labels: Vec<(String, String)>,
    /// Its own allow-list, within that of the route. Where it is empty, all models of the route are allowed.
    pub models: Vec<ModelPattern>,
    /// How much it may use.
    pub allowance: Allowance,
    /// How much it may use of some models.
    pub per_model: Vec<(ModelPattern, Allowance)>,
}

/// Tokens that have something in common.
#[derive(Debug)]
pub struct Group {
    /// Its name. Unique.
    pub name: String,
    /// How much all of its tokens may use together.
    pub allowance: Allowance,
    /// What the operator calls it by, in the order of the configuration.
    pub labels: Vec<(String, String)>,
}

impl Group {
    /// Whether its tokens may use so much only.
    pub(super) fn is_limited(&self) -> bool {
        self.allowance != Allowance::default()
    }
}

impl Account {
    /// Whether it may use so much only, of anything.
    pub(super) fn is_limited(&self) -> bool {
        self.allowance != Allowance::default() || !self.per_model.is_empty()
    }

    /// Whether it may use some models of its route only: then what a request names has to be known.
    #[must_use]
    pub const fn limits_models(&self, route: &Route) -> bool {
        !self.models.is_empty() || !route.models.is_empty()
    }

    /// Whether it may ask for `model`: its own allow-list and that of its route allow it.
    #[must_use]
    pub fn allows(&self, route: &Route, model: &str) -> bool {
        route.allows(model) && route.is_listed(&self.models, model)
    }

    /// Whether it may leave the model out, and get the default one of its route, which the route's own allow-list need not have.
    #[must_use]
    pub fn allows_default(&self, route: &Route) -> bool {
        let default = route.default_model.as_deref();
        default.is_none_or(|model| route.is_listed(&self.models, model))
    }

    /// Whether it has expired, at so many seconds since 1970.
    #[must_use]
    pub fn has_expired(&self, now: u64) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }
}
