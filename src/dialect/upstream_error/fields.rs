//! Which field of a request an error is about.
//!
//! Only what upstreams write themselves counts. Many of them repeat a part of the request in the message, and what a client
//! wrote there must not decide what the gateway does.

use serde_json::Value;

/// Words that may stand before the name of a field in a message that is about this field. A word that is not here may be the
/// request's own.
const BEFORE: [&str; 52] = [
    "a",
    "additional",
    "allowed",
    "an",
    "are",
    "argument",
    "arguments",
    "at",
    "body",
    "deserialize",
    "error",
    "extra",
    "extra_forbidden",
    "failed",
    "field",
    "fields",
    "got",
    "in",
    "inputs",
    "into",
    "invalid",
    "is",
    "json",
    "key",
    "keyword",
    "loc",
    "name",
    "not",
    "option",
    "param",
    "parameter",
    "parameters",
    "params",
    "payload",
    "permitted",
    "properties",
    "property",
    "received",
    "request",
    "s",
    "supplied",
    "supported",
    "target",
    "the",
    "this",
    "to",
    "type",
    "unexpected",
    "unknown",
    "unrecognized",
    "unsupported",
    "validation",
];

/// Returns the top-level fields of a request that an error names in places that only hold such names: OpenAI's `param`, the
/// `loc` of FastAPI, Mistral and vLLM, Google's `fieldViolations`.
pub(super) fn named(error: &Value) -> Vec<String> {
    let mut named = Vec::new();
    if let Some(param) = error.get("param").and_then(Value::as_str) {
        named.extend(top(param));
    }
    let nested = error.get("message").and_then(|message| message.get("detail"));
    for detail in [error.get("detail"), nested, Some(error)].into_iter().flatten() {
        let list = detail
            .as_array()
            .map_or_else(|| std::slice::from_ref(detail), Vec::as_slice);
        for place in list.iter().filter_map(|detail| detail.get("loc")?.as_array()) {
            let mut names = place
                .iter()
                .filter_map(Value::as_str)
                .skip_while(|name| *name == "body");
            named.extend(names.next().map(str::to_owned));
        }
    }
    for violation in violations(error) {
        named.extend(violation.get("field").and_then(Value::as_str).and_then(top));
    }
    named
}

/// Whether one of the messages of an error is about the top-level field `name`. For errors in which [`named`] finds no field.
pub(super) fn messages_are_about(error: &Value, name: &str) -> bool {
    let texts = [Some(error), error.get("message"), error.get("detail"), error.get("msg")];
    let texts = texts.into_iter().flatten().filter_map(Value::as_str);
    let descriptions = violations(error).filter_map(|violation| violation.get("description")?.as_str());
    texts.chain(descriptions).any(|text| is_about(text, name))
}

/// Returns what Google lists as `fieldViolations`.
fn violations(error: &Value) -> impl Iterator<Item = &Value> {
    let details = error.get("details").and_then(Value::as_array).into_iter().flatten();
    details
        .filter_map(|detail| detail.get("fieldViolations")?.as_array())
        .flatten()
}

/// Returns the top-level field that a path begins with: `stream_options` of `body.stream_options.include_usage`.
fn top(path: &str) -> Option<String> {
    let mut names = path
        .split(['.', '[', ']', '/', '#', '$'])
        .filter(|name| !name.is_empty());
    let first = names.next()?;
    let name = if first == "body" {
        names.next().unwrap_or(first)
    } else {
        first
    };
    Some(name.to_owned())
}

/// Whether a message is about the field `name`: it names the field in its first line, and before anything that could be the
/// request's own words.
fn is_about(text: &str, name: &str) -> bool {
    let line = text.lines().next().unwrap_or_default();
    let Some((before, after)) = line.split_once(name) else {
        return false;
    };
    let is_word = |char: char| char.is_ascii_alphanumeric() || char == '_';
    let mut words = before.split(|char| !is_word(char)).filter(|word| !word.is_empty());
    let is_known = |word: &str| BEFORE.contains(&word.to_ascii_lowercase().as_str());
    let behind = after.trim_start_matches(['\'', '"', '`', '\\', ' ']);
    before.is_ascii()
        && words.all(is_known)
        && !after.starts_with(is_word)
        // Google writes `at` and a place for a field that is deeper in the request.
        && !behind.starts_with("at ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_about_the_field_that_it_names_first() {
        for text in [
            "Unknown parameter: 'stream_options'.",
            "Unknown parameter: 'stream_options'. (request id: 20240806214436917505976hvsFC5y2)",
            "Unrecognized request argument supplied: stream_options",
            "Unsupported parameter(s): `stream_options`",
            "Extra inputs are not permitted, field: 'stream_options'",
            "Extra inputs are not permitted: stream_options",
            "Extra parameters ['stream_options'] are not allowed when extra-parameters is not set or set to be 'error'.",
            "Validation error at #/stream_options: Extra inputs are not permitted",
            "[{'type': 'extra_forbidden', 'loc': ('body', 'stream_options'), 'msg': 'Extra inputs are not permitted', 'input': {'include_usage': True}}]",
            "Invalid JSON payload received. Unknown name \"stream_options\": Cannot find field.",
            "property 'stream_options' is unsupported",
            "Failed to deserialize the JSON body into the target type: unknown field `stream_options`, expected `model` at line 1 column 9",
            "stream_options: Extra inputs are not permitted",
            "body.stream_options.include_usage: Extra inputs are not permitted",
            "Additional properties are not allowed ('stream_options' was unexpected)",
        ] {
            assert!(is_about(text, "stream_options"), "{text}");
        }
        for text in [
            "The request was refused: it says \"what are stream_options?\"",
            "Your prompt 'stream_options' is not allowed",
            "Invalid value: 'stream_options'. Supported values are: 'none', 'auto'.",
            "Unknown parameter: 'messages[0].stream_options'.",
            "messages.0.stream_options: Extra inputs are not permitted",
            "'messages.1' : for 'role:assistant' property 'stream_options' is unsupported",
            "Invalid JSON payload received. Unknown name \"stream_options\" at 'messages[0]': Cannot find field.",
            "[{'type': 'extra_forbidden', 'loc': ('body', 'extra'), 'msg': 'Extra inputs are not permitted', 'input': 'stream_options'}]",
            "unknown variant `stream_options`, expected `user`",
            "The model `stream_options` does not exist",
            "Unknown parameter: 'stream_options_of_mine'.",
            "不可以 stream_options",
            "Refused.\nUnknown parameter: 'stream_options'",
            "",
        ] {
            assert!(!is_about(text, "stream_options"), "{text}");
        }
    }
}
