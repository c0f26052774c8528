//! The data of an event, as far as the observer reads it.

use crate::dialect::openai::is_filled;
use crate::dialect::usage::Usage;
use crate::dialect::wire::json::{elements, members};
use crate::dialect::wire::members::Members;

/// The data of one event of Chat Completions, of Responses or of Messages.
pub(super) struct Event<'a> {
    members: Members<'a>,
    pub(super) choices: Option<Vec<Choice<'a>>>,
}

impl<'a> Event<'a> {
    /// Reads an event; nothing where its data does not have the shape of one.
    pub(super) fn read(data: &'a [u8]) -> Option<Self> {
        let members = Members::of(data).ok()?;
        let choices = match members.value("choices") {
            Some(list) => Some(Choice::all(list)?),
            None => None,
        };
        Some(Self { members, choices })
    }

    /// Returns its `type`, if that is a text.
    pub(super) fn kind(&self) -> Option<&[u8]> {
        let kind = self.members.last("type")?.as_bytes();
        kind.strip_prefix(b"\"")?.strip_suffix(b"\"")
    }

    pub(super) fn is(&self, kind: &[u8]) -> bool {
        self.kind() == Some(kind)
    }

    /// Whether it is called an error.
    pub(super) fn is_error(&self) -> bool {
        self.members.value("error").is_some_and(is_filled) || self.members.last("object") == Some("\"error\"")
    }

    /// Returns the tokens that it names, where they can be read: in its `usage`, or where Groq and Moonshot put that.
    pub(super) fn usage(&self) -> Option<Usage> {
        let in_choices = || {
            self.choices
                .iter()
                .flatten()
                .find_map(|choice| choice.members.value("usage"))
        };
        let in_groq = || members(self.members.value("x_groq")?)?.value("usage");
        let usage = self.members.value("usage").or_else(in_choices).or_else(in_groq);
        usage.and_then(Usage::read)
    }

    /// Returns the object `response` of an event of Responses, which has its usage and its error.
    pub(super) fn response(&self) -> Option<Members<'a>> {
        members(self.members.value("response")?)
    }
}

/// A part of one choice.
pub(super) struct Choice<'a> {
    pub(super) index: u64,
    members: Members<'a>,
}

impl<'a> Choice<'a> {
    fn all(list: &'a str) -> Option<Vec<Self>> {
        let mut choices = Vec::new();
        for choice in elements(list)? {
            let members = members(choice)?;
            let index = members.value("index").unwrap_or("0").parse().ok()?;
            choices.push(Self { index, members });
        }
        Some(choices)
    }

    /// Whether it says why it ended. Some upstreams write an empty reason until then.
    pub(super) fn is_finished(&self) -> bool {
        self.members
            .value("finish_reason")
            .is_some_and(|reason| reason != "\"\"")
    }

    /// Whether it is an error instead of an answer.
    pub(super) fn has_failed(&self) -> bool {
        self.members.value("error").is_some_and(is_filled)
    }

    /// Returns whether it has anything besides its role; nothing where that cannot be read.
    pub(super) fn has_content(&self) -> Option<bool> {
        let is_empty = |value: &str| matches!(value, "null" | "\"\"") || is_bare(value);
        match self.members.value("delta").and_then(members) {
            Some(delta) => Some(!delta.0.iter().all(|(name, value)| name == "role" || is_empty(value))),
            // What the older completions have instead.
            None => self.members.value("text").map(|text| text != "\"\""),
        }
    }

    /// Whether it has nothing but the role, or an empty text, and goes on.
    pub(super) fn is_empty(&self) -> bool {
        !self.is_finished() && self.has_content() == Some(false)
    }
}

/// Whether a value is an array or an object with nothing in it.
fn is_bare(value: &str) -> bool {
    let inner = |open, close| value.strip_prefix(open)?.strip_suffix(close);
    let inner = inner('[', ']').or_else(|| inner('{', '}'));
    inner.is_some_and(|inner| inner.trim_ascii().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_member_that_stands_twice_the_last_one_counts() {
        let event = Event::read(br#"{"type":"ping","usage":null,"usage":{"input_tokens":3},"type":"error"}"#).unwrap();
        assert!(event.is(b"error"));
        assert_eq!(event.usage().and_then(|usage| usage.prompt_tokens), Some(3));
    }
}
