//! The four dialects as clients and upstreams speak them: paths, headers, and how to read an answer.

use serde_json::{Value, json};

use crate::support::client::Answer;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    OpenAi,
    Responses,
    Anthropic,
    Gemini,
}

pub(crate) const DIALECTS: [Dialect; 4] = [Dialect::OpenAi, Dialect::Responses, Dialect::Anthropic, Dialect::Gemini];

/// Every client's dialect with every upstream's.
pub(crate) fn pairs() -> impl Iterator<Item = (Dialect, Dialect)> {
    DIALECTS
        .into_iter()
        .flat_map(|client| DIALECTS.into_iter().map(move |upstream| (client, upstream)))
}

/// The pairs that have to be translated.
pub(crate) fn different() -> impl Iterator<Item = (Dialect, Dialect)> {
    pairs().filter(|(client, upstream)| client != upstream)
}

/// What a client makes of an answer.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Said {
    pub(crate) text: String,
    pub(crate) model: String,
    /// Why it ended, in the client's word. Empty where it did not.
    pub(crate) finish: String,
    /// The tokens of the request and of the answer.
    pub(crate) usage: (u64, u64),
    /// The error that ended it, as the client's dialect writes it.
    pub(crate) error: Option<Value>,
}

impl Dialect {
    /// Its name in the configuration.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::OpenAi => "openai",
            Self::Responses => "responses",
            Self::Anthropic => "anthropic",
            Self::Gemini => "gemini",
        }
    }

    /// The folder of its fixtures.
    pub(crate) const fn folder(self) -> &'static str {
        match self {
            Self::OpenAi => "chat",
            other => other.name(),
        }
    }

    /// Where a client asks for an answer.
    pub(crate) fn path(self, model: &str, is_stream: bool) -> String {
        match self {
            Self::OpenAi => "/v1/chat/completions".into(),
            Self::Responses => "/v1/responses".into(),
            Self::Anthropic => "/v1/messages".into(),
            Self::Gemini if is_stream => format!("/v1beta/models/{model}:streamGenerateContent?alt=sse"),
            Self::Gemini => format!("/v1beta/models/{model}:generateContent"),
        }
    }

    /// A short question.
    pub(crate) fn question(self, model: &str, is_stream: bool) -> Value {
        let said = json!([{"role": "user", "content": "hi"}]);
        let mut body = match self {
            Self::OpenAi => json!({"model": model, "messages": said}),
            Self::Responses => json!({"model": model, "input": "hi", "store": false}),
            Self::Anthropic => json!({"model": model, "max_tokens": 100, "messages": said}),
            Self::Gemini => return json!({"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}),
        };
        if is_stream {
            body["stream"] = true.into();
        }
        body
    }

    /// The field in which the vendor's SDK sends a key.
    pub(crate) fn key_field(self, key: &str) -> String {
        match self {
            Self::OpenAi | Self::Responses => format!("authorization: Bearer {key}\r\n"),
            Self::Anthropic => format!("x-api-key: {key}\r\nanthropic-version: 2023-06-01\r\n"),
            Self::Gemini => format!("x-goog-api-key: {key}\r\n"),
        }
    }

    /// A request as it goes over the wire.
    pub(crate) fn request(self, path: &str, token: &str, body: &Value) -> String {
        let (fields, body) = (self.key_field(token), body.to_string());
        format!(
            "POST {path} HTTP/1.1\r\nhost: gateway\r\nconnection: close\r\ncontent-type: application/json\r\n{fields}content-length: {}\r\n\r\n{body}",
            body.len()
        )
    }

    /// A short question as it goes over the wire.
    pub(crate) fn ask(self, token: &str, model: &str, is_stream: bool) -> String {
        self.request(&self.path(model, is_stream), token, &self.question(model, is_stream))
    }

    /// Reads an answer, streamed or whole, as a strict client does.
    pub(crate) fn read(self, answer: &Answer) -> Said {
        let kind = answer.field("content-type").unwrap_or_default();
        let mut said = Said::default();
        if kind.starts_with("text/event-stream") {
            for (name, data) in events(&answer.text()) {
                self.event(&name, &data, &mut said);
            }
        } else {
            self.whole(&answer.json(), &mut said);
        }
        said
    }

    fn event(self, name: &str, data: &str, said: &mut Said) {
        assert!(said.error.is_none(), "behind an error comes {data}");
        if data == "[DONE]" {
            assert_eq!(self, Self::OpenAi);
            assert!(!said.finish.is_empty(), "an end without a reason");
            said.finish += " [DONE]";
            return;
        }
        let data: Value = serde_json::from_str(data).unwrap_or_else(|_| panic!("not JSON: {data}"));
        let kind = data["type"].as_str().unwrap_or_default().to_owned();
        match self {
            Self::Responses | Self::Anthropic => assert_eq!(name, kind, "{data}"),
            Self::OpenAi | Self::Gemini => assert_eq!(name, "", "{data}"),
        }
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        match (self, kind.as_str()) {
            (Self::Responses, "response.output_text.delta") => said.text += &text(&data["delta"]),
            (Self::Responses, "response.completed" | "response.incomplete") => {
                let streamed = std::mem::take(&mut said.text);
                self.whole(&data["response"], said);
                assert_eq!(streamed, said.text);
            }
            (Self::Responses, "response.failed") => said.error = Some(data["response"]["error"].clone()),
            (_, "error") => said.error = Some(data),
            (Self::Anthropic, "message_start") => said.model = text(&data["message"]["model"]),
            (Self::Anthropic, "content_block_delta") => said.text += &text(&data["delta"]["text"]),
            (Self::Anthropic, "message_delta") => {
                said.finish = text(&data["delta"]["stop_reason"]);
                said.usage = usage(&data["usage"], "input_tokens", "output_tokens");
            }
            (Self::Anthropic, "message_stop") => said.finish += " message_stop",
            (Self::OpenAi | Self::Gemini, _) if !data["error"].is_null() => said.error = Some(data),
            (Self::OpenAi | Self::Gemini, _) => self.whole(&data, said),
            _ => {}
        }
    }

    /// Reads a whole answer, or a piece of one.
    fn whole(self, body: &Value, said: &mut Said) {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        if !body["error"].is_null() {
            said.error = Some(body.clone());
            return;
        }
        match self {
            Self::OpenAi => {
                said.model = text(&body["model"]);
                let choice = &body["choices"][0];
                said.text += &text(&choice["delta"]["content"]);
                said.text += &text(&choice["message"]["content"]);
                said.finish += &text(&choice["finish_reason"]);
                if body["usage"].is_object() {
                    said.usage = usage(&body["usage"], "prompt_tokens", "completion_tokens");
                }
            }
            Self::Responses => {
                said.model = text(&body["model"]);
                let items = body["output"].as_array().expect("no output").iter();
                let parts = items.flat_map(|item| item["content"].as_array().cloned().unwrap_or_default());
                said.text = parts.map(|part| text(&part["text"])).collect();
                said.finish = text(&body["status"]);
                said.usage = usage(&body["usage"], "input_tokens", "output_tokens");
            }
            Self::Anthropic => {
                said.model = text(&body["model"]);
                let blocks = body["content"].as_array().expect("no content").iter();
                said.text = blocks.map(|block| text(&block["text"])).collect();
                said.finish = text(&body["stop_reason"]);
                said.usage = usage(&body["usage"], "input_tokens", "output_tokens");
            }
            Self::Gemini => {
                said.model = text(&body["modelVersion"]);
                let parts = body["candidates"][0]["content"]["parts"].as_array();
                said.text
                    .extend(parts.into_iter().flatten().map(|part| text(&part["text"])));
                said.finish += &text(&body["candidates"][0]["finishReason"]);
                said.usage = usage(&body["usageMetadata"], "promptTokenCount", "candidatesTokenCount");
            }
        }
    }

    /// How a complete answer of text ends.
    pub(crate) const fn end(self, is_stream: bool) -> &'static str {
        match (self, is_stream) {
            (Self::OpenAi, true) => "stop [DONE]",
            (Self::OpenAi, false) => "stop",
            (Self::Responses, _) => "completed",
            (Self::Anthropic, true) => "end_turn message_stop",
            (Self::Anthropic, false) => "end_turn",
            (Self::Gemini, _) => "STOP",
        }
    }

    /// Reads the body of an error, whose form is checked: what programs know it by, and its message.
    pub(crate) fn error(self, body: &Value) -> (String, String) {
        let error = &body["error"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        assert!(error["message"].is_string(), "{self:?}: {body}");
        match self {
            Self::OpenAi | Self::Responses => {
                let mut members: Vec<&String> = error.as_object().unwrap().keys().collect();
                members.sort_unstable();
                assert_eq!(members, ["code", "message", "param", "type"], "{body}");
                (text(&error["code"]), text(&error["message"]))
            }
            Self::Anthropic => {
                assert_eq!(body["type"], "error", "{body}");
                (text(&error["type"]), text(&error["message"]))
            }
            Self::Gemini => {
                assert!(error["code"].is_u64(), "{body}");
                (text(&error["status"]), text(&error["message"]))
            }
        }
    }
}

fn usage(usage: &Value, input: &str, output: &str) -> (u64, u64) {
    (
        usage[input].as_u64().unwrap_or_default(),
        usage[output].as_u64().unwrap_or_default(),
    )
}

/// The events of a stream, name and data.
pub(crate) fn events(text: &str) -> Vec<(String, String)> {
    let blocks = text.replace("\r\n", "\n");
    let mut found = Vec::new();
    for block in blocks.split("\n\n") {
        let field = |name: &str| {
            let lines = block.lines().filter_map(|line| line.strip_prefix(name));
            lines
                .map(|value| value.strip_prefix(' ').unwrap_or(value))
                .collect::<Vec<_>>()
        };
        let data = field("data:").join("\n");
        if !data.is_empty() {
            found.push((field("event:").join(""), data));
        }
    }
    found
}
