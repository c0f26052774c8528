//! Decimals as people and headers write them. The standard library reads and writes every one of them to the last bit, with 15 KB of
//! tables; nothing here needs that.

use std::time::Duration;

/// Returns the number that a text is, in digits and at most one point: as headers and durations have them. It may begin with zeros.
#[must_use]
pub fn decimal(text: &str) -> Option<f64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = [whole, fraction].concat();
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| {
        let digits = digits.bytes().map(|digit| f64::from(digit - b'0'));
        let scale: f64 = fraction.bytes().map(|_| 10.0).product();
        digits.fold(0.0, |number, digit| number * 10.0 + digit) / scale
    })
}

/// Returns the number that a JSON text is.
#[must_use]
pub fn of_json(json: &str) -> Option<f64> {
    serde_json::from_str(json).ok()
}

/// Returns a number of seconds as people write it, to the millisecond: `120`, `0.5`.
#[must_use]
pub fn seconds(duration: Duration) -> String {
    let (seconds, millis) = (duration.as_secs(), duration.subsec_millis());
    let exact = format!("{seconds}.{millis:03}");
    exact.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_digits_and_a_point_are_a_decimal() {
        for (text, number) in [
            ("0", 0.0),
            ("007", 7.0),
            ("2.5", 2.5),
            (".5", 0.5),
            ("5.", 5.0),
            ("59.999", 59.999),
            ("1700000000000", 1.7e12),
        ] {
            assert_eq!(decimal(text), Some(number), "{text}");
        }
        for text in ["", ".", "-1", "+1", "1e3", "1.2.3", " 1", "inf", "NaN", "١"] {
            assert_eq!(decimal(text), None, "{text}");
        }
    }

    #[test]
    fn seconds_have_no_digits_that_say_nothing() {
        for (millis, text) in [
            (120_000, "120"),
            (500, "0.5"),
            (0, "0"),
            (1_025, "1.025"),
            (10_000, "10"),
        ] {
            assert_eq!(seconds(Duration::from_millis(millis)), text);
        }
    }

    proptest! {
        #[test]
        fn a_decimal_is_as_large_as_the_standard_library_says(text in "[0-9]{0,12}(\\.[0-9]{0,9})?") {
            let expected: Option<f64> = text.parse().ok();
            let found = decimal(&text);
            prop_assert_eq!(found.is_some(), expected.is_some(), "{}", text);
            let (found, expected) = (found.unwrap_or_default(), expected.unwrap_or_default());
            prop_assert!((found - expected).abs() <= expected * 1e-15, "{}: {} and {}", text, found, expected);
        }
    }
}
