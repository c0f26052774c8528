//! Every recorded stream, from each dialect into each.

use super::expected::expected;
use super::pair::{MODEL, Pair, context, folder, judged, pairs, write};
use crate::dialect::neutral::canonical::{
    Expected, Fixture, at_random_places, canonical, check_order, cut, fixtures, read, read_whole,
};
use crate::dialect::neutral::event::Event;

/// Translates a stream that comes whole, and judges what the client gets: strictly, and with the dialect's own reader.
fn translate(pair: Pair, fixture: &Fixture) {
    let name = format!("{pair}: {}", fixture.name);
    let events = read_whole(pair.from.reader, &fixture.sse);
    let (out, verdict) = judged(&name, pair.to, &events);
    let again = read_whole(pair.to.reader, &out);
    check_order(&name, &again);
    match expected(pair, fixture) {
        Expected::Complete { choices, usage, .. } => {
            assert_eq!(verdict.error, None, "{name}");
            assert_eq!(verdict.canonical["choices"], choices, "{name}");
            if let Some(usage) = usage {
                assert_eq!(verdict.canonical["usage"], usage, "{name}");
            }
            assert_eq!(again.last(), Some(&Event::End), "{name}");
            assert_eq!(canonical(&again), verdict.canonical, "{name}");
        }
        Expected::Broken { text } => {
            assert!(verdict.error.is_some(), "{name} is complete");
            let found = &verdict.canonical["choices"][0]["text"];
            assert_eq!(found.as_str().unwrap_or_default(), text, "{name}");
            assert!(matches!(again.last(), Some(Event::Error { .. })), "{name}: {again:?}");
        }
        Expected::Empty => {}
    }
    let out = String::from_utf8(out).unwrap();
    assert!(
        !out.contains("-test-1"),
        "{name}: the upstream's name of the model in {out}"
    );
    assert!(
        verdict.error.is_some() || out.contains(MODEL),
        "{name}: no model in {out}"
    );
}

#[test]
fn every_stream_means_the_same_in_every_dialect() {
    for pair in pairs() {
        for fixture in fixtures(folder(pair.from)) {
            translate(pair, &fixture);
        }
    }
}

#[test]
fn where_an_upstreams_stream_is_cut_into_pieces_never_shows() {
    for pair in pairs() {
        for Fixture { name, sse, .. } in fixtures(folder(pair.from)) {
            let whole = write(pair.to, context(), &read_whole(pair.from.reader, &sse));
            let bytes = write(pair.to, context(), &read(pair.from.reader, sse.chunks(1)));
            assert_eq!(bytes, whole, "{pair}: {name}");
            at_random_places(8, |places| {
                let events = read(pair.from.reader, cut(&sse, places));
                assert_eq!(
                    write(pair.to, context(), &events),
                    whole,
                    "{pair}: {name} at {places:?}"
                );
            });
        }
    }
}

/// What the client gets of the events up to the first that says something.
#[test]
fn the_client_gets_something_as_soon_as_something_is_said() {
    for pair in pairs() {
        for fixture in fixtures(folder(pair.from)) {
            let events = read_whole(pair.from.reader, &fixture.sse);
            let says = |event: &Event| {
                matches!(
                    event,
                    Event::Text { choice: 0, .. } | Event::Reasoning { choice: 0, .. }
                )
            };
            let Some(first) = events.iter().position(says) else {
                continue;
            };
            let (mut writer, mut out) = ((pair.to.writer)(context()), Vec::new());
            for event in &events[..first] {
                writer.write(event, &mut out);
            }
            let before = out.len();
            writer.write(&events[first], &mut out);
            assert!(out.len() > before, "{pair}: {} says nothing", fixture.name);
            assert!(out.ends_with(b"\n"), "{pair}: half an event");
        }
    }
}
