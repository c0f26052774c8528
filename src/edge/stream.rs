//! Bodies as JavaScript has them: read piece by piece, read whole in one crossing, or handed on unread.

use std::mem::take;
use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{Either, select};
use wasm_bindgen::JsValue;
use web_sys::{ReadableStream, Request, Response};

use super::abort::AbortOnDrop;
use super::promised::Promised;
use super::{alarm, crossing};
use crate::platform::{Collected, Fault};

/// A body up to this length, in bytes, is read in one crossing even where it might stall: it comes whole or not at all.
const SHORT: usize = 64 * 1024;

/// The most memory, in bytes, that is taken for a body because its `content-length` says so.
const RESERVED: usize = 64 * 1024 * 1024;

/// How long it takes at most to hear that a client has left, after its body has broken.
pub(super) const LEAVING: Duration = Duration::from_millis(50);

/// What a body belongs to.
pub(super) enum Message {
    Request(Request),
    Response(Response),
}

impl Message {
    fn body(&self) -> Option<ReadableStream> {
        match self {
            Self::Request(request) => request.body(),
            Self::Response(response) => response.body(),
        }
    }
}

/// A body, and what belongs to it.
///
/// Where it does not have all of it (`whole`), it is in one of three states: unread (`message`), being read piece by piece (`source` and `body`), or at its end
/// (none of them).
#[derive(Default)]
pub(super) struct Stream {
    message: Option<Message>,
    /// What JavaScript reads the body with.
    source: Option<JsValue>,
    body: Option<ReadableStream>,
    /// All of it, where it came as a message over a WebSocket.
    whole: Bytes,
    /// The value of `content-length`.
    length: Option<usize>,
    /// Whether it is the client's.
    is_request: bool,
    /// A piece that was asked for and has not come.
    pending: Option<Promised>,
    /// The WebSocket that the upstream has opened instead of sending a body.
    pub(super) websocket: Option<JsValue>,
    /// Ends the request upstream, unless the body is read to its end.
    pub(super) guard: Option<AbortOnDrop>,
}

impl Stream {
    pub(super) fn new(message: Message, length: Option<usize>, guard: Option<AbortOnDrop>) -> Self {
        Self {
            is_request: matches!(message, Message::Request(_)),
            message: Some(message),
            length,
            guard,
            ..Self::default()
        }
    }

    /// The body of a request that came as a message over a WebSocket.
    pub(super) fn of(whole: Bytes) -> Self {
        Self {
            whole,
            ..Self::default()
        }
    }

    /// Returns the next piece, or `None` at the end. Whoever stops waiting for it gets it from the next call.
    pub(super) async fn read(&mut self) -> Result<Option<Bytes>, Fault> {
        if !self.whole.is_empty() {
            return Ok(Some(take(&mut self.whole)));
        }
        if self.source.is_none() {
            self.body = self.message.take().and_then(|message| message.body());
            let Some(body) = &self.body else { return Ok(None) };
            self.source = Some(crossing::reading(body).map_err(broken)?);
        }
        let pending = match (self.pending.take(), &self.source) {
            (Some(pending), _) => pending,
            (None, Some(source)) => {
                let (pending, begun) = Promised::new(|number| crossing::read(source, number));
                begun.map_err(broken)?;
                pending
            }
            (None, None) => return Ok(None),
        };
        let result = self.pending.insert(pending).bytes().await;
        self.pending = None;
        let Ok(piece) = result else {
            return Err(self.broken().await);
        };
        if piece.is_none() {
            self.body = None;
            self.source = None;
            self.keep_request();
        }
        Ok(piece.map(Bytes::from))
    }

    /// Whether a piece was asked for and has not come.
    pub(super) const fn is_waiting(&self) -> bool {
        self.pending.is_some()
    }

    /// Returns what `content-length` says of the whole body, in bytes.
    pub(super) fn length(&self) -> Option<u64> {
        self.length.map(|length| length as u64)
    }

    /// Whether the message came without a body.
    pub(super) fn is_empty(&self) -> bool {
        self.body.is_none() && self.message.as_ref().is_none_or(|message| message.body().is_none())
    }

    /// Returns all of the body, or its beginning when that is longer than `limit` bytes. `idle` is the longest time without a
    /// byte; `Duration::MAX` sets no such limit.
    pub(super) async fn collect(&mut self, limit: usize, idle: Duration) -> Result<Collected, Fault> {
        let known = self.length.filter(|length| *length <= limit);
        let in_one_crossing = known.is_some_and(|length| idle == Duration::MAX || length <= SHORT);
        if in_one_crossing && let Some(message) = self.message.take() {
            let whole = self.take_whole(&message);
            return within(idle, whole).await.map(Collected::Whole);
        }
        let mut read = Vec::with_capacity(known.unwrap_or_default().min(RESERVED));
        while let Some(piece) = within(idle, self.read()).await? {
            read.extend_from_slice(&piece);
            if read.len() > limit {
                return Ok(Collected::Begun(read.into()));
            }
        }
        Ok(Collected::Whole(read.into()))
    }

    async fn take_whole(&mut self, message: &Message) -> Result<Bytes, Fault> {
        let (promised, begun) = Promised::new(|number| match message {
            Message::Request(request) => crossing::whole(request, number),
            Message::Response(response) => crossing::whole(response, number),
        });
        begun.map_err(broken)?;
        let Ok(whole) = promised.bytes().await else {
            return Err(self.broken().await);
        };
        self.keep_request();
        Ok(whole.unwrap_or_default().into())
    }

    /// Waits for one piece, and lets the runtime throw away the others.
    pub(super) async fn discard(mut self, idle: Duration) {
        let came = matches!(within(idle, self.read()).await, Ok(Some(_)));
        if let Some(source) = self.source.filter(|_| came) {
            crossing::cancel(&source);
        }
    }

    /// Returns what is left of the body, for the runtime to move it. No piece may be on its way.
    pub(super) fn rest(&mut self) -> Option<ReadableStream> {
        if let Some(source) = self.source.take() {
            crossing::stop_reading(&source);
        }
        let unread = self.message.take().and_then(|message| message.body());
        self.body.take().or(unread)
    }

    fn keep_request(&mut self) {
        if let Some(guard) = self.guard.take() {
            guard.disarm();
        }
    }

    /// Returns what it means that the body broke. A client's body breaks when the client leaves: this waits until that is
    /// heard of, which drops the future that waits here.
    async fn broken(&self) -> Fault {
        if self.is_request {
            alarm::sleep(LEAVING).await;
        }
        broken(JsValue::UNDEFINED)
    }
}

/// Returns the result of `work`, or [`Fault::Timeout`] where that takes longer than `idle`.
async fn within<T>(idle: Duration, work: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
    if idle == Duration::MAX {
        return work.await;
    }
    match select(pin!(work), pin!(alarm::sleep(idle))).await {
        Either::Left((result, _)) => result,
        Either::Right(((), _)) => Err(Fault::Timeout),
    }
}

fn broken(_: JsValue) -> Fault {
    Fault::Reset("the body broke".into())
}
