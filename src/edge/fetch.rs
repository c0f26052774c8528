//! The way to upstreams: the runtime's `fetch`, ended when nobody waits for it any more.

use std::time::Duration;

use futures_util::future::{Either, select};
use http::{HeaderName, Request, Response, StatusCode, header};
use worker::Delay;
use worker::js_sys::{Function, Promise, Reflect, Uint8Array};
use worker::wasm_bindgen::{JsCast, JsValue};
use worker::wasm_bindgen_futures::{JsFuture, spawn_local};
use worker::web_sys::{self, AbortController, AbortSignal, RequestInit, RequestRedirect};

use super::stream::Stream;
use super::{headers, relay};
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
    let controller = AbortController::new().map_err(defect)?;
    let abort = Reflect::get(&controller, &"abort".into())
        .map_err(defect)?
        .unchecked_into::<Function>()
        .bind0(&controller);
    client
        .add_event_listener_with_callback("abort", &abort)
        .map_err(defect)?;
    let signal = controller.signal();
    let guard = AbortOnDrop(Some(controller));

    let (head, body) = request.into_parts();
    let socket = head.headers.contains_key(header::UPGRADE);
    let visible = head
        .headers
        .iter()
        .filter(|(name, value)| !(socket && HANDSHAKE.contains(name)) && value.to_str().is_ok());
    let sent = headers::write(visible).map_err(defect)?;
    let init = RequestInit::new();
    init.set_method(head.method.as_str());
    init.set_headers(&sent);
    init.set_redirect(RequestRedirect::Manual);
    init.set_signal(Some(&signal));
    let mut sending = None;
    match body {
        Payload::Full(pieces) if pieces.iter().all(|piece| piece.is_empty()) => {}
        Payload::Full([whole, middle, end]) if middle.is_empty() && end.is_empty() => {
            init.set_body(&Uint8Array::from(whole.as_ref()));
        }
        Payload::Full(pieces) => init.set_body(&Uint8Array::from(pieces.concat().as_slice())),
        Payload::Stream { read, stream, length } => {
            let (writable, readable) = relay::pipe(length).map_err(defect)?;
            // A body that breaks breaks the pipe, and with it the request.
            sending = Some(Box::pin(
                async move { drop(relay::send(&read, stream, &writable).await) },
            ));
            init.set_body(&readable);
        }
    }
    let fetch: Function = Reflect::get(&worker::js_sys::global(), &"fetch".into())
        .map_err(defect)?
        .unchecked_into();
    let url = JsValue::from(head.uri.to_string());
    let promise: Promise = fetch
        .call2(&JsValue::UNDEFINED, &url, &init)
        .map_err(defect)?
        .unchecked_into();
    let mut answering = JsFuture::from(promise);
    let answer = match sending {
        None => answering.await,
        Some(sending) => match select(&mut answering, sending).await {
            Either::Left((answer, sending)) => {
                spawn_local(sending);
                answer
            }
            Either::Right(((), _)) => match select(answering, Delay::from(silence)).await {
                Either::Left((answer, _)) => answer,
                Either::Right(((), _)) => return Err(Fault::Timeout),
            },
        },
    };
    let answer: web_sys::Response = answer
        .map_err(|error| if client.aborted() { Fault::Client } else { fault(&error) })?
        .unchecked_into();

    let headers = headers::read(&answer.headers());
    let length = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse().ok());
    let mut stream = Stream::new(answer.body(), length, Some(guard));
    stream.socket = Reflect::get(&answer, &"webSocket".into())
        .ok()
        .filter(|socket| socket.is_object());
    let mut response = Response::new(stream);
    *response.status_mut() =
        StatusCode::from_u16(answer.status()).map_err(|_| Fault::Reset("a status that HTTP does not have".into()))?;
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
