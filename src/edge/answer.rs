//! The core's answers in the runtime's types. An upstream's stream is handed back unread.

use std::time::Duration;

use bytes::Bytes;
use http::Response;
use worker::wasm_bindgen::JsValue;
use worker::web_sys::{self, ReadableStream, WritableStream};

use super::runtime::Context;
use super::stream::Stream;
use super::{headers, relay, runtime, task};
use crate::config::Problems;
use crate::error::{Error, Kind};
use crate::gateway::{Body, Raw, Record};

/// A request and what is known about it. Its line of the log is written when this is dropped.
pub(super) struct Entry {
    pub(super) record: Record,
}

impl Drop for Entry {
    fn drop(&mut self) {
        if self.record.status == 0 {
            self.record.status = Record::CLIENT_LEFT;
        }
        // One line for `wrangler tail` and the dashboard.
        if let Ok(line) = serde_json::to_string(&self.record) {
            runtime::log(&line);
        }
    }
}

/// An answer, ready to be returned. Its log line is written when the answer's end is known.
pub(super) fn outgoing(
    response: Response<Body<Stream>>,
    mut entry: Entry,
    context: &Context,
) -> Result<web_sys::Response, JsValue> {
    let (mut head, body) = response.into_parts();
    // The runtime knows the length of what it moves, and says it itself. Where it moves nothing, it is that of the answer to
    // another method.
    if !matches!(&body, Body::Raw(raw) if raw.stream.is_empty()) {
        head.headers.remove(http::header::CONTENT_LENGTH);
    }
    let answer = |bytes: &[u8], stream: Option<&ReadableStream>, socket: Option<&JsValue>| {
        let headers = headers::write(head.headers.iter());
        runtime::answer(head.status.as_u16(), &headers, bytes, stream, socket)
    };
    match body {
        Body::Full(bytes) => answer(&bytes, None, None),
        Body::Paced { chunks, pause } => {
            let (writable, readable) = runtime::pipe(None)?;
            let written = async move { drop(paced(chunks, pause, &writable).await) };
            outlive(context, written)?;
            answer(&[], Some(&readable), None)
        }
        Body::Raw(raw) if !raw.read.is_empty() => {
            // The runtime has taken a compression off, and said the length of what was compressed.
            let is_encoded = head.headers.contains_key(http::header::CONTENT_ENCODING);
            let length = raw.stream.length().filter(|_| raw.is_unchanged() && !is_encoded);
            let (writable, readable) = runtime::pipe(length)?;
            outlive(context, async move {
                if begun(*raw, &writable).await.is_err() {
                    // Half of it must not look whole.
                    let _ = writable.abort();
                }
            })?;
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
        Body::Socket(mut socket) => {
            // The runtime moves the messages, and tells each side when the other leaves.
            let accepted = socket.stream.socket.take();
            if let Some(guard) = socket.stream.guard.take() {
                guard.disarm();
            }
            answer(&[], None, accepted.as_ref())
        }
        Body::Stream(relay) => {
            let (writable, readable) = runtime::pipe(None)?;
            outlive(
                context,
                async move { relay::run(*relay, writable, &mut entry.record).await },
            )?;
            answer(&[], Some(&readable), None)
        }
    }
}

/// Does what goes on when the answer's head is sent.
pub(super) fn outlive(context: &Context, work: impl Future<Output = ()> + 'static) -> Result<(), JsValue> {
    let work = task::promise(async move {
        work.await;
        JsValue::UNDEFINED
    });
    context.wait_until(&work)
}

/// Moves an answer of which something is read already. Where nothing in it changes, the runtime moves the rest.
async fn begun(mut raw: Raw<Stream>, writable: &WritableStream) -> Result<(), JsValue> {
    let writer = writable.get_writer()?;
    let read = std::mem::take(&mut raw.read);
    relay::write(&writer, &raw.passed(read)).await?;
    if !raw.is_unchanged() {
        let broken = |_| JsValue::UNDEFINED;
        while let Some(bytes) = raw.stream.read().await.map_err(broken)? {
            relay::write(&writer, &raw.passed(bytes)).await?;
        }
        relay::write(&writer, &raw.last()).await?;
    }
    writer.release_lock();
    match raw.stream.rest() {
        Some(body) => runtime::done(|number| runtime::pump(&body, writable, true, number))
            .await
            .map(drop),
        None => relay::close(writable, None).await,
    }
}

/// The gateway's own stream. It ends when the client leaves.
async fn paced(chunks: Vec<Bytes>, pause: Duration, writable: &WritableStream) -> Result<(), JsValue> {
    let writer = writable.get_writer()?;
    for (number, chunk) in chunks.iter().enumerate() {
        if number > 0 {
            runtime::sleep(pause).await;
        }
        runtime::done(|number| runtime::write(&writer, chunk, number)).await?;
    }
    writer.release_lock();
    runtime::done(|number| runtime::close(writable, &[], number))
        .await
        .map(drop)
}

/// What a Worker whose configuration has problems says to everyone. They are told to the log, their number to the client.
pub(super) fn unconfigured(problems: &Problems) -> Error {
    runtime::log_error(&problems.to_string());
    let plural = if problems.len() == 1 { "" } else { "s" };
    let message = format!(
        "The gateway's configuration has {} problem{plural}; its log (`wrangler tail`) lists what to change.",
        problems.len()
    );
    Error::new(Kind::Configuration, message)
}
