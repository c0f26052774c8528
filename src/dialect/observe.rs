//! Watches a Chat Completions stream go by: whether it ends as a stream should, what it used, how it began. The bytes
//! themselves are never touched, and nothing in them can make the observer fail.
//!
//! Lines end as the event-stream specification says (CRLF, LF or CR; WHATWG HTML, section 9.2.6).

use std::collections::BTreeSet;

use memchr::{memchr2, memmem};
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::openai::{self, Usage};
use crate::error::{Error, Kind};

/// The most that is kept of a line that came in pieces. What is longer is passed on like everything else and not read.
const LINE_LIMIT: usize = 256 * 1024;

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
    /// `line` grew too long and is not read.
    overlong: bool,
    /// The last byte was a CR: an LF right behind it belongs to the same line end.
    after_cr: bool,
    /// The lines since the last blank one make an event that is not complete.
    in_event: bool,
    beginning: Beginning,
    done: bool,
    error: bool,
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
            beginning: Beginning::Nothing,
            done: false,
            error: false,
            choices: BTreeSet::from([0]),
            finished: BTreeSet::new(),
            usage: None,
        }
    }
}

impl Observer {
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
        if let Some(data) = line.strip_prefix(b"data:") {
            self.read_data(data.trim_ascii());
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
        // Most events are one choice's next words. Only what says more is parsed.
        let first = self.beginning == Beginning::Nothing;
        if first
            || says(data, b"\"finish_reason\"", b'n')
            || says(data, b"\"usage\"", b'n')
            || says(data, b"\"error\"", b'n')
            || says(data, b"\"index\"", b'0')
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
        if event.error.is_some() || event.object == Some("error") {
            self.error = true;
            if first {
                self.beginning = Beginning::Error(data.to_vec());
            }
        }
        if let Some(usage) = event.usage {
            self.usage = Some(usage);
        }
        let Some(choices) = event.choices else {
            self.begin(Beginning::Content);
            return;
        };
        for choice in &choices {
            self.choices.insert(choice.index);
            if choice.finish_reason.is_some() {
                self.finished.insert(choice.index);
            }
        }
        // Azure's first event has no choices, only what its filter thought of the prompt.
        if !choices.is_empty() {
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
            self.end_line(b"");
        }
        let finished = self.choices.iter().all(|choice| self.finished.contains(choice));
        // An error that the upstream told is an end, if a sad one.
        if self.done || (!broken && (finished || self.error)) {
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

/// Whether a member called `name` (with its quotes) stands somewhere with a value that does not begin with `usual`.
fn says(data: &[u8], name: &[u8], usual: u8) -> bool {
    memmem::find_iter(data, name).any(|at| {
        let behind = data[at + name.len()..].trim_ascii_start();
        let value = behind.strip_prefix(b":").map(<[u8]>::trim_ascii_start);
        value.is_some_and(|value| value.first() != Some(&usual))
    })
}

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow, default)]
    error: Option<&'a serde_json::value::RawValue>,
    #[serde(borrow, default)]
    object: Option<&'a str>,
    #[serde(default)]
    usage: Option<Usage>,
    #[serde(default)]
    choices: Option<Vec<Choice>>,
}

#[derive(Deserialize)]
struct Choice {
    #[serde(default)]
    index: u64,
    #[serde(default)]
    finish_reason: Option<IgnoredAny>,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CONTENT: &str =
        "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hi\"},\"finish_reason\":null}]}\n\n";
    const STOP: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
    const DONE: &str = "data: [DONE]\n\n";

    fn watched(pieces: &[&str]) -> Observer {
        let mut observer = Observer::default();
        for piece in pieces {
            observer.feed(piece.as_bytes());
        }
        observer
    }

    fn words(pieces: &[&str], broken: bool) -> Option<String> {
        watched(pieces)
            .last_words(broken)
            .map(|words| String::from_utf8(words).unwrap())
    }

    #[test]
    fn a_stream_that_ends_as_it_should_gets_no_last_words() {
        for stream in [
            &[CONTENT, STOP, DONE][..],
            &[CONTENT, DONE],
            &[CONTENT, STOP],
            &[CONTENT, "data:[DONE]"],
            &[
                "data: {\"choices\":[{\"index\":1,\"delta\":{}}]}\r\n\r\n",
                "data: {\"choices\":[{\"index\":1,\"finish_reason\":\"stop\"},{\"finish_reason\":\"length\"}]}\r\n\r\n",
            ],
            &[CONTENT, "data: {\"error\":{\"message\":\"overloaded\"}}\n\n"],
        ] {
            assert_eq!(words(stream, false), None, "{stream:?}");
        }
        assert_eq!(
            words(&[CONTENT, DONE], true),
            None,
            "what breaks behind the end mark is of no interest"
        );
    }

    #[test]
    fn a_cut_stream_is_closed_and_told() {
        let error = String::from_utf8(truncated()).unwrap();
        assert!(
            error.starts_with("data: {\"error\":{")
                && error.contains("\"upstream_stream_truncated\"")
                && error.ends_with("}\n\n")
        );
        for (stream, closing) in [
            (&[][..], ""),
            (&[CONTENT], ""),
            (&[CONTENT, "data: {\"choices\":[{\"delta\":{\"content\":\"a"], "\n\n"),
            (&[CONTENT, "data: {}\n"], "\n"),
            (&[CONTENT, "data: {}\r\n"], "\n"),
            (&[CONTENT, "data: {}\r\n\r\n"], ""),
            (&[CONTENT, ": waiting\n"], "\n"),
            (&["data: {\"choices\":[{\"index\":1}]}\n\n", STOP], ""),
        ] {
            assert_eq!(words(stream, false), Some(format!("{closing}{error}")), "{stream:?}");
        }
        assert_eq!(
            words(&[CONTENT, STOP], true),
            Some(error),
            "it broke, and [DONE] had not come"
        );
    }

    #[test]
    fn a_finish_reason_in_the_answers_text_is_text() {
        let text = "data: {\"choices\":[{\"delta\":{\"content\":\"{\\\"finish_reason\\\":\\\"stop\\\"}\"}}]}\n\n";
        assert!(words(&[text], false).is_some());
    }

    #[test]
    fn the_beginning_is_the_first_event_that_counts() {
        let beginning = |pieces: &[&str]| watched(pieces).beginning().clone();
        assert_eq!(
            beginning(&[": OPENROUTER PROCESSING\n\n", "data:\n\n", "data: {\"choices\":[]}\n\n"]),
            Beginning::Nothing
        );
        assert_eq!(beginning(&[": x\n\n", CONTENT]), Beginning::Content);
        assert_eq!(
            beginning(&["data: {\"type\":\"response.created\"}\n\n"]),
            Beginning::Content
        );
        assert_eq!(beginning(&[DONE]), Beginning::Empty);
        assert_eq!(
            beginning(&["data: {\"error\":{\"code\":429}}\n\n", CONTENT]),
            Beginning::Error(b"{\"error\":{\"code\":429}}".to_vec())
        );
        assert_eq!(
            beginning(&["data: {\"object\":\"error\",\"code\":400}\n\n"]),
            Beginning::Error(b"{\"object\":\"error\",\"code\":400}".to_vec())
        );
    }

    #[test]
    fn usage_is_read_wherever_it_stands() {
        let usage = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":5}}\n\n";
        let seen = watched(&[CONTENT, "data: {\"choices\":[],\"usage\":null}\n\n", usage, DONE])
            .usage()
            .unwrap();
        assert_eq!((seen.prompt_tokens, seen.completion_tokens), (3, 5));
    }

    #[test]
    fn a_line_without_end_takes_bounded_memory_and_is_content() {
        let mut observer = Observer::default();
        observer.feed(b"data: ");
        for _ in 0..64 {
            observer.feed(&[b'x'; 64 * 1024]);
        }
        assert!(observer.line.capacity() <= 2 * LINE_LIMIT);
        observer.feed(b"\n\n");
        assert_eq!(*observer.beginning(), Beginning::Content);
        observer.feed(DONE.as_bytes());
        assert_eq!(observer.last_words(false), None);
    }

    proptest! {
        #[test]
        fn chunking_never_shows(cuts in proptest::collection::vec(0_usize..400, 0..12), end in 0_usize..400, crlf: bool, broken: bool) {
            let stream = [": hello\n\n", CONTENT, CONTENT, "data: {\"choices\":[{\"index\":1}],\"usage\":{\"prompt_tokens\":1}}\n\n", STOP, DONE].concat();
            let stream = if crlf { stream.replace('\n', "\r\n") } else { stream };
            let stream = &stream.as_bytes()[..end.min(stream.len())];
            let mut whole = Observer::default();
            whole.feed(stream);
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(stream.len())).collect();
            cuts.sort_unstable();
            let (mut pieces, mut from) = (Observer::default(), 0);
            for cut in cuts.into_iter().chain([stream.len()]) {
                pieces.feed(&stream[from..cut]);
                from = cut;
            }
            prop_assert_eq!(pieces.beginning(), whole.beginning());
            prop_assert_eq!(pieces.usage(), whole.usage());
            prop_assert_eq!(pieces.last_words(broken), whole.last_words(broken));
        }

        #[test]
        fn no_bytes_panic(chunks in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..60), 0..8)) {
            let mut observer = Observer::default();
            for chunk in &chunks {
                observer.feed(chunk);
            }
            let _ = observer.last_words(false);
        }
    }
}
