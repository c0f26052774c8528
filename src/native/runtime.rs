//! tokio, its clock and its sockets, as the core sees them: the native [`Platform`].

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{Request, Response};
use tokio::time::Instant;

use super::alarm::Alarm;
use super::boxed::boxed;
use super::client::{Client, broken};
use super::from_client::FromClient;
use super::memory::Memory;
use super::process::{moment, now};
use super::receiving::Receiving;
use super::stream::Stream;
use crate::platform::{Collected, Fault, Limits, Millis, Moment, Payload, Platform};

/// The most that is read past of a body that nobody wants, in bytes, and for how long: enough for a client that has not read
/// its answer yet, and too little to keep the gateway busy.
pub(super) const DISCARD_LIMIT: usize = 128 * 1024 * 1024;
pub(super) const DISCARD_TIME: Duration = Duration::from_secs(10);

/// The time in which a client may send nothing of such a body before it is taken to wait for the answer.
const QUIET: Duration = Duration::from_millis(500);

/// A limit that is never reached, for one that is too far away to be calculated.
const LONG: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Starts the threads that a whole program runs on.
///
/// # Errors
/// If the system does not allow it; the text is for the operator.
pub(super) fn start_runtime() -> Result<tokio::runtime::Runtime, String> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("the runtime cannot start: {error}"))
}

/// The native runtime: a client for upstreams and the memory for bodies. Cheap to clone.
#[derive(Clone)]
pub(super) struct Native {
    client: Client,
    memory: Memory,
}

impl Native {
    /// A runtime that sends requests with `client` and holds bodies in `memory`.
    pub(super) const fn new(client: Client, memory: Memory) -> Self {
        Self { client, memory }
    }
}

impl Platform for Native {
    const BODY_LIMIT: usize = 64 * 1024 * 1024;
    const COUNTS: bool = true;
    const REPLAY_LIMIT: usize = 8 * 1024 * 1024;

    /// A chat answer with a few images inside fits.
    const ANSWER_LIMIT: usize = 64 * 1024 * 1024;

    type Stream = Stream;

    fn now(&self) -> Millis {
        now()
    }

    fn moment(&self) -> Moment {
        moment()
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
        let (head, payload) = request.into_parts();
        let request = Request::from_parts(head, of_client(payload)?);
        let answer = self.client.send(request, limits).await?;
        Ok(answer.map(Stream::Upstream))
    }

    async fn read(&self, stream: &mut Stream) -> Result<Option<Bytes>, Fault> {
        poll_fn(|context| stream.poll_data(context))
            .await
            .map_err(|error| broken(&error))
    }

    async fn collect(&self, stream: &mut Stream, limit: usize, idle: Duration) -> Result<Collected, Fault> {
        let announced = stream.left().map_or(0, |left| usize::try_from(left).unwrap_or(limit));
        let announced = announced.min(limit);
        let is_request = matches!(stream, Stream::Client(_));
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

/// Returns what is sent to an upstream: a body that is here, or a client's.
///
/// # Errors
/// If it is the body of an upstream's answer, which the core never sends on as a request.
fn of_client(payload: Payload<Stream>) -> Result<Payload<FromClient>, Fault> {
    match payload {
        Payload::Full(pieces) => Ok(Payload::Full(pieces)),
        Payload::Stream {
            read,
            stream: Stream::Client(stream),
            length,
        } => Ok(Payload::Stream { read, stream, length }),
        Payload::Stream {
            stream: Stream::Upstream(_),
            ..
        } => Err(Fault::Malformed("an answer cannot be the body of a request".into())),
    }
}

/// Appends what comes of a body to `out`, and returns how many bytes that is; zero at its end.
///
/// # Errors
/// [`Fault::Timeout`] if nothing comes for `idle`; otherwise what broke the body.
async fn fill(stream: &mut Stream, out: &mut BytesMut, idle: Duration) -> Result<usize, Fault> {
    let mut waiting: Option<(Alarm, Instant)> = None;
    poll_fn(|context| {
        if let Poll::Ready(read) = stream.poll_fill(out, context) {
            return Poll::Ready(read.map_err(|error| broken(&error)));
        }
        let (alarm, limit) = waiting.get_or_insert_with(|| {
            let now = Instant::now();
            (Alarm::new(idle), now.checked_add(idle).unwrap_or(now + LONG))
        });
        alarm.poll(*limit, context).map(|()| Err(Fault::Timeout))
    })
    .await
}
