//! Calls of tools in streams for clients.

use serde_json::{Value, json};

use super::scripts::{arguments, call, finish, start, text, tool_end, whole};
use super::strict::accumulate;
use super::writers::{context, kinds, write};
use crate::dialect::neutral::answer::Answer;
use crate::dialect::neutral::event::{Event, Finish};
use crate::dialect::responses::FORMAT;

#[test]
fn tools_are_called_by_the_names_that_the_client_gave_them() {
    let events = whole(
        [
            start(0, call("agents__close")),
            arguments(0, "{\"a\":1}"),
            tool_end(0),
            start(1, call("fs__patch")),
            arguments(1, "{\"input\":\"*** \\"),
            arguments(1, "u0042egin\\n"),
            arguments(1, "\"}"),
            tool_end(1),
        ],
        Finish::ToolCalls,
    );
    let stream = write(&events);
    let response = accumulate(&stream);
    let (close, patch) = (&response["output"][0], &response["output"][1]);
    assert_eq!(
        (&close["name"], &close["namespace"]),
        (&json!("close"), &json!("agents"))
    );
    assert_eq!((&patch["name"], &patch["namespace"]), (&json!("patch"), &json!("fs")));
    assert_eq!(
        (&patch["type"], &patch["input"]),
        (&json!("custom_tool_call"), &json!("*** Begin\n"))
    );
    let deltas = kinds(&stream)
        .iter()
        .filter(|kind| *kind == "custom_tool_call_input.delta")
        .count();
    assert_eq!(deltas, 2, "the text comes as it is written");
}

#[test]
fn calls_whose_arguments_are_mixed_and_text_between_them_follow_each_other() {
    let events = whole(
        [
            start(0, call("a")),
            start(1, call("b")),
            arguments(1, "{\"b\""),
            arguments(0, "{\"a\""),
            text("x"),
            start(2, call("c")),
            arguments(1, ":1"),
            text("y"),
            arguments(2, "{}"),
            arguments(0, ":1}"),
            tool_end(2),
            arguments(1, "}"),
            tool_end(1),
            tool_end(0),
            text("z"),
        ],
        Finish::ToolCalls,
    );
    let response = accumulate(&write(&events));
    let output = response["output"].as_array().unwrap();
    let said: Vec<&Value> = output
        .iter()
        .map(|item| {
            if item["type"] == "message" {
                &item["content"][0]["text"]
            } else {
                &item["arguments"]
            }
        })
        .collect();
    assert_eq!(said, ["{\"a\":1}", "{\"b\":1}", "x", "{}", "yz"]);
}

#[test]
fn calls_that_never_end_end_with_the_answer() {
    let events = whole(
        [
            start(0, call("a")),
            start(1, call("b")),
            arguments(1, "{}"),
            arguments(0, "{"),
        ],
        Finish::Length,
    );
    let response = accumulate(&write(&events));
    assert_eq!(response["status"], "incomplete");
    assert_eq!(response["incomplete_details"], json!({"reason": "max_output_tokens"}));
    assert_eq!(
        (&response["output"][0]["status"], &response["output"][1]["status"]),
        (&json!("completed"), &json!("incomplete"))
    );
    let response = accumulate(&write(&whole([text("a")], Finish::ContentFilter)));
    assert_eq!(response["incomplete_details"], json!({"reason": "content_filter"}));
}

#[test]
fn a_call_without_an_id_gets_one() {
    let mut nameless = call("f");
    nameless.id.clear();
    let events = whole([start(0, nameless), tool_end(0)], Finish::ToolCalls);
    let response = accumulate(&write(&events));
    assert!(
        response["output"][0]["call_id"]
            .as_str()
            .unwrap()
            .starts_with("call_0197")
    );
    assert_eq!(
        response["output"],
        (FORMAT.write_answer)(&Answer::of(&events), &context())["output"]
    );
}

#[test]
fn the_signature_of_a_call_stands_before_it() {
    let mut signed = call("f");
    signed.signature = Some("G".to_owned());
    let events = whole([start(0, signed), tool_end(0)], Finish::ToolCalls);
    let stream = accumulate(&write(&events));
    assert_eq!(stream["output"][0]["encrypted_content"], "ai-gateway:call:G");
    assert_eq!(stream["output"][1]["type"], "function_call");
    assert_eq!(
        stream["output"],
        (FORMAT.write_answer)(&Answer::of(&events), &context())["output"]
    );
}

#[test]
fn ten_megabytes_of_arguments_are_not_kept_more_often_than_they_are_written() {
    let mut events = vec![start(0, call("f"))];
    let piece = "x".repeat(1024);
    events.extend((0..10_240).map(|_| arguments(0, &piece)));
    events.push(tool_end(0));
    let (mut writer, mut out, mut most) = ((FORMAT.writer)(context()), Vec::new(), 0);
    for event in &events {
        out.clear();
        writer.write(event, &mut out);
        if matches!(event, Event::ToolArguments { .. }) {
            most = most.max(out.len());
        }
    }
    assert!(most < 2048, "{most}");
    out.clear();
    writer.write(&finish(Finish::ToolCalls), &mut out);
    writer.write(&Event::End, &mut out);
    assert!(out.len() > 10 << 20 && out.len() < 11 << 20, "{}", out.len());
}
