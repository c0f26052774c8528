//! The `echo` provider: the whole gateway without a key, an account or a network. It says the user's last message
//! back, whole or word by word, lists one model and computes embeddings that depend on their input alone.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{Response, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::endpoint::Endpoint;
use super::{Body, headers, json as json_answer, refusal, with_type};
use crate::dialect::openai::Content;
use crate::error::{Error, Kind};
use crate::platform::Millis;

/// Its only model; any other name is answered as well.
pub(super) const MODEL: &str = "echo";

/// Between two words of a stream, as long as the whole stays below [`LONGEST`].
const PAUSE: Duration = Duration::from_millis(20);
const LONGEST: Duration = Duration::from_secs(3);

const DIMENSIONS: usize = 256;
const MAX_DIMENSIONS: usize = 4096;
const MAX_INPUTS: usize = 2048;

/// The answer to a request whose body was read before.
pub(super) fn answer<S>(
    endpoint: &Endpoint,
    body: &[u8],
    model: Option<&str>,
    id: &str,
    now: Millis,
) -> Response<Body<S>> {
    let model = model.unwrap_or(MODEL);
    let answer = match endpoint {
        Endpoint::Models => Ok(json_answer(
            StatusCode::OK,
            json!({"object": "list", "data": [entry(MODEL)]}).to_string(),
        )),
        Endpoint::Model(id) if id == MODEL => Ok(json_answer(StatusCode::OK, entry(MODEL).to_string())),
        Endpoint::Model(id) => Err(super::models::not_found(id)),
        Endpoint::Embeddings => embeddings(body, model),
        Endpoint::Passed(_) => Err(Error::new(
            Kind::NotFound,
            "The built-in echo provider has models, chat completions and embeddings only.",
        )),
        Endpoint::ChatCompletions | Endpoint::SimpleChat | Endpoint::Home | Endpoint::Health => {
            chat(body, model, id, now)
        }
    };
    answer.unwrap_or_else(|error| refusal(&error))
}

fn entry(id: &str) -> Value {
    json!({"id": id, "object": "model", "created": 0, "owned_by": "ai-gateway"})
}

#[derive(Deserialize)]
struct Chat<'a> {
    #[serde(borrow)]
    messages: Vec<Message<'a>>,
    #[serde(default)]
    stream: Option<bool>,
    #[serde(default)]
    stream_options: Option<StreamOptions>,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(default)]
    role: String,
    #[serde(borrow, default)]
    content: Option<Content<'a>>,
}

#[derive(Deserialize)]
struct StreamOptions {
    #[serde(default)]
    include_usage: Option<bool>,
}

fn chat<S>(body: &[u8], model: &str, id: &str, now: Millis) -> Result<Response<Body<S>>, Error> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let chat: Chat<'_> = serde_json::from_slice(body).map_err(|_| {
        let hint = "`messages` must be an array of messages, like [{\"role\": \"user\", \"content\": \"hi\"}].";
        Error::new(Kind::InvalidBody, hint).about("messages")
    })?;
    let text = |message: &Message<'_>| message.content.as_ref().map(Content::text).unwrap_or_default();
    let reply = chat
        .messages
        .iter()
        .rev()
        .find(|message| message.role == "user")
        .map(text)
        .unwrap_or_default();
    let prompt_tokens: usize = chat.messages.iter().map(|message| words(&text(message)).len()).sum();
    let words = words(&reply);
    let usage = json!({
        "prompt_tokens": prompt_tokens,
        "completion_tokens": words.len(),
        "total_tokens": prompt_tokens + words.len(),
    });
    let id = format!("chatcmpl-{id}");
    let created = now.0 / 1000;
    if chat.stream != Some(true) {
        let answer = json!({
            "id": id, "object": "chat.completion", "created": created, "model": model,
            "choices": [{
                "index": 0,
                "message": {"role": "assistant", "content": reply, "refusal": null},
                "logprobs": null,
                "finish_reason": "stop",
            }],
            "usage": usage,
        });
        return Ok(json_answer(StatusCode::OK, answer.to_string()));
    }
    let with_usage = chat
        .stream_options
        .is_some_and(|options| options.include_usage == Some(true));
    let event = |choices: Value, usage: Option<&Value>| {
        let mut chunk = json!({"id": id, "object": "chat.completion.chunk", "created": created, "model": model, "choices": choices});
        if with_usage {
            chunk["usage"] = usage.cloned().unwrap_or(Value::Null);
        }
        Bytes::from(format!("data: {chunk}\n\n"))
    };
    let choice = |delta: Value, finish: Option<&str>| json!([{"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish}]);
    let mut chunks = vec![event(choice(json!({"role": "assistant", "content": ""}), None), None)];
    chunks.extend(
        words
            .iter()
            .map(|word| event(choice(json!({"content": word}), None), None)),
    );
    chunks.push(event(choice(json!({}), Some("stop")), None));
    if with_usage {
        chunks.push(event(json!([]), Some(&usage)));
    }
    chunks.push(Bytes::from_static(b"data: [DONE]\n\n"));
    let pauses = u32::try_from(chunks.len()).unwrap_or(u32::MAX);
    let pause = PAUSE.min(LONGEST / pauses);
    let mut response = with_type(StatusCode::OK, "text/event-stream", Bytes::new());
    headers::streaming(response.headers_mut());
    *response.body_mut() = Body::Paced { chunks, pause };
    Ok(response)
}

/// A text as it is streamed: words with the space behind them, and each character on its own where a script has
/// no spaces (from CJK radicals on).
fn words(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut start = 0;
    let mut before: Option<char> = None;
    for (at, now) in text.char_indices() {
        let unspaced = |char: char| char >= '\u{2e80}';
        let breaks = before.is_some_and(|before| {
            (before.is_whitespace() && !now.is_whitespace())
                || (unspaced(before) && !now.is_whitespace())
                || (unspaced(now) && !before.is_whitespace())
        });
        if breaks {
            words.push(&text[start..at]);
            start = at;
        }
        before = Some(now);
    }
    if start < text.len() {
        words.push(&text[start..]);
    }
    words
}

fn embeddings<S>(body: &[u8], model: &str) -> Result<Response<Body<S>>, Error> {
    #[derive(Deserialize)]
    struct Request {
        input: Value,
        #[serde(default)]
        encoding_format: Option<String>,
        #[serde(default)]
        dimensions: Option<usize>,
    }
    let invalid = |param: &'static str, expected: &str| {
        Error::new(Kind::InvalidBody, format!("`{param}` must be {expected}.")).about(param)
    };
    let request: Request = serde_json::from_slice(body)
        .map_err(|_| invalid("input", "a string, or an array of strings or of token numbers"))?;
    let dimensions = request.dimensions.unwrap_or(DIMENSIONS);
    if !(1..=MAX_DIMENSIONS).contains(&dimensions) {
        return Err(invalid("dimensions", &format!("between 1 and {MAX_DIMENSIONS}")));
    }
    let inputs = match request.input {
        Value::Array(list) if list.is_empty() || list.len() > MAX_INPUTS => {
            return Err(invalid("input", &format!("an array of 1 to {MAX_INPUTS} inputs")));
        }
        Value::Array(list) if list.iter().any(|input| input.is_string() || input.is_array()) => list,
        input @ (Value::String(_) | Value::Array(_)) => vec![input],
        _ => {
            return Err(invalid("input", "a string, or an array of strings or of token numbers"));
        }
    };
    let in_base64 = request.encoding_format.as_deref() == Some("base64");
    let data: Vec<Value> = inputs
        .iter()
        .enumerate()
        .map(|(index, input)| {
            let vector = embedding(&input.to_string(), dimensions);
            let vector = if in_base64 {
                STANDARD
                    .encode(vector.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>())
                    .into()
            } else {
                Value::from(vector)
            };
            json!({"object": "embedding", "index": index, "embedding": vector})
        })
        .collect();
    let tokens: usize = inputs
        .iter()
        .map(|input| input.as_str().map_or(1, |text| words(text).len()))
        .sum();
    let usage = json!({"prompt_tokens": tokens, "total_tokens": tokens});
    Ok(json_answer(
        StatusCode::OK,
        json!({"object": "list", "data": data, "model": model, "usage": usage}).to_string(),
    ))
}

/// A unit vector drawn from the hash of `input`.
fn embedding(input: &str, dimensions: usize) -> Vec<f32> {
    let mut vector = Vec::with_capacity(dimensions);
    for block in 0_u32.. {
        let digest = Sha256::new()
            .chain_update(block.to_be_bytes())
            .chain_update(input)
            .finalize();
        vector.extend(
            digest
                .chunks_exact(2)
                .map(|pair| f32::from(i16::from_be_bytes([pair[0], pair[1]]))),
        );
        if vector.len() >= dimensions {
            break;
        }
    }
    vector.truncate(dimensions);
    let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt().max(1.0);
    vector.iter().map(|value| value / length).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_keep_every_character() {
        assert_eq!(words("hello  big world\n"), ["hello  ", "big ", "world\n"]);
        assert_eq!(words("你好 a世界b"), ["你", "好 ", "a", "世", "界", "b"]);
        assert!(words("").is_empty());
    }

    #[test]
    fn a_stream_tells_the_role_first_and_the_usage_last() {
        let body = br#"{"messages":[{"role":"user","content":[{"type":"text","text":"a b"}]}],"stream":true,"stream_options":{"include_usage":true}}"#;
        let response: Response<Body<()>> = chat(body, "m", "1", Millis(5000)).unwrap();
        let Body::Paced { chunks, .. } = response.into_body() else {
            panic!("not a stream")
        };
        let events: Vec<String> = chunks
            .iter()
            .map(|chunk| String::from_utf8(chunk.to_vec()).unwrap())
            .collect();
        assert_eq!(events.len(), 6);
        assert!(events[0].contains(r#""role":"assistant""#) && events[0].contains(r#""usage":null"#));
        assert!(events[1].contains(r#""content":"a ""#) && events[2].contains(r#""content":"b""#));
        assert!(events[3].contains(r#""finish_reason":"stop""#));
        assert!(events[4].contains(r#""choices":[]"#) && events[4].contains(r#""total_tokens":4"#));
        assert_eq!(events[5], "data: [DONE]\n\n");
    }

    #[test]
    fn embeddings_depend_on_their_input_alone_and_have_length_one() {
        assert_eq!(embedding("\"a\"", 300), embedding("\"a\"", 300));
        assert_ne!(embedding("\"a\"", 8), embedding("\"b\"", 8));
        let length: f32 = embedding("x", 300).iter().map(|value| value * value).sum();
        assert!((length - 1.0).abs() < 1e-4);
    }
}
