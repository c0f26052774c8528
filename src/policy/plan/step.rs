//! What a plan is asked with, and what it answers.

use std::time::Duration;

use crate::config::{Route, Secret};

/// One upstream with one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Target {
    /// Index into [`Config::routes`].
    pub route: usize,
    /// Index into the route's keys; `None` where the upstream needs no key.
    pub key: Option<usize>,
}

impl Target {
    /// Returns the key itself. `route` is the target's route.
    #[must_use]
    pub fn key_of(self, route: &Route) -> Option<&str> {
        self.key.and_then(|key| route.keys.get(key)).map(Secret::expose)
    }
}

/// What to do next.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// Make one attempt.
    Try {
        /// Where to send the request.
        target: Target,
        /// The longest that the attempt may take: to the complete answer, or to the head of a stream.
        limit: Duration,
    },
    /// Wait so long, and ask for the next step again: the rate limit of a key ends then.
    Wait(Duration),
    /// Stop: nothing is left to try.
    GiveUp,
}

/// What to do with the outcome of an attempt.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Hand it to the client.
    Deliver,
    /// Keep it in case that nothing better comes, and ask for the next step.
    Continue,
}

/// What ranks the keys of a request, and how many of them may be tried.
#[derive(Clone, Copy, Debug)]
pub struct Order<'a> {
    /// The request's id, or what all requests share that must use the same key.
    pub subject: &'a [u8],
    /// What all requests of a conversation share. It takes the place of `subject` on routes with sticky rotation.
    pub conversation: Option<&'a [u8]>,
    /// Whether only the first target may serve the request.
    pub only_first: bool,
    /// Whether the route's fallbacks may serve the request.
    pub fallbacks: bool,
    /// The most attempts. The route's own `max_attempts` may be less.
    pub most: usize,
    /// Whether the request may wait for a key and ask it once more, where the route has `retry_wait`.
    pub waits: bool,
}
