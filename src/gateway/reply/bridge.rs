//! A WebSocket that the gateway answers itself: each message of the client is a request like any other, and the events of its answer are
//! messages to the client.
//!
//! So keys, failover, aliases, lists of models, limits and the log hold for each message as they hold over HTTP: the shell serves the
//! requests that come out of here as it serves those of a connection. It implements [`Hear`] and [`Say`], the two halves of the client's
//! side, and calls [`Bridge::serve`], which returns when the connection is over.

use std::collections::VecDeque;
use std::fmt;
use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{Either, pending, select};
use http::header::{self, HeaderName};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri};

use crate::dialect::responses::websocket::{Turn, Turns, refusal};
use crate::error::{Error, Kind};
use crate::gateway::fields;

/// The time in which a client may say nothing while nobody answers it: longer than most tools run that an agent calls between two turns.
const SILENCE: Duration = Duration::from_secs(15 * 60);

/// The most messages that wait while one is answered. What comes after them waits in the connection.
const MOST_WAITING: usize = 16;

/// The headers of a handshake that say nothing of the requests behind it. Each of those has an id of its own.
const OF_HANDSHAKE: [HeaderName; 7] = [
    header::CONNECTION,
    header::UPGRADE,
    header::SEC_WEBSOCKET_VERSION,
    header::SEC_WEBSOCKET_EXTENSIONS,
    header::CONTENT_LENGTH,
    header::ACCEPT,
    fields::REQUEST_ID,
];

/// The mark of a request for which nobody is to be asked.
#[derive(Clone, Copy)]
pub(crate) struct WarmUp;

/// What is heard of a client.
#[derive(Debug)]
pub enum Heard {
    /// A message of text.
    Text(Bytes),
    /// A message of bytes.
    Binary,
    /// A message that is longer than [`Bridge::limit`]. Nothing can be read behind it.
    TooLong,
    /// Nothing, for as long as somebody would wait.
    Silence,
    /// The process is about to stop. It is only heard while nobody is answered.
    Stopping,
    /// The client has left.
    Gone,
}

/// The client, as it is listened to.
#[expect(async_fn_in_trait, reason = "no Send bound on purpose, as in `Platform`")]
pub trait Hear {
    /// Returns what the client says next, or what keeps it from saying anything. Who is not answered at the moment may be silent for
    /// `patience`. A caller may stop waiting and ask again later: nothing is lost.
    async fn hear(&mut self, patience: Option<Duration>) -> Heard;
}

/// The client, as it is spoken to, and the gateway behind it.
#[expect(async_fn_in_trait, reason = "no Send bound on purpose, as in `Platform`")]
pub trait Say {
    /// The body of an answer. Dropping it ends the request.
    type Answer;

    /// Answers a request as if it had come over HTTP. Returns the status and the body.
    async fn ask(&mut self, request: Request<Bytes>) -> (StatusCode, Self::Answer);

    /// Returns the next piece of a body; nothing at its end, or where it breaks.
    async fn piece(&mut self, answer: &mut Self::Answer) -> Option<Bytes>;

    /// Sends a message, when the client has room for it. Returns whether the client is still there.
    async fn say(&mut self, message: String) -> bool;

    /// Closes the connection, with a code and a reason (RFC 6455 section 7.4).
    async fn close(&mut self, code: u16, reason: &'static str);
}

/// A WebSocket that is accepted, before anything is said over it.
pub struct Bridge {
    target: Uri,
    headers: HeaderMap,
    turns: Turns,
    /// The client's key (RFC 6455 section 4.1), which a shell that answers the handshake itself has to answer.
    pub key: Option<HeaderValue>,
    /// The longest message that is read, in bytes.
    pub limit: usize,
}

/// Shows nothing: a token stands in the headers.
impl fmt::Debug for Bridge {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Bridge").finish_non_exhaustive()
    }
}

impl Bridge {
    /// Accepts a handshake with these headers, for `target`. At most so many bytes are kept: `limit` of a message, `kept` of a
    /// conversation.
    pub(crate) fn new(target: Uri, client: &HeaderMap, limit: usize, kept: usize) -> Self {
        let mut headers = client.clone();
        for name in OF_HANDSHAKE {
            headers.remove(name);
        }
        let key = headers.remove(header::SEC_WEBSOCKET_KEY);
        // It asks for a WebSocket.
        let beta = HeaderName::from_static("openai-beta");
        if headers.get(&beta).is_some_and(is_of_websocket) {
            headers.remove(beta);
        }
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Self {
            target,
            headers,
            turns: Turns::new(kept.min(limit)),
            key,
            limit,
        }
    }

    /// Answers the client's messages, one after the other, until one of both sides leaves. Whoever drops this ends the request that is
    /// being answered.
    pub async fn serve(mut self, ear: &mut impl Hear, mouth: &mut impl Say) {
        let mut waiting = VecDeque::new();
        loop {
            let heard = match waiting.pop_front() {
                Some(heard) => heard,
                None => ear.hear(Some(SILENCE)).await,
            };
            let message = match heard {
                Heard::Text(message) => Some(message),
                Heard::Binary => None,
                Heard::TooLong => return mouth.close(1009, "the message is longer than BODY_LIMIT").await,
                Heard::Silence => return mouth.close(1000, "nothing was said for too long").await,
                Heard::Stopping => return mouth.close(1001, "the gateway is restarting").await,
                Heard::Gone => return,
            };
            let limit = self.limit;
            let answering = pin!(self.answer(message, mouth));
            let listening = pin!(listen(ear, &mut waiting, limit));
            if !matches!(select(answering, listening).await, Either::Left((true, _))) {
                return;
            }
        }
    }

    /// Answers a message. Returns whether the client is still there.
    async fn answer<M: Say>(&mut self, message: Option<Bytes>, mouth: &mut M) -> bool {
        let mut out = Vec::new();
        match message.map_or_else(|| Err(not_text()), |message| self.turns.ask(&message)) {
            Ok(turn) => {
                let (status, mut answer) = mouth.ask(self.request(turn)).await;
                self.turns.begin(status.as_u16());
                while let Some(piece) = mouth.piece(&mut answer).await {
                    self.turns.feed(&piece, &mut out);
                    if !say(mouth, &mut out).await {
                        return false;
                    }
                }
                self.turns.end(&mut out);
            }
            Err(error) => out.push(refusal(&error)),
        }
        say(mouth, &mut out).await
    }

    /// Returns a message as the request that it is over HTTP.
    fn request(&self, turn: Turn) -> Request<Bytes> {
        let mut request = Request::new(turn.body);
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.target.clone();
        *request.headers_mut() = self.headers.clone();
        if turn.is_warm_up {
            request.extensions_mut().insert(WarmUp);
        }
        request
    }
}

/// Sends messages. Returns whether the client is still there.
async fn say(mouth: &mut impl Say, messages: &mut Vec<String>) -> bool {
    for message in messages.drain(..) {
        if !mouth.say(message).await {
            return false;
        }
    }
    true
}

/// Listens while a message is answered, and returns when the client has left. What it says waits.
async fn listen(ear: &mut impl Hear, waiting: &mut VecDeque<Heard>, limit: usize) {
    loop {
        let bytes: usize = waiting.iter().map(Heard::len).sum();
        let is_last = matches!(waiting.back(), Some(Heard::TooLong));
        if is_last || waiting.len() >= MOST_WAITING || bytes >= limit {
            return pending().await;
        }
        match ear.hear(None).await {
            Heard::Gone => return,
            heard => waiting.push_back(heard),
        }
    }
}

impl Heard {
    const fn len(&self) -> usize {
        match self {
            Self::Text(message) => message.len(),
            _ => 0,
        }
    }
}

fn not_text() -> Error {
    let hint = "Over this WebSocket the gateway reads messages of text; send `response.create` as JSON.";
    Error::new(Kind::InvalidBody, hint)
}

/// Whether the value of `openai-beta` is about WebSockets.
fn is_of_websocket(value: &HeaderValue) -> bool {
    value.as_bytes().starts_with(b"responses_websockets")
}
