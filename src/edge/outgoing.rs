//! The core's answers in the runtime's types.
//!
//! The runtime moves as much of a body as it can by itself: bytes that pass through WebAssembly cost a crossing for each
//! piece. The log line of a request is written when its [`Entry`] is dropped: for most bodies when the answer is handed over,
//! for streams at their end.

use std::time::Duration;

use bytes::Bytes;
use http::Response;
use wasm_bindgen::JsValue;
use web_sys::{ReadableStream, WritableStream};

use super::bridge::Ask;
use super::crossing::Context;
use super::log::Entry;
use super::stream::Stream;
use super::{alarm, bridge, crossing, headers, pipe, relay, task};
use crate::dialect::neutral::Format;
use crate::error::{Error, Kind};
use crate::gateway::{Body, Raw};

/// Returns the answer for the runtime. What has to go on when its head is sent is spawned, and bound to `context`. `ask` returns what answers
/// messages over a WebSocket.
pub(super) fn response(
    response: Response<Body<Stream>>,
    mut entry: Entry,
    context: &Context,
    ask: impl FnOnce() -> Ask,
) -> Result<web_sys::Response, JsValue> {
    let (mut head, body) = response.into_parts();
    // The runtime says the length of what it moves. Only where there is nothing to move the length stays: it is that of the
    // answer to a GET, under HEAD for example.
    if !matches!(&body, Body::Raw(raw) if raw.stream.is_empty()) {
        head.headers.remove(http::header::CONTENT_LENGTH);
    }
    let answer = |bytes: &[u8], stream: Option<&ReadableStream>, websocket: Option<&JsValue>| {
        let headers = headers::write(head.headers.iter());
        crossing::answer(head.status.as_u16(), &headers, bytes, stream, websocket)
    };
    match body {
        Body::Full(bytes) => answer(&bytes, None, None),
        Body::Paced { chunks, pause } => {
            let (writable, readable) = pipe::pipe(None)?;
            let pacing = async move { drop(paced(chunks, pause, &writable).await) };
            task::outlive(context, Box::pin(pacing))?;
            answer(&[], Some(&readable), None)
        }
        Body::Raw(raw) if !raw.read.is_empty() => {
            // Where the runtime has decoded the body, the length is that of the encoded one.
            let is_encoded = head.headers.contains_key(http::header::CONTENT_ENCODING);
            let length = raw.stream.length().filter(|_| raw.is_unchanged() && !is_encoded);
            let (writable, readable) = pipe::pipe(length)?;
            let moving = async move {
                if begun(*raw, &writable).await.is_err() {
                    // Half of a body must not look whole.
                    let _ = writable.abort();
                }
            };
            task::outlive(context, Box::pin(moving))?;
            answer(&[], Some(&readable), None)
        }
        Body::Raw(mut raw) => {
            let answer = answer(&[], raw.stream.rest().as_ref(), None)?;
            // From here on the runtime ends the request upstream when the client leaves.
            if let Some(guard) = raw.stream.guard.take() {
                guard.disarm();
            }
            Ok(answer)
        }
        Body::WebSocket(mut raw) => {
            // The runtime moves the messages, and tells each side when the other one leaves.
            let accepted = raw.stream.websocket.take();
            if let Some(guard) = raw.stream.guard.take() {
                guard.disarm();
            }
            answer(&[], None, accepted.as_ref())
        }
        Body::Bridge(bridge) => {
            let (client, answering) = bridge::accept(*bridge, ask())?;
            let answering = async move {
                answering.await;
                drop(entry);
            };
            task::outlive(context, Box::pin(answering))?;
            answer(&[], None, Some(&client))
        }
        Body::Stream(relay) => {
            let (writable, readable) = pipe::pipe(None)?;
            let moving = async move { relay::run(*relay, writable, &mut entry.record).await };
            task::outlive(context, Box::pin(moving))?;
            answer(&[], Some(&readable), None)
        }
    }
}

/// Returns the answer for a client of this dialect, where the runtime did not accept the one that was made.
pub(super) fn failed(error: &JsValue, dialect: &Format, id: &str) -> JsValue {
    crossing::log_error(&format!("{error:?}"));
    let error = Error::new(
        Kind::Internal,
        "The gateway could not answer; try again later. Its operator finds the reason in its log.",
    );
    let body = (dialect.error_body)(&error);
    let headers = format!("content-type\napplication/json\nx-request-id\n{id}\n");
    crossing::answer(error.status().as_u16(), &headers, &body, None, None).map_or_else(|error| error, JsValue::from)
}

/// Moves an answer whose beginning is read already. The runtime moves the rest, where nothing in it changes.
async fn begun(mut raw: Raw<Stream>, writable: &WritableStream) -> Result<(), JsValue> {
    let writer = writable.get_writer()?;
    let read = std::mem::take(&mut raw.read);
    pipe::write(&writer, &raw.passed(read)).await?;
    if !raw.is_unchanged() {
        let broken = |_| JsValue::UNDEFINED;
        while let Some(bytes) = raw.stream.read().await.map_err(broken)? {
            pipe::write(&writer, &raw.passed(bytes)).await?;
        }
        pipe::write(&writer, &raw.last()).await?;
    }
    writer.release_lock();
    pipe::finish(raw.stream.rest(), writable).await
}

/// Writes the gateway's own stream. It ends when the client leaves, because nothing can be written then.
async fn paced(chunks: Vec<Bytes>, pause: Duration, writable: &WritableStream) -> Result<(), JsValue> {
    let writer = writable.get_writer()?;
    for (number, chunk) in chunks.iter().enumerate() {
        if number > 0 {
            alarm::sleep(pause).await;
        }
        pipe::write(&writer, chunk).await?;
    }
    writer.release_lock();
    pipe::close(writable, None).await
}
