//! Streams that are a JSON array.

use super::*;
use crate::dialect::neutral::canonical::{fixtures, read_whole};
use crate::dialect::wire::elements::Elements;
use crate::dialect::wire::sse::Item;

fn array() -> Context {
    Context {
        is_array: true,
        ..context()
    }
}

fn read_array<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Vec<Event> {
    let (mut elements, mut reader) = (Elements::default(), (FORMAT.reader)());
    let mut events = Vec::new();
    let mut take = |item: Item<'_>| match item {
        Item::Event { name, data } => reader.read(name, data, &mut events),
        other => panic!("{other:?}"),
    };
    for piece in pieces {
        elements.feed(piece, &mut take);
    }
    reader.end(&mut events);
    events
}

#[test]
fn an_array_says_the_same_as_server_sent_events() {
    for fixture in fixtures("gemini") {
        let mut events = read_whole(FORMAT.reader, &fixture.sse);
        let sse = stream_of(&events, context());
        let is_over = matches!(events.last(), Some(Event::End | Event::Error { .. }));
        if !is_over {
            events.push(Event::Error {
                message: "cut".to_owned(),
                code: None,
                status: None,
            });
        }
        let text = stream_of(&events, array());
        let parsed: Vec<Value> = serde_json::from_str(&text).unwrap();
        assert!(text.starts_with("[{") && text.ends_with("}]"), "{text}");
        assert_eq!(
            parsed.last().unwrap().get("error").is_some(),
            !events.contains(&Event::End)
        );
        for size in [1, 7, text.len()] {
            let mut found = read_array(text.as_bytes().chunks(size));
            if !is_over {
                found.pop();
            }
            assert_eq!(
                found,
                read_whole(FORMAT.reader, sse.as_bytes()),
                "{} by {size}",
                fixture.name
            );
        }
    }
}

#[test]
fn elements_stand_as_google_writes_them() {
    let text = Event::Text {
        choice: 0,
        text: "a".to_owned(),
    };
    let stream = stream_of(&[Event::KeepAlive, text, Event::KeepAlive, Event::End], array());
    let stream = stream.trim_start();
    assert!(stream.starts_with("[{\"candidates\""), "{stream}");
    assert_eq!(
        stream
            .matches("},\"index\":0}],\"modelVersion\":\"m\",\"responseId\":\"r1\"}")
            .count(),
        1
    );
    assert!(stream.contains("\"r1\"}\r\n\r\n,\r\n{"), "{stream}");
    assert_eq!(stream_of(&[], array()), "");
}

#[test]
fn an_array_in_which_nothing_is_said_is_whole() {
    let error = Event::Error {
        message: "m".to_owned(),
        code: None,
        status: Some(503),
    };
    assert_eq!(
        stream_of(&[error], array()),
        r#"[{"error":{"code":503,"message":"m","status":"UNAVAILABLE"}}]"#
    );
}
