//! A JSON array that comes in pieces, element by element, however the bytes are cut: the form in which Gemini streams where
//! nobody asks for server-sent events.

use memchr::memchr2;

use super::sse::{EVENT_LIMIT, Item};

/// Reads an array of objects. At most one of them is held. An object that stands alone, as an error does, is read as well; what
/// else stands in the array, or around it, is passed over.
#[derive(Debug, Default)]
pub struct Elements {
    /// The element that has begun.
    held: Vec<u8>,
    /// How many arrays and objects are open in it, itself included.
    depth: usize,
    in_string: bool,
    is_escaped: bool,
    is_unreadable: bool,
}

impl Elements {
    /// Reads the next bytes and hands each element that is complete to `take`, in order: an event without a name.
    pub fn feed(&mut self, mut bytes: &[u8], take: &mut impl FnMut(Item<'_>)) {
        loop {
            if self.depth == 0 {
                let Some(begin) = memchr::memchr(b'{', bytes) else {
                    return;
                };
                bytes = &bytes[begin..];
            }
            let Some(end) = self.end_of_element(bytes) else {
                self.keep(bytes);
                return;
            };
            self.keep(&bytes[..end]);
            self.end_element(take);
            bytes = &bytes[end..];
        }
    }

    /// Returns the place behind the element's last byte, if it is in `bytes`.
    fn end_of_element(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = 0;
        while at < bytes.len() {
            if std::mem::take(&mut self.is_escaped) {
                at += 1;
                continue;
            }
            if self.in_string {
                let special = memchr2(b'"', b'\\', &bytes[at..])?;
                at += special + 1;
                self.is_escaped = bytes[at - 1] == b'\\';
                self.in_string = self.is_escaped;
                continue;
            }
            match bytes[at] {
                b'"' => self.in_string = true,
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => self.depth -= 1,
                _ => {}
            }
            at += 1;
            if self.depth == 0 {
                return Some(at);
            }
        }
        None
    }

    fn keep(&mut self, bytes: &[u8]) {
        if self.held.len() + bytes.len() > EVENT_LIMIT {
            self.is_unreadable = true;
            self.held.clear();
        } else if !self.is_unreadable {
            self.held.extend_from_slice(bytes);
        }
    }

    fn end_element(&mut self, take: &mut impl FnMut(Item<'_>)) {
        let is_unreadable = std::mem::take(&mut self.is_unreadable);
        match std::str::from_utf8(&self.held) {
            Ok(data) if !is_unreadable => take(Item::Event { name: "", data }),
            _ => take(Item::Unreadable),
        }
        self.held.clear();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Vec<String> {
        let mut elements = Elements::default();
        let mut found = Vec::new();
        let mut take = |item: Item<'_>| match item {
            Item::Event { name: "", data } => found.push(data.to_owned()),
            other => found.push(format!("{other:?}")),
        };
        for piece in pieces {
            elements.feed(piece, &mut take);
        }
        found
    }

    #[test]
    fn elements_are_read_whatever_stands_in_them_and_between_them() {
        let text = "\u{feff}[{\n\"a\": \"}]\\\"{\\\\\"}\n,\r\n{\"b\":[{},[\"é\"]]},{}\r\n]\n";
        let expected = ["{\n\"a\": \"}]\\\"{\\\\\"}", "{\"b\":[{},[\"é\"]]}", "{}"];
        assert_eq!(read(std::iter::once(text.as_bytes())), expected);
        assert_eq!(read(text.as_bytes().chunks(1)), expected);
        assert_eq!(read(std::iter::once(&b"{\"error\":{}}"[..])), ["{\"error\":{}}"]);
    }

    #[test]
    fn an_element_that_has_no_end_is_not_read() {
        assert_eq!(read(std::iter::once(&b"[{\"a\":1},{\"b\":\"}"[..])), ["{\"a\":1}"]);
    }

    #[test]
    fn an_element_that_is_too_long_is_passed_over_and_the_next_one_read() {
        let long = format!("[{{\"a\":\"{}\"}},{{\"b\":1}}]", "x".repeat(EVENT_LIMIT));
        assert_eq!(read(long.as_bytes().chunks(65_536)), ["Unreadable", "{\"b\":1}"]);
    }

    proptest! {
        #[test]
        fn where_an_array_is_cut_never_shows(text in "(\\[|\\]|\\{|\\}|\"|\\\\|,|é|a){0,40}", size in 1..9_usize) {
            let whole = read(std::iter::once(text.as_bytes()));
            prop_assert_eq!(read(text.as_bytes().chunks(size)), whole);
        }
    }
}
