//! A timer for limits that nearly always move before they are reached: each event of a stream begins a new one. To set a timer
//! of tokio's again costs more than to let it ring too early now and then.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep};

/// One timer for many limits, one after the other. A later limit costs nothing: the timer is set again when it rings too early.
pub(super) struct Alarm(Pin<Box<Sleep>>);

impl Alarm {
    /// A timer that rings after `first`, which is about when the first limit will be.
    pub(super) fn new(first: Duration) -> Self {
        Self(Box::pin(sleep(first)))
    }

    /// Waits until `limit` is reached. Each call may give another one.
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
