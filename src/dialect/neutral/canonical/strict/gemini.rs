//! `generateContent` as `google-genai` reads it.

use serde_json::{Value, json};

use super::frames::{frames, json as parse};
use super::said::{Said, Verdict, array, ensure, name, number, number_or_0, text, usage};

#[derive(Default)]
struct Stream {
    /// `modelVersion` and `responseId`, which all chunks have in common.
    head: Option<Value>,
    candidates: Vec<Said>,
    usage: Option<Value>,
    is_blocked: bool,
}

pub(super) fn stream(bytes: &[u8]) -> Result<Verdict, String> {
    let mut chunks = Vec::new();
    for frame in frames(bytes)? {
        ensure!(frame.name.is_none(), "an event has a name");
        if let Some(data) = frame.data {
            ensure!(data != "[DONE]", "[DONE] is not Gemini's");
            chunks.push(parse(data)?);
        }
    }
    judge(&chunks)
}

/// A stream that is a JSON array.
pub(super) fn array_of(bytes: &[u8]) -> Result<Verdict, String> {
    let document: Value = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    let chunks = document.as_array().ok_or("it is not an array")?;
    judge(chunks)
}

fn judge(chunks: &[Value]) -> Result<Verdict, String> {
    let mut stream = Stream::default();
    let mut error = None;
    for chunk in chunks {
        ensure!(error.is_none(), "something behind the error");
        match chunk.get("error") {
            Some(found) => {
                number(found, "code")?;
                text(found, "message")?;
                name(found, "status")?;
                error = Some(found.clone());
            }
            None => stream.chunk(chunk)?,
        }
    }
    if error.is_none() {
        stream.end()?;
    }
    let canonical = stream.canonical();
    Ok(Verdict { canonical, error })
}

impl Stream {
    fn chunk(&mut self, chunk: &Value) -> Result<(), String> {
        let object = chunk.as_object().ok_or_else(|| format!("{chunk} is not an object"))?;
        ensure!(!object.is_empty(), "a chunk that says nothing");
        for key in object.keys() {
            ensure!(!key.contains('_'), "{key} is not in camel case");
        }
        name(chunk, "modelVersion")?;
        name(chunk, "responseId")?;
        let head = json!([chunk["modelVersion"], chunk["responseId"]]);
        let known = self.head.get_or_insert_with(|| head.clone());
        ensure!(*known == head, "{known} became {head}");
        if let Some(document) = chunk.get("usageMetadata") {
            self.usage = Some(read_usage(document)?);
        }
        self.is_blocked |= chunk["promptFeedback"]["blockReason"].is_string();
        let Some(candidates) = chunk.get("candidates") else {
            return Ok(());
        };
        for candidate in candidates.as_array().ok_or_else(|| format!("candidates of {chunk}"))? {
            let index = number_or_0(candidate, "index")? as usize;
            while self.candidates.len() <= index {
                self.candidates.push(Said::default());
            }
            candidate_into(&mut self.candidates[index], candidate)?;
        }
        Ok(())
    }

    /// A candidate's finish says `stop` where tools are to be called.
    fn end(&mut self) -> Result<(), String> {
        ensure!(!self.candidates.is_empty() || self.is_blocked, "no candidate");
        for candidate in &mut self.candidates {
            if candidate.finish == Some("stop") && !candidate.calls.is_empty() {
                candidate.finish = Some("tool_calls");
            }
            candidate.check_finish()?;
        }
        Ok(())
    }

    fn canonical(&self) -> Value {
        let choices: Vec<Value> = self.candidates.iter().map(Said::value).collect();
        json!({"choices": choices, "usage": self.usage})
    }
}

fn candidate_into(said: &mut Said, candidate: &Value) -> Result<(), String> {
    ensure!(
        said.finish.is_none(),
        "a candidate goes on behind its finish: {candidate}"
    );
    if let Some(content) = candidate.get("content") {
        ensure!(content["role"] == "model", "role of {content}");
        for part in array(content, "parts")? {
            part_into(said, part)?;
        }
    }
    if let Some(reason) = candidate.get("finishReason") {
        said.finish = Some(match reason.as_str() {
            Some("STOP") => "stop",
            Some("MAX_TOKENS") => "length",
            Some("SAFETY" | "RECITATION" | "BLOCKLIST" | "PROHIBITED_CONTENT" | "SPII") => "content_filter",
            _ => return Err(format!("the finish {reason}")),
        });
    }
    Ok(())
}

fn part_into(said: &mut Said, part: &Value) -> Result<(), String> {
    let object = part.as_object().ok_or_else(|| format!("{part} is not an object"))?;
    let kinds = ["text", "functionCall", "inlineData"];
    let count = kinds.iter().filter(|kind| object.contains_key(**kind)).count();
    ensure!(count == 1, "a part of one kind: {part}");
    if let Some(signature) = object.get("thoughtSignature") {
        let text = signature.as_str().unwrap_or_default();
        ensure!(
            !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic()),
            "the signature {signature}"
        );
    }
    if object.contains_key("functionCall") {
        let call = &part["functionCall"];
        let given = call.get("args").cloned().unwrap_or_else(|| json!({}));
        ensure!(given.is_object(), "args of {call}");
        said.calls.push((name(call, "name")?.into(), given));
    } else if object.contains_key("text") {
        let piece = text(part, "text")?;
        if part["thought"] == true {
            said.reasoning.push_str(piece);
        } else {
            said.text.push_str(piece);
        }
    }
    Ok(())
}

fn read_usage(document: &Value) -> Result<Value, String> {
    let input =
        number_or_0(document, "promptTokenCount")?.saturating_add(number_or_0(document, "toolUsePromptTokenCount")?);
    let thoughts = number_or_0(document, "thoughtsTokenCount")?;
    let output = number_or_0(document, "candidatesTokenCount")? + thoughts;
    ensure!(
        number(document, "totalTokenCount")? == input.saturating_add(output),
        "the total of {document}"
    );
    let cached = number_or_0(document, "cachedContentTokenCount")?;
    Ok(usage(input, output, cached, thoughts))
}

pub(super) fn answer(document: &Value) -> Result<Value, String> {
    let verdict = judge(std::slice::from_ref(document))?;
    ensure!(verdict.error.is_none(), "an error: {document}");
    Ok(verdict.canonical)
}
