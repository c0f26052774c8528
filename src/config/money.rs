//! Amounts of money: whole numbers of billionths, so that no sum depends on the order of its parts.

use std::fmt;

/// An amount in the currency of the table, in billionths of its unit. Negative where a correction took more than there was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Money(pub i64);

/// How many digits an amount has behind its point.
const DIGITS: usize = 9;

/// Billionths in one unit.
const UNIT: u64 = 1_000_000_000;

impl Money {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// Reads a decimal such as `20`, `0.5` or `-1.25`; nothing where the text is none, has more than nine digits behind its point, or is
    /// more than nine thousand million.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (is_negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let is_decimal = !whole.is_empty()
            && [whole, fraction]
                .iter()
                .all(|part| part.bytes().all(|byte| byte.is_ascii_digit()));
        if !is_decimal || fraction.len() > DIGITS || digits.ends_with('.') {
            return None;
        }
        let whole: i64 = whole.parse().ok()?;
        let fraction: i64 = format!("{fraction:0<DIGITS$}").parse().ok()?;
        let nano = whole.checked_mul(UNIT as i64)?.checked_add(fraction)?;
        Some(Self(if is_negative { -nano } else { nano }))
    }

    /// The sum of both, or the largest amount that there is.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// What is left of it without `other`; negative where that is more.
    #[must_use]
    pub const fn minus(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

/// A decimal with two digits behind its point at least, and as many as say something: `20.00`, `0.0004`.
impl fmt::Display for Money {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nano = self.0.unsigned_abs();
        let sign = if self.0 < 0 { "-" } else { "" };
        let fraction = format!("{:0DIGITS$}", nano % UNIT);
        let behind = fraction.trim_end_matches('0');
        write!(formatter, "{sign}{}.{behind:0<2}", nano / UNIT)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_amount_is_read_and_written_to_the_last_digit() {
        for (text, nano, written) in [
            ("0", 0, "0.00"),
            ("20", 20_000_000_000, "20.00"),
            ("0.5", 500_000_000, "0.50"),
            ("0.0004", 400_000, "0.0004"),
            ("41.00", 41_000_000_000, "41.00"),
            ("0.000000001", 1, "0.000000001"),
            ("-1.25", -1_250_000_000, "-1.25"),
        ] {
            let read = Money::parse(text);
            assert_eq!(read, Some(Money(nano)), "{text}");
            assert_eq!(Money(nano).to_string(), written);
        }
    }

    #[test]
    fn what_is_no_decimal_is_no_amount() {
        for text in [
            "",
            "-",
            ".5",
            "5.",
            "1e3",
            "+1",
            "1,5",
            " 1",
            "0.0000000001",
            "10000000000",
            "$1",
            "--1",
        ] {
            assert_eq!(Money::parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_amount_is_read_back(nano in -9_000_000_000_000_000_000_i64..9_000_000_000_000_000_000) {
            prop_assert_eq!(Money::parse(&Money(nano).to_string()), Some(Money(nano)));
        }
    }
}
