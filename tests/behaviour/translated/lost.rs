//! What an upstream's dialect cannot say: it is named, or refused where the route is strict.

use serde_json::{Value, json};

use super::dialect::{DIALECTS, Dialect, different};
use super::{to_all, token};
use crate::support::Runtime;
use crate::support::client::Answer;

/// A question with `fields` besides, which Gemini has in its own place.
fn question(client: Dialect, fields: &Value) -> Value {
    let mut body = client.question("s01_text", false);
    for (name, value) in fields.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

fn dropped(answer: &Answer) -> Vec<&str> {
    let names = answer.field("x-gateway-dropped").unwrap_or_default();
    let mut names: Vec<&str> = names
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .collect();
    names.sort_unstable();
    names
}

/// A client, an upstream, members of a request that get lost, and by which names.
type Loss = (Dialect, Dialect, Value, &'static [&'static str]);

fn losses() -> Vec<Loss> {
    use Dialect::{Anthropic, Gemini, OpenAi, Responses};
    let sampled = json!({"seed": 1, "logit_bias": {"1": 2}, "presence_penalty": 0.5, "frequency_penalty": 0.5});
    vec![
        (
            OpenAi,
            Anthropic,
            sampled.clone(),
            &["frequency_penalty", "logit_bias", "presence_penalty", "seed"],
        ),
        (
            OpenAi,
            Responses,
            sampled.clone(),
            &["frequency_penalty", "logit_bias", "presence_penalty", "seed"],
        ),
        (OpenAi, Gemini, sampled, &["logit_bias"]),
        (OpenAi, Responses, json!({"stop": ["END"]}), &["stop"]),
        (
            Responses,
            Anthropic,
            json!({"tools": [{"type": "web_search"}], "top_logprobs": 2}),
            &["logprobs", "tools.web_search"],
        ),
        (Responses, Gemini, json!({"text": {"verbosity": "low"}}), &["verbosity"]),
        (
            Anthropic,
            OpenAi,
            json!({"top_k": 3, "mcp_servers": [{}]}),
            &["mcp_servers", "top_k"],
        ),
        (Anthropic, Responses, json!({"stop_sequences": ["END"]}), &["stop"]),
        (Gemini, OpenAi, json!({"generationConfig": {"topK": 3}}), &["top_k"]),
        (
            Gemini,
            Anthropic,
            json!({"tools": [{"googleSearch": {}}]}),
            &["tools.googleSearch"],
        ),
    ]
}

pub(crate) fn what_is_lost_is_named_in_a_header(runtime: Runtime) {
    let (gateway, _upstreams) = to_all(runtime, &json!({}));
    for (client, upstream, fields, names) in losses() {
        let body = question(client, &fields);
        let answer = gateway.raw(client.request(&client.path("s01_text", false), &token(upstream), &body));
        assert_eq!(answer.status, 200, "{client:?} to {upstream:?}: {}", answer.text());
        assert_eq!(dropped(&answer), names, "{client:?} to {upstream:?}");
    }
}

pub(crate) fn at_most_twenty_names_are_told(runtime: Runtime) {
    let (gateway, _upstreams) = to_all(runtime, &json!({}));
    let many: serde_json::Map<String, Value> = (0..50).map(|number| (format!("odd_{number}"), true.into())).collect();
    let body = question(Dialect::OpenAi, &many.into());
    let answer = gateway.raw(Dialect::OpenAi.request("/v1/chat/completions", &token(Dialect::Anthropic), &body));
    assert_eq!((answer.status, dropped(&answer).len()), (200, 20), "{}", answer.head);
    // A name that cannot stand in a header hides no other.
    let odd = json!({"a\r\nx-evil: 1": 1, "你好": 1, "b": 1, "c,d": 1, "long".repeat(1000): 1});
    let body = question(Dialect::OpenAi, &odd);
    let answer = gateway.raw(Dialect::OpenAi.request("/v1/chat/completions", &token(Dialect::Anthropic), &body));
    assert_eq!((answer.status, dropped(&answer)), (200, vec!["b"]), "{}", answer.head);
}

pub(crate) fn a_strict_route_refuses_what_would_be_lost(runtime: Runtime) {
    let (gateway, upstreams) = to_all(runtime, &json!({"strict": true}));
    for (client, upstream, fields, names) in losses() {
        let body = question(client, &fields);
        let answer = gateway.raw(client.request(&client.path("s01_text", false), &token(upstream), &body));
        assert_eq!(answer.status, 400, "{client:?} to {upstream:?}: {}", answer.text());
        refused(client, &answer);
        assert!(
            names.iter().any(|name| answer.text().contains(name)),
            "{}",
            answer.text()
        );
    }
    // All that was asked is whether OpenAI's upstream has another's path.
    let received = upstreams.iter().flat_map(|upstream| upstream.received());
    assert!(
        received
            .into_iter()
            .all(|request| request.line().contains(" /v1/messages "))
    );
    // What loses nothing passes.
    for (client, upstream) in different() {
        assert_eq!(
            gateway.raw(client.ask(&token(upstream), "s01_text", false)).status,
            200,
            "{client:?} to {upstream:?}"
        );
    }
}

/// The answer says that something is not supported, in the client's dialect.
fn refused(client: Dialect, answer: &Answer) {
    let (code, _) = client.error(&answer.json());
    match client {
        Dialect::OpenAi | Dialect::Responses => assert_eq!(code, "unsupported_parameter"),
        Dialect::Anthropic => assert_eq!(code, "invalid_request_error"),
        Dialect::Gemini => assert_eq!(code, "INVALID_ARGUMENT"),
    }
}

pub(crate) fn what_an_upstream_would_have_to_remember_is_refused(runtime: Runtime) {
    let (gateway, _upstreams) = to_all(runtime, &json!({}));
    for upstream in DIALECTS.into_iter().filter(|upstream| *upstream != Dialect::Responses) {
        let body = question(Dialect::Responses, &json!({"previous_response_id": "resp_1"}));
        // The upstream may have the path: whether it has is learned with the first request.
        let answers =
            [(); 2].map(|()| gateway.raw(Dialect::Responses.request("/v1/responses", &token(upstream), &body)));
        for answer in answers {
            assert_eq!(
                answer.error(),
                (400, "unsupported_parameter".into()),
                "{upstream:?}: {}",
                answer.text()
            );
            assert!(answer.text().contains("previous_response_id"), "{}", answer.text());
        }
    }
    for upstream in DIALECTS.into_iter().filter(|upstream| *upstream != Dialect::Gemini) {
        let body = question(Dialect::Gemini, &json!({"cachedContent": "cachedContents/x"}));
        let answer = gateway.raw(Dialect::Gemini.request("/v1beta/models/m:generateContent", &token(upstream), &body));
        assert_eq!(answer.status, 400, "{upstream:?}: {}", answer.text());
        refused(Dialect::Gemini, &answer);
    }
}

pub(crate) fn what_an_upstream_cannot_be_asked_for_is_refused(runtime: Runtime) {
    use Dialect::{Anthropic, Gemini, OpenAi, Responses};
    let (gateway, upstreams) = to_all(runtime, &json!({}));
    let sound = json!([{"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}}]}]);
    let file = json!([{"role": "user", "content": [{"type": "file", "file": {"file_id": "file-1"}}]}]);
    let several = json!({"generationConfig": {"candidateCount": 2}});
    for (client, upstream, fields) in [
        (OpenAi, Anthropic, json!({"n": 2})),
        (OpenAi, Responses, json!({"n": 2})),
        (Gemini, Anthropic, several.clone()),
        (Gemini, Responses, several),
        (OpenAi, Anthropic, json!({"messages": sound})),
        (OpenAi, Responses, json!({"messages": sound})),
        (OpenAi, Gemini, json!({"messages": file})),
    ] {
        let body = question(client, &fields);
        let answer = gateway.raw(client.request(&client.path("s01_text", false), &token(upstream), &body));
        assert_eq!(
            answer.status,
            400,
            "{client:?} to {upstream:?}, {fields}: {}",
            answer.text()
        );
        refused(client, &answer);
    }
    assert!(upstreams.iter().all(|upstream| upstream.received().is_empty()));
}

pub(crate) fn what_has_another_name_is_carried(runtime: Runtime) {
    use Dialect::{Anthropic, Gemini, OpenAi, Responses};
    let (gateway, upstreams) = to_all(runtime, &json!({}));
    let body = json!({"model": "s01_text", "max_completion_tokens": 50, "temperature": 0.5, "user": "u", "stop": "END",
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "hi"}],
        "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {"a": {"type": "string"}}}}}],
        "tool_choice": "required", "parallel_tool_calls": false});
    for upstream in [Responses, Anthropic, Gemini] {
        let answer = gateway.raw(OpenAi.request("/v1/chat/completions", &token(upstream), &body));
        assert_eq!(answer.status, 200, "{upstream:?}: {}", answer.text());
    }
    let received = |dialect: Dialect| -> Value {
        let place = DIALECTS.iter().position(|known| *known == dialect).unwrap();
        serde_json::from_str(&upstreams[place].only().text()).unwrap()
    };
    let responses = received(Responses);
    assert_eq!(responses["instructions"], "Be brief.");
    // The same for each turn of the conversation.
    assert_eq!(responses["prompt_cache_key"].as_str().map(str::len), Some(32));
    assert_eq!(
        (&responses["max_output_tokens"], &responses["store"]),
        (&json!(50), &json!(false))
    );
    assert_eq!(
        (&responses["tools"][0]["name"], &responses["tool_choice"]),
        (&json!("f"), &json!("required"))
    );
    let anthropic = received(Anthropic);
    assert_eq!(
        (&anthropic["system"][0]["text"], &anthropic["max_tokens"]),
        (&json!("Be brief."), &json!(50))
    );
    assert_eq!(
        anthropic["tool_choice"],
        json!({"type": "any", "disable_parallel_tool_use": true})
    );
    assert_eq!(
        (&anthropic["stop_sequences"], &anthropic["metadata"]["user_id"]),
        (&json!(["END"]), &json!("u"))
    );
    let gemini = received(Gemini);
    assert_eq!(gemini["systemInstruction"]["parts"][0]["text"], "Be brief.");
    assert_eq!(gemini["generationConfig"]["maxOutputTokens"], 50);
    assert_eq!(gemini["toolConfig"]["functionCallingConfig"]["mode"], "ANY");
}
