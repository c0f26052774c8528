//! Gemini's `generateContent`.
//!
//! Requests may spell their members in camel case or in snake case (`fields`); answers are in camel case. The model and the wish for
//! a stream stand in the path, so a `Request` has neither. Calls of tools are whole objects, and
//! results name their function. What proves that something is Gemini's own stands on the parts of a turn (`signature`).
//!
//! Not carried: cached content, safety settings, tools that Google runs itself, code that it ran, images and speech in answers.

mod answer;
mod arguments;
mod counting;
mod error;
mod fields;
mod finish;
mod forget;
mod grounding;
mod media;
mod openapi;
mod read_contents;
mod read_request;
mod reader;
mod schema;
mod signature;
mod write_contents;
mod write_request;
mod writer;

#[cfg(test)]
mod tests;

use serde_json::Map;

use super::ending::Ending;
use super::key_header::KeyHeader;
use super::neutral::{Format, Paths};

/// The dialect.
pub static FORMAT: Format = Format {
    name: "gemini",
    paths: Paths {
        whole: "models/{model}:generateContent",
        stream: "models/{model}:streamGenerateContent?alt=sse",
    },
    key_header: KeyHeader::XGoogApiKey,
    headers: &[],
    ending: Ending::Candidates,
    counting: Some(counting::COUNTING),
    has_tool_kinds: false,
    state: &[
        "thoughtSignature",
        "thought_signature",
        "thinkingConfig",
        "thinking_config",
        "functionDeclarations",
        "function_declarations",
    ],
    references: &["fileUri", "file_uri", "cachedContent", "cached_content"],
    clean: |_| None,
    forget: forget::without_state,
    echo: |_| Map::new(),
    read_request: read_request::read_request,
    write_request: write_request::write_request,
    read_answer: reader::read_answer,
    write_answer: answer::write_answer,
    reader: || Box::<reader::Reader>::default(),
    writer: |context| Box::new(writer::Writer::new(&context)),
    error_body: error::error_body,
    is_error: error::is_error,
    says_overflow: error::says_overflow,
    upstream_error: error::upstream_error,
};
