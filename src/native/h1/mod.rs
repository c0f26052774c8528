//! HTTP/1.1 as a relay needs it, on both sides (RFC 9112). Parsing is httparse's; what is ours is that one task serves a
//! client's connection and the upstream's behind it, that an idle stream holds no buffer, and that what one read brings
//! goes out in one write.

mod body;
mod client;
mod connection;
mod head;
mod host;
mod names;
mod server;
mod write;

use std::cell::RefCell;
use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, ReadBuf};

pub(super) use self::client::{Answer, Exchange};
pub(super) use self::connection::RequestBody;
pub(super) use self::host::is_host;
pub(super) use self::server::{HEAD_TIMEOUT, no_host, serve};

/// The largest head that is read. The core has a limit of its own below it, and can say what is wrong.
pub(super) const HEAD_BUFFER: usize = 64 * 1024;
const MAX_HEADERS: usize = 512;

/// The most that one read brings, and so the most that waits for a slow reader.
const READ: usize = 32 * 1024;

/// Bytes that are not HTTP, or that two readers could read in two ways. Found within an [`io::Error`].
#[derive(Debug)]
pub(super) struct Malformed(&'static str);

impl fmt::Display for Malformed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0)
    }
}

impl std::error::Error for Malformed {}

fn malformed(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, Malformed(why))
}

thread_local! {
    /// What every connection of a thread reads into. Only what has come is kept, so that waiting costs no memory.
    static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ].into());
}

/// Reads what is there and hands it to `take`; nothing at the end.
fn poll_scratch<T>(
    io: &mut (impl AsyncRead + Unpin),
    context: &mut Context<'_>,
    take: impl FnOnce(&[u8]) -> T,
) -> Poll<io::Result<T>> {
    SCRATCH.with_borrow_mut(|scratch| {
        let mut buffer = ReadBuf::new(scratch);
        ready!(Pin::new(io).poll_read(context, &mut buffer))?;
        Poll::Ready(Ok(take(buffer.filled())))
    })
}
