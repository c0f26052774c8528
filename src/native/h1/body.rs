//! The end of a body, and its bytes without the framing (RFC 9112 sections 6 and 7).
//!
//! A [`Decoder`] is fed with bytes as they come, and takes as many as belong to the message: the rest belongs to the next one.
//! It is a machine of small steps, so that the way in which the bytes arrive never shows.

use std::io;

use bytes::{Buf, BytesMut};

use super::malformed::malformed;

/// The most that chunk extensions and trailers may take in one body, in bytes. They are read past.
const ASIDE: usize = 16 * 1024;

/// The way in which a message says where its body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    Length(u64),
    Chunked,
    /// The end of the connection is that of the body.
    Close,
}

/// A reader that takes a body out of its framing, however its bytes arrive.
#[derive(Debug)]
pub(crate) struct Decoder {
    state: State,
    /// The number of bytes of extensions and trailers so far.
    aside: usize,
    /// Whether only what RFC 9112 allows is read. Old servers write blanks behind a chunk's size, and trailers without a name.
    is_strict: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Done,
    Length(u64),
    Close,
    /// The size of a chunk, and the number of its digits so far.
    Size(u64, u8),
    /// Blanks behind this size.
    Padding(u64),
    Extension(u64),
    SizeEnd(u64),
    Data(u64),
    DataReturn,
    DataEnd,
    /// The beginning of a trailer, or of the line that ends the body.
    Line,
    /// The name of a trailer, in a request.
    TrailerName,
    Trailer,
    TrailerEnd,
    LastEnd,
}

impl Decoder {
    /// A decoder for an answer. It reads everything that can be read in one way only.
    pub(crate) const fn new(framing: Framing) -> Self {
        let state = match framing {
            Framing::Length(0) => State::Done,
            Framing::Length(length) => State::Length(length),
            Framing::Chunked => State::Size(0, 0),
            Framing::Close => State::Close,
        };
        Self {
            state,
            aside: 0,
            is_strict: false,
        }
    }

    /// A decoder for a request. It reads only what RFC 9112 allows.
    pub(crate) const fn strict(framing: Framing) -> Self {
        Self {
            is_strict: true,
            ..Self::new(framing)
        }
    }

    /// Whether the body has ended.
    pub(crate) const fn is_done(&self) -> bool {
        matches!(self.state, State::Done)
    }

    /// Returns the number of bytes that are still to come, if it is known.
    pub(crate) const fn left(&self) -> Option<u64> {
        match self.state {
            State::Done => Some(0),
            State::Length(left) => Some(left),
            _ => None,
        }
    }

    /// Takes note of `read` bytes of a body of known length that somebody else has read.
    pub(crate) const fn skip(&mut self, read: u64) {
        if let State::Length(left) = self.state {
            self.state = match left.saturating_sub(read) {
                0 => State::Done,
                left => State::Length(left),
            };
        }
    }

    /// Takes note of the end of the connection.
    ///
    /// # Errors
    /// If the body has not ended with it.
    pub(crate) fn end(&mut self) -> io::Result<()> {
        match self.state {
            State::Done | State::Close => {
                self.state = State::Done;
                Ok(())
            }
            _ => Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "the connection ended within a body",
            )),
        }
    }

    /// Appends the body's bytes in `input` to `out`, and returns how many bytes of `input` belong to the message: all of them,
    /// unless it ends within.
    ///
    /// # Errors
    /// If the framing is wrong.
    pub(crate) fn decode(&mut self, input: &[u8], out: &mut BytesMut) -> io::Result<usize> {
        let mut rest = input;
        out.reserve(self.left().map_or(input.len(), |left| {
            input.len().min(usize::try_from(left).unwrap_or(usize::MAX))
        }));
        while !rest.is_empty() && !self.is_done() {
            match self.state {
                State::Length(_) | State::Close => {
                    let (all, read) = (rest.len(), self.left().unwrap_or(u64::MAX));
                    let read = usize::try_from(read).map_or(all, |read| read.min(all));
                    out.extend_from_slice(&rest[..read]);
                    rest.advance(read);
                    self.skip(read as u64);
                }
                State::Data(left) => {
                    let read = usize::try_from(left).map_or(rest.len(), |left| left.min(rest.len()));
                    out.extend_from_slice(&rest[..read]);
                    rest.advance(read);
                    self.state = match left - read as u64 {
                        0 => State::DataReturn,
                        left => State::Data(left),
                    };
                }
                _ => {
                    self.state = self.step(rest[0])?;
                    rest.advance(1);
                }
            }
        }
        Ok(input.len() - rest.len())
    }

    /// Returns the state behind one byte of the framing.
    fn step(&mut self, byte: u8) -> io::Result<State> {
        Ok(match (self.state, byte) {
            (State::Size(size, digits), b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') if digits < 16 => {
                let digit = char::from(byte).to_digit(16).unwrap_or_default();
                State::Size(size << 4 | u64::from(digit), digits + 1)
            }
            (State::Size(size, 1..) | State::Extension(size), b'\r') => State::SizeEnd(size),
            (State::Padding(size), b'\r') if !self.is_strict => State::SizeEnd(size),
            (State::Size(size, 1..) | State::Padding(size), b';') => State::Extension(size),
            (State::Size(size, 1..) | State::Padding(size), b' ' | b'\t') => {
                self.set_aside()?;
                State::Padding(size)
            }
            (State::Extension(size), byte) if is_text(byte) => {
                self.set_aside()?;
                State::Extension(size)
            }
            (State::SizeEnd(0), b'\n') | (State::TrailerEnd, b'\n') => State::Line,
            (State::SizeEnd(size), b'\n') => State::Data(size),
            (State::DataReturn, b'\r') => State::DataEnd,
            (State::DataEnd, b'\n') => State::Size(0, 0),
            (State::Line, b'\r') => State::LastEnd,
            (State::Trailer, b'\r') => State::TrailerEnd,
            (State::Line | State::TrailerName, byte) if self.is_strict && is_token(byte) => {
                self.set_aside()?;
                State::TrailerName
            }
            (State::TrailerName, b':') => State::Trailer,
            (State::Line, byte) if !self.is_strict && is_text(byte) => {
                self.set_aside()?;
                State::Trailer
            }
            (State::Trailer, byte) if is_text(byte) => {
                self.set_aside()?;
                State::Trailer
            }
            (State::LastEnd, b'\n') => State::Done,
            _ => {
                return Err(malformed("a body's chunks are malformed"));
            }
        })
    }

    /// Counts a byte that is read past.
    fn set_aside(&mut self) -> io::Result<()> {
        self.aside += 1;
        if self.aside > ASIDE {
            return Err(malformed("a body's chunk extensions or trailers are too long"));
        }
        Ok(())
    }
}

/// Whether a byte may stand in a line (RFC 9110 section 5.5).
const fn is_text(byte: u8) -> bool {
    byte == b'\t' || !byte.is_ascii_control()
}

/// Whether a byte may stand in the name of a field (RFC 9110 section 5.6.2).
const fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~')
}

/// Appends the line that begins a chunk of `length` bytes.
pub(crate) fn begin_chunk(out: &mut BytesMut, length: usize) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = (usize::BITS - length.leading_zeros()).div_ceil(4).max(1);
    for digit in (0..digits).rev() {
        out.extend_from_slice(&[DIGITS[length >> (4 * digit) & 15]]);
    }
    out.extend_from_slice(b"\r\n");
}

/// The end of a body in chunks.
pub(crate) const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

#[cfg(test)]
mod tests;
