//! Writes a request for an upstream. The members always stand in the same order, so the same conversation begins with the same bytes
//! each time, and prompt caches hold.

use std::borrow::Cow;

use serde_json::{Map, Number, Value};

use super::{openapi, schema, write_contents};
use crate::dialect::neutral::flat::flatten;
use crate::dialect::neutral::request::{
    Format, Part, PartKind, Quirks, Reasoning, Request, Tool, ToolChoice, Unsayable, Written,
};
use crate::dialect::wire::build::{Set, json};

/// The most texts at which an answer may end.
const MOST_STOPS: usize = 5;

/// Writes a request. Its model and its wish for a stream belong into the path.
pub(super) fn write_request(request: &Request, quirks: &Quirks) -> Result<Written, Unsayable> {
    let request = &flat_of(request);
    let mut written = Written::default();
    write_contents::write(&request.messages, quirks, &mut written)?;
    write_tools(request, quirks, &mut written);
    let mut config = Map::new();
    write_sampling(request, quirks, &mut config, &mut written);
    write_format(request, quirks, &mut config, &mut written);
    if let Some(reasoning) = &request.reasoning {
        let thinking = write_thinking(reasoning, quirks, &mut written);
        if !thinking.is_empty() {
            config.set("thinkingConfig", thinking.into());
        }
    }
    for name in quirks.without {
        if config.shift_remove(*name).is_some() {
            written.drop(name);
        }
    }
    if !config.is_empty() {
        written.body.set("generationConfig", config.into());
    }
    if request.parallel_tools == Some(false) {
        written.drop("parallel_tools");
    }
    if request.verbosity.is_some() {
        written.drop("verbosity");
    }
    let tier = request.service_tier.as_deref();
    if tier.is_some_and(|tier| !matches!(tier, "auto" | "default" | "standard")) {
        written.drop("service_tier");
    }
    Ok(written)
}

/// Returns a request in which every tool is a plain function. Usually it is one already.
fn flat_of(request: &Request) -> Cow<'_, Request> {
    let parts = request.messages.iter().flat_map(|message| &message.parts);
    let is_plain_part = |part: &Part| match &part.kind {
        PartKind::ToolCall(call) => call.namespace.is_none() && !call.is_custom,
        _ => true,
    };
    let is_plain = |tool: &Tool| tool.namespace.is_none() && tool.custom.is_none();
    if request.tools.iter().all(is_plain) && parts.into_iter().all(is_plain_part) {
        return Cow::Borrowed(request);
    }
    let mut flat = request.clone();
    flatten(&mut flat);
    Cow::Owned(flat)
}

/// All functions stand in one tool.
fn write_tools(request: &Request, quirks: &Quirks, written: &mut Written) {
    if request.tools.is_empty() {
        if !matches!(request.tool_choice, None | Some(ToolChoice::Auto | ToolChoice::None)) {
            written.drop("tool_choice");
        }
        return;
    }
    let functions: Vec<Value> = request
        .tools
        .iter()
        .map(|tool| write_tool(tool, quirks, written))
        .collect();
    written.body.set("tools", json!([{"functionDeclarations": functions}]));
    let calling = match &request.tool_choice {
        None => return,
        Some(ToolChoice::Auto) => json!({"mode": "AUTO"}),
        Some(ToolChoice::None) => json!({"mode": "NONE"}),
        Some(ToolChoice::Required) => json!({"mode": "ANY"}),
        Some(ToolChoice::Named { names, optional }) => {
            let mode = if *optional { "VALIDATED" } else { "ANY" };
            json!({"mode": mode, "allowedFunctionNames": names})
        }
    };
    let config = json!({"functionCallingConfig": calling});
    written.body.set("toolConfig", config);
}

fn write_tool(tool: &Tool, quirks: &Quirks, written: &mut Written) -> Value {
    if tool.strict == Some(true) {
        written.drop("tools.strict");
    }
    if tool.cache.is_some() {
        written.drop("tools.cache");
    }
    let mut function = json!({"name": tool.name});
    if let Some(description) = tool.description.as_ref().filter(|text| !text.is_empty()) {
        function.say("description", &description);
    }
    if let Some(parameters) = tool.parameters.as_ref().filter(|parameters| !takes_nothing(parameters)) {
        let names = ["parametersJsonSchema", "parameters"];
        let (name, schema) = write_schema(parameters, names, "tools.parameters", quirks, written);
        function.set(name, schema);
    }
    function
}

/// Whether a function takes no arguments: then it has no schema, since an object without properties is refused.
fn takes_nothing(schema: &Value) -> bool {
    let is_empty = |value: &Value| value.as_object().is_some_and(Map::is_empty);
    let says_more = |key: &str| {
        !matches!(
            key,
            "type" | "properties" | "required" | "additionalProperties" | "$schema"
        )
    };
    schema.get("properties").is_none_or(is_empty)
        && !schema
            .as_object()
            .is_some_and(|schema| schema.keys().any(|key| says_more(key)))
        && !schema.get("additionalProperties").is_some_and(|more| *more != false)
}

/// Returns a schema with the name of the member where it belongs: JSON Schema under the first of `names`, for older versions the subset
/// of OpenAPI under the second. Notes which keywords are left out.
fn write_schema<'a>(
    schema: &Value,
    names: [&'a str; 2],
    place: &str,
    quirks: &Quirks,
    written: &mut Written,
) -> (&'a str, Value) {
    let schema = schema::read(schema.clone());
    if quirks.json_schema {
        return (names[0], schema);
    }
    let (schema, removed) = openapi::write(&schema);
    for keyword in removed {
        written.drop(&format!("{place}.{keyword}"));
    }
    (names[1], schema)
}

fn write_sampling(request: &Request, quirks: &Quirks, config: &mut Map<String, Value>, written: &mut Written) {
    let sampling: [(&str, &str, &Option<Number>); 3] = [
        ("temperature", "temperature", &request.temperature),
        ("topP", "top_p", &request.top_p),
        ("topK", "top_k", &request.top_k),
    ];
    for (name, neutral, value) in sampling {
        match value {
            Some(_) if !quirks.sampling => written.drop(neutral),
            Some(value) => config.set(name, value.clone().into()),
            None => {}
        }
    }
    // Seeds have 32 bits here.
    let is_short = |seed: &&Number| seed.as_i64().is_some_and(|seed| i32::try_from(seed).is_ok());
    let seed = request.seed.as_ref().filter(is_short);
    if seed.is_none() && request.seed.is_some() {
        written.drop("seed");
    }
    let others: [(&str, Option<Value>); 5] = [
        ("seed", seed.cloned().map(Value::Number)),
        ("presencePenalty", request.presence_penalty.clone().map(Value::Number)),
        ("frequencyPenalty", request.frequency_penalty.clone().map(Value::Number)),
        ("candidateCount", request.choices.map(Value::from)),
        ("maxOutputTokens", request.max_tokens.map(Value::from)),
    ];
    for (name, value) in others {
        config.extend(value.map(|value| (name.to_owned(), value)));
    }
    if request.stop.len() > MOST_STOPS {
        written.drop("stop");
    }
    let stops: Vec<&String> = request
        .stop
        .iter()
        .filter(|stop| !stop.is_empty())
        .take(MOST_STOPS)
        .collect();
    if !stops.is_empty() {
        config.say("stopSequences", &stops);
    }
    if let Some(alternatives) = request.logprobs {
        config.say("responseLogprobs", &true);
        if alternatives > 0 {
            config.set("logprobs", alternatives.into());
        }
    }
}

fn write_format(request: &Request, quirks: &Quirks, config: &mut Map<String, Value>, written: &mut Written) {
    let Some(format) = &request.format else {
        return;
    };
    if !request.tools.is_empty() && !quirks.thinking_level {
        // Before Gemini 3 a request with both is refused.
        return written.drop("format");
    }
    config.say("responseMimeType", &"application/json");
    if let Format::JsonSchema { schema, .. } = format {
        let names = ["responseJsonSchema", "responseSchema"];
        let (name, schema) = write_schema(schema, names, "format.schema", quirks, written);
        config.set(name, schema);
    }
}

/// How much is thought: in levels or in tokens, which stand for each other.
fn write_thinking(reasoning: &Reasoning, quirks: &Quirks, written: &mut Written) -> Map<String, Value> {
    let mut thinking = Map::new();
    if reasoning.wants_text {
        thinking.say("includeThoughts", &true);
    }
    let effort = reasoning.effort.as_deref();
    let is_off = reasoning.is_disabled || effort == Some("none") || reasoning.budget == Some(0);
    if quirks.thinking_level {
        let level = match (effort, reasoning.budget) {
            _ if is_off && quirks.thinking_always => Some("LOW"),
            _ if is_off => Some("MINIMAL"),
            (Some("minimal"), _) if quirks.thinking_always => Some("LOW"),
            (Some(effort), _) => level(effort, written),
            (None, Some(0..=4096)) => Some("LOW"),
            (None, Some(4097..=16_384)) => Some("MEDIUM"),
            (None, Some(_)) => Some("HIGH"),
            (None, None) => None,
        };
        thinking.extend(level.map(|level| ("thinkingLevel".to_owned(), level.into())));
    } else {
        let budget = match (effort, reasoning.budget) {
            _ if is_off && quirks.thinking_always => Some(128),
            _ if is_off => Some(0),
            (_, Some(budget)) => i64::try_from(budget).ok(),
            (Some(effort), None) => tokens(effort, written),
            (None, None) => reasoning.is_adaptive.then_some(-1),
        };
        thinking.extend(budget.map(|budget| ("thinkingBudget".to_owned(), budget.into())));
    }
    thinking
}

/// Returns the level for an effort. The highest is one that every model has.
fn level(effort: &str, written: &mut Written) -> Option<&'static str> {
    match effort {
        "minimal" => Some("MINIMAL"),
        "low" => Some("LOW"),
        "medium" => Some("MEDIUM"),
        "high" => Some("HIGH"),
        "xhigh" | "max" => {
            written.drop("reasoning.effort");
            Some("HIGH")
        }
        _ => {
            written.drop("reasoning.effort");
            None
        }
    }
}

/// Returns the tokens for an effort: as many as every model takes that has budgets.
fn tokens(effort: &str, written: &mut Written) -> Option<i64> {
    match effort {
        "minimal" | "low" => Some(1024),
        "medium" => Some(8192),
        "high" | "xhigh" | "max" => Some(24_576),
        _ => {
            written.drop("reasoning.effort");
            None
        }
    }
}
