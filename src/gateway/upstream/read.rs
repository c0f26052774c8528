//! Reading an upstream's answer as far as it takes to know what it means.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use http::Response;

use super::asked::Asked;
use super::outcome::Outcome;
use super::{held, whole};
use crate::config::DEFAULT_TIMEOUT;
use crate::dialect::observe::Observer;
use crate::gateway::fields;
use crate::gateway::reply::{Raw, Relay, Watch};
use crate::platform::{Moment, Platform};

/// Reads an answer whose head has come. Returns what it leads to: a stream at its first content, a whole answer, bytes that
/// are passed on unread, or a failure.
pub(super) async fn read<P: Platform>(asked: &Asked<'_, P>, mut response: Response<P::Stream>) -> Outcome<P::Stream> {
    let (request, status) = (asked.request, response.status());
    if request.is_websocket() {
        return websocket(asked, response).await;
    }
    let arrived = asked.platform.moment();
    let is_stream = status.is_success() && fields::is_event_stream(response.headers());
    if asked.translated.is_none() && !is_stream && request.endpoint.passes_raw(&response) {
        return raw(asked, response);
    }
    fields::unpack(response.headers_mut(), P::UNPACKED);
    let is_illegible = status.is_success() && fields::is_encoded(response.headers());
    if is_illegible && asked.translated.is_some() {
        return Outcome::Unusable(status);
    }
    if is_illegible && (is_stream || request.endpoint.passes_illegible()) {
        return raw(asked, response);
    }
    let mut read = Bytes::new();
    if is_stream && asked.translated.is_some() && !request.streams() {
        // Not every upstream can answer otherwise.
        return whole::read(asked, response, read).await;
    }
    if !is_stream {
        // Not every upstream says what its streams are.
        let may_stream = status.is_success() && request.streams();
        let begins = if may_stream {
            held::begins_stream(asked.platform, &mut response, &mut read).await
        } else {
            Ok(false)
        };
        match begins {
            Ok(true) => {}
            Ok(false) => return whole::read(asked, response, read).await,
            Err(fault) => return Outcome::Failed(fault),
        }
    }
    stream(asked, response, read, arrived).await
}

fn raw<P: Platform>(asked: &Asked<'_, P>, response: Response<P::Stream>) -> Outcome<P::Stream> {
    Outcome::Raw(response.map(|stream| Raw::unread(stream, asked.route.idle_timeout)))
}

/// Reads the answer to the handshake of a WebSocket.
async fn websocket<P: Platform>(asked: &Asked<'_, P>, response: Response<P::Stream>) -> Outcome<P::Stream> {
    match response.status().as_u16() {
        101 => Outcome::WebSocket(response.map(|stream| Raw::unread(stream, asked.route.idle_timeout))),
        200..=299 | 405 | 426 | 501 => Outcome::NoWebSocket,
        _ => match whole::read(asked, response, Bytes::new()).await {
            outcome @ Outcome::Refused(..) if outcome.is_nowhere() => Outcome::NoWebSocket,
            outcome => outcome,
        },
    }
}

/// Reads a stream. `read` has come of it already, and its head `arrived` then.
async fn stream<P: Platform>(
    asked: &Asked<'_, P>,
    response: Response<P::Stream>,
    read: Bytes,
    arrived: Moment,
) -> Outcome<P::Stream> {
    let route = asked.route;
    let mut observer = Observer::of(match asked.translated {
        Some(translated) => translated.from().ending,
        None => asked.request.endpoint.ending,
    });
    observer.feed(&read);
    let now = asked.platform.moment();
    let response = response.map(|stream| {
        Box::new(Relay {
            read,
            stream,
            observer,
            first_within: asked.limit.saturating_sub(asked.started.until(now)),
            idle_timeout: route.idle_timeout,
            watch: if route.verify_end || asked.translated.is_some() {
                Watch::Pieces
            } else if route.idle_timeout < DEFAULT_TIMEOUT {
                Watch::Looks
            } else {
                Watch::No
            },
            withheld: BytesMut::new(),
            config: Arc::clone(asked.config),
            translation: asked
                .translated
                .map(|translated| Box::new(translated.answer().stream())),
        })
    });
    if asked.hold || asked.finds_compaction {
        held::held(asked, response, arrived.until(now)).await
    } else {
        Outcome::Stream(response)
    }
}
