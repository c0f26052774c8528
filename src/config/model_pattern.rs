//! Entries of allow-lists: which models a token may ask for.

use std::fmt;

/// An entry of an allow-list: the name of a model, in which `*` stands for any run of characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelPattern(String);

impl ModelPattern {
    /// Wraps a pattern as the operator wrote it.
    #[must_use]
    pub const fn new(pattern: String) -> Self {
        Self(pattern)
    }

    /// Returns it as the operator wrote it.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0
    }

    /// Returns the one model that it stands for; nothing where it has a `*`.
    #[must_use]
    pub fn exact(&self) -> Option<&str> {
        Some(self.0.as_str()).filter(|pattern| !pattern.contains('*'))
    }

    /// Whether `model` fits. Takes no more steps than the product of both lengths, whatever the pattern is: clients choose
    /// names.
    #[must_use]
    pub fn matches(&self, model: &str) -> bool {
        let (pattern, model) = (self.0.as_bytes(), model.as_bytes());
        let (mut at, mut read) = (0, 0);
        let mut star: Option<(usize, usize)> = None;
        while read < model.len() {
            if pattern.get(at) == Some(&b'*') {
                star = Some((at, read));
                at += 1;
            } else if pattern.get(at) == Some(&model[read]) {
                at += 1;
                read += 1;
            } else if let Some((behind, start)) = star {
                star = Some((behind, start + 1));
                at = behind + 1;
                read = start + 1;
            } else {
                return false;
            }
        }
        pattern[at..].iter().all(|byte| *byte == b'*')
    }
}

impl fmt::Display for ModelPattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_any_run() {
        let fits = |pattern: &str, model: &str| ModelPattern::new(pattern.into()).matches(model);
        for (pattern, model) in [
            ("*", ""),
            ("gpt-*", "gpt-4o"),
            ("*/gpt-*", "openai/gpt-4o"),
            ("a*b*c", "aXbYbZc"),
            ("x", "x"),
        ] {
            assert!(fits(pattern, model), "{pattern} {model}");
        }
        for (pattern, model) in [
            ("gpt-*", "agpt-4"),
            ("a*b", "abc"),
            ("", "x"),
            ("x", ""),
            ("GPT", "gpt"),
        ] {
            assert!(!fits(pattern, model), "{pattern} {model}");
        }
    }
}
