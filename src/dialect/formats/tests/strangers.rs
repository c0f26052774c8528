//! What keeps a connection alive, and what nobody knows, changes nothing.

use super::pair::{context, folder, pairs, write};
use crate::dialect::formats::{FORMATS, GEMINI};
use crate::dialect::neutral::canonical::{Expected, fixtures, read_whole, strict};
use crate::dialect::neutral::event::{Context, Event};

/// What an upstream may send at any place without a meaning, by dialect: comments, unnamed and unknown events, text that is not JSON.
fn strangers(dialect: &str) -> Vec<&'static str> {
    let mut found = vec![
        ": keep-alive\n\n",
        "\n\n\n",
        "retry: 3000\nid: 7\n\n",
        "event: ping\ndata: {\"type\": \"ping\"}\n\n",
        "event: news.of.2030\ndata: {\"type\":\"news.of.2030\",\"index\":0,\"output_index\":9,\"delta\":{\"x\":[1]}}\n\n",
        "data: {}\n\n",
        "data: null\n\n",
        "data: []\n\n",
        "data: ping\n\n",
        "data:\n\n",
    ];
    found.extend(match dialect {
        "chat" => ["data: {\"object\":\"chat.completion.news\",\"choices\":[],\"news\":{}}\n\n"].as_slice(),
        "anthropic" => &[
            "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"news_delta\",\"news\":1}}\n\n",
        ],
        "responses" => &["event: response.news.delta\ndata: {\"type\":\"response.news.delta\",\"output_index\":0,\"delta\":\"x\"}\n\n"],
        _ => &["data: {\"newsMetadata\":{\"x\":1},\"responseId\":\"r\"}\n\n"],
    });
    found
}

/// Where the events of a stream end.
fn ends(sse: &[u8]) -> Vec<usize> {
    let text = std::str::from_utf8(sse).unwrap();
    let mut ends: Vec<usize> = text.match_indices("\n\n").map(|(at, _)| at + 2).collect();
    ends.extend(text.match_indices("\r\n\r\n").map(|(at, _)| at + 4));
    ends
}

#[test]
fn what_nobody_knows_changes_nothing() {
    for format in FORMATS {
        for fixture in fixtures(folder(format)) {
            let known = read_whole(format.reader, &fixture.sse);
            for stranger in strangers(folder(format)) {
                for at in ends(&fixture.sse) {
                    let sse = [&fixture.sse[..at], stranger.as_bytes(), &fixture.sse[at..]].concat();
                    let mut events = read_whole(format.reader, &sse);
                    events.retain(|event| *event != Event::KeepAlive);
                    let mut known = known.clone();
                    known.retain(|event| *event != Event::KeepAlive);
                    assert_eq!(events, known, "{}: {stranger:?} at {at}", fixture.name);
                }
            }
        }
    }
}

#[test]
fn a_client_whose_upstream_says_nothing_for_long_is_kept_alive() {
    for pair in pairs() {
        let fixtures = fixtures(folder(pair.from));
        for fixture in &fixtures {
            if !matches!(fixture.expected, Expected::Complete { .. }) {
                continue;
            }
            let events = read_whole(pair.from.reader, &fixture.sse);
            let without = strict::stream(folder(pair.to), &write(pair.to, context(), &events)).unwrap();
            let mut kept = Vec::new();
            for event in events {
                kept.extend([Event::KeepAlive, Event::KeepAlive, event]);
            }
            let bytes = write(pair.to, context(), &kept);
            let verdict = strict::stream(folder(pair.to), &bytes);
            assert_eq!(
                verdict,
                Ok(without),
                "{pair}: {}\n{}",
                fixture.name,
                String::from_utf8_lossy(&bytes)
            );
        }
    }
}

/// One of the vendor's libraries fails on a comment, and an array has none.
#[test]
fn gemini_is_kept_alive_by_blank_lines_only_from_the_first_byte_to_the_last() {
    for is_array in [false, true] {
        let context = Context { is_array, ..context() };
        let (mut writer, mut out) = ((GEMINI.writer)(context), Vec::new());
        let text = Event::Text {
            choice: 0,
            text: "a".into(),
        };
        for event in [text.clone(), text, Event::End] {
            let before = out.len();
            writer.write(&Event::KeepAlive, &mut out);
            assert!(
                out.len() > before && out[before..].trim_ascii().is_empty(),
                "{is_array}"
            );
            writer.write(&event, &mut out);
        }
        let text = String::from_utf8(out).unwrap();
        if is_array {
            let list: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
            assert_eq!(list.len(), 3);
        }
        assert!(!text.lines().any(|line| line.starts_with(':')), "{text}");
    }
}

#[test]
fn each_dialect_has_its_own_way_to_keep_a_connection_alive() {
    for format in FORMATS {
        let (mut writer, mut out) = ((format.writer)(context()), Vec::new());
        let start = Event::Start {
            id: "1".into(),
            model: "m".into(),
        };
        let text = Event::Text {
            choice: 0,
            text: "a".into(),
        };
        writer.write(&start, &mut out);
        writer.write(&text, &mut out);
        out.clear();
        for _ in 0..100 {
            writer.write(&Event::KeepAlive, &mut out);
        }
        let text = String::from_utf8(out).unwrap();
        let is_own = match folder(format) {
            "anthropic" => text.contains("event: ping\ndata: {\"type\":\"ping\"}\n\n"),
            // Codex counts the time between events, and a comment is none.
            "responses" => text.contains("event: response.in_progress\n"),
            // One of the vendor's libraries fails on a comment.
            "gemini" => text.trim().is_empty() && !text.is_empty(),
            _ => text.starts_with(": "),
        };
        assert!(is_own, "{}: {text:?}", format.name);
        assert!(
            text.ends_with("\n\n") || text.ends_with("\r\n\r\n"),
            "{}: {text:?}",
            format.name
        );
    }
}
