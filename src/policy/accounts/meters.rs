//! The counters of all subjects, and what a request does to them together.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::amount::{Amount, Load};
use super::index::Index;
use super::limit::{Exceeded, LimitScope, Limited, RateLimits};
use super::meter::{self, Counters, Meter};
use super::period::{Calendar, Clock, Now};
use crate::config::{Money, OnExhausted, TimeZone};
use crate::platform::{Millis, Moment};

/// The most subjects. They are named by the operator and not by clients; one takes some 500 bytes. The one that was changed longest
/// ago is given up first.
const CAPACITY: usize = 20_000;

/// The counters, shared by the book and the holds that it gave.
pub(super) type Shared = Arc<Mutex<Meters>>;

pub(super) fn lock(shared: &Shared) -> MutexGuard<'_, Meters> {
    // Each change is complete before anything can panic, so the counters of a poisoned lock are good.
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A request that wants to be admitted.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// The subjects that it counts for, each once. Those without a limit cost nothing.
    pub subjects: &'a [Limited<'a>],
    /// The estimate of its input; zero before the body is read.
    pub input: Amount,
    /// The estimate of its output; zero before the body is read.
    pub output: Amount,
    /// Whether it already goes to the route that `on_exhausted` names: budgets with such a route count it and do not refuse it.
    pub is_fallback: bool,
}

impl Ask<'_> {
    /// Whether there is anything to count.
    pub(super) fn is_limited(&self) -> bool {
        self.subjects.iter().any(Limited::is_limited)
    }
}

/// Where an admitted request counts.
#[derive(Debug, Default)]
pub(super) struct Place {
    pub(super) slots: Vec<usize>,
    pub(super) rates: RateLimits,
    pub(super) warnings: Vec<Exceeded>,
}

/// The counters of all subjects.
#[derive(Debug)]
pub(super) struct Meters {
    index: Index,
    meters: Vec<Meter>,
    calendar: Calendar,
    /// The latest time that somebody has said, for holds that are dropped.
    now: Now,
    version: u64,
}

impl Meters {
    pub(super) fn new(zone: TimeZone) -> Self {
        Self {
            index: Index::default(),
            meters: Vec::new(),
            calendar: Calendar::new(zone),
            now: Now {
                wall: Millis(0),
                moment: Moment(0),
            },
            version: 0,
        }
    }

    pub(super) fn set_time_zone(&mut self, zone: TimeZone) {
        self.calendar = Calendar::new(zone);
    }

    fn clock(&mut self, now: Now) -> Clock {
        self.now = now;
        self.calendar.clock(now)
    }

    fn touch(&mut self, slot: usize) -> &mut Meter {
        self.version += 1;
        let meter = &mut self.meters[slot];
        meter.version = self.version;
        meter
    }

    /// Returns the place of a subject, which is a new one where it is not known. `kept` are places that stay as they are.
    fn slot(&mut self, scope: LimitScope, name: &str, pattern: &str, kept: &[usize]) -> usize {
        let id = meter::id(scope, name, pattern);
        if let Some(slot) = self.index.get(id) {
            return slot;
        }
        let slot = self.vacant(kept).unwrap_or(self.meters.len());
        let meter = Meter::new(scope, name, pattern);
        if slot < self.meters.len() {
            self.index.remove(slot);
            self.meters[slot] = meter;
        } else {
            self.meters.push(meter);
        }
        self.index.insert(id, slot);
        slot
    }

    /// Returns the place that is given up where all are taken: nothing runs there, and it was changed longest ago.
    fn vacant(&self, kept: &[usize]) -> Option<usize> {
        if self.meters.len() < CAPACITY {
            return None;
        }
        let meters = self.meters.iter().enumerate();
        let idle = meters.filter(|(slot, meter)| !meter.is_in_use() && !kept.contains(slot));
        idle.min_by_key(|(_, meter)| meter.version).map(|(slot, _)| slot)
    }

    /// Admits a request to all of its subjects, or to none. `held` are the places of subjects that count it already: only its amounts
    /// are new to them.
    pub(super) fn admit(&mut self, now: Now, ask: &Ask<'_>, held: &[usize]) -> Result<Place, Exceeded> {
        let clock = self.clock(now);
        let mut slots = held.to_vec();
        for limited in ask.subjects.iter().filter(|limited| limited.is_limited()) {
            let slot = self.slot(limited.scope, limited.name, limited.pattern, &slots);
            self.meters[slot].update(limited.allowance, &clock);
            if !slots.contains(&slot) {
                slots.push(slot);
            }
        }
        let amount = ask.input.plus(ask.output);
        let load = |place: usize| Load::new(i64::from(place >= held.len()), amount);
        let mut found = Vec::new();
        for (place, &slot) in slots.iter().enumerate() {
            self.meters[slot].check(load(place), &clock, &mut found);
        }
        let only_counts = |exceeded: &Exceeded| match exceeded.on_exhausted {
            OnExhausted::Warn => true,
            OnExhausted::Fallback(_) => ask.is_fallback,
            OnExhausted::Refuse | OnExhausted::Cut => false,
        };
        let refusing = (0..found.len())
            .filter(|place| !only_counts(&found[*place]))
            .max_by_key(|place| found[*place].rank());
        if let Some(place) = refusing {
            return Err(found.swap_remove(place));
        }
        let mut rates = RateLimits::default();
        for (place, &slot) in slots.iter().enumerate() {
            let meter = self.touch(slot);
            meter.take(load(place), &clock);
            meter.narrow(&mut rates, &clock);
        }
        Ok(Place {
            slots,
            rates,
            warnings: found,
        })
    }

    /// Settles what a request held at some subjects, at `now`, or at the latest known time.
    pub(super) fn settle(&mut self, now: Option<Now>, slots: &[usize], held: Load, used: Load, is_estimated: bool) {
        let clock = self.clock(now.unwrap_or(self.now));
        for &slot in slots {
            let meter = self.touch(slot);
            meter.settle(held, used, &clock);
            if is_estimated {
                meter.note_estimate();
            }
        }
    }

    /// Returns the least money that is left of the budgets of some subjects; never less than nothing.
    pub(super) fn money_left(&self, slots: &[usize]) -> Option<Money> {
        let left = slots.iter().filter_map(|slot| self.meters[*slot].money_left()).min();
        left.map(|nano| Money(nano.max(0)))
    }

    pub(super) fn is_cut(&self, slots: &[usize], so_far: Load) -> bool {
        slots.iter().any(|slot| self.meters[*slot].is_cut(so_far))
    }

    /// Returns a copy of the counters of a subject as they stand at `now` under its limits.
    pub(super) fn view(&mut self, now: Now, limited: &Limited<'_>) -> (Meter, Clock) {
        let clock = self.clock(now);
        let (scope, name, pattern) = (limited.scope, limited.name, limited.pattern);
        let known = self.index.get(meter::id(scope, name, pattern));
        let mut meter = known.map_or_else(|| Meter::new(scope, name, pattern), |slot| self.meters[slot].clone());
        meter.update(limited.allowance, &clock);
        (meter, clock)
    }

    pub(super) fn changes(&mut self, now: Now, after: u64) -> (u64, Vec<Counters>) {
        let clock = self.clock(now);
        let changed = self.meters.iter().filter(|meter| meter.version > after);
        (self.version, changed.map(|meter| meter.counters(&clock)).collect())
    }

    pub(super) fn restore(&mut self, now: Now, kept: &[Counters]) {
        let clock = self.clock(now);
        for counters in kept {
            let slot = self.slot(counters.scope, &counters.name, &counters.pattern, &[]);
            if self.meters[slot].restore(counters, &clock) {
                self.touch(slot);
            }
        }
    }
}
