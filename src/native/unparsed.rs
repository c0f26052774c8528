//! Requests that are wrong before the gateway can see it. What hyper cannot parse it refuses itself, with a status and
//! nothing else: here that bare answer is replaced by one that says what is wrong. And where a request gives its length in
//! two ways, hyper believes one of them and drops the other: here that is noticed (RFC 9112 section 6.3).

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::error::{Error, Kind};

/// The length of HTTP/2's preface: so much is read on its own, to tell the protocols apart.
const PREFACE: usize = 24;

/// What a connection's bytes and its requests tell each other.
#[derive(Default)]
pub(super) struct Notes {
    /// A head with two lengths has come in.
    two_lengths: AtomicBool,
    /// Answers of the gateway that are on their way. What goes out meanwhile is no refusal of hyper's, whatever it looks
    /// like.
    answers: AtomicUsize,
}

impl Notes {
    /// To be called for every request: whether its length was given in two ways.
    pub(super) fn take_two_lengths(&self) -> bool {
        self.two_lengths.swap(false, Ordering::Relaxed)
    }

    /// To be held until the answer of a request has gone out.
    pub(super) fn answering(self: &Arc<Self>) -> Answering {
        self.answers.fetch_add(1, Ordering::Relaxed);
        Answering(Arc::clone(self))
    }
}

/// An answer that is on its way.
pub(super) struct Answering(Arc<Notes>);

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.answers.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A connection whose bare refusals are written anew by `explain`.
pub(super) struct Explained<F> {
    io: TcpStream,
    explain: F,
    notes: Arc<Notes>,
    /// What was read at first, while it was not clear which protocol it is.
    start: Vec<u8>,
    /// What is written in place of a refusal, and how much of it has gone out.
    pending: Option<(Vec<u8>, usize)>,
}

impl<F: Fn(Error) -> Vec<u8> + Unpin> Explained<F> {
    pub(super) const fn new(io: TcpStream, explain: F, notes: Arc<Notes>) -> Self {
        Self {
            io,
            explain,
            notes,
            start: Vec::new(),
            pending: None,
        }
    }

    /// Writes the explanation in the place of a bare refusal; `None` where `bytes` are something else.
    fn poll_explain(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> Option<Poll<io::Result<()>>> {
        if self.pending.is_none() {
            if self.notes.answers.load(Ordering::Relaxed) > 0 {
                return None;
            }
            self.pending = Some(((self.explain)(refused(bytes)?), 0));
        }
        let (text, written) = self.pending.as_mut()?;
        while *written < text.len() {
            match Pin::new(&mut self.io).poll_write(context, &text[*written..]) {
                Poll::Ready(Ok(more)) if more > 0 => *written += more,
                Poll::Ready(Ok(_)) => return Some(Poll::Ready(Err(io::ErrorKind::WriteZero.into()))),
                Poll::Ready(Err(error)) => return Some(Poll::Ready(Err(error))),
                Poll::Pending => return Some(Poll::Pending),
            }
        }
        self.pending = None;
        Some(Poll::Ready(Ok(())))
    }
}

/// What hyper refuses with these bytes, if they are a refusal of its own: they alone have a status of 4xx, no body and no
/// request id.
fn refused(bytes: &[u8]) -> Option<Error> {
    let status = bytes
        .strip_prefix(b"HTTP/1.1 4")
        .or_else(|| bytes.strip_prefix(b"HTTP/1.0 4"))?;
    let whole = bytes.ends_with(b"\r\n\r\n") && memchr::memmem::find(bytes, b"x-request-id: ").is_none();
    memchr::memmem::find(bytes, b"\r\ncontent-length: 0\r\n").filter(|_| whole)?;
    Some(match status.get(..2)? {
        b"31" | b"14" => Error::new(
            Kind::HeadersTooLarge,
            "The request's headers are too large or too many; send fewer or shorter ones.",
        ),
        _ => Error::new(
            Kind::MalformedRequest,
            "The request is not well-formed HTTP; look for control characters in its headers, and for its length.",
        ),
    })
}

impl<F: Fn(Error) -> Vec<u8> + Unpin> AsyncWrite for Explained<F> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.poll_explain(context, bytes) {
            Some(explained) => explained.map_ok(|()| bytes.len()),
            None => Pin::new(&mut self.io).poll_write(context, bytes),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let first = slices
            .iter()
            .find(|slice| !slice.is_empty())
            .map_or(&[][..], |slice| slice);
        match self.poll_explain(context, first) {
            Some(explained) => explained.map_ok(|()| first.len()),
            None => Pin::new(&mut self.io).poll_write_vectored(context, slices),
        }
    }
}

impl<F: Unpin> AsyncRead for Explained<F> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.io).poll_read(context, buffer);
        let bytes = &buffer.filled()[before..];
        let start = std::mem::take(&mut self.start);
        if start.is_empty() && bytes.len() <= PREFACE {
            self.start = bytes.to_vec();
        } else if (start.is_empty() && has_two_lengths(bytes))
            || (!start.is_empty() && has_two_lengths(&[&start, bytes].concat()))
        {
            self.notes.two_lengths.store(true, Ordering::Relaxed);
        }
        read
    }
}

/// Whether these bytes begin with the head of an HTTP/1 request that has both Transfer-Encoding and Content-Length.
fn has_two_lengths(bytes: &[u8]) -> bool {
    if !bytes.first().is_some_and(u8::is_ascii_uppercase) {
        return false;
    }
    let Some(end) = memchr::memmem::find(bytes, b"\r\n\r\n") else {
        return false;
    };
    let head = &bytes[..end];
    let first = memchr::memchr(b'\n', head).unwrap_or(head.len());
    if memchr::memmem::find(&head[..first], b" HTTP/1.").is_none() {
        return false;
    }
    let lines = memchr::memchr_iter(b'\n', head).map(|end| &head[end + 1..]);
    let (mut coded, mut counted) = (false, false);
    for line in lines {
        let begins = |with: &[u8]| {
            line.get(..with.len())
                .is_some_and(|name| name.eq_ignore_ascii_case(with))
        };
        coded |= begins(b"transfer-encoding:");
        counted |= begins(b"content-length:");
    }
    coded && counted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_lengths_are_noticed_in_either_order_and_in_heads_only() {
        let two = |bytes: &str| has_two_lengths(bytes.as_bytes());
        assert!(two(
            "POST / HTTP/1.1\r\nContent-Length: 2\r\ntransfer-encoding: chunked\r\n\r\n0"
        ));
        assert!(two(
            "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\ncontent-length: 2\r\n\r\n"
        ));
        assert!(!two(
            "POST / HTTP/1.1\r\ncontent-length: 2\r\n\r\ntransfer-encoding: chunked"
        ));
        assert!(!two("Text\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n"));
    }

    #[test]
    fn only_bare_refusals_are_recognised() {
        let kind = |bytes: &str| refused(bytes.as_bytes()).map(|error| error.kind);
        assert_eq!(
            kind("HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"),
            Some(Kind::MalformedRequest)
        );
        assert_eq!(
            kind("HTTP/1.1 431 Large\r\ncontent-length: 0\r\n\r\n"),
            Some(Kind::HeadersTooLarge)
        );
        for other in [
            "HTTP/1.1 400 Bad Request\r\ncontent-length: 7\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
            "data: 4",
            "",
        ] {
            assert_eq!(kind(other), None, "{other}");
        }
    }
}
