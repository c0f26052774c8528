//! Responses as `openai-python` and `openai-node` read it.

mod item;

use serde_json::{Value, json};

use self::item::{Item, add_done};
use super::frames::{frames, json as parse};
use super::said::{Said, Verdict, array, ensure, name, number, text, usage};

#[derive(Default)]
struct Stream {
    id: Option<String>,
    said: Said,
    /// Items that are done.
    items: Vec<Value>,
    open: Option<Item>,
}

pub(super) fn stream(bytes: &[u8]) -> Result<Verdict, String> {
    let mut stream = Stream::default();
    let events = frames(bytes)?.into_iter().filter(|frame| frame.data.is_some());
    let mut events = events.enumerate();
    for (index, frame) in events.by_ref() {
        let event = parse(frame.data.unwrap_or_default())?;
        let kind = text(&event, "type")?;
        ensure!(frame.name == Some(kind), "{kind} is {:?}", frame.name);
        ensure!(
            event["sequence_number"] == index,
            "sequence_number is not {index}: {event}"
        );
        let is_first = kind == "response.created";
        let can_be_first = is_first || kind == "error" || kind == "response.failed";
        ensure!(is_first == (index == 0) || can_be_first, "{kind} is event {index}");
        let Some(verdict) = stream.event(kind, &event)? else {
            continue;
        };
        ensure!(events.next().is_none(), "something behind the end");
        return Ok(verdict);
    }
    Err("the stream has no end".into())
}

impl Stream {
    fn event(&mut self, kind: &str, event: &Value) -> Result<Option<Verdict>, String> {
        match kind {
            "response.created" | "response.in_progress" | "response.queued" => {
                self.response(&event["response"], "in_progress")?;
                ensure!(
                    array(event, "response/output")?.is_empty(),
                    "output before the end: {event}"
                );
            }
            "response.completed" | "response.incomplete" => {
                let response = &event["response"];
                self.response(response, &kind["response.".len()..])?;
                ensure!(self.open.is_none(), "{kind} while an item is open");
                ensure!(
                    *array(response, "output")? == self.items,
                    "output is not what the items were: {event}"
                );
                self.said.finish = Some(finish(response, &self.said)?);
                self.said.check_finish()?;
                let usage = read_usage(response)?;
                return Ok(Some(self.verdict(&usage, None)));
            }
            "response.failed" => {
                let response = &event["response"];
                self.response(response, "failed")?;
                array(response, "output")?;
                name(response, "error/code")?;
                text(response, "error/message")?;
                return Ok(Some(self.verdict(&Value::Null, Some(response["error"].clone()))));
            }
            "error" => {
                text(event, "message")?;
                ensure!(event.get("error").is_none(), "an error in an error: {event}");
                ensure!(
                    event.get("code").is_some() && event.get("param").is_some(),
                    "code or param: {event}"
                );
                return Ok(Some(self.verdict(&Value::Null, Some(event.clone()))));
            }
            "response.output_item.added" => {
                ensure!(self.open.is_none(), "two items are open: {event}");
                ensure!(
                    number(event, "output_index")? as usize == self.items.len(),
                    "an item out of turn: {event}"
                );
                let item = Item::new(&event["item"])?;
                ensure!(
                    self.items.iter().all(|known| known["id"] != item.id),
                    "two items have one id"
                );
                self.open = Some(item);
            }
            "response.output_item.done" => {
                self.check_index(event)?;
                let item = self.open.take().ok_or("no item is open")?;
                item.end(&event["item"])?;
                add_done(&mut self.said.calls, &event["item"])?;
                self.items.push(event["item"].clone());
            }
            _ => {
                self.check_index(event)?;
                let item = self.open.as_mut().ok_or_else(|| format!("no item is open: {event}"))?;
                ensure!(event["item_id"] == item.id, "another item: {event}");
                item.event(kind, event, &mut self.said)?;
            }
        }
        Ok(None)
    }

    fn verdict(&self, usage: &Value, error: Option<Value>) -> Verdict {
        Verdict {
            canonical: json!({"choices": [self.said.value()], "usage": usage}),
            error,
        }
    }

    fn check_index(&self, event: &Value) -> Result<(), String> {
        let index = number(event, "output_index")? as usize;
        ensure!(index == self.items.len(), "another output_index: {event}");
        Ok(())
    }

    fn response(&mut self, response: &Value, status: &str) -> Result<(), String> {
        head(response)?;
        ensure!(response["status"] == status, "the status is not {status}: {response}");
        let id = name(response, "id")?;
        let known = self.id.get_or_insert_with(|| id.to_owned());
        ensure!(known == id, "{known} became {id}");
        Ok(())
    }
}

fn head(response: &Value) -> Result<(), String> {
    ensure!(response["object"] == "response", "object of {response}");
    name(response, "id")?;
    name(response, "model")?;
    number(response, "created_at")?;
    for key in [
        "error",
        "incomplete_details",
        "instructions",
        "metadata",
        "parallel_tool_calls",
        "temperature",
        "tool_choice",
        "tools",
        "top_p",
    ] {
        ensure!(response.get(key).is_some(), "{key} is missing in {response}");
    }
    Ok(())
}

fn finish(response: &Value, said: &Said) -> Result<&'static str, String> {
    match (&response["status"], response["incomplete_details"]["reason"].as_str()) {
        (status, None) if status == "completed" => Ok(if said.calls.is_empty() { "stop" } else { "tool_calls" }),
        (status, Some("max_output_tokens")) if status == "incomplete" => Ok("length"),
        (status, Some("content_filter")) if status == "incomplete" => Ok("content_filter"),
        (status, reason) => Err(format!("{status} because of {reason:?}")),
    }
}

fn read_usage(response: &Value) -> Result<Value, String> {
    let document = response.get("usage").ok_or("no usage")?;
    if document.is_null() {
        return Ok(Value::Null);
    }
    let (input, output) = (number(document, "input_tokens")?, number(document, "output_tokens")?);
    ensure!(
        number(document, "total_tokens")? == input.saturating_add(output),
        "the total of {document}"
    );
    let cached = number(document, "input_tokens_details/cached_tokens")?;
    let reasoning = number(document, "output_tokens_details/reasoning_tokens")?;
    Ok(usage(input, output, cached, reasoning))
}

pub(super) fn answer(document: &Value) -> Result<Value, String> {
    head(document)?;
    let mut said = Said::default();
    for done in array(document, "output")? {
        item::check_done(done)?;
        add_done(&mut said.calls, done)?;
        let parts = [&done["summary"], &done["content"]];
        for part in parts.into_iter().filter_map(Value::as_array).flatten() {
            match text(part, "type")? {
                "output_text" => said.text.push_str(name(part, "text")?),
                "refusal" => said.refusal.get_or_insert_default().push_str(name(part, "refusal")?),
                _ => said.reasoning.push_str(text(part, "text")?),
            }
        }
    }
    said.finish = Some(finish(document, &said)?);
    said.check_finish()?;
    Ok(json!({"choices": [said.value()], "usage": read_usage(document)?}))
}
