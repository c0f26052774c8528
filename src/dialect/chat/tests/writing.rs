//! What clients get.

use serde_json::{Value, json};

use super::{FORMAT, context, stream};
use crate::dialect::neutral::answer::Answer;
use crate::dialect::neutral::canonical::{self, strict};
use crate::dialect::neutral::event::{Context, Event, Finish, Usage};
use crate::dialect::neutral::opaque::mark;
use crate::dialect::neutral::request::{Tool, ToolCall};

/// Returns the data of each event of a stream.
fn data(stream: &[u8]) -> Vec<String> {
    let text = std::str::from_utf8(stream).unwrap();
    let blocks = text.split_terminator("\n\n");
    blocks
        .map(|block| block.strip_prefix("data: ").unwrap_or(block).to_owned())
        .collect()
}

/// Returns the chunks of a stream that has an end.
fn chunks(stream: &[u8]) -> Vec<Value> {
    let mut data = data(stream);
    assert_eq!(data.pop().as_deref(), Some("[DONE]"));
    data.iter().map(|data| serde_json::from_str(data).unwrap()).collect()
}

fn start() -> Event {
    Event::Start {
        id: "upstream".to_owned(),
        model: "upstream's".to_owned(),
    }
}

fn text(choice: u32, text: &str) -> Event {
    Event::Text {
        choice,
        text: text.to_owned(),
    }
}

fn call(index: u32, name: &str, arguments: &[&str]) -> Vec<Event> {
    let call = ToolCall {
        id: format!("call_{index}"),
        name: name.to_owned(),
        ..ToolCall::default()
    };
    let choice = 0;
    let pieces = arguments.iter().map(|text| Event::ToolArguments {
        choice,
        index,
        text: (*text).to_owned(),
    });
    let mut events = vec![Event::ToolStart { choice, index, call }];
    events.extend(pieces);
    events.push(Event::ToolEnd { choice, index });
    events
}

fn finish(choice: u32, reason: Finish) -> Event {
    let stop = None;
    Event::Finish { choice, reason, stop }
}

#[test]
fn what_is_written_means_what_was_read() {
    for fixture in canonical::fixtures("chat") {
        let events = canonical::read_whole(FORMAT.reader, &fixture.sse);
        let written = stream(&events, context());
        let verdict = strict::stream("chat", &written);
        let again = canonical::read_whole(FORMAT.reader, &written);
        fixture.expected.check(&fixture.name, &again);
        assert_eq!(
            canonical::canonical(&again),
            canonical::canonical(&events),
            "{}",
            fixture.name
        );
        let answer = Answer::of(&events);
        if answer.is_complete {
            let verdict = verdict.unwrap();
            assert_eq!(verdict.canonical, canonical::canonical(&events), "{}", fixture.name);
            assert_eq!(verdict.error, None, "{}", fixture.name);
            let body = (FORMAT.write_answer)(&answer, &context()).to_string();
            let whole = (FORMAT.read_answer)(body.as_bytes()).unwrap();
            fixture.expected.check(&fixture.name, &whole);
        }
    }
}

#[test]
fn each_choice_has_its_role_once_and_choices_begin_in_order() {
    let events = [start(), text(2, "c"), text(0, "a"), finish(0, Finish::Stop), Event::End];
    let chunks = chunks(&stream(&events, context()));
    let seen: Vec<(u64, bool, Value)> = chunks
        .iter()
        .map(|chunk| {
            let choice = &chunk["choices"][0];
            let has_role = choice["delta"]["role"] == "assistant";
            (
                choice["index"].as_u64().unwrap(),
                has_role,
                choice["finish_reason"].clone(),
            )
        })
        .collect();
    let none = Value::Null;
    assert_eq!(
        seen,
        [
            (0, true, none.clone()),
            (1, true, none.clone()),
            (2, true, none.clone()),
            (2, false, none.clone()),
            (0, false, none),
            (0, false, json!("stop")),
            (1, false, json!("stop")),
            (2, false, json!("stop")),
        ]
    );
    assert!(
        chunks
            .iter()
            .all(|chunk| chunk["model"] == "asked-for" && chunk["id"] == "chatcmpl-0192")
    );
}

#[test]
fn usage_is_in_the_last_chunk_only_and_only_for_those_who_want_it() {
    let usage = Event::Usage(Usage {
        input: 7,
        cached: 2,
        cache_write: 1,
        output: 3,
        reasoning: 1,
    });
    let events = [start(), usage, text(0, "a"), finish(0, Finish::Stop), Event::End];
    let wanted = chunks(&stream(&events, context()));
    let (last, before) = wanted.split_last().unwrap();
    assert_eq!(last["choices"], json!([]));
    assert_eq!(last["usage"]["total_tokens"], 10);
    assert_eq!(last["usage"]["prompt_tokens_details"]["cache_write_tokens"], 1);
    assert!(
        before
            .iter()
            .all(|chunk| chunk["usage"] == Value::Null && chunk.get("usage").is_some())
    );
    let unwanted = Context {
        include_usage: false,
        ..context()
    };
    assert!(
        chunks(&stream(&events, unwanted))
            .iter()
            .all(|chunk| chunk.get("usage").is_none())
    );
}

#[test]
fn an_error_ends_the_stream_without_its_end_mark() {
    let error = Event::Error {
        message: "busy".to_owned(),
        code: Some("overloaded_error".to_owned()),
        status: Some(529),
    };
    let events = [start(), text(0, "Par"), error, text(0, "tial"), Event::End];
    let data = data(&stream(&events, context()));
    assert_eq!(data.len(), 3);
    let last: Value = serde_json::from_str(&data[2]).unwrap();
    let error =
        json!({"message": "busy", "type": "service_unavailable_error", "param": null, "code": "server_is_overloaded"});
    assert_eq!(last, json!({ "error": error }));
}

#[test]
fn a_connection_is_kept_alive_by_comments() {
    let events = [Event::KeepAlive, start(), Event::KeepAlive];
    let data = data(&stream(&events, context()));
    assert_eq!((&*data[0], &*data[2]), (": ping", ": ping"));
}

#[test]
fn a_call_without_arguments_has_an_object_all_the_same() {
    let events = [
        vec![start()],
        call(0, "f", &[]),
        vec![finish(0, Finish::Stop), Event::End],
    ]
    .concat();
    let chunks = chunks(&stream(&events, context()));
    let first = &chunks[1]["choices"][0]["delta"]["tool_calls"][0];
    assert_eq!(
        *first,
        json!({"index": 0, "id": "call_0", "type": "function", "function": {"name": "f", "arguments": ""}})
    );
    assert_eq!(
        chunks[2]["choices"][0]["delta"]["tool_calls"],
        json!([{"index": 0, "function": {"arguments": "{}"}}])
    );
    assert_eq!(chunks[3]["choices"][0]["finish_reason"], "tool_calls");
}

#[test]
fn a_tool_with_free_text_is_one_again() {
    let tool = Tool {
        name: "shell".to_owned(),
        namespace: Some("ns".to_owned()),
        custom: Some(Value::Null),
        ..Tool::default()
    };
    let context = Context {
        tools: vec![("ns__shell".to_owned(), tool)],
        ..context()
    };
    let called = call(0, "ns__shell", &["{\"inp", "ut\":\"ls\\", "n\"}"]);
    let events = [vec![start()], called, vec![finish(0, Finish::ToolCalls), Event::End]].concat();
    let again = canonical::read_whole(FORMAT.reader, &stream(&events, context.clone()));
    let expected = json!([{"name": "shell", "arguments": {"_input": "ls\n"}}]);
    assert_eq!(canonical::canonical(&again)["choices"][0]["tool_calls"], expected);
    let whole = (FORMAT.write_answer)(&Answer::of(&events), &context);
    assert_eq!(
        whole["choices"][0]["message"]["tool_calls"],
        json!([{"id": "call_0", "type": "custom", "custom": {"name": "shell", "input": "ls\n"}}])
    );
}

/// An answer that has everything.
fn rich() -> Vec<Event> {
    let choice = 0;
    let owned = str::to_owned;
    [
        vec![
            start(),
            Event::Reasoning {
                choice,
                text: owned("a"),
            },
            Event::Reasoning {
                choice,
                text: owned("b"),
            },
            Event::Signature {
                choice,
                signature: owned("s"),
            },
            Event::Reasoning {
                choice,
                text: owned("c"),
            },
            Event::Encrypted {
                choice,
                data: owned("e"),
            },
            text(0, "é, "),
            text(0, "x"),
            Event::Logprobs {
                choice,
                content: vec![json!({"token": "x", "logprob": -0.5})],
            },
            Event::Citation {
                choice,
                url: Some(owned("https://e.x")),
                title: None,
                text: None,
            },
        ],
        call(0, "f", &["{\"a\"", ":1}"]),
        vec![
            Event::Finish {
                choice,
                reason: Finish::ToolCalls,
                stop: Some(owned("END")),
            },
            Event::End,
        ],
    ]
    .concat()
}

#[test]
fn everything_that_an_answer_has_is_written_in_both_forms() {
    let choice = 0;
    let events = rich();
    let answer = Answer::of(&events);
    let streamed = canonical::read_whole(FORMAT.reader, &stream(&events, context()));
    let body = (FORMAT.write_answer)(&answer, &context()).to_string();
    let whole = (FORMAT.read_answer)(body.as_bytes()).unwrap();
    for (form, events) in [("stream", streamed), ("whole", whole)] {
        canonical::check_order(form, &events);
        let mut found = Answer::of(&events);
        assert_eq!((&*found.id, &*found.model), ("chatcmpl-0192", "asked-for"));
        assert_eq!(found.choices[0].logprobs, answer.choices[0].logprobs, "{form}");
        assert_eq!(found.choices[0].stop.as_deref(), Some("END"), "{form}");
        found.choices[0].logprobs.clear();
        assert_eq!(canonical::signatures_of(&found), json!([mark("openai", "s")]), "{form}");
        let has = |wanted: &Event| events.contains(wanted);
        assert!(
            has(&Event::Encrypted {
                choice,
                data: mark("openai", "e")
            }),
            "{form}"
        );
        let title = Some(String::from("https://e.x"));
        assert!(
            has(&Event::Citation {
                choice,
                url: title.clone(),
                title,
                text: None
            }),
            "{form}"
        );
    }
    let message: Value = serde_json::from_str(&body).unwrap();
    let message = &message["choices"][0]["message"];
    assert_eq!(
        message["reasoning_details"],
        json!([
            {"type": "reasoning.text", "text": "ab", "signature": "s"},
            {"type": "reasoning.text", "text": "c"},
            {"type": "reasoning.encrypted", "data": "e"},
        ])
    );
    assert_eq!(message["annotations"][0]["url_citation"]["end_index"], 4);
}

#[test]
fn the_details_of_reasoning_can_be_put_together_by_their_index() {
    let choice = 0;
    let events = [
        start(),
        Event::Reasoning {
            choice,
            text: "a".to_owned(),
        },
        Event::Signature {
            choice,
            signature: "s".to_owned(),
        },
        Event::Encrypted {
            choice,
            data: "e".to_owned(),
        },
        Event::Reasoning {
            choice,
            text: "b".to_owned(),
        },
        finish(0, Finish::Stop),
        Event::End,
    ];
    let chunks = chunks(&stream(&events, context()));
    let details: Vec<&Value> = chunks
        .iter()
        .map(|chunk| &chunk["choices"][0]["delta"]["reasoning_details"][0])
        .filter(|detail| !detail.is_null())
        .collect();
    assert_eq!(
        details,
        [
            &json!({"index": 0, "type": "reasoning.text", "text": "a"}),
            &json!({"index": 0, "type": "reasoning.text", "signature": "s"}),
            &json!({"index": 1, "type": "reasoning.encrypted", "data": "e"}),
            &json!({"index": 2, "type": "reasoning.text", "text": "b"}),
        ]
    );
}
