//! Reads the requests of clients.

mod content;
mod messages;
mod reasoning;
mod tools;

use serde_json::Value;

use crate::dialect::neutral::fields::{Fields, wrong};
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
    let mut request = Request::default();
    let messages = fields.list("messages")?;
    let messages = messages.ok_or_else(|| wrong("messages".to_owned(), "an array"))?;
    request.messages = messages::read(messages, &mut request.dropped)?;
    read_numbers(&mut fields, &mut request)?;
    tools::read(&mut fields, &mut request)?;
    request.reasoning = reasoning::read(&mut fields)?;
    request.format = read_format(&mut fields)?;
    request.model = fields.text("model")?;
    request.stream = fields.flag("stream")?.unwrap_or_default();
    request.include_usage = match fields.object("stream_options")? {
        Some(mut options) => options.flag("include_usage")?.unwrap_or_default(),
        None => false,
    };
    request.verbosity = fields.text("verbosity")?;
    // The newer name of the older one. What stands in the older one is meant to be used.
    let safety = fields.text("safety_identifier")?;
    request.user = fields.text("user")?.or(safety);
    request.cache_key = fields.text("prompt_cache_key")?;
    request.service_tier = fields.text("service_tier")?;
    request.metadata = fields.object("metadata")?.map(Fields::into_members);
    let left = unsaid(fields);
    request.dropped.extend(left);
    Ok(request)
}

/// Reads how much is answered, and how it is sampled.
fn read_numbers(fields: &mut Fields, request: &mut Request) -> Result<(), Unsayable> {
    let older = fields.count("max_tokens")?;
    request.max_tokens = fields.count("max_completion_tokens")?.or(older);
    request.temperature = fields.number("temperature")?;
    request.top_p = fields.number("top_p")?;
    request.top_k = fields.number("top_k")?;
    request.seed = fields.number("seed")?;
    request.presence_penalty = fields.number("presence_penalty")?;
    request.frequency_penalty = fields.number("frequency_penalty")?;
    request.choices = fields.count("n")?;
    let alternatives = fields.count("top_logprobs")?;
    if fields.flag("logprobs")?.unwrap_or_default() {
        request.logprobs = Some(alternatives.unwrap_or_default());
    }
    request.stop = match fields.take("stop") {
        None => Vec::new(),
        Some(Value::String(text)) => vec![text],
        Some(Value::Array(list)) => list
            .into_iter()
            .map(|text| match text {
                Value::String(text) => Ok(text),
                _ => Err(wrong("stop".to_owned(), "a string or an array of strings")),
            })
            .collect::<Result<_, _>>()?,
        Some(_) => return Err(wrong("stop".to_owned(), "a string or an array of strings")),
    };
    Ok(())
}

fn read_format(fields: &mut Fields) -> Result<Option<Format>, Unsayable> {
    let Some(mut format) = fields.object("response_format")? else {
        return Ok(None);
    };
    match format.required_text("type")?.as_str() {
        "text" => Ok(None),
        "json_object" => Ok(Some(Format::JsonObject)),
        "json_schema" => {
            let mut schema = format.required_object("json_schema")?;
            Ok(Some(Format::JsonSchema {
                name: schema.text("name")?,
                description: schema.text("description")?,
                strict: schema.flag("strict")?,
                schema: Value::Object(schema.required_object("schema")?.into_members()),
            }))
        }
        kind => Err(Unsayable::unsupported(
            format.path("type"),
            format!("`response_format` of the type `{kind}` is not known: use `text`, `json_object` or `json_schema`."),
        )),
    }
}

/// Returns the names of what was asked for and is not said.
fn unsaid(mut fields: Fields) -> Vec<String> {
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
