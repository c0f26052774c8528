//! Watches a Chat Completions stream go by: whether it ends as a stream should, what it used, how it began. The bytes
//! themselves are never touched, and nothing in them can make the observer fail.
//!
//! Lines end as the event-stream specification says (CRLF, LF or CR; WHATWG HTML, section 9.2.6).

mod ending;
mod event;
mod long;
mod words;

use std::collections::BTreeSet;

use memchr::memchr2;

pub use self::ending::Ending;
use self::event::{Choice, Event, Response};
use self::long::Long;
use self::words::{
    CHOICES, FINISH_REASON, INDEX, USAGE, error_object, is_bare_error, is_no_field, names_error, says, speaks_of_error,
    told,
};
use super::openai::{Usage, is_json, is_listed_error, says_something};

/// The most that is kept of a line that comes in pieces. Of what is longer only both ends are read.
const LINE_LIMIT: usize = 16 * 1024;

/// The events that say that an answer will come, and nothing of it, as JSON.
const SILENT: [&str; 5] = [
    "\"response.created\"",
    "\"response.queued\"",
    "\"response.in_progress\"",
    "\"message_start\"",
    "\"ping\"",
];

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

/// The observer of one stream. Feed it every byte in order.
#[derive(Debug)]
pub struct Observer {
    /// The beginning of a line whose end has not come.
    line: Vec<u8>,
    /// The same of one that is too long.
    long: Option<Box<Long>>,
    /// The last byte was a CR: an LF right behind it belongs to the same line end.
    after_cr: bool,
    /// The lines since the last blank one make an event that is not complete.
    in_event: bool,
    /// Its name is that of a last one. It is there when its data is.
    last_named: bool,
    /// Its name is `error`.
    error_named: bool,
    /// Its name is `ping`.
    ping_named: bool,
    beginning: Beginning,
    ending: Ending,
    done: bool,
    /// What came last tells of an error, or of what may be one.
    tells_error: bool,
    /// An error, in a way that every client takes for the end.
    ends_in_error: bool,
    /// Choices that were begun, and those that said why they ended.
    choices: BTreeSet<u64>,
    finished: BTreeSet<u64>,
    usage: Option<Usage>,
}

impl Default for Observer {
    fn default() -> Self {
        Self {
            line: Vec::new(),
            long: None,
            after_cr: false,
            in_event: false,
            last_named: false,
            error_named: false,
            ping_named: false,
            beginning: Beginning::Nothing,
            ending: Ending::Done,
            done: false,
            tells_error: false,
            ends_in_error: false,
            choices: BTreeSet::from([0]),
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

    /// The observer of a stream that cannot be read, a compressed one: it has nothing to say.
    #[must_use]
    pub fn blind() -> Self {
        Self {
            beginning: Beginning::Content,
            done: true,
            ..Self::default()
        }
    }

    /// Takes the next bytes of the stream.
    pub fn feed(&mut self, mut bytes: &[u8]) {
        if self.after_cr && !bytes.is_empty() {
            self.after_cr = false;
            bytes = bytes.strip_prefix(b"\n").unwrap_or(bytes);
        }
        while let Some(end) = memchr2(b'\n', b'\r', bytes) {
            self.end_line(&bytes[..end]);
            let crlf = bytes[end] == b'\r';
            bytes = &bytes[end + 1..];
            if crlf {
                if bytes.is_empty() {
                    self.after_cr = true;
                } else {
                    bytes = bytes.strip_prefix(b"\n").unwrap_or(bytes);
                }
            }
        }
        if bytes.is_empty() {
            return;
        }
        if let Some(long) = &mut self.long {
            long.extend(bytes);
            return;
        }
        self.line.extend_from_slice(bytes);
        if self.line.len() > LINE_LIMIT {
            self.long = Some(Box::new(Long::of(std::mem::take(&mut self.line))));
        }
    }

    fn end_line(&mut self, rest: &[u8]) {
        if let Some(mut long) = self.long.take() {
            long.extend(rest);
            self.read_long(&long);
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

    fn read_long(&mut self, line: &Long) {
        self.in_event = true;
        let is_last = |kind: &str| self.ending.is_last_name(kind.as_bytes());
        self.done |= self.last_named || line.kind().is_some_and(is_last);
        self.usage = line.usage().or(self.usage);
        if line.is_finished() {
            self.finished.insert(line.index());
        }
        self.begin(Beginning::Content);
    }

    fn read_line(&mut self, line: &[u8]) {
        let line = line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line);
        self.in_event = !line.is_empty();
        if !self.in_event {
            (self.last_named, self.error_named, self.ping_named) = (false, false, false);
            return;
        }
        if let Some(data) = line.strip_prefix(b"data:") {
            self.read_data(data.trim_ascii());
        } else if let Some(event) = line.strip_prefix(b"event:") {
            let name = event.trim_ascii();
            self.error_named = name == b"error";
            self.ping_named = name == b"ping";
            self.last_named = self.ending.is_last_name(name);
        } else {
            self.tells_error |= is_no_field(line);
        }
    }

    fn read_data(&mut self, data: &[u8]) {
        if data.starts_with(b"[DONE]") {
            self.done = true;
            self.begin(Beginning::Empty);
            return;
        }
        if data.is_empty() || self.ping_named || data.eq_ignore_ascii_case(b"ping") {
            return;
        }
        self.done |= self.last_named || self.ending.is_last(data);
        // Most events are one choice's next words. Only what says more is parsed.
        let first = self.beginning == Beginning::Nothing;
        let reason = told(data, &FINISH_REASON, b'n');
        let tells = self.tells(data, reason.is_some());
        self.tells_error |= tells;
        if first || tells || reason == Some(true) || says(data, &USAGE, b'n') || says(data, &INDEX, b'0') {
            self.read_event(data, first);
        }
    }

    /// Whether data, or what has come of it, may tell of an error: where none is named, by what only errors say.
    #[inline]
    fn tells(&self, data: &[u8], is_choice: bool) -> bool {
        let is_text = || !matches!(data.first(), None | Some(b'{' | b'['));
        let is_bare = || !is_choice && CHOICES.find(data).is_none() && speaks_of_error(data);
        self.error_named || names_error(data) || self.ending == Ending::Done && (is_text() || is_bare())
    }

    fn read_event(&mut self, data: &[u8], first: bool) {
        let event = data
            .starts_with(b"{")
            .then(|| serde_json::from_slice::<Event<'_>>(data));
        let Some(Ok(event)) = event else {
            if self.error_named || is_listed_error(data) {
                let text = serde_json::to_vec(&String::from_utf8_lossy(data)).unwrap_or_default();
                let listed = is_json(data).then(|| data.to_vec());
                self.begin(Beginning::Error(listed.unwrap_or_else(|| error_object(&text))));
            }
            // Not ours to judge; it may be one line of several.
            self.begin(Beginning::Content);
            if says(data, &FINISH_REASON, b'n') {
                self.finished.insert(0);
            }
            return;
        };
        let inside: Option<Response<'_>> = event
            .response
            .and_then(|response| serde_json::from_str(response.get()).ok());
        let choices = event.choices.as_deref().unwrap_or_default();
        if event.error.is_some_and(|error| says_something(error.get())) || event.object == Some("error") {
            self.ends_in_error = true;
            self.begin(Beginning::Error(data.to_vec()));
        } else if !choices.is_empty() && choices.iter().all(Choice::has_failed)
            || first && event.choices.is_none() && self.ending == Ending::Done && is_bare_error(data)
        {
            self.begin(Beginning::Error(data.to_vec()));
        } else if self.error_named || event.is("\"error\"") {
            self.begin(Beginning::Error(error_object(data)));
        } else if event.is("\"response.failed\"")
            && let Some(error) = inside.as_ref().and_then(|response| response.error)
        {
            self.begin(Beginning::Error(error_object(error.get().as_bytes())));
        }
        // Responses tell it inside the response.
        self.usage = event
            .usage()
            .or_else(|| inside.and_then(|response| response.usage))
            .or(self.usage);
        let Some(choices) = event.choices else {
            // That a request has been accepted is no part of its answer.
            if !SILENT.iter().any(|kind| event.is(kind)) {
                self.begin(Beginning::Content);
            }
            return;
        };
        for choice in &choices {
            let index = choice.index.unwrap_or_default();
            self.choices.insert(index);
            if choice.is_finished() {
                self.finished.insert(index);
            }
        }
        // Azure's first event has no choices, only what its filter thought of the prompt; OpenAI's names the role and says
        // nothing yet.
        let silent = choices.is_empty() || first && choices.iter().all(|choice| choice.says_nothing());
        if !silent {
            self.begin(Beginning::Content);
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

    /// Whether an event that has come since this was asked last may tell of an error. One that is not complete goes on.
    pub fn takes_error(&mut self) -> bool {
        let tells = self.tells_error;
        self.tells_error &= self.in_event;
        tells
    }

    /// The length of the line that has begun, if it may become one that tells of an error.
    #[must_use]
    pub fn telling(&self) -> usize {
        let tells = match self.line.strip_prefix(b"data:").map(<[u8]>::trim_ascii_start) {
            Some(data) => self.tells(data, FINISH_REASON.find(data).is_some()),
            None => is_no_field(&self.line),
        };
        if self.tells_error || tells { self.line.len() } else { 0 }
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

    /// The tokens that the stream has told of so far.
    #[must_use]
    pub const fn usage(&self) -> Option<Usage> {
        self.usage
    }

    /// To be asked at the end: what to write behind the last byte, and nothing if the stream ended as it should. A line
    /// that is not complete counts as it stands. An event that is cut is closed, so that the error is one of its own.
    #[must_use]
    pub fn last_words(&mut self, broken: bool) -> Option<Vec<u8>> {
        let in_line = !self.line.is_empty() || self.long.is_some();
        if in_line {
            // What an event is called does not make half of its data whole, nor do the ends of a long line.
            self.last_named = false;
            self.long = None;
            let line = std::mem::take(&mut self.line);
            let data = line.strip_prefix(b"data:").unwrap_or_default().trim_ascii();
            if data.starts_with(b"[DONE]") || is_json(data) {
                self.read_line(&line);
            }
        }
        let finished = match self.ending {
            Ending::Done => self.choices.iter().all(|choice| self.finished.contains(choice)),
            Ending::Response | Ending::Message => false,
            Ending::Unknown => true,
        };
        // An error that the upstream told is an end, if a sad one.
        if self.done || (!broken && (finished || self.ends_in_error)) {
            return None;
        }
        let closing = match (in_line, self.in_event) {
            (true, _) => "\n\n",
            // The LF behind a CR ends the same line.
            (false, true) if self.after_cr => "\n\n",
            (false, true) => "\n",
            (false, false) => "",
        };
        Some([closing.as_bytes(), &self.ending.truncated()].concat())
    }
}

#[cfg(test)]
mod tests;
