//! Reads the answers of upstreams, streamed and whole.

mod arguments;
mod calls;
mod choice;
mod usual;

use std::borrow::Cow;

use self::choice::Choice;
use self::usual::Usual;
use super::error;
use super::json::{count, items, object, text};
use super::usage;
use crate::dialect::neutral::event::{Event, MOST_CHOICES, ReadStream};
use crate::dialect::openai::{is_filled, is_listed_error};
use crate::dialect::upstream_error::UpstreamError;
use crate::dialect::wire::members::Members;
use crate::dialect::wire::trim::trimmed;

/// Returns the events of a whole answer; nothing where the body is not one. An error is one.
pub(super) fn read_answer(body: &[u8]) -> Option<Vec<Event>> {
    let body = String::from_utf8_lossy(trimmed(body));
    let mut events = Vec::new();
    let Some(answer) = object(&body) else {
        // Google writes errors in a list, others as a mere text.
        let is_error = body.starts_with('"') || is_listed_error(body.as_bytes());
        return is_error.then(|| vec![error::read(&body)]);
    };
    let mut reader = Reader::default();
    reader.read_object("", &body, &answer, &mut events);
    if !reader.is_over {
        reader.finish(&mut events);
    }
    let is_answer = matches!(events.last(), Some(Event::End | Event::Error { .. }));
    is_answer.then_some(events)
}

/// Reads a stream.
///
/// Behind the event with the reason of a choice there may be more of the choice, and of usage. So a reason is an event when
/// the stream ends: at its end mark, or with the connection where every choice that began has a reason.
#[derive(Debug, Default)]
pub(super) struct Reader {
    /// The answer's id. It makes ids for tool calls that have none.
    id: String,
    has_begun: bool,
    /// Nothing that comes now counts.
    is_over: bool,
    /// By their numbers. Those that have not begun are `None`.
    choices: Vec<Option<Choice>>,
    /// The chunk that came last, where it said a piece of text and nothing else.
    usual: Usual,
}

impl ReadStream for Reader {
    fn read(&mut self, name: &str, data: &str, events: &mut Vec<Event>) {
        let data = data.trim();
        if self.is_over {
            return;
        }
        if name != "error" && self.usual.read(data, events) {
            return;
        }
        self.usual.forget();
        if data.starts_with("[DONE]") {
            self.finish(events);
        } else if let Some(chunk) = object(data) {
            let before = events.len();
            self.read_object(name, data, &chunk, events);
            if let [Event::Text { choice, .. }] = events[before..] {
                self.usual.learn(choice, data, &chunk);
            }
        } else if data.contains('\n') {
            // Some upstreams write several chunks into one event.
            for line in data.lines() {
                self.read(name, line, events);
            }
        } else if name == "error" || is_listed_error(data.as_bytes()) {
            self.fail(error::read(data), events);
        } else if data.starts_with('{') {
            self.fail(error::failed("The upstream sent an event that is not JSON."), events);
        }
    }

    fn end(&mut self, events: &mut Vec<Event>) {
        let mut begun = self.choices.iter().flatten().peekable();
        if !self.is_over && begun.peek().is_some() && begun.all(Choice::is_finished) {
            self.finish(events);
        }
    }
}

impl Reader {
    /// Reads a chunk, or a whole answer. `data` is its text.
    fn read_object(&mut self, name: &str, data: &str, chunk: &Members<'_>, events: &mut Vec<Event>) {
        let choices: Vec<_> = items(chunk, "choices").into_iter().filter_map(object).collect();
        if name == "error" || is_error(data, chunk, &choices) {
            return self.fail(error::read(data), events);
        }
        let usage = usage::find(chunk, &choices);
        let bare = text(chunk, "response").filter(|_| choices.is_empty());
        if choices.is_empty() && usage.is_none() && bare.is_none() {
            return;
        }
        self.begin(chunk, events);
        for part in &choices {
            if !self.read_choice(part, events) {
                return self.fail(error::failed("The upstream could not complete its answer."), events);
            }
        }
        // Some models of Cloudflare answer so.
        if let Some(said) = bare {
            self.choice(0);
            let text = said.into_owned();
            events.push(Event::Text { choice: 0, text });
        }
        events.extend(usage.map(Event::Usage));
    }

    fn begin(&mut self, chunk: &Members<'_>, events: &mut Vec<Event>) {
        if !std::mem::replace(&mut self.has_begun, true) {
            self.id = text(chunk, "id").map(Cow::into_owned).unwrap_or_default();
            events.push(Event::Start {
                id: self.id.clone(),
                model: text(chunk, "model").map(Cow::into_owned).unwrap_or_default(),
            });
        }
    }

    /// Reads a part of a choice. Returns false where it says that the upstream failed.
    fn read_choice(&mut self, part: &Members<'_>, events: &mut Vec<Event>) -> bool {
        let number = count(part, "index").unwrap_or_default();
        if number >= u64::from(MOST_CHOICES) {
            return true;
        }
        let id = std::mem::take(&mut self.id);
        let is_well = self.choice(number as usize).read(number as u32, part, &id, events);
        self.id = id;
        is_well
    }

    fn choice(&mut self, number: usize) -> &mut Choice {
        if self.choices.len() <= number {
            self.choices.resize_with(number + 1, || None);
        }
        self.choices[number].get_or_insert_default()
    }

    /// Ends the answer. A stream in which no choice began is not complete, whatever its end mark says.
    fn finish(&mut self, events: &mut Vec<Event>) {
        self.is_over = true;
        let mut has_any = false;
        for (number, choice) in self.choices.iter_mut().enumerate() {
            if let Some(choice) = choice {
                has_any = true;
                choice.end(number as u32, events);
            }
        }
        if has_any {
            events.push(Event::End);
        }
    }

    fn fail(&mut self, error: Event, events: &mut Vec<Event>) {
        self.is_over = true;
        events.push(error);
    }
}

/// Whether a chunk is an error: it says so, one of its choices does, or it has what errors have and nothing that answers have.
fn is_error(data: &str, chunk: &Members<'_>, choices: &[Members<'_>]) -> bool {
    let has_failed = |part: &Members<'_>| part.last("error").is_some_and(is_filled);
    let is_bare = || {
        ["object", "id", "choices", "data", "model", "usage", "response"]
            .iter()
            .all(|name| chunk.last(name).is_none_or(|value| value == "null"))
            && ["message", "code", "detail", "msg"]
                .iter()
                .any(|name| chunk.last(name).is_some())
            && UpstreamError::read(data.as_bytes()).is_some()
    };
    has_failed(chunk)
        || chunk.last("object") == Some("\"error\"")
        || choices.iter().any(has_failed)
        || choices.is_empty() && is_bare()
}
