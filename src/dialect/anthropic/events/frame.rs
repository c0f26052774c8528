//! One event of a stream.

use std::borrow::Cow;

use serde_json::Value;

use crate::dialect::wire::json::{self, members};
use crate::dialect::wire::members::Members;

/// An event, or what it adds. A member that has another shape than the one that is asked for is as good as none.
#[derive(Debug)]
pub(super) struct Frame<'a>(Members<'a>);

impl<'a> Frame<'a> {
    /// Reads an event; nothing where it is not one.
    pub(super) fn read(data: &'a str) -> Option<Self> {
        members(data).map(Self)
    }

    /// Returns a member that is a text.
    pub(super) fn text(&self, name: &str) -> Option<Cow<'a, str>> {
        self.0.last(name).and_then(json::text)
    }

    /// Returns a member of any shape.
    pub(super) fn value(&self, name: &str) -> Option<Value> {
        self.0.value(name).and_then(json::value)
    }

    /// Returns what the event adds.
    pub(super) fn delta(&self) -> Option<Self> {
        self.0.last("delta").and_then(Self::read)
    }

    /// Returns the block's number; nothing where it is not a number.
    pub(super) fn index(&self) -> Option<u64> {
        self.0.last("index").unwrap_or("0").parse().ok()
    }
}
