//! Which key of which route is tried next, and when to stop: a state machine that never waits or calls.
//!
//! Order of use: [`Plan::next`] says what to do, the caller does it and tells [`Plan::judge`] how it went, until
//! that says [`Verdict::Deliver`] or `next` says [`Step::GiveUp`].

use std::time::Duration;

use super::health::{Access, Health, Subject};
use super::outcome::{Meaning, Scope};
use super::rank::rank;
use crate::config::{Config, Rotation, Route, Secret};
use crate::platform::Moment;

/// One upstream with one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Target {
    /// Index into [`Config::routes`].
    pub route: usize,
    /// Index into the route's keys; `None` where none is sent.
    pub key: Option<usize>,
}

impl Target {
    /// The key itself, one of those of `route`.
    #[must_use]
    pub fn key_of(self, route: &Route) -> Option<&str> {
        self.key.and_then(|key| route.keys.get(key)).map(Secret::expose)
    }
}

/// What to do now.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// Try this target, for at most `limit`.
    Try {
        /// Where to send the request.
        target: Target,
        /// To the complete answer, or to the head of a stream.
        limit: Duration,
    },
    /// Nothing is left to try.
    GiveUp,
}

/// What to do with the outcome of a try.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Hand it to the client.
    Deliver,
    /// Ask for the next step.
    Continue,
}

/// What ranks the keys of a request.
#[derive(Clone, Copy, Debug)]
pub struct Order<'a> {
    /// The request's id, or what several requests have in common that must meet the same key.
    pub subject: &'a [u8],
    /// Comes before the subject under sticky rotation.
    pub conversation: Option<&'a [u8]>,
    /// Only the first target may serve it.
    pub only_first: bool,
    /// The route's fallbacks may serve it as well.
    pub fallbacks: bool,
    /// Attempts, where the route does not say less.
    pub most: usize,
}

/// The attempts of one client request.
#[derive(Debug)]
pub struct Plan<'a> {
    config: &'a Config,
    health: &'a Health,
    stops: Vec<Stop<'a>>,
    /// What is left to try, in the order of preference while everything is awake.
    left: Vec<Target>,
    attempts: usize,
    max_attempts: usize,
    /// Each route that has not begun is spared one attempt.
    spares: bool,
    current: Option<Target>,
}

/// One route on the way.
#[derive(Debug)]
struct Stop<'a> {
    route: usize,
    /// The model that its upstream is asked for.
    model: Option<&'a str>,
    /// Until when its upstream rests. As it was when the request came: what this request learns about an upstream does
    /// not keep it from its other keys, unless the request was to find out whether it works again.
    upstream_rests: Option<Moment>,
    /// This request finds out whether its upstream works again.
    is_probe: bool,
    /// One of its keys has met the limit of a whole account. Another one may belong to another account; a second one that is
    /// limited as well says that it does not.
    is_limited: bool,
    /// Its time, once it has begun. Not renewed by its other keys.
    deadline: Option<Moment>,
}

impl<'a> Plan<'a> {
    /// The plan of a request to `route` at `now`: its keys in their order, then those of its fallbacks. `model` tells
    /// what each route's upstream is asked for.
    #[must_use]
    pub fn new(
        config: &'a Config,
        health: &'a Health,
        route: usize,
        order: &Order<'_>,
        model: impl Fn(usize) -> Option<&'a str>,
        now: Moment,
    ) -> Self {
        let entry = &config.routes[route];
        let (mut left, mut stops) = (Vec::new(), Vec::new());
        let fallbacks = entry.fallbacks.iter().filter(|_| order.fallbacks);
        for index in std::iter::once(route).chain(fallbacks.copied()) {
            let stop = &config.routes[index];
            let subject = match (stop.rotation, order.conversation) {
                (Rotation::Sticky, Some(conversation)) => conversation,
                (Rotation::Sticky, None) | (Rotation::Request, _) => order.subject,
            };
            let model = model(index);
            stops.push(Stop {
                route: index,
                model,
                upstream_rests: if health.is_quiet() {
                    None
                } else {
                    health.rests_until(Subject::upstream(stop, model), now)
                },
                is_probe: false,
                is_limited: false,
                deadline: None,
            });
            if stop.keys.is_empty() {
                left.push(Target {
                    route: index,
                    key: None,
                });
            }
            let ranked = rank(subject, stop.keys.iter().map(Secret::expose));
            left.extend(ranked.into_iter().map(|key| Target {
                route: index,
                key: Some(key),
            }));
        }
        if order.only_first {
            left.truncate(1);
        }
        Self {
            config,
            health,
            stops,
            left,
            attempts: 0,
            max_attempts: entry.max_attempts.min(order.most),
            spares: entry.spares_fallbacks,
            current: None,
        }
    }

    /// Attempts begun so far.
    #[must_use]
    pub const fn attempts(&self) -> usize {
        self.attempts
    }

    /// Whether another attempt could follow the one that goes on.
    #[must_use]
    pub fn has_more(&self, now: Moment) -> bool {
        self.attempts < self.max_attempts && self.left.iter().any(|target| !self.is_over(target, now))
    }

    /// When the first of the keys wakes that may serve the request, if all of them rest.
    #[must_use]
    pub fn first_wake(&self, now: Moment) -> Option<Moment> {
        let keys = self.stops.iter().flat_map(|stop| {
            let keys = 0..self.config.routes[stop.route].keys.len();
            keys.map(|key| Target {
                route: stop.route,
                key: Some(key),
            })
        });
        keys.map(|target| self.wakes(target, now)).min().flatten()
    }

    fn stop(&self, target: &Target) -> Option<&Stop<'a>> {
        self.stops.iter().find(|stop| stop.route == target.route)
    }

    fn is_over(&self, target: &Target, now: Moment) -> bool {
        self.stop(target)
            .and_then(|stop| stop.deadline)
            .is_some_and(|deadline| deadline <= now)
    }

    /// When the key of `target` wakes; nothing if it is awake.
    fn wakes(&self, target: Target, now: Moment) -> Option<Moment> {
        let key = target.key?;
        let stop = self.stop(&target)?;
        let route = &self.config.routes[target.route];
        let whole = self.health.rests_until(Subject::key(route, key), now);
        whole.max(
            self.health
                .rests_until(Subject::key_and_model(route, key, stop.model), now),
        )
    }

    /// Whether the route of `target` has not begun.
    fn is_new(&self, target: &Target) -> bool {
        self.stop(target).is_some_and(|stop| stop.deadline.is_none())
    }

    /// Whether what is left of the attempts is spared for routes that have not begun.
    fn spares(&self) -> bool {
        let waits =
            |stop: &&Stop<'_>| stop.deadline.is_none() && self.left.iter().any(|target| target.route == stop.route);
        self.spares && self.stops.iter().filter(waits).count() >= self.max_attempts - self.attempts
    }

    /// The place in `left` of what is best tried now: what is awake in its order, then what wakes first.
    fn best(&self, now: Moment) -> Option<usize> {
        let spares = self.attempts > 0 && self.spares();
        let candidates = self
            .left
            .iter()
            .enumerate()
            .filter(|(_, target)| !self.is_over(target, now) && (!spares || self.is_new(target)));
        if self.health.is_quiet() {
            return candidates.map(|(place, _)| place).next();
        }
        let order = |(place, target): &(usize, &Target)| {
            let key = self.wakes(**target, now);
            let upstream = self.stop(target).and_then(|stop| stop.upstream_rests);
            (key.max(upstream), key, *place)
        };
        candidates.min_by_key(order).map(|(place, _)| place)
    }

    /// What to do at `now`.
    pub fn next(&mut self, now: Moment) -> Step {
        while self.attempts < self.max_attempts {
            let Some(place) = self.best(now) else { break };
            let target = self.left[place];
            let elsewhere = self.left.iter().any(|other| other.route != target.route);
            let Some(stop) = self.stops.iter_mut().find(|stop| stop.route == target.route) else {
                break;
            };
            let route = &self.config.routes[target.route];
            let unsure = !self.health.is_quiet() && stop.deadline.is_none() && stop.upstream_rests.is_none();
            if elsewhere && unsure {
                let upstream = Subject::upstream(route, stop.model);
                match self.health.access(upstream, now) {
                    Access::Free => {}
                    Access::Probe => stop.is_probe = true,
                    Access::Closed => {
                        stop.upstream_rests = self.health.rests_until(upstream, now).or(Some(now));
                        continue;
                    }
                }
            }
            let deadline = *stop.deadline.get_or_insert_with(|| now.after(route.timeout));
            self.left.remove(place);
            self.current = Some(target);
            self.attempts += 1;
            return Step::Try {
                target,
                limit: now.until(deadline),
            };
        }
        Step::GiveUp
    }

    /// The last try once more, changed so that its upstream will take it.
    pub fn again(&mut self) {
        if let Some(target) = self.current.take() {
            self.left.insert(0, target);
            self.max_attempts += 1;
        }
    }

    /// Takes the outcome of the last try. `random` spreads the rests of upstreams.
    pub fn judge(&mut self, meaning: &Meaning, random: u64, now: Moment) -> Verdict {
        let Some(target) = self.current else {
            return Verdict::Continue;
        };
        if meaning.scope == Scope::Success && self.health.is_quiet() {
            return Verdict::Deliver;
        }
        let route = &self.config.routes[target.route];
        let has_more_keys = self.left.iter().any(|other| other.route == target.route);
        let Some(stop) = self.stops.iter_mut().find(|stop| stop.route == target.route) else {
            return Verdict::Continue;
        };
        let model = stop.model;
        let (health, until) = (self.health, now.after(meaning.rest));
        let is_account = meaning.scope == Scope::Account && (stop.is_limited || !has_more_keys);
        stop.is_limited |= meaning.scope == Scope::Account;
        let keys = if is_account {
            0..route.keys.len()
        } else {
            target.key.map_or(0..0, |key| key..key + 1)
        };
        for key in keys {
            match meaning.scope {
                Scope::Success => {
                    health.recover(Subject::key(route, key));
                    health.recover(Subject::key_and_model(route, key, model));
                }
                Scope::Key | Scope::Quota | Scope::Account => health.rest(Subject::key(route, key), until, now),
                Scope::KeyAndModel => health.rest(Subject::key_and_model(route, key, model), until, now),
                Scope::Request
                | Scope::StreamOptions
                | Scope::Region
                | Scope::Upstream
                | Scope::Gateway
                | Scope::Time => {}
            }
        }
        match meaning.scope {
            // Even a refusal shows that there is somebody to refuse.
            Scope::Success
            | Scope::Request
            | Scope::StreamOptions
            | Scope::Key
            | Scope::Quota
            | Scope::KeyAndModel
            | Scope::Account => {
                health.recover(Subject::upstream(route, model));
            }
            Scope::Upstream | Scope::Region => {
                let upstream = Subject::upstream(route, model);
                health.fail(upstream, now, random);
                if stop.is_probe {
                    stop.upstream_rests = health.rests_until(upstream, now);
                }
            }
            Scope::Gateway | Scope::Time => {}
        }
        match meaning.scope {
            Scope::Success | Scope::Request | Scope::StreamOptions | Scope::Gateway => Verdict::Deliver,
            Scope::Key | Scope::Quota | Scope::KeyAndModel | Scope::Upstream => Verdict::Continue,
            Scope::Account if !is_account => Verdict::Continue,
            Scope::Account | Scope::Region | Scope::Time => {
                self.left.retain(|other| other.route != target.route);
                Verdict::Continue
            }
        }
    }
}

#[cfg(test)]
mod tests;
