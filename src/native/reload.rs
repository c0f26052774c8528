//! Reading the routes again while requests are served: on SIGHUP, and when the file of the routes changes.

use std::os::unix::fs::MetadataExt;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::cli::{routes_file, routes_now, say, variables};
use crate::config::Config;

/// How often the file is looked at. Looking works where notifications do not, as in mounts of containers.
const LOOK: Duration = Duration::from_secs(1);

/// Reads the configuration again whenever that may change something, and sends what is good. Never returns.
pub(super) async fn keep_reading(table: watch::Sender<Arc<Config>>) {
    let Ok(mut hangup) = signal(SignalKind::hangup()) else {
        return;
    };
    let variables = variables();
    let path = routes_file(&variables);
    let look = || path.and_then(stamp);
    let (mut read, mut seen) = (look(), look());
    loop {
        tokio::select! {
            _ = hangup.recv() => {}
            () = tokio::time::sleep(LOOK), if path.is_some() => {
                let now = look();
                // Twice the same: nobody is writing it any more.
                let settled = now == seen;
                seen = now;
                if !settled || now.is_none() || now == read {
                    continue;
                }
            }
        }
        read = look();
        seen = read;
        match routes_now() {
            Ok(config) => {
                say(&format!(
                    "the configuration was read again: {} routes",
                    config.routes.len()
                ));
                table.send_replace(Arc::new(config));
            }
            Err(problems) => say(&format!(
                "the new configuration is not used, the old one stays: {problems}"
            )),
        }
    }
}

/// What changes when a file does, or when another one takes its place: which one it is, when it was changed, and its length.
fn stamp(path: &str) -> Option<[u64; 5]> {
    let data = std::fs::metadata(path).ok()?;
    let changed = [data.ctime(), data.ctime_nsec()].map(i64::cast_unsigned);
    Some([data.dev(), data.ino(), changed[0], changed[1], data.len()])
}
