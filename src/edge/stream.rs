//! Bodies as JavaScript has them, read piece by piece or handed on unread.

use bytes::Bytes;
use futures_util::future::{Either, select};
use std::pin::pin;
use std::time::Duration;
use worker::wasm_bindgen::JsValue;
use worker::web_sys::{ReadableStream, Request, Response};

use super::fetch::AbortOnDrop;
use super::runtime::{self, Promised};
use crate::platform::{Collected, Fault};

/// A body of so many bytes comes at once or not at all.
const SHORT: usize = 64 * 1024;

/// The most memory that is taken for a body only because it says that it is so long.
const RESERVED: usize = 64 * 1024 * 1024;

/// How long after a body of his has broken a client is heard of that has left.
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

/// A body, and the request that it belongs to.
#[derive(Default)]
pub(super) struct Stream {
    /// Nothing once its body was read or taken.
    message: Option<Message>,
    /// What `content-length` says.
    length: Option<usize>,
    /// The reading of the body, while that goes on.
    source: Option<JsValue>,
    body: Option<ReadableStream>,
    /// It is the client's.
    is_request: bool,
    /// A piece that was asked for and has not come.
    pending: Option<Promised>,
    /// The WebSocket that the upstream has opened instead of sending a body.
    pub(super) socket: Option<JsValue>,
    /// Ends the request upstream unless the body is complete.
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

    /// The next piece. Whoever stops waiting for it gets it from the next call.
    pub(super) async fn read(&mut self) -> Result<Option<Bytes>, Fault> {
        if self.source.is_none() {
            self.body = self.message.take().and_then(|message| message.body());
            let Some(body) = &self.body else { return Ok(None) };
            self.source = Some(runtime::reading(body).map_err(broken)?);
        }
        let pending = match (self.pending.take(), &self.source) {
            (Some(pending), _) => pending,
            (None, Some(source)) => {
                let (pending, begun) = Promised::new(|number| runtime::read(source, number));
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
            if let Some(guard) = self.guard.take() {
                guard.disarm();
            }
        }
        Ok(piece.map(Bytes::from))
    }

    /// What it means that the body broke. Where its client has left, that is heard of first, and ends whoever asks.
    async fn broken(&self) -> Fault {
        if self.is_request {
            runtime::sleep(LEAVING).await;
        }
        broken(JsValue::UNDEFINED)
    }

    /// What `content-length` says of all of it.
    pub(super) fn length(&self) -> Option<u64> {
        self.length.map(|length| length as u64)
    }

    /// Whether there is no body at all.
    pub(super) fn is_empty(&self) -> bool {
        self.body.is_none() && self.message.as_ref().is_none_or(|message| message.body().is_none())
    }

    /// All of it, or more of it than `limit`.
    pub(super) async fn collect(&mut self, limit: usize, idle: Duration) -> Result<Collected, Fault> {
        let known = self.length.filter(|length| *length <= limit);
        if known.is_some_and(|length| idle == Duration::MAX || length <= SHORT)
            && let Some(message) = self.message.take()
        {
            let whole = pin!(self.take_whole(&message));
            let whole = if idle == Duration::MAX {
                whole.await
            } else {
                match select(whole, pin!(runtime::sleep(idle))).await {
                    Either::Left((whole, _)) => whole,
                    Either::Right(((), _)) => Err(Fault::Timeout),
                }
            };
            return whole.map(Collected::Whole);
        }
        let mut read = Vec::with_capacity(known.unwrap_or_default().min(RESERVED));
        loop {
            let piece = if idle == Duration::MAX {
                self.read().await?
            } else {
                let next = pin!(self.read());
                match select(next, pin!(runtime::sleep(idle))).await {
                    Either::Left((piece, _)) => piece?,
                    Either::Right(((), _)) => return Err(Fault::Timeout),
                }
            };
            let Some(piece) = piece else {
                return Ok(Collected::Whole(read.into()));
            };
            read.extend_from_slice(&piece);
            if read.len() > limit {
                return Ok(Collected::Begun(read.into()));
            }
        }
    }

    /// Waits for a piece of it, and lets the runtime throw the rest away.
    pub(super) async fn discard(mut self, idle: Duration) {
        let came = {
            let next = pin!(self.read());
            matches!(
                select(next, pin!(runtime::sleep(idle))).await,
                Either::Left((Ok(Some(_)), _))
            )
        };
        if let Some(source) = self.source.filter(|_| came) {
            runtime::cancel(&source);
        }
    }

    /// A body of known length, in one crossing.
    async fn take_whole(&mut self, message: &Message) -> Result<Bytes, Fault> {
        let (promised, begun) = Promised::new(|number| match message {
            Message::Request(request) => runtime::whole(request, number),
            Message::Response(response) => runtime::whole(response, number),
        });
        begun.map_err(broken)?;
        let Ok(whole) = promised.bytes().await else {
            return Err(self.broken().await);
        };
        if let Some(guard) = self.guard.take() {
            guard.disarm();
        }
        Ok(whole.unwrap_or_default().into())
    }

    /// The rest of the body, for the runtime's own machinery. Nothing must be pending.
    pub(super) fn rest(&mut self) -> Option<ReadableStream> {
        if let Some(source) = self.source.take() {
            runtime::stop_reading(&source);
        }
        let unread = self.message.take().and_then(|message| message.body());
        self.body.take().or(unread)
    }

    pub(super) const fn is_waiting(&self) -> bool {
        self.pending.is_some()
    }
}

fn broken(_: JsValue) -> Fault {
    Fault::Reset("the body broke".into())
}
