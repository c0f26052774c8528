//! Lines that are too long to be kept. What they begin with and what they end with tells almost everything: events name
//! their kind first, and how they ended and what they used last.

use memchr::memmem;
use serde::Deserialize;

use crate::dialect::openai::Usage;

/// What is kept of the beginning, in bytes.
const HEAD: usize = 4 * 1024;

/// What is kept of the end; up to twice as much while the line goes on.
const TAIL: usize = 8 * 1024;

/// Both ends of a long line.
#[derive(Debug)]
pub(super) struct Long {
    head: Vec<u8>,
    tail: Vec<u8>,
}

impl Long {
    /// A line that has come so far.
    pub(super) fn of(mut line: Vec<u8>) -> Self {
        let tail = line.split_off(HEAD.min(line.len()));
        line.shrink_to_fit();
        let mut long = Self {
            head: line,
            tail: Vec::with_capacity(2 * TAIL),
        };
        long.extend(&tail);
        long
    }

    pub(super) fn extend(&mut self, bytes: &[u8]) {
        let bytes = &bytes[bytes.len().saturating_sub(TAIL)..];
        if self.tail.len() + bytes.len() > 2 * TAIL {
            let old = self.tail.len() + bytes.len() - TAIL;
            self.tail.drain(..old.min(self.tail.len()));
        }
        self.tail.extend_from_slice(bytes);
    }

    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.head.capacity() + self.tail.capacity()
    }

    /// What stands behind `"type":`, where the line begins with that or nearly so.
    pub(super) fn kind(&self) -> Option<&str> {
        let value = behind(&self.head, "\"type\"")?.strip_prefix(b"\"")?;
        let end = memchr::memchr(b'"', value)?;
        std::str::from_utf8(&value[..end]).ok()
    }

    /// The choice that the line is about.
    pub(super) fn index(&self) -> u64 {
        let digits = [&self.head, &self.tail]
            .into_iter()
            .find_map(|text| behind(text, "\"index\""));
        let digits = digits
            .unwrap_or_default()
            .iter()
            .map_while(|digit| char::from(*digit).to_digit(10));
        digits.fold(0, |index: u64, digit| {
            index.wrapping_mul(10).wrapping_add(u64::from(digit))
        })
    }

    /// Whether it says why that choice ended.
    pub(super) fn is_finished(&self) -> bool {
        [&self.tail, &self.head].into_iter().any(|text| {
            behind(text, "\"finish_reason\"")
                .is_some_and(|value| !value.starts_with(b"null") && !value.starts_with(b"\"\""))
        })
    }

    /// The tokens that it tells of.
    pub(super) fn usage(&self) -> Option<Usage> {
        let last = memmem::rfind(&self.tail, b"\"usage\"")?;
        let told = behind(self.tail.get(last..)?, "\"usage\"")?;
        let told = std::str::from_utf8(told).ok()?;
        Usage::deserialize(&mut serde_json::Deserializer::from_str(told)).ok()
    }
}

/// The value of the member `name`, with its quotes, and what follows it.
fn behind<'a>(text: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let at = memmem::find(text, name.as_bytes())? + name.len();
    let value = text.get(at..)?.trim_ascii_start().strip_prefix(b":")?;
    Some(value.trim_ascii_start())
}
