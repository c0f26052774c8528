//! A request for an upstream, written.
//!
//! Nothing is stored with the upstream: the whole conversation goes with each request. The same conversation is written in the same bytes
//! each time, since prompt caches compare them.

use serde_json::{Map, Number, Value};

use super::short;
use super::write_items::Items;
use super::write_tools;
use crate::dialect::neutral::request::{Format, Quirks, Reasoning, Request, Unsayable, Written};
use crate::dialect::wire::build::{Set, json};

/// The longest name of a user and of a prompt cache that is taken.
const LONGEST: usize = 64;
/// The fewest tokens of an answer that may be asked for.
const FEWEST: u64 = 16;

/// Writes the body of a `POST /v1/responses`.
pub(super) fn write_request(request: &Request, quirks: &Quirks) -> Result<Written, Unsayable> {
    if request.choices.is_some_and(|choices| choices > 1) {
        return Err(Unsayable::unsupported("n", "This model gives one answer to a request."));
    }
    let mut written = Written::default();
    drop_unsayable(request, quirks, &mut written);
    let mut items = Items::of(quirks);
    items.write(&request.messages)?;
    for name in items.dropped {
        written.drop(name);
    }
    let sampling = |number: &Option<Number>| number.clone().filter(|_| quirks.sampling);
    let members = [
        ("model", request.model.clone().map(Value::from)),
        ("instructions", items.instructions.map(Value::from)),
        ("input", Some(Value::Array(items.items))),
        (
            "max_output_tokens",
            request.max_tokens.map(|tokens| tokens.max(FEWEST).into()),
        ),
        ("temperature", sampling(&request.temperature).map(Value::Number)),
        ("top_p", sampling(&request.top_p).map(Value::Number)),
        (
            "top_logprobs",
            request.logprobs.filter(|count| *count > 0).map(Value::from),
        ),
        ("reasoning", request.reasoning.as_ref().and_then(reasoning)),
        ("text", text(request)),
        ("include", include(request, quirks)),
        ("user", shortened(request.user.as_ref())),
        ("prompt_cache_key", shortened(request.cache_key.as_ref())),
        ("service_tier", request.service_tier.clone().map(Value::from)),
        ("metadata", request.metadata.clone().map(Value::Object)),
        ("stream", request.stream.then_some(Value::Bool(true))),
        ("store", Some(Value::Bool(false))),
    ];
    let members = members
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)));
    written.body.extend(members);
    for name in quirks.without {
        if written.body.shift_remove(*name).is_some() {
            written.drop(name);
        }
    }
    write_tools::write(request, &mut written);
    Ok(written)
}

fn drop_unsayable(request: &Request, quirks: &Quirks, written: &mut Written) {
    let refused = |number: &Option<Number>| number.is_some() && !quirks.sampling;
    for (name, is_there) in [
        ("temperature", refused(&request.temperature)),
        ("top_p", refused(&request.top_p)),
        ("top_k", request.top_k.is_some()),
        ("seed", request.seed.is_some()),
        ("presence_penalty", request.presence_penalty.is_some()),
        ("frequency_penalty", request.frequency_penalty.is_some()),
        ("stop", !request.stop.is_empty()),
        ("messages.cache", has_marks(request)),
        ("tools.cache", request.tools.iter().any(|tool| tool.cache.is_some())),
    ] {
        if is_there {
            written.drop(name);
        }
    }
}

/// Whether a message says up to where the prompt is to be kept in a cache. Here that is found out by the upstream itself.
fn has_marks(request: &Request) -> bool {
    let mut parts = request.messages.iter().flat_map(|message| &message.parts);
    parts.any(|part| part.cache.is_some())
}

fn reasoning(reasoning: &Reasoning) -> Option<Value> {
    let mut members = Map::new();
    if let Some(effort) = effort(reasoning) {
        members.set("effort", effort.into());
    }
    if reasoning.wants_text {
        members.say("summary", &"auto");
    }
    (!members.is_empty()).then_some(Value::Object(members))
}

/// Returns the effort that a request asks for. A budget becomes the effort that usually needs as much.
fn effort(reasoning: &Reasoning) -> Option<&str> {
    if reasoning.is_disabled {
        // Not every model can be kept from thinking, and those that can do not think unless asked.
        return None;
    }
    match (&reasoning.effort, reasoning.budget) {
        (Some(effort), _) => Some(effort),
        (None, None) => None,
        (None, Some(..=2_048)) => Some("low"),
        (None, Some(..=8_192)) => Some("medium"),
        (None, Some(_)) => Some("high"),
    }
}

fn text(request: &Request) -> Option<Value> {
    let mut members = Map::new();
    match &request.format {
        None => {}
        Some(Format::JsonObject) => {
            members.set("format", json!({"type": "json_object"}));
        }
        Some(Format::JsonSchema {
            name,
            description,
            schema,
            strict,
        }) => {
            let name = name.as_deref().unwrap_or("output");
            let mut format = json!({"type": "json_schema", "name": name, "schema": schema});
            if let Some(description) = description {
                format.say("description", &description);
            }
            if let Some(strict) = strict {
                format.say("strict", strict);
            }
            members.set("format", format);
        }
    }
    if let Some(verbosity) = &request.verbosity {
        members.say("verbosity", &verbosity);
    }
    (!members.is_empty()).then_some(Value::Object(members))
}

fn include(request: &Request, quirks: &Quirks) -> Option<Value> {
    let thinks = !quirks.without.contains(&"reasoning");
    let wants = request.reasoning.as_ref();
    let wants = wants.filter(|reasoning| thinks && !reasoning.is_disabled);
    let mut names = Vec::new();
    if wants.is_some_and(|reasoning| reasoning.wants_encrypted) {
        names.push("reasoning.encrypted_content");
    }
    if request.logprobs.is_some() {
        names.push("message.output_text.logprobs");
    }
    (!names.is_empty()).then(|| names.into())
}

fn shortened(name: Option<&String>) -> Option<Value> {
    name.map(|name| short::short(name, LONGEST).into_owned().into())
}
