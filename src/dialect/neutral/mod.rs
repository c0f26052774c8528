//! The vocabulary in which every dialect can be said: a [`Request`](request::Request), and the [`Event`](event::Event)s of an
//! answer, streamed or whole.
//!
//! A dialect is two readers and two writers. None of them knows another dialect:
//!
//! | | reads | writes |
//! |---|---|---|
//! | a client's dialect | the request, into a `Request` | the answer, from `Event`s |
//! | an upstream's dialect | the answer, into `Event`s | the request, from a `Request` |
//!
//! A whole answer is the events of a stream that came at once ([`answer::Answer`] puts them together). What a dialect has and the
//! vocabulary has not is dropped by name ([`request::Request::dropped`]); what the vocabulary has and a dialect has not is dropped by
//! that dialect's writer, by name as well ([`request::Written::dropped`]).
//!
//! Readers and writers are state machines: they wait for nothing, have no clock and no random numbers, and never fail on what an
//! upstream says: what they do not know they pass over.

pub mod answer;
#[cfg(test)]
pub(crate) mod canonical;
pub mod estimate;
pub mod event;
pub mod fields;
pub mod flat;
pub mod free_text;
pub mod opaque;
pub mod overflow;
mod quirks;
pub mod request;
pub mod tags;

use std::fmt;

use bytes::Bytes;
use serde_json::{Map, Value};

use self::answer::Answer;
use self::event::{Context, Event, ReadStream, WriteStream};
use self::request::{Quirks, Request, Unsayable, Written};
use super::ending::Ending;
use super::key_header::KeyHeader;
use crate::error::Error;

/// One dialect: its readers and writers. Adding a dialect is writing these and adding a row to the table of them.
pub struct Format {
    /// Its name in the configuration.
    pub name: &'static str,
    /// Where its upstreams are asked.
    pub paths: Paths,
    /// The header in which its upstreams take a key, where their provider is not known.
    pub key_header: KeyHeader,
    /// Headers that its upstreams want, where the client sends none of the name.
    pub headers: &'static [(&'static str, &'static str)],
    /// How its streams end.
    pub ending: Ending,
    /// How tokens of a request are counted, where its upstreams do that.
    pub counting: Option<Counting>,
    /// Its upstreams take tools in name spaces and tools of free text; else all are made plain functions ([`flat::flatten`]).
    pub has_tool_kinds: bool,
    /// Strings, as names or as values, that give a request away that carries state of an account (signatures, encrypted reasoning), or asks for some: the
    /// requests of its conversation need one account.
    pub state: &'static [&'static str],
    /// Strings that give a request away that refers to a file, a cache or a container of an account.
    pub references: &'static [&'static str],
    /// Takes out of a request that goes out untouched what its upstreams refuse, and other upstreams have put into the
    /// conversation; nothing where there is none.
    pub clean: fn(&Bytes) -> Option<Bytes>,
    /// Takes the state of an account out of a request that an upstream of this dialect has refused for it, so that the conversation
    /// can go on without; nothing where the request has none.
    pub forget: fn(&Bytes) -> Option<Bytes>,
    /// Returns the members of a client's request that the answer repeats.
    pub echo: fn(&[u8]) -> Map<String, Value>,
    /// Reads a client's request.
    pub read_request: fn(&[u8]) -> Result<Request, Unsayable>,
    /// Writes a request for an upstream.
    pub write_request: fn(&Request, &Quirks) -> Result<Written, Unsayable>,
    /// Reads an upstream's whole answer; nothing where it is not one.
    pub read_answer: fn(&[u8]) -> Option<Vec<Event>>,
    /// Writes a whole answer for a client.
    pub write_answer: fn(&Answer, &Context) -> Value,
    /// Reads an upstream's stream.
    pub reader: fn() -> Box<dyn ReadStream>,
    /// Writes a stream for a client.
    pub writer: fn(Context) -> Box<dyn WriteStream>,
    /// Writes an error of the gateway's own.
    pub error_body: fn(&Error) -> Vec<u8>,
    /// Whether this body of an upstream's error can go to a client of the dialect as it is.
    pub is_error: fn(&[u8]) -> bool,
    /// Whether this body, an error that can go to a client as it is, says that the conversation is too long in the words by
    /// which clients of the dialect know it.
    pub says_overflow: fn(&[u8]) -> bool,
    /// Writes an upstream's error for a client of this dialect: message, code or type, HTTP status.
    pub upstream_error: fn(&str, Option<&str>, u16) -> Vec<u8>,
}

/// Where an upstream is asked for an answer, below its address. `{model}` stands for the model where that is a part of the path.
#[derive(Clone, Copy, Debug)]
pub struct Paths {
    /// For a whole answer.
    pub whole: &'static str,
    /// For a stream; it may have a query.
    pub stream: &'static str,
}

/// How an upstream counts the tokens of a request.
#[derive(Clone, Copy)]
pub struct Counting {
    /// Where it is asked, as in [`Paths`].
    pub path: &'static str,
    /// Makes the body of that request of the body of one for an answer, for this model.
    pub request: fn(Map<String, Value>, &str) -> Map<String, Value>,
    /// Reads the number.
    pub read: fn(&[u8]) -> Option<u64>,
    /// Writes the number for a client.
    pub write: fn(u64) -> Value,
}

impl fmt::Debug for Format {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name)
    }
}

/// Two are the same dialect where they have one name.
impl PartialEq for Format {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Format {}
