//! Requests at the same time.

/// How many requests run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Gauge {
    running: i64,
}

impl Gauge {
    /// Whether another request may begin where `limit` may run at the same time.
    pub(super) const fn has_room(self, limit: i64) -> bool {
        self.running < limit
    }

    /// Counts requests that begin.
    pub(super) const fn begin(&mut self, count: i64) {
        self.running = self.running.saturating_add(count);
    }

    /// Counts requests that have ended.
    pub(super) const fn end(&mut self, count: i64) {
        self.running = self.running.saturating_sub(count);
    }

    /// Returns how many requests run.
    pub(super) const fn running(self) -> i64 {
        self.running
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_run_as_the_limit_says() {
        let mut gauge = Gauge::default();
        assert!(!gauge.has_room(0) && gauge.has_room(1));
        gauge.begin(1);
        gauge.begin(1);
        assert!(!gauge.has_room(2) && gauge.has_room(3));
        gauge.end(1);
        assert!(gauge.has_room(2));
        assert_eq!(gauge.running(), 1);
    }
}
