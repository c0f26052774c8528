//! The way to upstreams: the runtime's `fetch`, ended when nobody waits for it any more.

use std::pin::{Pin, pin};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{Either, select};
use http::request::Parts;
use http::{HeaderName, Method, Request, Response, StatusCode, header};
use js_sys::Reflect;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{AbortSignal, WritableStream};

use super::abort::AbortOnDrop;
use super::promised::Promised;
use super::stream::{LEAVING, Message, Stream};
use super::{alarm, crossing, headers, pipe, task};
use crate::platform::{Fault, Payload};

/// What the runtime makes itself when it opens a WebSocket, on either side.
const HANDSHAKE: [HeaderName; 4] = [
    header::CONNECTION,
    header::SEC_WEBSOCKET_KEY,
    header::SEC_WEBSOCKET_VERSION,
    header::SEC_WEBSOCKET_EXTENSIONS,
];

/// Returns the same request once more, or `None` where its body is a stream, which can be sent once only.
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

/// Sends a request and returns the answer when its head is there. The request ends when `client` is aborted, or when the
/// future is dropped. `silence` is how long the answer to a streamed body may take to begin, from the end of that body.
pub(super) async fn send(
    request: Request<Payload<Stream>>,
    client: &AbortSignal,
    silence: Duration,
) -> Result<Response<Stream>, Fault> {
    let (head, body) = request.into_parts();
    let opens_websocket = head.headers.contains_key(header::UPGRADE);
    let begun = Begun::new(&head, body, client).map_err(|_| Fault::Connect("the request cannot be built".into()))?;
    let Begun { answer, guard, upload } = begun;
    let answer = match upload {
        None => answer.value().await,
        Some(upload) => after_upload(&answer, upload, silence).await?,
    };
    let answer = answer.map_err(|error| fault(&error))?.unchecked_into();
    received(answer, guard, opens_websocket)
}

/// A request that is on its way.
struct Begun {
    answer: Promised,
    guard: AbortOnDrop,
    /// The body, where that is a stream.
    upload: Option<Upload>,
}

/// A streamed body on its way.
struct Upload {
    moving: Pin<Box<dyn Future<Output = Result<(), JsValue>>>>,
    to: WritableStream,
}

impl Begun {
    fn new(head: &Parts, body: Payload<Stream>, client: &AbortSignal) -> Result<Self, JsValue> {
        let opens_websocket = head.headers.contains_key(header::UPGRADE);
        let is_sent = |name: &HeaderName| !(opens_websocket && HANDSHAKE.contains(name));
        let lines = headers::write(head.headers.iter().filter(|(name, _)| is_sent(name)));
        let (mut pieces, mut readable, mut upload) = ([Bytes::new(), Bytes::new(), Bytes::new()], None, None);
        match body {
            // The runtime sends no body with these, and it would mean nothing (RFC 9110 sections 9.3.1 and 9.3.2).
            _ if matches!(head.method, Method::GET | Method::HEAD) => {}
            Payload::Full(full) => pieces = full,
            Payload::Stream { read, stream, length } => {
                let (to, end) = pipe::pipe(length)?;
                readable = Some(end);
                let writable = to.clone();
                let moving = Box::pin(async move { move_body(&read, stream, &writable).await });
                upload = Some(Upload { moving, to });
            }
        }
        let url = head.uri.to_string();
        let (answer, controller) = Promised::new(|number| {
            crossing::send(
                client,
                &url,
                head.method.as_str(),
                &lines,
                &pieces[0],
                &pieces[1],
                &pieces[2],
                readable.as_ref(),
                number,
            )
        });
        let guard = AbortOnDrop::new(controller?);
        Ok(Self { answer, guard, upload })
    }
}

/// Moves a client's body: what was read of it already, then the rest.
async fn move_body(read: &[u8], mut stream: Stream, writable: &WritableStream) -> Result<(), JsValue> {
    if !read.is_empty() {
        let writer = writable.get_writer()?;
        pipe::write(&writer, read).await?;
        writer.release_lock();
    }
    pipe::finish(stream.rest(), writable).await
}

/// Waits for the answer while the body goes out. An answer may come before the end of the body, which then goes on to be sent.
async fn after_upload(answer: &Promised, upload: Upload, silence: Duration) -> Result<Result<JsValue, JsValue>, Fault> {
    let Upload { moving, to } = upload;
    let answering = pin!(answer.value());
    match select(answering, moving).await {
        Either::Left((answer, moving)) => {
            task::spawn(Box::pin(async move {
                if moving.await.is_err() {
                    let _ = to.abort();
                }
            }));
            Ok(answer)
        }
        Either::Right((moved, answering)) => {
            // Where the body broke, it may be that the upstream has closed the connection, and then its answer comes at once.
            let patience = if moved.is_ok() { silence } else { LEAVING };
            match select(answering, pin!(alarm::sleep(patience))).await {
                Either::Left((answer, _)) => Ok(answer),
                Either::Right(((), _)) if moved.is_ok() => Err(Fault::Timeout),
                Either::Right(((), _)) => Err(Fault::Client),
            }
        }
    }
}

/// Returns the answer in the core's types. Its body is not read; it ends the request when it is dropped before its end.
fn received(answer: web_sys::Response, guard: AbortOnDrop, opens_websocket: bool) -> Result<Response<Stream>, Fault> {
    let text = crossing::response_head(&answer);
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
    let websocket = opens_websocket
        .then(|| Reflect::get(&answer, &"webSocket".into()).ok())
        .flatten()
        .filter(JsValue::is_object);
    let mut stream = Stream::new(Message::Response(answer), length, Some(guard));
    stream.websocket = websocket;
    let mut response = Response::new(stream);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    Ok(response)
}

/// Returns what a failed `fetch` means. The runtime's own words stay out of it, because they may name addresses.
fn fault(error: &JsValue) -> Fault {
    let message = Reflect::get(error, &"message".into())
        .ok()
        .and_then(|message| message.as_string())
        .unwrap_or_default();
    let lower = message.to_ascii_lowercase();
    // Cloudflare's words for its own limits, which are not a failure of any upstream. They name nothing.
    if lower.contains("too many subrequests") || lower.contains("worker exceeded") {
        return Fault::Exhausted(message);
    }
    if lower.contains("refused") || lower.contains("dns") || lower.contains("connect(") {
        Fault::Connect("no connection".into())
    } else {
        Fault::Reset("the connection broke".into())
    }
}
