//! What the data of an event may hold, as far as the observer reads it.

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::dialect::openai::{Usage, says_something};

/// One event.
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
    /// Its `type`, if that is a text.
    pub(super) fn kind(&self) -> Option<&[u8]> {
        let kind = self.kind?.get().as_bytes();
        kind.strip_prefix(b"\"")?.strip_suffix(b"\"")
    }

    pub(super) fn is(&self, kind: &[u8]) -> bool {
        self.kind() == Some(kind)
    }

    /// The tokens it tells of, if it does so legibly.
    pub(super) fn usage(&self) -> Option<Usage> {
        self.usage.and_then(|usage| serde_json::from_str(usage.get()).ok())
    }
}

/// What Responses tell inside the response.
#[derive(Deserialize)]
pub(super) struct Response<'a> {
    pub(super) usage: Option<Usage>,
    #[serde(borrow)]
    pub(super) error: Option<&'a RawValue>,
}

/// One of several answers, as far as it has come.
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
    /// In the completions before Chat Completions.
    #[serde(borrow, default)]
    text: Option<&'a RawValue>,
}

impl Choice<'_> {
    /// Whether it says why it ended. Some say nothing in quotes until then.
    pub(super) fn is_finished(&self) -> bool {
        self.finish_reason.is_some_and(|reason| reason.get() != "\"\"")
    }

    /// Whether it is an error instead of an answer.
    pub(super) fn has_failed(&self) -> bool {
        self.error.is_some_and(|error| says_something(error.get()))
    }

    /// Whether it says anything besides its role; nothing where that cannot be read.
    pub(super) fn says(&self) -> Option<bool> {
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

    /// Whether nothing but the role is in it, or an empty text.
    pub(super) fn says_nothing(&self) -> bool {
        !self.is_finished() && self.says() == Some(false)
    }
}
