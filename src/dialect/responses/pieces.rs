//! What an upstream's output says, piece by piece: each piece once, whether it comes in deltas, at the end of its item, or with the whole
//! answer only.

use std::collections::BTreeSet;

use serde_json::Value;

use super::opaque;
use crate::dialect::neutral::event::Event;
use crate::dialect::neutral::request::ToolCall;
use crate::dialect::wire::build::Set;

/// What a piece of text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// Text of a message.
    Text,
    /// Why the model does not answer.
    Refusal,
    /// A summary of what the model thought.
    Summary,
    /// What the model thought.
    Thought,
    /// Arguments of a call.
    Arguments,
    /// A source of a text.
    Citation,
    /// A call that has begun. Instead of the place in the item stands which call it is.
    ToolCall,
    /// A call whose arguments began before it did. Their deltas lack a beginning: only all of them together counts.
    Headless,
    /// The item has ended.
    End,
}

/// A part of an item: the item's place in the output, its kind, its place in the item.
pub(super) type Place = (u64, Kind, u64);

/// What has been said so far. No text is kept.
#[derive(Debug, Default)]
pub(super) struct Pieces {
    said: BTreeSet<Place>,
    /// How many calls have begun.
    calls: u32,
    /// What was said last, if that was reasoning which goes on.
    thought: Option<Place>,
}

impl Pieces {
    /// Whether a tool has been called.
    pub(super) fn has_calls(&self) -> bool {
        self.calls > 0
    }

    /// Reads a delta.
    pub(super) fn delta(&mut self, place: Place, text: &str, events: &mut Vec<Event>) {
        let (item, kind, _) = place;
        if kind == Kind::Arguments && !self.has(item, Kind::ToolCall) {
            self.said.insert((item, Kind::Headless, 0));
        }
        if kind != Kind::Arguments || !self.has(item, Kind::Headless) {
            self.say(place, text, events);
        }
    }

    /// Reads a text that is whole. It says nothing where deltas came before it.
    pub(super) fn whole(&mut self, place: Place, text: &str, events: &mut Vec<Event>) {
        if !self.said.contains(&place) {
            self.say(place, text, events);
        }
    }

    fn has(&self, item: u64, kind: Kind) -> bool {
        self.first(item, kind).is_some()
    }

    /// Returns the first place of that kind in an item.
    fn first(&self, item: u64, kind: Kind) -> Option<u64> {
        let mut places = self.said.range((item, kind, 0)..=(item, kind, u64::MAX));
        places.next().map(|(_, _, place)| *place)
    }

    /// Returns which call an item is.
    fn call(&self, item: u64) -> Option<u32> {
        let call = self.first(item, Kind::ToolCall)?;
        u32::try_from(call).ok()
    }

    fn say(&mut self, place: Place, text: &str, events: &mut Vec<Event>) {
        let (item, kind, _) = place;
        if text.is_empty() {
            return;
        }
        let text = text.to_owned();
        let event = match kind {
            Kind::Text => Event::Text { choice: 0, text },
            Kind::Refusal => Event::Refusal { choice: 0, text },
            Kind::Summary | Kind::Thought => {
                let other = if kind == Kind::Summary {
                    Kind::Thought
                } else {
                    Kind::Summary
                };
                if self.has(item, other) {
                    // A summary says what the whole says.
                    return;
                }
                let goes_on = self.thought.replace(place).is_none_or(|before| before == place);
                self.said.insert(place);
                let text = if goes_on { text } else { format!("\n\n{text}") };
                events.push(Event::Reasoning { choice: 0, text });
                return;
            }
            // Nothing of a call follows its end.
            Kind::Arguments if self.has(item, Kind::End) => return,
            Kind::Arguments => match self.call(item) {
                Some(index) => Event::ToolArguments { choice: 0, index, text },
                // Whose arguments they are follows at the end of the item, and they with it.
                None => return,
            },
            Kind::Citation | Kind::ToolCall | Kind::Headless | Kind::End => return,
        };
        self.said.insert(place);
        self.thought = None;
        events.push(event);
    }

    /// Reads a source of the text `part` of an item.
    pub(super) fn citation(&mut self, item: u64, part: u64, annotation: &Value, events: &mut Vec<Event>) {
        self.said.insert((item, Kind::Citation, part));
        let text = |name: &str| annotation[name].as_str().map(str::to_owned);
        let (url, title) = (text("url"), text("title").or_else(|| text("filename")));
        if url.is_some() || title.is_some() {
            events.push(Event::Citation {
                choice: 0,
                url,
                title,
                text: None,
            });
        }
    }

    /// Reads an item that begins. What it says follows.
    pub(super) fn begin(&mut self, item: u64, value: &Value, events: &mut Vec<Event>) {
        let is_custom = match value["type"].as_str() {
            Some("function_call") => false,
            Some("custom_tool_call") => true,
            _ => return,
        };
        let Some(name) = value["name"].as_str().filter(|name| !name.is_empty()) else {
            return;
        };
        if self.has(item, Kind::ToolCall) || self.has(item, Kind::End) {
            return;
        }
        let id = value["call_id"]
            .as_str()
            .or_else(|| value["id"].as_str())
            .unwrap_or_default();
        let call = ToolCall {
            id: id.to_owned(),
            name: name.to_owned(),
            namespace: value["namespace"].as_str().map(str::to_owned),
            arguments: String::new(),
            is_custom,
            signature: None,
        };
        let index = self.calls;
        self.calls += 1;
        self.said.insert((item, Kind::ToolCall, index.into()));
        self.thought = None;
        events.push(Event::ToolStart { choice: 0, index, call });
    }

    /// Reads an item that is complete.
    pub(super) fn end(&mut self, item: u64, value: &Value, events: &mut Vec<Event>) {
        if self.has(item, Kind::End) {
            return;
        }
        match value["type"].as_str() {
            Some("message") => self.message(item, value, events),
            Some("reasoning") => self.reasoning(item, value, events),
            Some("function_call" | "custom_tool_call") => {
                self.begin(item, value, events);
                let arguments = value["arguments"].as_str().or_else(|| value["input"].as_str());
                self.whole((item, Kind::Arguments, 0), arguments.unwrap_or_default(), events);
            }
            _ => {}
        }
        // Whatever the item is called at its end, a call that began there has ended.
        self.end_call(item, events);
        self.said.insert((item, Kind::End, 0));
    }

    fn end_call(&self, item: u64, events: &mut Vec<Event>) {
        if let Some(index) = self.call(item) {
            events.push(Event::ToolEnd { choice: 0, index });
        }
    }

    /// Ends the calls whose ends did not come.
    pub(super) fn end_calls(&mut self, events: &mut Vec<Event>) {
        let calls = self.said.iter().filter(|(_, kind, _)| *kind == Kind::ToolCall);
        for item in calls.map(|(item, _, _)| *item).collect::<Vec<_>>() {
            if self.said.insert((item, Kind::End, 0)) {
                self.end_call(item, events);
            }
        }
    }

    fn message(&mut self, item: u64, value: &Value, events: &mut Vec<Event>) {
        for (place, part) in parts(&value["content"]) {
            if let Some(text) = part["refusal"].as_str() {
                self.whole((item, Kind::Refusal, place), text, events);
            }
            let Some(text) = part["text"].as_str() else {
                continue;
            };
            let is_new = !self.said.contains(&(item, Kind::Text, place));
            self.whole((item, Kind::Text, place), text, events);
            if is_new {
                logprobs(&part["logprobs"], events);
            }
            if !self.said.contains(&(item, Kind::Citation, place)) {
                for (_, annotation) in parts(&part["annotations"]) {
                    self.citation(item, place, annotation, events);
                }
            }
        }
    }

    fn reasoning(&mut self, item: u64, value: &Value, events: &mut Vec<Event>) {
        for (name, kind) in [("summary", Kind::Summary), ("content", Kind::Thought)] {
            for (place, part) in parts(&value[name]) {
                self.whole((item, kind, place), part["text"].as_str().unwrap_or_default(), events);
            }
        }
        let content = value["encrypted_content"]
            .as_str()
            .filter(|content| !content.is_empty());
        if let Some(content) = content {
            let data = opaque::own(value["id"].as_str().unwrap_or_default(), content);
            self.thought = None;
            events.push(Event::Encrypted { choice: 0, data });
        }
    }
}

fn parts(list: &Value) -> impl Iterator<Item = (u64, &Value)> {
    (0_u64..).zip(list.as_array().into_iter().flatten())
}

/// Reads probabilities. Chat Completions has them in the same shape, and always with a token's bytes.
pub(super) fn logprobs(list: &Value, events: &mut Vec<Event>) {
    let with_bytes = |value: &Value| {
        let mut value = value.clone();
        if let Value::Object(members) = &mut value {
            members.entry("bytes").or_insert(Value::Null);
        }
        value
    };
    let content: Vec<Value> = parts(list)
        .map(|(_, token)| {
            let mut token = with_bytes(token);
            let top: Vec<Value> = parts(&token["top_logprobs"])
                .map(|(_, other)| with_bytes(other))
                .collect();
            if token.is_object() {
                token.set("top_logprobs", Value::Array(top));
            }
            token
        })
        .collect();
    if !content.is_empty() {
        events.push(Event::Logprobs { choice: 0, content });
    }
}
