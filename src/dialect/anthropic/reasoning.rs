//! How much is to be thought: `thinking` and `output_config.effort`.
//!
//! Models since Opus 4.6 decide by themselves how much they think and take an effort; older ones take a number of tokens.

use serde_json::Value;

use crate::dialect::neutral::fields::Fields;
use crate::dialect::neutral::request::{Quirks, Reasoning, Request, Written};
use crate::dialect::wire::build::{Set, json};

/// The least that may be thought, in tokens.
const LEAST: u64 = 1024;

/// Reads how much is to be thought. `effort` is that of `output_config`.
pub(super) fn read(thinking: Option<Fields>, effort: Option<String>) -> Option<Reasoning> {
    let Some(mut thinking) = thinking else {
        return effort.map(|effort| Reasoning {
            effort: Some(effort),
            ..Reasoning::default()
        });
    };
    let kind = thinking.required_text("type");
    if kind == "disabled" {
        return Some(Reasoning {
            is_disabled: true,
            ..Reasoning::default()
        });
    }
    Some(Reasoning {
        effort,
        budget: thinking.count("budget_tokens").filter(|_| kind == "enabled"),
        is_adaptive: kind != "enabled",
        is_disabled: false,
        wants_text: thinking.text("display").as_deref() != Some("omitted"),
        // These clients send all reasoning back.
        wants_encrypted: true,
    })
}

/// What a request says of thinking.
#[derive(Debug, Default)]
pub(super) struct Thinking {
    /// `thinking`.
    pub(super) member: Option<Value>,
    /// `output_config.effort`.
    pub(super) effort: Option<String>,
    /// Something will be thought.
    pub(super) is_on: bool,
}

/// What does not go together with thinking that has a budget. A model that decides by itself may as well not think.
#[derive(Clone, Copy, Debug)]
pub(super) struct Against {
    /// A tool has to be called.
    pub(super) is_forced: bool,
    /// The last turn calls tools, and does not begin with what was thought.
    pub(super) is_cut: bool,
}

/// Returns what is said of thinking. `max_tokens` is the most tokens of the answer. Older models do not think unless they are asked to;
/// newer ones do unless they are asked not to, and those that always do refuse to hear that.
pub(super) fn write(
    request: &Request,
    quirks: &Quirks,
    max_tokens: u64,
    against: Against,
    written: &mut Written,
) -> Thinking {
    let Some(reasoning) = &request.reasoning else {
        return Thinking::default();
    };
    if reasoning.is_disabled || reasoning.effort.as_deref() == Some("none") || reasoning.budget == Some(0) {
        if quirks.thinking_always {
            written.drop("reasoning");
            return Thinking::default();
        }
        return Thinking {
            member: quirks.thinking_off.map(|kind| json!({"type": kind})),
            ..Thinking::default()
        };
    }
    if quirks.adaptive_thinking {
        return adaptive(reasoning);
    }
    let thinking = Some(enabled(reasoning, max_tokens)).filter(|_| !against.is_forced && !against.is_cut);
    thinking.flatten().unwrap_or_else(|| {
        written.drop("reasoning");
        Thinking::default()
    })
}

fn adaptive(reasoning: &Reasoning) -> Thinking {
    let mut member = json!({"type": "adaptive"});
    if reasoning.wants_text {
        member.say("display", &"summarized");
    }
    let of_budget = |budget: u64| match budget {
        0..=2048 => "low",
        2049..=8192 => "medium",
        _ => "high",
    };
    let effort = match reasoning.effort.as_deref() {
        Some("minimal") => Some("low"),
        None => reasoning.budget.map(of_budget),
        effort => effort,
    };
    Thinking {
        member: Some(member),
        effort: effort.map(str::to_owned),
        is_on: true,
    }
}

/// Returns a budget that leaves a quarter of the answer for what is said: `max_tokens` is what the client pays for, and stays. There is
/// none where even the least is too much.
fn enabled(reasoning: &Reasoning, max_tokens: u64) -> Option<Thinking> {
    let wanted = reasoning.budget.unwrap_or(match reasoning.effort.as_deref() {
        Some("minimal" | "low") => LEAST,
        Some("medium") => 4096,
        Some("xhigh" | "max") => 32_768,
        Some(_) => 16_384,
        None if reasoning.is_adaptive => 16_384,
        None => 4096,
    });
    let budget = wanted.min(max_tokens - max_tokens / 4).max(LEAST);
    (budget < max_tokens).then(|| Thinking {
        member: Some(json!({"type": "enabled", "budget_tokens": budget})),
        effort: None,
        is_on: true,
    })
}
