//! The periods of sums: days and months of the table's time zone.

use crate::config::TimeZone;
use crate::platform::{Millis, Moment};

/// The time by both clocks of [`Platform`](crate::platform::Platform).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// The date and time: days and months are counted on it.
    pub wall: Millis,
    /// The clock that only goes forward: rates are counted on it.
    pub moment: Moment,
}

/// How long a sum goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Period {
    Day,
    Month,
    Forever,
}

/// A day or a month: its number, and the milliseconds from its begin on and up to its end.
#[derive(Clone, Copy, Debug, Default)]
struct Span {
    id: u32,
    begin: u64,
    end: u64,
}

impl Span {
    fn new(id: i64, begin: i64, end: i64) -> Self {
        let millis = |seconds: i64| u64::try_from(seconds).unwrap_or_default().saturating_mul(1_000);
        Self {
            id: u32::try_from(id).unwrap_or_default(),
            begin: millis(begin),
            end: millis(end),
        }
    }
}

/// A time with the periods that it is in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    pub(super) now: Now,
    day: Span,
    month: Span,
}

impl Clock {
    /// Returns the number of the period; zero for the one that never ends.
    pub(super) const fn id(&self, period: Period) -> u32 {
        match period {
            Period::Day => self.day.id,
            Period::Month => self.month.id,
            Period::Forever => 0,
        }
    }

    /// Returns when the period ends and the next begins.
    pub(super) const fn end(&self, period: Period) -> Option<Millis> {
        match period {
            Period::Day => Some(Millis(self.day.end)),
            Period::Month => Some(Millis(self.month.end)),
            Period::Forever => None,
        }
    }

    /// Returns the date and time so many milliseconds from now.
    pub(super) const fn after(&self, millis: u64) -> Millis {
        Millis(self.now.wall.0.saturating_add(millis))
    }
}

/// What computes periods, and remembers the latest ones: almost every request is in the same day as the one before.
#[derive(Debug)]
pub(super) struct Calendar {
    zone: TimeZone,
    day: Span,
    month: Span,
}

impl Calendar {
    pub(super) fn new(zone: TimeZone) -> Self {
        Self {
            zone,
            day: Span::default(),
            month: Span::default(),
        }
    }

    pub(super) fn clock(&mut self, now: Now) -> Clock {
        if !(self.day.begin..self.day.end).contains(&now.wall.0) {
            let seconds = i64::try_from(now.wall.0 / 1_000).unwrap_or_default();
            let day = self.zone.day(seconds);
            let month = TimeZone::month_of(day);
            self.day = Span::new(day, self.zone.day_start(day), self.zone.day_start(day + 1));
            self.month = Span::new(month, self.zone.month_start(month), self.zone.month_start(month + 1));
        }
        Clock {
            now,
            day: self.day,
            month: self.month,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HOUR: u64 = 3_600_000;

    fn at(calendar: &mut Calendar, millis: u64) -> Clock {
        calendar.clock(Now {
            wall: Millis(millis),
            moment: Moment(0),
        })
    }

    #[test]
    fn a_day_ends_when_the_next_begins_also_when_clocks_change() {
        let mut calendar = Calendar::new(TimeZone::parse("CET-1CEST,M3.5.0,M10.5.0/3").unwrap());
        // 2026-03-29 and 2026-10-25 in Berlin.
        for (begin, hours) in [(1_774_738_800_000, 23), (1_792_879_200_000, 25)] {
            let before = at(&mut calendar, begin - 1);
            let clock = at(&mut calendar, begin);
            assert_eq!(before.end(Period::Day), Some(Millis(begin)));
            assert_eq!(clock.id(Period::Day), before.id(Period::Day) + 1);
            assert_eq!(clock.end(Period::Day), Some(Millis(begin + hours * HOUR)));
            let last = at(&mut calendar, begin + hours * HOUR - 1);
            assert_eq!(last.id(Period::Day), clock.id(Period::Day));
            assert_eq!(
                last.end(Period::Month),
                Some(Millis(begin + (hours + 48 + if hours == 25 { 96 } else { 0 }) * HOUR))
            );
            assert_eq!((last.id(Period::Forever), last.end(Period::Forever)), (0, None));
        }
    }

    proptest! {
        #[test]
        fn what_is_remembered_is_what_would_be_computed(times in proptest::collection::vec(0_u64..4_000_000_000_000, 1..20)) {
            let zone = TimeZone::parse("EET-2EEST,M3.5.0/0,M10.5.0/0:30").unwrap();
            let mut calendar = Calendar::new(zone.clone());
            for time in times.into_iter().flat_map(|time| [time, time + 1, time + HOUR]) {
                let (kept, fresh) = (at(&mut calendar, time), at(&mut Calendar::new(zone.clone()), time));
                for period in [Period::Day, Period::Month, Period::Forever] {
                    prop_assert_eq!((kept.id(period), kept.end(period)), (fresh.id(period), fresh.end(period)));
                }
            }
        }
    }
}
