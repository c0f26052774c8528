//! Why an answer ends: `finishReason`, and `promptFeedback.blockReason`.

use crate::dialect::neutral::event::Finish;

/// Returns what a reason means. With calls of tools it is `STOP` as well.
pub(super) fn read(reason: &str, has_calls: bool) -> Finish {
    match reason {
        "MAX_TOKENS" => Finish::Length,
        "SAFETY" | "RECITATION" | "LANGUAGE" | "BLOCKLIST" | "PROHIBITED_CONTENT" | "SPII" | "MODEL_ARMOR" => {
            Finish::ContentFilter
        }
        _ if reason.starts_with("IMAGE_") => Finish::ContentFilter,
        _ if has_calls => Finish::ToolCalls,
        _ => Finish::Stop,
    }
}

/// Whether a reason says that the model failed: its call of a tool, or its answer, cannot be read. Without any content that is an
/// error; a client that repeats its request then gets an answer.
pub(super) fn is_fault(reason: &str) -> bool {
    matches!(
        reason,
        "MALFORMED_FUNCTION_CALL"
            | "UNEXPECTED_TOOL_CALL"
            | "TOO_MANY_TOOL_CALLS"
            | "MISSING_THOUGHT_SIGNATURE"
            | "MALFORMED_RESPONSE"
            | "NO_IMAGE"
            | "OTHER"
    )
}

/// Whether a reason says nothing: the answer goes on.
pub(super) fn is_none(reason: &str) -> bool {
    matches!(
        reason,
        "" | "FINISH_REASON_UNSPECIFIED" | "BLOCK_REASON_UNSPECIFIED" | "BLOCKED_REASON_UNSPECIFIED"
    )
}

/// Returns the reason for a client. `refused`: the model said why it does not answer, which has no place of its own here.
pub(super) fn write(finish: Option<Finish>, refused: bool) -> &'static str {
    match finish {
        Some(Finish::Length) => "MAX_TOKENS",
        Some(Finish::ContentFilter) => "SAFETY",
        _ if refused => "SAFETY",
        Some(Finish::Stop | Finish::ToolCalls | Finish::Pause) | None => "STOP",
    }
}
