//! What two readers make of the same bytes, and where they may differ.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error as StdError;
use std::io;

use super::cases::{Case, sections};

/// What one reader made of a connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// The messages that were read whole, each in words.
    pub(crate) read: Vec<String>,
    /// What comes behind them was refused, and not only cut off.
    pub(crate) refused: bool,
}

impl Outcome {
    /// How this one, which is ours, differs from the other one.
    fn difference(&self, other: &Self) -> Option<&'static str> {
        let begins =
            |long: &Self, short: &Self| long.read.starts_with(&short.read) && long.read.len() > short.read.len();
        match () {
            () if self == other => None,
            () if self.refused && begins(other, self) => Some("stricter"),
            () if other.refused && begins(self, other) => Some("laxer"),
            () if begins(other, self) => Some("closes"),
            () if begins(self, other) => Some("keeps"),
            () if self.read == other.read && self.refused => Some("early"),
            () if self.read == other.read => Some("late"),
            () => Some("other"),
        }
    }
}

/// Whether a message was refused, rather than cut off.
pub(crate) fn is_refusal(error: &(dyn StdError + 'static)) -> bool {
    let mut sources = std::iter::successors(Some(error), |error| StdError::source(*error));
    !sources.any(|error| {
        let cut_off = |error: &hyper::Error| error.is_incomplete_message();
        error.downcast_ref().is_some_and(cut_off)
            || error
                .downcast_ref()
                .is_some_and(|error: &io::Error| error.kind() == io::ErrorKind::UnexpectedEof)
    })
}

/// The differences that are meant to be: pieces of cases, and the words for how ours differs, with the reason.
pub(crate) struct Differences {
    allowed: Vec<(Vec<String>, String)>,
    used: BTreeSet<usize>,
    /// The others that were found: the cases of each kind.
    found: BTreeMap<String, Vec<String>>,
}

impl Differences {
    /// Those of one section of the list.
    pub(crate) fn of(section: &str) -> Self {
        let rows = sections(include_str!("../../../tests/http1/differences.txt"))
            .remove(section)
            .unwrap_or_default();
        let mut allowed = Vec::new();
        for row in rows {
            let (words, why) = row.text.split_once(' ').unwrap_or_default();
            assert!(why.trim().len() > 20, "{}: no reason is given", row.name);
            let pieces: Vec<String> = row.name.split('+').map(str::to_owned).collect();
            allowed.extend(words.split(',').map(|how| (pieces.clone(), how.to_owned())));
        }
        Self {
            allowed,
            used: BTreeSet::new(),
            found: BTreeMap::new(),
        }
    }

    /// Takes note of what both readers made of a case.
    pub(crate) fn compare(&mut self, case: &Case, ours: &Outcome, hypers: &Outcome) {
        let Some(how) = ours.difference(hypers) else { return };
        let has = |wanted: &String| {
            case.pieces.iter().any(|piece| match wanted.strip_suffix('*') {
                Some(beginning) => piece.starts_with(beginning),
                None => piece == wanted,
            })
        };
        let fits = |(pieces, word): &(Vec<String>, String)| word == how && pieces.iter().all(has);
        let mut rows = self.allowed.iter().enumerate().filter(|(_, row)| fits(row)).peekable();
        if rows.peek().is_none() {
            let shown = format!("{how}: {}", case.pieces.join("+"));
            self.found.entry(shown).or_default().push(format!(
                "{}\n    ours   {ours:?}\n    hyper's {hypers:?}",
                case.bytes[..case.bytes.len().min(300)].escape_ascii()
            ));
        }
        self.used.extend(rows.map(|(place, _)| place));
    }

    /// Fails where a difference was found that is not listed, or one is listed that was not found.
    pub(crate) fn assert_as_listed(&self) {
        let found: Vec<String> = self
            .found
            .iter()
            .map(|(what, cases)| format!("{what}\n    {}", cases[0]))
            .collect();
        assert!(
            found.is_empty(),
            "{} differences are not listed:\n{}",
            found.len(),
            found.join("\n")
        );
        let unused = self
            .allowed
            .iter()
            .enumerate()
            .filter(|(place, _)| !self.used.contains(place));
        let unused: Vec<String> = unused
            .map(|(_, (pieces, how))| format!("{} {how}", pieces.join("+")))
            .collect();
        assert!(unused.is_empty(), "these differences are none: {unused:?}");
    }
}
