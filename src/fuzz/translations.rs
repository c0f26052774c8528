//! What upstreams and clients send, translated from one dialect into each: whatever is wrong in it, nobody panics, how it was cut
//! never shows, and what a client gets is a whole stream of its dialect or one that ends in an error.

use crate::dialect::formats::{self, FORMATS};
use crate::dialect::neutral::Format;
use crate::dialect::neutral::answer::Answer;
use crate::dialect::neutral::event::{Context, Event};
use crate::dialect::neutral::request::Quirks;
use crate::dialect::wire::sse::{Events, Item};

/// Checks what is made of a body. `kind` says what it is: `stream`, `answer` or `request`; `dialect` whose.
pub(super) fn check(kind: &str, dialect: &str, pieces: &[&[u8]]) {
    let from = formats::by_name(dialect).unwrap_or(formats::OPENAI);
    let body = pieces.concat();
    match kind {
        "request" => request(from, &body),
        "answer" => answer(from, &body),
        _ => stream(from, &body, pieces),
    }
}

fn context() -> Context {
    Context {
        model: "asked-for".to_owned(),
        id: "3f2b8c1e5d7a4f60b9c1d2e3f4a5b6c7".to_owned(),
        created: 1_795_000_000,
        include_usage: true,
        ..Context::default()
    }
}

fn read<'a>(from: &Format, pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<Event> {
    let (mut frames, mut reader, mut events) = (Events::default(), (from.reader)(), Vec::new());
    let mut take = |item: Item<'_>| match item {
        Item::Event { name, data } => reader.read(name, data, &mut events),
        Item::Comment => events.push(Event::KeepAlive),
        Item::Unreadable => {}
    };
    for piece in pieces {
        frames.feed(piece, &mut take);
    }
    frames.end(&mut take);
    reader.end(&mut events);
    events
}

fn stream(from: &Format, body: &[u8], pieces: &[&[u8]]) {
    let mut events = read(from, pieces.iter().copied());
    assert_eq!(events, read(from, [body]), "how the bytes came shows");
    // Behind the end nothing is written.
    let length = events.iter().position(is_last).map_or(events.len(), |last| last + 1);
    let behind = events.split_off(length);
    assert!(
        behind.iter().all(|event| *event == Event::KeepAlive),
        "something follows the end"
    );
    check_end(&events);
    if !events.last().is_some_and(is_last) {
        // The gateway says so where a stream has no end.
        events.push(Event::Error {
            message: "the stream was cut".to_owned(),
            code: None,
            status: Some(502),
        });
    }
    for to in FORMATS {
        let mut out = Vec::new();
        for is_array in [false, true] {
            let mut writer = (to.writer)(Context { is_array, ..context() });
            out.clear();
            events.iter().for_each(|event| writer.write(event, &mut out));
            if !is_array {
                check_stream(from, to, &events, &out);
            }
        }
    }
}

fn answer(from: &Format, body: &[u8]) {
    let Some(events) = (from.read_answer)(body) else {
        return;
    };
    check_end(&events);
    let answer = Answer::of(&events);
    for to in FORMATS {
        let document = (to.write_answer)(&answer, &context());
        if answer.is_complete {
            check_answer(from, to, &document);
        }
    }
}

fn request(from: &Format, body: &[u8]) {
    let Ok(request) = (from.read_request)(body) else {
        return;
    };
    let newest = Quirks {
        adaptive_thinking: true,
        thinking_level: true,
        reasoning_history: true,
        openai_members: true,
        system_anywhere: true,
        ..Quirks::default()
    };
    let oldest = Quirks {
        json_schema: false,
        schemas: false,
        forced_tools: false,
        ..Quirks::default()
    };
    for to in FORMATS {
        for quirks in [&newest, &oldest] {
            let Ok(written) = (to.write_request)(&request, quirks) else {
                continue;
            };
            let body = serde_json::to_vec(&written.body).expect("a JSON value is text");
            let again = (to.read_request)(&body);
            assert!(again.is_ok(), "{} -> {}: {again:?}", from.name, to.name);
        }
    }
}

const fn is_last(event: &Event) -> bool {
    matches!(event, Event::End | Event::Error { .. })
}

fn check_end(events: &[Event]) {
    let last = events.iter().position(is_last).map_or(events.len(), |last| last + 1);
    assert_eq!(last, events.len(), "something follows the end");
    #[cfg(test)]
    crate::dialect::neutral::canonical::check_order("translated", events);
}

/// The judges are strict, and only there in tests.
#[cfg(test)]
fn check_stream(from: &Format, to: &Format, events: &[Event], out: &[u8]) {
    use crate::dialect::neutral::canonical::strict;

    let verdict = strict::stream(folder(to), out);
    let text = String::from_utf8_lossy(out);
    match verdict {
        Ok(verdict) => {
            let is_complete = events.last() == Some(&Event::End);
            assert_eq!(
                verdict.error.is_none(),
                is_complete,
                "{} -> {}: {text}",
                from.name,
                to.name
            );
        }
        Err(wrong) if is_the_models(&wrong) => {}
        Err(wrong) => panic!("{} -> {}: {wrong} in {text}\nof {events:?}", from.name, to.name),
    }
}

#[cfg(not(test))]
fn check_stream(_: &Format, _: &Format, _: &[Event], out: &[u8]) {
    assert!(std::str::from_utf8(out).is_ok(), "a stream is text");
}

#[cfg(test)]
fn check_answer(from: &Format, to: &Format, document: &serde_json::Value) {
    let found = crate::dialect::neutral::canonical::strict::answer(folder(to), document);
    let is_fine = found.as_ref().map_or_else(|wrong| is_the_models(wrong), |_| true);
    assert!(is_fine, "{} -> {}: {found:?} of {document}", from.name, to.name);
}

#[cfg(not(test))]
const fn check_answer(_: &Format, _: &Format, _: &serde_json::Value) {}

/// Whether a judge only finds fault with what the model said, which clients get as it is: arguments that are not JSON, a tool that has
/// no name.
#[cfg(test)]
fn is_the_models(wrong: &str) -> bool {
    wrong.starts_with("arguments ") || wrong.contains("name is empty")
}

/// The judges call Chat Completions so.
#[cfg(test)]
fn folder(format: &Format) -> &'static str {
    if format.name == "openai" { "chat" } else { format.name }
}
