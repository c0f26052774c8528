//! Whole answers and errors.

use super::*;
use crate::error::{Error, Kind};

#[test]
fn a_whole_answer_is_read_with_all_that_is_in_it() {
    let answer = json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [
        {"type": "thinking", "thinking": "hm", "signature": "S"},
        {"type": "redacted_thinking", "data": "R"},
        {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"query": "x"}},
        {"type": "text", "text": "ok", "citations": null},
        {"type": "tool_use", "id": "t", "name": "f", "input": {"a": [1, {"b": null}]}},
        {"type": "tool_use", "id": "u", "name": "g", "input": {}},
    ], "stop_reason": "tool_use", "stop_sequence": null,
    "usage": {"input_tokens": 1, "cache_read_input_tokens": 2, "cache_creation_input_tokens": null, "output_tokens": 3}});
    let events = (FORMAT.read_answer)(answer.to_string().as_bytes()).unwrap();
    let read = Answer::of(&events);
    assert!(read.is_complete);
    assert_eq!((read.id.as_str(), read.model.as_str()), ("msg_1", "m"));
    let usage = read.usage.unwrap();
    assert_eq!((usage.input, usage.cached, usage.output), (3, 2, 3));
    let expected = [
        "thinking:hm|S",
        "redacted_thinking:R",
        "text:ok",
        "tool_use:f {\"a\":[1,{\"b\":null}]}",
        "tool_use:g {}",
    ];
    assert_eq!(content(&whole(&events)), expected);
    assert_eq!(streamed_content(&streamed(&events)), expected);
}

#[test]
fn what_is_not_an_answer_is_not_read_as_one() {
    for body in [
        "",
        "{}",
        "[]",
        "<html>",
        r#"{"type":"error","error":{"type":"api_error","message":"m"}}"#,
    ] {
        assert_eq!((FORMAT.read_answer)(body.as_bytes()), None, "{body}");
    }
}

#[test]
fn ids_of_every_form_come_back_as_they_were() {
    for (id, signature) in [
        ("toolu_1", None),
        ("call_abc|x.y", None),
        ("functions.f:0", Some("AQI+/w==")),
        ("é", Some("gemini")),
    ] {
        let mut made = tool_call(id, "f", "");
        made.signature = signature.map(Into::into);
        let start_of_call = Event::ToolStart {
            choice: 0,
            index: 0,
            call: made.clone(),
        };
        let events = [
            start(),
            start_of_call,
            arguments(0, "{}"),
            call_end(0),
            finish(Finish::ToolCalls),
            Event::End,
        ];
        let block = whole(&events)["content"][0].clone();
        let sent = block["id"].as_str().unwrap();
        assert!(
            sent.bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte)),
            "{sent}"
        );
        let back = request(&json!({"messages": [{"role": "assistant", "content": [block]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": sent}]}]}));
        let said = format!("{:?}", back.messages);
        let crate::dialect::neutral::request::PartKind::ToolCall(read) = &back.messages[0].parts[0].kind else {
            panic!("{said}");
        };
        assert_eq!((&*read.id, read.signature.as_deref()), (id, signature));
        assert!(said.contains(&format!("ToolResult {{ id: {id:?}")), "{said}");
    }
}

#[test]
fn errors_of_the_gateway_have_the_type_of_their_status() {
    for (kind, expected) in [
        (Kind::InvalidJson, "invalid_request_error"),
        (Kind::InvalidApiKey, "authentication_error"),
        (Kind::Forbidden, "permission_error"),
        (Kind::ModelNotFound, "not_found_error"),
        (Kind::RequestTooLarge, "request_too_large"),
        (Kind::RateLimited, "rate_limit_error"),
        (Kind::UpstreamUnreachable, "api_error"),
        (Kind::Overloaded, "overloaded_error"),
        (Kind::UpstreamTimeout, "timeout_error"),
    ] {
        let body = (FORMAT.error_body)(&Error::new(kind, "m"));
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(
            (&body["type"], &body["error"]["type"]),
            (&json!("error"), &json!(expected))
        );
        assert_eq!(body["error"]["message"], "m");
    }
}

#[test]
fn a_conversation_that_is_too_long_is_said_to_be_so_in_the_words_that_claude_code_reads() {
    let message = |message: &str, code: Option<&str>, status| {
        let body = (FORMAT.upstream_error)(message, code, status);
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["error"]["type"], "invalid_request_error");
        body["error"]["message"].as_str().unwrap().to_owned()
    };
    for (given, code, expected) in [
        (
            "This model's maximum context length is 128000 tokens. However, your messages resulted in 130021 tokens.",
            Some("context_length_exceeded"),
            "prompt is too long: 130021 tokens > 128000 maximum",
        ),
        (
            "The input token count (1,200,000) exceeds the maximum number of tokens allowed (1048576).",
            Some("INVALID_ARGUMENT"),
            "prompt is too long: 1200000 tokens > 1048576 maximum",
        ),
        (
            "the request exceeds the available context size (4096 tokens), try increasing it",
            Some("exceed_context_size_error"),
            "prompt is too long: 4097 tokens > 4096 maximum",
        ),
        (
            "Your input exceeds the context window of this model.",
            Some("context_length_exceeded"),
            "prompt is too long: Your input exceeds the context window of this model.",
        ),
        (
            "prompt is too long: 250000 tokens > 200000 maximum",
            None,
            "prompt is too long: 250000 tokens > 200000 maximum",
        ),
        ("bad", None, "bad"),
    ] {
        assert_eq!(message(given, code, 400), expected);
    }
}
