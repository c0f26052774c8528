//! What a request loses on its way from one dialect into another, of the conversations in `request_pairs.json`.

use serde_json::{Value, json};

use super::pair::{ALL, Loss, Pair, lose};

/// All that is lost, or is said in another way: of conversations, changed in the upstream's own form of them.
const LOSSES: &[Loss] = &[
    (
        "r04_image_url",
        &["anthropic", "gemini"],
        &["chat"],
        |body| unset(body, "/messages/0/content/0/image_url", "detail"),
        "these clients do not say how closely to look",
    ),
    (
        "r04_image_url",
        &["anthropic", "gemini"],
        &["responses"],
        |body| set(body, "/input/0/content/0/detail", json!("auto")),
        "these clients do not say how closely to look, and the member is required",
    ),
    (
        "r10_tool_error_result",
        &["chat", "responses"],
        &["anthropic"],
        |body| {
            set(
                body,
                "/messages/2/content/0",
                json!({"type": "tool_result", "tool_use_id": "call_1", "content": "Error: station offline"}),
            );
        },
        "these clients say that a tool failed in its text only",
    ),
    (
        "r10_tool_error_result",
        &["chat", "responses"],
        &["gemini"],
        |body| {
            set(
                body,
                "/contents/2/parts/0/functionResponse/response",
                json!({"result": "Error: station offline"}),
            );
        },
        "these clients say that a tool failed in its text only",
    ),
    (
        "r11_json_schema",
        &["gemini"],
        &["chat"],
        |body| unset(body, "/response_format/json_schema", "strict"),
        "this client does not say whether the schema is held exactly",
    ),
    (
        "r11_json_schema",
        &["gemini"],
        &["responses"],
        |body| unset(body, "/text/format", "strict"),
        "this client does not say whether the schema is held exactly",
    ),
    (
        "r12_sampling_stop",
        &["responses"],
        &["chat"],
        |body| unset(body, "", "stop"),
        "this client has no stop texts",
    ),
    (
        "r12_sampling_stop",
        &["responses"],
        &["anthropic"],
        |body| unset(body, "", "stop_sequences"),
        "this client has no stop texts",
    ),
    (
        "r12_sampling_stop",
        &["responses"],
        &["gemini"],
        |body| unset(body, "/generationConfig", "stopSequences"),
        "this client has no stop texts",
    ),
    (
        "r12_sampling_stop",
        &["anthropic"],
        &["chat"],
        |body| set(body, "/stop", json!(["END"])),
        "this client cannot stop at white space",
    ),
    (
        "r12_sampling_stop",
        &["anthropic"],
        &["gemini"],
        |body| set(body, "/generationConfig/stopSequences", json!(["END"])),
        "this client cannot stop at white space",
    ),
    (
        "r12_sampling_stop",
        &["gemini"],
        &["chat", "responses"],
        |body| unset(body, "", "user"),
        "this client names no user",
    ),
    (
        "r12_sampling_stop",
        &["gemini"],
        &["anthropic"],
        |body| unset(body, "", "metadata"),
        "this client names no user",
    ),
    (
        "r13_reasoning_effort",
        &["anthropic"],
        &["responses"],
        |body| {
            set(body, "/reasoning/summary", json!("auto"));
            set(body, "/include", json!(["reasoning.encrypted_content"]));
        },
        "this client reads reasoning and sends it back unless it says otherwise",
    ),
    (
        "r13_reasoning_effort",
        &["anthropic"],
        &["anthropic"],
        |body| set(body, "/thinking/display", json!("summarized")),
        "this is what the client gets without saying it",
    ),
    (
        "r13_reasoning_effort",
        &["anthropic"],
        &["gemini"],
        |body| set(body, "/generationConfig/thinkingConfig/includeThoughts", json!(true)),
        "this client reads reasoning unless it says otherwise",
    ),
    (
        "r14_no_parallel",
        &["anthropic"],
        &["chat", "responses"],
        |body| set(body, "/tool_choice", json!("auto")),
        "this client says it in its choice of tools",
    ),
    (
        "r14_no_parallel",
        &["anthropic"],
        &["gemini"],
        |body| set(body, "/toolConfig", json!({"functionCallingConfig": {"mode": "AUTO"}})),
        "this client says it in its choice of tools",
    ),
    (
        "r14_no_parallel",
        &["gemini"],
        &["chat", "responses"],
        |body| unset(body, "", "parallel_tool_calls"),
        "this client cannot ask for it",
    ),
    (
        "r14_no_parallel",
        &["gemini"],
        &["anthropic"],
        |body| unset(body, "", "tool_choice"),
        "this client cannot ask for it",
    ),
    (
        "r15_pdf",
        &["gemini"],
        &["chat"],
        |body| set(body, "/messages/0/content/0/file/filename", json!("document.pdf")),
        "this client's documents have no names, and the member is required",
    ),
    (
        "r15_pdf",
        &["gemini"],
        &["responses"],
        |body| set(body, "/input/0/content/0/filename", json!("document.pdf")),
        "this client's documents have no names, and the member is required",
    ),
    (
        "r15_pdf",
        &["gemini"],
        &["anthropic"],
        |body| unset(body, "/messages/0/content/0", "title"),
        "this client's documents have no names",
    ),
    (
        "r17_thinking_history_with_tool",
        &["chat", "anthropic"],
        &["responses"],
        |body| {
            set(
                body,
                "/input/1",
                json!({"type": "reasoning", "id": "rs_1", "summary": [],
         "content": [{"type": "reasoning_text", "text": "need weather"}]}),
            );
        },
        "what proves reasoning is of one upstream only",
    ),
    (
        "r17_thinking_history_with_tool",
        &["chat", "responses", "anthropic"],
        &["gemini"],
        |body| {
            set(
                body,
                "/contents/1/parts",
                json!([{"text": "need weather", "thought": true},
         {"functionCall": {"id": "call_1", "name": "get_weather", "args": {"city": "Oslo"}}}]),
            );
        },
        "what proves a call is of one upstream only; reasoning goes as text",
    ),
    (
        "r17_thinking_history_with_tool",
        &["chat", "responses", "gemini"],
        &["anthropic"],
        |body| drop(body["messages"][1]["content"].as_array_mut().unwrap().remove(0)),
        "this upstream takes no reasoning that is not its own",
    ),
    (
        "r17_thinking_history_with_tool",
        &["gemini"],
        &["chat"],
        |body| unset(body, "/messages/1", "reasoning_content"),
        "this conversation has none there: the signature stands at the call",
    ),
    (
        "r17_thinking_history_with_tool",
        &["gemini"],
        &["responses"],
        |body| drop(body["input"].as_array_mut().unwrap().remove(1)),
        "this conversation has none there: the signature stands at the call",
    ),
];

fn set(body: &mut Value, pointer: &str, value: Value) {
    let (object, name) = pointer.rsplit_once('/').unwrap();
    match body.pointer_mut(object).unwrap() {
        Value::Array(list) => list[name.parse::<usize>().unwrap()] = value,
        object => object[name] = value,
    }
}

fn unset(body: &mut Value, object: &str, name: &str) {
    let object = body.pointer_mut(object).unwrap().as_object_mut().unwrap();
    object.remove(name).unwrap();
}

/// Returns what the upstream has to get: its own form of the conversation, without what is lost.
pub(super) fn wanted(name: &str, pair: Pair, own: &Value) -> Value {
    let mut wanted = own.clone();
    lose(LOSSES, name, pair, &mut wanted);
    wanted
}

#[test]
fn every_loss_has_a_reason() {
    for (name, from, to, _, why) in LOSSES {
        assert!(why.len() > 10, "{name}");
        assert!(from.iter().chain(*to).all(|dialect| ALL.contains(dialect)), "{name}");
    }
}
