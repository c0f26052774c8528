//! What the lines of a stream say. Most events are one choice's next words: they are searched for what says more, and only
//! then parsed.

use super::event::{Choice, Event};
use super::gemini::Chunk;
use super::search::{
    CANDIDATES, CHOICES, FINISH_REASON, FINISH_REASON_OF_CANDIDATES, INDEX, USAGE, begins_with_other_type,
    error_object, has_error_member, has_error_word, has_unusual_value, is_announcement, is_bare_error, is_field,
    unusual_value,
};
use super::used::Used;
use crate::dialect::ending::{Ending, Part};
use crate::dialect::openai::is_listed_error;
use crate::dialect::usage::Usage;
use crate::dialect::wire::members::Members;
use crate::dialect::wire::shape::is_json;
use crate::dialect::wire::sorted::Sorted;

/// How many choices are known by their numbers. The rest counts as one: no API gives so many.
const MOST_CHOICES: u64 = 1024;

/// How a stream has begun.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Beginning {
    /// Nothing has come but comments, blank events, and announcements of an answer.
    #[default]
    Nothing,
    /// An event that is part of an answer.
    Content,
    /// An error instead of an answer: the event's data, as an object with the member `error` where it was not one.
    Error(Vec<u8>),
    /// The end mark, without anything before it.
    Empty,
}

/// The name of the event that has not ended, as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Name {
    /// It has no name so far.
    None,
    Error,
    /// The name of events that announce an answer: whatever is in such an event is not part of one.
    Announcement,
    /// The name of the last event of such a stream.
    Last,
    Other,
}

/// What is known of a stream from its complete lines.
#[derive(Debug)]
pub(super) struct Events {
    /// How long a line may become before it is shortened, in bytes, and the data in `data_lines` before it is given up.
    pub(super) limit: usize,
    /// The data of the first event, as far as it has come, where it stands in several lines.
    pub(super) data_lines: Vec<u8>,
    /// The lines since the last blank one make an event that is not complete.
    pub(super) in_event: bool,
    /// One of these lines has data.
    pub(super) has_data: bool,
    name: Name,
    /// Any line so far had data.
    pub(super) has_any_data: bool,
    pub(super) beginning: Beginning,
    pub(super) ending: Ending,
    /// The end mark has come.
    pub(super) is_done: bool,
    /// Something may be an error that nobody has asked about: see `Observer::take_error_flag`.
    pub(super) error_flag: bool,
    /// An error has come, in a way that every client takes for the end.
    pub(super) ends_in_error: bool,
    /// The choices that have begun: whether they have said why they ended, and nothing since. One stands for the whole where there are
    /// none, but parts.
    choices: Sorted<u64, bool>,
    used: Used,
}

impl Events {
    /// Returns what is known before the first line.
    pub(super) const fn new(ending: Ending, limit: usize) -> Self {
        Self {
            limit,
            data_lines: Vec::new(),
            in_event: false,
            has_data: false,
            name: Name::None,
            has_any_data: false,
            beginning: Beginning::Nothing,
            ending,
            is_done: false,
            error_flag: false,
            ends_in_error: false,
            choices: Sorted::new(),
            used: Used::Nothing,
        }
    }

    /// Takes a complete line, without its end.
    pub(super) fn read_line(&mut self, line: &[u8]) {
        self.in_event = !line.is_empty();
        if !self.in_event {
            let data = std::mem::take(&mut self.data_lines);
            if !data.is_empty() {
                self.read_data(data.trim_ascii());
            }
            (self.has_data, self.name) = (false, Name::None);
            return;
        }
        if let Some(data) = line.strip_prefix(b"data:") {
            let data = data.trim_ascii();
            self.has_data = true;
            self.has_any_data |= !data.is_empty();
            if self.data_lines.is_empty() {
                self.read_data(data);
            } else {
                self.error_flag |= self.data_may_be_error(data, false);
                self.keep_data_line(data);
            }
        } else if let Some(event) = line.strip_prefix(b"event:") {
            self.name = match event.trim_ascii() {
                b"error" => Name::Error,
                name if is_announcement(name) => Name::Announcement,
                name if self.ending.is_last_name(name) => Name::Last,
                _ => Name::Other,
            };
        } else {
            self.error_flag |= !is_field(line);
        }
    }

    fn read_data(&mut self, data: &[u8]) {
        if data.starts_with(b"[DONE]") {
            self.is_done = true;
            self.begin(Beginning::Empty);
            return;
        }
        if data.is_empty() || self.name == Name::Announcement || data.eq_ignore_ascii_case(b"ping") {
            // An announcement names the tokens of the request.
            return self.count_tokens(data);
        }
        // Most streams are chats, which end otherwise.
        if self.ending != Ending::Done {
            self.is_done |= self.is_named_last() || self.ending.is_last(data);
            self.count_tokens(data);
            if self.ending == Ending::Candidates {
                return self.read_chunk(data);
            }
            match self.ending.part(data) {
                Some(Part::Begins) => self.note(0, Some(false)),
                Some(Part::Ends) => self.note(0, Some(true)),
                None => {}
            }
        }
        // Most events are one choice's next words. Only what says more is parsed.
        let first = self.beginning == Beginning::Nothing;
        let reason = unusual_value(data, &FINISH_REASON, b'n');
        let may_be_error = self.data_may_be_error(data, reason.is_some());
        self.error_flag |= may_be_error;
        // Behind a choice's end nothing of it may come; and which choices there are has to be known.
        let counts = self.ending == Ending::Done
            && (self.choices.first().is_none_or(|(first, _)| *first > 0)
                || self.choices.iter().any(|(_, ended)| *ended));
        if first
            || may_be_error
            || counts
            || reason == Some(true)
            || has_unusual_value(data, &USAGE, b'n')
            || has_unusual_value(data, &INDEX, b'0')
        {
            self.read_event(data, first);
        }
    }

    /// Adds the tokens that an event of Messages names.
    fn count_tokens(&mut self, data: &[u8]) {
        if self.ending == Ending::Message && has_unusual_value(data, &USAGE, b'n') {
            self.used.update_some(data);
        }
    }

    /// Takes an element of Gemini's streams. Each of them may be the last, and has the tokens so far: they are all parsed.
    fn read_chunk(&mut self, data: &[u8]) {
        let first = self.beginning == Beginning::Nothing;
        self.error_flag |= self.data_may_be_error(data, false);
        let Some(chunk) = Chunk::read(data) else {
            return self.read_other_data(data, first);
        };
        if chunk.is_error() {
            self.ends_in_error = true;
            self.begin(Beginning::Error(data.to_vec()));
        } else if self.name == Name::Error {
            self.begin(Beginning::Error(error_object(data)));
        }
        self.used.update(chunk.usage());
        if chunk.is_blocked() && !self.has_choices() {
            self.note(0, Some(true));
        }
        let mut says = chunk.candidates().is_empty() && !chunk.is_about_the_prompt();
        for candidate in chunk.candidates() {
            let index = candidate.index();
            let is_finished = candidate.is_finished();
            let goes_on = !is_finished && (first || self.is_finished(index)) && candidate.has_content();
            self.note(index, (is_finished || goes_on).then_some(is_finished));
            says |= is_finished || goes_on;
        }
        if says {
            self.begin(Beginning::Content);
        }
    }

    /// Keeps a line of the stream's first event, whose data stands in several.
    fn keep_data_line(&mut self, data: &[u8]) {
        if self.data_lines.len() + data.len() >= self.limit {
            self.data_lines = Vec::new();
            self.begin(Beginning::Content);
            return;
        }
        self.data_lines.extend_from_slice(data);
        self.data_lines.push(b'\n');
    }

    /// Whether the line that has begun with this may become one that contains an error. `is_long`: no more of it is kept, so
    /// what is not plainly an answer counts as an error.
    pub(super) fn line_may_be_error(&self, line: &[u8], is_long: bool) -> bool {
        let Some(data) = line.strip_prefix(b"data:").map(<[u8]>::trim_ascii_start) else {
            return !is_field(line);
        };
        let is_answer = || match self.ending {
            Ending::Done => CHOICES.find(data).is_some(),
            Ending::Candidates => CANDIDATES.find(data).is_some(),
            _ => self.name != Name::None || begins_with_other_type(data),
        };
        self.data_may_be_error(data, FINISH_REASON.find(data).is_some()) || is_long && !is_answer()
    }

    /// Whether data, or the beginning of it, may be an error: it is called one, or, in a chat, it is something that only
    /// errors are. `has_reason`: it has a `finish_reason`, so it is a choice.
    #[inline]
    fn data_may_be_error(&self, data: &[u8], has_reason: bool) -> bool {
        let is_text = || !matches!(data.first(), None | Some(b'{' | b'['));
        let is_bare = || !has_reason && CHOICES.find(data).is_none() && has_error_member(data);
        self.name == Name::Error || has_error_word(data) || self.ending == Ending::Done && (is_text() || is_bare())
    }

    fn read_event(&mut self, data: &[u8], first: bool) {
        let Some(event) = Event::read(data) else {
            return self.read_other_data(data, first);
        };
        let response = event.response();
        if let Some(error) = self.error(&event, response.as_ref(), data, first) {
            self.begin(Beginning::Error(error));
        }
        self.used
            .update(event.usage().or_else(|| Usage::read(response?.value("usage")?)));
        let Some(choices) = &event.choices else {
            // That a request has been accepted is not part of its answer.
            if !event.kind().is_some_and(is_announcement) {
                self.begin(Beginning::Content);
            }
            return;
        };
        self.count(choices);
        // Azure's first event has no choices, only what its filter thought of the prompt; OpenAI's names the role and says
        // nothing yet.
        let is_empty = choices.is_empty() || first && choices.iter().all(Choice::is_empty);
        if !is_empty {
            self.begin(Beginning::Content);
        }
    }

    /// Takes data that is not an object, or cannot be read.
    fn read_other_data(&mut self, data: &[u8], first: bool) {
        if first && self.in_event && matches!(data.first(), Some(b'{' | b'[')) && !is_json(data) {
            return self.keep_data_line(data);
        }
        if self.name == Name::Error || is_listed_error(data) {
            let text = serde_json::to_vec(&String::from_utf8_lossy(data)).unwrap_or_default();
            let listed = is_json(data).then(|| data.to_vec());
            self.begin(Beginning::Error(listed.unwrap_or_else(|| error_object(&text))));
        }
        // The client may judge it. It may also be one line of several, of an event behind the first.
        self.begin(Beginning::Content);
        let reason = match self.ending {
            Ending::Done => &FINISH_REASON,
            Ending::Candidates => &FINISH_REASON_OF_CANDIDATES,
            _ => return,
        };
        if has_unusual_value(data, reason, b'n') {
            self.note(0, Some(true));
        }
    }

    /// Returns the error that an event is instead of an answer, as an object with the member `error` where it has a known
    /// shape.
    fn error(
        &mut self,
        event: &Event<'_>,
        response: Option<&Members<'_>>,
        data: &[u8],
        first: bool,
    ) -> Option<Vec<u8>> {
        let choices = event.choices.as_deref().unwrap_or_default();
        let is_bare = || first && event.choices.is_none() && self.ending == Ending::Done && is_bare_error(data);
        if event.is_error() {
            self.ends_in_error = true;
            Some(data.to_vec())
        } else if !choices.is_empty() && choices.iter().all(Choice::has_failed) || is_bare() {
            Some(data.to_vec())
        } else if self.name == Name::Error || event.is(b"error") {
            Some(error_object(data))
        } else if event.is(b"response.failed") {
            let error = response.and_then(|response| response.value("error"));
            Some(error_object(error.map_or(data, str::as_bytes)))
        } else {
            None
        }
    }

    /// Notes which choices have begun, and which have ended.
    fn count(&mut self, choices: &[Choice<'_>]) {
        if self.ending != Ending::Done {
            return;
        }
        for choice in choices {
            let is_finished = choice.is_finished();
            let goes_on = || self.is_finished(choice.index) && choice.has_content() == Some(true);
            self.note(choice.index, (is_finished || goes_on()).then_some(is_finished));
        }
    }

    /// Notes that a choice has begun, and whether it has ended where that is said.
    fn note(&mut self, choice: u64, is_finished: Option<bool>) {
        let known = self.choices.get_or_insert(choice.min(MOST_CHOICES), false);
        *known = is_finished.unwrap_or(*known);
    }

    fn is_finished(&self, choice: u64) -> bool {
        self.choices.get(&choice.min(MOST_CHOICES)) == Some(&true)
    }

    fn begin(&mut self, beginning: Beginning) {
        if self.beginning == Beginning::Nothing {
            self.beginning = beginning;
        }
    }

    /// Whether the end mark has come, or every choice has said why it ended, and nothing since.
    pub(super) fn is_complete(&self) -> bool {
        let are_finished = self.has_choices() && self.choices.iter().all(|(_, is_finished)| *is_finished);
        self.is_done || are_finished && matches!(self.ending, Ending::Done | Ending::Candidates | Ending::Unknown)
    }

    /// Returns the tokens that the stream has named so far.
    pub(super) fn usage(&self) -> Option<Usage> {
        self.used.usage()
    }

    pub(super) fn has_choices(&self) -> bool {
        !self.choices.is_empty()
    }

    /// Whether the event that has not ended has a name.
    pub(super) fn is_named(&self) -> bool {
        self.name != Name::None
    }

    /// Whether the event that has not ended is named an error.
    pub(super) fn is_named_error(&self) -> bool {
        self.name == Name::Error
    }

    fn is_named_last(&self) -> bool {
        self.name == Name::Last || self.name == Name::Error && self.ending.is_last_name(b"error")
    }

    /// Whether the stream ends with this data, in the event that has not ended.
    pub(super) fn ends_with(&self, data: &[u8]) -> bool {
        data.starts_with(b"[DONE]") || self.name == Name::Last || self.ending.is_last(data)
    }
}
