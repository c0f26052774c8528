//! The tokens that a stream has named so far.

use crate::dialect::usage::{MessageTokens, Usage};
use crate::dialect::wire::members::Members;

/// The tokens that a stream has named so far.
#[derive(Debug)]
pub(super) enum Used {
    Nothing,
    /// Each event that names any names all.
    All(Usage),
    /// Events of Messages name some of them each.
    Some(Box<MessageTokens>),
}

impl Used {
    /// Notes the tokens of an event that names all of them.
    pub(super) fn update(&mut self, usage: Option<Usage>) {
        if let Some(usage) = usage
            && !matches!(self, Self::Some(_))
        {
            *self = Self::All(usage);
        }
    }

    /// Adds the tokens that an event of Messages names.
    pub(super) fn update_some(&mut self, data: &[u8]) {
        let Some(tokens) = tokens_of(data) else { return };
        match self {
            Self::Some(known) => known.update(&tokens),
            Self::Nothing | Self::All(_) => *self = Self::Some(Box::new(tokens)),
        }
    }

    /// Returns the tokens so far.
    pub(super) fn usage(&self) -> Option<Usage> {
        match self {
            Self::Nothing => None,
            Self::All(usage) => Some(*usage),
            Self::Some(tokens) => Some(tokens.usage()),
        }
    }
}

/// Returns the tokens that an event of Messages names, where they can be read. The first event has them in its message.
fn tokens_of(data: &[u8]) -> Option<MessageTokens> {
    let event = Members::of(data).ok()?;
    let usage = match event.value("usage") {
        Some(usage) => usage,
        None => Members::of(event.value("message")?.as_bytes()).ok()?.value("usage")?,
    };
    MessageTokens::read(usage)
}
