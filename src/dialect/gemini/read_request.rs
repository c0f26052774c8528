//! Reads a client's request.

use serde_json::Value;

use super::fields::{Strict, note};
use super::read_contents::{self, Calls};
use super::schema;
use crate::dialect::neutral::request::{Format, Reasoning, Request, Tool, ToolChoice, Unsayable};
use crate::dialect::wire::json;
use crate::dialect::wire::members::{Malformed, Members};

/// Reads the body of `generateContent` or `streamGenerateContent`, or of `countTokens`, which may wrap one of those. The model and
/// the wish for a stream are in the path.
pub(super) fn read_request(body: &[u8]) -> Result<Request, Unsayable> {
    let body = Strict::read(text_of(body)?, String::new())?;
    let body = body.object("generateContentRequest")?.unwrap_or(body);
    let mut request = Request::default();
    if body.has("cachedContent") {
        let message = "Content that Gemini has cached cannot be used here; send it in `contents`.";
        return Err(Unsayable::unsupported(body.at("cachedContent"), message));
    }
    if let Some(content) = body.object("systemInstruction")? {
        let message = read_contents::instruction(&content, &mut request.dropped)?;
        request.messages.extend(message);
    }
    if !body.has("contents") {
        return Err(Unsayable::invalid(body.at("contents"), "This is required."));
    }
    let mut calls = Calls::default();
    for content in body.objects("contents")? {
        let message = read_contents::content(&content, &mut calls, &mut request.dropped)?;
        request.messages.extend(message);
    }
    for tool in body.objects("tools")? {
        read_tools(&tool, &mut request)?;
    }
    if let Some(config) = body.object("toolConfig")? {
        read_tool_config(&config, &mut request)?;
    }
    if let Some(config) = body.object("generationConfig")? {
        read_config(&config, &mut request)?;
    }
    if !body.objects("safetySettings")?.is_empty() {
        note(&mut request.dropped, "safetySettings");
    }
    // What only the bill, or nobody, would see is left out of this list.
    const READ: [&str; 10] = [
        "contents",
        "systemInstruction",
        "tools",
        "toolConfig",
        "generationConfig",
        "safetySettings",
        "model",
        "labels",
        "store",
        "serviceTier",
    ];
    for name in body.unknown(&READ) {
        note(&mut request.dropped, name);
    }
    Ok(request)
}

fn text_of(body: &[u8]) -> Result<&str, Unsayable> {
    let why = match Members::of(body) {
        Ok(_) => match std::str::from_utf8(body) {
            Ok(text) => return Ok(text.trim_start_matches('\u{feff}')),
            Err(error) => error.to_string(),
        },
        Err(Malformed::NotAnObject) => "The request body must be a JSON object, like {\"contents\": [...]}.".to_owned(),
        Err(malformed) => malformed.to_string(),
    };
    Err(Unsayable::invalid("", why))
}

fn read_tools(tool: &Strict<'_>, request: &mut Request) -> Result<(), Unsayable> {
    for function in tool.objects("functionDeclarations")? {
        let schema_of = |name: &str| -> Result<Option<Value>, Unsayable> {
            let Some(schema) = function.object(name)? else {
                return Ok(None);
            };
            let text = function.get(name);
            text.map(|text| read_schema(text, schema.path())).transpose()
        };
        let parameters = schema_of("parametersJsonSchema")?;
        request.tools.push(Tool {
            name: function.needed_text("name")?,
            namespace: None,
            description: function.text("description")?,
            parameters: parameters.map_or_else(|| schema_of("parameters"), |schema| Ok(Some(schema)))?,
            strict: None,
            custom: None,
            cache: None,
        });
    }
    for name in tool.unknown(&["functionDeclarations"]) {
        note(&mut request.dropped, &format!("tools.{name}"));
    }
    Ok(())
}

fn read_schema(text: &str, path: &str) -> Result<Value, Unsayable> {
    let schema = json::value(text).ok_or_else(|| Unsayable::invalid(path, "This cannot be read."))?;
    Ok(schema::read(schema))
}

fn read_tool_config(config: &Strict<'_>, request: &mut Request) -> Result<(), Unsayable> {
    if let Some(calling) = config.object("functionCallingConfig")? {
        let names = calling.texts("allowedFunctionNames")?;
        let named = |names: Vec<String>, optional| ToolChoice::Named { names, optional };
        let mode = calling.text("mode")?.unwrap_or_default().to_ascii_uppercase();
        request.tool_choice = match (mode.as_str(), names.is_empty()) {
            ("" | "MODE_UNSPECIFIED", _) => None,
            ("AUTO", _) | ("VALIDATED", true) => Some(ToolChoice::Auto),
            ("NONE", _) => Some(ToolChoice::None),
            ("ANY", true) => Some(ToolChoice::Required),
            ("ANY", false) => Some(named(names, false)),
            ("VALIDATED", false) => Some(named(names, true)),
            _ => {
                let message = "The mode must be `AUTO`, `ANY`, `NONE` or `VALIDATED`.";
                return Err(Unsayable::invalid(calling.at("mode"), message));
            }
        };
    }
    for name in config.unknown(&["functionCallingConfig"]) {
        note(&mut request.dropped, &format!("toolConfig.{name}"));
    }
    Ok(())
}

fn read_config(config: &Strict<'_>, request: &mut Request) -> Result<(), Unsayable> {
    request.temperature = config.number("temperature")?;
    request.top_p = config.number("topP")?;
    request.top_k = config.number("topK")?;
    request.seed = config.number("seed")?;
    request.presence_penalty = config.number("presencePenalty")?;
    request.frequency_penalty = config.number("frequencyPenalty")?;
    request.choices = config.count("candidateCount")?;
    request.max_tokens = config.count("maxOutputTokens")?;
    request.stop = config.texts("stopSequences")?;
    let logprobs = config.count("logprobs")?;
    if config.is_true("responseLogprobs")? {
        request.logprobs = Some(logprobs.unwrap_or_default());
    }
    request.format = read_format(config, request)?;
    if let Some(thinking) = config.object("thinkingConfig")? {
        request.reasoning = read_thinking(&thinking)?;
    }
    let modalities = config.texts("responseModalities")?;
    if modalities.iter().any(|name| !name.eq_ignore_ascii_case("TEXT")) {
        note(&mut request.dropped, "generationConfig.responseModalities");
    }
    const READ: [&str; 16] = [
        "temperature",
        "topP",
        "topK",
        "seed",
        "presencePenalty",
        "frequencyPenalty",
        "candidateCount",
        "maxOutputTokens",
        "stopSequences",
        "logprobs",
        "responseLogprobs",
        "responseMimeType",
        "responseSchema",
        "responseJsonSchema",
        "thinkingConfig",
        "responseModalities",
    ];
    for name in config.unknown(&READ) {
        note(&mut request.dropped, &format!("generationConfig.{name}"));
    }
    Ok(())
}

fn read_format(config: &Strict<'_>, request: &mut Request) -> Result<Option<Format>, Unsayable> {
    let media_type = config.text("responseMimeType")?.unwrap_or_default();
    for name in ["responseJsonSchema", "responseSchema"] {
        let (Some(schema), Some(text)) = (config.object(name)?, config.get(name)) else {
            continue;
        };
        if media_type == "text/x.enum" {
            break;
        }
        return Ok(Some(Format::JsonSchema {
            name: None,
            description: None,
            schema: read_schema(text, schema.path())?,
            strict: None,
        }));
    }
    match media_type.as_str() {
        "application/json" => return Ok(Some(Format::JsonObject)),
        "" | "text/plain" => {}
        _ => note(&mut request.dropped, "generationConfig.responseMimeType"),
    }
    Ok(None)
}

fn read_thinking(thinking: &Strict<'_>) -> Result<Option<Reasoning>, Unsayable> {
    let level = thinking.text("thinkingLevel")?.map(|level| level.to_ascii_lowercase());
    let mut reasoning = Reasoning {
        effort: level.filter(|level| level != "thinking_level_unspecified"),
        wants_text: thinking.is_true("includeThoughts")?,
        ..Reasoning::default()
    };
    match thinking
        .number("thinkingBudget")?
        .as_ref()
        .and_then(serde_json::Number::as_f64)
    {
        Some(budget) if budget < 0.0 => reasoning.is_adaptive = true,
        Some(0.0) => reasoning.is_disabled = true,
        Some(budget) => reasoning.budget = Some(budget as u64),
        None => {}
    }
    Ok((reasoning != Reasoning::default()).then_some(reasoning))
}
