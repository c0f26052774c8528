//! The members of a JSON object, found in one pass that checks the grammar and builds nothing (RFC 8259).
//!
//! It accepts what a JSON parser accepts, or less. What it does not accept goes to the parser, which decides, and says what
//! is wrong. That is why it may return nothing without a reason.

use std::borrow::Cow;

use super::quoted::closing_quote;

/// How deep arrays and objects may nest: what common JSON parsers accept. Also the number of bits in `Scan::value`.
pub(super) const MAX_DEPTH: usize = 128;

/// A name without escapes, and its value as it stands in the text.
pub(crate) type Member<'a> = (Cow<'a, str>, &'a str);

/// Two lists of strings, without quotes, that are looked for in a text while it is scanned.
pub(crate) type Wanted<'a> = [&'a [&'a str]; 2];

/// Whether a string of the first list, and one of the second, stands somewhere in the text, as a name or as a value.
pub(crate) type Seen = [bool; 2];

/// No string is looked for.
pub(crate) const NOTHING: Wanted<'_> = [&[], &[]];

/// Returns the members of the object that `json` is, and which of the `wanted` strings stand in it. Returns nothing where the text is
/// anything else, or nests deeper than [`MAX_DEPTH`].
pub(crate) fn members<'a>(json: &'a str, wanted: Wanted<'_>) -> Option<(Vec<Member<'a>>, Seen)> {
    let mut scan = Scan::new(json, wanted);
    let mut members = Vec::with_capacity(16);
    scan.expect(b'{')?;
    if scan.next()? == b'}' {
        scan.at += 1;
        return scan.is_at_end().then_some((members, scan.seen));
    }
    loop {
        let (start, escaped) = scan.key()?;
        let key = json.get(start..scan.at)?;
        let key = if escaped {
            Cow::Owned(serde_json::from_str(key).ok()?)
        } else {
            Cow::Borrowed(&key[1..key.len() - 1])
        };
        scan.expect(b':')?;
        scan.next()?;
        let start = scan.at;
        scan.value()?;
        members.push((key, json.get(start..scan.at)?));
        match scan.next()? {
            b',' => scan.at += 1,
            b'}' => {
                scan.at += 1;
                return scan.is_at_end().then_some((members, scan.seen));
            }
            _ => return None,
        }
    }
}

/// Returns the elements of the array that `json` is, as they stand in the text. Returns nothing where the text is anything else,
/// or nests deeper than [`MAX_DEPTH`].
pub(super) fn elements(json: &str) -> Option<Vec<&str>> {
    let mut scan = Scan::new(json, NOTHING);
    let mut elements = Vec::new();
    scan.expect(b'[')?;
    if scan.next()? == b']' {
        scan.at += 1;
        return scan.is_at_end().then_some(elements);
    }
    loop {
        scan.next()?;
        let start = scan.at;
        scan.value()?;
        elements.push(json.get(start..scan.at)?);
        match scan.next()? {
            b',' => scan.at += 1,
            b']' => {
                scan.at += 1;
                return scan.is_at_end().then_some(elements);
            }
            _ => return None,
        }
    }
}

/// Returns how long the string is that `json` begins with, its quotes included, and whether there are escapes in it. Returns nothing where
/// something else stands there.
pub(super) fn string(json: &str) -> Option<(usize, bool)> {
    let mut scan = Scan::new(json, NOTHING);
    let is_escaped = scan.string()?;
    Some((scan.at, is_escaped))
}

/// A place in a text. Every function that returns an `Option` moves it behind what it found, or returns nothing where
/// something else stands there.
struct Scan<'a, 'w> {
    bytes: &'a [u8],
    at: usize,
    wanted: Wanted<'w>,
    /// Length of the longest of the wanted strings.
    longest: usize,
    seen: Seen,
}

impl<'a, 'w> Scan<'a, 'w> {
    fn new(json: &'a str, wanted: Wanted<'w>) -> Self {
        Self {
            bytes: json.as_bytes(),
            at: 0,
            wanted,
            longest: wanted
                .iter()
                .copied()
                .flatten()
                .map(|string| string.len())
                .max()
                .unwrap_or(0),
            seen: [false; 2],
        }
    }

    /// Skips white space and returns the byte behind it, which stays the next one.
    fn next(&mut self) -> Option<u8> {
        loop {
            match self.bytes.get(self.at)? {
                b' ' | b'\n' | b'\r' | b'\t' => self.at += 1,
                byte => return Some(*byte),
            }
        }
    }

    fn is_at_end(&mut self) -> bool {
        self.next().is_none()
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        (self.next()? == byte).then(|| self.at += 1)
    }

    /// Takes a key. Returns where it begins, and whether there are escapes in it.
    fn key(&mut self) -> Option<(usize, bool)> {
        self.next()?;
        let start = self.at;
        Some((start, self.string()?))
    }

    /// Takes one value, whatever is in it. A loop, so that no nesting can exhaust the stack.
    fn value(&mut self) -> Option<()> {
        // Which of the open arrays and objects are objects: one bit each, the innermost in the lowest.
        let (mut objects, mut depth) = (0_u128, 1);
        loop {
            match self.next()? {
                open @ (b'{' | b'[') => {
                    self.at += 1;
                    depth += 1;
                    if depth > MAX_DEPTH {
                        return None;
                    }
                    objects = objects << 1 | u128::from(open == b'{');
                    if self.next()? == open + 2 {
                        self.at += 1;
                        depth -= 1;
                        objects >>= 1;
                    } else {
                        self.key_where(objects)?;
                        continue;
                    }
                }
                b'"' => drop(self.string()?),
                b'-' | b'0'..=b'9' => self.number()?,
                b't' => self.literal(b"true")?,
                b'f' => self.literal(b"false")?,
                b'n' => self.literal(b"null")?,
                _ => return None,
            }
            loop {
                if depth == 1 {
                    return Some(());
                }
                let close = if objects & 1 == 1 { b'}' } else { b']' };
                match self.next()? {
                    b',' => {
                        self.at += 1;
                        self.key_where(objects)?;
                        break;
                    }
                    byte if byte == close => {
                        self.at += 1;
                        depth -= 1;
                        objects >>= 1;
                    }
                    _ => return None,
                }
            }
        }
    }

    /// Takes the key and the colon that stand before a value, where the innermost of the open ones is an object.
    fn key_where(&mut self, objects: u128) -> Option<()> {
        if objects & 1 == 1 {
            self.key()?;
            self.expect(b':')?;
        }
        Some(())
    }

    /// Takes a string. Returns whether there are escapes in it.
    fn string(&mut self) -> Option<bool> {
        if *self.bytes.get(self.at)? != b'"' {
            return None;
        }
        let text = &self.bytes[self.at + 1..];
        let (length, escaped) = closing_quote(text)?;
        if length <= self.longest {
            for (wanted, seen) in self.wanted.iter().zip(&mut self.seen) {
                *seen |= wanted.iter().any(|string| string.as_bytes() == &text[..length]);
            }
        }
        self.at += length + 2;
        Some(escaped)
    }

    fn number(&mut self) -> Option<()> {
        if self.bytes.get(self.at) == Some(&b'-') {
            self.at += 1;
        }
        if self.bytes.get(self.at) == Some(&b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.bytes.get(self.at) == Some(&b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.bytes.get(self.at), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.bytes.get(self.at), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Some(())
    }

    /// Takes digits, at least one.
    fn digits(&mut self) -> Option<()> {
        let rest = self.bytes.get(self.at..)?;
        let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += count;
        (count > 0).then_some(())
    }

    fn literal(&mut self, word: &[u8]) -> Option<()> {
        self.bytes
            .get(self.at..)?
            .starts_with(word)
            .then(|| self.at += word.len())
    }
}
