//! What a writer of requests does not name as lost comes back: the dialect's own reader finds it in what was written.

use proptest::prelude::*;
use serde_json::Value;

use super::alike::{in_common_words, parts};
use super::asked::request;
use super::pair::folder;
use crate::dialect::formats::FORMATS;
use crate::dialect::neutral::Format;
use crate::dialect::neutral::request::{Part, PartKind, Quirks, Request, Role};

/// Takes out of a request what its writer names as lost.
fn lose(request: &mut Request, name: &str) {
    let unmark = |request: &mut Request| {
        let messages = request.messages.iter_mut();
        messages
            .flat_map(|message| &mut message.parts)
            .for_each(|part| part.cache = None);
    };
    match name {
        "messages.reasoning" => {
            let is_reasoning = |part: &Part| matches!(part.kind, PartKind::Reasoning { .. });
            for message in &mut request.messages {
                message.parts.retain(|part| !is_reasoning(part));
            }
        }
        "messages.reasoning.encrypted" => {
            let is_readable = |part: &Part| !matches!(&part.kind, PartKind::Reasoning { text, .. } if text.is_empty());
            for message in &mut request.messages {
                message.parts.retain(is_readable);
            }
        }
        "messages.image.detail" => parts(request).for_each(|kind| {
            if let PartKind::Image { detail, .. } = kind {
                *detail = None;
            }
        }),
        "messages.cache" => unmark(request),
        "cache" => {
            unmark(request);
            lose(request, "tools.cache");
        }
        "tools.cache" => request.tools.iter_mut().for_each(|tool| tool.cache = None),
        "tools.strict" => request.tools.iter_mut().for_each(|tool| tool.strict = None),
        "temperature" => request.temperature = None,
        "top_p" => request.top_p = None,
        "top_k" => request.top_k = None,
        "seed" => request.seed = None,
        "presence_penalty" => request.presence_penalty = None,
        "frequency_penalty" => request.frequency_penalty = None,
        "stop" => request.stop.clear(),
        "logprobs" => request.logprobs = None,
        "verbosity" => request.verbosity = None,
        "service_tier" => request.service_tier = None,
        "tool_choice" => request.tool_choice = None,
        "parallel_tools" => request.parallel_tools = None,
        "reasoning" | "reasoning.effort" => request.reasoning = None,
        "format" => {
            // It is said to the model.
            request.format = None;
            request
                .messages
                .retain(|message| !matches!(message.role, Role::System | Role::Developer));
        }
        "messages.reasoning.signature" => {}
        name => panic!("`{name}` is lost, and nobody knows what that is"),
    }
}

/// What an upstream takes: as little as can be, and all that there is.
fn quirks() -> [Quirks; 3] {
    let all = Quirks {
        max_completion_tokens: true,
        reasoning_history: true,
        top_k: true,
        openai_members: true,
        adaptive_thinking: true,
        thinking_level: true,
        ..Quirks::default()
    };
    let least = Quirks {
        schemas: false,
        forced_tools: false,
        prefill: false,
        both_samplings: false,
        sampling: false,
        ..Quirks::default()
    };
    [Quirks::default(), all, least]
}

/// Checks that what a dialect says of a request is what its reader finds in it.
fn check(format: &Format, request: &Request, quirks: &Quirks) -> Result<(), TestCaseError> {
    let written = match (format.write_request)(request, quirks) {
        Ok(written) => written,
        Err(wrong) => {
            prop_assert!(wrong.is_unsupported, "{}: {wrong:?}", format.name);
            return Ok(());
        }
    };
    let body = Value::Object(written.body);
    let again = (format.read_request)(body.to_string().as_bytes());
    let mut again = again.unwrap_or_else(|wrong| panic!("{}: {wrong:?} in {body}", format.name));
    prop_assert!(
        again.dropped.is_empty(),
        "{}: {:?} of {body}",
        format.name,
        again.dropped
    );
    let mut request = request.clone();
    if request.max_tokens.is_none() && folder(format) == "anthropic" {
        // It is required.
        again.max_tokens = None;
    }
    let is_free = request
        .reasoning
        .as_ref()
        .is_some_and(|reasoning| reasoning.effort.is_none() && reasoning.budget.is_none() && !reasoning.is_disabled);
    let marks = request.cache_key.is_some() && folder(format) == "anthropic";
    for request in [&mut request, &mut again] {
        for name in &written.dropped {
            lose(request, name);
        }
        if is_free {
            // Any amount of thinking is what was asked for.
            lose(request, "reasoning");
        }
        if marks {
            // A conversation that has a key has its marks set anew.
            lose(request, "cache");
        }
        in_common_words(folder(format), request);
    }
    let lines = |request: &Request| format!("{request:#?}").lines().map(str::to_owned).collect::<Vec<_>>();
    let (found, wanted) = (lines(&again), lines(&request));
    let differ: Vec<_> = found.iter().zip(&wanted).filter(|(a, b)| a != b).take(5).collect();
    prop_assert!(
        again == request,
        "{}: {:?} of {} without {:?}",
        format.name,
        differ,
        body,
        written.dropped
    );
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_not_named_as_lost_comes_back(request in request()) {
        for format in FORMATS {
            for quirks in quirks() {
                check(format, &request, &quirks)?;
            }
        }
    }
}
