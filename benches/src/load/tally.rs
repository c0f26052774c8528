//! What a load counts.

use std::time::Duration;

#[derive(Default)]
pub(crate) struct Tally {
    /// Answers that came completely and were right.
    pub(crate) answers: u64,
    pub(crate) events: u64,
    /// Reads that brought parts of streams.
    pub(crate) reads: u64,
    pub(crate) errors: u64,
    pub(crate) first_error: Option<String>,
    /// From the moment a request was sent, or due, to the end of its answer.
    pub(crate) latencies: Vec<Duration>,
    /// ... to the first event.
    pub(crate) first_events: Vec<Duration>,
    /// Between events of a stream.
    pub(crate) gaps: Vec<Duration>,
}

impl Tally {
    pub(crate) fn fail(&mut self, what: &str) {
        self.errors += 1;
        self.first_error.get_or_insert_with(|| what.to_owned());
    }
}

/// The smallest value that this share of all values does not exceed.
pub(crate) fn quantile(values: &mut [Duration], share: f64) -> Option<Duration> {
    if values.is_empty() {
        return None;
    }
    let rank = ((values.len() as f64 * share).ceil() as usize).clamp(1, values.len());
    Some(*values.select_nth_unstable(rank - 1).1)
}
