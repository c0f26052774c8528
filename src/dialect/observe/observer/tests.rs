//! What the observer makes of streams, whole and in pieces.

mod ends;
mod gemini;
mod long;
mod messages;

use proptest::prelude::*;

use super::*;

const CONTENT: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hi\"},\"finish_reason\":null}]}\n\n";
const STOP: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
const DONE: &str = "data: [DONE]\n\n";

fn watched(pieces: &[&str]) -> Observer {
    let mut observer = Observer::default();
    for piece in pieces {
        observer.feed(piece.as_bytes());
    }
    observer
}

/// What is written behind a stream whose bytes have all been sent; nothing where it was not cut.
fn words(pieces: &[&str], broken: bool) -> Option<String> {
    let last = watched(pieces).last_words(broken, 0);
    last.is_cut.then(|| String::from_utf8(last.words).unwrap())
}

#[test]
fn a_stream_that_ends_as_it_should_gets_no_last_words() {
    for stream in [
        &[CONTENT, STOP, DONE][..],
        &[CONTENT, DONE],
        &[CONTENT, STOP],
        &[CONTENT, "data:[DONE]"],
        &[
            "data: {\"choices\":[{\"index\":1,\"delta\":{}}]}\r\n\r\n",
            "data: {\"choices\":[{\"index\":1,\"finish_reason\":\"stop\"},{\"finish_reason\":\"length\"}]}\r\n\r\n",
        ],
        &[CONTENT, "data: {\"error\":{\"message\":\"overloaded\"}}\n\n"],
        &["data: {\"choices\":[{\"index\":null,\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":3.5}}\n\n"],
        &["data: {\"choices\":\ndata: [{\"finish_reason\": \"stop\"}]}\n\n"],
        &["\u{feff}data: {\"choices\":[{\"finish_reason\":\"stop\"}]}\n\n"],
    ] {
        assert_eq!(words(stream, false), None, "{stream:?}");
    }
    assert_eq!(words(&[CONTENT, STOP], true), None, "every choice said why it ended");
    assert_eq!(
        words(&[CONTENT, DONE], true),
        None,
        "what breaks behind the end mark is of no interest"
    );
}

#[test]
fn a_cut_stream_is_closed_with_an_error() {
    let error = String::from_utf8(Ending::Done.truncated()).unwrap();
    assert!(
        error.starts_with("data: {\"error\":{")
            && error.contains("\"upstream_stream_truncated\"")
            && error.ends_with("}\n\n")
    );
    for (stream, closing) in [
        (&[][..], ""),
        (&[CONTENT], ""),
        (
            &[
                CONTENT,
                "data: {\"choices\":[{\"index\":1,\"error\":{\"message\":\"m\"},\"finish_reason\":\"error\"}]}\n\n",
            ],
            "",
        ),
        (&[CONTENT, "data: {\"choices\":[{\"delta\":{\"content\":\"a"], "\n\n"),
        (&[CONTENT, "data: {}\n"], "\n"),
        (&[CONTENT, "data: {}\r\n"], "\n"),
        // No blank line: a byte order mark stands at the beginning of a stream.
        (&[CONTENT, "data: {}\n\u{feff}\n"], "\n"),
        (&[CONTENT, "data: {}\r\n\r\n"], ""),
        (&[CONTENT, "data: {}\r"], "\n\n"),
        (&[CONTENT, "data: {}\r\n\r"], ""),
        (&[CONTENT, "data: {\"choices\":[{\"finish_reason\": \"le"], "\n\n"),
        (&[CONTENT, "data: [DON"], "\n\n"),
        (&[CONTENT, ": waiting\n"], ""),
        // Some clients read an event where one has a name and no data.
        (&[CONTENT, "event: x\n"], "event: error\n"),
        (&[CONTENT, "event: x\r"], "event: error\n"),
        (&["data: {\"choices\":[{\"index\":1}]}\n\n", STOP], ""),
        (
            &[
                CONTENT,
                "event: error\ndata: {\"message\":\"clients of this API look for an `error`\"}\n\n",
            ],
            "",
        ),
    ] {
        assert_eq!(words(stream, false), Some(format!("{closing}{error}")), "{stream:?}");
    }
    assert_eq!(words(&[CONTENT], true), Some(error), "it broke");
}

#[test]
fn a_finish_reason_in_the_answers_text_is_text() {
    let text = "data: {\"choices\":[{\"delta\":{\"content\":\"{\\\"finish_reason\\\":\\\"stop\\\"}\"}}]}\n\n";
    assert!(words(&[text], false).is_some());
}

#[test]
fn the_beginning_is_the_first_event_that_counts() {
    let beginning = |pieces: &[&str]| watched(pieces).beginning().clone();
    assert_eq!(
        beginning(&[": OPENROUTER PROCESSING\n\n", "data:\n\n", "data: {\"choices\":[]}\n\n"]),
        Beginning::Nothing
    );
    let role = r#"data: {"choices":[{"index":0,"delta":{"role":"assistant","content":"","refusal":null},"finish_reason":null}]}"#;
    assert_eq!(beginning(&[role, "\n\n"]), Beginning::Nothing);
    for delta in [
        r#"{"content":"a"}"#,
        r#"{"tool_calls":[{"index":0}]}"#,
        r#"{"reasoning_content":"hm"}"#,
    ] {
        let event = format!("data: {{\"choices\":[{{\"delta\":{delta}}}]}}\n\n");
        assert_eq!(beginning(&[role, "\n\n", &event]), Beginning::Content, "{delta}");
    }
    assert_eq!(beginning(&[": x\n\n", CONTENT]), Beginning::Content);
    let accepted = "event: response.created\ndata: {\"type\":\"response.created\",\"response\":{\"error\":null}}\n\n";
    assert_eq!(beginning(&[accepted]), Beginning::Nothing);
    let item = "data: {\"type\":\"response.output_item.added\"}\n\n";
    assert_eq!(beginning(&[accepted, item]), Beginning::Content);
    let error = Beginning::Error(b"{\"error\":{\"code\":\"server_error\"}}".to_vec());
    let failed = "data: {\"type\":\"response.failed\",\"response\":{\"error\":{\"code\":\"server_error\"}}}\n\n";
    assert_eq!(beginning(&[accepted, failed]), error);
    assert_eq!(
        beginning(&["event: error\ndata: {\"code\":\"server_error\"}\n\n"]),
        error
    );
    let typed = "data: {\"type\":\"error\",\"code\":5}\n\n";
    assert_eq!(
        beginning(&[accepted, typed]),
        Beginning::Error(b"{\"error\":{\"type\":\"error\",\"code\":5}}".to_vec())
    );
    let legacy = |text: &str| format!("data: {{\"choices\":[{{\"index\":0,\"text\":\"{text}\"}}]}}\n\n");
    assert_eq!(beginning(&[&legacy("")]), Beginning::Nothing);
    assert_eq!(beginning(&[&legacy("a")]), Beginning::Content);
    assert_eq!(beginning(&[DONE]), Beginning::Empty);
    assert_eq!(
        beginning(&["data: {\"error\":{\"code\":429}}\n\n", CONTENT]),
        Beginning::Error(b"{\"error\":{\"code\":429}}".to_vec())
    );
    assert_eq!(
        beginning(&["data: {\"object\":\"error\",\"code\":400}\n\n"]),
        Beginning::Error(b"{\"object\":\"error\",\"code\":400}".to_vec())
    );
}

#[test]
fn a_first_event_may_stand_in_several_lines() {
    for (event, beginning) in [
        (
            "data: {\"error\":\ndata: {\"code\":429}}\n\n",
            Beginning::Error(b"{\"error\":\n{\"code\":429}}".to_vec()),
        ),
        (
            "data: [\ndata: {\"error\":{\"code\":429}}\ndata: ]\n\n",
            Beginning::Error(b"[\n{\"error\":{\"code\":429}}\n]".to_vec()),
        ),
        ("data: {\ndata: \"choices\":[]}\n\n", Beginning::Nothing),
        ("data: {\ndata: \"choices\":[{\"text\":\"a\"}]}\n\n", Beginning::Content),
        ("data: {\ndata: what\n\n", Beginning::Content),
        ("data: {\ndata: \"choices\":[{\"text\":\"a\"}]}\n", Beginning::Nothing),
    ] {
        assert_eq!(*watched(&[event]).beginning(), beginning, "{event}");
    }
    let mut endless = Observer::default();
    endless.feed("data: {\n".repeat(LINE_LIMIT).as_bytes());
    assert!(endless.events.data_lines.is_empty() && *endless.beginning() == Beginning::Content);
}

#[test]
fn other_endpoints_end_in_their_own_way() {
    let words = |ending, stream: &str| {
        let mut observer = Observer::of(ending);
        observer.feed(stream.as_bytes());
        observer.last_words(false, 0).is_cut
    };
    let begun = "event: response.created\ndata: {\"type\":\"response.created\"}\n\n";
    for end in ["completed", "failed", "incomplete", "cancelled", "canceled"] {
        let stream = format!("{begun}event: response.{end}\ndata: {{\"type\":\"response.{end}\"}}\n\n");
        assert!(!words(Ending::Response, &stream), "{end}");
    }
    let failed = "event: error\ndata: {\"type\":\"error\",\"code\":\"server_error\"}\n\n";
    assert!(!words(Ending::Response, failed));
    assert!(words(Ending::Response, begun) && !words(Ending::Unknown, begun));
    assert!(Observer::of(Ending::Unknown).last_words(true, 0).is_cut);
}

#[test]
fn a_response_is_complete_when_its_last_event_is() {
    let words = |stream: &str| {
        let mut observer = Observer::of(Ending::Response);
        stream.as_bytes().chunks(1000).for_each(|piece| observer.feed(piece));
        let last = observer.last_words(false, 0);
        last.is_cut.then(|| last.words.starts_with(b"\n"))
    };
    let long = format!(
        "{{\"type\":\"response.completed\",\"response\":\"{}\"}}",
        "x".repeat(2 * LINE_LIMIT)
    );
    let name = "event: response.completed\n";
    for data in ["{\"type\": \"response.completed\"}", &long] {
        assert_eq!(words(&format!("{name}data: {data}\n\n")), None);
        assert_eq!(words(&format!("{name}data: {}", &data[..data.len() - 1])), Some(true));
    }
    assert_eq!(words(name), Some(false));
    assert_eq!(
        words("data: {\"type\": \"response.completed\"}\n\n"),
        None,
        "without a name"
    );
    let spoken = "data: {\"type\":\"response.output_text.delta\",\"delta\":\"response.completed\"}\n\n";
    assert_eq!(words(spoken), Some(false));
}

#[test]
fn usage_is_read_wherever_it_stands() {
    let usage = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":5}}\n\n";
    let seen = watched(&[CONTENT, "data: {\"choices\":[],\"usage\":null}\n\n", usage, DONE])
        .usage()
        .unwrap();
    assert_eq!((seen.prompt_tokens, seen.completion_tokens), (Some(3), Some(5)));
}

#[test]
fn a_stream_is_over_at_its_end_mark_be_its_line_complete_or_not() {
    let completed = "data: {\"type\":\"response.completed\",\"response\":{}}";
    for (ending, stream, is_over) in [
        (Ending::Done, "data: [DONE]\n", true),
        (Ending::Done, "data: [DONE]", true),
        (Ending::Done, "data: [DON", false),
        (Ending::Done, STOP, false),
        (Ending::Done, completed, false),
        (Ending::Response, completed, true),
        (Ending::Response, &completed[..completed.len() - 1], false),
        (Ending::Response, "event: response.completed\ndata: {}", true),
        (Ending::Response, "event: response.completed\ndata: {", false),
        (Ending::Message, "event: message_stop\n", false),
        (Ending::Unknown, "data: {}", false),
        (Ending::Unknown, "data: {\"type\":\"speech.audio.done\"}\n", true),
        // Another image may follow.
        (Ending::Unknown, "data: {\"type\":\"image_edit.completed\"}\n", false),
    ] {
        let mut observer = Observer::of(ending);
        observer.feed(stream.as_bytes());
        assert_eq!(observer.is_over(), is_over, "{stream}");
    }
}

proptest! {
    #[test]
    fn chunking_never_shows(cuts in proptest::collection::vec(0_usize..400, 0..12), end in 0_usize..400, crlf: bool, broken: bool) {
        let stream = [": hello\n\n", CONTENT, CONTENT, "data: {\"choices\":[{\"index\":1}],\"usage\":{\"prompt_tokens\":1}}\n\n", STOP, DONE].concat();
        let stream = if crlf { stream.replace('\n', "\r\n") } else { stream };
        let stream = &stream.as_bytes()[..end.min(stream.len())];
        let mut whole = Observer::default();
        whole.feed(stream);
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(stream.len())).collect();
        cuts.sort_unstable();
        let (mut pieces, mut from) = (Observer::default(), 0);
        for cut in cuts.into_iter().chain([stream.len()]) {
            pieces.feed(&stream[from..cut]);
            from = cut;
        }
        prop_assert_eq!(pieces.beginning(), whole.beginning());
        prop_assert_eq!(pieces.usage(), whole.usage());
        prop_assert_eq!(pieces.last_words(broken, end), whole.last_words(broken, end));
    }

    #[test]
    fn no_bytes_panic(chunks in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..60), 0..8)) {
        let mut observer = Observer::default();
        for chunk in &chunks {
            observer.feed(chunk);
        }
        let _ = observer.last_words(false, 9);
    }
}

#[test]
fn usage_is_read_wherever_a_stream_has_it() {
    for event in [
        "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4,\"input_tokens\":3}}\n\n",
        "data: {\"type\":\"response.completed\",\"response\":{\"usage\":{\"input_tokens\":3,\"output_tokens\":4}}}\n\n",
        "data: {\"choices\":[],\"x_groq\":{\"id\":\"r\",\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4}}}\n\n",
        "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\",\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4}}]}\n\n",
        "data: {\"type\":\"speech.audio.done\",\"usage\":{\"input_tokens\":3,\"output_tokens\":4,\"total_tokens\":7}}\n\n",
    ] {
        let usage = Usage {
            prompt_tokens: Some(3),
            completion_tokens: Some(4),
            ..Usage::default()
        };
        assert_eq!(watched(&[CONTENT, event]).usage(), Some(usage), "{event}");
    }
    assert_eq!(
        watched(&["data: {\"response\":\"tok\",\"usage\":null}\n\n"]).usage(),
        None
    );
}
