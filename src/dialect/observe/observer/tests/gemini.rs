//! Streams of Gemini: they have no end mark.

use super::*;

fn watch(stream: &str) -> Observer {
    let mut observer = Observer::of(Ending::Candidates);
    observer.feed(stream.as_bytes());
    observer
}

/// An event with these members.
fn event(members: &str) -> String {
    format!("data: {{{members},\"modelVersion\":\"m\"}}\r\n\r\n")
}

/// An event with a part of candidate 0.
fn part(part: &str) -> String {
    event(&format!(
        r#""candidates":[{{"content":{{"parts":[{part}],"role":"model"}},"index":0}}]"#
    ))
}

fn finish(index: &str, reason: &str) -> String {
    event(&format!(r#""candidates":[{{{index}"finishReason":{reason}}}]"#))
}

const TEXT: &str = r#"{"text":"hi"}"#;

#[test]
fn it_is_complete_when_each_candidate_has_said_why_it_ended() {
    let stop = finish("", "\"STOP\"");
    let text = part(TEXT);
    let second = event(r#""candidates":[{"content":{"parts":[{"text":"b"}]},"index":1}]"#);
    let usage = event(r#""usageMetadata":{"promptTokenCount":3}"#);
    let empty = part(r#"{"text":""}"#);
    let blocked = event(r#""promptFeedback":{"blockReason":"SAFETY"}"#);
    let error = "data: {\"error\":{\"code\":503,\"message\":\"m\",\"status\":\"UNAVAILABLE\"}}\r\n\r\n".to_owned();
    for (stream, complete) in [
        (&[&text, &stop][..], true),
        (&[&stop], true),
        (&[&text], false),
        (&[&text, &finish("", "\"\"")], false),
        (&[&text, &finish("", "null")], false),
        (&[&text, &finish("", "\"FINISH_REASON_UNSPECIFIED\"")], false),
        (&[&text, &second, &stop], false),
        (
            &[&text, &second, &stop, &finish("\"index\":1,", "\"MAX_TOKENS\"")],
            true,
        ),
        (&[&text, &stop, &text], false),
        (&[&text, &stop, &empty, &usage], true),
        (&[&blocked], true),
        (&[&blocked, &usage], true),
        (&[&blocked, &text], false),
        (&[&usage], false),
        (&[], false),
        (&[&text, &error], true),
        (
            &[&"data: {\"candidates\":\ndata: [{\"finishReason\": \"STOP\"}]}\n\n".to_owned()],
            true,
        ),
        // Some numbers are not JSON.
        (
            &[
                &text,
                &event(r#""candidates":[{"finishReason":"STOP","avgLogprobs":NaN}]"#),
            ],
            true,
        ),
    ] {
        let stream: String = stream.iter().map(|event| event.as_str()).collect();
        let is_error = stream.contains("\"error\"");
        assert_eq!(watch(&stream).is_complete(), complete && !is_error, "{stream}");
        assert_eq!(watch(&stream).last_words(false, 0).is_cut, !complete, "{stream}");
    }
}

#[test]
fn a_cut_stream_ends_in_an_error_as_google_writes_them() {
    let mut observer = watch(&format!("{}data: {{\"candidates\":[{{\"con", part(TEXT)));
    let words = observer.last_words(false, 0).words;
    let text = String::from_utf8(words).unwrap();
    let data = text.strip_prefix("\n\ndata: ").unwrap().strip_suffix("\n\n").unwrap();
    let error: serde_json::Value = serde_json::from_str(data).unwrap();
    assert_eq!(
        (&error["error"]["code"], &error["error"]["status"]),
        (&502.into(), &"UNAVAILABLE".into())
    );
    assert!(error["error"]["message"].as_str().unwrap().contains("cut"));
}

#[test]
fn it_begins_with_the_first_part_that_says_something() {
    let beginning = |stream: &str| watch(stream).beginning().clone();
    for nothing in [
        ": waiting\n\n".to_owned(),
        event(r#""usageMetadata":{"promptTokenCount":3}"#),
        event(r#""promptFeedback":{"safetyRatings":[]},"usageMetadata":{}"#),
        event(r#""candidates":[{"index":0}]"#),
        event(r#""candidates":[{"content":{"role":"model"}}]"#),
        part(r#"{"text":""}"#),
        part(r#"{"text":"","thought":true}"#),
    ] {
        assert_eq!(beginning(&nothing), Beginning::Nothing, "{nothing}");
        assert_eq!(
            beginning(&format!("{nothing}{}", part(TEXT))),
            Beginning::Content,
            "{nothing}"
        );
    }
    for content in [
        part(TEXT),
        part(r#"{"text":"hm","thought":true}"#),
        part(r#"{"functionCall":{"name":"f"}}"#),
        part(r#"{"text":"","thoughtSignature":"AQI="}"#),
        event(r#""candidates":[{"content":"what"}]"#),
        finish("", "\"STOP\""),
        event(r#""promptFeedback":{"blockReason":"OTHER"}"#),
        event(r#""something":"else""#),
        "data: what\n\n".to_owned(),
    ] {
        assert_eq!(beginning(&content), Beginning::Content, "{content}");
    }
    for error in [
        r#"{"error":{"code":429,"message":"m","status":"RESOURCE_EXHAUSTED"}}"#,
        r#"[{"error":{"code":429,"message":"m","status":"RESOURCE_EXHAUSTED"}}]"#,
    ] {
        let found = beginning(&format!("data: {error}\n\n{}", part(TEXT)));
        assert_eq!(found, Beginning::Error(error.as_bytes().to_vec()));
    }
    let named = beginning("event: error\ndata: {\"code\":5}\n\n");
    assert_eq!(named, Beginning::Error(b"{\"error\":{\"code\":5}}".to_vec()));
}

#[test]
fn what_may_be_an_error_is_noticed_and_what_is_a_long_answer_is_not() {
    let long = |begin: &str| format!("data: {{{begin}\"{}", "x".repeat(2 * LINE_LIMIT));
    for (stream, flag) in [
        (part(TEXT), false),
        (part(r#"{"text":"an \"error\""}"#), false),
        ("data: {\"error\":{\"code\":429}}\n\n".to_owned(), true),
        ("[{\n".to_owned(), true),
        (long(r#""candidates":[{"content":{"parts":[{"text":"#), false),
        (long(r#""what":"#), true),
    ] {
        assert_eq!(
            watch(&stream).take_error_flag(),
            flag,
            "{}",
            &stream[..40.min(stream.len())]
        );
    }
}

#[test]
fn the_last_tokens_count() {
    let usage = |members: &str| watch(&event(&format!(r#""candidates":[],"usageMetadata":{{{members}}}"#))).usage();
    let tokens = |prompt_tokens, completion_tokens| {
        Some(Usage {
            prompt_tokens: Some(prompt_tokens),
            completion_tokens,
            ..Usage::default()
        })
    };
    assert_eq!(usage(r#""promptTokenCount":9,"totalTokenCount":9"#), tokens(9, None));
    assert_eq!(
        usage(
            r#""promptTokenCount":9,"cachedContentTokenCount":3,"toolUsePromptTokenCount":1,"candidatesTokenCount":5,"thoughtsTokenCount":7"#
        ),
        tokens(10, Some(12)).map(|tokens| Usage {
            cached_tokens: Some(3),
            reasoning_tokens: Some(7),
            ..tokens
        })
    );
    assert_eq!(usage(r#""promptTokenCount":"9""#), None);
    let first = event(r#""usageMetadata":{"promptTokenCount":9}"#);
    let last = event(r#""usageMetadata":{"promptTokenCount":9,"candidatesTokenCount":2}"#);
    assert_eq!(
        watch(&[first, part(TEXT), last, part(TEXT)].concat()).usage(),
        tokens(9, Some(2))
    );
}
