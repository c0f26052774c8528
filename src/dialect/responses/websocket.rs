//! Responses over a WebSocket that the gateway answers itself: each message of the client becomes the body of a `POST /v1/responses`, and
//! each event of the answer becomes a message to the client.
//!
//! Over a WebSocket `previous_response_id` names the latest response of the same connection, also one that nobody stores, and `input` has
//! only what is new. So the items of the latest response are kept here, and put in front of what is new.

use std::borrow::Cow;
use std::mem::take;

use bytes::Bytes;
use serde_json::Value;

use super::errors::{RATE_LIMIT, SERVER, error_body, status_of};
use super::response::{Status, response};
use crate::dialect::ending::truncated;
use crate::dialect::neutral::event::Context;
use crate::dialect::wire::build::{Set, json, json_text};
use crate::dialect::wire::json::{elements, members, parsed, text};
use crate::dialect::wire::members::{Malformed, Members};
use crate::dialect::wire::sse::{Events, Item};
use crate::error::{Error, Kind};

/// The member that names the response that a request goes on from, and the code of the error that there is none of this name.
const PREVIOUS: &str = "previous_response_id";
const NOT_FOUND: &str = "previous_response_not_found";

/// What a client asks for with a message.
#[derive(Debug)]
pub(crate) struct Turn {
    /// The body of the request.
    pub(crate) body: Bytes,
    /// Nothing is to be generated: the client only says what later messages go on from.
    pub(crate) is_warm_up: bool,
}

/// The responses of one connection, one after the other: [`ask`](Self::ask), [`begin`](Self::begin) with the answer's status,
/// [`feed`](Self::feed) with its bytes, and [`end`](Self::end).
#[derive(Default)]
pub(crate) struct Turns {
    /// The most that is kept of a conversation, in bytes.
    most: usize,
    /// The id of the latest response; empty where its items are not known.
    latest: String,
    /// Its items, input and output: the elements of an array without its brackets.
    items: String,
    /// Those of the response that is being made, while they are known and not too long.
    next: Option<String>,
    /// The client wants nothing to be stored.
    stores_nothing: bool,
    /// The response that is being made goes on from the latest one.
    goes_on: bool,
    events: Events,
    status: u16,
    /// Whether an item of the answer has come.
    has_items: bool,
    /// Whether the last event of the answer has come, or an error in its place.
    is_over: bool,
}

impl Turns {
    /// A connection on which nothing was asked yet, and of whose conversation at most so many bytes are kept.
    pub(crate) fn new(most: usize) -> Self {
        Self {
            most,
            ..Self::default()
        }
    }

    /// Returns what a message asks for.
    ///
    /// # Errors
    /// 400 for a message that is not a `response.create`.
    pub(crate) fn ask(&mut self, message: &[u8]) -> Result<Turn, Error> {
        let members = Members::of(message)?;
        if members.last("type").and_then(text).as_deref() != Some("response.create") {
            let hint = "Over this WebSocket the gateway answers messages of the type `response.create`, and no others.";
            return Err(Error::new(Kind::InvalidBody, hint).about("type"));
        }
        let previous = members.last(PREVIOUS).and_then(text);
        let goes_on = previous.is_some() && previous.as_deref() == Some(&self.latest);
        self.goes_on = goes_on;
        let new = as_items(members.last("input").unwrap_or("null"))?;
        let all = if goes_on {
            joined(&self.items, &new)
        } else {
            new.into_owned()
        };
        let mut body = String::with_capacity(message.len() + all.len());
        body.push_str("{\"stream\":true");
        for (name, value) in &members.0 {
            let is_dropped = match &**name {
                "type" | "generate" | "stream" | "stream_id" | "background" => true,
                "input" | PREVIOUS => goes_on,
                _ => false,
            };
            if !is_dropped {
                add(&mut body, name, value);
            }
        }
        if goes_on {
            add(&mut body, "input", &["[", &all, "]"].concat());
        }
        body.push('}');
        // What an unknown response consists of, its upstream knows at most.
        self.next = Some(all).filter(|all| all.len() <= self.most && (goes_on || previous.is_none()));
        self.stores_nothing = members.last("store") == Some("false");
        Ok(Turn {
            body: body.into(),
            is_warm_up: members.last("generate") == Some("false"),
        })
    }

    /// Begins to read the answer, which has this HTTP status.
    pub(crate) fn begin(&mut self, status: u16) {
        self.status = status;
        self.events = Events::default();
        (self.has_items, self.is_over) = (false, false);
    }

    /// Reads the next bytes of the answer. Appends the messages that they lead to.
    pub(crate) fn feed(&mut self, bytes: &[u8], out: &mut Vec<String>) {
        let mut events = take(&mut self.events);
        events.feed(bytes, &mut |item| self.item(&item, out));
        self.events = events;
    }

    /// Ends the answer. Appends the messages that are still to be sent: an error, where it did not end by itself.
    pub(crate) fn end(&mut self, out: &mut Vec<String>) {
        take(&mut self.events).end(&mut |item| self.item(&item, out));
        if !self.is_over {
            self.fail(502, &error_body(&truncated()), out);
        }
        self.next = None;
    }

    /// Ends the answer with an error. What it went on from is forgotten, as Open Responses wants it: the client sends the whole
    /// conversation next. Where it only has to wait, it may ask for the same again.
    fn fail(&mut self, status: u16, body: &[u8], out: &mut Vec<String>) {
        self.is_over = true;
        if self.goes_on && status != 429 {
            self.latest.clear();
            self.items.clear();
        }
        out.push(error_message(status, body));
    }

    fn item(&mut self, item: &Item<'_>, out: &mut Vec<String>) {
        let Item::Event { data, .. } = item else { return };
        let Some(event) = members(data) else { return };
        let kind = event.last("type").and_then(text);
        let object = event.last("object").and_then(text);
        match (kind.as_deref(), object.as_deref()) {
            (None, Some("response")) => self.whole(data, out),
            (None | Some("error"), _) => self.error(data, &event, out),
            (Some(kind), _) => {
                self.note(kind, &event);
                out.push((*data).to_owned());
            }
        }
    }

    /// Takes note of an event.
    fn note(&mut self, kind: &str, event: &Members<'_>) {
        if kind == "response.output_item.done" {
            self.has_items = true;
            self.keep(event.last("item").unwrap_or_default());
        }
        let Some(ended) = kind.strip_prefix("response.") else {
            return;
        };
        if !matches!(ended, "completed" | "incomplete" | "failed" | "cancelled" | "canceled") {
            return;
        }
        self.is_over = true;
        let Some(response) = event.last("response").and_then(members) else {
            return;
        };
        if !self.has_items {
            for item in response.last("output").and_then(elements).unwrap_or_default() {
                self.keep(item);
            }
        }
        if matches!(ended, "completed" | "incomplete") {
            let id = response.last("id").and_then(text);
            self.items = self.next.take().unwrap_or_default();
            let is_known = !self.items.is_empty();
            self.latest = id.filter(|_| is_known).unwrap_or_default().into_owned();
        }
    }

    /// Keeps an item of the answer.
    fn keep(&mut self, item: &str) {
        let Some(kept) = &mut self.next else { return };
        // Nobody can read this one again.
        let is_lost = self.stores_nothing
            && members(item).is_some_and(|item| {
                item.last("type") == Some("\"reasoning\"")
                    && matches!(item.last("encrypted_content"), None | Some("null"))
            });
        if !is_lost {
            push(kept, item);
        }
        if kept.len() > self.most {
            self.next = None;
        }
    }

    /// Says with events what an answer says that came whole.
    fn whole(&mut self, response: &str, out: &mut Vec<String>) {
        let Some(read) = members(response) else { return };
        let mut number = 0;
        let mut say = |kind: &str, name: &str, value: &str, index: &str| {
            let event = format!("{{\"type\":\"{kind}\",\"sequence_number\":{number}{index},\"{name}\":{value}}}");
            number += 1;
            event
        };
        out.push(say("response.created", "response", response, ""));
        let items = read.last("output").and_then(elements).unwrap_or_default();
        for (at, item) in items.iter().enumerate() {
            let index = format!(",\"output_index\":{at}");
            out.push(say("response.output_item.done", "item", item, &index));
        }
        let kind = match read.last("status") {
            Some("\"failed\"") => "response.failed",
            Some("\"incomplete\"") => "response.incomplete",
            _ => "response.completed",
        };
        let last = say(kind, "response", response, "");
        if let Some(event) = members(&last) {
            self.note(kind, &event);
        }
        out.push(last);
    }

    /// Says an error as this API says it over a WebSocket.
    fn error(&mut self, data: &str, event: &Members<'_>, out: &mut Vec<String>) {
        let error = event
            .last("error")
            .filter(|error| error.starts_with('{'))
            .unwrap_or(data);
        let code = members(error).and_then(|error| error.last("code").and_then(text).map(Cow::into_owned));
        let said = event.last("status").and_then(|status| status.parse().ok());
        let status = match said {
            Some(status) => status,
            None if self.status >= 400 => self.status,
            None => code.as_deref().and_then(status_of).unwrap_or(502),
        };
        self.fail(status, data.as_bytes(), out);
    }
}

/// Returns the message for an error of the gateway's own.
pub(crate) fn refusal(error: &Error) -> String {
    error_message(error.status().as_u16(), &error_body(error))
}

/// Returns the message for an error with this HTTP status. `body` is the error as it is said over HTTP.
fn error_message(status: u16, body: &[u8]) -> String {
    let mut body: Value = parsed(body).unwrap_or_default();
    let mut error = match body.get_mut("error") {
        Some(error) if error.is_object() => error.take(),
        _ => body,
    };
    // A client that reads this code sends the whole conversation.
    if error.get("param").is_some_and(|param| param == PREVIOUS) {
        error.say("code", &NOT_FOUND);
    }
    // Codex gives up at an error of this status, and waits where a response fails so.
    if status == 429
        && error
            .get("code")
            .is_none_or(|code| code.is_null() || code == RATE_LIMIT)
    {
        let context = Context {
            id: "refused".to_owned(),
            ..Context::default()
        };
        let message = error.get("message").and_then(Value::as_str).unwrap_or_default();
        let failed = Status::Failed(message, RATE_LIMIT);
        let response = response(&context, &context.echo, &failed, Vec::new(), None);
        return json_text(&json!({"type": "response.failed", "sequence_number": 0, "response": response}));
    }
    // Here the code is what a client knows an error by.
    if error.get("code").is_none_or(Value::is_null) {
        let class = error
            .get("type")
            .filter(|class| class.is_string() && *class != "error")
            .cloned();
        error.set("code", class.unwrap_or_else(|| SERVER.into()));
    }
    json_text(&json!({"type": "error", "status": status, "error": error}))
}

/// Returns an `input` as the elements of an array.
fn as_items(input: &str) -> Result<Cow<'_, str>, Malformed> {
    if let Some(inside) = input.strip_prefix('[').and_then(|input| input.strip_suffix(']')) {
        return Ok(Cow::Borrowed(inside.trim_ascii()));
    }
    match input.as_bytes().first() {
        Some(b'"') => Ok(Cow::Owned(
            ["{\"type\":\"message\",\"role\":\"user\",\"content\":", input, "}"].concat(),
        )),
        Some(b'n') => Ok(Cow::Borrowed("")),
        _ => Err(Malformed::WrongType("input", "a string or an array")),
    }
}

/// Returns the elements of two arrays, one behind the other.
fn joined(one: &str, other: &str) -> String {
    let mut all = String::with_capacity(one.len() + other.len() + 1);
    push(&mut all, one);
    push(&mut all, other);
    all
}

/// Appends elements of an array.
fn push(all: &mut String, more: &str) {
    if !all.is_empty() && !more.is_empty() {
        all.push(',');
    }
    all.push_str(more);
}

/// Appends a member of an object, which is not the first one.
fn add(object: &mut String, name: &str, value: &str) {
    object.push(',');
    object.push_str(&json_text(&Value::from(name)));
    object.push(':');
    object.push_str(value);
}
