//! Watches a Chat Completions stream go by: whether it ends as a stream should, what it used, how it began. The bytes
//! themselves are never touched, and nothing in them can make the observer fail.
//!
//! Lines end as the event-stream specification says (CRLF, LF or CR; WHATWG HTML, section 9.2.6).

mod event;

use std::collections::BTreeSet;
use std::sync::LazyLock;

use memchr::memmem::Finder;
use memchr::{memchr2, memmem};
use serde::Deserialize;

use self::event::{Event, Response};
use super::openai::{self, Usage};
use crate::error::{Error, Kind};

/// The most that is kept of a line that came in pieces. What is longer is passed on like everything else and not read.
const LINE_LIMIT: usize = 256 * 1024;

/// The events behind which a response says no more.
const RESPONSE_ENDS: [&str; 4] = ["response.completed", "response.failed", "response.incomplete", "error"];

/// The events that say that a response will come, and nothing of it, as JSON.
const RESPONSE_BEGINS: [&str; 3] = [
    "\"response.created\"",
    "\"response.queued\"",
    "\"response.in_progress\"",
];

/// Searchers are made once: making one costs more than a search through an event.
static FINISH_REASON: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new("\"finish_reason\""));
static USAGE: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new("\"usage\""));
static ERROR: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new("\"error\""));
static INDEX: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new("\"index\""));

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

/// How the streams of an endpoint end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ending {
    /// With `[DONE]`, or when every choice said why it ended: Chat Completions, and the completions before them.
    #[default]
    Done,
    /// With an event that says that the response is complete, failed or incomplete, or why there is none: Responses.
    Response,
    /// In a way that is not known. Only a break is told.
    Unknown,
}

/// The observer of one stream. Feed it every byte in order.
#[derive(Debug)]
pub struct Observer {
    /// The beginning of a line whose end has not come.
    line: Vec<u8>,
    /// `line` grew too long and is not read.
    overlong: bool,
    /// The last byte was a CR: an LF right behind it belongs to the same line end.
    after_cr: bool,
    /// The lines since the last blank one make an event that is not complete.
    in_event: bool,
    /// Its name is that of a last one. It is there when its data is.
    last_named: bool,
    /// Its name is `error`.
    error_named: bool,
    beginning: Beginning,
    ending: Ending,
    done: bool,
    error: bool,
    /// In a way that every client takes for the end.
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
            overlong: false,
            after_cr: false,
            in_event: false,
            last_named: false,
            error_named: false,
            beginning: Beginning::Nothing,
            ending: Ending::Done,
            done: false,
            error: false,
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
        if self.line.len() + bytes.len() > LINE_LIMIT {
            self.overlong = true;
        } else {
            self.line.extend_from_slice(bytes);
        }
    }

    fn end_line(&mut self, rest: &[u8]) {
        if self.overlong {
            self.overlong = false;
            self.line.clear();
            self.in_event = true;
            self.done |= self.last_named;
            self.begin(Beginning::Content);
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

    fn read_line(&mut self, line: &[u8]) {
        self.in_event = !line.is_empty();
        self.last_named &= self.in_event;
        self.error_named &= self.in_event;
        if let Some(data) = line.strip_prefix(b"data:") {
            self.read_data(data.trim_ascii());
        } else if let Some(event) = line.strip_prefix(b"event:") {
            let name = event.trim_ascii();
            self.error_named = name == b"error";
            self.last_named = self.ending == Ending::Response && RESPONSE_ENDS.iter().any(|end| end.as_bytes() == name);
        }
    }

    fn read_data(&mut self, data: &[u8]) {
        if data.starts_with(b"[DONE]") {
            self.done = true;
            self.begin(Beginning::Empty);
            return;
        }
        if data.is_empty() {
            return;
        }
        self.done |= self.ending == Ending::Response && (self.last_named || is_last(data));
        // Most events are one choice's next words. Only what says more is parsed.
        let first = self.beginning == Beginning::Nothing;
        if first
            || self.error_named
            || says(data, &FINISH_REASON, b'n')
            || says(data, &USAGE, b'n')
            || says(data, &ERROR, b'n')
            || says(data, &INDEX, b'0')
        {
            self.read_event(data, first);
        }
    }

    fn read_event(&mut self, data: &[u8], first: bool) {
        let Ok(event) = serde_json::from_slice::<Event<'_>>(data) else {
            // Not ours to judge; it may be one line of several.
            self.begin(Beginning::Content);
            if memmem::find(data, b"\"finish_reason\":\"").is_some() {
                self.finished.insert(0);
            }
            return;
        };
        let inside: Option<Response<'_>> = event
            .response
            .and_then(|response| serde_json::from_str(response.get()).ok());
        if event.error.is_some() || event.object == Some("error") {
            self.error = true;
            self.ends_in_error = true;
            self.begin(Beginning::Error(data.to_vec()));
        } else if self.error_named || event.is("\"error\"") {
            self.error = true;
            self.begin(Beginning::Error(error_object(data)));
        } else if event.is("\"response.failed\"")
            && let Some(error) = inside.as_ref().and_then(|response| response.error)
        {
            self.error = true;
            self.begin(Beginning::Error(error_object(error.get().as_bytes())));
        }
        // Responses tell it inside the response.
        self.usage = event
            .usage
            .or_else(|| inside.and_then(|response| response.usage))
            .or(self.usage);
        let Some(choices) = event.choices else {
            // That a response has been accepted is no part of it.
            if !RESPONSE_BEGINS.iter().any(|kind| event.is(kind)) {
                self.begin(Beginning::Content);
            }
            return;
        };
        for choice in &choices {
            self.choices.insert(choice.index);
            if choice.finish_reason.is_some() {
                self.finished.insert(choice.index);
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

    /// Whether the stream has told of an error.
    #[must_use]
    pub const fn has_error(&self) -> bool {
        self.error
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
        let in_line = !self.line.is_empty() || self.overlong;
        if in_line {
            // What an event is called does not make half of its data whole.
            self.last_named = false;
            self.end_line(b"");
        }
        let finished = match self.ending {
            Ending::Done => self.choices.iter().all(|choice| self.finished.contains(choice)),
            Ending::Response => false,
            Ending::Unknown => true,
        };
        // An error that the upstream told is an end, if a sad one.
        if self.done || (!broken && (finished || self.ends_in_error)) {
            return None;
        }
        let closing = match (in_line, self.in_event) {
            (true, _) => "\n\n",
            (false, true) => "\n",
            (false, false) => "",
        };
        Some([closing.as_bytes(), &truncated()].concat())
    }
}

/// The event that tells of a stream that was cut. There is no `[DONE]` behind it.
#[must_use]
pub fn truncated() -> Vec<u8> {
    let message = "The upstream's stream ended before the answer was complete; what came before may be cut. Send the request again.";
    let error = openai::refusal(&Error::new(Kind::UpstreamStreamTruncated, message));
    [b"data: ", error.as_slice(), b"\n\n"].concat()
}

/// An error as other endpoints than Responses tell it: as a member of an object.
fn error_object(error: &[u8]) -> Vec<u8> {
    [b"{\"error\":", error, b"}"].concat()
}

/// Whether this is the last event of a response, as it says itself: not every upstream names its events.
fn is_last(data: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Typed<'a> {
        #[serde(borrow, rename = "type")]
        kind: &'a str,
    }
    // Few events hold such a word, and only they are parsed.
    RESPONSE_ENDS
        .iter()
        .any(|end| memmem::find(data, end.as_bytes()).is_some())
        && serde_json::from_slice::<Typed<'_>>(data).is_ok_and(|event| RESPONSE_ENDS.contains(&event.kind))
}

/// Whether a member called `name` (with its quotes) stands somewhere with a value that does not begin with `usual`.
fn says(mut data: &[u8], name: &Finder<'_>, usual: u8) -> bool {
    // Not `find_iter`: it copies the searcher, which costs as much as to search.
    while let Some(at) = name.find(data) {
        data = data[at + name.needle().len()..].trim_ascii_start();
        let value = data.strip_prefix(b":").map(<[u8]>::trim_ascii_start);
        if value.is_some_and(|value| value.first() != Some(&usual)) {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests;
