//! A stream on its way to the client: what a shell needs to pass it on byte for byte, and to say so when it was cut.
//!
//! The bytes are moved by the shell, since only that knows how its runtime reads and writes; what they mean is decided here, once
//! for both. A [`Relay`] waits for nothing, reads nothing and has no clock.
//!
//! A shell that reads every piece (natively, and on Workers up to the first content) does this, in this order:
//!
//! 1. It sends what [`Relay::read`] holds, by way of [`passed`](Relay::passed) or [`passed_lines`](Relay::passed_lines). The
//!    observer has seen these bytes.
//! 2. For each piece that comes it calls `observer.feed` first, then `passed` with the same bytes, and sends what that returns, which
//!    may be nothing yet. A shell that puts pieces together takes the withheld bytes
//!    ([`take_withheld`](Relay::take_withheld)), appends to them, feeds only what is new, and calls `passed_lines`; where nothing
//!    came it gives them back ([`withhold`](Relay::withhold)).
//! 3. It waits for the next piece no longer than [`Relay::first_within`] before the first content
//!    ([`has_begun`](Relay::has_begun)), [`Relay::idle_timeout`] after it, and [`GRACE`] once `observer.is_over` says that everything
//!    was said. The last of these is a clean end, the others are a break.
//! 4. At the end it calls [`finish`](Relay::finish) exactly once and sends the last words that this returns; or
//!    [`leave`](Relay::leave), if the client has gone.
//!
//! A shell whose runtime moves the bytes past it (Workers, after the first content) feeds the observer what it sees of them, or
//! nothing, and ends with [`finish`](Relay::finish) or [`finish_unseen`](Relay::finish_unseen). [`Watch`] says how much it is to see.
//!
//! Where the upstream speaks another dialect than the client, all that may be sent goes through `Relay::translation`, which makes the
//! client's stream of it. Such a stream is watched piece by piece, and its reader says whether it is complete.
//!
//! What holds whatever the pieces are: bytes that are not part of an error pass unchanged and in order; an event that reports an
//! error leaves without any configured secret; at most one line, or the length of the longest secret, is withheld (64 KiB at
//! most); a stream that was cut ends in an error event behind whole lines, and never in an end mark of our own.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};

use super::scrub;
use crate::config::Config;
use crate::dialect::ending::truncated;
use crate::dialect::neutral::event::Event;
use crate::dialect::observe::{Beginning, Observer};
use crate::dialect::translation::Stream;
use crate::error::Kind;
use crate::gateway::record::Record;

/// How long a stream may stay open behind its end mark: time for what an upstream says behind it, and for the end of a body,
/// behind which its connection can be used again.
pub const GRACE: Duration = Duration::from_secs(1);

/// A stream that has begun.
#[derive(Debug)]
pub struct Relay<S> {
    /// What was read before the stream was handed on.
    pub read: Bytes,
    /// The rest. Dropping it ends the request upstream.
    pub stream: S,
    /// Has seen `read`; is to see the rest.
    pub observer: Observer,
    /// The time that is left to the first content.
    pub first_within: Duration,
    /// The time that may pass without a byte after that.
    pub idle_timeout: Duration,
    /// What is to be known of it even where that costs something.
    pub watch: Watch,
    /// The beginning of a line that is only sent whole, or the end of what could be half of a secret.
    pub(crate) withheld: BytesMut,
    /// The secrets that must not be repeated are in it.
    pub(crate) config: Arc<Config>,
    /// Makes a stream of the client's dialect of what passes. Nothing where that is the upstream's as well.
    pub(crate) translation: Option<Box<Stream>>,
}

/// How closely a stream is watched where each look costs something (Worker). Natively every piece is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watch {
    /// Not at all: the client hears of a break, and of nothing else.
    No,
    /// From time to time, behind its bytes: the client hears of a stall and an early end too, and the end mark and usage are seen.
    Looks,
    /// Every piece is read before it goes out: errors are cleaned of secrets too.
    Pieces,
}

/// How a relayed stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The upstream closed it, or stayed open behind its end mark.
    Closed,
    /// It broke, or stalled.
    Broken,
}

impl<S> Relay<S> {
    /// Whether the first content is there.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        *self.observer.beginning() != Beginning::Nothing
    }

    /// Returns what may be sent now of `bytes`, which the observer has seen: normally all of it; where every piece is read, or while
    /// a line may be an error, only complete or over-long lines, secrets removed.
    #[must_use]
    pub fn passed(&mut self, bytes: Bytes) -> Bytes {
        let by_line = self.watch == Watch::Pieces || self.observer.held_line_may_be_error();
        let unfinished = if by_line { self.observer.held_len() } else { 0 };
        let is_error = self.observer.take_error_flag();
        if unfinished == 0 && !is_error && self.withheld.is_empty() {
            return self.translated(bytes);
        }
        let mut withheld = self.take_withheld();
        withheld.extend_from_slice(&bytes);
        let passed = self.pass(withheld, unfinished, is_error);
        self.translated(passed)
    }

    /// Returns what may be sent now of `bytes`, line by line: only complete or over-long lines. `bytes` begin with what
    /// [`take_withheld`](Self::take_withheld) returned; the observer has seen all of them.
    #[must_use]
    pub fn passed_lines(&mut self, bytes: BytesMut) -> Bytes {
        let is_error = self.observer.take_error_flag();
        let passed = self.pass(bytes, self.observer.held_len(), is_error);
        self.translated(passed)
    }

    /// Returns what the client gets of bytes that may be sent.
    fn translated(&mut self, bytes: Bytes) -> Bytes {
        match &mut self.translation {
            Some(translation) => translation.feed(&bytes).into(),
            None => bytes,
        }
    }

    /// Returns the bytes that were not passed so far. They have to stand in front of what comes next.
    #[must_use]
    pub fn take_withheld(&mut self) -> BytesMut {
        std::mem::take(&mut self.withheld)
    }

    /// Takes back what [`take_withheld`](Self::take_withheld) returned, where nothing has come since.
    pub fn withhold(&mut self, bytes: BytesMut) {
        self.withheld = bytes;
    }

    /// Passes all of `bytes` except the `unfinished` line at their end, which has so many bytes. `is_error`: an event among them
    /// may be an error.
    fn pass(&mut self, mut bytes: BytesMut, unfinished: usize, is_error: bool) -> Bytes {
        if is_error && self.observer.is_in_long_line() {
            let clean = scrub::begun(&self.config, bytes.freeze());
            self.withheld = clean.rest.into();
            return clean.body;
        }
        if unfinished > 0 {
            self.withheld = bytes.split_off(bytes.len().saturating_sub(unfinished));
        }
        let bytes = bytes.freeze();
        if is_error {
            scrub::event(&self.config, bytes)
        } else {
            bytes
        }
    }

    /// Whether the end of a line is awaited before its beginning goes out.
    #[must_use]
    pub fn withholds(&self) -> bool {
        !self.withheld.is_empty()
    }

    /// Ends the stream: returns what is still to be written, and notes the facts for the log. Call once, and nothing after it.
    pub fn finish(&mut self, end: End, record: &mut Record) -> Option<Bytes> {
        let last = self.observer.last_words(end == End::Broken, self.withheld.len());
        if self.translation.is_some() {
            return self.finish_translated(last.drops_line, record);
        }
        record.usage = self.observer.usage();
        if last.is_cut {
            record.partial = true;
            record.error = Some(Kind::UpstreamStreamTruncated.facts().code);
        }
        let mut words = self.take_withheld().freeze();
        if last.drops_line {
            words.clear();
        } else if self.observer.take_error_flag() {
            words = scrub::event(&self.config, words);
        }
        let words: Bytes = [words, last.words.into()].concat().into();
        Some(words).filter(|words| !words.is_empty())
    }

    /// Ends a stream that is translated: its reader knows whether it is complete.
    fn finish_translated(&mut self, drops_line: bool, record: &mut Record) -> Option<Bytes> {
        let line = self.take_withheld().freeze();
        let line = if self.observer.take_error_flag() {
            scrub::event(&self.config, line)
        } else {
            line
        };
        let mut translation = self.translation.take()?;
        let mut words = if drops_line {
            Vec::new()
        } else {
            translation.feed(&line)
        };
        let error = truncated();
        let (last, is_whole) = translation.end(Event::Error {
            status: Some(error.status().as_u16()),
            code: Some(error.kind.facts().code.to_owned()),
            message: error.message.clone(),
        });
        words.extend(last);
        // The reader of a dialect knows the tokens; the observer also knows what else has a price.
        record.usage = translation.usage().map(|usage| usage.or(self.observer.usage()));
        if !is_whole {
            record.partial = true;
            record.error = Some(Kind::UpstreamStreamTruncated.facts().code);
        }
        Some(words.into()).filter(|words: &Bytes| !words.is_empty())
    }

    /// Ends a stream whose bytes went by unseen, as [`finish`](Self::finish) does: only that it broke is known, not where. A blank
    /// line in front of the error closes an event that was cut, and says nothing else.
    pub fn finish_unseen(&mut self, end: End, record: &mut Record) -> Option<Bytes> {
        record.usage = self.observer.usage();
        if end == End::Closed || self.observer.is_done() {
            return None;
        }
        record.partial = true;
        record.error = Some(Kind::UpstreamStreamTruncated.facts().code);
        Some(
            [b"\n\n".as_slice(), &self.observer.ending().truncated()]
                .concat()
                .into(),
        )
    }

    /// Notes what is known when the client leaves. Call instead of [`finish`](Self::finish).
    pub fn leave(&self, record: &mut Record) {
        let (seen, translation) = (self.observer.usage(), self.translation.as_ref());
        let usage = translation.and_then(|translation| translation.usage());
        record.usage = usage.map(|usage| usage.or(seen)).or(seen);
        record.partial = !self.observer.is_complete();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::dialect::ending::Ending;

    const EVENT: &str =
        "data: {\"choices\":[{\"delta\":{\"content\":\"sk-one-1 in an answer is not looked for\"}}]}\n\n";

    fn relay() -> Relay<()> {
        let json = r#"[{"token":"gw-token-1","base_url":"https://a.example","api_keys":["sk-one-1"]}]"#;
        let config = Config::of_routes(json).unwrap();
        Relay {
            read: Bytes::new(),
            stream: (),
            observer: Observer::default(),
            first_within: Duration::ZERO,
            idle_timeout: Duration::ZERO,
            watch: Watch::No,
            withheld: BytesMut::new(),
            config: Arc::new(config),
            translation: None,
        }
    }

    /// What the client gets of a stream that arrives in these pieces and ends so.
    fn relayed<'a>(pieces: impl Iterator<Item = &'a [u8]>, by_line: bool, end: End) -> String {
        let mut relay = relay();
        let mut out = Vec::new();
        for piece in pieces {
            relay.observer.feed(piece);
            let passed = if by_line {
                let mut bytes = relay.take_withheld();
                bytes.extend_from_slice(piece);
                relay.passed_lines(bytes)
            } else {
                relay.passed(Bytes::copy_from_slice(piece))
            };
            out.extend_from_slice(&passed);
            assert!(relay.withheld.len() <= crate::dialect::observe::LINE_LIMIT);
            let line = relay.withheld.len();
            assert!(!by_line || relay.observer.is_in_long_line() || line == relay.observer.held_len());
        }
        let mut record = Record::new(crate::platform::Millis(0), String::new());
        out.extend(relay.finish(end, &mut record).unwrap_or_default());
        String::from_utf8(out).unwrap()
    }

    /// `text` in pieces that end there.
    fn pieces<'a>(text: &'a str, cuts: &'a [usize]) -> impl Iterator<Item = &'a [u8]> {
        cuts.windows(2).map(|cut| &text.as_bytes()[cut[0]..cut[1]])
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(100))]

        #[test]
        fn where_a_stream_is_cut_never_shows_a_secret(cuts in proptest::collection::vec(0..300_usize, 0..6), by_line: bool) {
            for error in [
                r#"data: {"error":{"message":"no sk-one-1, and not sk\u002done-1"}}"#,
                r#"{"error":{"message":"no sk-one-1"}}"#,
                "event: error\ndata: sk-one-1",
            ] {
                let stream = format!("{EVENT}{error}\n\n{EVENT}data: [DONE]\n\n");
                let mut cuts: Vec<_> = cuts.iter().map(|cut| EVENT.len() + cut % (error.len() + 2)).collect();
                cuts.extend([0, EVENT.len(), stream.len()]);
                cuts.sort_unstable();
                let text = relayed(pieces(&stream, &cuts), by_line, End::Closed);
                let rest = text.strip_prefix(EVENT).unwrap();
                let clean = error.replace("sk-one-1", "[redacted]").replace(r"sk\u002done-1", "[redacted]");
                prop_assert!(rest.starts_with(&format!("{clean}\n\n")), "{}", rest);
                prop_assert!(rest.ends_with("data: [DONE]\n\n"), "{}", rest);
            }
        }

        #[test]
        fn no_length_of_an_error_shows_a_secret(
            before in 0..40_000_usize, after in 0..20_000_usize, shape in 0..5_usize, fill in 0..3_usize,
            size in prop_oneof![3..30_usize, 1..40_000_usize], by_line: bool, broken: bool,
        ) {
            let fill = ["x", r"\\", r"\u00e9"][fill];
            let (before, after) = (fill.repeat(before / fill.len()), fill.repeat(after / fill.len()));
            let message = format!(r"{before}sk-one-1 \\sk\u002d\u006fne-1{before}sk-one-1sk-one-1{after}");
            let (name, data) = match shape {
                0 => ("", format!(r#"data: {{"error":{{"message":"{message}","code":429}}}}"#)),
                1 => ("", format!(r#"data: {{"message":"{message}","type":"error"}}"#)),
                2 => ("event: error\n", format!("data: {message}")),
                3 => ("", format!(r#"{{"error":{{"message":"{message}"}}}}"#)),
                _ => ("", format!(r#"data: {{"choices":[{{"delta":{{"content":"{before}"}}}}],"error":"{message}"}}"#)),
            };
            let event = EVENT.replace("sk-one-1", "what");
            let stream = format!("{event}{name}{data}\n\n");
            let end = if broken { End::Broken } else { End::Closed };
            let text = relayed(stream.as_bytes().chunks(size), by_line, end);
            let clean = data.replace("sk-one-1", "[redacted]").replace(r"sk\u002d\u006fne-1", "[redacted]");
            prop_assert!(text.starts_with(&format!("{event}{name}{clean}\n\n")), "{} {}", shape, text);
        }

        #[test]
        fn a_break_leaves_only_whole_lines(cut in 0..400_usize, size in 1..60_usize, crlf: bool) {
            let stream = format!(": hi\n\n{EVENT}id: 1\n{EVENT}");
            let stream = if crlf { stream.replace('\n', "\r\n") } else { stream };
            let cut = &stream.as_bytes()[..cut.min(stream.len())];
            let text = relayed(cut.chunks(size), true, End::Broken);
            let words = String::from_utf8(Ending::Done.truncated()).unwrap();
            let sent = text.strip_suffix(&words).unwrap();
            let sent = sent.replace("\r\n", "\n").replace('\r', "\n");
            let stream = stream.replace('\r', "");
            for line in sent.lines() {
                prop_assert!(line.is_empty() || stream.lines().any(|known| known == line), "{}", sent);
            }
            // Nothing is open in front of the error, or nothing that clients would read with it.
            let open = sent.rsplit("\n\n").next().unwrap_or_default();
            prop_assert!(!open.contains("data:"), "{}", sent);
        }
    }
}
