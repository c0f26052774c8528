//! The order of events that `event.rs` promises.

use serde_json::{Map, Value, json};

use crate::dialect::neutral::event::Event;

/// Fails where events come in an order that `event.rs` does not allow.
#[track_caller]
pub(crate) fn check_order(name: &str, events: &[Event]) {
    let said = events.iter().filter(|event| **event != Event::KeepAlive);
    let mut state = Order::default();
    for event in said {
        if let Some(wrong) = state.add(event) {
            panic!("{name}: {wrong} at {event:?} in {events:?}");
        }
    }
    if state.is_complete && !state.open.is_empty() {
        panic!("{name}: calls never end: {:?} in {events:?}", state.open);
    }
}

#[derive(Default)]
struct Order {
    has_begun: bool,
    is_over: bool,
    is_complete: bool,
    /// The number of calls by choice.
    calls: Map<String, Value>,
    /// Calls that have not ended.
    open: Vec<(u32, u32)>,
    finished: Vec<u32>,
}

impl Order {
    /// Returns what is wrong.
    fn add(&mut self, event: &Event) -> Option<&'static str> {
        if std::mem::replace(&mut self.is_over, matches!(event, Event::End | Event::Error { .. })) {
            return Some("something after the end");
        }
        let is_start = matches!(event, Event::Start { .. });
        if is_start == std::mem::replace(&mut self.has_begun, true) && !matches!(event, Event::Error { .. }) {
            return Some("the start is not first, or not the only one");
        }
        self.is_complete |= *event == Event::End;
        let choice = event.choice()?;
        let text = match event {
            Event::Text { text, .. }
            | Event::Reasoning { text, .. }
            | Event::Refusal { text, .. }
            | Event::ToolArguments { text, .. } => text.as_str(),
            _ => "-",
        };
        if text.is_empty() {
            return Some("empty text");
        }
        if self.finished.contains(&choice) {
            return Some("something after the finish");
        }
        self.add_call(event)
    }

    fn add_call(&mut self, event: &Event) -> Option<&'static str> {
        match event {
            Event::ToolStart { choice, index, call } => {
                let count = self.calls.entry(choice.to_string()).or_insert_with(|| json!(0));
                let known = count.as_u64().unwrap_or_default();
                *count = json!(known + 1);
                self.open.push((*choice, *index));
                if u64::from(*index) != known {
                    return Some("a call out of turn");
                }
                (!call.arguments.is_empty()).then_some("a call that begins with arguments")
            }
            Event::ToolArguments { choice, index, .. } => {
                (!self.open.contains(&(*choice, *index))).then_some("arguments of a call that is not open")
            }
            Event::ToolEnd { choice, index } => {
                let before = self.open.len();
                self.open.retain(|open| *open != (*choice, *index));
                (before == self.open.len()).then_some("the end of a call that is not open")
            }
            Event::Finish { choice, .. } => {
                self.finished.push(*choice);
                let is_open = self.open.iter().any(|(open, _)| open == choice);
                is_open.then_some("the finish while a call is open")
            }
            _ => None,
        }
    }
}
