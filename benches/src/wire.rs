//! An HTTP/1.1 client reduced to what a load needs: prepared requests, and answers handed over as they arrive, with the
//! moment at which each read returned. It shares a core with the upstream, so it must cost little.

use std::io;
use std::net::SocketAddr;
use std::time::Instant;

use memchr::memmem;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::traffic::Kind;

const READ: usize = 64 * 1024;
const LARGEST_HEAD: usize = 16 * 1024;

/// A connection that is kept alive.
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    /// Received, and not used yet: `buffer[start..end]`.
    start: usize,
    end: usize,
    read_at: Instant,
}

/// How the body of an answer is delimited.
#[derive(Clone, Copy)]
enum Framing {
    Length(u64),
    Chunked,
}

/// The pieces of an answer's body, as they come.
pub(crate) trait Piece {
    /// `at`: when the read that brought it returned.
    fn piece(&mut self, bytes: &[u8], at: Instant);

    /// A read returned; what it brought follows.
    fn read(&mut self) {}

    /// Whether the rest is of no interest.
    fn enough(&self) -> bool {
        false
    }
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            // Held streams come by the thousand: it grows with the first answer that needs more.
            buffer: Vec::with_capacity(LARGEST_HEAD / 4),
            start: 0,
            end: 0,
            read_at: Instant::now(),
        })
    }

    pub(crate) async fn send(&mut self, request: &[u8]) -> io::Result<()> {
        self.stream.write_all(request).await
    }

    /// Reads one answer. Its status; the body goes to `pieces`.
    pub(crate) async fn answer(&mut self, pieces: &mut impl Piece) -> io::Result<u16> {
        let (status, framing) = self.head().await?;
        match framing {
            Framing::Length(length) => self.sized(length, pieces).await?,
            Framing::Chunked => self.chunked(pieces).await?,
        }
        Ok(status)
    }

    async fn head(&mut self) -> io::Result<(u16, Framing)> {
        loop {
            if let Some(length) = memmem::find(&self.buffer[self.start..self.end], b"\r\n\r\n") {
                let head = &self.buffer[self.start..self.start + length];
                let read = read_head(head).ok_or_else(|| broken("a head that cannot be read"))?;
                self.start += length + 4;
                return Ok(read);
            }
            if self.end - self.start > LARGEST_HEAD {
                return Err(broken("a head without end"));
            }
            self.fill().await?;
        }
    }

    async fn sized(&mut self, mut left: u64, pieces: &mut impl Piece) -> io::Result<()> {
        while left > 0 && !pieces.enough() {
            if self.start == self.end {
                self.fill().await?;
                pieces.read();
            }
            let length = left.min((self.end - self.start) as u64) as usize;
            pieces.piece(&self.buffer[self.start..self.start + length], self.read_at);
            self.start += length;
            left -= length as u64;
        }
        Ok(())
    }

    async fn chunked(&mut self, pieces: &mut impl Piece) -> io::Result<()> {
        pieces.read();
        while !pieces.enough() {
            let line = self.line(pieces).await?;
            let size = std::str::from_utf8(&self.buffer[line.0..line.1])
                .ok()
                .and_then(|line| u64::from_str_radix(line.split(';').next()?.trim(), 16).ok())
                .ok_or_else(|| broken("a chunk without size"))?;
            self.sized(size, pieces).await?;
            if pieces.enough() {
                break;
            }
            let end = self.line(pieces).await?;
            if end.0 != end.1 {
                return Err(broken(if size == 0 {
                    "trailers"
                } else {
                    "a chunk longer than its size"
                }));
            }
            if size == 0 {
                break;
            }
        }
        Ok(())
    }

    /// The next line, without its end, as a place in the buffer.
    async fn line(&mut self, pieces: &mut impl Piece) -> io::Result<(usize, usize)> {
        loop {
            if let Some(length) = memchr::memchr(b'\n', &self.buffer[self.start..self.end]) {
                let line = (self.start, (self.start + length).saturating_sub(1).max(self.start));
                self.start += length + 1;
                return Ok(line);
            }
            self.fill().await?;
            pieces.read();
        }
    }

    async fn fill(&mut self) -> io::Result<()> {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        } else if self.end == self.buffer.len() {
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        if self.end == self.buffer.len() {
            let larger = (self.buffer.len() * 4).clamp(LARGEST_HEAD / 4, READ.max(self.buffer.len() * 2));
            self.buffer.resize(larger, 0);
        }
        let read = self.stream.read(&mut self.buffer[self.end..]).await?;
        self.read_at = Instant::now();
        if read == 0 {
            return Err(broken("the connection ended before the answer did"));
        }
        self.end += read;
        Ok(())
    }
}

/// Status and framing of an answer.
fn read_head(head: &[u8]) -> Option<(u16, Framing)> {
    let head = std::str::from_utf8(head).ok()?;
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let mut framing = None;
    for line in lines {
        let (name, value) = line.split_once(':')?;
        if name.eq_ignore_ascii_case("content-length") {
            framing = Some(Framing::Length(value.trim().parse().ok()?));
        } else if name.eq_ignore_ascii_case("transfer-encoding") && value.trim().eq_ignore_ascii_case("chunked") {
            framing = Some(Framing::Chunked);
        }
    }
    Some((status, framing?))
}

fn broken(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// The bytes of a request to `path`, with the headers that the official Python SDK sends. `secret`: a token, or the upstream's key.
pub(crate) fn request(path: &str, kind: Kind, secret: &str) -> Vec<u8> {
    let body = kind.request_body();
    format!(
        "POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\naccept-encoding: gzip, deflate\r\nconnection: keep-alive\r\naccept: application/json\r\n\
         content-type: application/json\r\nuser-agent: OpenAI/Python 2.8.0\r\nx-stainless-lang: python\r\nx-stainless-package-version: 2.8.0\r\n\
         x-stainless-os: Linux\r\nx-stainless-arch: x64\r\nx-stainless-runtime: CPython\r\nx-stainless-runtime-version: 3.13.0\r\n\
         authorization: Bearer {secret}\r\nx-stainless-async: false\r\nx-stainless-retry-count: 0\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}
