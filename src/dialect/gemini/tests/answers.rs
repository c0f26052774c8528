//! Whole answers.

use serde_json::json;

use super::*;
use crate::dialect::neutral::answer::Answer;
use crate::dialect::neutral::canonical::{Expected, canonical, fixtures, read_whole};
use crate::error::{Error, Kind};

fn read_answer(body: &Value) -> Option<Vec<Event>> {
    (FORMAT.read_answer)(body.to_string().as_bytes())
}

#[test]
fn a_whole_answer_says_what_its_stream_says() {
    for fixture in fixtures("gemini") {
        if !matches!(fixture.expected, Expected::Complete { .. }) {
            continue;
        }
        let events = read_whole(FORMAT.reader, &fixture.sse);
        let written = (FORMAT.write_answer)(&Answer::of(&events), &context());
        let again = read_answer(&written).unwrap();
        assert_eq!(canonical(&again), canonical(&events), "{}", fixture.name);
        let (before, after) = (Answer::of(&events), Answer::of(&again));
        assert_eq!(
            without_blanks(before.choices),
            without_blanks(after.choices),
            "{}",
            fixture.name
        );
    }
}

#[test]
fn a_body_is_an_answer_only_if_it_has_one() {
    for body in [
        json!({}),
        json!([]),
        json!({"usageMetadata": {}}),
        json!({"candidates": []}),
        json!("x"),
        json!(1),
    ] {
        assert_eq!(read_answer(&body), None, "{body}");
    }
    assert_eq!((FORMAT.read_answer)(b"{"), None);
    let events = read_answer(&json!({"error": {"code": 400, "message": "m"}})).unwrap();
    assert!(matches!(events.as_slice(), [Event::Error { status: Some(400), .. }]));
    let without_reason = json!({"candidates": [{"content": {"parts": [{"text": "a"}]}}]});
    assert_eq!(read_answer(&without_reason).unwrap().last(), Some(&Event::End));
    let array = json!([without_reason, {"candidates": [{"finishReason": "MAX_TOKENS"}]}]);
    assert!(Answer::of(&read_answer(&array).unwrap()).is_complete);
}

#[test]
fn signatures_stand_on_the_parts_where_they_stood() {
    let parts = json!([
        {"text": "plan", "thought": true},
        {"text": "done", "thoughtSignature": "QQ=="},
        {"functionCall": {"id": "1", "name": "f", "args": {"a": 1}}, "thoughtSignature": "Qg=="},
        {"text": "", "thoughtSignature": "Qw=="},
    ]);
    let body = json!({"candidates": [{"content": {"parts": parts, "role": "model"}, "finishReason": "STOP", "index": 0}],
        "modelVersion": "m", "responseId": "r1"});
    let answer = Answer::of(&read_answer(&body).unwrap());
    assert_eq!((FORMAT.write_answer)(&answer, &context()), body);
}

#[test]
fn sources_are_citations_and_come_back() {
    let body = json!({"candidates": [{"content": {"parts": [{"text": "a b"}]}, "finishReason": "STOP",
        "groundingMetadata": {
            "groundingChunks": [{"web": {"uri": "https://a.x", "title": "A"}}, {"web": {"uri": "https://b.x"}}],
            "groundingSupports": [{"segment": {"startIndex": 0, "text": "a"}, "groundingChunkIndices": [0, 1, 9]}]},
        "citationMetadata": {"citationSources": [{"startIndex": 1, "uri": "https://c.x"}]}}]});
    let events = read_answer(&body).unwrap();
    let cited: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            Event::Citation { url, text, .. } => Some((url.clone().unwrap(), text.clone())),
            _ => None,
        })
        .collect();
    let a = Some("a".to_owned());
    assert_eq!(
        cited,
        [
            ("https://a.x".to_owned(), a.clone()),
            ("https://b.x".to_owned(), a),
            ("https://c.x".to_owned(), None)
        ]
    );
    let answer = Answer::of(&events);
    let written = (FORMAT.write_answer)(&answer, &context());
    let grounding = &written["candidates"][0]["groundingMetadata"];
    assert_eq!(grounding["groundingChunks"].as_array().unwrap().len(), 3, "{grounding}");
    assert_eq!(grounding["groundingSupports"][1]["groundingChunkIndices"], json!([1]));
    let streamed = chunks_of(&events);
    assert_eq!(
        streamed.last().unwrap()["candidates"][0]["groundingMetadata"],
        *grounding
    );
}

#[test]
fn probabilities_keep_their_alternatives() {
    let result = json!({
        "chosenCandidates": [{"token": "é", "tokenId": 7, "logProbability": -0.25}],
        "topCandidates": [{"candidates": [{"token": "é", "logProbability": -0.25}, {"token": "e", "logProbability": -2.0}]}],
    });
    let body = json!({"candidates": [{"content": {"parts": [{"text": "é"}]}, "finishReason": "STOP", "logprobsResult": result}]});
    let events = read_answer(&body).unwrap();
    let Event::Logprobs { content, .. } = &events[2] else {
        panic!("{events:?}");
    };
    assert_eq!(
        content[0],
        json!({"token": "é", "logprob": -0.25, "bytes": [195, 169], "top_logprobs": [
            {"token": "é", "logprob": -0.25, "bytes": [195, 169]}, {"token": "e", "logprob": -2.0, "bytes": [101]}]})
    );
    let mut result = result;
    result["chosenCandidates"][0].as_object_mut().unwrap().remove("tokenId");
    let written = (FORMAT.write_answer)(&Answer::of(&events), &context());
    assert_eq!(written["candidates"][0]["logprobsResult"], result);
    assert_eq!(chunks_of(&events)[1]["candidates"][0]["logprobsResult"], result);
}

#[test]
fn foreign_reasoning_passes_through_a_client() {
    let mut answer = Answer::of(&[]);
    answer.choices = vec![Choice {
        blocks: vec![
            Block::Reasoning {
                text: "t".to_owned(),
                signature: Some("SIG==".to_owned()),
                encrypted: None,
            },
            Block::Reasoning {
                text: String::new(),
                signature: None,
                encrypted: Some("gAAA".to_owned()),
            },
        ],
        ..Choice::default()
    }];
    let written = (FORMAT.write_answer)(&answer, &context());
    let content = &written["candidates"][0]["content"];
    let request = read(&json!({ "contents": [content] }));
    let parts: Vec<Value> = request.messages[0]
        .parts
        .iter()
        .map(|part| match &part.kind {
            PartKind::Reasoning {
                text,
                signature,
                encrypted,
            } => json!([text, signature, encrypted]),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(parts, [json!(["t", "SIG==", null]), json!(["", null, "gAAA"])]);
    // Gemini would refuse them.
    let written = write(&request);
    assert_eq!(
        written.dropped,
        ["messages.reasoning.signature", "messages.reasoning.encrypted"]
    );
    assert_eq!(
        written.body["contents"][1]["parts"],
        json!([{"text": "t", "thought": true}])
    );
}

#[test]
fn the_gateways_own_errors_have_googles_shape() {
    let mut error = Error::new(Kind::RateLimited, "later").about("contents");
    error.retry_after = Some(34);
    let body: Value = serde_json::from_slice(&(FORMAT.error_body)(&error)).unwrap();
    assert_eq!(body["error"]["code"], 429);
    assert_eq!(body["error"]["status"], "RESOURCE_EXHAUSTED");
    assert_eq!(body["error"]["details"][0]["reason"], "RATE_LIMIT_EXCEEDED");
    assert_eq!(body["error"]["details"][1]["fieldViolations"][0]["field"], "contents");
    assert_eq!(body["error"]["details"][2]["retryDelay"], "34s");
    for (kind, status) in [
        (Kind::InvalidBody, "INVALID_ARGUMENT"),
        (Kind::InvalidApiKey, "UNAUTHENTICATED"),
        (Kind::Forbidden, "PERMISSION_DENIED"),
        (Kind::ModelNotFound, "NOT_FOUND"),
        (Kind::RequestTooLarge, "INVALID_ARGUMENT"),
        (Kind::Internal, "INTERNAL"),
        (Kind::UpstreamUnreachable, "UNAVAILABLE"),
        (Kind::UpstreamTimeout, "DEADLINE_EXCEEDED"),
        (Kind::LoopDetected, "UNAVAILABLE"),
    ] {
        let body: Value = serde_json::from_slice(&(FORMAT.error_body)(&Error::new(kind, "m"))).unwrap();
        assert_eq!(body["error"]["status"], status, "{kind:?}");
        assert_eq!(body["error"]["code"], kind.facts().status.as_u16());
    }
}
