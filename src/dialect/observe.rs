//! Watches a Chat Completions stream go by: whether it ends as a stream should, what it used, how it began. The bytes
//! themselves are never touched, and nothing in them can make the observer fail.
//!
//! Lines end as the event-stream specification says (CRLF, LF or CR; WHATWG HTML, section 9.2.6).

mod ending;
mod event;
mod last;
mod reading;
mod words;

use std::collections::BTreeSet;

use memchr::memchr2;

pub use self::ending::Ending;
pub use self::last::Last;
use self::words::{CHOICES, FINISH_REASON, is_no_field, names_another_kind};
use super::openai::Usage;
use super::shorten::Shortened;

/// How much of a line is kept that comes in pieces, in bytes, unless more is asked for. What is longer is read shortened.
pub const LINE_LIMIT: usize = 16 * 1024;

/// How a stream has begun.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Beginning {
    /// Nothing but comments and blank events so far.
    #[default]
    Nothing,
    /// An event that is part of an answer.
    Content,
    /// An error instead of an answer: the event's data.
    Error(Vec<u8>),
    /// The end mark, without anything before it.
    Empty,
}

/// What the event is called that has not ended, as far as it matters here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Name {
    /// It has no name yet.
    #[default]
    None,
    Error,
    /// It says nothing of an answer, whatever is in it.
    Silent,
    /// Nothing comes behind it.
    Last,
    Other,
}

/// The observer of one stream. Feed it every byte in order.
#[derive(Debug)]
pub struct Observer {
    /// The beginning of a line whose end has not come.
    line: Vec<u8>,
    /// The same of one that is too long.
    long: Option<Box<Shortened>>,
    /// Data of the first event, where it stands in several lines, as far as it has come.
    data_lines: Vec<u8>,
    /// How long a line may become before it is shortened, in bytes.
    limit: usize,
    /// The last line ended with a CR, and without an LF so far.
    after_cr: bool,
    /// The lines since the last blank one make an event that is not complete.
    in_event: bool,
    /// There is data among them.
    has_data: bool,
    name: Name,
    /// An event with data has begun.
    spoke: bool,
    beginning: Beginning,
    ending: Ending,
    done: bool,
    /// What came last tells of an error, or of what may be one.
    tells_error: bool,
    /// An error, in a way that every client takes for the end.
    ends_in_error: bool,
    /// Choices that were begun, and those that said why they ended, and nothing since.
    choices: BTreeSet<u64>,
    finished: BTreeSet<u64>,
    usage: Option<Usage>,
}

impl Default for Observer {
    fn default() -> Self {
        Self {
            line: Vec::new(),
            long: None,
            data_lines: Vec::new(),
            limit: LINE_LIMIT,
            after_cr: false,
            in_event: false,
            has_data: false,
            name: Name::None,
            spoke: false,
            beginning: Beginning::Nothing,
            ending: Ending::Done,
            done: false,
            tells_error: false,
            ends_in_error: false,
            choices: BTreeSet::new(),
            finished: BTreeSet::new(),
            usage: None,
        }
    }
}

impl Observer {
    /// The observer of a stream that ends in its own way.
    #[must_use]
    pub fn of(ending: Ending) -> Self {
        Self {
            ending,
            ..Self::default()
        }
    }

    /// Keeps lines of up to `limit` bytes as they are, from now on.
    pub fn keep_lines(&mut self, limit: usize) {
        self.limit = limit;
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

    /// What follows the line end of which a CR has come.
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
        if self.long.is_none() {
            let room = self.limit.saturating_sub(self.line.len());
            if bytes.len() <= room && self.line.len() <= self.limit {
                return self.line.extend_from_slice(bytes);
            }
            self.line.extend_from_slice(&bytes[..room]);
            bytes = &bytes[room..];
            let line = std::mem::take(&mut self.line);
            self.tells_error |= self.may_tell(&line, true);
            let mut long = Box::<Shortened>::default();
            long.extend(&line);
            self.long = Some(long);
        }
        if let Some(long) = &mut self.long {
            long.extend(bytes);
            self.tells_error |= long.names_error();
        }
    }

    fn end_line(&mut self, rest: &[u8]) {
        if self.long.is_some() || self.line.len() + rest.len() > self.limit {
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

    fn begin(&mut self, beginning: Beginning) {
        if self.beginning == Beginning::Nothing {
            self.beginning = beginning;
        }
    }

    /// How the stream has begun.
    #[must_use]
    pub const fn beginning(&self) -> &Beginning {
        &self.beginning
    }

    /// Whether anything but comments and blank events has come.
    #[must_use]
    pub fn has_spoken(&self) -> bool {
        self.spoke || self.is_in_line() && !self.line.starts_with(b":")
    }

    /// Whether an event that has come since this was asked last may tell of an error. One that is not complete goes on.
    pub fn takes_error(&mut self) -> bool {
        let tells = self.tells_error;
        self.tells_error &= self.in_event || self.long.is_some();
        tells
    }

    /// The length in bytes of the line that has begun, and is not too long to be kept.
    #[must_use]
    pub const fn unfinished(&self) -> usize {
        self.line.len()
    }

    /// Whether that line may become one that tells of an error.
    #[must_use]
    pub fn may_tell_error(&self) -> bool {
        !self.line.is_empty() && (self.tells_error || self.may_tell(&self.line, false))
    }

    /// Whether a line has begun that is too long to be kept.
    #[must_use]
    pub const fn is_in_long_line(&self) -> bool {
        self.long.is_some()
    }

    /// Whether the line that has begun tells of an error for certain, however it goes on.
    #[must_use]
    pub fn is_in_error(&self) -> bool {
        self.name == Name::Error || self.long.as_ref().is_some_and(|long| long.is_error())
    }

    const fn is_in_line(&self) -> bool {
        !self.line.is_empty() || self.long.is_some()
    }

    /// Whether the line that has begun with this may tell of an error. Of a `long` one nothing is kept until that is known.
    fn may_tell(&self, line: &[u8], long: bool) -> bool {
        let Some(data) = line.strip_prefix(b"data:").map(<[u8]>::trim_ascii_start) else {
            return is_no_field(line);
        };
        let is_answer = || match self.ending {
            Ending::Done => CHOICES.find(data).is_some(),
            _ => self.name != Name::None || names_another_kind(data),
        };
        self.tells(data, FINISH_REASON.find(data).is_some()) || long && !is_answer()
    }

    /// How the stream is to end.
    #[must_use]
    pub const fn ending(&self) -> Ending {
        self.ending
    }

    /// Whether the end mark has come.
    #[must_use]
    pub const fn is_done(&self) -> bool {
        self.done
    }

    /// Whether the end mark has come, or every choice has said why it ended, and nothing since.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        let finished = !self.choices.is_empty() && self.choices.is_subset(&self.finished);
        self.done || finished && matches!(self.ending, Ending::Done | Ending::Unknown)
    }

    /// The tokens that the stream has told of so far.
    #[must_use]
    pub const fn usage(&self) -> Option<Usage> {
        self.usage
    }
}

#[cfg(test)]
mod tests;
