//! What the observer makes of a line.

use super::ending::{Ending, Part};
use super::event::{Choice, Event, Response};
use super::words::{
    CHOICES, FINISH_REASON, INDEX, USAGE, error_object, is_bare_error, is_no_field, is_silent, names_error, says,
    speaks_of_error, told,
};
use super::{Beginning, Name, Observer};
use crate::dialect::openai::{is_json, is_listed_error, says_something};

impl Observer {
    pub(super) fn read_line(&mut self, line: &[u8]) {
        let line = line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line);
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
            self.spoke |= !data.is_empty();
            if self.data_lines.is_empty() {
                self.read_data(data);
            } else {
                self.tells_error |= self.tells(data, false);
                self.keep_data_line(data);
            }
        } else if let Some(event) = line.strip_prefix(b"event:") {
            self.name = match event.trim_ascii() {
                b"error" => Name::Error,
                name if is_silent(name) => Name::Silent,
                name if self.ending.is_last_name(name) => Name::Last,
                _ => Name::Other,
            };
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
        if data.is_empty() || self.name == Name::Silent || data.eq_ignore_ascii_case(b"ping") {
            return;
        }
        // Most streams are chats, which end otherwise.
        if self.ending != Ending::Done {
            self.done |= self.is_named_last() || self.ending.is_last(data);
            match self.ending.part(data) {
                Some(Part::Begins) => {
                    self.choices.insert(0);
                    self.finished.remove(&0);
                }
                Some(Part::Ends) => self.finish(0),
                None => {}
            }
        }
        // Most events are one choice's next words. Only what says more is parsed.
        let first = self.beginning == Beginning::Nothing;
        let reason = told(data, &FINISH_REASON, b'n');
        let tells = self.tells(data, reason.is_some());
        self.tells_error |= tells;
        // Behind a choice's end nothing of it may come; and which choices there are has to be known.
        let counts = self.ending == Ending::Done && (!self.finished.is_empty() || self.choices.first() != Some(&0));
        if first || tells || counts || reason == Some(true) || says(data, &USAGE, b'n') || says(data, &INDEX, b'0') {
            self.read_event(data, first);
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

    /// Whether data, or what has come of it, may tell of an error: where none is named, by what only errors say.
    #[inline]
    pub(super) fn tells(&self, data: &[u8], is_choice: bool) -> bool {
        let is_text = || !matches!(data.first(), None | Some(b'{' | b'['));
        let is_bare = || !is_choice && CHOICES.find(data).is_none() && speaks_of_error(data);
        self.name == Name::Error || names_error(data) || self.ending == Ending::Done && (is_text() || is_bare())
    }

    fn read_event(&mut self, data: &[u8], first: bool) {
        let event = data
            .starts_with(b"{")
            .then(|| serde_json::from_slice::<Event<'_>>(data));
        let Some(Ok(event)) = event else {
            if first && self.in_event && matches!(data.first(), Some(b'{' | b'[')) && !is_json(data) {
                return self.keep_data_line(data);
            }
            if self.name == Name::Error || is_listed_error(data) {
                let text = serde_json::to_vec(&String::from_utf8_lossy(data)).unwrap_or_default();
                let listed = is_json(data).then(|| data.to_vec());
                self.begin(Beginning::Error(listed.unwrap_or_else(|| error_object(&text))));
            }
            // Not ours to judge; it may be one line of several, of an event behind the first.
            self.begin(Beginning::Content);
            if self.ending == Ending::Done && says(data, &FINISH_REASON, b'n') {
                self.finish(0);
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
        } else if self.name == Name::Error || event.is(b"error") {
            self.begin(Beginning::Error(error_object(data)));
        } else if event.is(b"response.failed") {
            let error = inside.as_ref().and_then(|response| response.error);
            let error = error.map_or(data, |error| error.get().as_bytes());
            self.begin(Beginning::Error(error_object(error)));
        }
        // Responses tell it inside the response.
        self.usage = event
            .usage()
            .or_else(|| inside.and_then(|response| response.usage))
            .or(self.usage);
        let Some(choices) = event.choices else {
            // That a request has been accepted is no part of its answer.
            if !event.kind().is_some_and(is_silent) {
                self.begin(Beginning::Content);
            }
            return;
        };
        for choice in choices.iter().filter(|_| self.ending == Ending::Done) {
            let index = choice.index.unwrap_or_default();
            self.choices.insert(index);
            if choice.is_finished() {
                self.finished.insert(index);
            } else if self.finished.contains(&index) && choice.says() == Some(true) {
                self.finished.remove(&index);
            }
        }
        // Azure's first event has no choices, only what its filter thought of the prompt; OpenAI's names the role and says
        // nothing yet.
        let silent = choices.is_empty() || first && choices.iter().all(|choice| choice.says_nothing());
        if !silent {
            self.begin(Beginning::Content);
        }
    }

    fn is_named_last(&self) -> bool {
        self.name == Name::Last || self.name == Name::Error && self.ending.is_last_name(b"error")
    }

    fn finish(&mut self, choice: u64) {
        self.choices.insert(choice);
        self.finished.insert(choice);
    }
}
