//! Reads `tools` and `tool_choice`.

use serde_json::Value;

use super::content::cache;
use super::dropped::Dropped;
use crate::dialect::neutral::fields::Fields;
use crate::dialect::neutral::request::{Request, Tool, ToolChoice, Unsayable};
use crate::dialect::wire::build::json;

/// Reads which tools there are, and whether they have to be called.
pub(super) fn read(body: &mut Fields, request: &mut Request, dropped: &mut Dropped) {
    for fields in body.objects("tools") {
        request.tools.extend(tool(fields, dropped));
    }
    if let Some(choice) = body.object("tool_choice") {
        read_choice(choice, request);
    }
}

/// Reads a tool; nothing where it is one of Anthropic's own, which has no schema.
fn tool(mut fields: Fields, dropped: &mut Dropped) -> Option<Tool> {
    if let Some(kind) = fields.text("type").filter(|kind| kind != "custom") {
        dropped.add("tools.", &kind);
        return None;
    }
    let schema = fields.object("input_schema");
    let schema = schema.map(|schema| Value::Object(schema.into_members()));
    Some(Tool {
        name: fields.required_text("name"),
        description: fields.text("description"),
        parameters: schema.filter(|schema| !takes_nothing(schema)),
        strict: fields.flag("strict"),
        cache: cache(&mut fields),
        ..Tool::default()
    })
}

/// Whether a schema says no more than that there are no arguments.
fn takes_nothing(schema: &Value) -> bool {
    *schema == json!({"type": "object", "properties": {}}) || *schema == json!({"type": "object"})
}

fn read_choice(mut choice: Fields, request: &mut Request) {
    request.tool_choice = match choice.required_text("type").as_str() {
        "auto" => Some(ToolChoice::Auto),
        "any" => Some(ToolChoice::Required),
        "none" => Some(ToolChoice::None),
        "tool" => {
            let name = choice.required_text("name");
            if !request.tools.iter().any(|tool| tool.name == name) {
                let message = format!("`{name}` cannot be called: it is not in `tools`, or is one of Anthropic's own.");
                choice.refuse(Unsayable::unsupported(choice.path("name"), message));
            }
            Some(ToolChoice::Named {
                names: vec![name],
                optional: false,
            })
        }
        _ => {
            choice.wrong(&choice.path("type"), "`auto`, `any`, `tool` or `none`");
            None
        }
    };
    let disabled = choice.flag("disable_parallel_tool_use");
    request.parallel_tools = disabled.map(|disabled| !disabled);
}
