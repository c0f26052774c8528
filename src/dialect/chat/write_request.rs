//! Writes requests for upstreams.
//!
//! Members stand in the order of their names, and nothing in a request changes from turn to turn except what is new: so upstreams
//! find the beginning of a conversation in their caches.

mod messages;
mod tools;

use serde_json::{Map, Value};

use crate::dialect::neutral::request::{Format, Quirks, Reasoning, Request, Unsayable, Written};
use crate::dialect::wire::build::{Set, json, json_text};

/// The most texts at which an answer ends that upstreams take.
const STOPS: usize = 4;

/// The longest name of a user that upstreams take, in bytes.
const USER: usize = 64;

/// Writes a request.
///
/// # Errors
///
/// If a message has something in it that the dialect cannot say, and without which the answer would be to another question.
pub(super) fn write_request(request: &Request, quirks: &Quirks) -> Result<Written, Unsayable> {
    let mut written = Written::default();
    let mut messages = messages::write(request, quirks, &mut written)?;
    let format = write_format(request, quirks, &mut messages, &mut written);
    written.body.set("messages", messages.into());
    tools::write(request, quirks, &mut written);
    write_numbers(request, quirks, &mut written);
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            written.body.set(name, value);
        }
    };
    put("model", request.model.clone().map(Value::from));
    put(
        "reasoning_effort",
        request.reasoning.as_ref().and_then(effort).map(Value::from),
    );
    put("response_format", format);
    if request.stream {
        put("stream", Some(true.into()));
        put(
            "stream_options",
            quirks.stream_options.then(|| json!({"include_usage": true})),
        );
    }
    // An upstream need not know whom a long name is of: it only has to be another one for another user.
    put("user", request.user.as_deref().map(short).map(Value::from));
    if quirks.openai_members {
        put("prompt_cache_key", request.cache_key.clone().map(Value::from));
        put("service_tier", request.service_tier.clone().map(Value::from));
        put("verbosity", request.verbosity.clone().map(Value::from));
    } else {
        if request.verbosity.is_some() {
            written.drop("verbosity");
        }
        let tier = request.service_tier.as_deref();
        if tier.is_some_and(|tier| !matches!(tier, "auto" | "default")) {
            written.drop("service_tier");
        }
    }
    for name in quirks.without {
        if written.body.shift_remove(*name).is_some() {
            written.drop(name);
        }
    }
    Ok(written)
}

/// Writes how much is answered, and how it is sampled.
fn write_numbers(request: &Request, quirks: &Quirks, written: &mut Written) {
    let body = &mut written.body;
    if let Some(most) = request.max_tokens {
        let name = if quirks.max_completion_tokens {
            "max_completion_tokens"
        } else {
            "max_tokens"
        };
        body.set(name, most.into());
    }
    for (name, number) in [
        ("frequency_penalty", &request.frequency_penalty),
        ("presence_penalty", &request.presence_penalty),
        ("seed", &request.seed),
    ] {
        body.extend(number.clone().map(|number| (name.to_owned(), Value::Number(number))));
    }
    body.extend(request.choices.map(|choices| ("n".to_owned(), choices.into())));
    if let Some(alternatives) = request.logprobs {
        body.say("logprobs", &true);
        if alternatives > 0 {
            body.set("top_logprobs", alternatives.into());
        }
    }
    if !request.stop.is_empty() {
        let stops = &request.stop[..request.stop.len().min(STOPS)];
        body.say("stop", &stops);
    }
    for (name, number, is_taken) in [
        ("temperature", &request.temperature, quirks.sampling),
        ("top_k", &request.top_k, quirks.sampling && quirks.top_k),
        ("top_p", &request.top_p, quirks.sampling),
    ] {
        match number {
            Some(number) if is_taken => {
                written.body.set(name, Value::Number(number.clone()));
            }
            Some(_) => written.drop(name),
            None => {}
        }
    }
    if request.stop.len() > STOPS {
        written.drop("stop");
    }
}

/// Returns how much is to be thought, in a word. That a model thinks as much as it likes, or not at all, is what it does anyway: not
/// every upstream has words for it.
fn effort(reasoning: &Reasoning) -> Option<&str> {
    let by_budget = |budget: u64| match budget {
        0..=2_048 => "low",
        2_049..=8_192 => "medium",
        _ => "high",
    };
    if reasoning.is_disabled {
        return None;
    }
    let word = reasoning.effort.as_deref();
    word.or_else(|| reasoning.budget.map(by_budget))
}

/// Returns what the answer has to look like. A schema that the upstream does not follow is said to the model, behind what the operator
/// says.
fn write_format(request: &Request, quirks: &Quirks, messages: &mut Vec<Value>, written: &mut Written) -> Option<Value> {
    let format = request.format.as_ref()?;
    if let Format::JsonSchema { schema, .. } = format
        && !quirks.schemas
    {
        let schema = json_text(schema);
        let text = format!("Respond with a JSON object only. It has to follow this JSON schema:\n{schema}");
        let is_operator = |message: &&Value| message["role"] == "system" || message["role"] == "developer";
        let place = messages.iter().take_while(is_operator).count();
        messages.insert(place, json!({"role": "system", "content": text}));
        written.drop("format");
        return Some(self::format(&Format::JsonObject));
    }
    Some(self::format(format))
}

fn format(format: &Format) -> Value {
    match format {
        Format::JsonObject => json!({"type": "json_object"}),
        Format::JsonSchema {
            name,
            description,
            schema,
            strict,
        } => {
            let mut described = Map::new();
            described.set("name", name.as_deref().unwrap_or("output").into());
            described.say("schema", schema);
            described.extend(description.clone().map(|text| ("description".to_owned(), text.into())));
            described.extend(strict.map(|strict| ("strict".to_owned(), strict.into())));
            json!({"type": "json_schema", "json_schema": described})
        }
    }
}

/// Returns a name of a user, or a digest of one that is too long.
fn short(user: &str) -> String {
    if user.len() <= USER {
        return user.to_owned();
    }
    tools::digest(user)
}
