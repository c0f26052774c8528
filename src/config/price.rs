//! What a model costs: whole numbers of the smallest part that a price is given in, so that no sum is rounded before its end.

/// What is counted, and has a rate of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rate {
    /// Tokens of the request.
    Input,
    /// Tokens of the answer.
    Output,
    /// Tokens of the request that were read from a prompt cache.
    CacheRead,
    /// Those that were written to one, for minutes.
    CacheWrite,
    /// Those that were written to one for an hour.
    CacheWriteHour,
    /// Tokens of sound in the request.
    AudioInput,
    /// Tokens of sound in the answer.
    AudioOutput,
    /// Tokens of images in the request.
    ImageInput,
    /// Tokens of images in the answer.
    ImageOutput,
    /// Tokens of the answer that were thought.
    Reasoning,
    /// Requests.
    Request,
    /// Seconds of sound.
    Second,
}

impl Rate {
    /// All of them, in order, each with its name in a configuration.
    pub const ALL: [(Self, &'static str); 12] = [
        (Self::Input, "input"),
        (Self::Output, "output"),
        (Self::CacheRead, "cache_read"),
        (Self::CacheWrite, "cache_write"),
        (Self::CacheWriteHour, "cache_write_1h"),
        (Self::AudioInput, "audio_input"),
        (Self::AudioOutput, "audio_output"),
        (Self::ImageInput, "image_input"),
        (Self::ImageOutput, "image_output"),
        (Self::Reasoning, "reasoning"),
        (Self::Request, "request"),
        (Self::Second, "second"),
    ];

    /// Returns what counts where a price has no rate for this: nothing where it then costs an unknown amount.
    const fn instead(self) -> Option<Self> {
        match self {
            Self::CacheWriteHour => Some(Self::CacheWrite),
            Self::CacheRead | Self::CacheWrite | Self::AudioInput | Self::ImageInput => Some(Self::Input),
            Self::AudioOutput | Self::ImageOutput | Self::Reasoning => Some(Self::Output),
            Self::Input | Self::Output | Self::Request | Self::Second => None,
        }
    }
}

/// Rates in millionths of millionths (10^-12) of the currency's unit, for one token, request or second: in millionths of a unit for a
/// million of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rates([Option<u64>; Rate::ALL.len()]);

impl Rates {
    /// Sets a rate.
    pub const fn set(&mut self, rate: Rate, value: u64) {
        self.0[rate as usize] = Some(value);
    }

    /// Returns the rate that is set; nothing where it costs what something else does.
    #[must_use]
    pub const fn own(&self, rate: Rate) -> Option<u64> {
        self.0[rate as usize]
    }

    /// Returns the rate that counts; nothing where it is not known.
    #[must_use]
    pub fn get(&self, rate: Rate) -> Option<u64> {
        self.own(rate).or_else(|| self.get(rate.instead()?))
    }

    /// Whether no rate is set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(Option::is_none)
    }
}

/// What a model costs. Longer requests may cost more for each of their tokens, and those of their answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Price {
    /// The rates of short requests.
    pub base: Rates,
    /// How many tokens of input there are more than, in order, and what counts then.
    pub tiers: Vec<(u64, Rates)>,
}

impl Price {
    /// Returns the rates of a request with so many tokens of input.
    #[must_use]
    pub fn rates(&self, input: u64) -> &Rates {
        let tiers = self.tiers.iter().rev();
        tiers
            .filter(|(above, _)| input > *above)
            .map(|(_, rates)| rates)
            .next()
            .unwrap_or(&self.base)
    }
}

/// Returns the millionths in a decimal such as `0.15`, `.5` or `20`; nothing where the text is none, has more than six digits behind
/// its point, or is more than a thousand million.
#[must_use]
pub fn millionths(text: &str) -> Option<u64> {
    const DIGITS: usize = 6;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let are_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let is_decimal = are_digits(whole) && are_digits(fraction) && !text.is_empty() && !text.ends_with('.');
    if !is_decimal || fraction.len() > DIGITS || whole.len() > 10 {
        return None;
    }
    let digits = whole.bytes().chain(fraction.bytes());
    let number = digits.fold(0, |number: u64, digit| number * 10 + u64::from(digit - b'0'));
    let missing = u32::try_from(DIGITS - fraction.len()).ok()?;
    Some(number * 10_u64.pow(missing)).filter(|number| *number <= 1_000_000_000_000_000)
}

/// Returns a number of millionths as a decimal without digits that say nothing.
#[must_use]
pub fn decimal_of(millionths: u64) -> String {
    let text = format!("{}.{:06}", millionths / 1_000_000, millionths % 1_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_rate_is_read_to_the_last_digit() {
        for (text, rate, written) in [
            ("0", 0, "0"),
            ("0.15", 150_000, "0.15"),
            (".075", 75_000, "0.075"),
            ("2.50", 2_500_000, "2.5"),
            ("30", 30_000_000, "30"),
            ("0.003625", 3_625, "0.003625"),
            ("0.000001", 1, "0.000001"),
        ] {
            assert_eq!(millionths(text), Some(rate), "{text}");
            assert_eq!(decimal_of(rate), written);
        }
        for text in [
            "",
            ".",
            "5.",
            "-1",
            "+1",
            "1e3",
            "1,5",
            " 1",
            "0.0000001",
            "10000000000",
            "$1",
            "١",
        ] {
            assert_eq!(millionths(text), None, "{text}");
        }
    }

    #[test]
    fn what_has_no_rate_costs_what_it_is_a_part_of() {
        let mut rates = Rates::default();
        assert!(rates.is_empty());
        assert!(Rate::ALL.iter().all(|(rate, _)| rates.get(*rate).is_none()));
        rates.set(Rate::Input, 5);
        rates.set(Rate::Output, 7);
        let found = Rate::ALL.map(|(rate, _)| rates.get(rate));
        let (input, output) = (Some(5), Some(7));
        let parts = [input, output, input, input, input, input, output, input, output, output];
        assert_eq!(found[..parts.len()], parts);
        assert_eq!(found[parts.len()..], [None, None]);
        rates.set(Rate::CacheWrite, 0);
        assert_eq!(rates.get(Rate::CacheWriteHour), Some(0));
    }

    #[test]
    fn every_rate_stands_in_its_own_place() {
        for (index, (rate, _)) in Rate::ALL.into_iter().enumerate() {
            assert_eq!(rate as usize, index);
        }
    }

    #[test]
    fn a_tier_counts_from_one_token_more_than_it_says() {
        let rates = |input| {
            let mut rates = Rates::default();
            rates.set(Rate::Input, input);
            rates
        };
        let price = Price {
            base: rates(1),
            tiers: vec![(100, rates(2)), (200, rates(3))],
        };
        for (input, rate) in [(0, 1), (100, 1), (101, 2), (200, 2), (201, 3), (u64::MAX, 3)] {
            assert_eq!(price.rates(input), &rates(rate), "{input}");
        }
    }

    proptest! {
        #[test]
        fn every_rate_is_read_back(rate in 0..=1_000_000_000_000_000_u64) {
            prop_assert_eq!(millionths(&decimal_of(rate)), Some(rate));
        }
    }
}
