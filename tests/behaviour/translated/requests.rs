//! What each vendor insists on in a request: the path, the key, the members. What is off is said in the answer.

use std::collections::BTreeSet;

use serde_json::Value;

use super::dialect::Dialect;
use crate::support::upstream::Received;

pub(super) type Checked<T = ()> = Result<T, String>;

/// A request that its vendor would take.
pub(super) struct Request {
    pub(super) kind: Kind,
    pub(super) model: String,
    pub(super) is_stream: bool,
    pub(super) body: Value,
    /// The key that it was sent with.
    pub(super) key: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Answer,
    Count,
    Models,
    /// A path that this upstream has not.
    Unknown,
}

fn demand(holds: bool, complaint: impl FnOnce() -> String) -> Checked {
    if holds { Ok(()) } else { Err(complaint()) }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

impl Request {
    pub(super) fn read(dialect: Dialect, received: &Received) -> Checked<Self> {
        let sent = format!("{}{}", received.head, String::from_utf8_lossy(&received.body));
        demand(!sent.contains("gw-SECRET"), || {
            "the gateway's token came through".into()
        })?;
        let key = key(dialect, received)?;
        let mut line = received.line().split(' ');
        let (method, target) = (line.next().unwrap_or_default(), line.next().unwrap_or_default());
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let kind = kind(dialect, method, path);
        let mut request = Self {
            kind,
            model: String::new(),
            is_stream: false,
            body: Value::Null,
            key,
        };
        if !matches!(kind, Kind::Answer | Kind::Count) {
            return Ok(request);
        }
        demand(received.one("content-type") == Some("application/json"), || {
            "the content type".into()
        })?;
        request.body = serde_json::from_slice(&received.body).map_err(|error| error.to_string())?;
        if dialect == Dialect::Gemini {
            let call = path.trim_start_matches("/v1beta/models/").replace("%3A", ":");
            let (model, call) = call.split_once(':').ok_or("no method")?;
            request.model = model.to_owned();
            request.is_stream = call == "streamGenerateContent";
            demand(request.is_stream == query.contains("alt=sse"), || {
                format!("the query is {query}")
            })?;
        } else {
            request.model = text(&request.body["model"]);
            request.is_stream = request.body["stream"] == true;
        }
        demand(!request.model.is_empty(), || "there is no model".into())?;
        members(dialect, kind, &request.body)?;
        match (dialect, kind) {
            (Dialect::OpenAi, _) => chat(&request.body)?,
            (Dialect::Responses, _) => responses(&request.body)?,
            (Dialect::Anthropic, _) => messages(&request.body, kind)?,
            (Dialect::Gemini, Kind::Count) => {}
            (Dialect::Gemini, _) => contents(&request.body)?,
        }
        Ok(request)
    }
}

/// The key stands in its vendor's field, and in no other.
fn key(dialect: Dialect, received: &Received) -> Checked<String> {
    let fields = ["authorization", "x-api-key", "x-goog-api-key", "api-key"];
    let found: Vec<(&str, &str)> = fields
        .into_iter()
        .filter_map(|name| Some((name, received.one(name)?)))
        .collect();
    let (name, key) = match found[..] {
        [("authorization", key)] => ("authorization", key.strip_prefix("Bearer ").unwrap_or_default()),
        [one] => one,
        _ => return Err(format!("the keys are {found:?}")),
    };
    let wanted = match dialect {
        Dialect::OpenAi | Dialect::Responses => "authorization",
        Dialect::Anthropic => "x-api-key",
        Dialect::Gemini => "x-goog-api-key",
    };
    demand(name == wanted && key.starts_with("up-SECRET-"), || {
        format!("the key is {found:?}")
    })?;
    if dialect == Dialect::Anthropic {
        let version = received.one("anthropic-version").unwrap_or_default();
        demand(version.len() == 10, || format!("the version is {version}"))?;
    }
    Ok(key.to_owned())
}

fn kind(dialect: Dialect, method: &str, path: &str) -> Kind {
    match (dialect, method, path) {
        (Dialect::Gemini, "GET", "/v1beta/models") => Kind::Models,
        (Dialect::Gemini, "POST", path) if path.ends_with("enerateContent") && path.starts_with("/v1beta/models/") => {
            Kind::Answer
        }
        (Dialect::Gemini, "POST", path) if path.ends_with("countTokens") && path.starts_with("/v1beta/models/") => {
            Kind::Count
        }
        (Dialect::Gemini, ..) => Kind::Unknown,
        (_, "GET", "/v1/models")
        | (Dialect::OpenAi, "POST", "/v1/chat/completions")
        | (Dialect::Responses, "POST", "/v1/responses")
        | (Dialect::Anthropic, "POST", "/v1/messages") => {
            if method == "GET" {
                Kind::Models
            } else {
                Kind::Answer
            }
        }
        (Dialect::Responses, "POST", "/v1/responses/input_tokens")
        | (Dialect::Anthropic, "POST", "/v1/messages/count_tokens") => Kind::Count,
        _ => Kind::Unknown,
    }
}

/// No member is there that the vendor does not know.
fn members(dialect: Dialect, kind: Kind, body: &Value) -> Checked {
    let known = match dialect {
        Dialect::OpenAi => {
            "model messages stream stream_options tools tool_choice parallel_tool_calls max_tokens max_completion_tokens temperature top_p
             n stop seed presence_penalty frequency_penalty logit_bias logprobs top_logprobs user response_format reasoning_effort store
             metadata"
        }
        Dialect::Responses => {
            "model input instructions stream store tools tool_choice parallel_tool_calls max_output_tokens temperature top_p text
             reasoning include user metadata prompt_cache_key service_tier truncation top_logprobs"
        }
        Dialect::Anthropic => {
            "model messages system max_tokens stream tools tool_choice temperature top_p top_k stop_sequences metadata thinking
             output_config service_tier"
        }
        Dialect::Gemini => {
            "contents systemInstruction tools toolConfig generationConfig safetySettings generateContentRequest"
        }
    };
    let known: BTreeSet<&str> = known.split_whitespace().collect();
    let found = body.as_object().ok_or("the body is not an object")?;
    let unknown: Vec<&String> = found.keys().filter(|name| !known.contains(name.as_str())).collect();
    demand(unknown.is_empty(), || format!("unknown members {unknown:?}"))?;
    let is_counted = kind == Kind::Count
        && ["max_tokens", "stream", "temperature"]
            .iter()
            .any(|name| found.contains_key(*name));
    demand(!is_counted, || "a request to count has members of one to answer".into())
}

fn list<'a>(body: &'a Value, name: &str) -> Checked<&'a Vec<Value>> {
    let list = body[name].as_array().filter(|list| !list.is_empty());
    list.ok_or_else(|| format!("{name} is {}", body[name]))
}

/// Each tool has a name and a schema.
fn tools(tools: &Value, function: impl Fn(&Value) -> Value, schema: &str) -> Checked {
    for tool in tools.as_array().into_iter().flatten() {
        let function = function(tool);
        let is_known = function["name"].is_string() && (function[schema].is_object() || function[schema].is_null());
        demand(is_known, || format!("the tool {tool}"))?;
    }
    Ok(())
}

fn chat(body: &Value) -> Checked {
    let mut open: Vec<String> = Vec::new();
    for message in list(body, "messages")? {
        let role = text(&message["role"]);
        if role == "tool" {
            let id = text(&message["tool_call_id"]);
            demand(message["content"].is_string(), || format!("the result {message}"))?;
            let place = open.iter().position(|known| *known == id);
            open.remove(place.ok_or_else(|| format!("no call {id}"))?);
            continue;
        }
        demand(open.is_empty(), || format!("calls without results: {open:?}"))?;
        match (role.as_str(), &message["content"]) {
            ("system" | "developer" | "user", Value::String(_)) => {}
            ("user" | "system" | "developer", Value::Array(parts)) => {
                let known = ["text", "image_url", "input_audio", "file"];
                let is_known = |part: &Value| {
                    known
                        .iter()
                        .any(|kind| part["type"] == *kind && part[*kind] != Value::Null)
                };
                demand(parts.iter().all(is_known), || format!("the parts {parts:?}"))?;
            }
            ("assistant", content) => {
                for call in message["tool_calls"].as_array().into_iter().flatten() {
                    let arguments = text(&call["function"]["arguments"]);
                    let is_object = serde_json::from_str::<Value>(&arguments).is_ok_and(|value| value.is_object());
                    demand(call["type"] == "function" && is_object, || format!("the call {call}"))?;
                    open.push(text(&call["id"]));
                }
                demand(content.is_string() || content.is_array() || !open.is_empty(), || {
                    format!("{message}")
                })?;
            }
            _ => return Err(format!("the message {message}")),
        }
    }
    tools(&body["tools"], |tool| tool["function"].clone(), "parameters")
}

fn responses(body: &Value) -> Checked {
    let mut calls = BTreeSet::new();
    if !body["input"].is_string() {
        for item in list(body, "input")? {
            let id = || text(&item["call_id"]);
            let is_right = match item["type"].as_str().unwrap_or("message") {
                "message" => {
                    let content = &item["content"];
                    item["role"].is_string()
                        && (content.is_string() || content.as_array().is_some_and(|list| !list.is_empty()))
                }
                "function_call" => calls.insert(id()) && item["name"].is_string() && item["arguments"].is_string(),
                "function_call_output" => {
                    calls.remove(&id()) && (item["output"].is_string() || item["output"].is_array())
                }
                "reasoning" => item["summary"].is_array() && item["id"].is_string(),
                _ => false,
            };
            demand(is_right, || format!("the item {item}"))?;
        }
    }
    demand(calls.is_empty(), || format!("calls without results: {calls:?}"))?;
    tools(&body["tools"], Value::clone, "parameters")
}

fn messages(body: &Value, kind: Kind) -> Checked {
    let most = body["max_tokens"].as_u64();
    demand(most.is_some_and(|most| most > 0) || kind == Kind::Count, || {
        "max_tokens is required".into()
    })?;
    if let Some(budget) = body["thinking"]["budget_tokens"].as_u64() {
        demand(Some(budget) < most && budget >= 1024, || "the budget".into())?;
    }
    let (mut open, mut before): (Vec<String>, _) = (Vec::new(), String::new());
    for message in list(body, "messages")? {
        let role = text(&message["role"]);
        demand(role != before && ["user", "assistant"].contains(&role.as_str()), || {
            format!("{role} follows {before}")
        })?;
        before = role;
        let mut called = Vec::new();
        let blocks = match &message["content"] {
            Value::String(text) if !text.is_empty() => &Vec::new(),
            Value::Array(blocks) if !blocks.is_empty() => blocks,
            content => return Err(format!("the content {content}")),
        };
        for block in blocks {
            let is_right = match block["type"].as_str().unwrap_or_default() {
                "text" => block["text"].as_str().is_some_and(|text| !text.trim().is_empty()),
                "image" | "document" => block["source"]["type"].is_string(),
                "thinking" => block["thinking"].is_string() && block["signature"].is_string(),
                "redacted_thinking" => block["data"].is_string(),
                "tool_use" => {
                    called.push(text(&block["id"]));
                    block["input"].is_object()
                }
                "tool_result" => {
                    let place = open.iter().position(|id| block["tool_use_id"] == **id);
                    place.map(|place| open.remove(place)).is_some()
                }
                _ => false,
            };
            demand(is_right, || format!("the block {block}"))?;
        }
        demand(open.is_empty(), || format!("calls without results: {open:?}"))?;
        open = called;
    }
    demand(open.is_empty(), || format!("calls without results: {open:?}"))?;
    tools(&body["tools"], Value::clone, "input_schema")
}

fn contents(body: &Value) -> Checked {
    let mut calls = 0;
    for content in list(body, "contents")? {
        let role = text(&content["role"]);
        demand(["user", "model", ""].contains(&role.as_str()), || {
            format!("the role {role}")
        })?;
        let parts = list(content, "parts")?;
        let count = |name: &str| parts.iter().filter(|part| part[name].is_object()).count();
        for part in parts {
            let kinds = ["text", "inlineData", "fileData", "functionCall", "functionResponse"];
            let found = kinds.iter().filter(|kind| !part[**kind].is_null()).count();
            demand(found == 1, || format!("the part {part}"))?;
            let result = &part["functionResponse"];
            let is_object = result.is_null() || result["response"].is_object() && result["name"].is_string();
            demand(is_object, || format!("the result {result}"))?;
        }
        // What one side says may stand in several contents, one behind the other.
        if role == "model" {
            calls += count("functionCall");
        } else {
            let results = count("functionResponse");
            demand(results == calls, || format!("{results} results for {calls} calls"))?;
            calls = 0;
        }
    }
    let functions = |tool: &Value| tool["functionDeclarations"][0].clone();
    tools(&body["tools"], functions, "parametersJsonSchema")
}
