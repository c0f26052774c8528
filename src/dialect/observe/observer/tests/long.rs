//! Lines that are too long to be kept.

use super::*;

#[test]
fn a_line_without_end_takes_bounded_memory_and_is_content() {
    let mut observer = Observer::default();
    observer.feed(b"data: ");
    for _ in 0..64 {
        observer.feed(&[b'x'; 64 * 1024]);
    }
    assert_eq!(observer.line.capacity(), 0);
    assert!(observer.long.as_ref().unwrap().as_bytes().len() <= LINE_LIMIT);
    observer.feed(b"\n\n");
    assert_eq!(*observer.beginning(), Beginning::Content);
    observer.feed(DONE.as_bytes());
    assert!(!observer.last_words(false, 0).is_cut);
}

#[test]
fn a_long_line_is_read_as_a_short_one_is() {
    let text = "x\\n\\u00e9\\\"".repeat(LINE_LIMIT);
    let usage = r#""usage":{"prompt_tokens":3,"completion_tokens":4,"details":{"usage_type":1}}"#;
    let used = Some(Usage {
        prompt_tokens: Some(3),
        completion_tokens: Some(4),
        ..Usage::default()
    });
    let observed = |ending, data: &str, size: usize| {
        let mut observer = Observer::of(ending);
        let stream = format!("data: {data}\n\n");
        stream.as_bytes().chunks(size).for_each(|piece| observer.feed(piece));
        (observer.usage(), !observer.last_words(false, 0).is_cut)
    };
    for size in [1000, 20_000, 1 << 20] {
        let choice = |reason: &str| {
            format!(r#"{{"choices":[{{"delta":{{"content":"{text}"}},"index":1,"finish_reason":{reason}}}],{usage}}}"#)
        };
        for (reason, ends) in [("\"stop\"", true), ("null", false), ("\"\"", false)] {
            assert_eq!(observed(Ending::Done, &choice(reason), size), (used, ends), "{size}");
        }
        let spoken = choice("null").replace(r"x\n", r#"\"finish_reason\":\"x\""#);
        assert_eq!(observed(Ending::Done, &spoken, size), (used, false), "{size}");
        for completed in [
            format!(r#"{{"type":"response.completed","response":{{"output":"{text}",{usage}}}}}"#),
            format!(r#"{{"response":{{{usage},"output":["{text}"]}},"type":"response.completed"}}"#),
        ] {
            assert_eq!(observed(Ending::Response, &completed, size), (used, true), "{size}");
        }
    }
}

#[test]
fn what_says_nothing_yet_is_not_content_however_long_it_is() {
    let text = "x".repeat(3 * LINE_LIMIT);
    let tools = r#"{"type":"function","parameters":{"error":{"type":"string"}}},"#.repeat(2000);
    for event in [
        format!("event: response.created\ndata: {{\"response\":{{\"instructions\":\"{text}\"}}}}\n\n"),
        format!("data: {{\"type\":\"response.in_progress\",\"response\":{{\"tools\":[{tools}0]}}}}\n\n"),
        format!(
            "data: {{\"response\":{{\"instructions\":\"{text}\",\"tools\":[{tools}0]}},\"type\":\"response.queued\"}}\n\n"
        ),
        format!("data: {{\"message\":{{\"content\":\"{text}\"}},\"type\":\"message_start\"}}\n\n"),
        format!("event: ping\ndata: {text}\n\n"),
        format!(": {text}\n\n"),
        format!("data: {{\"prompt_filter_results\":\"{text}\",\"choices\":[]}}\n\n"),
    ] {
        for size in [7, 1400, 1 << 20] {
            let mut observer = Observer::of(Ending::Response);
            event.as_bytes().chunks(size).for_each(|piece| observer.feed(piece));
            assert_eq!(*observer.beginning(), Beginning::Nothing, "{size} {}", &event[..60]);
            observer.feed(b"data: {\"type\":\"response.failed\",\"response\":{\"error\":{\"code\":\"x\"}}}\n\n");
            assert_eq!(
                *observer.beginning(),
                Beginning::Error(b"{\"error\":{\"code\":\"x\"}}".to_vec())
            );
        }
    }
}

#[test]
fn a_long_error_is_one_whatever_stands_first() {
    let text = "x".repeat(40 * 1024);
    for data in [
        format!(r#"{{"error":{{"message":"{text}","code":429}}}}"#),
        format!(r#"{{"message":"{text}","type":"error","code":429}}"#),
        format!(r#"{{"message":"{text}","object":"error","code":429}}"#),
        format!(r#"{{"response":{{"instructions":"{text}","error":{{"code":429}}}},"type":"response.failed"}}"#),
    ] {
        for (ending, limit) in [Ending::Done, Ending::Response, Ending::Unknown]
            .into_iter()
            .flat_map(|ending| [LINE_LIMIT, 1 << 20].map(|limit| (ending, limit)))
        {
            let mut observer = Observer::of(ending);
            observer.keep_lines(limit);
            let stream = format!("data: {data}\n\n");
            stream.as_bytes().chunks(1400).for_each(|piece| observer.feed(piece));
            let Beginning::Error(error) = observer.beginning() else {
                panic!("{ending:?} {limit} {}", &data[..40]);
            };
            let error: serde_json::Value = serde_json::from_slice(error).unwrap();
            assert!(error["code"] == 429 || error["error"]["code"] == 429);
            assert!(observer.take_error_flag());
        }
    }
}

#[test]
fn a_long_answer_is_not_taken_for_an_error() {
    let text = "x".repeat(3 * LINE_LIMIT);
    for (ending, event, end) in [
        (
            Ending::Done,
            r#"data: {"choices":[{"delta":{"content":""#,
            r#""}}],"er"#,
        ),
        (
            Ending::Response,
            "event: response.output_text.delta\ndata: {\"delta\":\"",
            r#"","er"#,
        ),
        (
            Ending::Unknown,
            r#"data: {"type": "image_generation.completed","b64_json":""#,
            r#"","er"#,
        ),
    ] {
        let mut observer = Observer::of(ending);
        observer.feed(format!("{event}{text}{end}").as_bytes());
        assert!(observer.is_in_long_line() && !observer.take_error_flag(), "{ending:?}");
        observer.feed(b"ror\": {");
        assert!(observer.take_error_flag() && observer.is_in_error(), "{ending:?}");
    }
    let mut observer = Observer::of(Ending::Response);
    observer.feed(format!("data: {{\"message\":\"{text}").as_bytes());
    assert!(observer.take_error_flag(), "what it is may stand behind");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn chunking_never_shows_in_long_lines(
        text in 0..12_000_usize, tools in 0..1_500_usize, kind in 0..6_usize, ending in 0..4_usize, limit in 0..30_000_usize,
        size in 1..30_000_usize, end: prop::sample::Index, crlf: bool, broken: bool,
    ) {
        let (text, tools) = ("xé".repeat(text), "{\"name\":\"f\"},".repeat(tools));
        let data = [
            format!("{{\"choices\":[{{\"index\":2,\"delta\":{{\"content\":\"{text}\"}},\"finish_reason\":\"stop\"}}]}}"),
            format!("{{\"response\":{{\"instructions\":\"{text}\",\"tools\":[{tools}0]}},\"type\":\"response.created\"}}"),
            format!("{{\"type\":\"response.completed\",\"response\":{{\"output\":[{tools}0],\"usage\":{{\"input_tokens\":3}}}}}}"),
            format!("{{\"error\":{{\"details\":[{tools}0],\"message\":\"{text}\",\"code\":5}}}}"),
            text,
            format!("[{tools}0]"),
        ][kind].clone();
        let stream = format!("{CONTENT}data: {data}\n\n{STOP}");
        let stream = if crlf { stream.replace('\n', "\r\n") } else { stream };
        let stream = &stream.as_bytes()[..end.index(stream.len() + 1)];
        let ending = [Ending::Done, Ending::Response, Ending::Message, Ending::Unknown][ending];
        let watched = |size| {
            let mut observer = Observer::of(ending);
            observer.keep_lines(limit);
            let mut flag = false;
            for piece in stream.chunks(size) {
                observer.feed(piece);
                flag |= observer.take_error_flag();
                assert!(observer.line.len() <= limit);
            }
            (observer.beginning().clone(), observer.usage(), flag, observer.last_words(broken, 0))
        };
        prop_assert_eq!(watched(size), watched(usize::MAX));
    }

    #[test]
    fn no_text_panics_and_none_is_kept_for_long(
        pieces in proptest::collection::vec((r#"(data: |event: error|\n|\r|[{}\[\]":,\\u a0é]|"error"|"type"){0,9}"#, 0..300_usize), 0..12),
        limit in 0..200_usize, ending in 0..4_usize, broken: bool, unsent in 0..200_usize,
    ) {
        let ending = [Ending::Done, Ending::Response, Ending::Message, Ending::Unknown][ending];
        let mut observer = Observer::of(ending);
        observer.keep_lines(limit);
        for (piece, times) in &pieces {
            observer.feed(piece.repeat(*times).as_bytes());
            let _ = (observer.take_error_flag(), observer.held_line_may_be_error(), observer.is_in_error());
            prop_assert!(observer.held_len() <= limit);
        }
        let _ = observer.last_words(broken, unsent);
    }
}
