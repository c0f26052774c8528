//! A client's request, read.

use serde_json::{Map, Value};

use super::read_items::Conversation;
use super::read_parts::missing;
use super::read_tools::{self, Tools};
use crate::dialect::neutral::fields::Fields;
use crate::dialect::neutral::request::{Format, Message, PartKind, Reasoning, Request, Role, Unsayable};

/// Members that need a memory of earlier requests, or of other objects, which a translation has not.
const STATE: [(&str, &str); 6] = [
    (
        "previous_response_id",
        "send the full conversation in `input` with store=false.",
    ),
    (
        "conversation",
        "send the full conversation in `input` with store=false.",
    ),
    ("background", "wait for the answer, or read it as a stream."),
    ("background_options", "wait for the answer, or read it as a stream."),
    ("prompt", "send its text in `instructions` or `input`."),
    ("context_management", "let the client shorten the conversation."),
];

/// Members that say how to store, to count, to hide or to attribute, and change nothing in the answer.
const SILENT: [&str; 10] = [
    "store",
    "truncation",
    "stream_options",
    "max_tool_calls",
    "prompt_cache_options",
    "prompt_cache_retention",
    "safety_identifier",
    "client_metadata",
    "background",
    "type",
];

/// Reads the body of a `POST /v1/responses`.
pub(super) fn read_request(body: &[u8]) -> Result<Request, Unsayable> {
    let mut fields = Fields::of_request(body)?;
    let request = read_members(&mut fields);
    fields.settle(request)
}

fn read_members(fields: &mut Fields) -> Request {
    for (name, instead) in STATE {
        if fields.take(name).as_ref().is_some_and(is_set) {
            let message = format!("{name} is not supported by this gateway: {instead}");
            fields.refuse(Unsayable::unsupported(name, message));
        }
    }
    let mut request = Request {
        model: fields.text("model"),
        stream: fields.flag("stream").unwrap_or_default(),
        parallel_tools: fields.flag("parallel_tool_calls"),
        max_tokens: fields.count("max_output_tokens"),
        temperature: fields.number("temperature"),
        top_p: fields.number("top_p"),
        logprobs: fields.count("top_logprobs"),
        cache_key: fields.text("prompt_cache_key"),
        service_tier: fields.text("service_tier"),
        ..Request::default()
    };
    request.user = fields.text("user").or_else(|| fields.text("safety_identifier"));
    request.metadata = fields.object("metadata").map(Fields::into_members);
    settings(fields, &mut request);
    include(fields, &mut request);
    let mut tools = Tools::default();
    tools.read(fields.objects("tools"), None);
    conversation(fields, &mut request, &mut tools);
    request.tool_choice = read_tools::read_choice(fields, &tools);
    request.dropped.append(&mut tools.dropped);
    request.tools = tools.tools;
    let is_silent = |name: &str| SILENT.contains(&name);
    let left = fields.take_all().into_iter();
    let unknown = left.filter(|(name, value)| is_set(value) && !is_silent(name));
    request.dropped.extend(unknown.map(|(name, _)| name));
    request
}

/// Whether a member asks for anything.
fn is_set(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(list) => !list.is_empty(),
        Value::Object(members) => !members.is_empty(),
        Value::Bool(true) | Value::Number(_) => true,
    }
}

/// Reads `reasoning` and `text`, which also stand in the items that change them in the middle of a conversation.
fn settings(fields: &mut Fields, request: &mut Request) {
    if let Some(mut reasoning) = fields.object("reasoning") {
        let known = request.reasoning.get_or_insert_default();
        if let Some(effort) = reasoning.text("effort") {
            known.effort = Some(effort);
        }
        known.wants_text |= reasoning.text("summary").is_some() || reasoning.text("generate_summary").is_some();
        if *known == Reasoning::default() {
            request.reasoning = None;
        }
        // `context` says which turns the model sees, and concerns its own encrypted reasoning only.
        if reasoning.take("mode").is_some() {
            request.dropped.push(reasoning.path("mode"));
        }
    }
    if let Some(mut text) = fields.object("text") {
        if let Some(verbosity) = text.text("verbosity") {
            request.verbosity = Some(verbosity);
        }
        if let Some(format) = text.object("format") {
            request.format = read_format(format);
        }
    }
}

fn read_format(mut fields: Fields) -> Option<Format> {
    let kind = fields.required_text("type");
    match kind.as_str() {
        "text" => None,
        "json_object" => Some(Format::JsonObject),
        "json_schema" => {
            if !fields.has("schema") {
                missing(&fields, "schema");
            }
            Some(Format::JsonSchema {
                schema: Value::Object(fields.required_object("schema").into_members()),
                name: fields.text("name"),
                description: fields.text("description"),
                strict: fields.flag("strict"),
            })
        }
        _ => {
            let message = format!("Answers in the format `{kind}` are not supported by this gateway.");
            fields.refuse(Unsayable::unsupported(fields.path("type"), message));
            None
        }
    }
}

/// Reads `include`: of what it may ask for, a translation has two things.
fn include(fields: &mut Fields, request: &mut Request) {
    for name in fields.list("include").unwrap_or_default() {
        match name.as_str() {
            Some("reasoning.encrypted_content") => request.reasoning.get_or_insert_default().wants_encrypted = true,
            Some("message.output_text.logprobs") => {
                request.logprobs.get_or_insert_default();
            }
            _ => {}
        }
    }
}

/// Reads `instructions` and `input`. The items of the input may bring tools and change settings.
fn conversation(fields: &mut Fields, request: &mut Request, tools: &mut Tools) {
    if let Some(text) = fields.text("instructions")
        && !text.is_empty()
    {
        request.messages.push(message(Role::System, text));
    }
    let mut update = Map::new();
    match fields.take("input") {
        Some(Value::String(text)) if text.is_empty() => {}
        Some(Value::String(text)) => request.messages.push(message(Role::User, text)),
        Some(Value::Array(items)) => {
            let mut conversation = Conversation::of(std::mem::take(&mut request.messages), tools);
            for (place, item) in items.into_iter().enumerate() {
                let path = format!("input[{place}]");
                conversation.read(fields.inner(item, path));
            }
            update = conversation.update;
            request.compaction = conversation.compaction;
            request.messages = conversation.messages;
        }
        None => missing(fields, "input"),
        Some(_) => fields.refuse(Unsayable::invalid("input", "`input` has to be a string or an array.")),
    }
    settings(&mut fields.inner(Value::Object(update), "input".to_owned()), request);
}

fn message(role: Role, text: String) -> Message {
    Message {
        role,
        parts: vec![PartKind::Text(text).part()],
    }
}
