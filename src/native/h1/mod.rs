//! HTTP/1.1 as a relay needs it (RFC 9112): a protocol that knows neither the gateway nor the process around it.
//!
//! Heads are parsed by httparse; names and values are the `http` crate's. What is ours is where a message ends, and how
//! little a connection costs while nothing happens on it:
//!
//! - One task serves a client's connection and the upstream's behind it. Nothing is handed over between two reads.
//! - All connections of a thread read into one buffer. Only bytes that have come are kept, so that a connection that waits
//!   holds no buffer.
//! - What one read brings goes out in one write.
//!
//! Both sides share the parts: [`head`] and [`body`] read a message, [`write`] writes a head. A client's side is a
//! [`Connection`], which many requests use one after the other; the upstream's side is one exchange and stands in the HTTP
//! client, which owns its connections. Everything can be driven from a test byte by byte: [`head`] and [`body`] take slices,
//! and a [`Connection`] takes any [`Transport`].

mod body;
mod connection;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod head;
mod host;
mod malformed;
mod names;
#[cfg(any(test, fuzzing))]
#[cfg_attr(not(test), expect(dead_code, reason = "the fuzz targets need a part of it"))]
mod pipe;
mod reading;
mod scratch;
mod transport;
mod write;

pub(crate) use self::body::{Decoder, Framing, LAST_CHUNK, begin_chunk};
pub(crate) use self::connection::{Connection, RequestBody};
pub(crate) use self::head::{AnswerHead, RequestHead, Search, Unreadable, read_answer};
pub(crate) use self::host::is_host;
pub(crate) use self::malformed::{Malformed, malformed};
pub(crate) use self::reading::Arrival;
pub(crate) use self::scratch::poll_scratch;
pub(crate) use self::transport::{Transport, Writer};
pub(crate) use self::write::{write_answer, write_field, write_request};
