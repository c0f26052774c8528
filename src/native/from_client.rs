//! The body of a client's request, over either version of HTTP or over a WebSocket. It stands below the HTTP client, which sends it on to an
//! upstream, and below the server, which receives it.

use std::io;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use tokio::net::TcpStream;

use super::h1::RequestBody;
use super::http2_body::Http2Body;
use super::receiving::Receiving;

/// The body of a client's request.
pub(super) enum FromClient {
    Http1(RequestBody<TcpStream>),
    Http2(Http2Body),
    /// Of a message that came over a WebSocket; nothing once it was read.
    Message(Bytes),
}

impl Receiving for FromClient {
    fn poll_fill(&mut self, out: &mut BytesMut, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        match self {
            Self::Http1(body) => body.poll_fill(out, context),
            Self::Http2(body) => body.poll_fill(out, context),
            Self::Message(body) => {
                let body = std::mem::take(body);
                out.extend_from_slice(&body);
                Poll::Ready(Ok(body.len()))
            }
        }
    }

    fn poll_data(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Option<Bytes>>> {
        match self {
            Self::Http1(body) => body.poll_data(context),
            Self::Http2(body) => body.poll_data(context),
            Self::Message(body) => Poll::Ready(Ok(Some(std::mem::take(body)).filter(|body| !body.is_empty()))),
        }
    }

    fn is_end(&self) -> bool {
        match self {
            Self::Http1(body) => body.is_end(),
            Self::Http2(body) => body.is_end(),
            Self::Message(body) => body.is_empty(),
        }
    }

    fn left(&self) -> Option<u64> {
        match self {
            Self::Http1(body) => body.left(),
            Self::Http2(body) => body.left(),
            Self::Message(body) => Some(body.len() as u64),
        }
    }
}

impl Receiving for RequestBody<TcpStream> {
    fn poll_fill(&mut self, out: &mut BytesMut, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        Self::poll_fill(self, out, context)
    }

    fn is_end(&self) -> bool {
        Self::is_end(self)
    }

    fn left(&self) -> Option<u64> {
        Self::left(self)
    }
}
