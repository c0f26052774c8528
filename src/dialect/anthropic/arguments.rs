//! The arguments of a tool call. Here they are an object, not its text.

use serde_json::{Map, Value};

use crate::dialect::neutral::free_text;
use crate::dialect::neutral::request::ToolCall;
use crate::dialect::wire::build::json;

/// Returns the arguments of a call. Free text stands in an object.
pub(super) fn of_call(call: &ToolCall) -> Value {
    if call.is_custom {
        object(&free_text::wrapped(&call.arguments))
    } else {
        object(&call.arguments)
    }
}

/// Returns the object that the text of arguments stands for. Models write other things at times: nothing, an object in a text, two
/// objects. What stands for no object becomes one with the text as its only member.
pub(super) fn object(text: &str) -> Value {
    if text.trim().is_empty() {
        return Value::Object(Map::new());
    }
    match serde_json::Deserializer::from_str(text).into_iter::<Value>().next() {
        Some(Ok(object @ Value::Object(_))) => object,
        Some(Ok(Value::Null)) => Value::Object(Map::new()),
        Some(Ok(Value::String(inner))) => match serde_json::from_str(&inner) {
            Ok(object @ Value::Object(_)) => object,
            _ => json!({"_raw": text}),
        },
        _ => json!({"_raw": text}),
    }
}

/// Finds the end of an object that comes in pieces, whether they are cut in a text, an escape or a number.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Scan {
    depth: u32,
    is_in_text: bool,
    is_escaped: bool,
}

impl Scan {
    /// Reads the next piece, and returns its length up to the end of the object, if that is in it.
    pub(super) fn end(&mut self, piece: &str) -> Option<usize> {
        for (place, byte) in piece.bytes().enumerate() {
            if std::mem::take(&mut self.is_escaped) {
                continue;
            }
            match byte {
                b'\\' => self.is_escaped = self.is_in_text,
                b'"' => self.is_in_text = !self.is_in_text,
                b'{' | b'[' if !self.is_in_text => self.depth += 1,
                b'}' | b']' if !self.is_in_text => {
                    self.depth = self.depth.saturating_sub(1);
                    if self.depth == 0 {
                        return Some(place + 1);
                    }
                }
                _ => {}
            }
        }
        None
    }
}
