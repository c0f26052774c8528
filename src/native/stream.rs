//! The bodies that the core reads: [`Native`](super::runtime::Native) delivers them as its `Platform::Stream`. The two sides
//! know nothing of each other.

use std::io;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};

use super::client::FromUpstream;
use super::from_client::FromClient;
use super::receiving::Receiving;

/// A body that somebody sends to the gateway.
pub(super) enum Stream {
    /// A client's request.
    Client(FromClient),
    /// An upstream's answer.
    Upstream(FromUpstream),
}

impl Receiving for Stream {
    fn poll_fill(&mut self, out: &mut BytesMut, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        match self {
            Self::Client(body) => body.poll_fill(out, context),
            Self::Upstream(body) => body.poll_fill(out, context),
        }
    }

    fn poll_data(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Option<Bytes>>> {
        match self {
            Self::Client(body) => body.poll_data(context),
            Self::Upstream(body) => body.poll_data(context),
        }
    }

    fn is_end(&self) -> bool {
        match self {
            Self::Client(body) => body.is_end(),
            Self::Upstream(body) => body.is_end(),
        }
    }

    fn left(&self) -> Option<u64> {
        match self {
            Self::Client(body) => body.left(),
            Self::Upstream(body) => body.left(),
        }
    }
}
