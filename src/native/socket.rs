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

use super::client_io::ClientIo;
use super::io::Io;
use super::log::Entry;

/// What is on its way in one direction: back-pressure does the rest.
const BUFFER: usize = 16 * 1024;

/// How long one side may go on when the other has said its last.
const HALF_CLOSED: Duration = Duration::from_secs(10);

/// Joins both sides until they are closed, silent for `idle`, or the client takes nothing for too long. With the upstream comes
/// what it has sent already.
pub(super) async fn join(client: ClientIo, upstream: (Io, Bytes), idle: Duration, log: &mut Entry) {
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

/// What has gone in one direction.
struct Moved {
    start: Instant,
    bytes: AtomicU64,
    /// When the last of it went, in milliseconds since the start.
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

    fn note(&self, bytes: usize) {
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        let since = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last.store(since, Ordering::Relaxed);
    }

    fn last(&self) -> Instant {
        self.start + Duration::from_millis(self.last.load(Ordering::Relaxed))
    }
}

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
