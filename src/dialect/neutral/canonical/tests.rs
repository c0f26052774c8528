use super::*;
use crate::dialect::neutral::request::ToolCall;

fn call(index: u32) -> Event {
    let call = ToolCall {
        id: "1".into(),
        name: "f".into(),
        namespace: None,
        arguments: String::new(),
        is_custom: false,
        signature: None,
    };
    Event::ToolStart { choice: 0, index, call }
}

#[test]
fn every_stream_has_an_expectation_that_can_be_read() {
    for dialect in ["chat", "anthropic", "responses", "gemini"] {
        let fixtures = fixtures(dialect);
        let count = fixtures.iter().filter(|fixture| fixture.name.contains("/s")).count();
        assert_eq!(count, 18, "{dialect}");
    }
}

#[test]
fn events_are_put_into_the_canonical_form() {
    let text = |text: &str| Event::Text {
        choice: 0,
        text: text.into(),
    };
    let arguments = Event::ToolArguments {
        choice: 0,
        index: 0,
        text: "{\"a\": 1}".into(),
    };
    let finish = Event::Finish {
        choice: 0,
        reason: Finish::ToolCalls,
        stop: None,
    };
    let end = Event::ToolEnd { choice: 0, index: 0 };
    let start = Event::Start {
        id: "1".into(),
        model: "m".into(),
    };
    let events = [start, text("a"), call(0), text("b"), arguments, end, finish, Event::End];
    let expected = json!([{"text": "ab", "reasoning": "", "refusal": null, "finish": "tool_calls",
        "tool_calls": [{"name": "f", "arguments": {"a": 1}}]}]);
    assert_eq!(canonical(&events), json!({"choices": expected, "usage": null}));
    check_order("", &events);
}

#[test]
fn a_wrong_order_is_seen() {
    let start = || Event::Start {
        id: String::new(),
        model: String::new(),
    };
    let wrong = [
        vec![Event::End, Event::End],
        vec![start(), start()],
        vec![
            start(),
            Event::Text {
                choice: 0,
                text: String::new(),
            },
        ],
        vec![start(), call(1)],
        vec![start(), Event::ToolEnd { choice: 0, index: 0 }],
        vec![start(), call(0), Event::End],
        vec![Event::Usage(Default::default())],
    ];
    for events in wrong {
        assert!(
            std::panic::catch_unwind(|| check_order("", &events)).is_err(),
            "{events:?}"
        );
    }
}

/// A reader to which all is text.
struct Plain;

impl ReadStream for Plain {
    fn read(&mut self, name: &str, data: &str, events: &mut Vec<Event>) {
        let text = format!("{name}={data}\n");
        events.push(Event::Text { choice: 0, text });
    }

    fn end(&mut self, events: &mut Vec<Event>) {
        events.push(Event::End);
    }
}

#[test]
fn a_stream_comes_in_any_pieces() {
    let sse = ": hi\n\nevent: é\ndata: 1\n\ndata: 2".as_bytes();
    let new: NewReader = || Box::new(Plain);
    let whole = read_whole(new, sse);
    assert_eq!(whole.len(), 4);
    assert_eq!(canonical(&whole)["choices"][0]["text"], "é=1\n=2\n");
    at_random_places(64, |places| assert_eq!(read(new, cut(sse, places)), whole));
}

#[test]
fn a_wrong_reader_is_judged_to_be_wrong() {
    let judged = std::panic::catch_unwind(|| judge("chat", || Box::new(Plain)));
    assert!(judged.is_err());
}
