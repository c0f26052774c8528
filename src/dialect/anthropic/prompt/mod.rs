//! Writes a request for an upstream.

mod caching;
mod content;
mod schema;
mod strict;
mod tools;
mod turns;

use serde_json::{Map, Number, Value};

use self::strict::Room;
use self::turns::Turns;
use super::reasoning::{self, Against, Thinking};
use crate::dialect::neutral::request::{Format, Part, PartKind, Quirks, Request, Unsayable, Written};
use crate::dialect::wire::build::{Set, json};

/// Writes a request.
pub(super) fn write(request: &Request, quirks: &Quirks) -> Result<Written, Unsayable> {
    if request.choices.is_some_and(|choices| choices > 1) {
        let message =
            "This upstream gives one answer to a request. Send the request several times for several answers.";
        return Err(Unsayable::unsupported("choices", message));
    }
    let mut written = Written::default();
    let max_tokens = request.max_tokens.unwrap_or(quirks.max_tokens);
    let tools = tools::write(request, quirks, &mut written)?;
    let mut turns = Turns::write(request, quirks, &mut written)?;
    let against = Against {
        is_forced: tools.is_forced,
        is_cut: turns.lacks_thinking(),
    };
    let thinking = reasoning::write(request, quirks, max_tokens, against, &mut written);
    let format = format(request, quirks, &mut turns, &mut written);
    let may_continue = quirks.prefill && !thinking.is_on && format.is_none();
    if !turns.end(may_continue) {
        written.drop("prefill");
    }
    let (system, messages) = turns.into_members()?;
    let body = &mut written.body;
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            body.set(name, value);
        }
    };
    put("model", request.model.as_deref().map(Value::from));
    put("max_tokens", Some(max_tokens.into()));
    put("system", system);
    put("messages", Some(messages));
    put("tools", tools.list);
    put("tool_choice", tools.choice);
    put("stream", request.stream.then_some(Value::Bool(true)));
    put("metadata", request.user.as_deref().map(|user| json!({"user_id": user})));
    put("output_config", output_config(thinking.effort.as_deref(), format));
    put("thinking", thinking.member.clone());
    write_limits(request, quirks, &thinking, &mut written);
    for name in quirks.without {
        if written.body.shift_remove(*name).is_some() {
            written.drop(name);
        }
    }
    if request.cache_key.is_some() {
        caching::mark(&mut written.body);
    }
    if caching::limit(&mut written.body) {
        written.drop("cache");
    }
    Ok(written)
}

fn output_config(effort: Option<&str>, format: Option<Value>) -> Option<Value> {
    let mut config = Map::new();
    if let Some(effort) = effort {
        config.set("effort", effort.into());
    }
    if let Some(format) = format {
        config.set("format", format);
    }
    (!config.is_empty()).then_some(Value::Object(config))
}

/// Returns what the answer has to look like. What the upstream cannot be asked for is said to the model.
fn format(request: &Request, quirks: &Quirks, turns: &mut Turns, written: &mut Written) -> Option<Value> {
    const ONLY_JSON: &str = "Respond with a JSON object only, without any text around it.";
    match request.format.as_ref()? {
        Format::JsonObject => turns.add_instruction(ONLY_JSON),
        Format::JsonSchema { schema, .. } => {
            if quirks.schemas
                && let Some(strict) = Room::default().take(schema)
            {
                for name in strict.left_out {
                    written.drop(&format!("format.schema.{name}"));
                }
                return Some(json!({"type": "json_schema", "schema": strict.schema}));
            }
            turns.add_instruction(&format!("{ONLY_JSON} It has to follow this JSON schema:\n{schema}"));
        }
    }
    written.drop("format");
    None
}

/// Writes sampling, stop texts and the service tier, and names what has no member here.
fn write_limits(request: &Request, quirks: &Quirks, thinking: &Thinking, written: &mut Written) {
    let is_one = |number: &Number| number.as_f64() == Some(1.0);
    let is_high = |number: &Number| number.as_f64().is_some_and(|number| number >= 0.95);
    let both = quirks.both_samplings || request.temperature.is_none();
    // A model that thinks takes next to none of these.
    for (name, number, taken) in [
        (
            "temperature",
            &request.temperature,
            !thinking.is_on || request.temperature.as_ref().is_some_and(is_one),
        ),
        (
            "top_p",
            &request.top_p,
            both && (!thinking.is_on || request.top_p.as_ref().is_some_and(is_high)),
        ),
        ("top_k", &request.top_k, !thinking.is_on),
    ] {
        let Some(number) = number else { continue };
        if taken && quirks.sampling {
            let is_too_high = name == "temperature" && number.as_f64().is_some_and(|number| number > 1.0);
            let number = if is_too_high {
                // This is as near as can be to what was asked for.
                written.drop(name);
                Value::from(1)
            } else {
                Value::Number(number.clone())
            };
            written.body.set(name, number);
        } else {
            written.drop(name);
        }
    }
    let is_taken = |stop: &&String| !stop.trim().is_empty();
    let stop: Vec<&String> = request.stop.iter().filter(is_taken).collect();
    if stop.len() < request.stop.len() {
        written.drop("stop");
    }
    if !stop.is_empty() {
        written.body.say("stop_sequences", &stop);
    }
    let tier = match request.service_tier.as_deref() {
        Some("default" | "standard_only") => Some("standard_only"),
        tier => tier.filter(|tier| *tier == "auto"),
    };
    match tier {
        Some(tier) => written.body.set("service_tier", tier.into()),
        None if request.service_tier.is_some() => written.drop("service_tier"),
        None => {}
    }
    for (name, is_there) in [
        ("seed", request.seed.is_some()),
        ("presence_penalty", request.presence_penalty.is_some()),
        ("frequency_penalty", request.frequency_penalty.is_some()),
        ("logprobs", request.logprobs.is_some()),
        ("verbosity", request.verbosity.is_some()),
        ("messages.image.detail", says_how_closely_to_look(request)),
    ] {
        if is_there {
            written.drop(name);
        }
    }
}

fn says_how_closely_to_look(request: &Request) -> bool {
    fn says(part: &Part) -> bool {
        match &part.kind {
            PartKind::Image { detail, .. } => detail.as_deref().is_some_and(|detail| detail != "auto"),
            PartKind::ToolResult { parts, .. } => parts.iter().any(says),
            _ => false,
        }
    }
    let mut parts = request.messages.iter().flat_map(|message| &message.parts);
    parts.any(says)
}
