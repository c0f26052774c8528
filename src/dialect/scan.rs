//! The members of a JSON object, found in one pass that checks the grammar and builds nothing (RFC 8259).
//!
//! It takes what a JSON parser takes, or less: whatever it does not take is the parser's to judge, which also says what is
//! wrong with it.

use std::borrow::Cow;

use memchr::memchr2;

use super::patch::MAX_DEPTH;

/// The members of the object that `json` is, keys unescaped, values as they stand in the text. Nothing where the text is
/// anything else, or nests deeper than [`MAX_DEPTH`].
pub(super) fn members(json: &str) -> Option<Vec<(Cow<'_, str>, &str)>> {
    let mut scan = Scan {
        bytes: json.as_bytes(),
        at: 0,
        is_clean: !has_control(json.as_bytes()),
    };
    let mut members = Vec::with_capacity(16);
    scan.expect(b'{')?;
    if scan.next()? == b'}' {
        scan.at += 1;
        return scan.is_at_end().then_some(members);
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
                return scan.is_at_end().then_some(members);
            }
            _ => return None,
        }
    }
}

/// What may stand alone behind a backslash.
const SHORT_ESCAPES: [bool; 256] = {
    let mut table = [false; 256];
    let mut at = 0;
    while at < 8 {
        table[b"\"\\/bfnrt"[at] as usize] = true;
        at += 1;
    }
    table
};

struct Scan<'a> {
    bytes: &'a [u8],
    at: usize,
    /// There is no control character anywhere, as in most requests that no person has written: so none in a string.
    is_clean: bool,
}

/// Whether there is a control character. No early end within a piece: so the compiler looks at many bytes at once.
fn has_control(bytes: &[u8]) -> bool {
    let found = |piece: &[u8]| piece.iter().fold(false, |found, byte| found | (*byte < 0x20));
    bytes.chunks(1024).any(found)
}

/// How many bytes there are before a quote or a backslash. In code and prose the next one is rarely far, so that a search
/// made for long ways is only begun behind the first few words.
fn plain(bytes: &[u8]) -> Option<usize> {
    const NEAR: usize = 4;
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    // The lowest bit that is set belongs to the first byte that is zero (Hacker's Delight, section 6-1).
    let zeros = |word: u64| word.wrapping_sub(ONES) & !word & (ONES << 7);
    let (words, _) = bytes.as_chunks::<8>();
    for (at, word) in words.iter().take(NEAR).enumerate() {
        let word = u64::from_le_bytes(*word);
        let found = zeros(word ^ (ONES * b'"' as u64)) | zeros(word ^ (ONES * b'\\' as u64));
        if found != 0 {
            return Some(8 * at + found.trailing_zeros() as usize / 8);
        }
    }
    let far = 8 * words.len().min(NEAR);
    Some(far + memchr2(b'"', b'\\', &bytes[far..])?)
}

impl Scan<'_> {
    /// The next byte that is no white space; it stays the next one.
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

    /// A key: where it begins, and whether there are escapes in it.
    fn key(&mut self) -> Option<(usize, bool)> {
        self.next()?;
        let start = self.at;
        Some((start, self.string()?))
    }

    /// One value, whatever is in it.
    fn value(&mut self) -> Option<()> {
        // Which of the open ones are objects: one bit each, the innermost last.
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

    /// The key and the colon that stand before a value in an object.
    fn key_where(&mut self, objects: u128) -> Option<()> {
        if objects & 1 == 1 {
            self.key()?;
            self.expect(b':')?;
        }
        Some(())
    }

    /// A string, and whether there are escapes in it.
    fn string(&mut self) -> Option<bool> {
        if *self.bytes.get(self.at)? != b'"' {
            return None;
        }
        self.at += 1;
        let mut escaped = false;
        loop {
            let rest = self.bytes.get(self.at..)?;
            let plain = plain(rest)?;
            if !self.is_clean && has_control(&rest[..plain]) {
                return None;
            }
            self.at += plain + 1;
            if rest[plain] == b'"' {
                return Some(escaped);
            }
            escaped = true;
            let escape = *self.bytes.get(self.at)?;
            // A table, since a jump for each kind of escape is one that the processor guesses wrong.
            if SHORT_ESCAPES[escape as usize] {
                self.at += 1;
                continue;
            }
            let digits = self.bytes.get(self.at + 1..self.at + 5)?;
            if escape != b'u' || !digits.iter().all(u8::is_ascii_hexdigit) {
                return None;
            }
            self.at += 5;
        }
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

    /// At least one digit.
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;
    use crate::dialect::patch::Members;

    /// Any JSON value, spelled in odd ways.
    fn value() -> impl Strategy<Value = String> {
        let leaf = prop_oneof![
            "-?(0|[1-9][0-9]{0,3})(\\.[0-9]{1,3})?([eE][+-]?[0-9]{1,2})?",
            "true|false|null",
            "\"([ !#-\\[\\]-~é你]|\\\\[\"\\\\/bfnrt]|\\\\u00[0-9a-fA-F]{2}){0,8}\"",
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            let list = proptest::collection::vec(inner.clone(), 0..4);
            let object = proptest::collection::vec(("\"([a-z]|\\\\u006d){0,3}\"", inner), 0..4);
            prop_oneof![
                list.prop_map(|list| format!("[ {}\n]", list.join(" ,"))),
                object.prop_map(|members| {
                    let members: Vec<String> = members.iter().map(|(key, value)| format!("{key} : {value}")).collect();
                    format!("{{{}\t}}", members.join(", "))
                }),
            ]
        })
    }

    proptest! {
        #[test]
        fn it_finds_what_the_parser_finds(json in value()) {
            if json.starts_with('{') {
                let found = members(&json);
                prop_assert_eq!(found, Members::parse(&json).ok().map(|members| members.0), "{}", json);
            } else {
                prop_assert!(members(&json).is_none());
            }
        }

        #[test]
        fn quotes_and_backslashes_are_found_wherever_they_are(bytes in proptest::collection::vec(prop_oneof![9 => any::<u8>(), 1 => Just(b'"'), 1 => Just(b'\\')], 0..80)) {
            let found = bytes.iter().position(|byte| matches!(byte, b'"' | b'\\'));
            prop_assert_eq!(plain(&bytes), found);
        }

        #[test]
        fn it_takes_nothing_that_the_parser_refuses(json in value(), at in any::<prop::sample::Index>(), byte in 0_u8..128) {
            let mut bytes = json.into_bytes();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            if let Ok(json) = std::str::from_utf8(&bytes)
                && let Some(found) = members(json)
            {
                prop_assert!(serde_json::from_str::<Value>(json).is_ok() || json.contains("\\u") || json.contains(['e', 'E']), "{}", json);
                prop_assert_eq!(Some(found), Members::parse(json).ok().map(|members| members.0), "{}", json);
            }
        }
    }
}
