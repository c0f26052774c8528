//! Event streams: how their bytes are cut never shows in what the observer knows, what is asked between two pieces changes
//! nothing, and what it has written behind a stream is an event of its own for every reader.

use crate::dialect::ending::Ending;
use crate::dialect::observe::{Last, Observer};

/// What the observer knows at the end, besides its last words.
fn known(observer: &Observer) -> String {
    let (beginning, usage) = (observer.beginning(), observer.usage());
    let ends = [
        observer.is_done(),
        observer.is_complete(),
        observer.is_over(),
        observer.is_line_whole(),
    ];
    let line = (
        observer.held_len(),
        observer.is_in_long_line(),
        observer.has_data_begun(),
    );
    format!("{beginning:?} {usage:?} {ends:?} {line:?}")
}

fn observer(ending: Ending, limit: usize) -> Observer {
    let mut observer = Observer::of(ending);
    observer.keep_lines(limit);
    observer
}

/// Checks what is observed of a stream that ends in a certain way. `limit`: how long a line may become before it is shortened.
pub(super) fn check(pieces: &[&[u8]], ending: Ending, limit: usize) {
    let bytes = pieces.concat();
    for (broken, withheld) in [(false, false), (false, true), (true, false), (true, true)] {
        let mut whole = observer(ending, limit);
        whole.feed(&bytes);
        let mut cut = observer(ending, limit);
        let mut tells = false;
        for piece in pieces {
            cut.feed(piece);
            let _ = (cut.held_line_may_be_error(), cut.is_in_error(), known(&cut));
            tells |= cut.take_error_flag();
        }
        assert_eq!(known(&cut), known(&whole), "how the bytes came shows");
        assert_eq!(
            tells,
            whole.take_error_flag(),
            "an error is noticed, or not, as the bytes come"
        );
        if whole.is_done() && ending == Ending::Done {
            assert!(has_end_mark(&bytes), "an end mark that is none");
        }
        let unsent = if withheld { whole.held_len() } else { 0 };
        let last = whole.last_words(broken, unsent);
        assert_eq!(
            cut.last_words(broken, unsent),
            last,
            "how the bytes came shows at the end"
        );
        let sent = if last.drops_line {
            bytes.len() - unsent
        } else {
            bytes.len()
        };
        check_words(&bytes[..sent], &last, ending);
    }
}

/// Whether the last words are read as one event, and as nothing but line ends where the stream was not cut.
fn check_words(sent: &[u8], last: &Last, ending: Ending) {
    let events = events(&[sent, &last.words].concat());
    if !last.is_cut {
        assert!(
            last.words.iter().all(|byte| *byte == b'\n'),
            "words behind a stream that was not cut"
        );
        return;
    }
    let news = self::events(&ending.truncated());
    let [news] = &*news else {
        panic!("the news of a cut is one event")
    };
    let (name, data) = events.last().expect("nobody hears of a cut");
    assert_eq!(data.trim_ascii(), news.1, "the news of a cut is part of another event");
    assert!(
        ending != Ending::Message || *name == news.0,
        "an event has another name"
    );
}

/// Whether a line of the stream is an end mark. The last one need not have ended.
fn has_end_mark(bytes: &[u8]) -> bool {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    lines(bytes).any(|(line, _)| {
        let data = line.strip_prefix(b"data:").map(<[u8]>::trim_ascii);
        data.is_some_and(|data| data.starts_with(b"[DONE]"))
    })
}

/// The lines of a stream, and whether they have ended.
fn lines(bytes: &[u8]) -> impl Iterator<Item = (&[u8], bool)> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let Some(end) = rest.iter().position(|byte| matches!(byte, b'\r' | b'\n')) else {
            return Some((std::mem::take(&mut rest), false));
        };
        let line = &rest[..end];
        let behind = end + if rest[end..].starts_with(b"\r\n") { 2 } else { 1 };
        rest = &rest[behind..];
        Some((line, true))
    })
}

/// Name and data of an event.
type Event = (Vec<u8>, Vec<u8>);

/// The events of a stream, as the specification has them read (WHATWG HTML, section 9.2.6).
fn events(bytes: &[u8]) -> Vec<Event> {
    let (mut events, mut name, mut data) = (Vec::new(), Vec::new(), None::<Vec<u8>>);
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    for (line, _) in lines(bytes).filter(|(_, has_ended)| *has_ended) {
        if line.is_empty() {
            let name = std::mem::take(&mut name);
            events.extend(data.take().map(|data| (name, data)));
            continue;
        }
        let colon = line.iter().position(|byte| *byte == b':').unwrap_or(line.len());
        let (field, value) = line.split_at(colon);
        let value = value.strip_prefix(b":").unwrap_or(value);
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match field {
            b"event" => name = value.to_vec(),
            b"data" => match &mut data {
                Some(data) => {
                    data.push(b'\n');
                    data.extend_from_slice(value);
                }
                None => data = Some(value.to_vec()),
            },
            _ => {}
        }
    }
    events
}
