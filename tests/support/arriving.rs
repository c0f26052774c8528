//! Bodies that are read as they arrive, however long they are.

use std::io::{BufRead, BufReader, Read, Result};

/// A body of known length, in chunks, or up to the end of the connection.
pub(crate) struct Arriving<R> {
    from: BufReader<R>,
    left: Left,
}

enum Left {
    /// So many bytes.
    Bytes(u64),
    /// So many bytes of a chunk, then more chunks.
    Chunk(u64),
    /// Everything.
    Rest,
}

/// The head of a message, if it comes, and its body.
pub(crate) fn begin<R: Read>(from: R) -> (Option<String>, Arriving<R>) {
    let mut from = BufReader::with_capacity(256 * 1024, from);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if from.read_line(&mut head).unwrap_or_default() == 0 {
            return (
                None,
                Arriving {
                    from,
                    left: Left::Bytes(0),
                },
            );
        }
    }
    head.truncate(head.len() - 4);
    let field = |name: &str| {
        let lower = head.to_ascii_lowercase();
        let value = lower
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        value.map(str::to_owned)
    };
    let left = match (field("transfer-encoding"), field("content-length")) {
        (Some(_), _) => Left::Chunk(0),
        (None, Some(length)) => Left::Bytes(length.parse().unwrap()),
        // A request without either has no body.
        (None, None) if head.starts_with("HTTP/") => Left::Rest,
        (None, None) => Left::Bytes(0),
    };
    (Some(head), Arriving { from, left })
}

impl<R> Arriving<R> {
    /// Whether anything is still to come.
    pub(crate) const fn is_due(&self) -> bool {
        !matches!(self.left, Left::Bytes(0))
    }
}

impl<R: Read> Read for Arriving<R> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        if let Left::Chunk(0) = self.left {
            let mut line = String::new();
            while line.trim().is_empty() {
                line.clear();
                if self.from.read_line(&mut line)? == 0 {
                    return Err(std::io::ErrorKind::UnexpectedEof.into());
                }
            }
            let size = u64::from_str_radix(line.trim(), 16).unwrap();
            self.left = if size == 0 { Left::Bytes(0) } else { Left::Chunk(size) };
        }
        let (Left::Bytes(left) | Left::Chunk(left)) = &mut self.left else {
            return self.from.read(buffer);
        };
        let most = usize::try_from(*left).unwrap_or(usize::MAX).min(buffer.len());
        if most == 0 {
            return Ok(0);
        }
        let read = self.from.read(&mut buffer[..most])?;
        *left -= read as u64;
        if read == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        Ok(read)
    }
}
