//! What is the same in the words of every dialect.

use serde_json::{Map, Value};

use super::pair::ALL;
use crate::dialect::neutral::request::{Format, Message, Part, PartKind, Reasoning, Request, Role, ToolChoice};

/// What is the same in other words: the dialects that say it so, what is made of it, and why.
type Alike = (&'static [&'static str], fn(&mut Request), &'static str);

const ALIKE: &[Alike] = &[
    (
        ALL,
        without_the_way,
        "the model and the wish for a stream may stand in the path",
    ),
    (ALL, without_hints, "these change nothing in an answer"),
    (ALL, without_defaults, "to say nothing means the same"),
    (
        ALL,
        with_one_turn_a_speaker,
        "a turn may be one message or several, a text one part or several",
    ),
    (
        &["gemini"],
        with_least_thinking,
        "some models cannot be kept from thinking a little",
    ),
    (
        ALL,
        with_amounts_of_thinking,
        "a number of tokens and a word stand for each other",
    ),
    (
        ALL,
        without_proofs,
        "they prove something to one upstream, which is another one",
    ),
    (ALL, with_refusals_as_texts, "few upstreams know more"),
    (
        &["chat", "responses"],
        with_errors_in_texts,
        "results say only so that a tool failed",
    ),
    (
        &["chat"],
        with_calls_last,
        "a message has its text in front of its calls",
    ),
    (&["chat", "responses"], with_names, "a name is required"),
    (
        &["anthropic", "gemini"],
        without_names,
        "schemas and documents have no names, and are held as they are",
    ),
    (
        &["chat", "anthropic"],
        with_allowed_tools_only,
        "the others are left out",
    ),
];

fn without_the_way(request: &mut Request) {
    (request.model, request.stream, request.include_usage) = (None, false, false);
}

fn without_hints(request: &mut Request) {
    (request.user, request.cache_key, request.metadata) = (None, None, None);
}

fn without_defaults(request: &mut Request) {
    request.parallel_tools = request.parallel_tools.filter(|parallel| !parallel);
    request.choices = request.choices.filter(|count| *count > 1);
    if request.tool_choice == Some(ToolChoice::None) {
        request.parallel_tools = None;
    }
    request.tool_choice = request.tool_choice.take().filter(|choice| *choice != ToolChoice::Auto);
    let tier = request.service_tier.take();
    request.service_tier = tier.filter(|tier| !matches!(tier.as_str(), "auto" | "default" | "standard_only"));
    for tool in &mut request.tools {
        tool.strict = tool.strict.filter(|strict| *strict);
        let takes_nothing = |schema: &Value| schema["properties"].as_object().is_none_or(Map::is_empty);
        tool.parameters = tool.parameters.take().filter(|schema| !takes_nothing(schema));
    }
    for kind in parts(request) {
        match kind {
            PartKind::Image { detail, .. } => *detail = detail.take().filter(|detail| detail != "auto"),
            PartKind::ToolCall(call) => {
                let arguments: Value = serde_json::from_str(&call.arguments).unwrap();
                call.arguments = arguments.to_string();
            }
            PartKind::ToolResult { name, .. } => *name = None,
            _ => {}
        }
    }
}

fn with_one_turn_a_speaker(request: &mut Request) {
    let mut turns: Vec<Message> = Vec::new();
    for mut message in std::mem::take(&mut request.messages) {
        if message.role == Role::Developer {
            message.role = Role::System;
        }
        match turns.last_mut().filter(|last| last.role == message.role) {
            Some(last) => last.parts.append(&mut message.parts),
            None => turns.push(message),
        }
    }
    for turn in &mut turns {
        let mut joined: Vec<Part> = Vec::new();
        for part in std::mem::take(&mut turn.parts) {
            let before = joined.last_mut().filter(|before| before.cache.is_none());
            match (before.map(|before| &mut before.kind), &part.kind) {
                (Some(PartKind::Text(before)), PartKind::Text(text)) => before.push_str(text),
                _ => joined.push(part),
            }
        }
        turn.parts = joined;
    }
    turns.retain(|turn| !turn.parts.is_empty());
    request.messages = turns;
}

fn with_least_thinking(request: &mut Request) {
    if let Some(reasoning) = &mut request.reasoning
        && (std::mem::take(&mut reasoning.is_disabled) || reasoning.effort.as_deref() == Some("none"))
    {
        reasoning.effort = Some("minimal".to_owned());
    }
}

fn with_amounts_of_thinking(request: &mut Request) {
    let level = |reasoning: &Reasoning| match (reasoning.effort.as_deref(), reasoning.budget) {
        _ if reasoning.is_disabled => None,
        (Some("none"), _) | (None, None) => None,
        (Some("minimal" | "low"), _) | (None, Some(..=2048)) => Some("low"),
        (Some("medium"), _) | (None, Some(..=8192)) => Some("medium"),
        _ => Some("high"),
    };
    let level = request.reasoning.as_ref().and_then(level);
    request.reasoning = level.map(|level| Reasoning {
        effort: Some(level.to_owned()),
        ..Reasoning::default()
    });
}

fn without_proofs(request: &mut Request) {
    for kind in parts(request) {
        match kind {
            PartKind::Reasoning {
                text,
                signature,
                encrypted,
            } => {
                *signature = None;
                *encrypted = encrypted.take().filter(|_| text.is_empty());
            }
            PartKind::ToolCall(call) => call.signature = None,
            _ => {}
        }
    }
}

fn with_refusals_as_texts(request: &mut Request) {
    for kind in parts(request) {
        if let PartKind::Refusal(text) = kind {
            *kind = PartKind::Text(std::mem::take(text));
        }
    }
}

fn with_errors_in_texts(request: &mut Request) {
    for kind in parts(request) {
        if let PartKind::ToolResult { parts, is_error, .. } = kind
            && std::mem::take(is_error)
            && let Some(PartKind::Text(text)) = parts.first_mut().map(|part| &mut part.kind)
        {
            text.insert_str(0, "Error: ");
        }
    }
}

fn with_calls_last(request: &mut Request) {
    for message in &mut request.messages {
        message
            .parts
            .sort_by_key(|part| matches!(part.kind, PartKind::ToolCall(_)));
    }
}

fn with_names(request: &mut Request) {
    if let Some(Format::JsonSchema { name, .. }) = &mut request.format {
        name.get_or_insert_with(|| "output".to_owned());
    }
    for kind in parts(request) {
        if let PartKind::Document { name, .. } = kind {
            name.get_or_insert_with(|| "document.pdf".to_owned());
        }
    }
}

fn without_names(request: &mut Request) {
    if let Some(Format::JsonSchema {
        name,
        description,
        strict,
        ..
    }) = &mut request.format
    {
        (*name, *description, *strict) = (None, None, None);
    }
    for kind in parts(request) {
        if let PartKind::Document { name, .. } = kind {
            *name = None;
        }
    }
}

fn with_allowed_tools_only(request: &mut Request) {
    if let Some(ToolChoice::Named { names, optional }) = &request.tool_choice
        && (*optional || names.len() > 1)
    {
        request.tools.retain(|tool| names.contains(&tool.name));
        request.tool_choice = (!optional).then_some(ToolChoice::Required);
    }
}

/// Returns all that is said in a request.
pub(super) fn parts(request: &mut Request) -> impl Iterator<Item = &mut PartKind> {
    let messages = request.messages.iter_mut();
    messages.flat_map(|message| message.parts.iter_mut().map(|part| &mut part.kind))
}

/// Says a request in words that mean the same in every dialect, as far as `dialect` can say it.
pub(super) fn in_common_words(dialect: &str, request: &mut Request) {
    for (_, change, _) in ALIKE.iter().filter(|(dialects, ..)| dialects.contains(&dialect)) {
        change(request);
    }
    // What became text stands beside other text.
    with_one_turn_a_speaker(request);
}

#[test]
fn whatever_is_alike_has_a_reason() {
    for (dialects, _, why) in ALIKE {
        assert!(
            why.len() > 10 && dialects.iter().all(|dialect| ALL.contains(dialect)),
            "{why}"
        );
    }
}
