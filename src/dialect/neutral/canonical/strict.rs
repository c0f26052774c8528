//! Judges of what a writer wrote: they read it as strictly as the vendors' libraries, which put an answer together from a stream,
//! and fail where those fail or get something wrong.
//!
//! They share nothing with the readers, so that a mistake in a reader does not hide the same mistake in a writer.

mod anthropic;
mod chat;
mod frames;
mod gemini;
mod responses;
mod said;

use serde_json::Value;

pub(crate) use self::said::Verdict;

/// Judges a stream of a dialect (`chat`, `anthropic`, `responses`, `gemini`; `gemini array` is a JSON array). The error says what
/// rule it breaks. A stream without an end breaks one.
pub(crate) fn stream(dialect: &str, bytes: &[u8]) -> Result<Verdict, String> {
    match dialect {
        "chat" => chat::stream(bytes),
        "anthropic" => anthropic::stream(bytes),
        "responses" => responses::stream(bytes),
        "gemini" => gemini::stream(bytes),
        "gemini array" => gemini::array_of(bytes),
        other => Err(format!("{other} is not a dialect")),
    }
}

/// Judges a whole answer, and returns its canonical form.
pub(crate) fn answer(dialect: &str, document: &Value) -> Result<Value, String> {
    match dialect {
        "chat" => chat::answer(document),
        "anthropic" => anthropic::answer(document),
        "responses" => responses::answer(document),
        "gemini" => gemini::answer(document),
        other => Err(format!("{other} is not a dialect")),
    }
}

#[cfg(test)]
mod tests;
