//! The core's answers in the runtime's types. An upstream's stream is handed back unread.

use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, Response, StatusCode};
use worker::js_sys::{Reflect, Uint8Array};
use worker::wasm_bindgen::JsValue;
use worker::web_sys::{self, ResponseInit};
use worker::{Context, Delay};

use super::stream::Stream;
use super::{headers, relay};
use crate::config::Problems;
use crate::error::{Error, Kind};
use crate::gateway::{Body, Record};

/// An answer, ready to be returned. Its log line is written when the answer's end is known.
pub(super) fn outgoing(
    response: Response<Body<Stream>>,
    record: Record,
    context: &Context,
) -> worker::Result<web_sys::Response> {
    let (mut head, body) = response.into_parts();
    // The runtime knows the length of what it moves, and says it itself. Where it moves nothing, it is that of the answer to
    // another method.
    if !matches!(&body, Body::Raw(raw) if raw.stream.is_empty()) {
        head.headers.remove(http::header::CONTENT_LENGTH);
    }
    let init = init(head.status, &head.headers)?;
    let answer = match body {
        Body::Full(bytes) if bytes.is_empty() => Ok(web_sys::Response::new_with_opt_str_and_init(None, &init)?),
        Body::Full(bytes) => {
            let array = Uint8Array::from(bytes.as_ref());
            Ok(web_sys::Response::new_with_opt_js_u8_array_and_init(
                Some(&array),
                &init,
            )?)
        }
        Body::Paced { chunks, pause } => paced(chunks, pause, &head.headers),
        Body::Raw(mut raw) => {
            let answer = web_sys::Response::new_with_opt_readable_stream_and_init(raw.stream.rest().as_ref(), &init)?;
            // From here on the runtime ends the request upstream when the client leaves.
            if let Some(guard) = raw.stream.guard.take() {
                guard.disarm();
            }
            Ok(answer)
        }
        Body::Socket(mut socket) => {
            // The runtime moves the messages, and tells each side when the other leaves.
            let accepted = socket.stream.socket.take().unwrap_or(JsValue::NULL);
            Reflect::set(&init, &"webSocket".into(), &accepted)?;
            if let Some(guard) = socket.stream.guard.take() {
                guard.disarm();
            }
            Ok(web_sys::Response::new_with_opt_str_and_init(None, &init)?)
        }
        Body::Stream(relay) => {
            let (writable, readable) = relay::pipe(None)?;
            context.wait_until(async move { log(&relay::run(*relay, writable, record).await) });
            return Ok(web_sys::Response::new_with_opt_readable_stream_and_init(
                Some(&readable),
                &init,
            )?);
        }
    };
    log(&record);
    answer
}

/// One line for `wrangler tail` and the dashboard.
fn log(record: &Record) {
    if let Ok(line) = serde_json::to_string(record) {
        worker::console_log!("{line}");
    }
}

fn paced(chunks: Vec<Bytes>, pause: Duration, headers: &HeaderMap) -> worker::Result<web_sys::Response> {
    let events = stream::unfold((chunks.into_iter(), true), move |(mut chunks, first)| async move {
        let chunk = chunks.next()?;
        if !first {
            Delay::from(pause).await;
        }
        Some((Ok::<_, worker::Error>(chunk.to_vec()), (chunks, false)))
    });
    let mut answer = worker::Response::from_stream(events)?;
    for (name, value) in headers {
        if let Ok(value) = value.to_str() {
            answer.headers_mut().set(name.as_str(), value)?;
        }
    }
    Ok(answer.into())
}

/// What a Worker whose configuration has problems says to everyone. They are told to the log, their number to the client.
pub(super) fn unconfigured(problems: &Problems) -> Error {
    worker::console_error!("{problems}");
    let plural = if problems.len() == 1 { "" } else { "s" };
    let message = format!(
        "The gateway's configuration has {} problem{plural}; its log (`wrangler tail`) lists what to change.",
        problems.len()
    );
    Error::new(Kind::Configuration, message)
}

fn init(status: StatusCode, headers: &HeaderMap) -> worker::Result<ResponseInit> {
    let js = headers::write(headers.iter())?;
    let init = ResponseInit::new();
    init.set_status(status.as_u16());
    init.set_headers(&JsValue::from(js));
    Ok(init)
}
