//! The `echo` provider: the whole gateway without a key, an account or a network. It answers in every dialect, word by word where a stream is
//! asked for; what it says is in `dialect::echo`. It lists one model and computes embeddings that depend on their input alone.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{Response, StatusCode};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::outcome::Outcome;
use super::translate::{self, Translated};
use super::whole;
use crate::dialect::echo::{self, words};
use crate::dialect::neutral::answer::Answer;
use crate::dialect::neutral::event::Context;
use crate::dialect::openai;
use crate::dialect::providers::ECHO_MODEL;
use crate::dialect::usage::Usage;
use crate::dialect::wire::build::{json, json_text};
use crate::dialect::wire::json;
use crate::dialect::wire::members::Members;
use crate::error::{Error, Kind};
use crate::gateway::admit::not_found;
use crate::gateway::call::ClientRequest;
use crate::gateway::call::endpoint::{Family, Wish};
use crate::gateway::reply::headers::streaming;
use crate::gateway::reply::{Body, error_response, json as json_answer};
use crate::platform::Millis;

/// Between two words of a stream, as long as the whole stays below [`LONGEST`].
const PAUSE: Duration = Duration::from_millis(20);
const LONGEST: Duration = Duration::from_secs(3);

/// How many tokens its model takes, for programs that want to know. It takes any number.
const WINDOW: u64 = 1_000_000;

const DIMENSIONS: usize = 256;
const MAX_DIMENSIONS: usize = 4096;
const MAX_INPUTS: usize = 2048;

/// Returns the answer to a request whose body was read before.
pub(super) fn answer<S>(request: &ClientRequest<'_>, model: Option<&str>, now: Millis) -> Outcome<S> {
    let mut usage = None;
    let model = model.unwrap_or(ECHO_MODEL);
    let answer = match &request.endpoint.family {
        _ if request.endpoint.wish == Wish::Answer => said(request, model, now, &mut usage),
        Family::Models => {
            let list = json!({"object": "list", "data": [entry(ECHO_MODEL)]});
            Ok(json_answer(StatusCode::OK, json_text(&list)))
        }
        Family::Model(id) if id == ECHO_MODEL => Ok(json_answer(StatusCode::OK, json_text(&entry(ECHO_MODEL)))),
        Family::Model(id) => Err(not_found(id)),
        Family::Embeddings => embeddings(&request.body, model).inspect(|answer: &Response<Body<S>>| {
            usage = answer.body().whole().and_then(|body| openai::Answer::read(body).usage);
        }),
        _ => Err(Error::new(
            Kind::NotFound,
            "The built-in echo provider has models, answers in every dialect, numbers of tokens and embeddings only.",
        )),
    };
    let answer = answer.unwrap_or_else(|error| error_response(request.endpoint.dialect, &error));
    Outcome::Whole(answer, usage)
}

fn entry(id: &str) -> Value {
    json!({"id": id, "object": "model", "created": 0, "owned_by": "ai-gateway", "context_length": WINDOW})
}

/// Returns the answer to a request that the gateway makes something else for, such as the summary of a conversation: it is asked for it in
/// the dialect of its route, as any upstream is.
pub(super) fn translated<S>(translated: &Translated) -> Outcome<S> {
    let dialect = translated.from();
    let Ok(read) = (dialect.read_request)(&translated.body) else {
        return Outcome::Unusable(StatusCode::OK);
    };
    let answer = Answer::of(&echo::answer(&read));
    let body = (dialect.write_answer)(&answer, &Context::default());
    whole::translated(translated, Response::new(body.to_string().into()))
}

/// Returns what is said to a request, in the client's dialect, and the tokens that this takes.
fn said<S>(
    request: &ClientRequest<'_>,
    model: &str,
    now: Millis,
    usage: &mut Option<Usage>,
) -> Result<Response<Body<S>>, Error> {
    let dialect = request.endpoint.dialect;
    let (read, model) = translate::read(request, Some(model))?;
    let context = translate::context(request, &read, model, &request.request_id, now);
    let events = echo::answer(&read);
    let answer = Answer::of(&events);
    *usage = answer.usage.map(Usage::from);
    if !read.stream {
        let answer = (dialect.write_answer)(&answer, &context);
        return Ok(json_answer(StatusCode::OK, json_text(&answer)));
    }
    let mut response = json_answer(StatusCode::OK, Bytes::new());
    if !context.is_array {
        streaming(response.headers_mut());
    }
    let mut writer = (dialect.writer)(context);
    let mut chunks = Vec::with_capacity(events.len());
    for event in &events {
        let mut chunk = Vec::new();
        writer.write(event, &mut chunk);
        if !chunk.is_empty() {
            chunks.push(Bytes::from(chunk));
        }
    }
    let pauses = u32::try_from(chunks.len()).unwrap_or(u32::MAX);
    let pause = PAUSE.min(LONGEST / pauses.max(1));
    *response.body_mut() = Body::Paced { chunks, pause };
    Ok(response)
}

fn embeddings<S>(body: &[u8], model: &str) -> Result<Response<Body<S>>, Error> {
    let invalid = |param: &'static str, expected: &str| {
        Error::new(Kind::InvalidBody, format!("`{param}` must be {expected}.")).about(param)
    };
    let request = Members::of(body)?;
    let dimensions = match request.value("dimensions") {
        Some(dimensions) => dimensions.parse().unwrap_or_default(),
        None => DIMENSIONS,
    };
    if !(1..=MAX_DIMENSIONS).contains(&dimensions) {
        return Err(invalid("dimensions", &format!("between 1 and {MAX_DIMENSIONS}")));
    }
    let inputs = match request.last("input").and_then(json::value).unwrap_or_default() {
        Value::Array(list) if list.is_empty() || list.len() > MAX_INPUTS => {
            return Err(invalid("input", &format!("an array of 1 to {MAX_INPUTS} inputs")));
        }
        Value::Array(list) if list.iter().any(|input| input.is_string() || input.is_array()) => list,
        input @ (Value::String(_) | Value::Array(_)) => vec![input],
        _ => {
            return Err(invalid("input", "a string, or an array of strings or of token numbers"));
        }
    };
    let in_base64 = request.last("encoding_format") == Some("\"base64\"");
    let data: Vec<Value> = inputs
        .iter()
        .enumerate()
        .map(|(index, input)| {
            let vector = embedding(&json_text(input), dimensions);
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
        json_text(&json!({"object": "list", "data": data, "model": model, "usage": usage})),
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
    fn embeddings_depend_on_their_input_alone_and_have_length_one() {
        assert_eq!(embedding("\"a\"", 300), embedding("\"a\"", 300));
        assert_ne!(embedding("\"a\"", 8), embedding("\"b\"", 8));
        let length: f32 = embedding("x", 300).iter().map(|value| value * value).sum();
        assert!((length - 1.0).abs() < 1e-4);
    }
}
