//! Writes which tools there are, whether they have to be called, and which were called.

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::dialect::neutral::flat::flat_name;
use crate::dialect::neutral::request::{Quirks, Request, Tool, ToolCall, ToolChoice, Written};
use crate::dialect::wire::build::{Set, json};

/// Writes the tools of a request. Without any there is nothing to choose either.
pub(super) fn write(request: &Request, quirks: &Quirks, written: &mut Written) {
    let only = allowed(request.tool_choice.as_ref(), quirks);
    let tools: Vec<Value> = request
        .tools
        .iter()
        .filter(|tool| only.is_none_or(|names| names.contains(&tool.name)))
        .map(write_tool)
        .collect();
    if request.tools.iter().any(|tool| tool.cache.is_some()) {
        written.drop("tools.cache");
    }
    if tools.is_empty() {
        return;
    }
    written.body.set("tools", tools.into());
    let choice = request
        .tool_choice
        .as_ref()
        .map(|choice| write_choice(choice, request, quirks, written));
    written
        .body
        .extend(choice.map(|choice| ("tool_choice".to_owned(), choice)));
    let parallel = request.parallel_tools.map(Value::from);
    written
        .body
        .extend(parallel.map(|parallel| ("parallel_tool_calls".to_owned(), parallel)));
}

/// Returns the names of the only tools that are sent: most upstreams can be given a choice among several tools by showing them no
/// others.
fn allowed<'a>(choice: Option<&'a ToolChoice>, quirks: &Quirks) -> Option<&'a [String]> {
    match choice {
        Some(ToolChoice::Named { names, optional }) if !quirks.openai_members && (*optional || names.len() != 1) => {
            Some(names)
        }
        _ => None,
    }
}

fn name_of(tool: &Tool) -> String {
    flat_name(tool.namespace.as_deref(), &tool.name)
}

/// Returns a tool. One with free text is here only if the upstream is known to take it: [`flat`](crate::dialect::neutral::flat) makes
/// functions of the others before.
fn write_tool(tool: &Tool) -> Value {
    let name = name_of(tool);
    if let Some(format) = &tool.custom {
        return json!({"type": "custom", "custom": write_custom(name, tool, format)});
    }
    let mut function = Map::new();
    function.set("name", name.into());
    let described = [
        ("description", tool.description.clone().map(Value::from)),
        ("parameters", tool.parameters.clone()),
        ("strict", tool.strict.map(Value::from)),
    ];
    let described = described
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)));
    function.extend(described);
    json!({"type": "function", "function": function})
}

fn write_custom(name: String, tool: &Tool, format: &Value) -> Map<String, Value> {
    let mut custom = Map::new();
    custom.set("name", name.into());
    let description = tool.description.clone();
    custom.extend(description.map(|description| ("description".to_owned(), description.into())));
    if let Value::Object(format) = format {
        // A grammar stands in an object of its own.
        let mut grammar = format.clone();
        let kind = grammar.remove("type");
        let mut own = Map::new();
        if !grammar.is_empty() {
            own.set("grammar", grammar.into());
        }
        own.extend(kind.map(|kind| ("type".to_owned(), kind)));
        custom.set("format", own.into());
    }
    custom
}

fn write_choice(choice: &ToolChoice, request: &Request, quirks: &Quirks, written: &mut Written) -> Value {
    let is_forced = matches!(choice, ToolChoice::Required | ToolChoice::Named { optional: false, .. });
    if is_forced && !quirks.forced_tools {
        written.drop("tool_choice");
        return "auto".into();
    }
    let one = |name: &String| {
        let tool = request.tools.iter().find(|tool| tool.name == *name);
        let plain = tool.map_or_else(|| flat_name(None, name), name_of);
        let is_custom = tool.is_some_and(|tool| tool.custom.is_some());
        let kind = if is_custom { "custom" } else { "function" };
        json!({"type": kind, kind: {"name": plain}})
    };
    match choice {
        ToolChoice::Auto => "auto".into(),
        ToolChoice::None => "none".into(),
        ToolChoice::Required => "required".into(),
        ToolChoice::Named { names, optional } => match &names[..] {
            [name] if !optional => one(name),
            _ if !quirks.openai_members => if *optional { "auto" } else { "required" }.into(),
            _ => {
                let mode = if *optional { "auto" } else { "required" };
                let tools: Vec<Value> = names.iter().map(one).collect();
                json!({"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": tools}})
            }
        },
    }
}

/// Returns a tool call of an earlier turn.
pub(super) fn write_call(call: &ToolCall) -> Value {
    let name = flat_name(call.namespace.as_deref(), &call.name);
    if call.is_custom {
        return json!({"id": call.id, "type": "custom", "custom": {"name": name, "input": call.arguments}});
    }
    let arguments = if call.arguments.is_empty() {
        "{}"
    } else {
        &call.arguments
    };
    json!({"id": call.id, "type": "function", "function": {"name": name, "arguments": arguments}})
}

/// Returns a name for what must not be said itself, or is too long: a digest of it.
pub(super) fn digest(text: &str) -> String {
    Sha256::digest(text.as_bytes())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
