//! An upstream that behaves as OpenAI does towards its SDKs. It minds what reaches it: the path, the key, the model, the
//! body. What is off is answered with 500 and says so, for the program that asked to show.
//!
//! What it makes lives in the account of the key that made it: the id ends with the account, and no other key finds it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};

use super::account::{objects, responses};
use super::form::{Part, parts, pattern};
use crate::support::TOKEN;
use crate::support::upstream::{Connection, JSON, Received, SSE, Upstream};
use crate::websockets;

/// The keys of the four accounts.
pub(crate) const KEYS: [&str; 4] = ["up-SECRET-1", "up-SECRET-2", "up-SECRET-3", "up-SECRET-4"];

/// The model that there is.
pub(crate) const MODEL: &str = "gpt-real";

/// How a streamed response goes: a text, then a call of a tool.
pub(super) const RESPONSE: &str = include_str!("../../fixtures/responses_text_then_tool.sse");

pub(crate) fn start() -> Upstream {
    Upstream::start(
        |received, to| match Request::read(received).and_then(|request| answer(&request)) {
            Ok(Answer::Json(body)) => to.answer("200 OK", JSON, &body.to_string()),
            Ok(Answer::Text(body)) => to.answer("200 OK", "content-type: text/plain; charset=utf-8\r\n", body),
            Ok(Answer::Bytes(kind, bytes)) => in_pieces(to, &format!("content-type: {kind}\r\n"), bytes.chunks(10_000)),
            Ok(Answer::Events(events)) => in_pieces(to, SSE, events.split_inclusive("\n\n").map(str::as_bytes)),
            Ok(Answer::WebSocket(talk)) => {
                if let Some(mut socket) = websockets::accept(received, to) {
                    talk(&mut socket);
                }
            }
            Err(complaint) => {
                let body = json!({"error": {"message": complaint, "type": "server_error", "param": null, "code": "unexpected"}});
                to.answer("500 Unexpected", JSON, &body.to_string());
            }
        },
    )
}

fn in_pieces<'a>(to: &mut Connection, fields: &str, pieces: impl Iterator<Item = &'a [u8]>) {
    to.head("200 OK", fields);
    pieces.for_each(|piece| to.send(piece));
}

pub(super) enum Answer {
    Json(Value),
    Text(&'static str),
    /// Of this type.
    Bytes(&'static str, Vec<u8>),
    Events(String),
    WebSocket(fn(&mut websockets::WebSocket)),
}

pub(super) type Expected<T> = Result<T, String>;

pub(super) struct Request<'a> {
    pub(super) method: &'a str,
    /// What stands behind `/v1/`, unescaped segment by segment.
    pub(super) segments: Vec<String>,
    /// Its pairs in alphabetical order.
    pub(super) query: String,
    account: char,
    pub(super) received: &'a Received,
}

impl<'a> Request<'a> {
    fn read(received: &'a Received) -> Expected<Self> {
        let key = received.one("authorization").unwrap_or_default();
        let account = KEYS.iter().position(|known| key == format!("Bearer {known}"));
        let account = account.ok_or_else(|| format!("the key is {key}"))?;
        let sent = format!("{}{}", received.head, String::from_utf8_lossy(&received.body));
        if sent.contains(TOKEN) || sent.contains("openai-insecure-api-key") {
            return Err("the gateway's token came through".into());
        }
        let mut line = received.line().split(' ');
        let (method, target) = (line.next().unwrap_or_default(), line.next().unwrap_or_default());
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let path = path.strip_prefix("/v1/").ok_or_else(|| format!("the path is {path}"))?;
        let mut query: Vec<&str> = query.split('&').collect();
        query.sort_unstable();
        Ok(Self {
            method,
            segments: path
                .split('/')
                .map(|segment| segment.replace("%2F", "/").replace("%3A", ":"))
                .collect(),
            query: query.join("&"),
            account: ['1', '2', '3', '4'][account],
            received,
        })
    }

    /// The id of the account's object of a kind.
    pub(super) fn id(&self, kind: &str) -> String {
        format!("{kind}-{}", self.account)
    }

    /// Whether `id` is that one.
    pub(super) fn finds(&self, kind: &str, id: &str) -> Expected<()> {
        expect("the id", &id.to_owned(), &self.id(kind))
    }

    pub(super) fn json(&self, expected: &Value) -> Expected<()> {
        expect(
            "the content type",
            &self.received.one("content-type"),
            &Some("application/json"),
        )?;
        let body: Value = serde_json::from_slice(&self.received.body).map_err(|error| error.to_string())?;
        expect("the body", &body, expected)
    }

    /// In whatever order.
    pub(super) fn form(&self, expected: &[Part]) -> Expected<()> {
        let mut found = parts(self.received).ok_or("the body is no form")?;
        found.sort_unstable();
        let mut expected = expected.to_vec();
        expected.sort_unstable();
        expect("the form", &found, &expected)
    }

    pub(super) fn empty(&self) -> Expected<()> {
        expect("the body's length", &self.received.body.len(), &0)
    }
}

fn expect<T: PartialEq + std::fmt::Debug>(what: &str, found: &T, expected: &T) -> Expected<()> {
    if found == expected {
        return Ok(());
    }
    let short = |value: &T| format!("{value:?}").chars().take(400).collect::<String>();
    Err(format!("{what} is {} instead of {}", short(found), short(expected)))
}

fn answer(request: &Request<'_>) -> Expected<Answer> {
    let segments: Vec<&str> = request.segments.iter().map(String::as_str).collect();
    match segments[0] {
        "embeddings" | "moderations" | "completions" | "models" | "chat" => texts(request, &segments),
        "images" | "audio" => media(request, &segments),
        "responses" | "realtime" => responses(request, &segments),
        _ => objects(request, &segments),
    }
}

pub(super) fn unknown(request: &Request<'_>) -> Expected<Answer> {
    Err(format!("there is nothing at {}", request.received.line()))
}

pub(super) fn list(data: &Value) -> Answer {
    Answer::Json(json!({"object": "list", "data": data, "has_more": false}))
}

fn texts(request: &Request<'_>, segments: &[&str]) -> Expected<Answer> {
    let model = |id: &str| json!({"id": id, "object": "model", "created": 1, "owned_by": "system"});
    match (request.method, segments, request.query.as_str()) {
        ("POST", ["embeddings"], "") => {
            request.json(&json!({"model": MODEL, "input": ["a", "b"], "encoding_format": "base64"}))?;
            let vector = |index: usize, floats: [f32; 3]| {
                let bytes: Vec<u8> = floats.iter().flat_map(|float| float.to_le_bytes()).collect();
                json!({"object": "embedding", "index": index, "embedding": BASE64.encode(bytes)})
            };
            let data = [vector(0, [0.5, -0.25, 1e-3]), vector(1, [0.0, 1.0, -1.0])];
            Ok(Answer::Json(
                json!({"object": "list", "model": MODEL, "data": data, "usage": {"prompt_tokens": 2, "total_tokens": 2}}),
            ))
        }
        ("POST", ["moderations"], "") => {
            request.json(&json!({"model": MODEL, "input": "你好"}))?;
            let result = json!({"flagged": true, "categories": {"violence": true}, "category_scores": {"violence": 0.75}, "category_applied_input_types": {"violence": ["text"]}});
            Ok(Answer::Json(
                json!({"id": "modr-1", "model": MODEL, "results": [result]}),
            ))
        }
        ("POST", ["completions"], "") => {
            request.json(&json!({"model": MODEL, "prompt": "once", "stream": true}))?;
            let chunk = |text: &str, reason: Value| {
                let choice = json!({"index": 0, "text": text, "logprobs": null, "finish_reason": reason});
                format!(
                    "data: {}\n\n",
                    json!({"id": "cmpl-1", "object": "text_completion", "created": 1, "model": MODEL, "choices": [choice]})
                )
            };
            Ok(Answer::Events(
                [
                    chunk(" upon", Value::Null),
                    chunk(" a time", json!("stop")),
                    "data: [DONE]\n\n".into(),
                ]
                .concat(),
            ))
        }
        ("GET", ["models"], "") => Ok(list(&json!([model(MODEL), model("vendor/model:free")]))),
        ("GET", ["models", id @ ..], "") => {
            let id = id.join("/");
            if [MODEL, "vendor/model:free"].contains(&id.as_str()) {
                Ok(Answer::Json(model(&id)))
            } else {
                unknown(request)
            }
        }
        ("GET", ["chat", "completions"], "limit=1") => Ok(list(&json!([{
            "id": request.id("chatcmpl"), "object": "chat.completion", "created": 1, "model": MODEL,
            "choices": [{"index": 0, "message": {"role": "assistant", "content": "kept"}, "logprobs": null, "finish_reason": "stop"}],
        }]))),
        _ => unknown(request),
    }
}

fn media(request: &Request<'_>, segments: &[&str]) -> Expected<Answer> {
    let wav = || Part::file("file", "speech.wav", pattern(50_000));
    let model = || Part::field("model", MODEL);
    let image = || json!({"created": 1, "data": [{"b64_json": BASE64.encode(pattern(1000))}]});
    match (request.method, segments, request.query.as_str()) {
        ("POST", ["images", "generations"], "") if request.received.text().contains("\"stream\"") => {
            request.json(&json!({"model": MODEL, "prompt": "a cat", "stream": true, "partial_images": 1}))?;
            // As long as a real one.
            let event = |kind: &str| {
                let data = json!({"type": kind, "b64_json": BASE64.encode(pattern(900_000)), "partial_image_index": 0, "created_at": 1});
                format!("event: {kind}\ndata: {data}\n\n")
            };
            Ok(Answer::Events(
                event("image_generation.partial_image") + &event("image_generation.completed"),
            ))
        }
        ("POST", ["images", "generations"], "") => {
            request.json(&json!({"model": MODEL, "prompt": "a cat", "n": 1}))?;
            Ok(Answer::Json(image()))
        }
        ("POST", ["images", "edits"], "") => {
            let picture = |name: &str| Part::file("image[]", name, pattern(20_000));
            request.form(&[
                model(),
                Part::field("prompt", "a hat"),
                picture("a.png"),
                picture("b.png"),
            ])?;
            Ok(Answer::Json(image()))
        }
        ("POST", ["audio", "speech"], "") => {
            request.json(&json!({"model": MODEL, "input": "hello", "voice": "alloy"}))?;
            Ok(Answer::Bytes("audio/mpeg", pattern(300_000)))
        }
        ("POST", ["audio", "transcriptions"], "") => {
            let form = parts(request.received).unwrap_or_default();
            if form.contains(&Part::field("stream", "true")) {
                request.form(&[wav(), model(), Part::field("stream", "true")])?;
                let event = |data: Value| format!("data: {data}\n\n");
                let delta = |delta: &str| event(json!({"type": "transcript.text.delta", "delta": delta}));
                let done = event(json!({"type": "transcript.text.done", "text": "你好"}));
                return Ok(Answer::Events([delta("你"), delta("好"), done].concat()));
            }
            if form.contains(&Part::field("response_format", "text")) {
                request.form(&[wav(), model(), Part::field("response_format", "text")])?;
                return Ok(Answer::Text("你好\n"));
            }
            request.form(&[
                wav(),
                model(),
                Part::field("timestamp_granularities[]", "word"),
                Part::field("timestamp_granularities[]", "segment"),
            ])?;
            Ok(Answer::Json(
                json!({"text": "你好", "usage": {"type": "duration", "seconds": 1}}),
            ))
        }
        ("POST", ["audio", "translations"], "") => {
            request.form(&[wav(), model()])?;
            Ok(Answer::Json(json!({"text": "hello"})))
        }
        _ => unknown(request),
    }
}
