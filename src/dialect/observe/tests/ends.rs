//! How streams end, and what is written behind them.

use super::*;

/// What a client gets of a stream whose lines are sent when they are complete, without the words of a cut; and whether it was cut.
fn sent(ending: Ending, stream: &str, broken: bool) -> (String, bool) {
    let mut observer = Observer::of(ending);
    observer.feed(stream.as_bytes());
    let begun = observer.unfinished();
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

#[test]
fn what_comes_behind_a_choices_end_makes_it_unfinished() {
    let event = |index: u32, delta: &str, reason: &str| {
        format!("data: {{\"choices\":[{{\"index\":{index},\"delta\":{delta},\"finish_reason\":{reason}}}]}}\n\n")
    };
    let (text, empty) = (
        "{\"content\":\"a\"}",
        "{\"role\":\"assistant\",\"content\":\"\",\"tool_calls\":null}",
    );
    let (stop, usage) = ("\"stop\"", "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3}}\n\n");
    for (events, complete) in [
        (vec![event(0, text, "null"), event(0, "{}", stop)], true),
        (
            vec![event(0, text, "null"), event(0, "{}", stop), event(0, text, "null")],
            false,
        ),
        (
            vec![event(0, text, "null"), event(0, "{}", stop), event(0, text, stop)],
            true,
        ),
        (
            vec![event(0, text, stop), event(0, text, "null"), event(0, "{}", stop)],
            true,
        ),
        (
            vec![
                event(0, text, stop),
                event(0, "{}", "null"),
                event(0, empty, "null"),
                usage.to_owned(),
            ],
            true,
        ),
        (
            vec![
                event(0, text, stop),
                event(0, "{\"tool_calls\":[{\"index\":0}]}", "null"),
            ],
            false,
        ),
        // Azure's filter has the last word.
        (
            vec![
                event(0, text, stop),
                "data: {\"choices\":[{\"index\":0,\"content_filter_offsets\":{\"x\":1},\"finish_reason\":null}]}\n\n"
                    .to_owned(),
            ],
            true,
        ),
        (
            vec![
                event(0, text, stop),
                "data: {\"choices\":[{\"index\":0,\"text\":\"a\"}]}\n\n".to_owned(),
            ],
            false,
        ),
        // Choices that are counted from one.
        (vec![event(1, text, "null"), event(1, "{}", stop)], true),
        (
            vec![
                event(1, text, "null"),
                event(2, text, "null"),
                event(2, "{}", stop),
                event(1, "{}", stop),
                usage.to_owned(),
            ],
            true,
        ),
        (
            vec![event(1, text, "null"), event(2, text, "null"), event(1, "{}", stop)],
            false,
        ),
        (
            vec![event(1, text, "null"), event(0, text, "null"), event(1, "{}", stop)],
            false,
        ),
        (vec![event(1, text, stop), event(0, text, "null")], false),
        (vec![usage.to_owned()], false),
    ] {
        for broken in [true, false] {
            let (text, is_cut) = sent(Ending::Done, &events.concat(), broken);
            assert_eq!((text, !is_cut), (events.concat(), complete), "{events:?}");
        }
    }
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
