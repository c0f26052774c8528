//! The order in which keys and upstreams are tried for one request, and when to stop.
//!
//! A [`Plan`] is a state machine for the attempts of one client request. It decides
//!
//! - the order: the keys of the route by rendezvous hash, then those of its fallbacks. What is in a cooldown comes after
//!   everything else, and there the cooldown that ends first comes first;
//! - how often: `max_attempts` of the route, where one attempt may be reserved for each fallback not yet tried;
//! - for how long: each route has its own `timeout`, which its keys share;
//! - whether to wait: with `retry_wait` of the route, where all keys rest and the limit of one of them ends soon;
//! - what a failure means for the other keys, for the upstream and for later requests: it writes into [`Health`].
//!
//! # Order of calls
//!
//! The gateway's `forward` makes one plan for a request and drives it. It asks, acts and reports, in this order:
//!
//! 1. [`Plan::new`] when the request is read.
//! 2. [`Plan::next`]. After [`Step::Try`] the caller makes that attempt, and ends it when `limit` has passed, or for a stream
//!    when [`Plan::patience`] has. While it goes on, [`Plan::has_more`] says whether another attempt could follow: only then a
//!    stream is held back until its first content. After [`Step::Wait`] the caller waits and repeats this step. After
//!    [`Step::GiveUp`] nothing is left, and [`Plan::first_cooldown_end`] gives the `retry-after`.
//! 3. [`Plan::judge`] with what the outcome means, once for each [`Step::Try`]. After [`Verdict::Deliver`] the plan has done
//!    its work; after [`Verdict::Continue`] step 2 follows. Only where the same target should be tried once more with a changed
//!    request, [`Plan::again`] is called instead of `judge`.
//!
//! A plan that is dropped in the middle, because its client left, leaves nothing to clean up. If it was to probe an upstream,
//! the next probe is allowed 15 seconds later.
//!
//! # What it never does
//!
//! It does not wait, send or read the clock: time and random bits are arguments. It does not look at answers: that is
//! [`meaning`](super::meaning)'s work. It does not refuse a request because of a cooldown: keys in a cooldown are tried last,
//! but they are tried. Only a route with `retry_wait` gives up where the rate limits of all keys last longer than that. It does
//! not try a key twice, except after [`Plan::again`] and after a wait. It does not read the configuration anew: a request keeps
//! the table that it began with.

mod step;
mod stop;

use std::time::Duration;

pub use self::step::{Order, Step, Target, Verdict};
use self::stop::Stop;
use super::health::Health;
use super::meaning::{Meaning, Scope};
use super::rank::rank;
use crate::config::{Config, Rotation, Secret};
use crate::platform::Moment;

/// The attempts of one client request. The module describes the order of calls.
#[derive(Debug)]
pub struct Plan<'a> {
    health: &'a Health,
    /// The route and its fallbacks, in their order.
    stops: Vec<Stop<'a>>,
    /// What is not tried yet, best first while nothing is in a cooldown.
    untried: Vec<Target>,
    attempts: usize,
    max_attempts: usize,
    /// Whether one attempt is reserved for each fallback not yet tried.
    reserves_for_fallbacks: bool,
    /// The attempt that goes on, or the last one.
    current: Option<Target>,
    /// The time that the request may still wait for a key.
    wait_left: Duration,
    has_waited: bool,
    /// What has met a rate limit and may be tried once more behind it.
    repeated: Vec<Target>,
    /// The other keys where only the first may serve the request, in case that its state is with one of them.
    elsewhere: Vec<Target>,
    /// The first key that has refused the request's state.
    refused_state: Option<Target>,
}

impl<'a> Plan<'a> {
    /// Returns the plan for a request to `route` that comes at `now`. `model` returns the model that a route's upstream is
    /// asked for; its argument is an index into [`Config::routes`].
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
        let (mut untried, mut stops, mut elsewhere) = (Vec::new(), Vec::new(), Vec::new());
        let fallbacks = entry.fallbacks.iter().filter(|_| order.fallbacks);
        for place in std::iter::once(route).chain(fallbacks.copied()) {
            let stop = &config.routes[place];
            let subject = match (stop.rotation, order.conversation) {
                (Rotation::Sticky, Some(conversation)) => conversation,
                (Rotation::Sticky, None) | (Rotation::Request, _) => order.subject,
            };
            stops.push(Stop::new(place, stop, model(place), health, now));
            if stop.keys.is_empty() {
                untried.push(Target {
                    route: place,
                    key: None,
                });
            }
            let ranked = rank(subject, stop.keys.iter().map(Secret::expose));
            untried.extend(ranked.into_iter().map(|key| Target {
                route: place,
                key: Some(key),
            }));
        }
        if order.only_first {
            elsewhere = untried.split_off(untried.len().min(1));
            elsewhere.retain(|target| target.route == route);
        }
        Self {
            health,
            stops,
            untried,
            attempts: 0,
            max_attempts: entry.max_attempts.min(order.most),
            reserves_for_fallbacks: entry.reserves_for_fallbacks,
            current: None,
            wait_left: if order.waits { entry.retry_wait } else { Duration::ZERO },
            has_waited: false,
            repeated: Vec::new(),
            elsewhere,
            refused_state: None,
        }
    }

    /// Returns the number of attempts so far, the one that goes on included.
    #[must_use]
    pub const fn attempts(&self) -> usize {
        self.attempts
    }

    /// Whether another attempt could follow the one that goes on: of something else, or of the same key behind a wait.
    #[must_use]
    pub fn has_more(&self, now: Moment) -> bool {
        self.current.is_some_and(|target| self.may_repeat(target))
            || self.attempts < self.max_attempts && self.untried.iter().any(|target| !self.is_over(target, now))
    }

    /// Returns how long the attempt that goes on may take: `limit`, or for a stream (`streams`) the time to its first content.
    ///
    /// That is less where the route has `first_token_timeout` and another upstream could serve now. The same one is not asked
    /// again: it may have billed the work.
    #[must_use]
    pub fn patience(&self, streams: bool, limit: Duration, now: Moment) -> Duration {
        let stop = self.current.and_then(|target| self.stop(target));
        let Some(stop) = stop.filter(|stop| streams && stop.route.first_token_timeout < limit) else {
            return limit;
        };
        let may_serve = |other: &Target| {
            let is_awake = |stop: &Stop<'_>| {
                let key_cooldown_end = |key| stop.key_cooldown_end(key, self.health, now);
                stop.upstream_cooldown_end.is_none() && other.key.and_then(key_cooldown_end).is_none()
            };
            other.route != stop.place && !self.is_over(other, now) && self.stop(*other).is_some_and(is_awake)
        };
        if self.attempts < self.max_attempts && self.untried.iter().any(may_serve) {
            stop.route.first_token_timeout
        } else {
            limit
        }
    }

    /// Whether the request could have waited for a key. Where nothing was tried, all keys are limited for longer than that.
    #[must_use]
    pub const fn gave_up_waiting(&self) -> bool {
        self.attempts == 0 && !self.wait_left.is_zero()
    }

    /// Returns when the first key that may serve the request comes out of its cooldown, or `None` where one of them is not in
    /// a cooldown at `now`.
    #[must_use]
    pub fn first_cooldown_end(&self, now: Moment) -> Option<Moment> {
        let keys = self
            .stops
            .iter()
            .flat_map(|stop| (0..stop.route.keys.len()).map(move |key| (stop, key)));
        // `None` is less than every moment: one key without a cooldown decides.
        keys.map(|(stop, key)| stop.key_cooldown_end(key, self.health, now))
            .min()
            .flatten()
    }

    /// Returns what to do at `now`.
    pub fn next(&mut self, now: Moment) -> Step {
        if let Some(end) = self.first_limit_end(now) {
            return self.wait_until(end, now);
        }
        while self.attempts < self.max_attempts {
            let Some(place) = self.best(now) else { break };
            let target = self.untried[place];
            let has_other_upstream = self.untried.iter().any(|other| other.route != target.route);
            let health = self.health;
            let Some(stop) = self.stop_mut(target) else { break };
            if has_other_upstream && !stop.may_begin(health, now) {
                continue;
            }
            let timeout = stop.route.timeout;
            let deadline = *stop.deadline.get_or_insert_with(|| now.after(timeout));
            self.untried.remove(place);
            self.current = Some(target);
            self.attempts += 1;
            return Step::Try {
                target,
                limit: now.until(deadline),
            };
        }
        Step::GiveUp
    }

    /// Returns when the first rate limit ends, where the request may wait for that: no key that is left is without a cooldown, and
    /// the first that ends is a limit.
    fn first_limit_end(&self, now: Moment) -> Option<Moment> {
        if self.wait_left.is_zero() || self.health.is_quiet() {
            return None;
        }
        let mut first: Option<(Moment, bool)> = None;
        for target in self.untried.iter().filter(|target| !self.is_over(target, now)) {
            let (stop, key) = (self.stop(*target)?, target.key?);
            let end = stop.key_cooldown_end(key, self.health, now)?;
            if first.is_none_or(|(earlier, _)| end < earlier) {
                first = Some((end, stop.limit_end(key, self.health, now) == Some(end)));
            }
        }
        first.filter(|(_, is_limit)| *is_limit).map(|(end, _)| end)
    }

    /// Waits for the `end` of a rate limit, if the request may wait so long. The waiting is not a part of any route's time.
    fn wait_until(&mut self, end: Moment, now: Moment) -> Step {
        let time = now.until(end);
        let Some(left) = self.wait_left.checked_sub(time) else {
            return Step::GiveUp;
        };
        (self.wait_left, self.has_waited) = (left, true);
        self.max_attempts = self.max_attempts.max(self.attempts + 1);
        for deadline in self.stops.iter_mut().filter_map(|stop| stop.deadline.as_mut()) {
            *deadline = deadline.after(time);
        }
        Step::Wait(time)
    }

    /// Makes the next step the same target once more. It does not count towards `max_attempts`. Call it instead of
    /// [`judge`](Self::judge), when the request was changed so that this upstream will accept it.
    pub fn again(&mut self) {
        if let Some(target) = self.current.take() {
            self.untried.insert(0, target);
            self.max_attempts += 1;
        }
    }

    /// Makes the next step the first key that has refused the request's state, where no other key of its route comes before.
    /// Returns whether that is so: the request then has to go there without the state. Call it once for a route.
    pub fn forget_state(&mut self, now: Moment) -> bool {
        let next = self.best(now).filter(|_| self.attempts < self.max_attempts);
        let other = next.map(|place| self.untried[place].route);
        let Some(target) = self.refused_state.filter(|target| other != Some(target.route)) else {
            return false;
        };
        self.refused_state = None;
        self.untried.insert(0, target);
        self.max_attempts += 1;
        true
    }

    /// Takes what the outcome of the last attempt means, notes it for later requests, and returns what to do with the
    /// outcome. `random` spreads the probes of upstreams over time.
    pub fn judge(&mut self, meaning: &Meaning, random: u64, now: Moment) -> Verdict {
        let Some(target) = self.current else {
            return Verdict::Continue;
        };
        if meaning.scope == Scope::Success && self.health.is_quiet() {
            return Verdict::Deliver;
        }
        let is_account = meaning.scope == Scope::Account && self.is_limit_of_account(target);
        let health = self.health;
        if let Some(stop) = self.stop_mut(target) {
            stop.note_keys(target.key, is_account, meaning, health, now);
            stop.note_upstream(health, meaning.scope, random, now);
        }
        match meaning.scope {
            Scope::Success | Scope::Request | Scope::StreamOptions | Scope::Endpoint | Scope::Gateway => {
                Verdict::Deliver
            }
            Scope::Overflow => {
                self.keep_larger(target, meaning.tokens);
                if self.untried.is_empty() {
                    Verdict::Deliver
                } else {
                    Verdict::Continue
                }
            }
            Scope::State => {
                self.refused_state.get_or_insert(target);
                self.untried.append(&mut self.elsewhere);
                Verdict::Continue
            }
            Scope::Key | Scope::Quota | Scope::Upstream => Verdict::Continue,
            Scope::KeyAndModel | Scope::Account if !is_account => {
                self.repeat(target, meaning.cooldown);
                Verdict::Continue
            }
            Scope::KeyAndModel | Scope::Account | Scope::Region | Scope::Late | Scope::Time => {
                self.untried.retain(|other| other.route != target.route);
                if is_account {
                    self.repeat(target, meaning.cooldown);
                }
                Verdict::Continue
            }
        }
    }

    /// Keeps what asks for a model that takes more than `tokens`, and more than the one of `target` where it is not known how many
    /// there are.
    fn keep_larger(&mut self, target: Target, tokens: u64) {
        let most = |target: Target| self.stop(target).map_or(0, Stop::most_tokens);
        let too_few = if tokens == 0 { most(target) } else { tokens };
        let is_larger = |other: &Target| other.route != target.route && most(*other) > too_few;
        self.untried = self.untried.iter().copied().filter(is_larger).collect();
    }

    /// Lets a limited target be tried once more, if the request may wait for the end of its `cooldown`.
    fn repeat(&mut self, target: Target, cooldown: Duration) {
        if self.may_repeat(target) && cooldown <= self.wait_left {
            self.repeated.push(target);
            self.untried.push(target);
        }
    }

    /// Whether the request could wait for `target`, and has not asked it once more already.
    fn may_repeat(&self, target: Target) -> bool {
        !self.wait_left.is_zero() && !self.repeated.contains(&target)
    }

    /// Whether the limit that `target` has met holds for all keys of its route: a second key has met it, or the route has no
    /// other key to ask.
    fn is_limit_of_account(&mut self, target: Target) -> bool {
        let has_more_keys = self.untried.iter().any(|other| other.route == target.route);
        self.stop_mut(target)
            .is_some_and(|stop| std::mem::replace(&mut stop.is_limited, true) || !has_more_keys)
    }

    fn stop(&self, target: Target) -> Option<&Stop<'a>> {
        self.stops.iter().find(|stop| stop.place == target.route)
    }

    fn stop_mut(&mut self, target: Target) -> Option<&mut Stop<'a>> {
        self.stops.iter_mut().find(|stop| stop.place == target.route)
    }

    fn is_over(&self, target: &Target, now: Moment) -> bool {
        self.stop(*target).is_some_and(|stop| stop.is_over(now))
    }

    /// Whether every attempt that is left is reserved for fallbacks not yet tried.
    fn are_all_reserved(&self) -> bool {
        let waits =
            |stop: &&Stop<'_>| !stop.has_begun() && self.untried.iter().any(|target| target.route == stop.place);
        self.reserves_for_fallbacks && self.stops.iter().filter(waits).count() >= self.max_attempts - self.attempts
    }

    /// Returns the place in `untried` of what is best tried now: first what is not in a cooldown, in the order of preference,
    /// then the cooldown that ends first.
    fn best(&self, now: Moment) -> Option<usize> {
        // A request waits only where the keys of the fallbacks are limited as well.
        let is_reserved = self.attempts > 0 && !self.has_waited && self.are_all_reserved();
        let may_serve = |target: &Target| {
            self.stop(*target)
                .is_none_or(|stop| !stop.is_over(now) && (!is_reserved || !stop.has_begun()))
        };
        let candidates = self.untried.iter().enumerate().filter(|(_, target)| may_serve(target));
        if self.health.is_quiet() {
            return candidates.map(|(place, _)| place).next();
        }
        let order = |(place, target): &(usize, &Target)| {
            let stop = self.stop(**target);
            let key = stop.and_then(|stop| stop.key_cooldown_end(target.key?, self.health, now));
            let upstream = stop.and_then(|stop| stop.upstream_cooldown_end);
            (key.max(upstream), key, *place)
        };
        candidates.min_by_key(order).map(|(place, _)| place)
    }
}

#[cfg(test)]
mod tests;
