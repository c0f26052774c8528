//! The book of all subjects: the way in.

use std::sync::{Arc, Mutex};

use super::hold::Hold;
use super::limit::{Exceeded, Limited, Standing};
use super::meter::Counters;
use super::meters::{Ask, Meters, Place, Shared, lock};
use super::period::Now;
use crate::config::{Money, TimeZone};

/// What every subject has used, and what its running requests hold.
///
/// A clone is another hand on the same book. It outlives the configuration: limits come with each request, counters belong to
/// names.
#[derive(Clone, Debug)]
pub struct Book {
    shared: Shared,
}

/// What has changed in a book: see [`Book::changes`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changes {
    /// The latest change among them.
    pub version: u64,
    /// The counters of each subject that has changed, as they are now.
    pub counters: Vec<Counters>,
}

/// Money that is settled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// In this day of the table's time zone.
    pub day: Money,
    /// In this month.
    pub month: Money,
    /// In all.
    pub total: Money,
}

impl Default for Book {
    /// Days and months in UTC.
    fn default() -> Self {
        Self::new(TimeZone::default())
    }
}

impl Book {
    /// Returns an empty book whose days and months are those of `zone`.
    #[must_use]
    pub fn new(zone: TimeZone) -> Self {
        Self {
            shared: Arc::new(Mutex::new(Meters::new(zone))),
        }
    }

    /// Counts days and months in another time zone from now on. No counter is reset by that.
    pub fn set_time_zone(&self, zone: TimeZone) {
        lock(&self.shared).set_time_zone(zone);
    }

    /// Admits a request to all subjects that it counts for, or to none of them.
    ///
    /// # Errors
    /// The limit that leaves no room; of several the one that is free last.
    pub fn admit(&self, now: Now, ask: &Ask<'_>) -> Result<Hold, Exceeded> {
        let place = if ask.is_limited() {
            lock(&self.shared).admit(now, ask, &[])?
        } else {
            Place::default()
        };
        Ok(Hold::new(Arc::clone(&self.shared), place, ask))
    }

    /// Returns how each limit of some subjects stands, in their order.
    #[must_use]
    pub fn status(&self, now: Now, subjects: &[Limited<'_>]) -> Vec<Standing> {
        let mut rows = Vec::new();
        for limited in subjects.iter().filter(|limited| limited.is_limited()) {
            let (meter, clock) = lock(&self.shared).view(now, limited);
            rows.append(&mut meter.standings(&clock));
        }
        rows
    }

    /// Returns what a subject has spent; nothing of what it spent while nothing of it was limited.
    #[must_use]
    pub fn spent(&self, now: Now, subject: &Limited<'_>) -> Spent {
        let (meter, _) = lock(&self.shared).view(now, subject);
        let [day, month, total] = meter.money_spent().map(Money);
        Spent { day, month, total }
    }

    /// Returns the counters of each subject that has changed since the change `after`, for a store. A caller that has written them asks
    /// with their [`version`](Changes::version) the next time, and with the old one where it could not: nothing is lost then.
    #[must_use]
    pub fn changes(&self, now: Now, after: u64) -> Changes {
        let (version, counters) = lock(&self.shared).changes(now, after);
        Changes { version, counters }
    }

    /// Adds what a store has kept. What was counted before it could be read stays; each subject is restored once, and a repetition
    /// changes nothing.
    pub fn restore(&self, now: Now, counters: &[Counters]) {
        lock(&self.shared).restore(now, counters);
    }
}

#[cfg(test)]
mod tests;
