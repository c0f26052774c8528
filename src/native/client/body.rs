//! The body of an upstream's answer, over either version of HTTP. Dropping it before its end ends the request upstream.

use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};

use super::connection::Io;
use super::http1::Answer;
use super::pool::InFlight;
use crate::native::http2_body::Http2Body;
use crate::native::receiving::Receiving;

/// The body of an upstream's answer.
pub(crate) enum FromUpstream {
    Http1(Answer),
    Http2 {
        body: Http2Body,
        /// The mark that counts this request among those of its connection, until the body is gone.
        _in_flight: Arc<InFlight>,
    },
}

impl FromUpstream {
    /// Returns the connection behind an answer that has switched protocols, and the bytes that have come over it already.
    pub(crate) fn into_io(self) -> Option<(Io, Bytes)> {
        match self {
            Self::Http1(answer) => answer.into_io(),
            Self::Http2 { .. } => None,
        }
    }
}

impl Receiving for FromUpstream {
    fn poll_fill(&mut self, out: &mut BytesMut, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        match self {
            Self::Http1(answer) => answer.poll_fill(out, context),
            Self::Http2 { body, .. } => body.poll_fill(out, context),
        }
    }

    fn poll_data(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Option<Bytes>>> {
        match self {
            Self::Http1(answer) => answer.poll_data(context),
            Self::Http2 { body, .. } => body.poll_data(context),
        }
    }

    fn is_end(&self) -> bool {
        match self {
            Self::Http1(answer) => answer.is_end(),
            Self::Http2 { body, .. } => body.is_end(),
        }
    }

    fn left(&self) -> Option<u64> {
        match self {
            Self::Http1(answer) => answer.left(),
            Self::Http2 { body, .. } => body.left(),
        }
    }
}
