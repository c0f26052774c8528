//! The way to upstreams: the runtime's `fetch`, ended when nobody waits for it any more.

use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{Either, select};
use http::{HeaderName, Method, Request, Response, StatusCode, header};
use worker::js_sys::Reflect;
use worker::wasm_bindgen::{JsCast, JsValue};
use worker::web_sys::{self, AbortController, AbortSignal, WritableStream};

use super::runtime::{self, Promised};
use super::stream::{LEAVING, Message, Stream};
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

/// The same request once more, where all of it is here.
pub(super) fn again(request: &Request<Payload<Stream>>) -> Option<Request<Payload<Stream>>> {
    let Payload::Full(pieces) = request.body() else {
        return None;
    };
    let mut again = Request::new(Payload::Full(pieces.clone()));
    *again.method_mut() = request.method().clone();
    *again.uri_mut() = request.uri().clone();
    *again.headers_mut() = request.headers().clone();
    Some(again)
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
    let (mut pieces, mut readable) = ([Bytes::new(), Bytes::new(), Bytes::new()], None);
    match body {
        // The runtime sends none with these, and it would mean nothing (RFC 9110 sections 9.3.1 and 9.3.2).
        _ if matches!(head.method, Method::GET | Method::HEAD) => {}
        Payload::Full(full) => pieces = full,
        Payload::Stream { read, stream, length } => {
            let (writable, end) = runtime::pipe(length).map_err(defect)?;
            readable = Some(end);
            let pipe = writable.clone();
            sending = Some((Box::pin(async move { upload(&read, stream, &pipe).await }), writable));
        }
    }
    let url = head.uri.to_string();
    let (promised, begun) = Promised::new(|number| {
        runtime::send(
            client,
            &url,
            head.method.as_str(),
            &sent,
            &pieces[0],
            &pieces[1],
            &pieces[2],
            readable.as_ref(),
            number,
        )
    });
    let guard = AbortOnDrop(Some(begun.map_err(defect)?));
    let mut answering = pin!(promised.value());
    let answer = match sending {
        None => answering.await,
        Some((sending, writable)) => match select(answering.as_mut(), sending).await {
            Either::Left((answer, sending)) => {
                task::spawn(async move {
                    if sending.await.is_err() {
                        let _ = writable.abort();
                    }
                });
                answer
            }
            Either::Right((sent, _)) => {
                // Where it was the upstream that broke the pipe, that is heard of as well.
                let patience = if sent.is_ok() { silence } else { LEAVING };
                match select(answering, pin!(runtime::sleep(patience))).await {
                    Either::Left((answer, _)) => answer,
                    Either::Right(((), _)) if sent.is_ok() => return Err(Fault::Timeout),
                    Either::Right(((), _)) => return Err(Fault::Client),
                }
            }
        },
    };
    let answer: web_sys::Response = answer.map_err(|error| fault(&error))?.unchecked_into();

    let text = runtime::response_head(&answer);
    let mut lines = text.split('\n');
    let status = lines
        .next()
        .and_then(|status| StatusCode::from_bytes(status.as_bytes()).ok());
    let status = status.ok_or_else(|| Fault::Reset("a status that HTTP does not have".into()))?;
    let headers = headers::read(lines);
    if headers::is_framed_oddly(&headers) {
        return Err(Fault::Malformed("the end of the answer is in doubt".into()));
    }
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

/// Sends a client's body: what was read of it already, then the rest, moved by the runtime. Where that fails, the request goes
/// on until it is ended.
async fn upload(read: &[u8], mut stream: Stream, writable: &WritableStream) -> Result<(), JsValue> {
    if !read.is_empty() {
        let writer = writable.get_writer()?;
        relay::write(&writer, read).await?;
        writer.release_lock();
    }
    match stream.rest() {
        Some(body) => runtime::done(|number| runtime::pump(&body, writable, true, number))
            .await
            .map(drop),
        None => relay::close(writable, None).await,
    }
}

/// What the runtime says about a failed `fetch`, without the addresses that it may name.
fn fault(error: &JsValue) -> Fault {
    let message = Reflect::get(error, &"message".into())
        .ok()
        .and_then(|message| message.as_string())
        .unwrap_or_default();
    let lower = message.to_lowercase();
    // How Cloudflare words its own limits, which are no upstream's fault.
    if lower.contains("too many subrequests") || lower.contains("worker exceeded") {
        return Fault::Exhausted(message);
    }
    if lower.contains("refused") || lower.contains("dns") || lower.contains("connect(") {
        Fault::Connect("no connection".into())
    } else {
        Fault::Reset("the connection broke".into())
    }
}
