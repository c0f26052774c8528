//! A timer for limits that nearly always move before they are reached.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep};

/// One timer for as many limits as come, one after the other. A later limit costs nothing: the timer is set again when it
/// rings too early.
pub(super) struct Alarm(Pin<Box<Sleep>>);

impl Alarm {
    /// `first`: about when the first limit will be.
    pub(super) fn new(first: Duration) -> Self {
        Self(Box::pin(sleep(first)))
    }

    /// Ready when `limit` is reached.
    pub(super) fn poll(&mut self, limit: Instant, context: &mut Context<'_>) -> Poll<()> {
        if self.0.deadline() > limit {
            self.0.as_mut().reset(limit);
        }
        loop {
            ready!(self.0.as_mut().poll(context));
            if Instant::now() >= limit {
                return Poll::Ready(());
            }
            self.0.as_mut().reset(limit);
        }
    }
}
