//! Where a body ends, and its bytes without the framing (RFC 9112 sections 6 and 7).

use std::io;

use bytes::{Buf, BytesMut};

use super::malformed;

/// The most that chunk extensions and trailers, which are read past, may take in one body.
const ASIDE: usize = 16 * 1024;

/// How a message says where its body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    Length(u64),
    Chunked,
    /// With the connection.
    Close,
}

/// Takes a body out of its framing, however its bytes arrive.
#[derive(Debug)]
pub(super) struct Decoder {
    state: State,
    /// Bytes of extensions and trailers so far.
    aside: usize,
    /// Whether blanks may stand behind a chunk's size, as old servers write them.
    padded: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Done,
    Length(u64),
    Close,
    /// Within a chunk's size, of so many digits so far.
    Size(u64, u8),
    /// Within blanks behind it.
    Padding(u64),
    Extension(u64),
    SizeEnd(u64),
    Data(u64),
    DataReturn,
    DataEnd,
    /// At the beginning of a trailer or of the line that ends the body.
    Line,
    Trailer,
    TrailerEnd,
    LastEnd,
}

impl Decoder {
    /// For an answer: what only one reading has is read.
    pub(super) const fn new(framing: Framing) -> Self {
        let state = match framing {
            Framing::Length(0) => State::Done,
            Framing::Length(length) => State::Length(length),
            Framing::Chunked => State::Size(0, 0),
            Framing::Close => State::Close,
        };
        Self {
            state,
            aside: 0,
            padded: true,
        }
    }

    /// For a request: only what RFC 9112 allows is read.
    pub(super) const fn strict(framing: Framing) -> Self {
        Self {
            padded: false,
            ..Self::new(framing)
        }
    }

    pub(super) const fn is_done(&self) -> bool {
        matches!(self.state, State::Done)
    }

    /// The bytes that are still to come, where that is known.
    pub(super) const fn left(&self) -> Option<u64> {
        match self.state {
            State::Done => Some(0),
            State::Length(left) => Some(left),
            _ => None,
        }
    }

    /// Notes that `read` bytes of a body of known length went past.
    pub(super) const fn skip(&mut self, read: u64) {
        if let State::Length(left) = self.state {
            self.state = match left.saturating_sub(read) {
                0 => State::Done,
                left => State::Length(left),
            };
        }
    }

    /// The connection has ended.
    ///
    /// # Errors
    /// Where the body has not.
    pub(super) fn end(&mut self) -> io::Result<()> {
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

    /// Appends the body's bytes in `input` to `out`, and tells how many bytes of `input` belong to the message: all of
    /// them, unless it ends within.
    ///
    /// # Errors
    /// Where the framing is wrong.
    pub(super) fn decode(&mut self, input: &[u8], out: &mut BytesMut) -> io::Result<usize> {
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

    /// The state after one byte of the framing.
    fn step(&mut self, byte: u8) -> io::Result<State> {
        Ok(match (self.state, byte) {
            (State::Size(size, digits), b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') if digits < 16 => {
                let digit = char::from(byte).to_digit(16).unwrap_or_default();
                State::Size(size << 4 | u64::from(digit), digits + 1)
            }
            (State::Size(size, 1..) | State::Extension(size), b'\r') => State::SizeEnd(size),
            (State::Padding(size), b'\r') if self.padded => State::SizeEnd(size),
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
            (State::Line | State::Trailer, byte) if is_text(byte) => {
                self.set_aside()?;
                State::Trailer
            }
            (State::LastEnd, b'\n') => State::Done,
            _ => {
                return Err(malformed("a body's chunks are malformed"));
            }
        })
    }

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

/// The line that begins a chunk of `length` bytes.
pub(super) fn begin_chunk(out: &mut BytesMut, length: usize) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = (usize::BITS - length.leading_zeros()).div_ceil(4).max(1);
    for digit in (0..digits).rev() {
        out.extend_from_slice(&[DIGITS[length >> (4 * digit) & 15]]);
    }
    out.extend_from_slice(b"\r\n");
}

/// What ends a body in chunks.
pub(super) const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decoded(framing: Framing, pieces: &[&[u8]]) -> io::Result<(Vec<u8>, Vec<u8>, bool)> {
        let (mut decoder, mut out, mut beyond) = (Decoder::new(framing), BytesMut::new(), Vec::new());
        for piece in pieces {
            let read = decoder.decode(piece, &mut out)?;
            beyond.extend_from_slice(&piece[read..]);
        }
        Ok((out.to_vec(), beyond, decoder.is_done()))
    }

    #[test]
    fn a_body_ends_where_its_framing_says() {
        let whole = |framing, bytes: &str| {
            let (body, beyond, done) = decoded(framing, &[bytes.as_bytes()]).unwrap();
            (
                String::from_utf8(body).unwrap(),
                String::from_utf8(beyond).unwrap(),
                done,
            )
        };
        let is = |body: &str, beyond: &str, done| (body.to_owned(), beyond.to_owned(), done);
        assert_eq!(whole(Framing::Length(2), "abc"), is("ab", "c", true));
        assert_eq!(whole(Framing::Length(0), "c"), is("", "c", true));
        assert_eq!(whole(Framing::Length(4), "abc"), is("abc", "", false));
        assert_eq!(whole(Framing::Close, "abc"), is("abc", "", false));
        assert_eq!(whole(Framing::Chunked, "0\r\n\r\nGET"), is("", "GET", true));
        assert_eq!(
            whole(Framing::Chunked, "3;x=\"y\"\r\nabc\r\n01 \r\nd\r\n0\r\nx-t: 1\r\n\r\nG"),
            is("abcd", "G", true)
        );
        assert_eq!(
            whole(Framing::Chunked, "A\r\n0123456789\r\n0\r\n"),
            is("0123456789", "", false)
        );
    }

    #[test]
    fn framing_that_two_readers_could_read_in_two_ways_is_refused() {
        for bytes in [
            "\r\n",
            "x\r\n",
            "-1\r\n",
            "+1\r\n",
            "0x1\r\na",
            ";\r\n",
            "1\na",
            "1;\na",
            "1 1\r\na",
            " 1\r\na",
            "1;x\ry\r\na",
            "1;\0\r\na",
            "1\r\nab\r\n",
            "1\r\na\n",
            "0\r\n\n",
            "0\r\nx: y\n",
            "0\r\nx: y\rz\r\n\r\n",
            "0\r\nx: \0\r\n\r\n",
            "11111111111111111\r\n",
        ] {
            assert!(
                decoded(Framing::Chunked, &[bytes.as_bytes()]).is_err(),
                "{}",
                bytes.escape_debug()
            );
        }
        let long = format!("1;{}", "x".repeat(ASIDE + 1));
        assert!(decoded(Framing::Chunked, &[long.as_bytes()]).is_err());
    }

    #[test]
    fn blanks_behind_a_size_are_read_in_answers_alone() {
        for (bytes, strictly) in [
            ("1 \r\na", false),
            ("1\t \r\na", false),
            ("1 ;x\r\na", true),
            ("1; x\r\na", true),
        ] {
            let mut decoders = [Decoder::new(Framing::Chunked), Decoder::strict(Framing::Chunked)];
            let read = decoders
                .each_mut()
                .map(|decoder| decoder.decode(bytes.as_bytes(), &mut BytesMut::new()).is_ok());
            assert_eq!(read, [true, strictly], "{}", bytes.escape_debug());
        }
    }

    #[test]
    fn a_connection_that_ends_within_a_body_is_an_error() {
        let mut out = BytesMut::new();
        for (framing, bytes, whole) in [
            (Framing::Length(3), "ab", false),
            (Framing::Length(2), "ab", true),
            (Framing::Chunked, "2\r\nab\r\n", false),
            (Framing::Chunked, "2\r\nab\r\n0\r\n\r\n", true),
            (Framing::Close, "ab", true),
        ] {
            let mut decoder = Decoder::new(framing);
            decoder.decode(bytes.as_bytes(), &mut out).unwrap();
            assert_eq!(decoder.end().is_ok(), whole, "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn how_a_body_arrives_never_shows(
            chunks in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..300), 0..8),
            cuts in proptest::collection::vec(any::<proptest::sample::Index>(), 0..8),
        ) {
            let mut coded = BytesMut::new();
            for chunk in &chunks {
                begin_chunk(&mut coded, chunk.len());
                coded.extend_from_slice(chunk);
                coded.extend_from_slice(b"\r\n");
            }
            coded.extend_from_slice(LAST_CHUNK);
            coded.extend_from_slice(b"next");
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(coded.len())).collect();
            cuts.extend([0, coded.len()]);
            cuts.sort_unstable();
            let pieces: Vec<&[u8]> = cuts.windows(2).map(|cut| &coded[cut[0]..cut[1]]).collect();
            let (body, beyond, done) = decoded(Framing::Chunked, &pieces).unwrap();
            prop_assert_eq!(body, chunks.concat());
            prop_assert_eq!(beyond, b"next");
            prop_assert!(done);
        }

        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = decoded(Framing::Chunked, &[&bytes]);
        }
    }
}
