//! Reading the routes again while requests are served: on SIGHUP, and when the file of the routes changes.
//!
//! A file is read when it looks the same twice in a row, since one that is being written is not whole. Routes with problems
//! change nothing: the operator reads what is wrong, and the old ones stay.

use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::{JoinHandle, spawn_blocking};

use super::configuration::{routes_now, variables};
use super::console::{Level, tell};
use super::routes_file::stamp;
use crate::config::{Config, Problems, routes_file};

/// The time between two looks at the file. Looking works where notifications do not, for example in mounts of containers.
const LOOK: Duration = Duration::from_secs(1);

/// The marks of a file that change when it does, if it can be seen.
type Stamp = Option<[u64; 5]>;

/// Reads the routes again whenever that may change something, and sends those without problems to `table`. Never returns.
///
/// Files are touched on threads that may hang: signals are heard meanwhile, and at most one look and one reading are under
/// way.
pub(crate) async fn keep_reading(table: watch::Sender<Arc<Config>>) {
    let Ok(mut hangup) = signal(SignalKind::hangup()) else {
        return;
    };
    let variables = variables();
    let path = routes_file(&variables).ok().flatten().map(str::to_owned);
    let look = || {
        spawn_blocking({
            let path = path.clone();
            move || path.and_then(|path| stamp(&path).ok())
        })
    };
    let mut read = look().await.unwrap_or_default();
    let mut seen = read;
    let (mut looking, mut reading): (Option<JoinHandle<Stamp>>, Option<Reading>) = (None, None);
    let mut is_asked = false;
    loop {
        tokio::select! {
            _ = hangup.recv() => is_asked = true,
            () = tokio::time::sleep(LOOK), if path.is_some() && looking.is_none() => looking = Some(look()),
            now = ended(&mut looking) => {
                let now = now.unwrap_or_default();
                // Twice the same: nobody is writing it any more.
                let settled = now == seen;
                seen = now;
                is_asked |= settled && now.is_some() && now != read;
            }
            result = ended(&mut reading) => match result {
                Some((stamp, Ok(config))) => {
                    (read, seen) = (stamp, stamp);
                    tell(Level::Info, &format!("the configuration was read again: {} routes", config.routes.len()));
                    let before = table.borrow().notes.clone();
                    for note in config.notes.iter().filter(|note| !before.contains(note)) {
                        tell(Level::Info, note);
                    }
                    table.send_replace(Arc::new(config));
                }
                Some((stamp, Err(problems))) => {
                    (read, seen) = (stamp, stamp);
                    tell(Level::Error, &format!("the new configuration is not used, the old one stays: {problems}"));
                }
                None => tell(Level::Error, "the configuration could not be read again, the old one stays"),
            },
        }
        if is_asked && reading.is_none() {
            is_asked = false;
            let path = path.clone();
            reading = Some(spawn_blocking(move || {
                // Before the file: what is written meanwhile is seen as a change.
                let stamp = path.and_then(|path| stamp(&path).ok());
                (stamp, routes_now())
            }));
        }
    }
}

/// A reading of the routes that is under way: what the file looked like, and what was in it.
type Reading = JoinHandle<(Stamp, Result<Config, Problems>)>;

/// Waits for work on another thread, for ever if there is none. Returns its result, or nothing if it panicked.
async fn ended<T>(work: &mut Option<JoinHandle<T>>) -> Option<T> {
    let Some(going_on) = work else {
        return std::future::pending().await;
    };
    let result = going_on.await.ok();
    *work = None;
    result
}
