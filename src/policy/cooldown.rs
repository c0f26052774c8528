//! A cooldown as people and metrics read it.

use super::meaning::Scope;
use super::subject::{Kind, Subject};
use crate::platform::Moment;

/// The longest name of a model that is kept, in characters. Clients choose these names.
const MAX_MODEL: usize = 120;

/// One subject that is left alone for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cooldown {
    /// What is left alone.
    pub kind: Kind,
    /// The name of the route whose request caused it. Other routes with the same upstream and key share it.
    pub route: String,
    /// The key, where it is a key that is left alone.
    pub key: Option<KeyName>,
    /// The first 120 characters of the model's name at the upstream, where it holds for one model.
    pub model: Option<String>,
    /// Why: the scope of the failure that set `until`.
    pub reason: Scope,
    /// When it ends.
    pub until: Moment,
}

/// A key, named without being shown.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyName {
    /// Its place in the route, from 0, when the failure happened. The table may have been read again since.
    pub place: usize,
    /// The first eight hexadecimal digits of its SHA-256. They find the key in any table.
    pub id: String,
}

impl Cooldown {
    /// The cooldown of `subject` until `until`.
    pub(super) fn of(subject: Subject<'_>, reason: Scope, until: Moment) -> Self {
        Self {
            kind: subject.kind,
            route: subject.route.name.clone(),
            key: subject
                .key
                .zip(subject.secret())
                .map(|(place, secret)| KeyName { place, id: secret.id() }),
            model: subject.model.map(|model| model.chars().take(MAX_MODEL).collect()),
            reason,
            until,
        }
    }

    /// Returns what cooldowns are sorted by: a list that is read again shows them in the same order.
    pub(super) fn order(&self) -> impl Ord {
        (&self.route, self.kind, &self.key, &self.model, self.until)
    }
}
