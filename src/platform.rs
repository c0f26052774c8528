//! The one seam between the gateway and the runtime it happens to run on, and the plain data that crosses it.
//!
//! A shell implements [`Platform`]; the core is generic over it and names no runtime. There is no
//! `spawn` here on purpose: what must outlive the answer is data that a shell acts on.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};

/// Milliseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Millis(pub u64);

impl Millis {
    /// The time from `self` to `later`; zero when that is past.
    #[must_use]
    pub const fn until(self, later: Self) -> Duration {
        Duration::from_millis(later.0.saturating_sub(self.0))
    }
}

/// Milliseconds on a clock that only goes forward, from a beginning of its own: what is waited for, or kept for a while, is
/// counted on it. A wall clock may be set back by a day, and would make every cooldown a day longer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(pub u64);

impl Moment {
    /// The moment `duration` later.
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        Self(
            self.0
                .saturating_add(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)),
        )
    }

    /// The time from `self` to `later`; zero when that is past.
    #[must_use]
    pub const fn until(self, later: Self) -> Duration {
        Duration::from_millis(later.0.saturating_sub(self.0))
    }
}

/// Why bytes did not come. Mechanical facts only, readable on any runtime; the texts are for the
/// operator's log and never reach a caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// No connection: refused, unknown host, TLS failure, connect timeout.
    Connect(String),
    /// A connection that broke.
    Reset(String),
    /// An answer that HTTP does not allow, or whose end two readers could find in two places.
    Malformed(String),
    /// The gateway itself has no file descriptor or no memory left. No upstream is to blame.
    Exhausted(String),
    /// A peer that stayed silent too long.
    Timeout,
    /// The client: it left, or its body, which is sent on as it comes, stalled or broke. No upstream is to blame.
    Client,
}

/// A body, read as far as it was wanted.
#[derive(Debug)]
pub enum Collected {
    /// All of it.
    Whole(Bytes),
    /// Its beginning, where all of it is longer than the limit that was given, or than there is memory for. The rest can be read
    /// as before.
    Begun(Bytes),
}

/// The body of a request to an upstream.
#[derive(Debug)]
pub enum Payload<S> {
    /// All of it, in pieces that follow one another; it can be sent again.
    Full([Bytes; 3]),
    /// As it comes from the client: it can be sent once.
    Stream {
        /// Its beginning, read already.
        read: Bytes,
        /// The rest.
        stream: S,
        /// Its whole length, where the client said so.
        length: Option<u64>,
    },
}

/// How long a request to an upstream may take to get going, and how much of its answer may be read ahead.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// To a connection, where the runtime can tell.
    pub connect: Duration,
    /// Without a byte of a streamed request body moving, where the runtime can tell.
    pub idle: Duration,
    /// From the end of a streamed request body to the answer's head. Bodies that are sent whole are guarded by the caller.
    pub silence: Duration,
    /// The answer is asked for as a stream: little of it is to wait for a slow client, where the runtime has a say.
    pub streams: bool,
    /// No connection that served other requests before, where the runtime has a say.
    pub fresh: bool,
}

/// A runtime, as the core sees it.
#[expect(
    async_fn_in_trait,
    reason = "no Send bound on purpose: each shell proves it for its own types"
)]
pub trait Platform: Clone + 'static {
    /// The largest request body that is read where the operator sets no limit, in bytes.
    const BODY_LIMIT: usize;

    /// The largest body, in bytes, that is kept only so that it can be sent again.
    const REPLAY_LIMIT: usize;

    /// The largest answer, in bytes, that is read whole before it is handed on. A longer one passes as it comes.
    const ANSWER_LIMIT: usize;

    /// The values of `content-encoding` whose bodies the runtime decodes itself when they are read.
    const UNPACKED: &'static [&'static str] = &[];

    /// Whether requests are counted here for the limits of their accounts.
    const COUNTS: bool = false;

    /// A body as the runtime delivers it. The core may hand it on without ever reading it.
    type Stream: 'static;

    /// The date and time now, for what people and other machines read: logs, ids, dates in headers. It may be set back.
    fn now(&self) -> Millis;

    /// The time now by a clock that only goes forward. On Workers it stands still between IO: never measure CPU with it.
    fn moment(&self) -> Moment;

    /// The largest body, in bytes, that can be in memory whole.
    fn largest_body(&self) -> usize {
        usize::MAX
    }

    /// Random bits for ids.
    fn random(&self) -> u128;

    /// Returns after `duration`.
    async fn sleep(&self, duration: Duration);

    /// Sends a request and returns when the answer's head is there. Redirects are not followed.
    /// Dropping the future, or the stream in the answer, ends the request upstream.
    ///
    /// # Errors
    /// [`Fault::Connect`] when no connection came about, [`Fault::Exhausted`] when that is the gateway's own fault,
    /// [`Fault::Reset`] when it broke before the head, [`Fault::Malformed`] when that cannot be read, [`Fault::Timeout`] when the upstream took no more of a streamed request body or did not answer it, [`Fault::Client`]
    /// when the client sent no more of it.
    async fn fetch(
        &self,
        request: Request<Payload<Self::Stream>>,
        limits: Limits,
    ) -> Result<Response<Self::Stream>, Fault>;

    /// The next piece of a body, or nothing at its end. A caller may stop waiting and ask again later: nothing is lost.
    ///
    /// # Errors
    /// [`Fault::Reset`] when the body breaks, [`Fault::Malformed`] when its framing does.
    async fn read(&self, stream: &mut Self::Stream) -> Result<Option<Bytes>, Fault>;

    /// Reads a body to its end, or until what was read of it is longer than `limit` bytes, in as few crossings as the
    /// runtime allows. An answer's body is left where it is when memory is missing for more of it: it can be passed on as it comes.
    ///
    /// # Errors
    /// [`Fault::Exhausted`] when a request's body has waited for memory in vain, [`Fault::Reset`] or [`Fault::Malformed`] when
    /// it breaks, [`Fault::Timeout`] when not a byte of it came for `idle`.
    async fn collect(&self, stream: &mut Self::Stream, limit: usize, idle: Duration) -> Result<Collected, Fault>;

    /// Reads past what a client is still sending, as far as the runtime finds reasonable and until nothing came for `idle`:
    /// some read no answer before they have sent everything.
    async fn discard(&self, stream: Self::Stream, idle: Duration);
}
