//! Reads which tools there are, and whether they have to be called.

use serde_json::Value;

use super::content::read_cache;
use crate::dialect::neutral::fields::{Fields, wrong};
use crate::dialect::neutral::request::{Request, Tool, ToolChoice, Unsayable};
use crate::dialect::wire::build::Set;

/// Takes the tools of a request, in their own form or in the old one.
pub(super) fn read(fields: &mut Fields, request: &mut Request) -> Result<(), Unsayable> {
    for tool in fields.objects("tools")? {
        match read_tool(tool)? {
            Ok(tool) => request.tools.push(tool),
            Err(kind) => request.dropped.push(format!("tools.{kind}")),
        }
    }
    for function in fields.objects("functions")? {
        request.tools.push(read_function(function)?);
    }
    request.parallel_tools = fields.flag("parallel_tool_calls")?;
    request.tool_choice = read_choice(fields, request)?;
    if let Some(old) = fields.take("function_call") {
        request.tool_choice = request.tool_choice.take().or(read_old_choice(old)?);
    }
    Ok(())
}

/// Reads a tool; the type of one that the vocabulary does not have.
fn read_tool(mut tool: Fields) -> Result<Result<Tool, String>, Unsayable> {
    let cache = read_cache(&mut tool)?;
    let kind = tool.required_text("type")?;
    let read_kind = match kind.as_str() {
        "function" => read_function,
        "custom" => read_custom,
        _ => return Ok(Err(kind)),
    };
    // Some write a tool as Responses has it, without the object inside.
    let mut read = read_kind(tool.object(&kind)?.unwrap_or(tool))?;
    read.cache = cache.or(read.cache);
    Ok(Ok(read))
}

fn read_function(mut function: Fields) -> Result<Tool, Unsayable> {
    let parameters = match function.take("parameters") {
        Some(schema @ Value::Object(_)) => Some(schema),
        Some(_) => return Err(wrong(function.path("parameters"), "a JSON schema")),
        None => None,
    };
    Ok(Tool {
        name: function.required_text("name")?,
        description: function.text("description")?,
        strict: function.flag("strict")?,
        cache: read_cache(&mut function)?,
        parameters,
        ..Tool::default()
    })
}

fn read_custom(mut custom: Fields) -> Result<Tool, Unsayable> {
    let format = match custom.object("format")? {
        Some(mut format) => {
            let kind = format.required_text("type")?;
            let mut flat = format.object("grammar")?.unwrap_or(format).into_members();
            flat.set("type", kind.into());
            flat.into()
        }
        None => Value::Null,
    };
    Ok(Tool {
        name: custom.required_text("name")?,
        description: custom.text("description")?,
        custom: Some(format),
        ..Tool::default()
    })
}

fn read_choice(fields: &mut Fields, request: &mut Request) -> Result<Option<ToolChoice>, Unsayable> {
    let path = fields.path("tool_choice");
    match fields.take("tool_choice") {
        None => Ok(None),
        Some(Value::String(word)) => read_word(&word, path).map(Some),
        Some(value) => {
            let mut choice = Fields::of(value, path)?;
            let kind = choice.required_text("type")?;
            match kind.as_str() {
                "function" | "custom" => {
                    let mut chosen = choice.object(&kind)?.unwrap_or(choice);
                    Ok(Some(one(chosen.required_text("name")?)))
                }
                "allowed_tools" => read_allowed(choice.required_object("allowed_tools")?, request).map(Some),
                word => read_word(word, choice.path("type")).map(Some),
            }
        }
    }
}

fn read_word(word: &str, path: String) -> Result<ToolChoice, Unsayable> {
    match word {
        "auto" => Ok(ToolChoice::Auto),
        "none" => Ok(ToolChoice::None),
        "required" | "any" => Ok(ToolChoice::Required),
        _ => Err(Unsayable::unsupported(
            path,
            format!("`{word}` is not known here: use `auto`, `none`, `required`, or a function."),
        )),
    }
}

fn read_allowed(mut allowed: Fields, request: &mut Request) -> Result<ToolChoice, Unsayable> {
    let optional = allowed.text("mode")?.is_none_or(|mode| mode != "required");
    let mut names = Vec::new();
    for mut tool in allowed.objects("tools")? {
        let kind = tool.required_text("type")?;
        match kind.as_str() {
            "function" | "custom" => names.push(tool.required_object(&kind)?.required_text("name")?),
            kind => request.dropped.push(format!("tool_choice.{kind}")),
        }
    }
    Ok(ToolChoice::Named { names, optional })
}

/// Reads `function_call`: the old name of the choice.
fn read_old_choice(value: Value) -> Result<Option<ToolChoice>, Unsayable> {
    let path = "function_call".to_owned();
    match value {
        Value::String(word) => read_word(&word, path).map(Some),
        value => Ok(Some(one(Fields::of(value, path)?.required_text("name")?))),
    }
}

fn one(name: String) -> ToolChoice {
    ToolChoice::Named {
        names: vec![name],
        optional: false,
    }
}
