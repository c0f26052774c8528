//! The tokens of Anthropic's streams: each event names some of them.

use super::*;

fn tokens(events: &[&str]) -> Option<(Option<u64>, Option<u64>)> {
    let mut observer = Observer::of(Ending::Message);
    for event in events {
        observer.feed(event.as_bytes());
    }
    let usage = observer.usage()?;
    Some((usage.prompt_tokens, usage.completion_tokens))
}

const START: &str = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"content\":[],\"usage\":{\"input_tokens\":3,\"cache_read_input_tokens\":20,\"cache_creation_input_tokens\":100,\"output_tokens\":1}}}\n\n";
const TEXT: &str = "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"\\\"usage\\\":{\"}}\n\n";

fn delta(usage: &str) -> String {
    format!(
        "event: message_delta\ndata: {{\"type\":\"message_delta\",\"delta\":{{\"stop_reason\":\"end_turn\"}},\"usage\":{{{usage}}}}}\n\n"
    )
}

#[test]
fn the_last_of_each_number_counts_and_those_of_the_request_are_added() {
    let output = delta(r#""output_tokens":7"#);
    assert_eq!(tokens(&[]), None);
    assert_eq!(tokens(&[START]), Some((Some(123), Some(1))));
    assert_eq!(tokens(&[START, TEXT]), Some((Some(123), Some(1))));
    assert_eq!(tokens(&[START, TEXT, &output]), Some((Some(123), Some(7))));
    let all =
        delta(r#""input_tokens":4,"cache_read_input_tokens":30,"cache_creation_input_tokens":null,"output_tokens":7"#);
    assert_eq!(tokens(&[START, TEXT, &all]), Some((Some(134), Some(7))));
    assert_eq!(tokens(&[&output]), Some((None, Some(7))));
    let nameless: String = START.lines().skip(1).map(|line| format!("{line}\n")).collect();
    assert_eq!(tokens(&[&nameless, &output]), Some((Some(123), Some(7))));
    assert_eq!(
        tokens(&["event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"usage\":5}}\n\n"]),
        None
    );
}

#[test]
fn a_message_that_is_only_announced_has_not_begun() {
    let mut observer = Observer::of(Ending::Message);
    observer.feed(START.as_bytes());
    assert_eq!(*observer.beginning(), Beginning::Nothing);
    observer.feed(TEXT.as_bytes());
    assert_eq!(*observer.beginning(), Beginning::Content);
}
