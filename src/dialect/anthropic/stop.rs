//! Why an answer ended: `stop_reason`.

use serde_json::{Map, Value};

use crate::dialect::neutral::event::Finish;
use crate::dialect::wire::build::json;

/// Returns what a `stop_reason` means. One that is not known is an ordinary end.
pub(super) fn read(reason: &str) -> Finish {
    match reason {
        "max_tokens" | "model_context_window_exceeded" => Finish::Length,
        "tool_use" => Finish::ToolCalls,
        "refusal" => Finish::ContentFilter,
        "pause_turn" => Finish::Pause,
        _ => Finish::Stop,
    }
}

/// What was said, as far as it decides how an answer ends.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Said {
    /// Tools are called. Some upstreams then say that the answer ended as any other; where none is, there is nothing to wait for.
    pub(super) calls: bool,
    /// The model refused.
    pub(super) refusal: bool,
}

/// Returns the `stop_reason` of an answer. `stop` is the text at which it ended.
pub(super) fn write(finish: Option<Finish>, stop: Option<&str>, said: Said) -> &'static str {
    match finish {
        Some(Finish::Length) => "max_tokens",
        Some(Finish::ContentFilter) => "refusal",
        Some(Finish::Pause) => "pause_turn",
        Some(Finish::Stop | Finish::ToolCalls) | None => match stop {
            _ if said.calls => "tool_use",
            _ if said.refusal => "refusal",
            Some(_) => "stop_sequence",
            None => "end_turn",
        },
    }
}

/// Returns the members that say why an answer ended. `stop` is the text at which it ended.
pub(super) fn members(reason: &str, stop: Option<&str>) -> Map<String, Value> {
    let details = match reason {
        "refusal" => json!({"type": "refusal", "category": null, "explanation": null}),
        _ => Value::Null,
    };
    let members = [
        ("stop_reason", reason.into()),
        ("stop_sequence", stop.filter(|_| reason == "stop_sequence").into()),
        ("stop_details", details),
    ];
    members
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}
