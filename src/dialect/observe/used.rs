//! The tokens that a stream has named so far.

use serde::Deserialize;

use crate::dialect::usage::{MessageTokens, Usage};
use crate::dialect::wire::json::parsed;

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
        let Some(tokens) = Metered::read(data) else { return };
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

/// The tokens of an event of Messages: the first one has them in its message.
#[derive(Deserialize)]
struct Metered {
    usage: Option<MessageTokens>,
    message: Option<Message>,
}

#[derive(Deserialize)]
struct Message {
    usage: Option<MessageTokens>,
}

impl Metered {
    /// Returns the tokens that an event names, where they can be read.
    fn read(data: &[u8]) -> Option<MessageTokens> {
        let event: Self = parsed(data)?;
        event.usage.or_else(|| event.message?.usage)
    }
}
