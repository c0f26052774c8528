//! What is still to be written when a stream has ended.

use super::ending::Ending;
use super::{Name, Observer};
use crate::dialect::openai::is_json;

/// What is to be done at the end of a stream, in this order.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Last {
    /// The line that had begun is not to be sent: it is a part of one that nobody could read.
    pub drops_line: bool,
    /// To be written: the line ends that are missing, and what tells the client that the stream was cut.
    pub words: Vec<u8>,
    /// It was cut.
    pub is_cut: bool,
}

impl Observer {
    /// Whether the end mark has come, be it without the end of its line. To be asked when nothing more is there: it reads the
    /// line that has begun.
    #[must_use]
    pub fn is_over(&self) -> bool {
        let data = self.begun_data();
        let is_last = || data.starts_with(b"[DONE]") || self.name == Name::Last || self.ending.is_last(data);
        self.is_done() || is_last() && self.is_line_whole()
    }

    /// To be asked at the end. A line that is not complete counts as it stands. Of the line that has begun the last `unsent` bytes
    /// have not been sent.
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
        let unknown = self.ending == Ending::Unknown && self.choices.is_empty();
        // An error that the upstream told is an end, if a sad one.
        let is_cut = !self.is_complete() && (broken || !self.ends_in_error && !unknown);
        let drops_line = has_begun && !is_whole && !is_sent && (is_cut || line.starts_with(b"data:"));
        // What is missing to the end of the event, so that the error is one of its own.
        let closing = match has_begun && !drops_line {
            true if is_cut || is_whole || self.has_data => "\n\n",
            true => "",
            // The LF behind a CR ends the same line.
            false if self.has_data && self.after_cr => "\n\n",
            false if self.has_data => "\n",
            // An event without data is none, but some clients read one at the blank line.
            false if is_cut && self.name != Name::None && self.ending != Ending::Message => "event: error\n",
            false => "",
        };
        let mut words = closing.as_bytes().to_vec();
        if is_cut {
            words.extend_from_slice(&self.ending.truncated());
        }
        Last {
            drops_line,
            words,
            is_cut,
        }
    }

    /// Whether a line has begun, and lacks nothing but its end.
    #[must_use]
    pub fn is_line_whole(&self) -> bool {
        let data = self.begun_data();
        data.starts_with(b"[DONE]") || is_json(data)
    }

    /// The data of the line that has begun, or the line where it has none.
    fn begun_data(&self) -> &[u8] {
        let line = self.long.as_ref().map_or(self.line.as_slice(), |long| long.as_bytes());
        line.strip_prefix(b"data:").unwrap_or(line).trim_ascii()
    }
}
