//! The dialects that can be translated into each other. A fifth one is a folder and a row of [`FORMATS`].

use super::neutral::Format;
use super::{anthropic, chat, gemini, responses};

/// Chat Completions, which is spoken where nothing else is said.
pub const OPENAI: &Format = &chat::FORMAT;

/// OpenAI's Responses.
pub const RESPONSES: &Format = &responses::FORMAT;

/// Anthropic's Messages.
pub const ANTHROPIC: &Format = &anthropic::FORMAT;

/// Gemini's `generateContent`.
pub const GEMINI: &Format = &gemini::FORMAT;

/// The dialects.
pub static FORMATS: [&Format; 4] = [OPENAI, RESPONSES, ANTHROPIC, GEMINI];

/// Returns the dialect that the configuration calls by this name.
#[must_use]
pub fn by_name(name: &str) -> Option<&'static Format> {
    FORMATS.into_iter().find(|format| format.name == name)
}

#[cfg(test)]
mod tests;
