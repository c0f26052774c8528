//! Answers that no upstream gives, to see that every one is written well.

use proptest::prelude::*;
use serde_json::json;

use crate::dialect::neutral::event::{Event, Finish, Usage};
use crate::dialect::neutral::request::ToolCall;

/// Returns a call that has no arguments yet.
pub(super) fn call(name: &str) -> ToolCall {
    ToolCall {
        id: format!("call_{name}"),
        name: name.to_owned(),
        namespace: None,
        arguments: String::new(),
        is_custom: false,
        signature: None,
    }
}

pub(super) fn text(text: &str) -> Event {
    Event::Text {
        choice: 0,
        text: text.to_owned(),
    }
}

pub(super) fn thought(text: &str) -> Event {
    Event::Reasoning {
        choice: 0,
        text: text.to_owned(),
    }
}

pub(super) fn start(index: u32, call: ToolCall) -> Event {
    Event::ToolStart { choice: 0, index, call }
}

pub(super) fn arguments(index: u32, text: &str) -> Event {
    Event::ToolArguments {
        choice: 0,
        index,
        text: text.to_owned(),
    }
}

pub(super) fn tool_end(index: u32) -> Event {
    Event::ToolEnd { choice: 0, index }
}

pub(super) fn finish(reason: Finish) -> Event {
    Event::Finish {
        choice: 0,
        reason,
        stop: None,
    }
}

/// Returns the beginning of an answer, these events, and a good end.
pub(super) fn whole(events: impl IntoIterator<Item = Event>, reason: Finish) -> Vec<Event> {
    let mut all = vec![Event::Start {
        id: "up".to_owned(),
        model: "up-m".to_owned(),
    }];
    all.extend(events);
    all.extend([finish(reason), Event::End]);
    all
}

/// One thing that happens.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Said(Event),
    /// A call begins; whether its arguments are free text.
    Begin(bool),
    /// Arguments of one of the open calls.
    Arguments(prop::sample::Index, String),
    /// One of the open calls ends.
    End(prop::sample::Index),
}

fn step() -> impl Strategy<Value = Step> {
    let piece = "[a-zé\"\\\\ \n]{1,4}";
    let said = prop_oneof![
        4 => piece.prop_map(|said| text(&said)),
        3 => piece.prop_map(|said| thought(&said)),
        1 => piece.prop_map(|text| Event::Refusal { choice: 0, text }),
        1 => piece.prop_map(|signature| Event::Signature { choice: 0, signature }),
        1 => piece.prop_map(|data| Event::Encrypted { choice: 0, data }),
        1 => piece.prop_map(|title| Event::Citation {
            choice: 0,
            url: Some("https://e.x".to_owned()),
            title: Some(title),
            text: None
        }),
        1 => Just(Event::Logprobs { choice: 0, content: vec![json!({"token": "a", "logprob": -0.5, "bytes": null, "top_logprobs": []})] }),
        1 => Just(Event::KeepAlive),
        1 => (0..9_u64).prop_map(|input| Event::Usage(Usage { input, ..Usage::default() })),
    ];
    prop_oneof![
        6 => said.prop_map(Step::Said),
        2 => any::<bool>().prop_map(Step::Begin),
        4 => (any::<prop::sample::Index>(), piece).prop_map(|(call, piece)| Step::Arguments(call, piece)),
        2 => any::<prop::sample::Index>().prop_map(Step::End),
    ]
}

/// Complete answers in which everything comes between everything else.
pub(super) fn answers() -> impl Strategy<Value = Vec<Event>> {
    (prop::collection::vec(step(), 0..40), 0..4_usize).prop_map(|(steps, reason)| {
        let mut events = Vec::new();
        let (mut open, mut count) = (Vec::new(), 0);
        for step in steps {
            match step {
                Step::Said(event) => events.push(event),
                Step::Begin(is_custom) => {
                    let call = ToolCall {
                        is_custom,
                        ..call(&format!("f{count}"))
                    };
                    events.push(start(count, call));
                    open.push(count);
                    count += 1;
                }
                Step::Arguments(at, piece) if !open.is_empty() => {
                    events.push(arguments(open[at.index(open.len())], &piece));
                }
                Step::End(at) if !open.is_empty() => events.push(tool_end(open.remove(at.index(open.len())))),
                Step::Arguments(..) | Step::End(_) => {}
            }
        }
        events.extend(open.into_iter().map(tool_end));
        let reasons = [Finish::Stop, Finish::Length, Finish::ContentFilter, Finish::ToolCalls];
        whole(events, reasons[reason])
    })
}
