//! The data of an event of Gemini's `streamGenerateContent`, as far as the observer reads it.

use crate::dialect::openai::is_filled;
use crate::dialect::usage::{self, Usage};
use crate::dialect::wire::json::{elements, members};
use crate::dialect::wire::members::Members;

/// One element of such a stream.
pub(super) struct Chunk<'a> {
    members: Members<'a>,
    /// What is thought of the prompt.
    feedback: Option<Members<'a>>,
    candidates: Vec<Candidate<'a>>,
}

/// A part of one answer.
pub(super) struct Candidate<'a> {
    index: u64,
    members: Members<'a>,
}

impl<'a> Chunk<'a> {
    /// Reads an element; nothing where it does not have the shape of one.
    pub(super) fn read(data: &'a [u8]) -> Option<Self> {
        let chunk = Members::of(data).ok()?;
        let mut candidates = Vec::new();
        for candidate in elements(chunk.value("candidates").unwrap_or("[]"))? {
            candidates.push(Candidate::read(candidate)?);
        }
        let feedback = match chunk.value("promptFeedback") {
            Some(feedback) => Some(members(feedback)?),
            None => None,
        };
        Some(Self {
            members: chunk,
            feedback,
            candidates,
        })
    }

    /// Whether it is an error.
    pub(super) fn is_error(&self) -> bool {
        self.members.value("error").is_some_and(is_filled)
    }

    /// Whether the prompt is refused: then no candidates come.
    pub(super) fn is_blocked(&self) -> bool {
        let reason = self.feedback.as_ref().and_then(|feedback| feedback.last("blockReason"));
        reason.is_some_and(is_reason)
    }

    pub(super) fn candidates(&self) -> &[Candidate<'a>] {
        &self.candidates
    }

    /// Whether it has nothing but tokens and what is thought of the prompt.
    pub(super) fn is_about_the_prompt(&self) -> bool {
        let is_about_it = self.feedback.is_some() || self.members.value("usageMetadata").is_some();
        self.candidates.is_empty() && !self.is_blocked() && is_about_it
    }

    /// Returns the tokens that it names, where they can be read.
    pub(super) fn usage(&self) -> Option<Usage> {
        usage::of_gemini(self.members.value("usageMetadata")?)
    }
}

impl<'a> Candidate<'a> {
    fn read(candidate: &'a str) -> Option<Self> {
        let members = members(candidate)?;
        let index = members.value("index").unwrap_or("0").parse().ok()?;
        Some(Self { index, members })
    }

    pub(super) const fn index(&self) -> u64 {
        self.index
    }

    /// Whether it says why it ended.
    pub(super) fn is_finished(&self) -> bool {
        self.members.last("finishReason").is_some_and(is_reason)
    }

    /// Whether it says anything. What cannot be read does.
    pub(super) fn has_content(&self) -> bool {
        self.members
            .value("content")
            .is_some_and(|content| says(content).unwrap_or(true))
    }
}

/// Returns whether a content says anything; nothing where it cannot be read.
fn says(content: &str) -> Option<bool> {
    let content = members(content)?;
    for part in elements(content.last("parts").unwrap_or("[]"))? {
        let mut part = members(part)?.0.into_iter();
        if part.any(|(name, value)| name != "thought" && !matches!(value, "null" | "false" | "\"\"")) {
            return Some(true);
        }
    }
    Some(false)
}

/// Whether a member gives a reason. The name that stands for none is sent by some versions.
fn is_reason(value: &str) -> bool {
    !matches!(value, "null" | "\"\"" | "0") && !value.ends_with("_UNSPECIFIED\"")
}
