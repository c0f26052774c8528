//! Which keys and upstreams rest, and until when. A hint, never a verdict: it changes the order in which they are tried.
//!
//! In memory, per process or isolate. What rests is known by a hash of what it is, not by its place in a table, so that
//! a table that is read again keeps what was learnt.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::config::{Route, Upstream};
use crate::platform::Moment;

/// The most that is remembered.
const CAPACITY: usize = 10_000;
/// The first rest of an upstream; it doubles with every failed probe.
const FIRST_REST: Duration = Duration::from_secs(5);
const LONGEST_REST: Duration = Duration::from_secs(15);
/// A failure after this long without one is a first failure again.
const FORGOTTEN: Duration = Duration::from_secs(5 * 60);
/// How long one probe keeps others from probing as well.
const PROBE: Duration = Duration::from_secs(15);
/// How long it is remembered that an upstream does not know `stream_options`. Finding out costs one request that is refused.
const REMEMBERED: Duration = Duration::from_secs(60 * 60);

/// What may rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Subject(u64);

impl Subject {
    fn of(route: &Route, what: impl Hash) -> Self {
        let mut hasher = DefaultHasher::new();
        if let Upstream::Http(addresses) = &route.upstream {
            (&addresses.base.url, &addresses.chat_url).hash(&mut hasher);
        }
        what.hash(&mut hasher);
        Self(hasher.finish())
    }

    /// A route's upstream as it is asked for one model: another one behind the same address may be well.
    #[must_use]
    pub fn upstream(route: &Route, model: Option<&str>) -> Self {
        Self::of(route, ("upstream", model))
    }

    /// One of a route's keys.
    #[must_use]
    pub fn key(route: &Route, key: usize) -> Self {
        Self::of(route, ("key", route.keys.get(key).map(crate::config::Secret::expose)))
    }

    /// One of a route's keys for one model.
    #[must_use]
    pub fn key_and_model(route: &Route, key: usize, model: Option<&str>) -> Self {
        Self::of(
            route,
            ("model", route.keys.get(key).map(crate::config::Secret::expose), model),
        )
    }

    /// That the route's upstream knows `stream_options` for this model.
    fn stream_options(route: &Route, model: Option<&str>) -> Self {
        Self::of(route, ("stream_options", model))
    }
}

#[derive(Clone, Copy, Debug)]
struct Rest {
    until: Moment,
    /// Failures in a row; of upstreams only.
    failures: u32,
    /// Somebody is trying whether it works again.
    probed_until: Moment,
}

/// How an upstream may be asked that other upstreams could stand in for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// With every key: nothing is held against it.
    Free,
    /// With one key, to find out whether it works again. Others wait for that meanwhile.
    Probe,
    /// Not now: it rests, or somebody is finding out.
    Closed,
}

/// What rests.
#[derive(Debug, Default)]
pub struct Health {
    rests: Mutex<HashMap<Subject, Rest>>,
    /// How many there are, so that nobody needs the lock while all is well.
    count: AtomicUsize,
}

impl Health {
    fn rests(&self) -> MutexGuard<'_, HashMap<Subject, Rest>> {
        self.rests.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether nothing at all rests.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.count.load(Ordering::Relaxed) == 0
    }

    /// When `subject` wakes, if it rests at `now`.
    #[must_use]
    pub fn rests_until(&self, subject: Subject, now: Moment) -> Option<Moment> {
        if self.is_quiet() {
            return None;
        }
        let rest = *self.rests().get(&subject)?;
        let until = rest.until.max(rest.probed_until);
        (until > now).then_some(until)
    }

    /// Lets `subject` rest, at least until `until`.
    pub fn rest(&self, subject: Subject, until: Moment, now: Moment) {
        let mut rests = self.rests();
        let rest = self.entry(&mut rests, subject, now);
        rest.until = rest.until.max(until);
    }

    /// Notes a failure of an upstream. A failure while it rests does not lengthen its rest; a failed probe doubles it.
    /// `random` spreads the probes of many gateways over a tenth of the time.
    pub fn fail(&self, upstream: Subject, now: Moment, random: u64) {
        let mut rests = self.rests();
        let rest = self.entry(&mut rests, upstream, now);
        rest.probed_until = Moment(0);
        if rest.until > now {
            return;
        }
        if rest.until.until(now) > FORGOTTEN {
            rest.failures = 0;
        }
        let doubled = FIRST_REST
            .saturating_mul(2_u32.saturating_pow(rest.failures))
            .min(LONGEST_REST);
        rest.failures = rest.failures.saturating_add(1);
        let jitter = doubled.mul_f64(0.1 * (random % 1024) as f64 / 1024.0);
        rest.until = now.after(doubled + jitter);
    }

    /// How the caller may ask an upstream. Whoever is to probe it calls [`fail`](Self::fail) or [`recover`](Self::recover) next.
    pub fn access(&self, upstream: Subject, now: Moment) -> Access {
        if self.is_quiet() {
            return Access::Free;
        }
        let mut rests = self.rests();
        match rests.get_mut(&upstream) {
            None => Access::Free,
            Some(rest) if rest.until > now || rest.probed_until > now => Access::Closed,
            Some(rest) => {
                rest.probed_until = now.after(PROBE);
                Access::Probe
            }
        }
    }

    /// Forgets what was held against `subject`.
    pub fn recover(&self, subject: Subject) {
        if self.is_quiet() {
            return;
        }
        let mut rests = self.rests();
        rests.remove(&subject);
        self.count.store(rests.len(), Ordering::Relaxed);
    }

    /// Remembers that the route's upstream does not know `stream_options` for this model. To be called when it has refused a request
    /// for them and has served the same request without them.
    pub fn without_stream_options(&self, route: &Route, model: Option<&str>, now: Moment) {
        self.rest(Subject::stream_options(route, model), now.after(REMEMBERED), now);
    }

    /// Whether the route's upstream is known not to know `stream_options` for this model.
    #[must_use]
    pub fn lacks_stream_options(&self, route: &Route, model: Option<&str>, now: Moment) -> bool {
        !self.is_quiet() && self.rests_until(Subject::stream_options(route, model), now).is_some()
    }

    fn entry<'a>(&self, rests: &'a mut HashMap<Subject, Rest>, subject: Subject, now: Moment) -> &'a mut Rest {
        if rests.len() >= CAPACITY && !rests.contains_key(&subject) {
            rests.retain(|_, rest| rest.until > now);
            if rests.len() >= CAPACITY
                && let Some(first) = rests
                    .iter()
                    .min_by_key(|(_, rest)| rest.until)
                    .map(|(subject, _)| *subject)
            {
                rests.remove(&first);
            }
        }
        let fresh = Rest {
            until: Moment(0),
            failures: 0,
            probed_until: Moment(0),
        };
        let room = usize::from(!rests.contains_key(&subject));
        self.count.store(rests.len() + room, Ordering::Relaxed);
        rests.entry(subject).or_insert(fresh)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Subject = Subject(1);
    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_rest_ends_at_its_time_and_the_longer_one_counts() {
        let health = Health::default();
        assert!(health.is_quiet());
        health.rest(A, Moment(100), Moment(0));
        health.rest(A, Moment(50), Moment(0));
        assert_eq!(health.rests_until(A, Moment(99)), Some(Moment(100)));
        assert_eq!(health.rests_until(A, Moment(100)), None);
        health.rest(A, Moment(900), Moment(0));
        health.recover(A);
        assert!(health.is_quiet() && health.rests_until(A, Moment(0)).is_none());
    }

    #[test]
    fn an_upstream_rests_twice_as_long_after_each_failed_probe() {
        let health = Health::default();
        let mut now = Moment(1_000);
        for seconds in [5, 10, 15, 15] {
            health.fail(A, now, 0);
            health.fail(A, now.after(SECOND), 0);
            assert_eq!(
                health.rests_until(A, now),
                Some(now.after(SECOND * seconds)),
                "{seconds}"
            );
            now = now.after(SECOND * seconds);
        }
        health.recover(A);
        health.fail(A, now, 1023);
        let rest = now.until(health.rests_until(A, now).unwrap());
        assert!(rest > SECOND * 5 && rest < SECOND * 6, "{rest:?}");
    }

    #[test]
    fn one_probe_at_a_time() {
        let health = Health::default();
        assert_eq!(health.access(A, Moment(0)), Access::Free);
        health.fail(A, Moment(0), 0);
        for (at, access) in [
            (4_999, Access::Closed),
            (5_000, Access::Probe),
            (5_001, Access::Closed),
            (19_999, Access::Closed),
        ] {
            assert_eq!(health.access(A, Moment(at)), access, "{at}");
        }
        assert_eq!(health.rests_until(A, Moment(5_001)), Some(Moment(20_000)));
        let again = health.access(A, Moment(20_000));
        assert_eq!(again, Access::Probe, "the probe was never heard of again");
        health.fail(A, Moment(21_000), 0);
        assert_eq!(health.rests_until(A, Moment(21_000)), Some(Moment(31_000)));
    }

    #[test]
    fn memory_is_bounded_and_the_first_to_wake_goes() {
        let health = Health::default();
        for subject in 0..CAPACITY as u64 + 500 {
            health.rest(Subject(subject), Moment(1_000 + subject), Moment(0));
        }
        assert_eq!(health.rests().len(), CAPACITY);
        assert!(health.rests_until(Subject(0), Moment(0)).is_none());
        assert!(health.rests_until(Subject(CAPACITY as u64 + 499), Moment(0)).is_some());
    }
}
