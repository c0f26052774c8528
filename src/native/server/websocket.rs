//! WebSockets: the bytes of both sides, moved as they come. Nothing in them is read, so pings, close codes and extensions
//! pass by themselves (RFC 6455).

use std::io;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{Either, select};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, split};
use tokio::time::{Instant, sleep_until, timeout};

use super::rewind::Rewind;
use crate::native::client::Io;
use crate::native::process::Entry;

/// The most that is on its way in one direction, in bytes. A side that reads slowly slows the other one down.
const BUFFER: usize = 16 * 1024;

/// The time in which one side may go on when the other one has ended.
const HALF_CLOSED: Duration = Duration::from_secs(10);

/// Moves the bytes of both sides until they are closed or silent for `idle`, or the client takes nothing for too long. With the
/// upstream come the bytes that it has sent already. Notes in `log` how much went to the client, and whether both sides ended
/// in order.
pub(super) async fn join(client: Rewind, upstream: (Io, Bytes), idle: Duration, log: &mut Entry) {
    let (upstream, first) = upstream;
    let (from_client, to_client) = split(client);
    let (from_upstream, to_upstream) = split(upstream);
    let (up, down) = (Moved::new(), Moved::new());
    let both = async {
        let sending = pin!(move_all(Bytes::new(), from_client, to_upstream, &up));
        let receiving = pin!(move_all(first, from_upstream, to_client, &down));
        match select(sending, receiving).await {
            Either::Left((Ok(()), other)) => timeout(HALF_CLOSED, other).await.is_ok_and(|ended| ended.is_ok()),
            Either::Right((Ok(()), other)) => timeout(HALF_CLOSED, other).await.is_ok_and(|ended| ended.is_ok()),
            Either::Left((Err(_), _)) | Either::Right((Err(_), _)) => false,
        }
    };
    let silent = async {
        loop {
            let limit = up.last().max(down.last()) + idle;
            if Instant::now() >= limit {
                return;
            }
            sleep_until(limit).await;
        }
    };
    log.complete = tokio::select! {
        complete = both => complete,
        () = silent => false,
    };
    log.bytes = down.bytes.load(Ordering::Relaxed);
}

/// The amount that has gone in one direction, and the time of its last byte.
struct Moved {
    start: Instant,
    bytes: AtomicU64,
    /// The time at which the last of it went, in milliseconds since the start.
    last: AtomicU64,
}

impl Moved {
    fn new() -> Self {
        Self {
            start: Instant::now(),
            bytes: AtomicU64::new(0),
            last: AtomicU64::new(0),
        }
    }

    /// Takes note of bytes that went.
    fn note(&self, bytes: usize) {
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        let since = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last.store(since, Ordering::Relaxed);
    }

    /// Returns the time at which the last of it went.
    fn last(&self) -> Instant {
        self.start + Duration::from_millis(self.last.load(Ordering::Relaxed))
    }
}

/// Moves `first` and then all that comes, until the end of `from`, which it passes on.
async fn move_all(
    first: Bytes,
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    moved: &Moved,
) -> io::Result<()> {
    to.write_all(&first).await?;
    to.flush().await?;
    moved.note(first.len());
    let mut buffer = vec![0; BUFFER];
    loop {
        let read = from.read(&mut buffer).await?;
        if read == 0 {
            return to.shutdown().await;
        }
        to.write_all(&buffer[..read]).await?;
        to.flush().await?;
        moved.note(read);
    }
}
