//! The dialect as a whole: recorded streams, requests there and back, and what no upstream should send.

mod reading;
mod requests;
mod strange;
mod upstreams;
mod writing;

use crate::dialect::neutral::event::{Context, Event};

use super::FORMAT;

/// What the gateway knows of an answer.
fn context() -> Context {
    Context {
        model: "asked-for".to_owned(),
        id: "0192".to_owned(),
        created: 1_795_000_000,
        include_usage: true,
        ..Context::default()
    }
}

/// Returns the stream that a client gets of these events.
fn stream(events: &[Event], context: Context) -> Vec<u8> {
    let (mut writer, mut out) = ((FORMAT.writer)(context), Vec::new());
    for event in events {
        writer.write(event, &mut out);
    }
    out
}
