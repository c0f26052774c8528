//! The data of an event of Gemini's `streamGenerateContent`, as far as the observer reads it.

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::dialect::openai::is_filled;
use crate::dialect::usage::{self, Usage};

/// One element of such a stream.
#[derive(Deserialize)]
pub(super) struct Chunk<'a> {
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    #[serde(borrow, default)]
    candidates: Option<Vec<Candidate<'a>>>,
    #[serde(borrow, rename = "promptFeedback")]
    feedback: Option<Feedback<'a>>,
    #[serde(borrow, rename = "usageMetadata")]
    usage: Option<&'a RawValue>,
}

/// What is thought of the prompt.
#[derive(Deserialize)]
struct Feedback<'a> {
    #[serde(borrow, rename = "blockReason")]
    block_reason: Option<&'a RawValue>,
}

/// A part of one answer.
#[derive(Deserialize)]
pub(super) struct Candidate<'a> {
    index: Option<u64>,
    #[serde(borrow)]
    content: Option<&'a RawValue>,
    #[serde(borrow, rename = "finishReason")]
    finish_reason: Option<&'a RawValue>,
}

/// The content of a candidate.
#[derive(Deserialize)]
struct Content {
    #[serde(default)]
    parts: Vec<Map<String, Value>>,
}

impl<'a> Chunk<'a> {
    /// Whether it is an error.
    pub(super) fn is_error(&self) -> bool {
        self.error.is_some_and(|error| is_filled(error.get()))
    }

    /// Whether the prompt is refused: then no candidates come.
    pub(super) fn is_blocked(&self) -> bool {
        let reason = self.feedback.as_ref().and_then(|feedback| feedback.block_reason);
        reason.is_some_and(is_reason)
    }

    pub(super) fn candidates(&self) -> &[Candidate<'a>] {
        self.candidates.as_deref().unwrap_or_default()
    }

    /// Whether it has nothing but tokens and what is thought of the prompt.
    pub(super) fn is_about_the_prompt(&self) -> bool {
        self.candidates().is_empty() && !self.is_blocked() && (self.usage.is_some() || self.feedback.is_some())
    }

    /// Returns the tokens that it names, where they can be read.
    pub(super) fn usage(&self) -> Option<Usage> {
        usage::of_gemini(self.usage?.get())
    }
}

impl Candidate<'_> {
    pub(super) fn index(&self) -> u64 {
        self.index.unwrap_or_default()
    }

    /// Whether it says why it ended.
    pub(super) fn is_finished(&self) -> bool {
        self.finish_reason.is_some_and(is_reason)
    }

    /// Whether it says anything. What cannot be read does.
    pub(super) fn has_content(&self) -> bool {
        let is_filled = |value: &Value| !matches!(value, Value::Null | Value::Bool(false)) && *value != "";
        let says = |(name, value): (&String, &Value)| name != "thought" && is_filled(value);
        self.content.is_some_and(|content| {
            let content = serde_json::from_str::<Content>(content.get());
            content.map_or(true, |content| content.parts.iter().any(|part| part.iter().any(says)))
        })
    }
}

/// Whether a member gives a reason. The name that stands for none is sent by some versions.
fn is_reason(value: &RawValue) -> bool {
    let value = value.get();
    !matches!(value, "null" | "\"\"" | "0") && !value.ends_with("_UNSPECIFIED\"")
}
