//! Reads which tools there are, and whether they have to be called.

use serde_json::Value;

use super::content::read_cache;
use crate::dialect::neutral::fields::Fields;
use crate::dialect::neutral::request::{Request, Tool, ToolChoice, Unsayable};
use crate::dialect::wire::build::Set;

/// Takes the tools of a request, in their own form or in the old one.
pub(super) fn read(fields: &mut Fields, request: &mut Request) {
    for tool in fields.objects("tools") {
        match read_tool(tool) {
            Ok(tool) => request.tools.push(tool),
            Err(kind) => request.dropped.push(format!("tools.{kind}")),
        }
    }
    for function in fields.objects("functions") {
        request.tools.push(read_function(function));
    }
    request.parallel_tools = fields.flag("parallel_tool_calls");
    request.tool_choice = read_choice(fields, request);
    if let Some(old) = fields.take("function_call") {
        let old = read_old_choice(fields, old);
        request.tool_choice = request.tool_choice.take().or(old);
    }
}

/// Reads a tool; the type of one that the vocabulary does not have.
fn read_tool(mut tool: Fields) -> Result<Tool, String> {
    let cache = read_cache(&mut tool);
    let kind = tool.required_text("type");
    let read_kind = match kind.as_str() {
        "function" => read_function,
        "custom" => read_custom,
        _ => return Err(kind),
    };
    // Some write a tool as Responses has it, without the object inside.
    let mut read = read_kind(tool.object(&kind).unwrap_or(tool));
    read.cache = cache.or(read.cache);
    Ok(read)
}

fn read_function(mut function: Fields) -> Tool {
    let parameters = function.take("parameters");
    if !matches!(parameters, None | Some(Value::Object(_))) {
        function.wrong(&function.path("parameters"), "a JSON schema");
    }
    Tool {
        name: function.required_text("name"),
        description: function.text("description"),
        strict: function.flag("strict"),
        cache: read_cache(&mut function),
        parameters,
        ..Tool::default()
    }
}

fn read_custom(mut custom: Fields) -> Tool {
    let format = match custom.object("format") {
        Some(mut format) => {
            let kind = format.required_text("type");
            let mut flat = format.object("grammar").unwrap_or(format).into_members();
            flat.set("type", kind.into());
            flat.into()
        }
        None => Value::Null,
    };
    Tool {
        name: custom.required_text("name"),
        description: custom.text("description"),
        custom: Some(format),
        ..Tool::default()
    }
}

fn read_choice(fields: &mut Fields, request: &mut Request) -> Option<ToolChoice> {
    let path = fields.path("tool_choice");
    let mut choice = match fields.take("tool_choice")? {
        Value::String(word) => return read_word(fields, &word, path),
        value => fields.inner(value, path),
    };
    let kind = choice.required_text("type");
    match kind.as_str() {
        "function" | "custom" => {
            let mut chosen = choice.object(&kind).unwrap_or(choice);
            Some(one(chosen.required_text("name")))
        }
        "allowed_tools" => Some(read_allowed(choice.required_object("allowed_tools"), request)),
        word => read_word(fields, word, choice.path("type")),
    }
}

fn read_word(fields: &Fields, word: &str, path: String) -> Option<ToolChoice> {
    match word {
        "auto" => Some(ToolChoice::Auto),
        "none" => Some(ToolChoice::None),
        "required" | "any" => Some(ToolChoice::Required),
        _ => {
            let message = format!("`{word}` is not known here: use `auto`, `none`, `required`, or a function.");
            fields.refuse(Unsayable::unsupported(path, message));
            None
        }
    }
}

fn read_allowed(mut allowed: Fields, request: &mut Request) -> ToolChoice {
    let optional = allowed.text("mode").is_none_or(|mode| mode != "required");
    let mut names = Vec::new();
    for mut tool in allowed.objects("tools") {
        let kind = tool.required_text("type");
        match kind.as_str() {
            "function" | "custom" => names.push(tool.required_object(&kind).required_text("name")),
            kind => request.dropped.push(format!("tool_choice.{kind}")),
        }
    }
    ToolChoice::Named { names, optional }
}

/// Reads `function_call`: the old name of the choice.
fn read_old_choice(fields: &Fields, value: Value) -> Option<ToolChoice> {
    let path = "function_call".to_owned();
    match value {
        Value::String(word) => read_word(fields, &word, path),
        value => Some(one(fields.inner(value, path).required_text("name"))),
    }
}

fn one(name: String) -> ToolChoice {
    ToolChoice::Named {
        names: vec![name],
        optional: false,
    }
}
