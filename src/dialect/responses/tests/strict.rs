//! A client that takes nothing but what the dialect's rules allow. It is at least as strict as the official libraries.

use serde_json::{Value, json};

use crate::dialect::wire::sse::{Events, Item};

/// Reads a stream of ours and returns the response of its last event. Fails where a rule is broken. A stream that has not ended returns
/// `null`.
pub(super) fn accumulate(stream: &[u8]) -> Value {
    let mut client = Client::default();
    let mut frames = Events::default();
    let mut take = |item: Item<'_>| {
        let Item::Event { name, data } = item else {
            panic!("{item:?}");
        };
        let event: Value = serde_json::from_str(data).unwrap();
        assert_eq!(event["type"], name);
        client.read(&event);
    };
    frames.feed(stream, &mut take);
    assert!(stream.is_empty() || stream.ends_with(b"\n\n"));
    frames.end(&mut take);
    client.response
}

#[derive(Default)]
struct Client {
    next: u64,
    id: Value,
    /// The open item, as its deltas make it.
    open: Option<Value>,
    /// The open part of a message, as its deltas make it.
    part: Option<Value>,
    output: Vec<Value>,
    response: Value,
}

impl Client {
    fn read(&mut self, event: &Value) {
        assert!(self.response.is_null(), "behind the last event: {event}");
        assert_eq!(event["sequence_number"], self.next, "{event}");
        let kind = event["type"].as_str().unwrap();
        match self.next {
            0 => assert_eq!(kind, "response.created"),
            1 => assert_eq!(kind, "response.in_progress"),
            _ => assert_ne!(kind, "response.created"),
        }
        self.next += 1;
        if event["response"].is_object() {
            self.lifecycle(kind, &event["response"]);
            return;
        }
        assert_eq!(event["output_index"], self.output.len(), "items overlap: {event}");
        match kind {
            "response.output_item.added" => {
                assert!(self.open.is_none(), "two items are open: {event}");
                let item = &event["item"];
                if item["type"] != "reasoning" {
                    assert_eq!(item["status"], "in_progress");
                }
                for name in ["content", "summary"] {
                    assert!(item[name].is_null() || item[name] == json!([]), "{event}");
                }
                for name in ["arguments", "input"] {
                    assert!(item[name].is_null() || item[name] == "", "{event}");
                }
                self.open = Some(item.clone());
            }
            "response.output_item.done" => self.item_done(&event["item"]),
            _ => {
                let open = self.open.as_ref().expect("an item is open");
                assert_eq!(event["item_id"], open["id"], "{event}");
                match open["type"].as_str().unwrap() {
                    "message" => self.message(kind, event),
                    "reasoning" => self.reasoning(kind, event),
                    "function_call" => self.call(kind, event, "function_call_arguments", "arguments"),
                    "custom_tool_call" => self.call(kind, event, "custom_tool_call_input", "input"),
                    _ => panic!("{open}"),
                }
            }
        }
    }

    fn lifecycle(&mut self, kind: &str, response: &Value) {
        if self.id.is_null() {
            self.id = response["id"].clone();
        }
        assert_eq!(response["id"], self.id);
        assert_eq!(response["object"], "response");
        assert_eq!(response["store"], false);
        for name in [
            "model",
            "metadata",
            "parallel_tool_calls",
            "tool_choice",
            "tools",
            "created_at",
            "temperature",
            "top_p",
            "top_logprobs",
            "presence_penalty",
            "frequency_penalty",
            "service_tier",
            "truncation",
            "text",
        ] {
            assert!(!response[name].is_null(), "{name}");
        }
        for name in [
            "completed_at",
            "max_tool_calls",
            "prompt_cache_key",
            "safety_identifier",
            "reasoning",
        ] {
            assert!(response.get(name).is_some(), "{name}");
        }
        let status = kind.strip_prefix("response.").unwrap();
        if kind == "response.created" || kind == "response.in_progress" {
            assert_eq!(response["status"], "in_progress");
            assert_eq!((&response["output"], &response["usage"]), (&json!([]), &Value::Null));
            return;
        }
        assert_eq!(response["status"], status);
        assert_eq!(response["output"], Value::Array(std::mem::take(&mut self.output)));
        assert_eq!(response["error"].is_object(), status == "failed");
        assert_eq!(response["incomplete_details"].is_object(), status == "incomplete");
        assert!(status == "failed" || self.open.is_none(), "an item is open: {response}");
        self.response = response.clone();
    }

    fn item_done(&mut self, item: &Value) {
        let open = self.open.take().expect("an item is open");
        assert!(self.part.is_none(), "a part is open: {item}");
        let mut said = item.clone();
        if item["type"] == "reasoning" {
            said.as_object_mut().unwrap().remove("encrypted_content");
        } else {
            assert!(
                item["status"] == "completed" || item["status"] == "incomplete",
                "{item}"
            );
            said["status"] = "in_progress".into();
        }
        assert_eq!(said, open, "what was said, and what came in pieces");
        self.output.push(item.clone());
    }

    fn message(&mut self, kind: &str, event: &Value) {
        let content = self.open.as_mut().unwrap()["content"].as_array_mut().unwrap();
        assert_eq!(event["content_index"], content.len(), "{event}");
        if kind == "response.content_part.added" {
            assert!(self.part.is_none(), "two parts are open: {event}");
            let part = &event["part"];
            assert!(part["text"] == "" || part["refusal"] == "", "{event}");
            self.part = Some(part.clone());
            return;
        }
        let part = self.part.as_mut().expect("a part is open");
        let is_text = part["type"] == "output_text";
        let add = |value: &mut Value, more: &Value| {
            *value = format!("{}{}", value.as_str().unwrap(), more.as_str().unwrap()).into();
        };
        match kind {
            "response.output_text.delta" if is_text => {
                let logprobs = event["logprobs"].as_array().unwrap();
                part["logprobs"]
                    .as_array_mut()
                    .unwrap()
                    .extend(logprobs.iter().cloned());
                add(&mut part["text"], &event["delta"]);
            }
            "response.output_text.annotation.added" if is_text => {
                let known = part["annotations"].as_array_mut().unwrap();
                assert_eq!(event["annotation_index"], known.len());
                known.push(event["annotation"].clone());
            }
            "response.refusal.delta" if !is_text => add(&mut part["refusal"], &event["delta"]),
            "response.output_text.done" if is_text => {
                assert_eq!((&event["text"], &event["logprobs"]), (&part["text"], &part["logprobs"]));
            }
            "response.refusal.done" if !is_text => assert_eq!(event["refusal"], part["refusal"]),
            "response.content_part.done" => {
                assert_eq!(event["part"], *part);
                content.extend(self.part.take());
            }
            _ => panic!("{event}"),
        }
    }

    fn reasoning(&mut self, kind: &str, event: &Value) {
        assert_eq!(event["summary_index"], 0, "{event}");
        let summary = self.open.as_mut().unwrap()["summary"].as_array_mut().unwrap();
        if kind == "response.reasoning_summary_part.added" {
            assert!(summary.is_empty());
            summary.push(event["part"].clone());
            return;
        }
        let text = summary[0]["text"].as_str().unwrap().to_owned();
        match kind {
            "response.reasoning_summary_text.delta" => {
                summary[0]["text"] = format!("{text}{}", event["delta"].as_str().unwrap()).into();
            }
            "response.reasoning_summary_text.done" => assert_eq!(event["text"], *text),
            "response.reasoning_summary_part.done" => assert_eq!(event["part"], summary[0]),
            _ => panic!("{event}"),
        }
    }

    fn call(&mut self, kind: &str, event: &Value, name: &str, arguments: &str) {
        let known = &mut self.open.as_mut().unwrap()[arguments];
        if kind == format!("response.{name}.delta") {
            let delta = event["delta"].as_str().unwrap();
            assert!(!delta.is_empty());
            *known = format!("{}{delta}", known.as_str().unwrap()).into();
        } else {
            assert_eq!(kind, format!("response.{name}.done"));
            assert_eq!(event[arguments], *known);
        }
    }
}
