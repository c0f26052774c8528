//! Compaction: a conversation becomes a summary that its client keeps sealed, as an item of the type `compaction`.
//!
//! OpenAI's upstreams do that by themselves. For other ones the gateway asks for the summary in words ([`ask`]), and writes the answer
//! that a client expects: one item ([`written`]). Later requests bring the item back, and get the summary in its place ([`opened`]).

use bytes::Bytes;
use memchr::memmem;
use serde_json::Value;

use super::frames::{Frames, Said};
use super::response::{self, Status, item_id, written_usage};
use crate::dialect::neutral::answer::{Answer, Block};
use crate::dialect::neutral::event::{Context, Finish, Usage};
use crate::dialect::neutral::request::{Message, PartKind, Request, Role, ToolChoice};
use crate::dialect::wire::build::{Set, json, json_text};
use crate::dialect::wire::change::{changed, retain};
use crate::dialect::wire::members::Members;

/// What asks for a summary.
const ASK: &str = "The conversation up to here will be replaced by a summary, so that there is room to go on. Write that summary now. \
Whoever goes on reads nothing else: say what the user wants, with every rule and preference; what has been done and found out, with the \
names of files, functions, commands and the results that matter; what was decided and why; what is still open, and the next step. Be exact \
and brief. Write only the summary, and call no tool.";

/// What stands in front of a summary.
const BEFORE: &str = "A summary of the conversation before this point:\n\n";

/// Makes a request one for a summary. What was said stays as it is, and so do the tools: the upstream knows that prompt already.
pub fn ask(request: &mut Request) {
    request.messages.push(Message {
        role: Role::User,
        parts: vec![PartKind::Text(ASK.to_owned()).part()],
    });
    request.tool_choice = (!request.tools.is_empty()).then_some(ToolChoice::None);
    request.stream = false;
    request.format = None;
    request.choices = None;
    request.logprobs = None;
    request.stop.clear();
}

/// Returns the summary in an answer; nothing where it has none.
#[must_use]
pub fn summary(answer: &Answer) -> Option<String> {
    let blocks = answer.choices.first()?.blocks.iter();
    let texts: Vec<&str> = blocks
        .filter_map(|block| match block {
            Block::Text { text, .. } => Some(text.as_str()),
            _ => None,
        })
        .collect();
    Some(texts.concat()).filter(|text| !text.trim().is_empty())
}

/// How a client wants its item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// As the only item of a whole answer.
    Whole,
    /// As the only item of a stream of events.
    Stream,
    /// Behind the messages of the user, as `POST /v1/responses/compact` answers.
    Compacted,
}

/// Returns the answer with a summary that is `sealed`. `request` is the body of the client's request.
#[must_use]
pub fn written(context: &Context, form: Form, sealed: &str, usage: Option<Usage>, request: &[u8]) -> Vec<u8> {
    let id = item_id("cmp", context, None);
    let item = json!({"id": id, "type": "compaction", "encrypted_content": sealed});
    let finished = |output| {
        let status = Status::Finished(Some(Finish::Stop));
        response::response(context, &context.echo, &status, output, usage)
    };
    match form {
        Form::Whole => json_text(&finished(vec![item])).into_bytes(),
        Form::Stream => {
            let begun = response::response(context, &context.echo, &Status::InProgress, Vec::new(), None);
            let response = |response| Said {
                response: Some(response),
                ..Said::default()
            };
            let said = Said {
                item: Some(&item),
                output_index: Some(0),
                ..Said::default()
            };
            let (mut frames, mut out) = (Frames::default(), Vec::new());
            frames.write("response.created", &response(&begun), &mut out);
            frames.write("response.in_progress", &response(&begun), &mut out);
            frames.write("response.output_item.added", &said, &mut out);
            frames.write("response.output_item.done", &said, &mut out);
            let end = finished(vec![item.clone()]);
            frames.write("response.completed", &response(&end), &mut out);
            out
        }
        Form::Compacted => {
            let mut output = asked(request);
            output.push(item);
            let usage = written_usage(usage.unwrap_or_default());
            let compacted = json!({"id": response::id(context), "object": "response.compaction",
                "created_at": context.created, "output": output, "usage": usage});
            json_text(&compacted).into_bytes()
        }
    }
}

/// Returns what the user said in a request, as items of an output.
fn asked(request: &[u8]) -> Vec<Value> {
    let input = Members::of(request)
        .ok()
        .and_then(|members| members.last("input").map(str::to_owned));
    let items = match input.and_then(|input| serde_json::from_str(&input).ok()) {
        Some(Value::String(text)) => vec![json!({"role": "user", "content": text})],
        Some(Value::Array(items)) => items,
        _ => Vec::new(),
    };
    let messages = items.into_iter().enumerate().filter(|(_, item)| {
        let is_message = item["type"] == "message" || item["type"].is_null();
        // An earlier summary is a part of the new one.
        is_message && item["role"] == "user" && !item["content"].as_str().is_some_and(|text| text.starts_with(BEFORE))
    });
    messages
        .map(|(place, mut item)| {
            if let Value::String(text) = &item["content"] {
                item["content"] = json!([{"type": "input_text", "text": text}]);
            }
            if item["id"].is_null() {
                item["id"] = format!("msg_{place}").into();
            }
            item.say("type", &"message");
            item.say("status", &"completed");
            item
        })
        .collect()
}

/// Returns a request with the summaries in the place of the items that `open` can open; as it came where it has none of those that are
/// marked with `mark`.
///
/// # Errors
/// The place of an item that is marked, and that `open` cannot open.
pub fn opened(body: Bytes, mark: &[u8], open: &dyn Fn(&str) -> Result<Option<String>, ()>) -> Result<Bytes, usize> {
    if memmem::find(&body, mark).is_none() {
        return Ok(body);
    }
    let (mut is_changed, mut wrong, mut place) = (false, None, 0);
    let new = changed(&body, "input", &mut |input| {
        retain(input, &mut |item| {
            let sealed = item["encrypted_content"]
                .as_str()
                .filter(|_| item["type"] == "compaction");
            match sealed.map(open) {
                Some(Ok(Some(summary))) => {
                    let text = [BEFORE, &summary].concat();
                    *item = json!({"type": "message", "role": "user", "content": text});
                    is_changed = true;
                }
                Some(Err(())) => wrong = wrong.or(Some(place)),
                Some(Ok(None)) | None => {}
            }
            place += 1;
            true
        });
        is_changed
    });
    match wrong {
        Some(place) => Err(place),
        None => Ok(new.unwrap_or(body)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context() -> Context {
        Context {
            id: "1".into(),
            model: "m".into(),
            ..Context::default()
        }
    }

    #[test]
    fn a_sealed_summary_comes_back_in_words_and_others_stay() {
        let open = |sealed: &str| match sealed {
            "ours:1" => Ok(Some("so far".to_owned())),
            "ours:2" => Err(()),
            _ => Ok(None),
        };
        let body = |items: &[&str]| {
            let items: Vec<Value> = items
                .iter()
                .map(|content| json!({"type": "compaction", "id": "cmp_1", "encrypted_content": content}))
                .collect();
            Bytes::from(json!({"model": "m", "input": items}).to_string())
        };
        let opened = |items: &[&str]| opened(body(items), b"\"ours:", &open);
        assert_eq!(opened(&["gAAA"]), Ok(body(&["gAAA"])));
        assert_eq!(opened(&["gAAA", "ours:2", "ours:1"]), Err(1));
        let read: Value = serde_json::from_slice(&opened(&["ours:1", "gAAA"]).unwrap()).unwrap();
        assert_eq!(read["input"][0]["role"], "user");
        assert!(read["input"][0]["content"].as_str().unwrap().ends_with("so far"));
        assert_eq!(read["input"][1]["encrypted_content"], "gAAA");
    }

    #[test]
    fn an_answer_has_one_item_and_a_compacted_window_what_the_user_said_as_well() {
        let request = json!({"input": [
            {"role": "user", "content": "a"},
            {"type": "message", "role": "user", "id": "u", "content": [{"type": "input_text", "text": "b"}]},
            {"role": "user", "content": [BEFORE, "old"].concat()},
            {"role": "assistant", "content": "c"},
            {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
        ]});
        let written = |form| written(&context(), form, "S", None, request.to_string().as_bytes());
        let whole: Value = serde_json::from_slice(&written(Form::Whole)).unwrap();
        let item = json!({"id": "cmp_1", "type": "compaction", "encrypted_content": "S"});
        assert_eq!(
            (&whole["output"], &whole["status"]),
            (&json!([item]), &json!("completed"))
        );
        let window: Value = serde_json::from_slice(&written(Form::Compacted)).unwrap();
        assert_eq!(window["object"], "response.compaction");
        let kinds: Vec<&str> = window["output"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["type"].as_str().unwrap())
            .collect();
        assert_eq!(kinds, ["message", "message", "compaction"]);
        let stream = String::from_utf8(written(Form::Stream)).unwrap();
        assert_eq!(stream.matches("event: response.output_item.done").count(), 1);
        assert!(
            stream
                .trim_end()
                .rsplit("\n")
                .next()
                .unwrap()
                .contains("response.completed")
        );
    }
}
