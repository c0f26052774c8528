//! Reads the requests of clients.

mod content;
mod messages;
mod reasoning;
mod tools;

use serde_json::Value;

use crate::dialect::neutral::fields::Fields;
use crate::dialect::neutral::request::{Format, Request, Unsayable};

/// Members that change nothing of an answer: where it is kept, and what is done to make it sooner.
const SILENT: &[&str] = &[
    "prediction",
    "prompt_cache_options",
    "prompt_cache_retention",
    "stream_options",
];

/// Reads a request.
///
/// # Errors
///
/// If it is not JSON, a member has the wrong type, or a message cannot be understood.
pub(super) fn read_request(body: &[u8]) -> Result<Request, Unsayable> {
    let mut fields = Fields::of_request(body)?;
    let request = read(&mut fields);
    fields.settle(request)
}

fn read(fields: &mut Fields) -> Request {
    let mut request = Request::default();
    match fields.list("messages") {
        Some(messages) => request.messages = messages::read(messages, fields, &mut request.dropped),
        None => fields.wrong("messages", "an array"),
    }
    read_numbers(fields, &mut request);
    tools::read(fields, &mut request);
    request.reasoning = reasoning::read(fields);
    request.format = read_format(fields);
    request.model = fields.text("model");
    request.stream = fields.flag("stream").unwrap_or_default();
    if let Some(mut options) = fields.object("stream_options") {
        request.include_usage = options.flag("include_usage").unwrap_or_default();
    }
    request.verbosity = fields.text("verbosity");
    // The newer name of the older one. What stands in the older one is meant to be used.
    let safety = fields.text("safety_identifier");
    request.user = fields.text("user").or(safety);
    request.cache_key = fields.text("prompt_cache_key");
    request.service_tier = fields.text("service_tier");
    request.metadata = fields.object("metadata").map(Fields::into_members);
    request.dropped.extend(unsaid(fields));
    request
}

/// Reads how much is answered, and how it is sampled.
fn read_numbers(fields: &mut Fields, request: &mut Request) {
    let older = fields.count("max_tokens");
    request.max_tokens = fields.count("max_completion_tokens").or(older);
    request.temperature = fields.number("temperature");
    request.top_p = fields.number("top_p");
    request.top_k = fields.number("top_k");
    request.seed = fields.number("seed");
    request.presence_penalty = fields.number("presence_penalty");
    request.frequency_penalty = fields.number("frequency_penalty");
    request.choices = fields.count("n");
    let alternatives = fields.count("top_logprobs");
    if fields.flag("logprobs").unwrap_or_default() {
        request.logprobs = Some(alternatives.unwrap_or_default());
    }
    let stop = match fields.take("stop") {
        None => return,
        Some(Value::Array(list)) => list,
        Some(stop) => vec![stop],
    };
    for text in stop {
        match text {
            Value::String(text) => request.stop.push(text),
            _ => fields.wrong("stop", "a string or an array of strings"),
        }
    }
}

fn read_format(fields: &mut Fields) -> Option<Format> {
    let mut format = fields.object("response_format")?;
    match format.required_text("type").as_str() {
        "text" => None,
        "json_object" => Some(Format::JsonObject),
        "json_schema" => {
            let mut schema = format.required_object("json_schema");
            Some(Format::JsonSchema {
                name: schema.text("name"),
                description: schema.text("description"),
                strict: schema.flag("strict"),
                schema: Value::Object(schema.required_object("schema").into_members()),
            })
        }
        kind => {
            fields.refuse(Unsayable::unsupported(
                format.path("type"),
                format!(
                    "`response_format` of the type `{kind}` is not known: use `text`, `json_object` or `json_schema`."
                ),
            ));
            None
        }
    }
}

/// Returns the names of what was asked for and is not said.
fn unsaid(fields: &mut Fields) -> Vec<String> {
    // These say what is so anyway.
    let is_text = |value: &Value| {
        value
            .as_array()
            .is_some_and(|list| list.iter().all(|kind| kind == "text"))
    };
    let modalities = fields.take("modalities").filter(|value| !is_text(value));
    let store = fields.take("store").filter(|value| *value != Value::Bool(false));
    let empty = |value: &Value| value.as_object().is_some_and(serde_json::Map::is_empty);
    let bias = fields.take("logit_bias").filter(|value| !empty(value));
    let named = [("modalities", modalities), ("store", store), ("logit_bias", bias)];
    let named = named.into_iter().filter(|(_, value)| value.is_some());
    let left = fields.left().filter(|name| !SILENT.contains(&name.as_str()));
    named.map(|(name, _)| name.to_owned()).chain(left).collect()
}
