//! The way to upstreams: the runtime's `fetch`, ended when nobody waits for it any more.

use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{Either, select};
use http::{HeaderName, Method, Request, Response, StatusCode, header};
use worker::js_sys::Reflect;
use worker::wasm_bindgen::{JsCast, JsValue};
use worker::web_sys::{self, AbortController, AbortSignal};

use super::runtime::{self, Promised};
use super::stream::{Message, Stream};
use super::{headers, relay, task};
use crate::platform::{Fault, Payload};

/// What of a WebSocket's handshake the runtime makes itself, on either side.
const HANDSHAKE: [HeaderName; 4] = [
    header::CONNECTION,
    header::SEC_WEBSOCKET_KEY,
    header::SEC_WEBSOCKET_VERSION,
    header::SEC_WEBSOCKET_EXTENSIONS,
];

/// Ends a request when it is dropped.
pub(super) struct AbortOnDrop(Option<AbortController>);

impl AbortOnDrop {
    /// Lets the request live on: its body is complete, or somebody else's.
    pub(super) fn disarm(mut self) {
        self.0 = None;
    }
}

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        if let Some(controller) = self.0.take() {
            controller.abort();
        }
    }
}

/// Sends a request; it ends when `client` says that the client has left, or when the future is dropped. The answer to a
/// streamed body has to begin within `silence` after its end.
pub(super) async fn send(
    request: Request<Payload<Stream>>,
    client: &AbortSignal,
    silence: Duration,
) -> Result<Response<Stream>, Fault> {
    let defect = |_| Fault::Connect("the request cannot be built".into());
    let (head, body) = request.into_parts();
    let socket = head.headers.contains_key(header::UPGRADE);
    let own = |name: &HeaderName| socket && HANDSHAKE.contains(name);
    let sent = headers::write(head.headers.iter().filter(|(name, _)| !own(name)));
    let mut sending = None;
    let (mut bytes, mut readable) = (Bytes::new(), None);
    match body {
        // The runtime sends none with these, and it would mean nothing (RFC 9110 sections 9.3.1 and 9.3.2).
        _ if matches!(head.method, Method::GET | Method::HEAD) => {}
        Payload::Full([whole, middle, end]) if middle.is_empty() && end.is_empty() => bytes = whole,
        Payload::Full(pieces) => bytes = pieces.concat().into(),
        Payload::Stream { read, stream, length } => {
            let (writable, end) = runtime::pipe(length).map_err(defect)?;
            readable = Some(end);
            // A body that breaks breaks the pipe, and with it the request.
            sending = Some(Box::pin(
                async move { drop(relay::send(&read, stream, &writable).await) },
            ));
        }
    }
    let url = head.uri.to_string();
    let (promised, begun) = Promised::new(|number| {
        runtime::send(
            client,
            &url,
            head.method.as_str(),
            &sent,
            &bytes,
            readable.as_ref(),
            number,
        )
    });
    let guard = AbortOnDrop(Some(begun.map_err(defect)?));
    let mut answering = pin!(promised.value());
    let answer = match sending {
        None => answering.await,
        Some(sending) => match select(answering.as_mut(), sending).await {
            Either::Left((answer, sending)) => {
                task::spawn(sending);
                answer
            }
            Either::Right(((), _)) => match select(answering, pin!(runtime::sleep(silence))).await {
                Either::Left((answer, _)) => answer,
                Either::Right(((), _)) => return Err(Fault::Timeout),
            },
        },
    };
    let answer: web_sys::Response = answer
        .map_err(|error| if client.aborted() { Fault::Client } else { fault(&error) })?
        .unchecked_into();

    let text = runtime::response_head(&answer);
    let mut lines = text.split('\n');
    let status = lines
        .next()
        .and_then(|status| StatusCode::from_bytes(status.as_bytes()).ok());
    let status = status.ok_or_else(|| Fault::Reset("a status that HTTP does not have".into()))?;
    let headers = headers::read(lines);
    let length = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse().ok());
    let opened = socket
        .then(|| Reflect::get(&answer, &"webSocket".into()).ok())
        .flatten()
        .filter(JsValue::is_object);
    let mut stream = Stream::new(Message::Response(answer), length, Some(guard));
    stream.socket = opened;
    let mut response = Response::new(stream);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    Ok(response)
}

/// What the runtime says about a failed `fetch`, without the addresses that it may name.
fn fault(error: &JsValue) -> Fault {
    let message = Reflect::get(error, &"message".into())
        .ok()
        .and_then(|message| message.as_string())
        .unwrap_or_default();
    let lower = message.to_lowercase();
    if lower.contains("refused") || lower.contains("dns") || lower.contains("connect(") {
        Fault::Connect("no connection".into())
    } else {
        Fault::Reset("the connection broke".into())
    }
}
