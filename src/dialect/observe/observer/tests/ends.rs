//! How streams end, and what is written behind them.

use super::*;

/// What a client gets of a stream whose lines are sent when they are complete, without the words of a cut; and whether it was
/// cut.
fn sent(ending: Ending, stream: &str, broken: bool) -> (String, bool) {
    let mut observer = Observer::of(ending);
    observer.feed(stream.as_bytes());
    let begun = observer.held_len();
    let last = observer.last_words(broken, begun);
    let begun = if last.drops_line { begun } else { 0 };
    let text = stream[..stream.len() - begun].to_owned() + str::from_utf8(&last.words).unwrap();
    let cut = String::from_utf8(ending.truncated()).unwrap();
    (text.trim_end_matches(&cut).to_owned(), last.is_cut)
}

#[test]
fn an_event_that_was_left_open_is_closed() {
    let named = |name: &str| format!("event: {name}\ndata: {{\"type\":\"{name}\"}}");
    let long = format!(
        "data: {{\"type\":\"response.completed\",\"x\":\"{}\"}}",
        "x".repeat(40_000)
    );
    for (ending, before, open) in [
        (Ending::Done, CONTENT, STOP.trim_end().to_owned()),
        (Ending::Done, CONTENT, DONE.trim_end().to_owned()),
        (
            Ending::Done,
            STOP,
            "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3}}".to_owned(),
        ),
        (Ending::Response, "", named("response.completed")),
        (
            Ending::Response,
            "",
            "data: {\"type\":\"response.incomplete\"}".to_owned(),
        ),
        (Ending::Response, "", long),
        (Ending::Message, "", named("message_stop")),
        (Ending::Message, "", named("error")),
        (Ending::Unknown, "", "data: {\"a\":1}".to_owned()),
        (Ending::Unknown, "", named("transcript.text.done")),
    ] {
        for (line_end, missing) in [("", "\n\n"), ("\n", "\n"), ("\r\n", "\n"), ("\r", "\n\n")] {
            let stream = format!("{before}{open}{line_end}");
            assert_eq!(
                sent(ending, &stream, false),
                (format!("{stream}{missing}"), false),
                "{ending:?}"
            );
            let broken = sent(ending, &stream, true);
            let whole = ending == Ending::Unknown && open.contains("\"a\"");
            assert_eq!(broken, (format!("{stream}{missing}"), whole), "{ending:?}");
        }
        for closed in ["\n\n", "\r\n\r\n", "\r\r", "\n\n: after", "\n\n: after\n", "\n\nid: 5"] {
            let stream = format!("{before}{open}{closed}");
            assert_eq!(sent(ending, &stream, false), (stream, false), "{ending:?}");
        }
    }
}

#[test]
fn half_a_line_is_not_sent_in_front_of_an_error() {
    for (ending, stream, half, closing) in [
        (Ending::Done, CONTENT, "data: {\"choices\":[{\"del", ""),
        (Ending::Done, CONTENT, "data: [DON", ""),
        (Ending::Done, CONTENT, "dat", ""),
        (Ending::Done, CONTENT, ": wai", ""),
        (Ending::Done, "data: {}\n", "data: {\"a", "\n"),
        (Ending::Done, "data: {}\r\n", "data: {\"a", "\n"),
        (Ending::Done, "data: {}\r", "data: {\"a", "\n\n"),
        (
            Ending::Response,
            "event: response.completed\n",
            "data: {\"type\":\"response.comp",
            "event: error\n",
        ),
        (Ending::Message, "event: message_stop\n", "data: {\"type\":\"mess", ""),
        (Ending::Unknown, "event: x\n", "data: hell", "event: error\n"),
    ] {
        let cut = format!("{stream}{half}");
        for broken in [true, ending == Ending::Unknown] {
            assert_eq!(
                sent(ending, &cut, broken),
                (format!("{stream}{closing}"), true),
                "{cut}"
            );
        }
    }
    // Nothing is missing where all that was to be said was said.
    let stream = [CONTENT, STOP].concat();
    for broken in [true, false] {
        let cut = format!("{stream}data: {{\"choices\":[],\"usa");
        assert_eq!(sent(Ending::Done, &cut, broken), (stream.clone(), false));
    }
    // What is whole is not lost.
    let whole = [CONTENT, CONTENT.trim_end()].concat();
    assert_eq!(sent(Ending::Done, &whole, true), (whole + "\n\n", true));
}

/// One event of a choice; its reason is a word, or empty for none.
fn choice(index: u32, delta: &str, reason: &str) -> String {
    let reason = if reason.is_empty() {
        "null".to_owned()
    } else {
        format!("\"{reason}\"")
    };
    format!("data: {{\"choices\":[{{\"index\":{index},\"delta\":{delta},\"finish_reason\":{reason}}}]}}\n\n")
}

/// Checks whether a chat is complete that consists of these events.
#[track_caller]
fn check_complete(events: &[&str], complete: bool) {
    for broken in [true, false] {
        let (text, is_cut) = sent(Ending::Done, &events.concat(), broken);
        assert_eq!((text, !is_cut), (events.concat(), complete), "{events:?}");
    }
}

const TEXT: &str = "{\"content\":\"a\"}";
const USAGE: &str = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3}}\n\n";

#[test]
fn what_comes_behind_a_choices_end_makes_it_unfinished() {
    let (text, last, end) = (
        &*choice(0, TEXT, ""),
        &*choice(0, TEXT, "stop"),
        &*choice(0, "{}", "stop"),
    );
    let empty = choice(0, "{\"role\":\"assistant\",\"content\":\"\",\"tool_calls\":null}", "");
    let call = choice(0, "{\"tool_calls\":[{\"index\":0}]}", "");
    // Azure's filter comes behind the end.
    let filter = "data: {\"choices\":[{\"index\":0,\"content_filter_offsets\":{\"x\":1},\"finish_reason\":null}]}\n\n";
    let older = "data: {\"choices\":[{\"index\":0,\"text\":\"a\"}]}\n\n";
    check_complete(&[text, end], true);
    check_complete(&[text, end, text], false);
    check_complete(&[text, end, last], true);
    check_complete(&[last, text, end], true);
    check_complete(&[last, &choice(0, "{}", ""), &empty, USAGE], true);
    check_complete(&[last, &call], false);
    check_complete(&[last, filter], true);
    check_complete(&[last, older], false);
}

#[test]
fn every_choice_has_to_end_whatever_their_numbers_are() {
    let text = [0, 1, 2].map(|index| choice(index, TEXT, ""));
    let end = [0, 1, 2].map(|index| choice(index, "{}", "stop"));
    let [zero, one, two] = text.each_ref().map(String::as_str);
    let [_, one_ends, two_ends] = end.each_ref().map(String::as_str);
    check_complete(&[one, one_ends], true);
    check_complete(&[one, two, two_ends, one_ends, USAGE], true);
    check_complete(&[one, two, one_ends], false);
    check_complete(&[one, zero, one_ends], false);
    check_complete(&[&choice(1, TEXT, "stop"), zero], false);
    check_complete(&[USAGE], false);
}

#[test]
fn images_transcripts_and_speech_have_ends_of_their_own() {
    let event = |kind: &str| format!("data: {{\"type\":\"{kind}\",\"x\":\"{}\"}}\n\n", "x".repeat(20_000));
    for (part, last) in [
        ("image_generation.partial_image", "image_generation.completed"),
        ("image_edit.partial_image", "image_edit.completed"),
        ("transcript.text.delta", "transcript.text.done"),
        ("speech.audio.delta", "speech.audio.done"),
    ] {
        let complete = |kinds: &[&str]| {
            let stream: String = kinds.iter().map(|kind| event(kind)).collect();
            !sent(Ending::Unknown, &stream, false).1
        };
        assert!(complete(&[part, last]) && complete(&[last]) && complete(&[part, last, part, last]));
        // Another image may follow, and nothing behind a text or a sound.
        assert!(!complete(&[part]) && complete(&[part, last, part]) == last.ends_with(".done"));
        assert!(complete(&["something.else"]), "what is not known is believed");
    }
}
