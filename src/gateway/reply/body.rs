//! The body of an answer, whoever it is from.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};

use super::bridge::Bridge;
use super::raw::Raw;
use super::relay::Relay;

/// An answer's body.
#[derive(Debug)]
pub enum Body<S> {
    /// All of it.
    Full(Bytes),
    /// The gateway's own stream: chunks with a pause before each but the first.
    Paced {
        /// In order.
        chunks: Vec<Bytes>,
        /// Between two of them.
        pause: Duration,
    },
    /// The upstream's stream. The shell hands it on byte for byte.
    Stream(Box<Relay<S>>),
    /// Bytes of any kind from the upstream.
    Raw(Box<Raw<S>>),
    /// A WebSocket: under status 101, the upstream's side of it. The shell moves the bytes, both ways.
    WebSocket(Box<Raw<S>>),
    /// A WebSocket that the gateway answers itself: under status 101, what is said over it. The shell has the client's side.
    Bridge(Box<Bridge>),
}

impl<S> Body<S> {
    /// Returns all of it, where that is here.
    pub(crate) fn whole(&self) -> Option<&[u8]> {
        match self {
            Self::Full(body) => Some(body),
            Self::Paced { .. } | Self::Stream(_) | Self::Raw(_) | Self::WebSocket(_) | Self::Bridge(_) => None,
        }
    }

    /// Returns what of it is here already, if it is an upstream's and not an event stream.
    pub(crate) fn begun(&self) -> &[u8] {
        match self {
            Self::Full(body) => body,
            Self::Raw(raw) => &raw.read,
            Self::Paced { .. } | Self::Stream(_) | Self::WebSocket(_) | Self::Bridge(_) => &[],
        }
    }
}

/// Returns an answer with a JSON body.
pub(crate) fn json<S>(status: StatusCode, body: impl Into<Bytes>) -> Response<Body<S>> {
    with_type(status, "application/json", body)
}

/// Returns an answer with a body of the content type `kind`.
pub(crate) fn with_type<S>(status: StatusCode, kind: &'static str, body: impl Into<Bytes>) -> Response<Body<S>> {
    let mut response = Response::new(Body::Full(body.into()));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}
