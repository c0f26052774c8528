//! WebSockets that the gateway answers itself: frames, pings and the closing handshake are the runtime's, and each message is served as
//! a request of HTTP is.
//!
//! The runtime holds in memory what a client does not take yet, since a WebSocket of JavaScript says nothing of that.

use std::pin::{Pin, pin};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{Either, select};
use http::{Request, StatusCode};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{AbortSignal, Response};

use super::promised::Promised;
use super::stream::Stream;
use super::{alarm, crossing};
use crate::gateway::{Bridge, Hear, Heard, Say};

/// Answers a request of a client as it answers those of HTTP. The signal is aborted when the client has left.
pub(super) type Ask = Box<dyn Fn(Request<Stream>, AbortSignal) -> Pin<Box<dyn Future<Output = JsValue>>>>;

/// Returns the client's side of a WebSocket, for the runtime, and the answering of what is said over it.
pub(super) fn accept(bridge: Bridge, ask: Ask) -> Result<(JsValue, impl Future<Output = ()> + use<>), JsValue> {
    let parts = crossing::accepted()?;
    let (client, websocket, signal) = (parts.get(0), parts.get(1), parts.get(2).unchecked_into());
    let answering = async move {
        let mut ear = Ear {
            websocket: websocket.clone(),
            limit: bridge.limit,
            pending: None,
        };
        bridge.serve(&mut ear, &mut Mouth { websocket, signal, ask }).await;
    };
    Ok((client, answering))
}

/// The client, as it is listened to.
struct Ear {
    websocket: JsValue,
    /// The longest message, in bytes.
    limit: usize,
    /// A message that was asked for and has not come.
    pending: Option<Promised>,
}

impl Ear {
    async fn next(&mut self) -> Heard {
        let pending = self
            .pending
            .take()
            .unwrap_or_else(|| Promised::new(|number| crossing::hear(&self.websocket, number)).0);
        let message = self.pending.insert(pending).value().await;
        self.pending = None;
        let message = message.unwrap_or_default();
        match message.as_string() {
            Some(text) if text.len() > self.limit => Heard::TooLong,
            Some(text) => Heard::Text(text.into()),
            None if message.is_undefined() => Heard::Gone,
            None => Heard::Binary,
        }
    }
}

impl Hear for Ear {
    async fn hear(&mut self, patience: Option<Duration>) -> Heard {
        let Some(patience) = patience else {
            return self.next().await;
        };
        match select(pin!(self.next()), pin!(alarm::sleep(patience))).await {
            Either::Left((heard, _)) => heard,
            Either::Right(((), _)) => Heard::Silence,
        }
    }
}

/// The client, as it is spoken to.
struct Mouth {
    websocket: JsValue,
    /// Aborted when the client has left.
    signal: AbortSignal,
    ask: Ask,
}

/// The body of an answer. Dropping it ends the request.
struct Answer(JsValue);

impl Drop for Answer {
    fn drop(&mut self) {
        crossing::cancel(&self.0);
    }
}

impl Say for Mouth {
    type Answer = Option<Answer>;

    async fn ask(&mut self, request: Request<Bytes>) -> (StatusCode, Option<Answer>) {
        let request = request.map(Stream::of);
        let response: Response = (self.ask)(request, self.signal.clone()).await.unchecked_into();
        let status = StatusCode::from_u16(response.status()).unwrap_or_default();
        let body = response.body().and_then(|body| crossing::reading(&body).ok());
        (status, body.map(Answer))
    }

    async fn piece(&mut self, answer: &mut Option<Answer>) -> Option<Bytes> {
        let (piece, begun) = Promised::new(|number| crossing::read(&answer.as_ref()?.0, number).ok());
        begun?;
        piece.bytes().await.ok()?.map(Bytes::from)
    }

    async fn say(&mut self, message: String) -> bool {
        crossing::say(&self.websocket, &message).is_ok()
    }

    async fn close(&mut self, code: u16, reason: &'static str) {
        crossing::hang_up(&self.websocket, code, reason);
    }
}
