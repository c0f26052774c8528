//! Sources of a text, and how probable it was.

use serde_json::{Map, Value};

use super::fields::Fields;
use crate::dialect::neutral::event::Event;
use crate::dialect::wire::build::{Set, json};

/// Returns the sources that a candidate names: what it searched for, and what it repeats.
pub(super) fn citations(candidate: &Fields<'_>, choice: u32) -> Vec<Event> {
    let mut found = Vec::new();
    if let Some(grounding) = candidate.object("groundingMetadata") {
        grounded(&grounding, choice, &mut found);
    }
    if let Some(cited) = candidate.object("citationMetadata") {
        // Two names: of the two services that have this API.
        for source in ["citationSources", "citations"]
            .into_iter()
            .flat_map(|name| cited.objects(name))
        {
            let text = |name: &str| source.text(name).map(Into::into);
            found.push(Event::Citation {
                choice,
                url: text("uri"),
                title: text("title"),
                text: None,
            });
        }
    }
    found
}

fn grounded(grounding: &Fields<'_>, choice: u32, found: &mut Vec<Event>) {
    let chunks: Vec<(Option<String>, Option<String>)> = grounding
        .objects("groundingChunks")
        .iter()
        .map(|chunk| {
            let kinds = ["web", "retrievedContext", "maps"];
            let source = kinds.into_iter().find_map(|kind| chunk.object(kind));
            let text = |name: &str| source.as_ref()?.text(name).map(Into::into);
            (text("uri"), text("title"))
        })
        .collect();
    let mut add = |source: &(Option<String>, Option<String>), text: Option<String>| {
        found.push(Event::Citation {
            choice,
            url: source.0.clone(),
            title: source.1.clone(),
            text,
        });
    };
    let supports = grounding.objects("groundingSupports");
    for support in &supports {
        let segment = support.object("segment");
        let text: Option<String> = segment.and_then(|segment| segment.text("text").map(Into::into));
        for source in support.counts("groundingChunkIndices") {
            if let Some(source) = usize::try_from(source).ok().and_then(|source| chunks.get(source)) {
                add(source, text.clone());
            }
        }
    }
    if supports.is_empty() {
        chunks.iter().for_each(|source| add(source, None));
    }
}

/// Returns sources as `groundingMetadata`.
pub(super) fn write_citations(citations: &[Event]) -> Value {
    let mut chunks: Vec<Value> = Vec::new();
    let mut supports = Vec::new();
    for citation in citations {
        let Event::Citation { url, title, text, .. } = citation else {
            continue;
        };
        let mut web = Map::new();
        for (name, value) in [("uri", url), ("title", title)] {
            web.extend(value.as_ref().map(|value| (name.to_owned(), value.as_str().into())));
        }
        let chunk = json!({ "web": web });
        let place = chunks.iter().position(|known| *known == chunk).unwrap_or_else(|| {
            chunks.push(chunk);
            chunks.len() - 1
        });
        if let Some(text) = text {
            supports.push(json!({"segment": {"text": text}, "groundingChunkIndices": [place]}));
        }
    }
    let mut grounding = json!({ "groundingChunks": chunks });
    if !supports.is_empty() {
        grounding.set("groundingSupports", supports.into());
    }
    grounding
}

/// Returns `logprobsResult` in the shape of Chat Completions.
pub(super) fn logprobs(result: &Fields<'_>) -> Vec<Value> {
    let tops = result.objects("topCandidates");
    let mut tops = tops.iter().map(|top| top.objects("candidates"));
    let chosen = result.objects("chosenCandidates");
    let tokens = chosen.iter().map(|token| {
        let mut content = read_token(token);
        let alternatives = tops.next().unwrap_or_default();
        content.set("top_logprobs", alternatives.iter().map(read_token).collect());
        content
    });
    tokens.collect()
}

fn read_token(token: &Fields<'_>) -> Value {
    let text = token.text("token").unwrap_or_default();
    let bytes: Vec<u8> = text.bytes().collect();
    let number = token.number("logProbability").map_or(Value::Null, Value::Number);
    json!({"token": text, "logprob": number, "bytes": bytes})
}

/// Returns probabilities in the shape of Chat Completions as `logprobsResult`.
pub(super) fn write_logprobs(content: &[Value]) -> Value {
    let chosen: Vec<Value> = content.iter().map(write_token).collect();
    let none = Vec::new();
    let tops = content.iter().map(|token| {
        let alternatives = token["top_logprobs"].as_array().unwrap_or(&none);
        let alternatives: Vec<Value> = alternatives.iter().map(write_token).collect();
        json!({ "candidates": alternatives })
    });
    json!({"topCandidates": tops.collect::<Vec<_>>(), "chosenCandidates": chosen})
}

fn write_token(token: &Value) -> Value {
    json!({"token": token["token"], "logProbability": token["logprob"]})
}
