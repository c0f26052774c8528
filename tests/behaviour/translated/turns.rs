//! The second turn of a conversation, in which a client sends back what the model said, called and thought, and what the tool said.

use serde_json::Value;

use super::dialect::Dialect;
use super::requests::Checked;

/// An image in a result, in base64: one pixel.
pub(crate) const PIXEL: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==";

/// What the result of a tool says, as its upstream reads it.
#[derive(Debug, Default)]
struct Result {
    text: String,
    is_error: bool,
    has_image: bool,
    /// The call that it belongs to: name and arguments.
    call: (String, Value),
    /// What proves to the upstream that the call, or the reasoning before it, is its own.
    proof: String,
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Whether a request is a second turn. One that is has to say what the first turn said, in the upstream's own shape.
pub(super) fn check(dialect: Dialect, model: &str, body: &Value) -> Checked<bool> {
    let result = match dialect {
        Dialect::OpenAi => chat(body),
        Dialect::Responses => responses(body),
        Dialect::Anthropic => messages(body),
        Dialect::Gemini => contents(body),
    };
    let Some(result) = result else {
        return Ok(false);
    };
    let call = ("get_weather".to_owned(), serde_json::json!({"city": "Oslo"}));
    let proof = match dialect {
        // This upstream proves nothing.
        Dialect::OpenAi => "",
        Dialect::Responses | Dialect::Anthropic => "SIG-BBB=",
        Dialect::Gemini => "U0lHLUJCQg==",
    };
    let is_error = result.is_error || result.text.contains("Error: ");
    let holds = result.call == call
        && result.proof == proof
        && result.text.contains("4 degrees")
        && is_error == (model == "loop-error")
        && result.has_image == (model == "loop-image");
    if holds {
        Ok(true)
    } else {
        Err(format!("the second turn is {result:?}"))
    }
}

fn is_pixel(url: &Value) -> bool {
    text(url) == format!("data:image/png;base64,{PIXEL}")
}

fn parsed(arguments: &Value) -> Value {
    serde_json::from_str(&text(arguments)).unwrap_or_default()
}

fn chat(body: &Value) -> Option<Result> {
    let messages = body["messages"].as_array()?;
    let place = messages.iter().position(|message| message["role"] == "tool")?;
    let call = &messages[place.checked_sub(1)?]["tool_calls"][0];
    let parts = messages
        .get(place + 1)
        .and_then(|message| message["content"].as_array());
    Some(Result {
        text: text(&messages[place]["content"]),
        has_image: parts.is_some_and(|parts| parts.iter().any(|part| is_pixel(&part["image_url"]["url"]))),
        call: (text(&call["function"]["name"]), parsed(&call["function"]["arguments"])),
        ..Result::default()
    })
}

fn responses(body: &Value) -> Option<Result> {
    let items = body["input"].as_array()?;
    let find = |kind: &str| items.iter().find(|item| item["type"] == kind);
    let (output, call) = (&find("function_call_output")?["output"], find("function_call")?);
    let parts = output.as_array().cloned().unwrap_or_default();
    let joined: String = parts.iter().map(|part| text(&part["text"]) + " ").collect();
    Some(Result {
        text: text(output) + &joined,
        has_image: parts.iter().any(|part| is_pixel(&part["image_url"])),
        call: (text(&call["name"]), parsed(&call["arguments"])),
        proof: find("reasoning")
            .map(|item| text(&item["encrypted_content"]))
            .unwrap_or_default(),
        ..Result::default()
    })
}

fn messages(body: &Value) -> Option<Result> {
    let messages = body["messages"].as_array()?;
    let blocks: Vec<&Value> = messages
        .iter()
        .filter_map(|message| message["content"].as_array())
        .flatten()
        .collect();
    let find = |kind: &str| blocks.iter().find(|block| block["type"] == kind);
    let (result, call) = (find("tool_result")?, find("tool_use")?);
    let parts = result["content"].as_array().cloned().unwrap_or_default();
    let joined: String = parts.iter().map(|part| text(&part["text"])).collect();
    Some(Result {
        text: text(&result["content"]) + &joined,
        is_error: result["is_error"] == true,
        has_image: parts.iter().any(|part| part["source"]["data"] == PIXEL),
        call: (text(&call["name"]), call["input"].clone()),
        proof: find("thinking")
            .map(|block| text(&block["signature"]))
            .unwrap_or_default(),
    })
}

fn contents(body: &Value) -> Option<Result> {
    let contents = body["contents"].as_array()?;
    let parts: Vec<&Value> = contents
        .iter()
        .filter_map(|content| content["parts"].as_array())
        .flatten()
        .collect();
    let find = |kind: &str| parts.iter().find(|part| part[kind].is_object());
    let (result, call) = (&find("functionResponse")?["functionResponse"], find("functionCall")?);
    // Behind the result, or a part of it, which Google's Python SDK spells in its own way.
    let of_result = result["parts"].as_array().into_iter().flatten();
    let media = parts.iter().copied().chain(of_result);
    Some(Result {
        text: result["response"].to_string(),
        is_error: result["response"]["error"].is_string(),
        has_image: media
            .into_iter()
            .any(|part| part["inlineData"]["data"] == PIXEL || part["inline_data"]["data"] == PIXEL),
        call: (
            text(&call["functionCall"]["name"]),
            call["functionCall"]["args"].clone(),
        ),
        proof: text(&call["thoughtSignature"]),
    })
}
