//! One route on the way of a request, and what the request has learnt there.

use crate::config::Route;
use crate::dialect::upstream_models::limits;
use crate::platform::Moment;
use crate::policy::health::{Access, Health};
use crate::policy::meaning::{Meaning, Scope};
use crate::policy::subject::Subject;

/// One route that may serve a request: its own one, or a fallback.
#[derive(Debug)]
pub(super) struct Stop<'a> {
    /// Index into `Config::routes`.
    pub(super) place: usize,
    pub(super) route: &'a Route,
    /// The model that the upstream is asked for.
    pub(super) model: Option<&'a str>,
    /// When the upstream's cooldown ends, as it was known when the request came. What the request itself learns about the
    /// upstream does not keep it from the other keys there, unless it came to find out whether the upstream works again.
    pub(super) upstream_cooldown_end: Option<Moment>,
    /// Whether this request finds out for all others if the upstream works again.
    pub(super) is_probe: bool,
    /// Whether one of the keys has met a limit of a whole account. One further key is tried then, because it may belong to
    /// another account. If it is limited as well, the keys are taken to share one account.
    pub(super) is_limited: bool,
    /// When the time for this route is up: set by its first attempt and shared by all of its keys.
    pub(super) deadline: Option<Moment>,
}

impl<'a> Stop<'a> {
    pub(super) fn new(place: usize, route: &'a Route, model: Option<&'a str>, health: &Health, now: Moment) -> Self {
        Self {
            place,
            route,
            model,
            upstream_cooldown_end: health.cooldown_end(Subject::upstream(route, model), now),
            is_probe: false,
            is_limited: false,
            deadline: None,
        }
    }

    /// The upstream as this request asks it.
    pub(super) const fn upstream(&self) -> Subject<'a> {
        Subject::upstream(self.route, self.model)
    }

    /// Whether a request that has another upstream to go to may ask this one. It may become the one request that probes it;
    /// where another request probes it already, the upstream moves behind the others.
    pub(super) fn may_begin(&mut self, health: &Health, now: Moment) -> bool {
        if health.is_quiet() || self.has_begun() || self.upstream_cooldown_end.is_some() {
            return true;
        }
        match health.access(self.upstream(), now) {
            Access::Free => true,
            Access::Probe => {
                self.is_probe = true;
                true
            }
            Access::Closed => {
                self.upstream_cooldown_end = health.cooldown_end(self.upstream(), now).or(Some(now));
                false
            }
        }
    }

    /// Whether an attempt was made here.
    pub(super) const fn has_begun(&self) -> bool {
        self.deadline.is_some()
    }

    /// Whether the time for this route is up at `now`.
    pub(super) fn is_over(&self, now: Moment) -> bool {
        self.deadline.is_some_and(|deadline| deadline <= now)
    }

    /// Returns when the cooldown of the key at place `key` ends, or `None` where the key is not in one at `now`.
    pub(super) fn key_cooldown_end(&self, key: usize, health: &Health, now: Moment) -> Option<Moment> {
        let for_all_models = health.cooldown_end(Subject::key(self.route, key), now);
        let for_this_model = health.cooldown_end(Subject::key_and_model(self.route, key, self.model), now);
        for_all_models.max(for_this_model)
    }

    /// Returns when the rate limit of the key at place `key` ends, or `None` where it has met none.
    pub(super) fn limit_end(&self, key: usize, health: &Health, now: Moment) -> Option<Moment> {
        let of_account = health.limit_end(Subject::key(self.route, key), now);
        let for_this_model = health.limit_end(Subject::key_and_model(self.route, key, self.model), now);
        of_account.max(for_this_model)
    }

    /// Notes for later requests what an outcome says about the key at place `key`, or about all keys of its account.
    pub(super) fn note_keys(
        &self,
        key: Option<usize>,
        is_account: bool,
        meaning: &Meaning,
        health: &Health,
        now: Moment,
    ) {
        let until = now.after(meaning.cooldown);
        let keys = if is_account {
            0..self.route.keys.len()
        } else {
            key.map_or(0..0, |key| key..key + 1)
        };
        for key in keys {
            let whole = Subject::key(self.route, key);
            let for_model = Subject::key_and_model(self.route, key, self.model);
            match meaning.scope {
                Scope::Success => {
                    health.recover(whole);
                    health.recover(for_model);
                }
                Scope::Key | Scope::Quota | Scope::Account => health.cool_down(whole, meaning.scope, until, now),
                Scope::KeyAndModel => health.cool_down(for_model, meaning.scope, until, now),
                Scope::Request
                | Scope::State
                | Scope::Overflow
                | Scope::StreamOptions
                | Scope::Endpoint
                | Scope::Region
                | Scope::Upstream
                | Scope::Gateway
                | Scope::Late
                | Scope::Time => {}
            }
        }
    }

    /// Notes for later requests what an outcome says about the upstream.
    pub(super) fn note_upstream(&mut self, health: &Health, scope: Scope, random: u64, now: Moment) {
        match scope {
            // An upstream that rejects a key or a request works.
            Scope::Success
            | Scope::Request
            | Scope::Overflow
            | Scope::State
            | Scope::StreamOptions
            | Scope::Endpoint
            | Scope::Key
            | Scope::Quota
            | Scope::KeyAndModel
            | Scope::Account => health.recover(self.upstream()),
            Scope::Upstream | Scope::Region | Scope::Late => {
                health.fail(self.upstream(), scope, now, random);
                if self.is_probe {
                    self.upstream_cooldown_end = health.cooldown_end(self.upstream(), now);
                }
            }
            // A timeout says as much about the request as about the upstream.
            Scope::Gateway | Scope::Time => {}
        }
    }

    /// Returns how many tokens of a prompt the model takes; 0 where that is not known.
    pub(super) fn most_tokens(&self) -> u64 {
        self.model.and_then(limits).map_or(0, |limits| limits.input)
    }
}
