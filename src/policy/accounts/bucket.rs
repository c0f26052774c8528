//! Rates per minute.
//!
//! The algorithm is GCRA in its form of a leaky bucket (ITU-T I.371, annex A): a level rises with what is taken and falls
//! evenly with time. The bucket holds what may be used in a minute. Its level is counted in parts of one, so that a bucket of
//! `n` a minute drains `n` parts in each millisecond: nothing is ever rounded.
//!
//! Over any time no more is used than one bucket and what drains in that time, as far as estimates were not too low. What was
//! used beyond an estimate is a debt: the level stands above the rim. What was used less is given back. That may have drained
//! meanwhile: then a burst can be larger by as much, and the mean stays what it is.

use crate::platform::{Millis, Moment};

/// The parts of one: the milliseconds in a minute.
const PARTS: i64 = 60_000;

/// The largest bucket. It stands for no limit: there is always room in it.
const LARGEST: i64 = 1 << 40;

/// The state of one rate. `Default` is a bucket without a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bucket {
    /// How much may be used in a minute.
    per_minute: i64,
    /// What was used and has not drained, in parts. Below zero within a moment only, while settlements of it give back more than they add.
    level: i64,
    /// When the level was that.
    at: Moment,
}

/// A bucket as it is kept outside of a process: its time is one of the wall clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level {
    /// How much may be used in a minute.
    pub per_minute: i64,
    /// What was used and has not drained, in sixty-thousandths of one.
    pub parts: i64,
    /// When the level was that.
    pub at: Millis,
}

impl Default for Bucket {
    fn default() -> Self {
        Self {
            per_minute: LARGEST,
            level: 0,
            at: Moment(0),
        }
    }
}

fn drained(level: i64, per_minute: i64, passed: u64) -> i64 {
    let passed = i64::try_from(passed).unwrap_or(i64::MAX);
    match passed {
        0 => level,
        _ => level.saturating_sub(passed.saturating_mul(per_minute)).max(0),
    }
}

impl Bucket {
    /// Sets how much may be used in a minute. What was used stays used.
    pub(super) fn set_limit(&mut self, now: Moment, per_minute: Option<u64>) {
        self.drain(now);
        let limit = per_minute.and_then(|limit| i64::try_from(limit).ok());
        self.per_minute = limit.map_or(LARGEST, |limit| limit.min(LARGEST));
    }

    fn level(&self, now: Moment) -> i64 {
        drained(self.level, self.per_minute, now.0.saturating_sub(self.at.0))
    }

    fn drain(&mut self, now: Moment) {
        self.level = self.level(now);
        self.at = self.at.max(now);
    }

    /// The highest level at which `count` can be taken: what leaves room for it, or an empty bucket where it is more than a bucket
    /// holds.
    fn threshold(&self, count: i64) -> i64 {
        (self.per_minute - count).max(0).saturating_mul(PARTS)
    }

    /// Whether `count` can be taken. More than the bucket holds can be taken while nothing of it is used, except where the limit is
    /// zero.
    pub(super) fn fits(&self, now: Moment, count: i64) -> bool {
        let is_limited = self.per_minute < LARGEST;
        !is_limited || self.per_minute > 0 && self.level(now) <= self.threshold(count)
    }

    /// Takes `count`, if it [fits](Self::fits): all of it or nothing.
    pub(super) fn take(&mut self, now: Moment, count: i64) -> bool {
        let fits = self.fits(now, count);
        if fits {
            self.drain(now);
            self.level = self.level.max(0);
            self.add(now, count);
        }
        fits
    }

    /// Adds what was used beyond what was taken, whatever the level is; below zero, what was used less. The order in which this is
    /// done at one time makes no difference.
    pub(super) fn add(&mut self, now: Moment, count: i64) {
        self.drain(now);
        self.level = self.level.saturating_add(count.saturating_mul(PARTS));
    }

    /// Returns how much is used: what was taken and has not drained, rounded up. It is more than the limit while there is a debt.
    pub(super) fn used(&self, now: Moment) -> i64 {
        self.level(now).max(0).saturating_add(PARTS - 1) / PARTS
    }

    /// Returns how much can be taken now.
    pub(super) fn remaining(&self, now: Moment) -> i64 {
        (self.per_minute - self.used(now)).max(0)
    }

    /// Returns in how many milliseconds `count` can be taken, if nobody takes anything until then; `None` where it never can.
    pub(super) fn free_in(&self, now: Moment, count: i64) -> Option<u64> {
        self.falls_to(now, self.threshold(count))
    }

    /// Returns in how many milliseconds nothing of it is used, if nobody takes anything until then; `None` where it never drains.
    pub(super) fn unused_in(&self, now: Moment) -> Option<u64> {
        self.falls_to(now, 0)
    }

    fn falls_to(&self, now: Moment, level: i64) -> Option<u64> {
        if self.per_minute == 0 {
            return None;
        }
        let above = (self.level(now) - level).max(0);
        u64::try_from(above.saturating_add(self.per_minute - 1) / self.per_minute).ok()
    }

    /// Returns the state at a time, which both clocks tell, for [`merge`](Self::merge) in another process.
    pub(super) fn snapshot(&self, now: Moment, wall: Millis) -> Level {
        Level {
            per_minute: self.per_minute,
            parts: self.level(now).max(0),
            at: wall,
        }
    }

    /// Adds what was used in another process, without what has drained since then by the wall clock.
    pub(super) fn merge(&mut self, level: Level, now: Moment, wall: Millis) {
        self.drain(now);
        if self.per_minute == LARGEST {
            self.per_minute = level.per_minute;
        }
        let passed = wall.0.saturating_sub(level.at.0);
        let theirs = drained(level.parts, level.per_minute, passed);
        self.level = self.level.saturating_add(theirs);
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    const MINUTE: u64 = 60_000;

    fn bucket(per_minute: u64) -> Bucket {
        let mut bucket = Bucket::default();
        bucket.set_limit(Moment(0), Some(per_minute));
        bucket
    }

    #[test]
    fn a_minute_takes_what_the_limit_says_and_one_more_each_time_that_one_has_drained() {
        for limit in [1, 7, 60, 1_000, 59_999, 1_000_003] {
            let mut bucket = bucket(limit);
            let all = i64::try_from(limit).unwrap();
            for taken in 1..=all.min(1_000) {
                assert!(bucket.take(Moment(5), 1));
                assert_eq!(
                    (bucket.used(Moment(5)), bucket.remaining(Moment(5))),
                    (taken, all - taken)
                );
            }
            bucket.take(Moment(5), bucket.remaining(Moment(5)));
            assert!(!bucket.take(Moment(5), 1), "{limit}");
            let wait = bucket.free_in(Moment(5), 1).unwrap();
            assert_eq!(wait, MINUTE.div_ceil(limit));
            assert!(
                !bucket.fits(Moment(4 + wait), 1) && bucket.take(Moment(5 + wait), 1),
                "{limit}"
            );
            assert_eq!(
                bucket.unused_in(Moment(5 + wait)),
                Some((MINUTE * (limit + 1) - wait * limit).div_ceil(limit))
            );
        }
    }

    #[test]
    fn a_request_larger_than_the_bucket_passes_when_nothing_is_used() {
        let mut bucket = bucket(100);
        assert!(bucket.take(Moment(0), 1));
        assert!(!bucket.fits(Moment(0), 101));
        assert_eq!(bucket.free_in(Moment(0), 101), Some(600));
        assert!(bucket.take(Moment(600), 250));
        assert_eq!((bucket.used(Moment(600)), bucket.remaining(Moment(600))), (250, 0));
        assert_eq!(bucket.free_in(Moment(600), 1), Some(151 * 600));
    }

    #[test]
    fn what_is_used_beyond_the_estimate_is_a_debt_and_what_is_used_less_is_given_back() {
        let mut bucket = bucket(60);
        assert!(bucket.take(Moment(0), 50));
        bucket.add(Moment(0), 40);
        assert_eq!(
            (bucket.used(Moment(0)), bucket.free_in(Moment(0), 1)),
            (90, Some(31_000))
        );
        bucket.add(Moment(1_000), -80);
        assert_eq!((bucket.used(Moment(1_000)), bucket.remaining(Moment(1_000))), (9, 51));
        // What has drained meanwhile is not there a second time.
        bucket.add(Moment(1_000), -30);
        assert!(bucket.take(Moment(1_000), 60) && !bucket.fits(Moment(1_000), 1));
    }

    #[test]
    fn without_a_limit_there_is_always_room() {
        let mut bucket = Bucket::default();
        for now in 0..100 {
            assert!(bucket.take(Moment(now), 1 << 40));
        }
        bucket.set_limit(Moment(200), Some(u64::MAX));
        assert!(bucket.take(Moment(200), 1 << 40));
    }

    #[test]
    fn a_limit_of_zero_takes_nothing_and_never_will() {
        let mut bucket = bucket(0);
        assert!(!bucket.take(Moment(0), 1) && !bucket.take(Moment(9_999_999), 0));
        assert_eq!(bucket.free_in(Moment(0), 1), None);
    }

    #[test]
    fn what_drained_before_a_limit_changes_drained_at_the_old_rate() {
        let mut bucket = bucket(60);
        assert!(bucket.take(Moment(0), 60));
        bucket.set_limit(Moment(30_000), Some(600));
        assert_eq!((bucket.used(Moment(30_000)), bucket.used(Moment(31_000))), (30, 20));
        bucket.set_limit(Moment(31_000), Some(10));
        assert_eq!((bucket.used(Moment(31_000)), bucket.used(Moment(37_000))), (20, 19));
    }

    #[test]
    fn a_clock_that_does_not_move_or_comes_late_drains_nothing() {
        let mut bucket = bucket(60);
        assert!(bucket.take(Moment(5_000), 10));
        assert_eq!(bucket.used(Moment(1_000)), 10);
        assert!(bucket.take(Moment(1_000), 10));
        assert_eq!((bucket.used(Moment(5_000)), bucket.used(Moment(6_000))), (20, 19));
    }

    proptest! {
        #[test]
        fn no_time_uses_more_than_a_bucket_and_what_drains_in_it(
            limit in 1_u64..5_000, steps in vec((0_u64..5_000, 1_i64..300, 0_u8..=100), 1..200),
        ) {
            let mut bucket = bucket(limit);
            let capacity = i64::try_from(limit).unwrap();
            let (mut now, mut used) = (0, 0);
            let mut running = Vec::new();
            for (passed, estimate, percent) in steps {
                now += passed;
                if bucket.take(Moment(now), estimate.min(capacity)) {
                    running.push((estimate.min(capacity), i64::from(percent)));
                }
                if running.len() > 4 {
                    let (estimate, percent) = running.remove(0);
                    let real = estimate * percent / 100;
                    bucket.add(Moment(now), real - estimate);
                    used += real;
                }
                prop_assert!(used * PARTS <= capacity * PARTS + i64::try_from(now).unwrap() * capacity);
            }
        }

        #[test]
        fn the_order_of_settlements_makes_no_difference(
            taken in 0_i64..1_000, mut counts in vec(-1_000_i64..1_000, 0..20), now in 0_u64..100_000, seed: u64,
        ) {
            let mut bucket = bucket(600);
            bucket.take(Moment(0), taken);
            let mut other = bucket;
            counts.iter().for_each(|count| bucket.add(Moment(now), *count));
            let places = counts.len().max(1);
            counts.rotate_left(usize::try_from(seed).unwrap_or(1) % places);
            counts.iter().rev().for_each(|count| other.add(Moment(now), *count));
            prop_assert_eq!(bucket, other);
        }

        #[test]
        fn it_is_free_when_it_says_so_and_not_before(limit in 1_u64..3_000_000, first in 1_i64..5_000_000, count in 1_i64..5_000_000, now in 0_u64..1_000_000) {
            let mut bucket = bucket(limit);
            bucket.take(Moment(now), first);
            let wait = bucket.free_in(Moment(now), count).unwrap();
            prop_assert!(bucket.fits(Moment(now + wait), count));
            prop_assert!(wait == 0 || !bucket.fits(Moment(now + wait - 1), count));
        }

        #[test]
        fn another_process_goes_on_where_one_has_ended(limit in 1_u64..5_000, taken in 0_i64..5_000, passed in 0_u64..100_000) {
            let mut bucket = bucket(limit);
            bucket.take(Moment(7), taken);
            let level = bucket.snapshot(Moment(9), Millis(1_000_000));
            let mut other = Bucket::default();
            other.merge(level, Moment(500_000), Millis(1_000_000 + passed));
            prop_assert_eq!(other.used(Moment(500_000)), bucket.used(Moment(9 + passed)));
        }
    }
}
