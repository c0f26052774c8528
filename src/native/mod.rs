//! The native shell: sockets, clock, process and log, around the same core as the Worker.

mod alarm;
mod cli;
mod client;
mod client_io;
mod connect;
mod console;
mod files;
mod frames;
mod h1;
mod http2;
mod io;
mod log;
mod machine;
mod memory;
mod outgoing;
mod pool;
mod reload;
mod roots;
mod routes_file;
mod sent;
mod serve;
mod socket;
mod stream;
mod verifier;

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::LazyLock;
use std::task::Poll;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{Request, Response};
use tokio::time::Instant;

use self::alarm::Alarm;
pub use self::cli::run;
use self::client::Client;
use self::memory::Memory;
use self::stream::Stream;
use crate::platform::{Collected, Fault, Limits, Millis, Moment, Payload, Platform};

/// How much of a body that nobody wants is read past, and for how long: enough for a client that has not heard yet, too
/// little to keep the gateway busy.
const DISCARD_LIMIT: usize = 128 * 1024 * 1024;
const DISCARD_TIME: Duration = Duration::from_secs(10);

/// A client that sends nothing of such a body for this long waits for the answer.
const QUIET: Duration = Duration::from_millis(500);

/// As good as for ever.
const LONG: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Makes a future where it is to stay. `Box::pin(future())` within an async function leaves room for the future in that
/// function's own state as well.
fn boxed<F: Future>(make: impl FnOnce() -> F) -> Pin<Box<F>> {
    Box::pin(make())
}

/// tokio and its sockets, as the core sees them.
#[derive(Clone)]
struct Native {
    client: Client,
    memory: Memory,
}

impl Platform for Native {
    const BODY_LIMIT: usize = 64 * 1024 * 1024;
    const REPLAY_LIMIT: usize = 8 * 1024 * 1024;

    /// A chat answer with a few images inside fits.
    const ANSWER_LIMIT: usize = 64 * 1024 * 1024;

    type Stream = Stream;

    fn now(&self) -> Millis {
        log::now()
    }

    fn moment(&self) -> Moment {
        static BEGINNING: LazyLock<Instant> = LazyLock::new(Instant::now);
        Moment(u64::try_from(BEGINNING.elapsed().as_millis()).unwrap_or(u64::MAX))
    }

    fn largest_body(&self) -> usize {
        self.memory.total()
    }

    fn random(&self) -> u128 {
        fastrand::u128(..)
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }

    async fn fetch(&self, request: Request<Payload<Stream>>, limits: Limits) -> Result<Response<Stream>, Fault> {
        self.client.send(request, limits).await
    }

    async fn read(&self, stream: &mut Stream) -> Result<Option<Bytes>, Fault> {
        poll_fn(|context| stream.poll_data(context))
            .await
            .map_err(|error| client::broken(&error))
    }

    async fn collect(&self, stream: &mut Stream, limit: usize, idle: Duration) -> Result<Collected, Fault> {
        let announced = stream.left().map_or(0, |left| usize::try_from(left).unwrap_or(limit));
        let announced = announced.min(limit);
        let is_request = stream.is_from_client();
        let exhausted = || Fault::Exhausted("BODY_MEMORY is in use".into());
        let (mut share, mut body) = (self.memory.share(is_request), BytesMut::new());
        // Boxed: few bodies are large enough to need a share.
        if share.covers(announced) || boxed(|| share.grow(announced)).await {
            body.reserve(announced);
        } else if is_request {
            return Err(exhausted());
        }
        loop {
            match fill(stream, &mut body, idle).await? {
                0 => return Ok(Collected::Whole(share.hold(body))),
                _ if body.len() > limit => return Ok(Collected::Begun(share.hold(body))),
                _ => {
                    // What lies beyond the limit is never used.
                    let room = body.capacity().min(limit);
                    if share.covers(room) || boxed(|| share.grow(room)).await {
                        continue;
                    }
                    if is_request {
                        return Err(exhausted());
                    }
                    return Ok(Collected::Begun(share.hold(body)));
                }
            }
        }
    }

    async fn discard(&self, mut stream: Stream, idle: Duration) {
        let mut left = DISCARD_LIMIT;
        let discarding = async {
            let mut read = BytesMut::new();
            while let Ok(1..) = fill(&mut stream, &mut read, idle.min(QUIET)).await {
                match left.checked_sub(read.len()) {
                    Some(rest) => left = rest,
                    None => break,
                }
                read.clear();
            }
        };
        let _ = tokio::time::timeout(DISCARD_TIME, discarding).await;
    }
}

/// Appends what comes of a body to `out`; zero at its end. Waits for `idle`, and no longer.
async fn fill(stream: &mut Stream, out: &mut BytesMut, idle: Duration) -> Result<usize, Fault> {
    let mut waiting: Option<(Alarm, Instant)> = None;
    poll_fn(|context| {
        if let Poll::Ready(read) = stream.poll_fill(out, context) {
            return Poll::Ready(read.map_err(|error| client::broken(&error)));
        }
        let (alarm, limit) = waiting.get_or_insert_with(|| {
            let now = Instant::now();
            (Alarm::new(idle), now.checked_add(idle).unwrap_or(now + LONG))
        });
        alarm.poll(*limit, context).map(|()| Err(Fault::Timeout))
    })
    .await
}
