//! What is wrong with a configuration: all problems at once, each with its place and a way out.

use std::fmt;

/// One mistake. Never holds a secret: the values of secret fields are described, not quoted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The place: `GATEWAY_ROUTES[1].timeout`, or the name of a variable.
    pub path: String,
    /// Line and column in the JSON text, counted from 1.
    pub position: Option<(usize, usize)>,
    /// What was found and what was expected.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

/// All mistakes of a configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems {
    problems: Vec<Problem>,
    /// Remarks that may explain a mistake: see [`Config::notes`](super::Config::notes).
    pub notes: Vec<String>,
}

impl Problems {
    pub(super) fn push(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    /// Adds a problem without a position. An empty hint is left out.
    pub(super) fn at(&mut self, path: &str, message: impl Into<String>, hint: &str) {
        let hint = (!hint.is_empty()).then(|| hint.to_owned());
        self.push(Problem {
            path: path.to_owned(),
            position: None,
            message: message.into(),
            hint,
        });
    }

    /// Returns a report of one problem, with a file or another source of text.
    #[must_use]
    pub fn one(path: &str, message: impl Into<String>, hint: &str) -> Self {
        let mut problems = Self::default();
        problems.at(path, message, hint);
        problems
    }

    /// Returns how many problems there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.problems.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.problems.is_empty()
    }

    /// Moves every problem at the place `from` to the place `to`.
    pub(super) fn rename(&mut self, from: &str, to: &str) {
        for problem in self.problems.iter_mut().filter(|problem| problem.path == from) {
            to.clone_into(&mut problem.path);
        }
    }

    /// Adds the problems and notes of `other`.
    pub fn merge(&mut self, other: Self) {
        self.problems.extend(other.problems);
        self.notes.extend(other.notes);
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.len() == 1 { "" } else { "s" };
        writeln!(formatter, "the configuration has {} problem{plural}", self.len())?;
        for problem in &self.problems {
            write!(formatter, "  {}", problem.path)?;
            if let Some((line, column)) = problem.position {
                write!(formatter, " (line {line}, column {column})")?;
            }
            writeln!(formatter, ": {}", problem.message)?;
            if let Some(hint) = &problem.hint {
                writeln!(formatter, "    hint: {hint}")?;
            }
        }
        for note in &self.notes {
            writeln!(formatter, "  note: {note}")?;
        }
        Ok(())
    }
}

/// Returns the first 60 characters of a value without control characters: what a report may show of it.
pub(super) fn shown(text: &str) -> String {
    text.chars().take(60).filter(|char| !char.is_control()).collect()
}
