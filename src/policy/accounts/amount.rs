//! How much a request uses: tokens and money, estimated before and known behind.

use crate::config::Money;

/// The most tokens that one request can count, so that no sum of them overflows.
const MOST_TOKENS: u64 = 1 << 40;

/// The most money that one request can count: a thousand million.
const MOST_MONEY: i64 = 1_000_000_000_000_000_000;

/// Tokens, and what they cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amount {
    /// Tokens of requests and answers.
    pub tokens: u64,
    /// Money, in the currency of the table. A negative price counts as zero.
    pub cost: Money,
}

impl Amount {
    /// Nothing.
    pub const ZERO: Self = Self {
        tokens: 0,
        cost: Money::ZERO,
    };

    /// The sum of both.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            tokens: self.tokens.saturating_add(other.tokens),
            cost: self.cost.plus(other.cost),
        }
    }
}

/// What an attempt used, as far as anybody knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Used {
    /// What the upstream said, or what was counted. Zero is zero.
    Known(Amount),
    /// The answer broke off or did not say what it used. The estimate of the input counts, and what came of the answer. It is an
    /// estimate, and never nothing where the input was not nothing.
    Cut {
        /// What came of the answer.
        output: Amount,
    },
    /// Nobody knows. The whole estimate counts.
    Unknown,
    /// No model has answered: there was no connection, or an error without usage.
    Nothing,
}

/// What a subject counts at a time: requests, tokens and money (billionths). Each is bounded, so that sums are exact in any order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Load {
    pub(super) requests: i64,
    pub(super) tokens: i64,
    pub(super) cost: i64,
}

impl Load {
    pub(super) fn new(requests: i64, amount: Amount) -> Self {
        Self {
            requests,
            tokens: i64::try_from(amount.tokens.min(MOST_TOKENS)).unwrap_or_default(),
            cost: amount.cost.0.clamp(0, MOST_MONEY),
        }
    }
}
