//! Reads an upstream's answer, streamed or whole.
//!
//! A stream has no end mark: it is complete where it ends after every candidate has a `finishReason`. Some models give one with each
//! chunk, so nothing is said of it before the end.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use super::fields::Fields;
use super::{error, finish, grounding, signature};
use crate::dialect::neutral::event::{Event, MOST_CHOICES, ReadStream, Usage};
use crate::dialect::neutral::request::ToolCall;
use crate::dialect::wire::json;
use crate::dialect::wire::sorted::Sorted;

/// Reads the chunks of one answer.
#[derive(Default)]
pub(super) struct Reader {
    /// What the ids of calls begin with that have none. Known from the first chunk on.
    seed: Option<String>,
    usage: Option<Usage>,
    candidates: Sorted<u32, Candidate>,
    /// An error has come: nothing else counts.
    is_over: bool,
}

/// What is known of one candidate.
#[derive(Default)]
struct Candidate {
    /// How many calls it has.
    calls: u32,
    /// It has text or calls.
    has_content: bool,
    /// How many of its sources are known.
    cited: usize,
    /// Why it ends, and what is said of that.
    reason: Option<(String, Option<String>)>,
}

impl ReadStream for Reader {
    fn read(&mut self, _: &str, data: &str, events: &mut Vec<Event>) {
        let data = data.trim();
        // Not Gemini's, but some that stand between write it.
        if self.is_over || data.starts_with("[DONE]") {
            return;
        }
        if let Some(fields) = Fields::read(data) {
            self.chunk(&fields, data, events);
        } else if let Some(elements) = json::elements(data) {
            for element in elements {
                self.read("", element, events);
            }
        } else if data.starts_with(['{', '[']) {
            self.fail("The upstream sent a chunk that is not JSON.", None, Some(502), events);
        }
    }

    fn end(&mut self, events: &mut Vec<Event>) {
        let are_finished = self.candidates.iter().all(|(_, candidate)| candidate.reason.is_some());
        if self.is_over || self.candidates.is_empty() || !are_finished {
            return;
        }
        let has_content = self.candidates.iter().any(|(_, candidate)| candidate.has_content);
        let mut reasons = self
            .candidates
            .iter()
            .filter_map(|(_, candidate)| candidate.reason.as_ref());
        if let Some((reason, message)) = reasons
            .find(|(reason, _)| !has_content && finish::is_fault(reason))
            .cloned()
        {
            let message = message.unwrap_or_else(|| format!("The model's answer ended with {reason}."));
            return self.fail(&message, Some(reason), Some(502), events);
        }
        for (choice, candidate) in self.candidates.iter() {
            let reason = candidate.reason.as_ref().map_or("", |(reason, _)| reason);
            events.push(Event::Finish {
                choice: *choice,
                reason: finish::read(reason, candidate.calls > 0),
                stop: None,
            });
        }
        events.push(Event::End);
        self.is_over = true;
    }
}

impl Reader {
    fn fail(&mut self, message: &str, code: Option<String>, status: Option<u16>, events: &mut Vec<Event>) {
        self.is_over = true;
        events.push(Event::Error {
            message: message.to_owned(),
            code,
            status,
        });
    }

    fn chunk(&mut self, chunk: &Fields<'_>, data: &str, events: &mut Vec<Event>) {
        if let Some(error) = chunk.get("error") {
            self.is_over = true;
            events.push(error::read(error));
            return;
        }
        let candidates = chunk.objects("candidates");
        let usage = chunk.object("usageMetadata");
        let blocked = chunk
            .object("promptFeedback")
            .filter(|_| self.candidates.is_empty() && candidates.is_empty());
        if candidates.is_empty() && usage.is_none() && blocked.is_none() {
            return;
        }
        if self.seed.is_none() {
            let id = chunk.text("responseId").unwrap_or_default().into_owned();
            self.seed = Some(seed(&id, data));
            let model = chunk.text("modelVersion").unwrap_or_default().into_owned();
            events.push(Event::Start { id, model });
        }
        if let Some(usage) = usage
            .map(|usage| read_usage(&usage))
            .filter(|usage| self.usage != Some(*usage))
        {
            self.usage = Some(usage);
            events.push(Event::Usage(usage));
        }
        if let Some(feedback) = blocked {
            self.block(&feedback, events);
        }
        for candidate in candidates {
            self.candidate(&candidate, events);
        }
    }

    /// Says why the prompt was blocked: there will be no candidates.
    fn block(&mut self, feedback: &Fields<'_>, events: &mut Vec<Event>) {
        let Some(reason) = feedback.text("blockReason").filter(|reason| !finish::is_none(reason)) else {
            return;
        };
        let text = match feedback.text("blockReasonMessage") {
            Some(message) => format!("The prompt was blocked ({reason}): {message}"),
            None => format!("The prompt was blocked: {reason}."),
        };
        events.push(Event::Refusal { choice: 0, text });
        let candidate = self.candidates.get_or_insert(0, Candidate::default());
        candidate.has_content = true;
        candidate.reason = Some(("PROHIBITED_CONTENT".to_owned(), None));
    }

    fn candidate(&mut self, fields: &Fields<'_>, events: &mut Vec<Event>) {
        let index = fields.count("index").unwrap_or_default();
        let Some(choice) = u32::try_from(index).ok().filter(|index| *index < MOST_CHOICES) else {
            return;
        };
        let candidate = self.candidates.get_or_insert(choice, Candidate::default());
        let seed = self.seed.as_deref().unwrap_or_default();
        if let Some(content) = fields.object("content") {
            for part in content.objects("parts") {
                candidate.part(choice, &part, seed, events);
            }
        }
        let citations = grounding::citations(fields, choice);
        let known = candidate.cited.min(citations.len());
        candidate.cited = citations.len().max(candidate.cited);
        events.extend(citations.into_iter().skip(known));
        let probabilities = fields
            .object("logprobsResult")
            .map(|result| grounding::logprobs(&result));
        if let Some(content) = probabilities.filter(|content| !content.is_empty()) {
            events.push(Event::Logprobs { choice, content });
        }
        if let Some(reason) = fields.text("finishReason").filter(|reason| !finish::is_none(reason)) {
            let message = fields.text("finishMessage").map(Into::into);
            candidate.reason = Some((reason.into_owned(), message));
        }
    }
}

impl Candidate {
    fn part(&mut self, choice: u32, part: &Fields<'_>, seed: &str, events: &mut Vec<Event>) {
        let proof = part.text("thoughtSignature").filter(|proof| !proof.is_empty());
        if let Some(call) = part.object("functionCall") {
            let proof = proof.map(Into::into);
            return self.call(choice, &call, proof, seed, events);
        }
        let text = part.text("text").unwrap_or_default();
        let is_thought = part.is_true("thought");
        let on_text = !text.is_empty() && !is_thought;
        if !text.is_empty() {
            let text = text.into_owned();
            self.has_content |= !is_thought;
            events.push(if is_thought {
                Event::Reasoning { choice, text }
            } else {
                Event::Text { choice, text }
            });
        }
        if let Some(proof) = proof {
            let signature = signature::marked(&proof, on_text);
            events.push(Event::Signature { choice, signature });
        }
    }

    /// Says a call, which is complete.
    fn call(&mut self, choice: u32, call: &Fields<'_>, signature: Option<String>, seed: &str, events: &mut Vec<Event>) {
        let index = self.calls;
        self.calls += 1;
        self.has_content = true;
        let id = call.text("id").filter(|id| !id.is_empty());
        let made = || match choice {
            0 => format!("call_{seed}_{index}"),
            _ => format!("call_{seed}_{choice}_{index}"),
        };
        let call_start = ToolCall {
            id: id.map_or_else(made, Into::into),
            name: call.text("name").unwrap_or_default().into_owned(),
            namespace: None,
            arguments: String::new(),
            is_custom: false,
            signature,
        };
        events.push(Event::ToolStart {
            choice,
            index,
            call: call_start,
        });
        let arguments = call
            .get("args")
            .filter(|arguments| arguments.starts_with('{'))
            .unwrap_or("{}");
        events.push(Event::ToolArguments {
            choice,
            index,
            text: arguments.to_owned(),
        });
        events.push(Event::ToolEnd { choice, index });
    }
}

/// Returns what is the same for one answer, and never for two: its id, as far as ids of calls may have these characters, else a
/// number made of its first chunk.
fn seed(id: &str, first: &str) -> String {
    let is_plain = |char: &char| char.is_ascii_alphanumeric() || matches!(char, '-' | '_');
    let plain: String = id.chars().filter(is_plain).take(40).collect();
    if !plain.is_empty() {
        return plain;
    }
    let mut hasher = DefaultHasher::new();
    first.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

/// Reads the tokens that were used so far. What the model thinks is not among its candidates' tokens.
fn read_usage(usage: &Fields<'_>) -> Usage {
    let count = |name: &str| usage.count(name).unwrap_or_default();
    let reasoning = count("thoughtsTokenCount");
    let usage = Usage {
        input: count("promptTokenCount").saturating_add(count("toolUsePromptTokenCount")),
        cached: count("cachedContentTokenCount"),
        cache_write: 0,
        output: count("candidatesTokenCount").saturating_add(reasoning),
        reasoning,
    };
    usage.bounded()
}

/// Reads a whole answer, which may also be the array of a stream, or an error. Nothing where it is none of these.
pub(super) fn read_answer(body: &[u8]) -> Option<Vec<Event>> {
    let text = std::str::from_utf8(body).ok()?.trim_start_matches('\u{feff}').trim();
    if Fields::read(text).is_none() && json::elements(text).is_none() {
        return None;
    }
    let mut reader = Reader::default();
    let mut events = Vec::new();
    reader.read("", text, &mut events);
    if reader.candidates.is_empty() && !reader.is_over {
        return None;
    }
    // A whole body is complete, whatever it says of its end.
    for candidate in reader.candidates.values_mut() {
        candidate.reason.get_or_insert_with(|| ("STOP".to_owned(), None));
    }
    reader.end(&mut events);
    Some(events)
}
