//! The members of a JSON object, found in one pass that checks the grammar and builds nothing (RFC 8259).
//!
//! It takes what a JSON parser takes, or less: whatever it does not take is the parser's to judge, which also says what is
//! wrong with it.

use std::borrow::Cow;

use super::patch::MAX_DEPTH;
use super::quoted::closing_quote;

/// The members of the object that `json` is, keys unescaped, values as they stand in the text. Nothing where the text is
/// anything else, or nests deeper than [`MAX_DEPTH`].
pub(super) fn members(json: &str) -> Option<Vec<(Cow<'_, str>, &str)>> {
    let mut scan = Scan {
        bytes: json.as_bytes(),
        at: 0,
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

struct Scan<'a> {
    bytes: &'a [u8],
    at: usize,
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
        let (length, escaped) = closing_quote(&self.bytes[self.at + 1..])?;
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
