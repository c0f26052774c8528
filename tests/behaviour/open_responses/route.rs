//! The kinds of route that the checks are run on, and a client of one.

use std::cell::RefCell;

use serde_json::{Value, json};
use tungstenite::Message;

use super::upstream::LIMITED;
use super::{judge, stream};
use crate::support::client::Answer;
use crate::support::upstream::Upstream;
use crate::support::{Gateway, Runtime, TOKEN, request};
use crate::translated::dialect::{Dialect, events};
use crate::translated::upstream;
use crate::websockets::{WebSocket, open};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    OneKey,
    /// Of three accounts; one has used up its limit for most models.
    ThreeKeys,
    /// Three keys, and a conversation stays with one of them.
    Sticky,
    Aliases,
    AllowList,
    /// The upstream has Chat Completions only, and the route aliases.
    ChatOnly,
    /// The upstream has Anthropic's Messages, and the route aliases.
    Messages,
}

/// The models: their aliases, and their names upstream, which are those of recorded answers.
const MODELS: [(&str, &str); 8] = [
    ("text", "s01_text"),
    ("call", "s03_tool_args_split"),
    ("limited", "limited"),
    ("thoughts", "s06_reasoning_text"),
    ("cut", "s09_length"),
    ("data", "s17_json_text"),
    ("phases", "x05_two_messages_phases"),
    // A call of a tool with reasoning before it; when its result comes back, the text.
    ("talk", "loop"),
];

impl Kind {
    /// Whether requests are said in another dialect.
    pub(super) const fn is_translated(self) -> bool {
        matches!(self, Self::ChatOnly | Self::Messages)
    }

    const fn has_aliases(self) -> bool {
        matches!(self, Self::Aliases) || self.is_translated()
    }

    fn fields(self) -> Value {
        let keys = json!(["up-SECRET-1", LIMITED, "up-SECRET-3"]);
        match self {
            Self::OneKey => json!({"provider": "openai"}),
            Self::ThreeKeys => json!({"provider": "openai", "api_keys": keys}),
            Self::Sticky => json!({"rotation": "sticky", "api_keys": ["up-SECRET-1", "up-SECRET-3", "up-SECRET-4"]}),
            Self::AllowList => json!({"models": ["s0*", "s1*", "x05_two_messages_phases", "loop", "limited"]}),
            Self::Aliases | Self::ChatOnly | Self::Messages => {
                let aliases: serde_json::Map<String, Value> = MODELS
                    .iter()
                    .map(|(alias, name)| ((*alias).to_owned(), (*name).into()))
                    .collect();
                json!({"aliases": aliases})
            }
        }
    }
}

/// A route of one kind to an upstream of its own, and what its client has got so far.
pub(super) struct Route {
    pub(super) kind: Kind,
    pub(super) gateway: Gateway,
    upstream: Upstream,
    /// Whole responses and events that were good.
    pub(super) good: RefCell<Vec<Value>>,
}

impl Route {
    pub(super) fn new(runtime: Runtime, kind: Kind) -> Self {
        let dialect = match kind {
            Kind::ChatOnly => Dialect::OpenAi,
            Kind::Messages => Dialect::Anthropic,
            _ => Dialect::Responses,
        };
        let upstream = if kind.is_translated() {
            upstream::start(dialect)
        } else {
            super::upstream::start()
        };
        let mut route = upstream::route(TOKEN, dialect, &upstream, &kind.fields());
        if route["provider"].is_string() {
            route.as_object_mut().unwrap().remove("dialect");
        }
        Self {
            kind,
            gateway: Gateway::with_routes(runtime, &json!([route])),
            upstream,
            good: RefCell::default(),
        }
    }

    /// What the client calls a model.
    pub(super) fn model(&self, alias: &str) -> String {
        let known = MODELS.iter().find(|(known, _)| *known == alias).unwrap();
        if self.kind.has_aliases() { known.0 } else { known.1 }.to_owned()
    }

    /// A request with these members.
    pub(super) fn body(&self, model: &str, members: &Value) -> Value {
        let mut body = json!({"model": self.model(model)});
        body.as_object_mut()
            .unwrap()
            .extend(members.as_object().unwrap().clone());
        body
    }

    pub(super) fn post(&self, path: &str, body: &Value) -> Answer {
        self.gateway.post(path, &body.to_string())
    }

    /// Returns a whole response, which has to be a complete one.
    pub(super) fn response(&self, model: &str, members: &Value) -> Value {
        let body = self.body(model, members);
        let answer = self.post("/v1/responses", &body);
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.field("content-type"), Some("application/json"));
        let response = answer.json();
        judge::response(&response);
        self.repeats(&response, &body);
        self.good.borrow_mut().push(response.clone());
        response
    }

    /// Returns the events of a streamed response, which have to be complete and in their order, and the response at their end.
    pub(super) fn stream(&self, model: &str, members: &Value) -> (Vec<Value>, Value) {
        let mut body = self.body(model, members);
        body["stream"] = true.into();
        let answer = self.post("/v1/responses", &body);
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.field("content-type"), Some("text/event-stream; charset=utf-8"));
        let read = |(name, data): (String, String)| {
            let event: Value = serde_json::from_str(&data).unwrap();
            assert_eq!(event["type"], name, "{event}");
            event
        };
        let events: Vec<Value> = events(&answer.text()).into_iter().map(read).collect();
        let response = stream::followed(&events);
        self.repeats(&response, &body);
        self.good.borrow_mut().extend(events.iter().cloned());
        (events, response)
    }

    /// Fails where a response does not say again what it was asked for.
    fn repeats(&self, response: &Value, body: &Value) {
        if self.kind.is_translated() {
            // Elsewhere the answer is the upstream's, byte for byte, and so is the name in it.
            assert_eq!(response["model"], body["model"]);
        }
        let names = |value: &Value| {
            let tools = value["tools"].as_array().into_iter().flatten();
            tools.map(|tool| tool["name"].clone()).collect::<Vec<_>>()
        };
        assert_eq!(names(response), names(body), "{response}");
        if body["metadata"].is_object() {
            assert_eq!(response["metadata"], body["metadata"], "{response}");
        }
    }

    /// The requests with bodies that the upstream has got: key and body.
    pub(super) fn asked(&self) -> Vec<(String, Value)> {
        let received = self.upstream.received().into_iter();
        let key = |received: &crate::support::upstream::Received| {
            let key = received.one("authorization").or_else(|| received.one("x-api-key"));
            key.unwrap_or_default().to_owned()
        };
        received
            .filter_map(|received| Some((key(&received), serde_json::from_slice(&received.body).ok()?)))
            .collect()
    }

    /// What the upstream was asked last, as text.
    pub(super) fn asked_last(&self) -> String {
        let (_, body) = self.asked().pop().unwrap();
        let name = body["model"].as_str().unwrap();
        assert!(MODELS.iter().any(|(_, known)| *known == name), "{name}");
        body.to_string()
    }

    pub(super) fn socket(&self) -> Socket<'_> {
        let bearer = format!("Bearer {TOKEN}");
        let (socket, _) = open(&self.gateway, "/v1/responses", &[("authorization", &bearer)]).unwrap();
        Socket { socket, route: self }
    }

    /// A request without a body that can be read, and its error.
    pub(super) fn error(&self, body: &str) -> (u16, String) {
        let answer = self.gateway.post("/v1/responses", body);
        assert_eq!(
            answer.field("content-type"),
            Some("application/json"),
            "{}",
            answer.text()
        );
        (answer.status, judge::error(&answer.json()))
    }

    /// The answer to a request with another token.
    pub(super) fn stranger(&self, body: &Value) -> (u16, String) {
        let fields = "content-type: application/json\r\n";
        let answer = self
            .gateway
            .raw(request("POST", "/v1/responses", "gw-other", fields, &body.to_string()));
        (answer.status, judge::error(&answer.json()))
    }
}

/// A WebSocket on which responses are asked for.
pub(super) struct Socket<'a> {
    socket: WebSocket,
    route: &'a Route,
}

impl Socket<'_> {
    /// Returns a response, or the code of an error.
    pub(super) fn ask(&mut self, model: &str, members: &Value) -> Result<Value, String> {
        let mut message = self.route.body(model, members);
        message["type"] = "response.create".into();
        self.socket.send(Message::text(message.to_string())).unwrap();
        let mut events = Vec::new();
        loop {
            let event = self.next();
            if event["type"] == "error" {
                return Err(judge::socket_error(&event));
            }
            let status = event["response"]["status"].as_str().unwrap_or("in_progress");
            let is_last = status != "in_progress" && event["type"] != "response.created";
            events.push(event);
            if is_last {
                break;
            }
        }
        // A response that nobody made has neither items nor a way to them.
        let is_made = message["generate"] != false && events.len() > 1;
        let response = if is_made {
            stream::followed(&events)
        } else {
            let last = events.last().unwrap();
            assert_eq!(last["sequence_number"], events.len() - 1, "{last}");
            judge::response(&last["response"]);
            last["response"].clone()
        };
        if response["status"] != "failed" {
            self.route.repeats(&response, &message);
        }
        self.route.good.borrow_mut().extend(events);
        Ok(response)
    }

    fn next(&mut self) -> Value {
        loop {
            match self.socket.read().unwrap() {
                Message::Text(text) => return serde_json::from_str(&text).unwrap(),
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }
}

/// The text of a response's messages.
pub(super) fn text_of(response: &Value) -> String {
    let items = response["output"].as_array().unwrap().iter();
    let messages = items.filter(|item| item["type"] == "message");
    let parts = messages.flat_map(|item| item["content"].as_array().cloned().unwrap_or_default());
    parts
        .filter_map(|part| part["text"].as_str().map(str::to_owned))
        .collect()
}

/// The only item of a type in a response's output.
pub(super) fn item_of<'a>(response: &'a Value, kind: &str) -> &'a Value {
    let items = response["output"].as_array().unwrap().iter();
    let found: Vec<&Value> = items.filter(|item| item["type"] == kind).collect();
    assert_eq!(found.len(), 1, "{kind} in {response}");
    found[0]
}
