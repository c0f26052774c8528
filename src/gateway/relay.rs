//! A stream on its way to the client: what the shell needs to pass it on byte for byte and to tell when it was cut.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::{Record, scrub};
use crate::config::Config;
use crate::dialect::observe::{Beginning, Observer};
use crate::error::Kind;

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
    /// Tell a stall and an early end even where that costs something (Worker).
    pub watch: bool,
    /// The beginning of a line that may tell of an error: half of it could hold half of a secret.
    pub(super) withheld: Bytes,
    /// Knows what must not be repeated.
    pub(super) config: Arc<Config>,
}

/// Bytes of any kind. One that breaks or stalls has no words for it: its connection is broken off.
#[derive(Debug)]
pub struct Raw<S> {
    /// The bytes. Dropping it ends the request upstream.
    pub stream: S,
    /// The time that may pass without a byte.
    pub idle_timeout: Duration,
}

/// How a relayed stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The upstream closed it.
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

    /// What goes to the client now of `bytes`, which the observer has seen: the same, and while the stream may tell of an
    /// error only lines that are complete, or too long to be kept, without secrets.
    #[must_use]
    pub fn passed(&mut self, bytes: Bytes) -> Bytes {
        let telling = self.observer.telling();
        let tells = self.observer.takes_error();
        if telling == 0 && !tells && self.withheld.is_empty() {
            return bytes;
        }
        let mut bytes = self.with_withheld(bytes);
        self.withheld = bytes.split_off(bytes.len() - telling.min(bytes.len()));
        scrub::event(&self.config, bytes)
    }

    fn with_withheld(&mut self, bytes: Bytes) -> Bytes {
        match std::mem::take(&mut self.withheld) {
            withheld if withheld.is_empty() => bytes,
            withheld => [withheld, bytes].concat().into(),
        }
    }

    /// Whether the end of a line is awaited before its beginning goes out.
    #[must_use]
    pub fn withholds(&self) -> bool {
        !self.withheld.is_empty()
    }

    /// To be called once, at the end: what is still to be written, and the facts for the log.
    pub fn finish(&mut self, end: End, record: &mut Record) -> Option<Bytes> {
        let last_words = self.observer.last_words(end == End::Broken);
        record.usage = self.observer.usage();
        if last_words.is_some() {
            record.partial = true;
            record.error = Some(Kind::UpstreamStreamTruncated.facts().code);
        }
        let withheld = scrub::event(&self.config, std::mem::take(&mut self.withheld));
        let words = [withheld, last_words.unwrap_or_default().into()].concat();
        Some(words.into()).filter(|words: &Bytes| !words.is_empty())
    }

    /// The same for a stream whose bytes went by unseen: only that it broke is known, not where. A blank line in front of
    /// the error closes an event that was cut, and says nothing else.
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

    /// To be called instead when the client leaves: what is known by then.
    pub fn leave(&self, record: &mut Record) {
        record.usage = self.observer.usage();
        record.partial = !self.observer.is_done();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const EVENT: &str =
        "data: {\"choices\":[{\"delta\":{\"content\":\"sk-one-1 in an answer is not looked for\"}}]}\n\n";

    /// What the client gets of a stream that arrives in these pieces.
    fn relayed<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> String {
        let json = r#"[{"token":"gw-token-1","base_url":"https://a.example","api_keys":["sk-one-1"]}]"#;
        let config = Config::of_routes(json).unwrap();
        let mut relay = Relay {
            read: Bytes::new(),
            stream: (),
            observer: Observer::default(),
            first_within: Duration::ZERO,
            idle_timeout: Duration::ZERO,
            watch: false,
            withheld: Bytes::new(),
            config: Arc::new(config),
        };
        let mut out = Vec::new();
        for piece in pieces {
            relay.observer.feed(piece);
            out.extend_from_slice(&relay.passed(Bytes::copy_from_slice(piece)));
        }
        let mut record = Record::new(crate::platform::Millis(0), String::new());
        out.extend(relay.finish(End::Closed, &mut record).unwrap_or_default());
        String::from_utf8(out).unwrap()
    }

    proptest! {
        #[test]
        fn where_a_stream_is_cut_never_shows_a_secret(cuts in proptest::collection::vec(0..300_usize, 0..6)) {
            for error in [
                r#"data: {"error":{"message":"no sk-one-1, and not sk\u002done-1"}}"#,
                r#"{"error":{"message":"no sk-one-1"}}"#,
                "event: error\ndata: sk-one-1",
            ] {
                let stream = format!("{EVENT}{error}\n\n{EVENT}data: [DONE]\n\n");
                let mut cuts: Vec<_> = cuts.iter().map(|cut| EVENT.len() + cut % (error.len() + 2)).collect();
                cuts.extend([0, EVENT.len(), stream.len()]);
                cuts.sort_unstable();
                let text = relayed(cuts.windows(2).map(|cut| &stream.as_bytes()[cut[0]..cut[1]]));
                let rest = text.strip_prefix(EVENT).unwrap();
                let clean = error.replace("sk-one-1", "[redacted]").replace(r"sk\u002done-1", "[redacted]");
                prop_assert!(rest.starts_with(&format!("{clean}\n\n")), "{}", rest);
                prop_assert!(rest.ends_with("data: [DONE]\n\n"), "{}", rest);
            }
        }
    }
}
