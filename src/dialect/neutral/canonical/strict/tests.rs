use serde_json::json;

use super::*;
use crate::dialect::neutral::canonical::{Expected, fixtures};

const DIALECTS: [&str; 4] = ["chat", "anthropic", "responses", "gemini"];

#[test]
fn what_the_vendors_send_is_accepted_and_means_what_their_libraries_say() {
    let mut count = 0;
    for dialect in DIALECTS {
        for fixture in fixtures(dialect).iter().filter(|fixture| fixture.name.contains("/s")) {
            let verdict = stream(dialect, &fixture.sse);
            if fixture.name.ends_with("s14_truncated") {
                assert!(verdict.is_err(), "{}", fixture.name);
                continue;
            }
            let verdict = verdict.unwrap_or_else(|wrong| panic!("{}: {wrong}", fixture.name));
            match &fixture.expected {
                Expected::Complete { choices, usage, .. } => {
                    assert_eq!(verdict.error, None, "{}", fixture.name);
                    assert_eq!(verdict.canonical["choices"], *choices, "{}", fixture.name);
                    assert_eq!(Some(&verdict.canonical["usage"]), usage.as_ref(), "{}", fixture.name);
                }
                Expected::Broken { text } => {
                    assert!(verdict.error.is_some(), "{}", fixture.name);
                    assert_eq!(verdict.canonical["choices"][0]["text"], **text, "{}", fixture.name);
                }
                Expected::Empty => panic!("{}", fixture.name),
            }
            count += 1;
        }
    }
    assert_eq!(count, 17 * 4);
}

#[test]
fn what_makes_a_library_fail_is_refused() {
    let broken = [
        ("chat/x04_usage_in_every_chunk", "usage beside a choice"),
        ("chat/x07_missing_done", "usage beside a choice"),
        ("chat/x08_missing_done_and_final_blank_line", "no empty line"),
        ("chat/x11_error_event_named_vllm", "object"),
        ("chat/x13_tool_id_name_repeated_every_chunk", "the id again"),
        ("chat/x14_role_repeated_every_chunk", "the role again"),
        ("chat/x23_bom_at_start", "byte order mark"),
        ("chat/x26_gemini_compat_no_index", "index"),
        ("chat/x28_second_call_args_on_index0_no_id", "arguments"),
        ("chat/x29_finish_stop_but_tool_calls", "the finish does not say so"),
        ("anthropic/x08_unknown_event_and_delta", "what is"),
        ("anthropic/x11_missing_message_stop", "no end"),
        ("anthropic/x14_index_gap", "out of turn"),
        ("responses/x08_no_event_names_with_done", "is None"),
        ("responses/x10_delta_before_item_added", "no item is open"),
        ("gemini/x10_snake_case_fields", "camel case"),
        ("gemini/x11_multiline_error_not_sse", "no empty line"),
    ];
    for (name, rule) in broken {
        let (dialect, _) = name.split_once('/').unwrap();
        let fixtures = fixtures(dialect);
        let fixture = fixtures.iter().find(|fixture| fixture.name == name).unwrap();
        let wrong = stream(dialect, &fixture.sse).expect_err(name);
        assert!(wrong.contains(rule), "{name}: {wrong}");
    }
}

/// A stream, a text in it, what stands there instead, and the rule that this breaks.
#[rustfmt::skip]
const CHANGES: &[(&str, &str, &str, &str)] = &[
    ("chat/s04_parallel_tools", r#""index":1,"id""#, r#""index":2,"id""#, "out of turn"),
    ("chat/s04_parallel_tools", r#""type":"function","#, "", "the type of a call"),
    ("chat/s01_text", r#""finish_reason":"stop""#, r#""finish_reason":null"#, "no finish"),
    ("chat/s01_text", "data: [DONE]\n\n", "", "no end"),
    ("chat/s01_text", r#""role":"assistant","#, "", "no role"),
    ("chat/s11_midstream_error", r#","param":null"#, "", "param"),
    ("anthropic/s01_text", "event: message_stop", "event: stop", "is"),
    ("anthropic/s04_parallel_tools", r#""index":1"#, r#""index":2"#, "out of turn"),
    ("anthropic/s03_tool_args_split", "input_json_delta", "text_delta", "to a block"),
    ("anthropic/s01_text", "end_turn", "tool_use", "none is there"),
    ("anthropic/s05_text_then_tool", "toolu_", "toolu.", "the id"),
    ("anthropic/s06_reasoning_text", r#""signature":"""#, r#""sig":"""#, "signature"),
    ("responses/s01_text", r#""sequence_number":3"#, r#""sequence_number":4"#, "sequence_number"),
    ("responses/s01_text", "event: response.completed", "event: completed", "is Some"),
    ("responses/s01_text", r#""completed","background":false,"#, r#""completed","id":"resp_2","background":false,"#, "became"),
    ("responses/s03_tool_args_split", r#""arguments":""}"#, r#""arguments":"{}"}"#, "at the start"),
    ("responses/s04_parallel_tools", r#""output_index":1"#, r#""output_index":0"#, "out of turn"),
    ("gemini/s01_text", "data: ", "data:", "what is"),
    ("gemini/s01_text", r#""finishReason":"STOP""#, r#""x":1"#, "no finish"),
    ("gemini/s04_parallel_tools", r#""args":{"#, r#""args":1,"b":{"#, "args"),
];

#[test]
fn every_rule_is_held() {
    for (name, from, to, rule) in CHANGES.iter().copied() {
        let (dialect, _) = name.split_once('/').unwrap();
        let fixtures = fixtures(dialect);
        let fixture = fixtures.iter().find(|fixture| fixture.name == name).unwrap();
        let text = String::from_utf8(fixture.sse.clone()).unwrap();
        let changed = text.replace(from, to);
        assert_ne!(changed, text, "{name} has no {from}");
        let wrong = stream(dialect, changed.as_bytes()).expect_err(name);
        assert!(wrong.contains(rule), "{name} {from}: {wrong}");
    }
}

#[test]
fn an_array_of_chunks_is_a_stream_too() {
    let chunk = |text: &str, finish: &str| {
        format!(
            r#"{{"candidates":[{{"content":{{"role":"model","parts":[{{"text":"{text}"}}]}}{finish}}}],"modelVersion":"m","responseId":"r"}}"#
        )
    };
    let text = format!("[{},\r\n{}]", chunk("a", ""), chunk("b", r#","finishReason":"STOP""#));
    let verdict = stream("gemini array", text.as_bytes()).unwrap();
    assert_eq!(verdict.canonical["choices"][0]["text"], "ab");
    assert!(stream("gemini array", text.trim_end_matches(']').as_bytes()).is_err());
}

#[test]
fn whole_answers_are_judged_as_well() {
    let call = json!({"name": "f", "arguments": {"a": 1}});
    let said =
        json!([{"text": "Hi", "reasoning": "hm", "refusal": null, "tool_calls": [call], "finish": "tool_calls"}]);
    let canonical = json!({"choices": said, "usage": {"input": 9, "output": 12, "cached": 1, "reasoning": 2}});
    let answers = [
        (
            "chat",
            "id",
            json!({"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [{"index": 0,
            "message": {"role": "assistant", "content": "Hi", "reasoning_content": "hm", "tool_calls": [{"id": "call_1",
                "type": "function", "function": {"name": "f", "arguments": "{\"a\":1}"}}]}, "finish_reason": "tool_calls"}],
            "usage": {"prompt_tokens": 9, "completion_tokens": 12, "total_tokens": 21,
                "prompt_tokens_details": {"cached_tokens": 1}, "completion_tokens_details": {"reasoning_tokens": 2}}}),
        ),
        (
            "anthropic",
            "stop_sequence",
            json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [
            {"type": "thinking", "thinking": "hm", "signature": "S=="}, {"type": "text", "text": "Hi"},
            {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"a": 1}}],
            "stop_reason": "tool_use", "stop_sequence": null, "usage": {"input_tokens": 6, "cache_read_input_tokens": 1,
                "cache_creation_input_tokens": 2, "output_tokens": 12, "output_tokens_details": {"thinking_tokens": 2}}}),
        ),
        (
            "responses",
            "tool_choice",
            json!({"id": "resp_1", "object": "response", "created_at": 1, "status": "completed", "error": null,
            "incomplete_details": null, "instructions": null, "metadata": {}, "model": "m", "parallel_tool_calls": true,
            "temperature": null, "tool_choice": "auto", "tools": [], "top_p": null, "output": [
                {"id": "rs_1", "type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]},
                {"id": "msg_1", "type": "message", "status": "completed", "role": "assistant",
                    "content": [{"type": "output_text", "text": "Hi", "annotations": []}]},
                {"id": "fc_1", "type": "function_call", "call_id": "call_1", "name": "f", "arguments": "{\"a\":1}",
                    "status": "completed"}],
            "usage": {"input_tokens": 9, "input_tokens_details": {"cached_tokens": 1}, "output_tokens": 12,
                "output_tokens_details": {"reasoning_tokens": 2}, "total_tokens": 21}}),
        ),
        (
            "gemini",
            "responseId",
            json!({"candidates": [{"content": {"role": "model", "parts": [{"text": "hm", "thought": true},
            {"text": "Hi"}, {"functionCall": {"name": "f", "args": {"a": 1}}}]}, "finishReason": "STOP", "index": 0}],
            "usageMetadata": {"promptTokenCount": 9, "candidatesTokenCount": 10, "thoughtsTokenCount": 2,
                "cachedContentTokenCount": 1, "totalTokenCount": 21}, "modelVersion": "m", "responseId": "r"}),
        ),
    ];
    for (dialect, needed, mut document) in answers {
        assert_eq!(answer(dialect, &document), Ok(canonical.clone()), "{dialect}");
        document.as_object_mut().unwrap().remove(needed);
        assert!(answer(dialect, &document).is_err(), "{dialect} without {needed}");
    }
}
