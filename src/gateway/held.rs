//! What a request holds of the limits of its account, until its record is settled.

use std::fmt;
use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::dialect::usage::Usage;
use crate::policy::accounts::{Amount, Hold, Learned, Now, RateLimit, Used};
use crate::policy::price::Money;

/// What a request holds. Where it is dropped, it counts as estimated.
///
/// A trait, so that a runtime where nothing is counted has no code for counting.
pub(super) trait Held: fmt::Debug + Send {
    /// Ends what a request held that no upstream was asked for.
    fn cancel(self: Box<Self>, now: Now);

    /// Ends what a request held with what its answer says that it used, and remembers how long that answer is.
    fn count(self: Box<Self>, now: Now, attempt: u32, usage: &Usage, cost: Option<Money>);

    /// Ends what a request held with what is known of its last attempt.
    fn end(self: Box<Self>, now: Now, attempt: u32, used: Used);

    /// Says in the headers of a good answer how the limits of rate stand: those of the upstream are not the caller's.
    fn tell(&self, headers: &mut HeaderMap);
}

/// A hold in the book, and whose answer there is to learn from.
#[derive(Debug)]
pub(super) struct Counted {
    hold: Hold,
    learned: Arc<Learned>,
    token: String,
    model: String,
}

impl Counted {
    pub(super) fn new(hold: Hold, learned: &Arc<Learned>, token: &str, model: &str) -> Self {
        Self {
            hold,
            learned: Arc::clone(learned),
            token: token.to_owned(),
            model: model.to_owned(),
        }
    }
}

impl Held for Counted {
    fn cancel(self: Box<Self>, now: Now) {
        self.hold.cancel(now);
    }

    fn count(self: Box<Self>, now: Now, attempt: u32, usage: &Usage, cost: Option<Money>) {
        if let Some(output) = usage.completion_tokens {
            self.learned.learn(&self.token, &self.model, output);
        }
        let (input, output) = (usage.prompt_tokens, usage.completion_tokens);
        let amount = Amount {
            tokens: input.unwrap_or_default().saturating_add(output.unwrap_or_default()),
            cost: cost.unwrap_or_default(),
        };
        self.end(now, attempt, Used::Known(amount));
    }

    fn end(self: Box<Self>, now: Now, attempt: u32, used: Used) {
        self.hold.settle(now, attempt, used);
    }

    fn tell(&self, headers: &mut HeaderMap) {
        let rates = self.hold.rates();
        for (rate, [limit, remaining, reset]) in [(rates.requests, REQUESTS), (rates.tokens, TOKENS)] {
            for name in [&limit, &remaining, &reset] {
                headers.remove(name);
            }
            if let Some(rate) = rate {
                headers.insert(limit, rate.limit.into());
                headers.insert(remaining, rate.remaining.into());
                headers.insert(reset, reset_of(rate));
            }
        }
    }
}

const REQUESTS: [HeaderName; 3] = [
    HeaderName::from_static("x-ratelimit-limit-requests"),
    HeaderName::from_static("x-ratelimit-remaining-requests"),
    HeaderName::from_static("x-ratelimit-reset-requests"),
];

const TOKENS: [HeaderName; 3] = [
    HeaderName::from_static("x-ratelimit-limit-tokens"),
    HeaderName::from_static("x-ratelimit-remaining-tokens"),
    HeaderName::from_static("x-ratelimit-reset-tokens"),
];

/// Returns a time as OpenAI writes it there: `250ms`, `12s`, `1.5s`.
fn reset_of(rate: RateLimit) -> HeaderValue {
    let text = match (rate.reset / 1000, rate.reset % 1000) {
        (0, millis) => format!("{millis}ms"),
        (seconds, 0) => format!("{seconds}s"),
        (seconds, millis) => format!("{seconds}.{millis:03}s"),
    };
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("0s"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reset_is_written_as_openai_does() {
        for (reset, expected) in [(0, "0ms"), (250, "250ms"), (12_000, "12s"), (1_500, "1.500s")] {
            let rate = RateLimit {
                limit: 1,
                remaining: 0,
                reset,
            };
            assert_eq!(reset_of(rate), expected);
        }
    }
}
