//! An upstream's dialect and a client's.

use std::fmt;

use serde_json::Value;

use crate::dialect::formats::FORMATS;
use crate::dialect::neutral::Format;
use crate::dialect::neutral::canonical::strict::{self, Verdict};
use crate::dialect::neutral::event::{Context, Event};

/// The model that the client asked for.
pub(super) const MODEL: &str = "asked-for";

/// From an upstream's dialect into a client's.
#[derive(Clone, Copy)]
pub(super) struct Pair {
    pub(super) from: &'static Format,
    pub(super) to: &'static Format,
}

impl fmt::Display for Pair {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} -> {}", folder(self.from), folder(self.to))
    }
}

/// What is lost between two dialects: a fixture, or several; the dialects in which it comes; those into which it goes; what is changed in
/// what is wanted there; and why.
pub(super) type Loss = (
    &'static str,
    &'static [&'static str],
    &'static [&'static str],
    fn(&mut Value),
    &'static str,
);

/// The names of all dialects, as the fixtures have them.
pub(super) const ALL: &[&str] = &["chat", "responses", "anthropic", "gemini"];

/// Changes what is wanted of a fixture, as the rows say that are about it and this pair.
pub(super) fn lose(losses: &[Loss], fixture: &str, pair: Pair, wanted: &mut Value) {
    for (name, from, to, change, _) in losses {
        if *name == fixture && from.contains(&folder(pair.from)) && to.contains(&folder(pair.to)) {
            change(wanted);
        }
    }
}

/// Returns all pairs, those of one dialect with itself included: what the vocabulary loses shows there best.
pub(super) fn pairs() -> Vec<Pair> {
    let from = FORMATS.into_iter();
    from.flat_map(|from| FORMATS.into_iter().map(move |to| Pair { from, to }))
        .collect()
}

/// Returns the name that the fixtures have for a dialect.
pub(super) fn folder(format: &Format) -> &'static str {
    if format.name == "openai" { "chat" } else { format.name }
}

pub(super) fn context() -> Context {
    Context {
        model: MODEL.into(),
        id: "3f2b8c1e5d7a4f60b9c1d2e3f4a5b6c7".into(),
        created: 1_795_000_000,
        include_usage: true,
        ..Context::default()
    }
}

/// The error by which the gateway ends a stream that was cut.
pub(super) fn cut() -> Event {
    Event::Error {
        message: "the upstream closed the stream".into(),
        code: Some("upstream_stream_truncated".into()),
        status: Some(502),
    }
}

/// Writes a client's stream: the upstream's events, and an error where they have no end.
pub(super) fn write(to: &Format, context: Context, events: &[Event]) -> Vec<u8> {
    let mut writer = (to.writer)(context);
    let mut out = Vec::new();
    for event in events {
        writer.write(event, &mut out);
    }
    if !events
        .iter()
        .any(|event| matches!(event, Event::End | Event::Error { .. }))
    {
        writer.write(&cut(), &mut out);
    }
    out
}

/// Writes a client's stream and judges it.
pub(super) fn judged(name: &str, to: &Format, events: &[Event]) -> (Vec<u8>, Verdict) {
    let out = write(to, context(), events);
    let verdict = strict::stream(folder(to), &out);
    let verdict = verdict.unwrap_or_else(|wrong| panic!("{name}: {wrong}\nin\n{}", String::from_utf8_lossy(&out)));
    (out, verdict)
}
