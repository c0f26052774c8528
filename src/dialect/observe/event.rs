//! The data of an event, as far as the observer reads it.

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::dialect::openai::is_filled;
use crate::dialect::usage::Usage;

/// The data of one event of Chat Completions, of Responses or of Messages.
#[derive(Deserialize)]
pub(super) struct Event<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) error: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) object: Option<&'a str>,
    #[serde(borrow, default)]
    usage: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) response: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) choices: Option<Vec<Choice<'a>>>,
}

impl Event<'_> {
    /// Returns its `type`, if that is a text.
    pub(super) fn kind(&self) -> Option<&[u8]> {
        let kind = self.kind?.get().as_bytes();
        kind.strip_prefix(b"\"")?.strip_suffix(b"\"")
    }

    pub(super) fn is(&self, kind: &[u8]) -> bool {
        self.kind() == Some(kind)
    }

    /// Returns the tokens that it names, where they can be read.
    pub(super) fn usage(&self) -> Option<Usage> {
        self.usage.and_then(|usage| serde_json::from_str(usage.get()).ok())
    }
}

/// The object `response` of an event of Responses, which has its usage and its error.
#[derive(Deserialize)]
pub(super) struct Response<'a> {
    pub(super) usage: Option<Usage>,
    #[serde(borrow)]
    pub(super) error: Option<&'a RawValue>,
}

/// A part of one choice.
#[derive(Deserialize)]
pub(super) struct Choice<'a> {
    #[serde(default)]
    pub(super) index: Option<u64>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
    #[serde(borrow, default)]
    finish_reason: Option<&'a RawValue>,
    #[serde(borrow, default)]
    delta: Option<&'a RawValue>,
    /// What the older completions have instead of `delta`.
    #[serde(borrow, default)]
    text: Option<&'a RawValue>,
}

impl Choice<'_> {
    /// Whether it says why it ended. Some upstreams write an empty reason until then.
    pub(super) fn is_finished(&self) -> bool {
        self.finish_reason.is_some_and(|reason| reason.get() != "\"\"")
    }

    /// Whether it is an error instead of an answer.
    pub(super) fn has_failed(&self) -> bool {
        self.error.is_some_and(|error| is_filled(error.get()))
    }

    /// Returns whether it has anything besides its role; nothing where that cannot be read.
    pub(super) fn has_content(&self) -> Option<bool> {
        let empty = |value: &Value| match value {
            Value::Null => true,
            Value::String(text) => text.is_empty(),
            Value::Array(list) => list.is_empty(),
            Value::Object(members) => members.is_empty(),
            Value::Bool(_) | Value::Number(_) => false,
        };
        let delta = self
            .delta
            .and_then(|delta| serde_json::from_str::<Map<String, Value>>(delta.get()).ok());
        match delta {
            Some(delta) => Some(!delta.iter().all(|(name, value)| name == "role" || empty(value))),
            None => self.text.map(|text| text.get() != "\"\""),
        }
    }

    /// Whether it has nothing but the role, or an empty text, and goes on.
    pub(super) fn is_empty(&self) -> bool {
        !self.is_finished() && self.has_content() == Some(false)
    }
}
