//! Which keys and upstreams failed a short while ago, and when they may be tried as before.
//!
//! A cooldown is a hint: it changes the order in which keys and upstreams are tried, and it never refuses a request. So an
//! upstream that works again is found by the next request.
//!
//! All of it is in memory, for one process or one isolate, and it outlives the configuration. Each entry is known by a hash
//! of its [`Subject`] and describes itself ([`Cooldown`]), so that it can be listed. While the memory is empty, nobody takes
//! the lock: see [`Health::is_quiet`].
//!
//! There are two ways into a cooldown. [`Health::cool_down`] is for keys: the failure says for how long.
//! [`Health::fail`] is for upstreams: the cooldown doubles with each failed probe, and [`Health::access`] lets one request at
//! a time find out whether the upstream works again. [`Health::recover`] is the way out; otherwise an entry ends with its time.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::cooldown::Cooldown;
use super::meaning::Scope;
use super::subject::{Id, Subject};
use crate::config::Route;
use crate::platform::Moment;

/// The most entries. Clients choose the names of models, which are a part of entries. An entry takes some 200 bytes, and less
/// than 1 KiB with the longest names.
const CAPACITY: usize = 10_000;
/// The first cooldown of an upstream. It doubles with every failed probe.
const FIRST_COOLDOWN: Duration = Duration::from_secs(5);
/// The longest cooldown of an upstream.
const LONGEST_COOLDOWN: Duration = Duration::from_secs(15);
/// The time without a failure after which an upstream's next failure counts as its first.
const FORGOTTEN: Duration = Duration::from_secs(5 * 60);
/// The time for which one probe keeps other requests from probing. It covers probes that never report back.
const PROBE: Duration = Duration::from_secs(15);
/// The time for which it is remembered that an upstream has no `stream_options`, or no such endpoint. Finding out costs one failed attempt.
const REMEMBERED: Duration = Duration::from_secs(60 * 60);

#[derive(Clone, Debug)]
struct Entry {
    cooldown: Cooldown,
    /// Failures in a row. Only upstreams count them.
    failures: u32,
    /// Until when a request is finding out whether the upstream works again.
    probed_until: Moment,
}

impl Entry {
    /// Returns when the subject may be tried as before.
    fn end(&self) -> Moment {
        self.cooldown.until.max(self.probed_until)
    }
}

/// How a request may ask an upstream while it has other upstreams to go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// With every key: the upstream is not in a cooldown.
    Free,
    /// With one key, to find out whether the upstream works again. Other requests wait for the result.
    Probe,
    /// Not now: the upstream is in a cooldown, or another request is probing it.
    Closed,
}

/// The cooldowns of one process or isolate.
#[derive(Debug, Default)]
pub struct Health {
    entries: Mutex<HashMap<Id, Entry>>,
    /// The number of entries, readable without the lock.
    count: AtomicUsize,
}

impl Health {
    fn entries(&self) -> MutexGuard<'_, HashMap<Id, Entry>> {
        // Each change is complete before anything can panic, so the entries of a poisoned lock are good.
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether there is nothing to look up. Most requests only ever ask this, and take no lock.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.count.load(Ordering::Relaxed) == 0
    }

    /// Returns when the cooldown of `subject` ends, or `None` where it is not in one at `now`.
    #[must_use]
    pub fn cooldown_end(&self, subject: Subject<'_>, now: Moment) -> Option<Moment> {
        if self.is_quiet() {
            return None;
        }
        let end = self.entries().get(&subject.id())?.end();
        (end > now).then_some(end)
    }

    /// Returns when the cooldown of `subject` ends, where its reason is a rate limit. `None` where it is not in such a one at `now`.
    #[must_use]
    pub fn limit_end(&self, subject: Subject<'_>, now: Moment) -> Option<Moment> {
        let entries = self.entries();
        let cooldown = &entries.get(&subject.id())?.cooldown;
        let is_limit = matches!(cooldown.reason, Scope::KeyAndModel | Scope::Account);
        (is_limit && cooldown.until > now).then_some(cooldown.until)
    }

    /// Puts a key, or what an upstream does not know, into a cooldown until `until`. A cooldown that ends later stays as it is.
    pub fn cool_down(&self, subject: Subject<'_>, reason: Scope, until: Moment, now: Moment) {
        let id = subject.id();
        let mut entries = self.entries_with_room_for(id, now);
        if entries.get(&id).is_some_and(|entry| entry.cooldown.until > until) {
            return;
        }
        let entry = Entry {
            cooldown: Cooldown::of(subject, reason, until),
            failures: 0,
            probed_until: Moment(0),
        };
        entries.insert(id, entry);
        self.count.store(entries.len(), Ordering::Relaxed);
    }

    /// Notes a failure of an upstream and puts it into a cooldown.
    ///
    /// A failure during a cooldown does not lengthen it: it comes from a request that began before. A failed probe doubles
    /// it. `random` lengthens it by up to a tenth, up to the longest, so that many gateways do not probe at the same time.
    pub fn fail(&self, upstream: Subject<'_>, reason: Scope, now: Moment, random: u64) {
        let id = upstream.id();
        let mut entries = self.entries_with_room_for(id, now);
        let mut failures = 0;
        if let Some(entry) = entries.get_mut(&id) {
            entry.probed_until = Moment(0);
            if entry.cooldown.until > now {
                return;
            }
            if entry.cooldown.until.until(now) <= FORGOTTEN {
                failures = entry.failures;
            }
        }
        let doubled = FIRST_COOLDOWN
            .saturating_mul(2_u32.saturating_pow(failures))
            .min(LONGEST_COOLDOWN);
        let jitter = doubled.mul_f64(0.1 * (random % 1024) as f64 / 1024.0);
        let entry = Entry {
            cooldown: Cooldown::of(upstream, reason, now.after((doubled + jitter).min(LONGEST_COOLDOWN))),
            failures: failures.saturating_add(1),
            probed_until: Moment(0),
        };
        entries.insert(id, entry);
        self.count.store(entries.len(), Ordering::Relaxed);
    }

    /// Returns how a request may ask an upstream. After [`Access::Probe`] the caller reports with [`fail`](Self::fail) or
    /// [`recover`](Self::recover); without a report the next probe is allowed after 15 seconds.
    pub fn access(&self, upstream: Subject<'_>, now: Moment) -> Access {
        if self.is_quiet() {
            return Access::Free;
        }
        let mut entries = self.entries();
        match entries.get_mut(&upstream.id()) {
            None => Access::Free,
            Some(entry) if entry.end() > now => Access::Closed,
            Some(entry) => {
                entry.probed_until = now.after(PROBE);
                Access::Probe
            }
        }
    }

    /// Forgets the failures of `subject`.
    pub fn recover(&self, subject: Subject<'_>) {
        if self.is_quiet() {
            return;
        }
        let mut entries = self.entries();
        entries.remove(&subject.id());
        self.count.store(entries.len(), Ordering::Relaxed);
    }

    /// Remembers for an hour that the upstream does not know `stream_options` for this model. Call it when the upstream has
    /// rejected a request because of them and has served the same request without them.
    pub fn without_stream_options(&self, route: &Route, model: Option<&str>, now: Moment) {
        let subject = Subject::stream_options(route, model);
        self.cool_down(subject, Scope::StreamOptions, now.after(REMEMBERED), now);
    }

    /// Whether the upstream is known not to know `stream_options` for this model.
    #[must_use]
    pub fn lacks_stream_options(&self, route: &Route, model: Option<&str>, now: Moment) -> bool {
        self.cooldown_end(Subject::stream_options(route, model), now).is_some()
    }

    /// Remembers for an hour that the upstream has nothing at the path of an endpoint, which is known by its label.
    pub fn without_endpoint(&self, route: &Route, label: &str, now: Moment) {
        let subject = Subject::endpoint(route, label);
        self.cool_down(subject, Scope::Endpoint, now.after(REMEMBERED), now);
    }

    /// Whether the upstream is known to have nothing at the path of an endpoint.
    #[must_use]
    pub fn lacks_endpoint(&self, route: &Route, label: &str, now: Moment) -> bool {
        self.cooldown_end(Subject::endpoint(route, label), now).is_some()
    }

    /// Returns every cooldown that has not ended at `now`, sorted by route, kind, key and model.
    ///
    /// An upstream that is being probed is among them until the probe reports. The list is a copy; the lock is held for as
    /// long as the copy takes.
    #[must_use]
    pub fn list(&self, now: Moment) -> Vec<Cooldown> {
        if self.is_quiet() {
            return Vec::new();
        }
        let mut list: Vec<Cooldown> = self
            .entries()
            .values()
            .filter(|entry| entry.end() > now)
            .map(|entry| Cooldown {
                until: entry.end(),
                ..entry.cooldown.clone()
            })
            .collect();
        list.sort_by(|one, other| one.order().cmp(&other.order()));
        list
    }

    /// Returns the entries, with a place for `id` among them. When all places are taken, the entries that have ended are
    /// dropped, or else the one that ends first.
    fn entries_with_room_for(&self, id: Id, now: Moment) -> MutexGuard<'_, HashMap<Id, Entry>> {
        let mut entries = self.entries();
        if entries.len() >= CAPACITY && !entries.contains_key(&id) {
            entries.retain(|_, entry| entry.cooldown.until > now);
            if entries.len() >= CAPACITY
                && let Some(first) = entries
                    .iter()
                    .min_by_key(|(_, entry)| entry.cooldown.until)
                    .map(|(id, _)| *id)
            {
                entries.remove(&first);
            }
        }
        entries
    }
}

#[cfg(test)]
mod tests;
