//! The tools of a request, written.

use serde_json::Value;

use crate::dialect::neutral::request::{Request, Tool, ToolChoice, Written};
use crate::dialect::wire::build::{Set, json};

/// Writes `tools`, `tool_choice` and `parallel_tool_calls`. The two latter say something only where there are tools.
pub(super) fn write(request: &Request, written: &mut Written) {
    if request.tools.is_empty() {
        return;
    }
    written.body.set("tools", tools(&request.tools));
    if let Some(choice) = &request.tool_choice {
        written.body.set("tool_choice", choose(choice, &request.tools));
    }
    if let Some(parallel) = request.parallel_tools {
        written.body.set("parallel_tool_calls", parallel.into());
    }
}

/// Writes tools. Those of a name space stand where its first one stood.
fn tools(tools: &[Tool]) -> Value {
    let mut list: Vec<Value> = Vec::new();
    for tool in tools {
        let written = write_tool(tool);
        let Some(namespace) = &tool.namespace else {
            list.push(written);
            continue;
        };
        let is_it = |entry: &&mut Value| entry["type"] == "namespace" && entry["name"] == **namespace;
        match list.iter_mut().find(is_it).map(|entry| &mut entry["tools"]) {
            Some(Value::Array(tools)) => tools.push(written),
            _ => list.push(json!({
                "type": "namespace", "name": namespace, "description": namespace, "tools": [written],
            })),
        }
    }
    Value::Array(list)
}

fn write_tool(tool: &Tool) -> Value {
    let mut written = match &tool.custom {
        Some(Value::Null) => json!({"type": "custom", "name": tool.name}),
        Some(format) => json!({"type": "custom", "name": tool.name, "format": format}),
        None => {
            let nothing = || json!({"type": "object", "properties": {}});
            let parameters = tool.parameters.clone().unwrap_or_else(nothing);
            json!({
                "type": "function", "name": tool.name, "parameters": parameters,
                // Where nothing is said this dialect takes `true`, and the others `false`.
                "strict": tool.strict.unwrap_or_default(),
            })
        }
    };
    if let Some(description) = &tool.description {
        written.say("description", &description);
    }
    written
}

fn choose(choice: &ToolChoice, tools: &[Tool]) -> Value {
    let named = |name: &String| {
        let is_custom = tools.iter().any(|tool| tool.name == *name && tool.custom.is_some());
        json!({"type": if is_custom { "custom" } else { "function" }, "name": name})
    };
    match choice {
        ToolChoice::Auto => "auto".into(),
        ToolChoice::None => "none".into(),
        ToolChoice::Required => "required".into(),
        ToolChoice::Named { names, optional } => match (&names[..], optional) {
            ([name], false) => named(name),
            (names, optional) => json!({
                "type": "allowed_tools",
                "mode": if *optional { "auto" } else { "required" },
                "tools": names.iter().map(named).collect::<Vec<_>>(),
            }),
        },
    }
}
