//! One choice of an answer, in a stream or whole: what its `delta` or `message` says.

use std::borrow::Cow;

use super::calls::{Calls, Piece};
use crate::dialect::chat::finish;
use crate::dialect::chat::json::{count, elements, inner, items, object, string, text};
use crate::dialect::neutral::event::{Event, Finish};
use crate::dialect::neutral::opaque::mark;
use crate::dialect::wire::members::Members;

/// Whose the signatures and the encrypted reasoning in these answers are: an upstream of another dialect would reject them.
const OWNER: &str = "openai";

/// What is known of a choice.
#[derive(Debug, Default)]
pub(super) struct Choice {
    has_said: bool,
    calls: Calls,
    /// Why it ended, and the text at which it did. Kept until the end of the stream: some upstreams go on after it.
    finish: Option<(Finish, Option<String>)>,
}

impl Choice {
    /// Whether the upstream has said why it ended.
    pub(super) const fn is_finished(&self) -> bool {
        self.finish.is_some()
    }

    /// Reads the part of a choice that is in one chunk. Returns false where it says that the upstream failed.
    pub(super) fn read(&mut self, number: u32, part: &Members<'_>, answer: &str, events: &mut Vec<Event>) -> bool {
        // A whole message behind its pieces says nothing new.
        let message = || inner(part, "message").filter(|_| !self.has_said);
        if let Some(delta) = inner(part, "delta").or_else(message) {
            let before = events.len();
            self.say(number, &delta, answer, events);
            self.has_said |= events.len() > before;
        }
        if let Some(content) = inner(part, "logprobs").map(|logprobs| items(&logprobs, "content")) {
            let content: Vec<_> = content
                .iter()
                .filter_map(|token| serde_json::from_str(token).ok())
                .collect();
            if !content.is_empty() {
                let choice = number;
                events.push(Event::Logprobs { choice, content });
            }
        }
        match text(part, "finish_reason") {
            Some(reason) => {
                let stop = text(part, "stop_reason").map(Cow::into_owned);
                self.finish = finish::read(&reason).map(|finish| (finish, stop));
                self.finish.is_some()
            }
            None => true,
        }
    }

    /// Ends the choice. One that gave no reason has said all.
    pub(super) fn end(&mut self, number: u32, events: &mut Vec<Event>) {
        self.calls.end(number, events);
        let (reason, stop) = self.finish.take().unwrap_or((Finish::Stop, None));
        events.push(Event::Finish {
            choice: number,
            reason: finish::with_calls(reason, !self.calls.is_empty()),
            stop,
        });
    }

    fn say(&mut self, choice: u32, delta: &Members<'_>, answer: &str, events: &mut Vec<Event>) {
        think(choice, delta, events);
        if let Some(content) = delta.last("content") {
            say_content(choice, content, events);
        }
        if let Some(text) = text(delta, "refusal") {
            let text = text.into_owned();
            events.push(Event::Refusal { choice, text });
        }
        for annotation in items(delta, "annotations") {
            events.extend(citation(choice, annotation));
        }
        for call in items(delta, "tool_calls").into_iter().filter_map(object) {
            self.say_call(choice, &call, answer, events);
        }
        // The old way to call a function. There is at most one.
        if let Some(function) = inner(delta, "function_call") {
            let piece = Piece {
                name: text(&function, "name").unwrap_or_default(),
                ..Piece::default()
            };
            self.calls
                .read(choice, piece, &arguments(&function, "arguments"), answer, events);
        }
    }

    fn say_call(&mut self, choice: u32, call: &Members<'_>, answer: &str, events: &mut Vec<Event>) {
        let custom = inner(call, "custom");
        let is_custom = custom.is_some();
        let (function, content) = match custom {
            Some(custom) => (Some(custom), "input"),
            None => (inner(call, "function"), "arguments"),
        };
        let google = inner(call, "extra_content").and_then(|extra| inner(&extra, "google"));
        let piece = Piece {
            number: count(call, "index"),
            id: text(call, "id").unwrap_or_default(),
            name: function
                .as_ref()
                .and_then(|function| text(function, "name"))
                .unwrap_or_default(),
            is_custom,
            signature: google
                .and_then(|google| text(&google, "thought_signature"))
                .map(|signature| mark(OWNER, &signature)),
        };
        let arguments = function
            .map(|function| arguments(&function, content))
            .unwrap_or_default();
        self.calls.read(choice, piece, &arguments, answer, events);
    }
}

/// Returns the arguments of a call. Some upstreams write an object instead of its text.
fn arguments<'a>(function: &Members<'a>, name: &str) -> Cow<'a, str> {
    match function.last(name) {
        Some(json) if json.starts_with('{') => Cow::Borrowed(json),
        Some(json) => string(json).unwrap_or_default(),
        None => Cow::default(),
    }
}

/// Reads what the model thinks, under the names that there are for it.
fn think(choice: u32, delta: &Members<'_>, events: &mut Vec<Event>) {
    let thought = ["reasoning_content", "reasoning", "thinking"]
        .iter()
        .find_map(|name| text(delta, name));
    let is_said = thought.is_some();
    events.extend(thought.map(|text| Event::Reasoning {
        choice,
        text: text.into_owned(),
    }));
    // OpenRouter: the same text once more, and what proves it.
    for detail in items(delta, "reasoning_details").into_iter().filter_map(object) {
        let thought = text(&detail, "text").or_else(|| text(&detail, "summary"));
        if let Some(text) = thought.filter(|_| !is_said) {
            let text = text.into_owned();
            events.push(Event::Reasoning { choice, text });
        }
        if let Some(signature) = text(&detail, "signature") {
            let signature = mark(OWNER, &signature);
            events.push(Event::Signature { choice, signature });
        }
        if let Some(data) = text(&detail, "data") {
            let data = mark(OWNER, &data);
            events.push(Event::Encrypted { choice, data });
        }
    }
}

/// Reads `content`: a text, a list of parts as Mistral has it, or an object, which Cloudflare's models say in JSON.
fn say_content(choice: u32, content: &str, events: &mut Vec<Event>) {
    let said = |text: Cow<'_, str>| Event::Text {
        choice,
        text: text.into_owned(),
    };
    match content.as_bytes().first() {
        Some(b'"') => events.extend(string(content).filter(|text| !text.is_empty()).map(said)),
        Some(b'{') => events.push(said(content.into())),
        Some(b'[') => {
            for part in elements(content) {
                let Some(members) = object(part) else {
                    events.extend(string(part).filter(|text| !text.is_empty()).map(said));
                    continue;
                };
                if let Some(thinking) = members.last("thinking") {
                    events.extend(thought(choice, thinking));
                } else {
                    events.extend(text(&members, "text").map(said));
                }
            }
        }
        _ => {}
    }
}

/// Returns what a part of the type `thinking` says: a text, or a list of parts with texts.
fn thought(choice: u32, thinking: &str) -> Option<Event> {
    let parts = elements(thinking).into_iter().filter_map(object);
    let listed: String = parts
        .filter_map(|part| text(&part, "text").map(Cow::into_owned))
        .collect();
    let text = string(thinking).map_or(listed, Cow::into_owned);
    (!text.is_empty()).then_some(Event::Reasoning { choice, text })
}

fn citation(choice: u32, annotation: &str) -> Option<Event> {
    let source = inner(&object(annotation)?, "url_citation")?;
    let member = |name: &str| text(&source, name).map(Cow::into_owned);
    Some(Event::Citation {
        choice,
        url: Some(member("url")?),
        title: member("title"),
        text: member("content"),
    })
}
