//! What is wrong with a configuration: everything at once, each with its place and the way out.

use std::fmt;

/// One mistake. Holds no secret: values of secret fields are described, never quoted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where: `GATEWAY_ROUTES[1].timeout`, or a variable's name.
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
    /// What is no mistake, and may explain one: see [`Config::notes`](super::Config::notes).
    pub notes: Vec<String>,
}

impl Problems {
    pub(super) fn push(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    pub(super) fn at(&mut self, path: &str, message: impl Into<String>, hint: &str) {
        let hint = (!hint.is_empty()).then(|| hint.to_owned());
        self.push(Problem {
            path: path.to_owned(),
            position: None,
            message: message.into(),
            hint,
        });
    }

    /// A report of one problem with a file or another source of text.
    #[must_use]
    pub fn one(path: &str, message: impl Into<String>, hint: &str) -> Self {
        let mut problems = Self::default();
        problems.at(path, message, hint);
        problems
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.problems.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.problems.is_empty()
    }

    /// Blames `to` for what `from` was blamed for.
    pub(super) fn rename(&mut self, from: &str, to: &str) {
        for problem in self.problems.iter_mut().filter(|problem| problem.path == from) {
            to.clone_into(&mut problem.path);
        }
    }

    /// Adds those of `other`.
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
