//! Quotas and budgets: what was used in a period, and what may still be used by requests that run.
//!
//! The number of the period is computed from the clock whenever a sum is looked at, so nothing has to be reset in time, and nothing can
//! be missed.
//!
//! A request counts in the period in which it is settled. Until then it holds room, in whatever period that is: when a period
//! turns, what was spent is over, and what is held is carried on. So each amount counts in exactly one period, and it is
//! the one in which usage records and the log have it. A new period has room only for what the running requests leave.

/// The state of one sum, in whatever unit it counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    /// The number of the period.
    pub period: u32,
    /// What was settled in the period.
    pub spent: i64,
    /// The estimates of what runs.
    pub held: i64,
}

impl Sum {
    /// Goes on to the period that it is now.
    ///
    /// A clock that was set back by one period or less begins nothing anew: the later period goes on. One that was wrong
    /// by more is corrected, and what was spent under it stays.
    pub(super) const fn turn(&mut self, period: u32) {
        if period > self.period {
            self.period = period;
            self.spent = 0;
        } else if period.saturating_add(1) < self.period {
            self.period = period;
        }
    }

    /// Returns what is used: spent or held.
    #[must_use]
    pub const fn used(&self) -> i64 {
        self.spent.saturating_add(self.held)
    }

    /// Whether a request may begin under a limit: something is left of it. The last request may use more than is left, so no more than
    /// the limit and one estimate is ever used. A limit of zero has no room.
    #[must_use]
    pub(super) const fn has_room(&self, limit: i64) -> bool {
        self.used() < limit
    }

    /// Holds the estimate of a request.
    pub(super) const fn hold(&mut self, estimate: i64) {
        self.held = self.held.saturating_add(estimate);
    }

    /// Gives back what a request held, and counts what it used.
    pub(super) const fn settle(&mut self, estimate: i64, used: i64) {
        self.held = self.held.saturating_sub(estimate);
        self.spent = self.spent.saturating_add(used);
    }

    /// Adds what was counted in another process. What was held there counts as spent: its requests ended with the process.
    pub(super) const fn merge(&mut self, mut other: Self, period: u32) {
        other.settle(other.held, other.held);
        other.turn(period);
        self.turn(period);
        self.spent = self.spent.saturating_add(other.spent);
        if other.period > self.period {
            self.period = other.period;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn sum(period: u32, spent: i64, held: i64) -> Sum {
        Sum { period, spent, held }
    }

    #[test]
    fn a_new_period_begins_with_what_is_held() {
        let mut day = sum(10, 70, 20);
        day.turn(10);
        assert_eq!(day, sum(10, 70, 20));
        day.turn(11);
        assert_eq!(day, sum(11, 0, 20));
        day.settle(20, 15);
        assert_eq!(day, sum(11, 15, 0));
        day.turn(14);
        assert_eq!(day, sum(14, 0, 0));
    }

    #[test]
    fn a_clock_that_was_set_back_forgives_nothing() {
        let mut day = sum(10, 70, 0);
        day.turn(9);
        assert_eq!(day, sum(10, 70, 0), "seconds around midnight");
        day.turn(10);
        assert_eq!(day, sum(10, 70, 0));
        day.turn(5);
        assert_eq!(day, sum(5, 70, 0), "it was days ahead");
        day.turn(6);
        assert_eq!(day, sum(6, 0, 0));
    }

    #[test]
    fn there_is_room_while_something_is_left() {
        for (spent, held, limit, expected) in [
            (0, 0, 0, false),
            (0, 0, 1, true),
            (99, 0, 100, true),
            (50, 49, 100, true),
            (50, 50, 100, false),
            (-5, 0, 0, true),
            (i64::MAX, i64::MAX, i64::MAX, false),
        ] {
            assert_eq!(sum(0, spent, held).has_room(limit), expected, "{spent} {held} {limit}");
        }
    }

    #[test]
    fn what_another_process_held_counts_as_spent_in_its_period() {
        for (theirs, expected) in [
            (sum(10, 5, 2), sum(10, 8, 4)),
            (sum(9, 5, 2), sum(10, 1, 4)),
            (sum(11, 5, 2), sum(11, 8, 4)),
            (sum(30, 5, 2), sum(10, 8, 4)),
        ] {
            let mut own = sum(10, 1, 4);
            own.merge(theirs, 10);
            assert_eq!(own, expected, "{theirs:?}");
        }
    }

    proptest! {
        #[test]
        fn a_turn_of_the_period_loses_and_doubles_nothing(steps in vec((0_u32..2, 1_i64..1_000, 0_i64..1_500, any::<bool>()), 1..100)) {
            let mut own = Sum::default();
            let (mut period, mut ended, mut settled) = (1, 0, 0);
            let mut running = Vec::new();
            for (passed, estimate, used, settles) in steps {
                if passed > 0 {
                    ended += own.spent;
                    period += passed;
                }
                own.turn(period);
                own.hold(estimate);
                running.push((estimate, used));
                if settles {
                    let (estimate, used) = running.remove(running.len() / 2);
                    own.settle(estimate, used);
                    settled += used;
                }
                prop_assert_eq!(own.held, running.iter().map(|(estimate, _)| estimate).sum::<i64>());
                prop_assert_eq!(ended + own.spent, settled);
            }
        }
    }
}
