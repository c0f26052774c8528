//! A stream that ends too early never looks complete.

use std::collections::HashSet;

use super::pair::{folder, judged};
use crate::dialect::formats::FORMATS;
use crate::dialect::neutral::canonical::{canonical, fixtures, read_whole};
use crate::dialect::neutral::event::Event;

/// The recorded stream is cut behind each of its bytes. What is complete even so has everything that the whole stream says, apart from
/// the usage. Everything else ends in an error.
#[test]
fn a_stream_that_is_cut_anywhere_ends_in_an_error() {
    for from in FORMATS {
        let mut cut = 0;
        for fixture in fixtures(folder(from)) {
            let whole = canonical(&read_whole(from.reader, &fixture.sse));
            let mut seen = HashSet::new();
            for at in 0..fixture.sse.len() {
                let events = read_whole(from.reader, &fixture.sse[..at]);
                let is_complete = events.last() == Some(&Event::End);
                let name = format!("{} cut at {at}", fixture.name);
                if is_complete {
                    assert_eq!(canonical(&events)["choices"], whole["choices"], "{name} is complete");
                }
                if !seen.insert(format!("{events:?}")) {
                    continue;
                }
                for to in FORMATS {
                    let (_, verdict) = judged(&format!("{name} -> {}", to.name), to, &events);
                    assert_eq!(verdict.error.is_none(), is_complete, "{name} -> {}", to.name);
                }
                cut += usize::from(!is_complete);
            }
        }
        assert!(cut > 50, "{}: {cut}", from.name);
    }
}
