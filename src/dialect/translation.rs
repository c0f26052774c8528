//! The way of an answer from an upstream's dialect into a client's: whole ([`Translation::whole`]), or as a stream
//! ([`Translation::stream`]).
//!
//! A [`Stream`] takes the bytes of the upstream's stream as they come and returns what the client gets of them, event by event. It
//! never ends one in order that has no end: whoever moves the bytes asks [`Stream::end`] when nothing more comes, and learns
//! whether the answer was complete.

use std::fmt;

use super::neutral::Format;
use super::neutral::answer::Answer;
use super::neutral::event::{Context, Event, ReadStream, WriteStream};
use super::neutral::tags::Tags;
use super::usage::Usage;
use super::wire::sse::{Events, Item};
use crate::dialect::wire::build::json_text;

/// From which dialect into which, and what the client's writer has to know.
#[derive(Clone, Debug)]
pub struct Translation {
    /// The upstream's dialect.
    pub from: &'static Format,
    /// The client's.
    pub to: &'static Format,
    /// What stands in the answer and comes from the request.
    pub context: Context,
    /// Reasoning stands in the text of the answer, between marks.
    pub think_tags: bool,
}

/// A whole answer in the client's dialect.
#[derive(Debug)]
pub struct Whole {
    /// JSON, or all events of a stream.
    pub body: Vec<u8>,
    /// It is the events of a stream, and not a JSON array of them.
    pub is_stream: bool,
    /// The tokens that it used.
    pub usage: Option<Usage>,
}

impl Translation {
    /// Translates a whole answer, into the events of a stream where the client `streams`. Returns nothing where the body is not a
    /// complete answer of the upstream's dialect.
    #[must_use]
    pub fn whole(self, body: &[u8], streams: bool) -> Option<Whole> {
        let (events, answer) = self.read(body, false)?;
        let is_array = self.context.is_array;
        let body = if streams {
            let (mut writer, mut out) = ((self.to.writer)(self.context), Vec::new());
            events.iter().for_each(|event| writer.write(event, &mut out));
            out
        } else {
            json_text(&(self.to.write_answer)(&answer, &self.context)).into_bytes()
        };
        Some(Whole {
            body,
            is_stream: streams && !is_array,
            usage: answer.usage.map(Usage::from),
        })
    }

    /// Makes a whole answer of a stream that came whole. Returns nothing where it is not complete.
    #[must_use]
    pub fn collected(self, body: &[u8]) -> Option<Whole> {
        let (_, answer) = self.read(body, true)?;
        Some(Whole {
            body: json_text(&(self.to.write_answer)(&answer, &self.context)).into_bytes(),
            is_stream: false,
            usage: answer.usage.map(Usage::from),
        })
    }

    /// Reads an upstream's answer, which is a stream that came whole where `is_stream`. Returns nothing where it is not complete.
    #[must_use]
    pub fn read(&self, body: &[u8], is_stream: bool) -> Option<(Vec<Event>, Answer)> {
        let mut events = if is_stream {
            let (mut reader, mut events) = ((self.from.reader)(), Vec::new());
            let mut bytes = Events::default();
            let mut take = |item: Item<'_>| read_item(reader.as_mut(), &item, &mut events);
            bytes.feed(body, &mut take);
            bytes.end(&mut take);
            reader.end(&mut events);
            events
        } else {
            (self.from.read_answer)(body)?
        };
        if self.think_tags {
            let (mut tags, mut out) = (Tags::default(), Vec::new());
            events.into_iter().for_each(|event| tags.pass(event, &mut out));
            events = out;
        }
        let answer = Answer::of(&events);
        (answer.is_complete && answer.error.is_none()).then_some((events, answer))
    }

    /// Returns the translation of a stream.
    #[must_use]
    pub fn stream(self) -> Stream {
        Stream {
            bytes: Events::default(),
            reader: (self.from.reader)(),
            tags: self.think_tags.then(Tags::default),
            writer: (self.to.writer)(self.context),
            events: Vec::new(),
            usage: None,
            end: None,
        }
    }
}

/// How a translated stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Complete,
    Error,
}

/// A stream on its way from one dialect into another.
pub struct Stream {
    bytes: Events,
    reader: Box<dyn ReadStream>,
    tags: Option<Tags>,
    writer: Box<dyn WriteStream>,
    /// Kept for its memory.
    events: Vec<Event>,
    usage: Option<Usage>,
    end: Option<End>,
}

impl Stream {
    /// Takes the next bytes of the upstream's stream and returns those of the client's.
    #[must_use]
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<u8> {
        let (reader, events) = (self.reader.as_mut(), &mut self.events);
        self.bytes.feed(bytes, &mut |item| read_item(reader, &item, events));
        let mut out = Vec::with_capacity(bytes.len());
        self.write(&mut out);
        out
    }

    /// Ends the stream. What is missing to the end of an event that lacks nothing else is added; one that `cut` off, without an end, ends in
    /// this error. Returns the last bytes, and whether the stream ended as it should.
    #[must_use]
    pub fn end(&mut self, cut: Event) -> (Vec<u8>, bool) {
        let (reader, events) = (self.reader.as_mut(), &mut self.events);
        self.bytes.end(&mut |item| read_item(reader, &item, events));
        self.reader.end(&mut self.events);
        let mut out = Vec::new();
        self.write(&mut out);
        let is_cut = self.end.is_none();
        if is_cut {
            self.events.push(cut);
            self.write(&mut out);
        }
        (out, !is_cut)
    }

    /// Returns the tokens that were used, as far as the upstream has said.
    #[must_use]
    pub const fn usage(&self) -> Option<Usage> {
        self.usage
    }

    /// Whether the answer is complete.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.end == Some(End::Complete)
    }

    /// Writes what has been read. Behind the end nothing is written.
    fn write(&mut self, out: &mut Vec<u8>) {
        if let Some(tags) = &mut self.tags {
            let mut tagged = Vec::with_capacity(self.events.len());
            self.events.drain(..).for_each(|event| tags.pass(event, &mut tagged));
            self.events = tagged;
        }
        for event in self.events.drain(..) {
            if self.end.is_some() {
                continue;
            }
            match &event {
                Event::Usage(usage) => self.usage = Some((*usage).into()),
                Event::End => self.end = Some(End::Complete),
                Event::Error { .. } => self.end = Some(End::Error),
                _ => {}
            }
            self.writer.write(&event, out);
        }
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Stream")
            .field("end", &self.end)
            .finish_non_exhaustive()
    }
}

fn read_item(reader: &mut dyn ReadStream, item: &Item<'_>, events: &mut Vec<Event>) {
    match item {
        Item::Event { name, data } => reader.read(name, data, events),
        Item::Comment => events.push(Event::KeepAlive),
        Item::Unreadable => events.push(Event::Error {
            message: "The upstream's stream has an event that cannot be read.".to_owned(),
            code: Some("upstream_invalid_response".to_owned()),
            status: Some(502),
        }),
    }
}
