//! Why a choice ended: the values of `finish_reason`.

use crate::dialect::neutral::event::Finish;

/// Returns what a reason of an upstream's means; nothing where it means that the upstream failed. One that is not known means that all
/// was said.
pub(super) fn read(reason: &str) -> Option<Finish> {
    Some(match reason {
        "length" | "max_tokens" | "model_length" | "model_context_window_exceeded" => Finish::Length,
        "tool_calls" | "function_call" | "tool_use" => Finish::ToolCalls,
        "content_filter" | "sensitive" | "safety" | "refusal" => Finish::ContentFilter,
        // OpenRouter and Mistral; Zhipu; DeepSeek.
        "error" | "network_error" | "insufficient_system_resource" => return None,
        _ => Finish::Stop,
    })
}

/// Returns the reason as it is, or that tools are to be called where some are: several upstreams say `stop` then, and clients go by
/// the reason.
pub(super) const fn with_calls(finish: Finish, has_calls: bool) -> Finish {
    match finish {
        Finish::Stop if has_calls => Finish::ToolCalls,
        // Without calls there is nothing to wait for.
        Finish::ToolCalls if !has_calls => Finish::Stop,
        finish => finish,
    }
}

/// Returns the reason for a client.
pub(super) const fn write(finish: Finish) -> &'static str {
    match finish {
        Finish::Stop | Finish::Pause => "stop",
        Finish::Length => "length",
        Finish::ToolCalls => "tool_calls",
        Finish::ContentFilter => "content_filter",
    }
}
