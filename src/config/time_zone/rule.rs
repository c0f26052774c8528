//! The offsets of a time zone and the times at which they change, as a POSIX `TZ` string writes them (IEEE 1003.1, section 8.3;
//! the times of turns as in RFC 8536, section 3.3.1: up to a week before or after the day).

use crate::dialect::wire::date::{self, DAY};

const HOUR: i64 = 3600;

/// The longest time of a turn: a week less an hour.
const LONGEST_TIME: i64 = 167 * HOUR;

const FORM: &str = "expected an offset such as `+08:00`, or a POSIX rule such as `CET-1CEST,M3.5.0,M10.5.0/3`";
const PLACE: &str = "names of places are not known here: write an offset such as `+08:00`, or the place's POSIX rule, such as `CET-1CEST,M3.5.0,M10.5.0/3`";
const NO_OFFSET: &str =
    "a name needs its offset, west of Greenwich positive, as in `CET-1`; or write an offset such as `+01:00`";
const WEST: &str = "a POSIX rule counts to the west: write `+08:00` for eight hours east of Greenwich, and `-08:00` for eight hours west of it";
const NO_TURNS: &str = "summer time needs its beginning and its end, as in `EST5EDT,M3.2.0,M11.1.0`";
const TURN: &str =
    "expected a day as `M3.5.0` (month, week, day of the week), `J60` or `59`, and perhaps a time, as in `M10.5.0/3`";
const RANGE: &str = "an offset has whole minutes, and less than 24 hours";

/// The offsets of a zone, in seconds east of Greenwich.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rule {
    standard: i64,
    summer: Option<Summer>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Summer {
    offset: i64,
    begin: Turn,
    end: Turn,
}

/// A time of each year, as the clock shows it that is about to be changed.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Turn {
    day: Day,
    /// Seconds after that day's midnight.
    time: i64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Day {
    /// `J1` to `J365`: the 29th of February is never counted.
    Julian(i64),
    /// `0` to `365`.
    Numbered(i64),
    /// `M3.5.0`: month, week (5 is the last one), and day of the week from Sunday on.
    OfWeek(i64, i64, i64),
}

impl Turn {
    /// Returns the seconds from 1970 to the turn, as the clock counts them.
    fn clock(&self, year: i64) -> i64 {
        let first = date::days(year, 1, 1);
        let day = match self.day {
            Day::Julian(day) => {
                let is_leap_year = date::days(year, 3, 1) - first == 60;
                first + day - 1 + i64::from(is_leap_year && day >= 60)
            }
            Day::Numbered(day) => first + day,
            Day::OfWeek(month, week, weekday) => {
                let first = date::days(year, month, 1);
                // 1970-01-01 was a Thursday.
                let day = first + (weekday - first - 4).rem_euclid(7) + 7 * (week - 1);
                let next = date::days(year + month / 12, month % 12 + 1, 1);
                if day >= next { day - 7 } else { day }
            }
        };
        day * DAY + self.time
    }
}

impl Rule {
    /// Returns the rule of a zone that never changes its offset.
    pub(super) const fn fixed(standard: i64) -> Self {
        Self { standard, summer: None }
    }

    /// Reads an offset or a POSIX string.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        if text == "UTC" {
            return Ok(Self::fixed(0));
        }
        if let Some(east) = Self::written_offset(text) {
            return Ok(Self::fixed(east));
        }
        let mut reader = Reader(text);
        if text.starts_with(['+', '-']) {
            reader.offset()?;
            return Err(FORM);
        }
        reader.rule()
    }

    /// Reads an offset as RFC 3339 writes it, `Z` or `+08:00`: in seconds east of Greenwich.
    pub(super) fn written_offset(text: &str) -> Option<i64> {
        if text == "Z" {
            return Some(0);
        }
        let is_written = text.starts_with(['+', '-']) && text.len() == "+08:00".len() && text.as_bytes()[3] == b':';
        let mut reader = Reader(text);
        let offset = reader.offset().ok().filter(|_| is_written)?;
        reader.0.is_empty().then_some(offset)
    }

    /// Returns the turns of some years around a time, as they follow one another: when it is, and the offset from then on. Where one
    /// is at the same time as the next, the summer counts: so zones are written that never leave it.
    fn turns(&self, around: i64) -> impl Iterator<Item = (i64, i64)> + '_ {
        let year = date::calendar((around + self.standard).div_euclid(DAY)).0;
        self.summer.iter().flat_map(move |summer| {
            (year - 2..=year + 1).flat_map(move |year| {
                [
                    (summer.end.clock(year) - summer.offset, self.standard),
                    (summer.begin.clock(year) - self.standard, summer.offset),
                ]
            })
        })
    }

    /// Returns the seconds that clocks are ahead of UTC at a time.
    pub(super) fn offset(&self, at: i64) -> i64 {
        let mut latest = (i64::MIN, self.standard);
        for turn in self.turns(at) {
            if turn.0 <= at && turn.0 >= latest.0 {
                latest = turn;
            }
        }
        latest.1
    }

    /// Returns the first time at which a clock shows `clock` or more, in seconds from 1970 as the clock counts them.
    pub(super) fn first(&self, clock: i64) -> i64 {
        let plain = clock - self.standard;
        let in_summer = self.summer.iter().map(|summer| clock - summer.offset);
        // A clock gets there by running, or at a turn by a jump.
        let turns = self.turns(plain).map(|(at, _)| at);
        let times = in_summer.chain(turns).chain([plain]);
        times.filter(|at| at + self.offset(*at) >= clock).min().unwrap_or(plain)
    }
}

/// What is still to be read of a POSIX string.
struct Reader<'a>(&'a str);

impl<'a> Reader<'a> {
    fn rule(&mut self) -> Result<Rule, &'static str> {
        let name = self.name()?;
        if self.0.starts_with('/') {
            return Err(PLACE);
        }
        if self.0.is_empty() {
            return Err(NO_OFFSET);
        }
        let standard = -self.offset()?;
        if standard != 0 && matches!(name, "UTC" | "GMT") {
            return Err(WEST);
        }
        if self.0.is_empty() {
            return Ok(Rule::fixed(standard));
        }
        self.name()?;
        let offset = match self.0.bytes().next() {
            None => return Err(NO_TURNS),
            Some(b',') => standard + HOUR,
            Some(_) => -self.offset()?,
        };
        if self.0.is_empty() {
            return Err(NO_TURNS);
        }
        let summer = Summer {
            offset,
            begin: self.turn().ok_or(TURN)?,
            end: self.turn().ok_or(TURN)?,
        };
        if !self.0.is_empty() {
            return Err(TURN);
        }
        Ok(Rule {
            standard,
            summer: Some(summer),
        })
    }

    fn skip(&mut self, byte: char) -> bool {
        let behind = self.0.strip_prefix(byte);
        self.0 = behind.unwrap_or(self.0);
        behind.is_some()
    }

    /// The bytes up to the first that does not fit.
    fn run(&mut self, fits: fn(&u8) -> bool) -> &'a str {
        let length = self.0.bytes().take_while(fits).count();
        let (run, behind) = self.0.split_at(length);
        self.0 = behind;
        run
    }

    /// Three letters or more, or with digits and signs in angle brackets.
    fn name(&mut self) -> Result<&'a str, &'static str> {
        let name = if self.skip('<') {
            let name = self.run(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-'));
            if !self.skip('>') {
                return Err(FORM);
            }
            name
        } else {
            self.run(u8::is_ascii_alphabetic)
        };
        if name.len() < 3 { Err(FORM) } else { Ok(name) }
    }

    fn number(&mut self) -> Option<i64> {
        let digits = self.run(u8::is_ascii_digit);
        digits.parse().ok().filter(|_| digits.len() <= 3)
    }

    /// Hours, perhaps with minutes and seconds, as seconds.
    fn time(&mut self) -> Option<i64> {
        let is_negative = self.skip('-');
        if !is_negative {
            self.skip('+');
        }
        let mut seconds = self.number()? * HOUR;
        for unit in [60, 1] {
            if self.skip(':') {
                seconds += self.number().filter(|number| *number < 60)? * unit;
            } else {
                break;
            }
        }
        Some(if is_negative { -seconds } else { seconds })
    }

    /// An offset in seconds, with the sign as it is written: in a POSIX rule the west is positive.
    fn offset(&mut self) -> Result<i64, &'static str> {
        let offset = self.time().ok_or(FORM)?;
        let is_usual = offset.abs() < 24 * HOUR && offset % 60 == 0;
        if is_usual { Ok(offset) } else { Err(RANGE) }
    }

    /// `,M3.5.0/2`: at two o'clock where it does not say when.
    fn turn(&mut self) -> Option<Turn> {
        let day = if self.skip(',') { self.day()? } else { return None };
        let time = if self.skip('/') { self.time()? } else { 2 * HOUR };
        (time.abs() <= LONGEST_TIME).then_some(Turn { day, time })
    }

    fn day(&mut self) -> Option<Day> {
        if self.skip('J') {
            return self.number().filter(|day| (1..=365).contains(day)).map(Day::Julian);
        }
        if !self.skip('M') {
            return self.number().filter(|day| *day <= 365).map(Day::Numbered);
        }
        let mut parts = [0; 3];
        for (place, (part, range)) in parts.iter_mut().zip([1..=12, 1..=5, 0..=6]).enumerate() {
            if place > 0 && !self.skip('.') {
                return None;
            }
            *part = self.number().filter(|part| range.contains(part))?;
        }
        let [month, week, weekday] = parts;
        Some(Day::OfWeek(month, week, weekday))
    }
}
