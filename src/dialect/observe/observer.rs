//! The observer itself: it makes lines of the pieces of a stream, and has them read.

use memchr::memchr2;

use super::events::{Beginning, Events};
use super::last::{Last, LastLine};
use crate::dialect::ending::Ending;
use crate::dialect::usage::Usage;
use crate::dialect::wire::shape::is_json;
use crate::dialect::wire::shorten::Shortened;
use crate::dialect::wire::trim::BYTE_ORDER_MARK;

/// How much of a line is kept that comes in pieces, in bytes, unless more is asked for. A longer line is read shortened.
pub const LINE_LIMIT: usize = 16 * 1024;

/// The observer of one stream. The [module](super) says in which order its functions are called, and what they mean.
#[derive(Debug)]
pub struct Observer {
    /// The beginning of a line whose end has not come.
    line: Vec<u8>,
    /// The shortened form of such a beginning, where that is longer than the limit. `line` is empty then.
    long: Option<Box<Shortened>>,
    /// A line has ended.
    has_line: bool,
    /// The last line ended with a CR, and no LF has come since.
    after_cr: bool,
    /// What the complete lines say.
    events: Events,
}

impl Default for Observer {
    fn default() -> Self {
        Self::of(Ending::default())
    }
}

impl Observer {
    /// Returns the observer of a stream that ends in a certain way.
    #[must_use]
    pub fn of(ending: Ending) -> Self {
        Self {
            line: Vec::new(),
            long: None,
            has_line: false,
            after_cr: false,
            events: Events::new(ending, LINE_LIMIT),
        }
    }

    /// Keeps lines of up to `limit` bytes as they are, from now on.
    pub fn keep_lines(&mut self, limit: usize) {
        self.events.limit = limit;
        self.lengthen_line(&[]);
    }

    /// Takes the next bytes of the stream.
    pub fn feed(&mut self, mut bytes: &[u8]) {
        if self.after_cr && !self.is_in_line() {
            bytes = self.without_lf(bytes);
        }
        while let Some(end) = memchr2(b'\n', b'\r', bytes) {
            self.end_line(&bytes[..end]);
            self.after_cr = bytes[end] == b'\r';
            bytes = &bytes[end + 1..];
            if self.after_cr {
                bytes = self.without_lf(bytes);
            }
        }
        if !bytes.is_empty() {
            self.lengthen_line(bytes);
        }
    }

    /// Returns `bytes` without the LF of a line end, after its CR has come.
    fn without_lf<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        match bytes.strip_prefix(b"\n") {
            Some(rest) => {
                self.after_cr = false;
                rest
            }
            None => bytes,
        }
    }

    fn lengthen_line(&mut self, mut bytes: &[u8]) {
        let limit = self.events.limit;
        if self.long.is_none() {
            let room = limit.saturating_sub(self.line.len());
            if bytes.len() <= room && self.line.len() <= limit {
                return self.line.extend_from_slice(bytes);
            }
            self.line.extend_from_slice(&bytes[..room]);
            bytes = &bytes[room..];
            let line = std::mem::take(&mut self.line);
            // Nothing of it is kept from here on, so what is not plainly an answer counts as an error.
            self.events.error_flag |= self.events.line_may_be_error(&line, true);
            let mut long = Box::<Shortened>::default();
            long.extend(&line);
            self.long = Some(long);
        }
        if let Some(long) = &mut self.long {
            long.extend(bytes);
            self.events.error_flag |= long.has_error();
        }
    }

    fn end_line(&mut self, rest: &[u8]) {
        if self.long.is_some() || self.line.len() + rest.len() > self.events.limit {
            self.lengthen_line(rest);
            if let Some(long) = self.long.take() {
                self.read_line(long.as_bytes());
            }
        } else if self.line.is_empty() {
            self.read_line(rest);
        } else {
            let mut line = std::mem::take(&mut self.line);
            line.extend_from_slice(rest);
            self.read_line(&line);
            line.clear();
            // Kept for its memory, unless that is much.
            if line.capacity() <= 4096 {
                self.line = line;
            }
        }
    }

    /// Has a complete line read.
    fn read_line(&mut self, line: &[u8]) {
        // A byte order mark is one at the beginning of the stream only. Elsewhere it is a part of the line, which is not
        // blank.
        let mark = (!self.has_line).then(|| line.strip_prefix(BYTE_ORDER_MARK)).flatten();
        self.has_line = true;
        self.events.read_line(mark.unwrap_or(line));
    }

    /// Returns how the stream has begun.
    #[must_use]
    pub const fn beginning(&self) -> &Beginning {
        &self.events.beginning
    }

    /// Whether anything but comments and blank events has come.
    #[must_use]
    pub fn has_data_begun(&self) -> bool {
        self.events.has_any_data || self.is_in_line() && !self.line.starts_with(b":")
    }

    /// Returns whether something since the last call may be an error, and resets the flag. The flag stays set while that
    /// event is incomplete.
    pub fn take_error_flag(&mut self) -> bool {
        let flag = self.events.error_flag;
        self.events.error_flag &= self.events.in_event || self.long.is_some();
        flag
    }

    /// Returns how much of the line that has begun is kept, in bytes: all of it, or nothing where it is too long.
    #[must_use]
    pub const fn held_len(&self) -> usize {
        self.line.len()
    }

    /// Whether the line that is kept may become one that contains an error.
    #[must_use]
    pub fn held_line_may_be_error(&self) -> bool {
        !self.line.is_empty() && (self.events.error_flag || self.events.line_may_be_error(&self.line, false))
    }

    /// Whether a line has begun that is too long to be kept.
    #[must_use]
    pub const fn is_in_long_line(&self) -> bool {
        self.long.is_some()
    }

    /// Whether the line that has begun is an error for certain, however it goes on.
    #[must_use]
    pub fn is_in_error(&self) -> bool {
        self.events.is_named_error() || self.long.as_ref().is_some_and(|long| long.is_error())
    }

    const fn is_in_line(&self) -> bool {
        !self.line.is_empty() || self.long.is_some()
    }

    /// Returns how the stream is to end.
    #[must_use]
    pub const fn ending(&self) -> Ending {
        self.events.ending
    }

    /// Whether the end mark has come.
    #[must_use]
    pub const fn is_done(&self) -> bool {
        self.events.is_done
    }

    /// Whether the end mark has come, or every choice has said why it ended, and nothing since.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.events.is_complete()
    }

    /// Whether the end mark has come, even if the end of its line has not. Reads the line that has begun.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.is_done() || self.events.ends_with(self.begun_data()) && self.is_line_whole()
    }

    /// Whether a line has begun, and lacks nothing but its end. Reads that line.
    #[must_use]
    pub fn is_line_whole(&self) -> bool {
        let data = self.begun_data();
        data.starts_with(b"[DONE]") || is_json(data)
    }

    /// Returns the data of the line that has begun; the line itself where it has none.
    fn begun_data(&self) -> &[u8] {
        let line = self.long.as_ref().map_or(self.line.as_slice(), |long| long.as_bytes());
        line.strip_prefix(b"data:").unwrap_or(line).trim_ascii()
    }

    /// Returns the tokens that the stream used, as far as it has said.
    #[must_use]
    pub fn usage(&self) -> Option<Usage> {
        self.events.usage()
    }

    /// Ends the stream, and returns what is still to be written. `broken`: it did not end in order. `unsent`: so many bytes
    /// at the end of the line that has begun have not been sent. A line that lacks only its end counts as complete.
    #[must_use]
    pub fn last_words(&mut self, broken: bool, unsent: usize) -> Last {
        let (has_begun, is_whole) = (self.is_in_line(), self.is_line_whole());
        let is_sent = self.long.is_some() || self.line.len() > unsent;
        let line = match self.long.take() {
            Some(long) => long.into_bytes(),
            None => std::mem::take(&mut self.line),
        };
        if is_whole {
            self.read_line(&line);
        }
        let line = LastLine {
            has_begun,
            is_whole,
            is_sent,
            is_data: line.starts_with(b"data:"),
            after_cr: self.after_cr,
        };
        Last::of(&self.events, &line, broken)
    }
}

#[cfg(test)]
mod tests;
