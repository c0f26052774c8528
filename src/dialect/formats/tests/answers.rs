//! Whole answers, from each dialect into each.

use serde_json::Value;

use super::expected::expected;
use super::pair::{MODEL, context, folder, pairs};
use crate::dialect::formats::FORMATS;
use crate::dialect::neutral::answer::Answer;
use crate::dialect::neutral::canonical::{Expected, canonical, check_order, fixtures, read_whole, strict};
use crate::dialect::neutral::event::Event;

/// The whole answer of an upstream is what the writer of its dialect makes of its stream.
#[test]
fn every_whole_answer_means_the_same_in_every_dialect() {
    for pair in pairs() {
        for fixture in fixtures(folder(pair.from)) {
            let name = format!("{pair}: {}", fixture.name);
            let answer = Answer::of(&read_whole(pair.from.reader, &fixture.sse));
            let Expected::Complete { choices, usage, .. } = expected(pair, &fixture) else {
                continue;
            };
            let upstream = (pair.from.write_answer)(&answer, &context());
            let events = (pair.from.read_answer)(upstream.to_string().as_bytes());
            let events = events.unwrap_or_else(|| panic!("{name}: {upstream} is not an answer"));
            check_order(&name, &events);
            let written = (pair.to.write_answer)(&Answer::of(&events), &context());
            let found = strict::answer(folder(pair.to), &written);
            let found = found.unwrap_or_else(|wrong| panic!("{name}: {wrong}"));
            assert_eq!(found["choices"], choices, "{name}: {written}");
            if let Some(usage) = usage {
                assert_eq!(found["usage"], usage, "{name}: {written}");
            }
            assert!(written.to_string().contains(MODEL), "{name}: {written}");
            let again = (pair.to.read_answer)(written.to_string().as_bytes()).unwrap();
            check_order(&name, &again);
            assert_eq!(again.last(), Some(&Event::End), "{name}");
            assert_eq!(canonical(&again), found, "{name}");
        }
    }
}

#[test]
fn what_is_not_an_answer_is_not_taken_for_one() {
    for format in FORMATS {
        for text in [
            "",
            "{",
            "null",
            "[]",
            "1",
            "\"a\"",
            "{}",
            "<html>",
            "{\"message\":\"hi\"}",
            "\u{feff}{}",
        ] {
            let events = (format.read_answer)(text.as_bytes());
            let is_complete = events.is_some_and(|events| events.contains(&Event::End));
            assert!(!is_complete, "{}: {text}", format.name);
        }
    }
}

/// A whole answer that is an error's body is never complete.
#[test]
fn an_error_is_never_an_answer() {
    for to in FORMATS {
        let body = (to.upstream_error)("over there", Some("overloaded"), 503);
        let document: Value = serde_json::from_slice(&body).unwrap();
        assert!(strict::answer(folder(to), &document).is_err(), "{document}");
        for from in FORMATS {
            let events = (from.read_answer)(&body).unwrap_or_default();
            assert!(!events.contains(&Event::End), "{} of {document}: {events:?}", from.name);
        }
    }
}
