//! What an admitted request holds, until it is settled.

use super::amount::{Amount, Load, Used};
use super::limit::{Exceeded, RateLimits};
use super::meters::{Ask, Place, Shared, lock};
use super::period::Now;
use crate::config::Money;

/// The room that an admitted request holds with all of its subjects. It ends in one settlement, whatever happens:
/// [`settle`](Self::settle), [`cancel`](Self::cancel), or else when it is dropped, which counts the whole estimate.
///
/// A request may take several attempts. What the upstream says of a failed one is [billed](Self::bill) at once, what it does
/// not say of one is not. Each attempt counts once, however often it is reported.
#[derive(Debug)]
#[must_use = "a hold that is dropped counts its whole estimate"]
pub struct Hold {
    shared: Shared,
    /// Where it counts; nowhere, where nothing of it is limited.
    place: Place,
    input: Amount,
    output: Amount,
    /// The attempts that count already, and what they used.
    billed: Vec<u32>,
    spent: Amount,
    is_settled: bool,
}

/// What a request has used in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settled {
    /// Of all of its attempts.
    pub amount: Amount,
    /// Whether some of it is an estimate.
    pub is_estimated: bool,
    /// The least money that is left of a budget; nothing where there is none.
    pub budget_remaining: Option<Money>,
}

impl Hold {
    pub(super) const fn new(shared: Shared, place: Place, ask: &Ask<'_>) -> Self {
        Self {
            shared,
            place,
            input: ask.input,
            output: ask.output,
            billed: Vec::new(),
            spent: Amount::ZERO,
            is_settled: false,
        }
    }

    /// Returns the values of `x-ratelimit-*` at admission.
    #[must_use]
    pub const fn rates(&self) -> RateLimits {
        self.place.rates
    }

    /// Returns the budgets that are used up and admit requests all the same: the operator wants a warning, or this is the
    /// fallback.
    #[must_use]
    pub fn warnings(&self) -> &[Exceeded] {
        &self.place.warnings
    }

    /// Holds another estimate in place of the one before: of a request that was admitted before its body was read. `ask` may name
    /// further subjects, which then count the request as well.
    ///
    /// # Errors
    /// The limit that leaves no room. The request is [cancelled](Self::cancel) then.
    pub fn extend(mut self, now: Now, ask: &Ask<'_>) -> Result<Self, Exceeded> {
        if self.estimate() != Amount::ZERO {
            let held = Load::new(0, self.estimate());
            self.apply(Some(now), held, Load::default(), false);
            (self.input, self.output) = (Amount::ZERO, Amount::ZERO);
        }
        if !self.place.slots.is_empty() || ask.is_limited() {
            let place = lock(&self.shared).admit(now, ask, &self.place.slots);
            match place {
                Ok(place) => self.place = place,
                Err(exceeded) => {
                    self.cancel(now);
                    return Err(exceeded);
                }
            }
        }
        self.input = ask.input;
        self.output = ask.output;
        Ok(self)
    }

    const fn estimate(&self) -> Amount {
        self.input.plus(self.output)
    }

    fn held(&self) -> Load {
        Load::new(1, self.estimate())
    }

    fn apply(&self, now: Option<Now>, held: Load, used: Load, is_estimated: bool) {
        if !self.place.slots.is_empty() {
            lock(&self.shared).settle(now, &self.place.slots, held, used, is_estimated);
        }
    }

    /// Counts what a failed attempt used, and keeps the room for the next one. Returns whether it counts: an attempt that was
    /// reported before does not.
    pub fn bill(&mut self, now: Now, attempt: u32, used: Amount) -> bool {
        if self.billed.contains(&attempt) {
            return false;
        }
        self.billed.push(attempt);
        self.spent = self.spent.plus(used);
        self.apply(Some(now), Load::default(), Load::new(0, used), false);
        true
    }

    /// Ends the request with what its last attempt used.
    pub fn settle(mut self, now: Now, attempt: u32, used: Used) -> Settled {
        let used = if self.billed.contains(&attempt) {
            Used::Nothing
        } else {
            used
        };
        let (amount, is_estimated) = match used {
            Used::Known(amount) => (amount, false),
            Used::Cut { output } => (self.input.plus(output), true),
            Used::Unknown => (self.estimate(), true),
            Used::Nothing => (Amount::ZERO, false),
        };
        self.end(Some(now), Load::new(1, amount), is_estimated);
        Settled {
            amount: self.spent.plus(amount),
            is_estimated,
            budget_remaining: self.money_left(),
        }
    }

    /// Ends a request that was never sent to an upstream: it counts for nothing, not even as a request. What was billed stays.
    pub fn cancel(mut self, now: Now) {
        self.end(Some(now), Load::default(), false);
    }

    fn end(&mut self, now: Option<Now>, used: Load, is_estimated: bool) {
        self.is_settled = true;
        self.apply(now, self.held(), used, is_estimated);
    }

    fn money_left(&self) -> Option<Money> {
        if self.place.slots.is_empty() {
            return None;
        }
        lock(&self.shared).money_left(&self.place.slots)
    }

    /// Whether the operator wants this request's stream ended: with what it used `so_far`, input included, a budget is used up that
    /// says so.
    #[must_use]
    pub fn is_cut(&self, so_far: Amount) -> bool {
        !self.place.slots.is_empty() && lock(&self.shared).is_cut(&self.place.slots, Load::new(0, so_far))
    }
}

impl Drop for Hold {
    /// Counts the whole estimate, at the latest time that the book knows: who drops a hold knows nothing of what was used.
    fn drop(&mut self) {
        if !self.is_settled {
            self.end(None, self.held(), self.estimate() != Amount::ZERO);
        }
    }
}
