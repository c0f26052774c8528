//! A text in which secrets are looked for.

use std::ops::Range;

use memchr::{memchr2, memmem};

/// A text as it stands, and as it reads without its escapes, JSON's (RFC 8259 section 7) and a URL's (RFC 3986 section 2.1).
pub(crate) struct Text<'a> {
    written: &'a [u8],
    /// Where there are escapes: what it reads, and where each byte of that begins, and the end.
    read: Option<(Vec<u8>, Vec<usize>)>,
}

impl<'a> Text<'a> {
    pub(crate) fn of(written: &'a [u8]) -> Self {
        let read = memchr2(b'\\', b'%', written).map(|_| {
            let (mut bytes, mut starts, mut at) = (Vec::new(), Vec::new(), 0);
            while at < written.len() {
                let (byte, length) = unescaped(&written[at..]);
                bytes.push(byte);
                starts.push(at);
                at += length;
            }
            starts.push(at);
            (bytes, starts)
        });
        Self { written, read }
    }

    /// Where the byte begins that is written at `at`.
    pub(crate) fn unit(&self, at: usize) -> usize {
        let Some((_, starts)) = &self.read else { return at };
        let behind = starts.partition_point(|start| *start <= at);
        behind.checked_sub(1).map_or(0, |before| starts[before])
    }

    /// Where the secrets stand, in the text as it is written.
    pub(crate) fn all(&self, secrets: &[&[u8]]) -> Vec<Range<usize>> {
        let secrets = Secrets::of(secrets);
        let mut found = Vec::new();
        secrets.each(self.written, |range| found.push(range));
        if let Some((bytes, starts)) = &self.read {
            secrets.each(bytes, |range| found.push(starts[range.start]..starts[range.end]));
        }
        found
    }

    pub(crate) fn holds(&self, secret: &[u8]) -> bool {
        let texts = [
            Some(self.written),
            self.read.as_ref().map(|(bytes, _)| bytes.as_slice()),
        ];
        texts
            .into_iter()
            .flatten()
            .any(|text| memmem::find(text, secret).is_some())
    }
}

/// The byte that `text` begins with, and how many it is written with.
fn unescaped(text: &[u8]) -> (u8, usize) {
    let hex = |digits: [u8; 2]| {
        let digits = std::str::from_utf8(&digits)
            .ok()
            .filter(|digits| !digits.starts_with('+'))?;
        u8::from_str_radix(digits, 16).ok()
    };
    match *text {
        [b'\\', b'u', b'0', b'0', high, low, ..] => hex([high, low]).map(|byte| (byte, 6)),
        [b'\\', escaped, ..] => Some((escaped, 2)),
        [b'%', high, low, ..] => hex([high, low]).map(|byte| (byte, 3)),
        _ => None,
    }
    .unwrap_or((text[0], 1))
}

/// Secrets of at least two bytes, so that all of them are found in one pass however many there are: a gateway may have hundreds
/// of tokens.
struct Secrets<'a> {
    sorted: Vec<&'a [u8]>,
    /// A bit for each pair of bytes that one of them begins with.
    begins: Box<[u64; 1024]>,
}

impl<'a> Secrets<'a> {
    fn of(secrets: &[&'a [u8]]) -> Self {
        let mut begins = Box::new([0; 1024]);
        for secret in secrets {
            let (word, bit) = place([secret[0], secret[1]]);
            begins[word] |= bit;
        }
        let mut sorted = secrets.to_vec();
        sorted.sort_unstable();
        Self { sorted, begins }
    }

    /// Calls `found` with each place in `text` where one of them stands, in no useful order where several do.
    fn each(&self, text: &[u8], mut found: impl FnMut(Range<usize>)) {
        for (at, pair) in text.windows(2).enumerate() {
            let (word, bit) = place([pair[0], pair[1]]);
            if self.begins[word] & bit == 0 {
                continue;
            }
            let first = self.sorted.partition_point(|secret| &secret[..2] < pair);
            let alike = self.sorted[first..]
                .iter()
                .take_while(|secret| secret.starts_with(pair));
            for secret in alike.filter(|secret| text[at..].starts_with(secret)) {
                found(at..at + secret.len());
            }
        }
    }
}

fn place(pair: [u8; 2]) -> (usize, u64) {
    let pair = u16::from_be_bytes(pair);
    (usize::from(pair / 64), 1 << (pair % 64))
}
