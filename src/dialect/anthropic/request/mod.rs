//! Reads a client's request.

mod content;
mod dropped;
mod tools;

use serde_json::Value;

use self::dropped::Dropped;
use super::reasoning;
use crate::dialect::neutral::fields::Fields;
use crate::dialect::neutral::request::{Format, Message, Request, Role, Unsayable};

/// The members that change the answer little or not at all: left out without a word. Claude Code always sends some of these.
const SILENT: [&str; 12] = [
    "betas",
    "billing_policy",
    "compaction",
    "context_management",
    "diagnostics",
    "fallback_credit_token",
    "fallbacks",
    "inference_geo",
    "speed",
    "thread",
    "user_profile_id",
    "workspace_id",
];

/// Reads a request for an answer, or for the number of its tokens.
pub(super) fn read(body: &[u8]) -> Result<Request, Unsayable> {
    let mut body = Fields::of_request(body)?;
    let request = read_members(&mut body);
    body.settle(request)
}

fn read_members(body: &mut Fields) -> Request {
    let mut dropped = Dropped::default();
    let mut request = Request {
        model: body.text("model"),
        stream: body.flag("stream").unwrap_or_default(),
        messages: messages(body, &mut dropped),
        max_tokens: body.count("max_tokens"),
        temperature: body.number("temperature"),
        top_p: body.number("top_p"),
        top_k: body.number("top_k"),
        stop: body.texts("stop_sequences"),
        service_tier: body.text("service_tier").map(|tier| match tier.as_str() {
            "standard_only" => "default".to_owned(),
            _ => tier,
        }),
        ..Request::default()
    };
    tools::read(body, &mut request, &mut dropped);
    read_output(body, &mut request);
    read_user(body, &mut request);
    // This keeps all up to the last block in the cache.
    if let Some(cache) = content::cache(body) {
        let last = request.messages.last_mut().and_then(|message| message.parts.last_mut());
        if let Some(last) = last {
            last.cache.get_or_insert(cache);
        }
    }
    for name in body.left().filter(|name| !SILENT.contains(&name.as_str())) {
        dropped.add("", &name);
    }
    request.dropped = dropped.names;
    request
}

/// Reads `thinking` and `output_config`.
fn read_output(body: &mut Fields, request: &mut Request) {
    let (mut effort, mut format) = (None, None);
    if let Some(mut config) = body.object("output_config") {
        effort = config.text("effort");
        format = config.object("format");
    }
    request.reasoning = reasoning::read(body.object("thinking"), effort);
    if let Some(mut format) = format
        && format.required_text("type") == "json_schema"
    {
        request.format = Some(Format::JsonSchema {
            name: None,
            description: None,
            schema: Value::Object(format.required_object("schema").into_members()),
            strict: Some(true),
        });
    }
}

/// Reads whom the request is for. Claude Code writes the id of its session into that name.
fn read_user(body: &mut Fields, request: &mut Request) {
    let Some(user) = body
        .object("metadata")
        .and_then(|mut metadata| metadata.text("user_id"))
    else {
        return;
    };
    let parsed: Option<Value> = serde_json::from_str(&user).ok();
    let session = parsed.as_ref().and_then(|parsed| parsed.get("session_id")?.as_str());
    let session = session.or_else(|| Some(user.split_once("_session_")?.1));
    request.cache_key = session.filter(|session| !session.is_empty()).map(str::to_owned);
    request.user = Some(user);
}

/// Reads `system`, which comes first, and `messages`.
fn messages(body: &mut Fields, dropped: &mut Dropped) -> Vec<Message> {
    let mut read = Vec::new();
    if let Some(system) = body.take("system") {
        let mut parts = content::parts(body, system, "system", dropped);
        if parts.first().is_some_and(content::is_attribution) {
            parts.remove(0);
        }
        if !parts.is_empty() {
            let role = Role::System;
            read.push(Message { role, parts });
        }
    }
    if !body.has("messages") {
        body.wrong("messages", "an array");
    }
    for message in body.objects("messages") {
        read.push(message_of(message, dropped));
    }
    read
}

fn message_of(mut message: Fields, dropped: &mut Dropped) -> Message {
    let role = match message.required_text("role").as_str() {
        "assistant" => Role::Assistant,
        "system" => Role::System,
        "user" => Role::User,
        _ => {
            message.wrong(&message.path("role"), "`user`, `assistant` or `system`");
            Role::User
        }
    };
    let content = message.take("content").unwrap_or_default();
    let parts = content::parts(&message, content, &message.path("content"), dropped);
    Message { role, parts }
}
