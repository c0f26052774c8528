//! Writes `tools` and `tool_choice`.

use serde_json::{Map, Value};

use super::content::cache_control;
use super::schema;
use super::strict::Room;
use crate::dialect::neutral::request::{Quirks, Request, Tool, ToolChoice, Unsayable, Written};
use crate::dialect::wire::build::{Set, json};

/// What a request says of tools.
#[derive(Debug, Default)]
pub(super) struct Tools {
    /// `tools`.
    pub(super) list: Option<Value>,
    /// `tool_choice`.
    pub(super) choice: Option<Value>,
    /// A tool has to be called.
    pub(super) is_forced: bool,
}

/// Writes which tools there are, and whether they have to be called.
pub(super) fn write(request: &Request, quirks: &Quirks, written: &mut Written) -> Result<Tools, Unsayable> {
    let named = match &request.tool_choice {
        // Nothing else says that the others may not be called: they are left out.
        Some(ToolChoice::Named { names, optional }) if *optional || names.len() > 1 => Some(names),
        _ => None,
    };
    let is_allowed = |tool: &&Tool| named.is_none_or(|names| names.contains(&tool.name));
    let tools: Vec<&Tool> = request.tools.iter().filter(is_allowed).collect();
    if tools.is_empty() {
        return match &request.tool_choice {
            Some(ToolChoice::Required | ToolChoice::Named { .. }) => Err(Unsayable::invalid(
                "tool_choice",
                "A tool has to be called, and `tools` has none that may be.",
            )),
            _ => Ok(Tools::default()),
        };
    }
    let forced = |kind: Value, written: &mut Written| {
        if quirks.forced_tools {
            return Some(kind);
        }
        written.drop("tool_choice");
        Some(json!({"type": "auto"}))
    };
    let mut choice = match &request.tool_choice {
        None if request.parallel_tools == Some(false) => Some(json!({"type": "auto"})),
        None => None,
        Some(ToolChoice::None) => Some(json!({"type": "none"})),
        Some(ToolChoice::Auto | ToolChoice::Named { optional: true, .. }) => Some(json!({"type": "auto"})),
        Some(ToolChoice::Named { names, .. }) if names.len() == 1 => {
            forced(json!({"type": "tool", "name": known(&names[0], &tools)?}), written)
        }
        Some(ToolChoice::Required | ToolChoice::Named { .. }) => forced(json!({"type": "any"}), written),
    };
    let is_forced = choice
        .as_ref()
        .is_some_and(|choice| choice["type"] == "any" || choice["type"] == "tool");
    if let Some(choice) = choice.as_mut().filter(|choice| choice["type"] != "none")
        && request.parallel_tools == Some(false)
    {
        choice.say("disable_parallel_tool_use", &true);
    }
    Ok(Tools {
        list: Some(list(&tools, quirks, written)),
        choice,
        is_forced,
    })
}

/// Returns the name of the tool that has to be called.
fn known<'a>(name: &'a str, tools: &[&Tool]) -> Result<&'a str, Unsayable> {
    if tools.iter().any(|tool| tool.name == name) {
        Ok(name)
    } else {
        let message = format!("The tool `{name}` has to be called and is not in `tools`.");
        Err(Unsayable::invalid("tool_choice", message))
    }
}

fn list(tools: &[&Tool], quirks: &Quirks, written: &mut Written) -> Value {
    let mut room = Room::default();
    let mut list = Vec::new();
    for tool in tools {
        let mut object = Map::new();
        object.say("name", &tool.name);
        if let Some(description) = &tool.description {
            object.say("description", &description);
        }
        let mut parameters = schema::of_object(tool.parameters.as_ref());
        if tool.strict == Some(true) {
            match room.take(&parameters).filter(|_| quirks.schemas) {
                Some(strict) => {
                    object.say("strict", &true);
                    parameters = strict.schema;
                    for name in strict.left_out {
                        written.drop(&format!("tools.parameters.{name}"));
                    }
                }
                None => written.drop("tools.strict"),
            }
        }
        object.set("input_schema", parameters);
        if let Some(cache) = &tool.cache {
            object.set("cache_control", cache_control(cache));
        }
        list.push(Value::Object(object));
    }
    Value::Array(list)
}
