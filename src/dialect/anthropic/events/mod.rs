//! Reads an upstream's answer: a stream, or a whole one.

mod frame;
mod reader;

use serde_json::Value;

pub(super) use self::reader::Reader;
use crate::dialect::neutral::event::Event;
use crate::dialect::wire::json::parsed;

/// Reads a whole answer.
pub(super) fn read_answer(body: &[u8]) -> Option<Vec<Event>> {
    let message: Value = parsed(body)?;
    let content = message.get("content")?.as_array()?;
    let mut events = Vec::new();
    let mut reader = Reader::default();
    reader.start(&message, &mut events);
    for (index, block) in content.iter().enumerate() {
        reader.open(index as u64, block, &mut events);
        reader.close(index as u64, &mut events);
    }
    reader.finish(&message, &mut events);
    if let Some(usage) = message.get("usage") {
        reader.usage(usage, &mut events);
    }
    reader.complete(&mut events);
    Some(events)
}
