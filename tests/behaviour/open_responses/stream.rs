//! A stream of events, followed one by one: what each has to say, which may come when, and that all of them together say what the last
//! one says.

use serde_json::{Value, json};

use super::judge;

/// Follows the events of a whole answer, whose number is the first one's place. Returns the response at its end.
pub(super) fn followed(events: &[Value]) -> Value {
    let mut follower = Follower::default();
    for (number, event) in events.iter().enumerate() {
        assert_eq!(event["sequence_number"], number, "{event}");
        assert!(follower.response.is_null(), "behind the last event comes {event}");
        follower.read(number, event);
    }
    let response = follower.response;
    assert!(!response.is_null(), "there is no last event: {events:?}");
    response
}

#[derive(Default)]
struct Follower {
    id: Value,
    /// The items that are complete.
    output: Vec<Value>,
    /// The item that is open, as its events make it.
    open: Option<Value>,
    /// The part of it that is open, as its events make it.
    part: Option<Value>,
    response: Value,
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is not a text"))
}

/// Appends `more` to a text.
fn add(value: &mut Value, more: &Value) {
    *value = format!("{}{}", text(value), text(more)).into();
}

impl Follower {
    fn read(&mut self, number: usize, event: &Value) {
        let kind = text(&event["type"]);
        match number {
            0 => assert_eq!(kind, "response.created", "{event}"),
            1 => assert_eq!(kind, "response.in_progress", "{event}"),
            _ => assert_ne!(kind, "response.created", "{event}"),
        }
        if let Some(response) = event.get("response") {
            return self.lifecycle(kind, response);
        }
        assert_eq!(event["output_index"], self.output.len(), "items overlap: {event}");
        match kind {
            "response.output_item.added" => self.added(&event["item"]),
            "response.output_item.done" => self.done(&event["item"]),
            _ => {
                let open = self.open.as_ref().unwrap_or_else(|| panic!("no item is open: {event}"));
                assert_eq!(event["item_id"], open["id"], "{event}");
                let (kind, is_done) = match kind.strip_suffix(".done") {
                    Some(kind) => (kind, true),
                    None => (kind.strip_suffix(".delta").unwrap_or(kind), false),
                };
                self.inside(kind, is_done, event);
            }
        }
    }

    fn lifecycle(&mut self, kind: &str, response: &Value) {
        judge::response(response);
        if self.id.is_null() {
            self.id = response["id"].clone();
        }
        assert_eq!(response["id"], self.id, "the response has changed: {response}");
        let status = if kind == "response.created" {
            "in_progress"
        } else {
            &kind["response.".len()..]
        };
        assert_eq!(response["status"], status, "{kind}: {response}");
        if status != "in_progress" {
            assert!(self.open.is_none(), "an item is open: {response}");
            let said = Value::Array(std::mem::take(&mut self.output));
            assert_eq!(response["output"], said, "what was said, and what came in pieces");
            self.response = response.clone();
        }
    }

    fn added(&mut self, item: &Value) {
        judge::item(item);
        assert!(self.open.is_none(), "two items are open: {item}");
        let is_empty = |name: &str| item.get(name).is_none_or(|value| *value == "" || *value == json!([]));
        assert!(["content", "summary", "arguments"].into_iter().all(is_empty), "{item}");
        if item["type"] != "reasoning" {
            assert_eq!(item["status"], "in_progress", "{item}");
        }
        self.open = Some(item.clone());
    }

    fn done(&mut self, item: &Value) {
        judge::item(item);
        let mut open = self.open.take().unwrap_or_else(|| panic!("no item is open: {item}"));
        assert!(self.part.is_none(), "a part is open: {item}");
        if item["type"] == "reasoning" {
            if let Some(encrypted) = item.get("encrypted_content") {
                open["encrypted_content"] = encrypted.clone();
            }
        } else {
            assert_ne!(item["status"], "in_progress", "{item}");
            open["status"] = item["status"].clone();
        }
        assert_eq!(*item, open, "what was said, and what came in pieces");
        if item["type"] == "function_call" {
            let arguments: Value = serde_json::from_str(text(&item["arguments"])).unwrap();
            assert!(arguments.is_object(), "{item}");
        }
        self.output.push(item.clone());
    }

    /// Reads an event about what is inside of the open item.
    fn inside(&mut self, kind: &str, is_done: bool, event: &Value) {
        let open = self.open.as_mut().unwrap();
        if kind == "response.function_call_arguments" {
            assert_eq!(open["type"], "function_call", "{event}");
            if is_done {
                assert_eq!(event["arguments"], open["arguments"], "{event}");
            } else {
                add(&mut open["arguments"], &event["delta"]);
            }
            return;
        }
        let (name, index) = match text(&open["type"]) {
            "message" => ("content", "content_index"),
            "reasoning" => ("summary", "summary_index"),
            _ => panic!("{event} in {open}"),
        };
        let parts = open[name].as_array_mut().unwrap();
        assert_eq!(event[index], parts.len(), "{event}");
        match (kind, is_done) {
            ("response.content_part.added" | "response.reasoning_summary_part.added", _) => {
                judge::part(&event["part"]);
                assert!(self.part.is_none(), "two parts are open: {event}");
                let part = &event["part"];
                assert!(part["text"] == "" || part["refusal"] == "", "{event}");
                self.part = Some(part.clone());
            }
            ("response.content_part" | "response.reasoning_summary_part", true) => {
                judge::part(&event["part"]);
                assert_eq!(Some(&event["part"]), self.part.as_ref(), "{event}");
                parts.extend(self.part.take());
            }
            _ => {
                let part = self.part.as_mut().unwrap_or_else(|| panic!("no part is open: {event}"));
                let name = match (kind, text(&part["type"])) {
                    ("response.refusal", "refusal") => "refusal",
                    ("response.output_text", "output_text") => "text",
                    ("response.reasoning_summary_text", "summary_text") => "text",
                    _ => panic!("{event} in {part}"),
                };
                if kind == "response.output_text" {
                    assert!(event["logprobs"].is_array(), "{event}");
                }
                if is_done {
                    assert_eq!(event[name], part[name], "{event}");
                } else {
                    add(&mut part[name], &event["delta"]);
                }
            }
        }
    }
}
