//! WebSockets that the gateway answers itself: frames, pings and the closing handshake are tungstenite's (RFC 6455), and each message
//! is served as a request of HTTP is.

use std::future::poll_fn;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use http::{Request, StatusCode};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::{CapacityError, Error};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Message, Role, WebSocketConfig};

use super::outgoing::Outgoing;
use super::rewind::Rewind;
use super::serving::Serving;
use crate::gateway::{Bridge, Hear, Heard, Say};
use crate::native::from_client::FromClient;
use crate::native::process::{Entry, now};
use crate::native::sending::Sending;
use crate::native::stream::Stream;

/// The time that a client may take to close its side.
const CLOSING: Duration = Duration::from_secs(5);

/// Returns the value of `sec-websocket-accept` for the client's key.
pub(super) fn accept(bridge: &Bridge) -> String {
    derive_accept_key(bridge.key.as_ref().map_or(b"", |key| key.as_bytes()))
}

/// Answers the messages of a client until one of both sides leaves. Notes in `log` how much went out, and whether the connection ended
/// in order.
pub(super) async fn run(client: Rewind, bridge: Bridge, serving: &Serving, log: &mut Entry) {
    let limits = WebSocketConfig::default()
        .max_message_size(Some(bridge.limit))
        .max_frame_size(Some(bridge.limit));
    let (sink, stream) = WebSocketStream::from_raw_socket(client, Role::Server, Some(limits))
        .await
        .split();
    let mut ear = Ear {
        stream,
        stopping: serving.stopping(),
        is_closed: false,
    };
    let mut mouth = Mouth {
        sink,
        serving,
        log,
        has_closed: false,
    };
    bridge.serve(&mut ear, &mut mouth).await;
    if mouth.has_closed && !ear.is_closed {
        // The client answers the closing: what it sends before that is not read any more.
        let closed = async { while !matches!(ear.hear(None).await, Heard::Gone) {} };
        let _ = timeout(CLOSING, closed).await;
    }
    mouth.log.complete = ear.is_closed;
}

/// The client, as it is listened to.
struct Ear {
    stream: SplitStream<WebSocketStream<Rewind>>,
    stopping: watch::Receiver<bool>,
    /// Whether the client has closed the connection in order.
    is_closed: bool,
}

impl Ear {
    /// Returns what a frame says; nothing where it only shows that the client is there.
    fn heard(&mut self, frame: Option<Result<Message, Error>>) -> Option<Heard> {
        match frame {
            Some(Ok(Message::Text(text))) => Some(Heard::Text(text.into())),
            Some(Ok(Message::Binary(_))) => Some(Heard::Binary),
            Some(Ok(Message::Close(_))) => {
                self.is_closed = true;
                None
            }
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => None,
            Some(Err(Error::Capacity(CapacityError::MessageTooLong { .. }))) => Some(Heard::TooLong),
            Some(Err(_)) | None => Some(Heard::Gone),
        }
    }
}

impl Hear for Ear {
    async fn hear(&mut self, patience: Option<Duration>) -> Heard {
        let mut stopping = self.stopping.clone();
        loop {
            let frame = tokio::select! {
                biased;
                frame = self.stream.next() => frame,
                _ = stopping.wait_for(|stopping| *stopping), if patience.is_some() => return Heard::Stopping,
                () = sleep(patience.unwrap_or_default()), if patience.is_some() => return Heard::Silence,
            };
            if let Some(heard) = self.heard(frame) {
                return heard;
            }
        }
    }
}

/// The client, as it is spoken to.
struct Mouth<'a> {
    sink: SplitSink<WebSocketStream<Rewind>, Message>,
    serving: &'a Serving,
    log: &'a mut Entry,
    /// Whether this side has closed the connection.
    has_closed: bool,
}

impl Say for Mouth<'_> {
    type Answer = Outgoing;

    async fn ask(&mut self, request: Request<Bytes>) -> (StatusCode, Outgoing) {
        let request = request.map(|body| Stream::Client(FromClient::Message(body)));
        let answer = self.serving.answer(request).await;
        (answer.status(), answer.into_body())
    }

    async fn piece(&mut self, answer: &mut Outgoing) -> Option<Bytes> {
        poll_fn(|context| answer.poll_piece(context)).await?.ok()
    }

    async fn say(&mut self, message: String) -> bool {
        self.log.bytes += message.len() as u64;
        self.log.first_byte.get_or_insert_with(now);
        self.sink.send(Message::text(message)).await.is_ok()
    }

    async fn close(&mut self, code: u16, reason: &'static str) {
        let frame = CloseFrame {
            code: CloseCode::from(code),
            reason: reason.into(),
        };
        self.has_closed = self.sink.send(Message::Close(Some(frame))).await.is_ok();
    }
}
