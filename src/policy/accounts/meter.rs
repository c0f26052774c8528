//! All that one subject counts.

use std::hash::{DefaultHasher, Hash, Hasher};

use super::amount::Load;
use super::bucket::{Bucket, Level};
use super::gauge::Gauge;
use super::limit::{Exceeded, Limit, LimitScope, RateLimit, RateLimits, Standing};
use super::period::Clock;
use super::sum::Sum;
use crate::config::{Allowance, OnExhausted};

/// The counters of one subject as plain data, for a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counters {
    /// What kind of subject it is.
    pub scope: LimitScope,
    /// Its name.
    pub name: String,
    /// The pattern of models; empty in all scopes except that.
    pub pattern: String,
    /// The rate of requests.
    pub requests: Level,
    /// The rate of tokens.
    pub tokens: Level,
    /// The sums, in the order of [`Limit::SUMS`]; money in billionths.
    pub sums: [Sum; 5],
    /// How many requests counted with an estimate, since the subject is known.
    pub estimated: u64,
}

/// The counters of one subject in memory, with the limits under which it was seen last.
#[derive(Clone, Debug)]
pub(super) struct Meter {
    scope: LimitScope,
    name: String,
    pattern: String,
    pub(super) allowance: Allowance,
    requests: Bucket,
    tokens: Bucket,
    running: Gauge,
    sums: [Sum; 5],
    estimated: u64,
    /// Which change it was that changed it last.
    pub(super) version: u64,
    /// Whether what a store kept has been added.
    restored: bool,
}

/// Returns the hash that a subject is known by in this process.
pub(super) fn id(scope: LimitScope, name: &str, pattern: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    (scope, name, pattern).hash(&mut hasher);
    hasher.finish()
}

impl Meter {
    pub(super) fn new(scope: LimitScope, name: &str, pattern: &str) -> Self {
        Self {
            scope,
            name: name.to_owned(),
            pattern: pattern.to_owned(),
            allowance: Allowance::default(),
            requests: Bucket::default(),
            tokens: Bucket::default(),
            running: Gauge::default(),
            sums: [Sum::default(); 5],
            estimated: 0,
            version: 0,
            restored: false,
        }
    }

    /// Whether a request runs that counts here.
    pub(super) const fn is_in_use(&self) -> bool {
        self.running.running() > 0
    }

    /// Goes on to the present: to its periods, and to limits that may be others than before. No counter is reset.
    pub(super) fn update(&mut self, allowance: &Allowance, clock: &Clock) {
        self.turn(clock);
        if self.allowance != *allowance {
            self.allowance.clone_from(allowance);
            let limits = &allowance.limits;
            for (bucket, limit) in [
                (&mut self.requests, limits.requests_per_minute),
                (&mut self.tokens, limits.tokens_per_minute),
            ] {
                bucket.set_limit(clock.now.moment, limit);
            }
        }
    }

    fn turn(&mut self, clock: &Clock) {
        for (sum, limit) in self.sums.iter_mut().zip(Limit::SUMS) {
            sum.turn(clock.id(limit.period()));
        }
    }

    /// The limits that are set, with their values.
    fn limits(&self) -> impl Iterator<Item = (Limit, i64)> + '_ {
        Limit::ALL
            .into_iter()
            .filter_map(|limit| Some((limit, limit.value(&self.allowance)?)))
    }

    /// The sum of a limit that is one.
    fn sum(&self, limit: Limit) -> Sum {
        let place = Limit::SUMS.iter().position(|sum| *sum == limit);
        place.map(|place| self.sums[place]).unwrap_or_default()
    }

    fn bucket(&self, limit: Limit) -> Option<&Bucket> {
        match limit {
            Limit::RequestsPerMinute => Some(&self.requests),
            Limit::TokensPerMinute => Some(&self.tokens),
            _ => None,
        }
    }

    /// Adds to `found` each limit that leaves no room for `load`. What a load does not count is not looked at: a request that was
    /// admitted may take tokens later.
    pub(super) fn check(&self, load: Load, clock: &Clock, found: &mut Vec<Exceeded>) {
        for (limit, value) in self.limits() {
            let counts_requests = matches!(
                limit,
                Limit::RequestsPerMinute | Limit::Concurrent | Limit::RequestsPerDay
            );
            if counts_requests && load.requests == 0 {
                continue;
            }
            let has_room = match (self.bucket(limit), limit) {
                (Some(bucket), _) => bucket.fits(clock.now.moment, limit.of(load)),
                (None, Limit::Concurrent) => self.running.has_room(value),
                (None, _) => self.sum(limit).has_room(value),
            };
            if !has_room {
                found.push(self.exceeded(limit, value, load, clock));
            }
        }
    }

    fn exceeded(&self, limit: Limit, value: i64, load: Load, clock: &Clock) -> Exceeded {
        let (free, waiting_helps) = match (self.bucket(limit), limit) {
            (Some(bucket), _) => {
                let free = bucket.free_in(clock.now.moment, limit.of(load));
                (free.map(|millis| clock.after(millis)), free.is_some())
            }
            _ if value <= 0 => (None, false),
            (None, Limit::Concurrent) => (None, true),
            (None, _) if self.sum(limit).spent < value => (None, true),
            (None, _) => (clock.end(limit.period()), false),
        };
        Exceeded {
            standing: self.standing(limit, value, clock),
            free,
            waiting_helps,
            on_exhausted: limit.on_exhausted(&self.allowance),
        }
    }

    fn standing(&self, limit: Limit, value: i64, clock: &Clock) -> Standing {
        let now = clock.now.moment;
        let (used, resets) = match (self.bucket(limit), limit) {
            (Some(bucket), _) => {
                let resets = bucket.unused_in(now).map(|millis| clock.after(millis));
                (bucket.used(now), resets)
            }
            (None, Limit::Concurrent) => (self.running.running(), None),
            (None, _) => (self.sum(limit).used(), clock.end(limit.period())),
        };
        let is_model = self.scope == LimitScope::Model;
        Standing {
            scope: self.scope,
            name: if is_model { &self.pattern } else { &self.name }.clone(),
            limit,
            value,
            used,
            resets,
        }
    }

    /// Returns how each limit stands.
    pub(super) fn standings(&self, clock: &Clock) -> Vec<Standing> {
        let rows = self.limits().map(|(limit, value)| self.standing(limit, value, clock));
        rows.collect()
    }

    /// Counts a load that was [checked](Self::check).
    pub(super) fn take(&mut self, load: Load, clock: &Clock) {
        let now = clock.now.moment;
        self.requests.take(now, load.requests);
        self.tokens.take(now, load.tokens);
        self.running.begin(load.requests);
        for (sum, limit) in self.sums.iter_mut().zip(Limit::SUMS) {
            sum.hold(limit.of(load));
        }
    }

    /// Gives back what was held, and counts what was used.
    pub(super) fn settle(&mut self, held: Load, used: Load, clock: &Clock) {
        self.turn(clock);
        let now = clock.now.moment;
        self.requests.add(now, used.requests - held.requests);
        self.tokens.add(now, used.tokens - held.tokens);
        self.running.end(held.requests);
        for (sum, limit) in self.sums.iter_mut().zip(Limit::SUMS) {
            sum.settle(limit.of(held), limit.of(used));
        }
    }

    /// Notes that what was settled is an estimate.
    pub(super) const fn note_estimate(&mut self) {
        self.estimated = self.estimated.saturating_add(1);
    }

    /// Narrows the values of `x-ratelimit-*` down to the limits here.
    pub(super) fn narrow(&self, rates: &mut RateLimits, clock: &Clock) {
        let now = clock.now;
        for (limit, value) in self.limits() {
            let (remaining, reset) = match (self.bucket(limit), limit) {
                (Some(bucket), _) => (bucket.remaining(now.moment), bucket.unused_in(now.moment)),
                (None, Limit::RequestsPerDay | Limit::TokensPerDay) => {
                    let end = clock.end(limit.period());
                    let remaining = value.saturating_sub(self.sum(limit).used());
                    (remaining, end.map(|end| end.0.saturating_sub(now.wall.0)))
                }
                (None, _) => continue,
            };
            let rate = RateLimit {
                limit: u64::try_from(value).unwrap_or_default(),
                remaining: u64::try_from(remaining).unwrap_or_default(),
                reset: reset.unwrap_or_default(),
            };
            let is_tokens = matches!(limit, Limit::TokensPerMinute | Limit::TokensPerDay);
            rate.keep_tightest(if is_tokens {
                &mut rates.tokens
            } else {
                &mut rates.requests
            });
        }
    }

    /// Returns the least money that is left of a budget, in billionths; nothing where there is none.
    pub(super) fn money_left(&self) -> Option<i64> {
        let left =
            |(limit, value): (Limit, i64)| limit.is_money().then(|| value.saturating_sub(self.sum(limit).used()));
        self.limits().filter_map(left).min()
    }

    /// Whether a budget that ends running streams is used up by what is settled and `so_far`, which is not.
    pub(super) fn is_cut(&self, so_far: Load) -> bool {
        self.limits().any(|(limit, value)| {
            limit.on_exhausted(&self.allowance) == OnExhausted::Cut
                && self.sum(limit).spent.saturating_add(limit.of(so_far)) >= value
        })
    }

    /// Returns the money that is settled: of the day, of the month, and in all, in billionths.
    pub(super) fn money_spent(&self) -> [i64; 3] {
        [Limit::BudgetDay, Limit::BudgetMonth, Limit::BudgetTotal].map(|limit| self.sum(limit).spent)
    }

    pub(super) fn counters(&self, clock: &Clock) -> Counters {
        let now = clock.now;
        Counters {
            scope: self.scope,
            name: self.name.clone(),
            pattern: self.pattern.clone(),
            requests: self.requests.snapshot(now.moment, now.wall),
            tokens: self.tokens.snapshot(now.moment, now.wall),
            sums: self.sums,
            estimated: self.estimated,
        }
    }

    /// Adds what a store has kept; the first time only.
    pub(super) fn restore(&mut self, counters: &Counters, clock: &Clock) -> bool {
        if self.restored {
            return false;
        }
        self.restored = true;
        self.requests.merge(counters.requests, clock.now.moment, clock.now.wall);
        self.tokens.merge(counters.tokens, clock.now.moment, clock.now.wall);
        for ((sum, limit), kept) in self.sums.iter_mut().zip(Limit::SUMS).zip(counters.sums) {
            sum.merge(kept, clock.id(limit.period()));
        }
        self.estimated = self.estimated.saturating_add(counters.estimated);
        true
    }
}
