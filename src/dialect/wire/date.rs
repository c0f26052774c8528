//! Dates: seconds since 1970 in some places, texts in others.

use std::ops::Range;

/// Days before 1970-01-01 of the year in which its calendar begins: 0000-03-01, so that a leap day is the last of its year.
const EPOCH: i64 = 719_468;

/// Days of 400 years, after which the calendar repeats.
const ERA: i64 = 146_097;

/// Seconds in a day.
pub(crate) const DAY: i64 = 86_400;

/// Returns the seconds since 1970 of a date (RFC 3339, as `2025-02-19T00:00:00Z`, or its day only); nothing where it is not
/// one, or before that. A zone counts as UTC: nobody's models are released to the hour.
pub(crate) fn seconds(date: &str) -> Option<u64> {
    let number = |range: Range<usize>| date.get(range)?.parse::<u32>().ok().map(i64::from);
    let is_written = date.is_ascii() && date.get(4..5) == Some("-") && date.get(7..8) == Some("-");
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    if !is_written || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let time = || Some(number(11..13)? * 3600 + number(14..16)? * 60 + number(17..19)?);
    u64::try_from(days(year, month, day) * DAY + time().unwrap_or(0)).ok()
}

/// Returns seconds since 1970 as a date (RFC 3339).
pub(crate) fn text(seconds: u64) -> String {
    // The last second of the year 9999.
    let mut text = without_zone(i64::try_from(seconds).unwrap_or(i64::MAX).min(253_402_300_799));
    text.push('Z');
    text
}

/// Returns seconds since 1970 as a date and a time without a zone: `2025-02-19T00:00:00`.
pub(crate) fn without_zone(seconds: i64) -> String {
    let time = seconds.rem_euclid(DAY);
    let (year, month, day) = calendar(seconds.div_euclid(DAY));
    let (hour, minute, second) = (time / 3600, time / 60 % 60, time % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")
}

/// Returns the number of days from 1970-01-01 to a day of a month (1 to 12); negative for days before.
pub(crate) const fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * ERA + of_era * 365 + of_era / 4 - of_era / 100 + of_year - EPOCH
}

/// Returns the year, the month (1 to 12) and the day of the month that is so many days after 1970-01-01.
pub(crate) const fn calendar(days: i64) -> (i64, i64, i64) {
    let days = days + EPOCH;
    let (era, of_era) = (days.div_euclid(ERA), days.rem_euclid(ERA));
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year + era * 400 + if month <= 2 { 1 } else { 0 };
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn dates_and_seconds_are_the_same_instants() {
        for (date, expected) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29T12:34:56Z", 951_827_696),
            ("2000-03-01T00:00:00Z", 951_868_800),
            ("2025-02-19T00:00:00Z", 1_739_923_200),
            ("2100-03-01T00:00:00Z", 4_107_542_400),
        ] {
            assert_eq!((seconds(date), &*text(expected)), (Some(expected), date));
        }
        assert_eq!(seconds("2025-02-19"), Some(1_739_923_200));
        assert_eq!(seconds("2025-02-19T01:00:00.5+00:00"), Some(1_739_926_800));
        for date in [
            "",
            "yesterday",
            "2025-13-01",
            "2025-02-00",
            "1969-12-31",
            "20250219T0000",
            "\u{e9}025-02-19",
        ] {
            assert_eq!(seconds(date), None, "{date}");
        }
        assert_eq!(text(u64::MAX), "9999-12-31T23:59:59Z");
    }

    proptest! {
        #[test]
        fn every_second_has_a_date_of_its_own(at in 0_u64..253_402_300_800) {
            prop_assert_eq!(seconds(&text(at)), Some(at));
        }

        #[test]
        fn every_day_has_a_place_of_its_own_in_the_calendar(at in -800_000_i64..3_000_000) {
            let (year, month, day) = calendar(at);
            prop_assert_eq!(days(year, month, day), at);
            prop_assert!((1..=12).contains(&month) && (1..=31).contains(&day));
        }
    }
}
