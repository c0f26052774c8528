//! The time zone of a table: when its days and months begin.

mod rule;

use self::rule::Rule;
use crate::dialect::wire::date::{self, DAY};

/// A time zone: a fixed offset (`+08:00`, `Z`, `UTC`), or a POSIX `TZ` string (`CET-1CEST,M3.5.0,M10.5.0/3`). Such a string says all
/// that is needed, and no database of zones has to be carried and kept up to date.
///
/// All times are seconds since 1970. Days are numbered from 1970-01-01, months from January of the year 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimeZone {
    /// What stands in the table.
    text: String,
    rule: Rule,
}

impl Default for TimeZone {
    /// UTC.
    fn default() -> Self {
        Self {
            text: "Z".to_owned(),
            rule: Rule::fixed(0),
        }
    }
}

impl TimeZone {
    /// Reads a time zone.
    ///
    /// # Errors
    /// What is wrong with the text, and what to write instead.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        Ok(Self {
            text: text.to_owned(),
            rule: Rule::parse(text)?,
        })
    }

    /// Returns what stands in the table.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns the number of the day at a time. It never goes back as time passes, also where clocks are set back over midnight:
    /// the first midnight begins the day.
    #[must_use]
    pub fn day(&self, at: i64) -> i64 {
        let mut day = (at + self.rule.offset(at)).div_euclid(DAY);
        while self.day_start(day + 1) <= at {
            day += 1;
        }
        day
    }

    /// Returns the time at which a day begins: the first at which a clock of the zone shows it. Where clocks jump over midnight that
    /// is the end of the jump.
    #[must_use]
    pub fn day_start(&self, day: i64) -> i64 {
        self.rule.first(day * DAY)
    }

    /// Returns the number of the month that a day is in.
    #[must_use]
    pub const fn month_of(day: i64) -> i64 {
        let (year, month, _) = date::calendar(day);
        year * 12 + month - 1
    }

    /// Returns the time at which a month begins.
    #[must_use]
    pub fn month_start(&self, month: i64) -> i64 {
        self.day_start(date::days(month.div_euclid(12), month.rem_euclid(12) + 1, 1))
    }

    /// Returns the time of a date, which begins at its midnight here, or of a date with a time and its own offset (RFC 3339). Nothing
    /// where the text is neither, or before 1970.
    #[must_use]
    pub fn instant(&self, text: &str) -> Option<u64> {
        let as_utc = |length: usize| {
            let begin = text.get(..length)?;
            let seconds = date::seconds(begin)?;
            // What is written as it was read is in the calendar.
            let is_date = date::text(seconds).starts_with(begin);
            i64::try_from(seconds).ok().filter(|_| is_date)
        };
        let length = "2027-03-01".len();
        let at = if text.len() == length {
            self.day_start(as_utc(length)? / DAY)
        } else {
            let length = "2027-03-01T00:00:00".len();
            let behind = text.get(length..)?;
            let zone = behind.strip_prefix('.').map_or(behind, |fraction| {
                fraction.trim_start_matches(|char: char| char.is_ascii_digit())
            });
            as_utc(length)? - Rule::written_offset(zone)?
        };
        u64::try_from(at).ok()
    }

    /// Returns a time as a date with the offset of the zone (RFC 3339): `2026-12-01T00:00:00+08:00`, in UTC with a `Z`.
    #[must_use]
    pub fn rfc3339(&self, at: i64) -> String {
        let offset = self.rule.offset(at);
        let mut text = date::without_zone(at + offset);
        if offset == 0 {
            text.push('Z');
            return text;
        }
        let sign = if offset < 0 { '-' } else { '+' };
        let minutes = offset.abs() / 60;
        text.push_str(&format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60));
        text
    }
}

#[cfg(test)]
mod tests;
