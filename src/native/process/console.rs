//! What the process writes: lines about requests on stdout, news about itself on stderr, both in the format of the log.
//!
//! A reader may be slow, or gone, or have no room left. That must not stop a request, let alone the process: while the gateway
//! serves, lines go through a queue of bounded size and a thread for each stream. Lines that cannot be written are
//! lost, and counted. [`begin_log`] comes first, [`flush_log`] last. Before that, and in subcommands that only print, [`say`] and
//! [`print`] write directly.

use std::io::{self, Write};
use std::panic;
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

use super::clock::{now, rfc3339};
use crate::config::LogFormat;

/// The time in which a line waits for others, which then go out with it in one system call.
const PAUSE: Duration = Duration::from_millis(20);

/// The most that waits while nobody reads, in bytes. Lines beyond it are lost.
const MOST_WAITING: usize = 4 * 1024 * 1024;

/// The memory for lines that is kept when they are written, in bytes.
const ROOM: usize = 64 * 1024;

/// The format of all lines. It is not set before the gateway serves.
static FORMAT: OnceLock<LogFormat> = OnceLock::new();

/// Lines about requests, for stdout.
pub(super) static REQUESTS: Queue = Queue::new();

/// News about the process, for stderr.
static NEWS: Queue = Queue::new();

/// The weight of a piece of news.
#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Level {
    Info,
    Warn,
    Error,
}

/// One line of news.
#[derive(Serialize)]
struct News<'a> {
    time: String,
    level: Level,
    message: &'a str,
}

/// Starts the threads that write. From here on a panic is a line of news, without its message: that may be a part of a request.
pub(crate) fn begin_log(format: LogFormat) {
    if FORMAT.set(format).is_err() {
        return;
    }
    thread::spawn(|| REQUESTS.keep_writing(&mut io::stdout()));
    thread::spawn(|| NEWS.keep_writing(&mut io::stderr()));
    panic::set_hook(Box::new(|panicked| {
        let place = panicked
            .location()
            .map_or_else(String::new, |place| format!(" at {place}"));
        let message = format!("a defect in the gateway (panic{place}) ended what it was doing; please report it");
        tell(Level::Error, &message);
    }));
}

/// Waits until every line is out, for `limit` at most.
pub(crate) fn flush_log(limit: Duration) {
    let end = Instant::now() + limit;
    for queue in [&REQUESTS, &NEWS] {
        queue.flush(end.saturating_duration_since(Instant::now()));
    }
}

/// Writes a line about the process for the operator, in the format of the log.
pub(crate) fn tell(level: Level, message: &str) {
    let Some(format) = FORMAT.get() else {
        return say(message);
    };
    let time = rfc3339(now());
    NEWS.add(|lines| match format {
        LogFormat::Json => drop(serde_json::to_writer(lines, &News { time, level, message })),
        LogFormat::Text => lines.extend_from_slice(format!("{time} {message}").as_bytes()),
    });
}

/// Writes a message to stderr for the person who started a subcommand. It may wait for whoever reads it.
pub(crate) fn say(message: &str) {
    let _ = writeln!(io::stderr(), "{message}");
}

/// Writes the result of a subcommand to stdout. It may wait for whoever reads it.
pub(crate) fn print(text: &str) {
    let _ = writeln!(io::stdout(), "{text}");
}

/// Lines that wait to be written to one stream.
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    news: Condvar,
    written: Condvar,
}

struct Waiting {
    lines: Vec<u8>,
    /// The number of lines for which there was no room.
    lost: usize,
    /// Whether others were taken and are not out yet.
    is_writing: bool,
}

impl Queue {
    const fn new() -> Self {
        Self {
            waiting: Mutex::new(Waiting {
                lines: Vec::new(),
                lost: 0,
                is_writing: false,
            }),
            news: Condvar::new(),
            written: Condvar::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds the line that `write` appends. Never waits for whoever reads it.
    pub(super) fn add(&self, write: impl FnOnce(&mut Vec<u8>)) {
        let mut waiting = self.lock();
        if waiting.lines.len() > MOST_WAITING {
            waiting.lost += 1;
            return;
        }
        let was_empty = waiting.lines.is_empty();
        write(&mut waiting.lines);
        waiting.lines.push(b'\n');
        drop(waiting);
        if was_empty {
            self.news.notify_one();
        }
    }

    /// Writes the lines that wait, again and again. Never returns.
    fn keep_writing(&self, out: &mut impl Write) {
        let mut lines = Vec::new();
        let mut begin_anew = false;
        loop {
            drop(self.news.wait_while(self.lock(), |waiting| waiting.lines.is_empty()));
            thread::sleep(PAUSE);
            let lost = {
                let mut waiting = self.lock();
                std::mem::swap(&mut waiting.lines, &mut lines);
                waiting.is_writing = true;
                std::mem::take(&mut waiting.lost)
            };
            // A line may have been cut: the next one must not continue it.
            let begin: &[u8] = if begin_anew { b"\n" } else { b"" };
            let written = out.write_all(begin).and_then(|()| out.write_all(&lines));
            begin_anew = written.and_then(|()| out.flush()).is_err();
            if lost > 0 {
                tell(
                    Level::Warn,
                    &format!("{lost} lines of the log were lost: nobody read it in time"),
                );
            }
            lines.clear();
            lines.shrink_to(ROOM);
            self.lock().is_writing = false;
            self.written.notify_all();
        }
    }

    /// Waits until every line is out, for `limit` at most.
    fn flush(&self, limit: Duration) {
        let is_left = |waiting: &mut Waiting| !waiting.lines.is_empty() || waiting.is_writing;
        drop(self.written.wait_timeout_while(self.lock(), limit, is_left));
    }
}
