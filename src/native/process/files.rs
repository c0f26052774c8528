//! Open files. Each connection is one: how many the process may have, and what happens when it has them all.

use std::io;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::time::Instant;

use super::console::{Level, tell};

/// The number of files that the process needs beside the connections of requests, those of idle connections included.
const OTHERS: u64 = 64;

/// The pause before the next connection is accepted when the process has every file it may have: some will be closed soon.
const PAUSE: Duration = Duration::from_millis(50);

/// The time between two lines about it in the log.
const TELL: Duration = Duration::from_secs(10);

/// Lets the process open as many files as the system allows. Returns a warning where those are fewer than `max_concurrent`
/// requests need: a client's connection and an upstream's for each.
pub(crate) fn raise_limit(max_concurrent: usize) -> Option<String> {
    let limits = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limits.maximum,
        ..limits
    };
    let limit = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limits.maximum,
        Err(_) => limits.current,
    };
    too_few(limit?, max_concurrent as u64)
}

/// Returns the warning where `limit` files are too few.
fn too_few(limit: u64, max_concurrent: u64) -> Option<String> {
    let needed = max_concurrent.saturating_mul(2).saturating_add(OTHERS);
    (limit < needed).then(|| {
        format!(
            "this process may open {limit} files, and MAX_CONCURRENT={max_concurrent} needs {needed}: raise the hard limit \
             (ulimit -Hn, LimitNOFILE= of systemd, --ulimit nofile= of Docker) or set MAX_CONCURRENT to {} or less",
            (limit.saturating_sub(OTHERS) / 2).max(1)
        )
    })
}

/// Connections that could not be accepted.
#[derive(Default)]
pub(crate) struct Unaccepted {
    /// The time of the last line about them.
    reported: Option<Instant>,
    /// The number of failures since then.
    count: u64,
}

impl Unaccepted {
    /// Takes note of a failure, and writes a line about them now and then. Returns how long to wait before the next connection
    /// is accepted, if that makes sense.
    pub(crate) fn note(&mut self, error: &io::Error) -> Option<Duration> {
        // The client's own: it has left before it was let in.
        if matches!(
            error.kind(),
            io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::Interrupted
        ) {
            return None;
        }
        self.count += 1;
        if self.reported.is_none_or(|reported| reported.elapsed() >= TELL) {
            let message = format!(
                "connections cannot be accepted, {} times since this was said last: {error}; a limit of open files is \
                 raised with ulimit -n, LimitNOFILE= of systemd or --ulimit nofile= of Docker",
                self.count
            );
            tell(Level::Warn, &message);
            self.reported = Some(Instant::now());
            self.count = 0;
        }
        Some(PAUSE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_warning_of_a_low_limit_says_what_would_fit() {
        assert_eq!(too_few(16_448, 8192), None);
        let warning = too_few(1024, 8192).unwrap();
        for part in ["1024 files", "MAX_CONCURRENT=8192 needs 16448", "to 480 or less"] {
            assert!(warning.contains(part), "{warning}");
        }
        assert_eq!(too_few(1024, 480), None);
        assert!(too_few(10, 1).unwrap().contains("to 1 or less"));
        assert!(too_few(u64::MAX - 1, usize::MAX as u64).is_some());
    }

    #[test]
    fn a_client_that_has_left_before_it_was_let_in_keeps_nobody_waiting() {
        let mut unaccepted = Unaccepted::default();
        assert_eq!(unaccepted.note(&io::ErrorKind::ConnectionAborted.into()), None);
        let full = io::Error::from_raw_os_error(rustix::io::Errno::MFILE.raw_os_error());
        assert_eq!(unaccepted.note(&full), Some(PAUSE));
        assert_eq!(unaccepted.note(&full), Some(PAUSE));
        assert_eq!(unaccepted.count, 1);
    }
}
