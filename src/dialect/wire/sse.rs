//! Server-sent events, byte by byte (WHATWG HTML section 9.2.6): lines in, events out, however the bytes are cut.
//!
//! One thing is read that is none of them: some upstreams break into a stream with an error as plain JSON, over several lines and
//! without `data:`. It is an event without a name.

/// The largest event that is kept, in bytes.
pub const EVENT_LIMIT: usize = 16 * 1024 * 1024;

/// What a stream consists of.
#[derive(Debug, PartialEq, Eq)]
pub enum Item<'a> {
    /// An event with data.
    Event {
        /// Its name; empty where it has none.
        name: &'a str,
        /// Its data, lines joined with line feeds.
        data: &'a str,
    },
    /// A comment: somebody keeps the connection alive.
    Comment,
    /// An event longer than [`EVENT_LIMIT`], or one that is not UTF-8.
    Unreadable,
}

/// Reads a stream of events. At most one event is held.
#[derive(Debug, Default)]
pub struct Events {
    line: Vec<u8>,
    name: String,
    data: Vec<u8>,
    has_data: bool,
    /// The line before ended in a carriage return: a line feed at once belongs to it.
    behind_return: bool,
    has_begun: bool,
    is_unreadable: bool,
    /// The lines since the last blank one are plain JSON.
    is_plain: bool,
}

impl Events {
    /// Reads the next bytes and hands each item that is complete to `take`, in order.
    pub fn feed(&mut self, mut bytes: &[u8], take: &mut impl FnMut(Item<'_>)) {
        while let Some(first) = bytes.first() {
            if std::mem::take(&mut self.behind_return) && *first == b'\n' {
                bytes = &bytes[1..];
                continue;
            }
            let Some(end) = memchr::memchr2(b'\n', b'\r', bytes) else {
                self.keep(bytes);
                return;
            };
            self.behind_return = bytes[end] == b'\r';
            self.keep(&bytes[..end]);
            bytes = &bytes[end + 1..];
            self.end_line(take);
        }
    }

    /// Ends the stream: an event whose data is there counts, although its blank line is missing.
    pub fn end(&mut self, take: &mut impl FnMut(Item<'_>)) {
        if !self.line.is_empty() {
            self.end_line(take);
        }
        self.end_event(take);
    }

    fn keep(&mut self, bytes: &[u8]) {
        if self.line.len() + self.data.len() + bytes.len() > EVENT_LIMIT {
            self.is_unreadable = true;
            self.line.clear();
            self.data.clear();
        } else if !self.is_unreadable {
            self.line.extend_from_slice(bytes);
        }
    }

    fn end_line(&mut self, take: &mut impl FnMut(Item<'_>)) {
        let line = std::mem::take(&mut self.line);
        let begin = !std::mem::replace(&mut self.has_begun, true);
        let text = line.strip_prefix(b"\xEF\xBB\xBF").filter(|_| begin).unwrap_or(&line);
        if text.is_empty() && !self.is_unreadable {
            self.end_event(take);
        } else if text.is_empty() {
            self.is_unreadable = false;
            self.forget();
            take(Item::Unreadable);
        } else if self.is_plain_json(text) {
            self.is_plain = true;
            self.add_data(text);
        } else if text.starts_with(b":") {
            take(Item::Comment);
        } else {
            if self.is_plain {
                self.end_event(take);
            }
            self.field(text);
        }
        // Its room is used again.
        self.line = line;
        self.line.clear();
    }

    /// Whether a line is one of plain JSON: the first one shows it, and no other line of it begins as data does.
    fn is_plain_json(&self, line: &[u8]) -> bool {
        let begins = !self.has_data && matches!(line.first(), Some(b'{' | b'['));
        begins || self.is_plain && !line.starts_with(b"data:")
    }

    fn add_data(&mut self, line: &[u8]) {
        if std::mem::replace(&mut self.has_data, true) {
            self.data.push(b'\n');
        }
        self.data.extend_from_slice(line);
    }

    fn field(&mut self, line: &[u8]) {
        let (name, value) = match memchr::memchr(b':', line) {
            Some(colon) => (&line[..colon], &line[colon + 1..]),
            None => (line, &b""[..]),
        };
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match name {
            b"data" => self.add_data(value),
            b"event" => self.name = String::from_utf8_lossy(value).into_owned(),
            _ => {}
        }
    }

    fn end_event(&mut self, take: &mut impl FnMut(Item<'_>)) {
        if self.has_data {
            match std::str::from_utf8(&self.data) {
                Ok(data) => take(Item::Event { name: &self.name, data }),
                Err(_) => take(Item::Unreadable),
            }
        }
        self.forget();
    }

    fn forget(&mut self) {
        self.name.clear();
        self.data.clear();
        self.has_data = false;
        self.is_plain = false;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Vec<String> {
        let mut events = Events::default();
        let mut found = Vec::new();
        let mut take = |item: Item<'_>| found.push(format!("{item:?}"));
        for piece in pieces {
            events.feed(piece, &mut take);
        }
        events.end(&mut take);
        found
    }

    #[test]
    fn events_are_read_in_every_way_that_they_are_written() {
        let text =
            "\u{feff}: hi\r\nevent: a\r\ndata: 1\r\ndata:2\r\n\r\nid: 7\rdata:  3\r\rdata\n\nretry: 1\n\ndata: 4";
        let event = |name: &str, data: &str| format!("{:?}", Item::Event { name, data });
        let expected = [
            format!("{:?}", Item::Comment),
            event("a", "1\n2"),
            event("", " 3"),
            event("", ""),
            event("", "4"),
        ];
        assert_eq!(read(std::iter::once(text.as_bytes())), expected);
    }

    #[test]
    fn an_error_in_plain_json_is_an_event() {
        let event = |data: &str| format!("{:?}", Item::Event { name: "", data });
        let text = "data: 1\n\n{\n  \"error\": {\n:}\n}\ndata: 2\n{\n\n[1]\n";
        let expected = ["1", "{\n  \"error\": {\n:}\n}", "2", "[1]"].map(event);
        assert_eq!(read(std::iter::once(text.as_bytes())), expected);
    }

    #[test]
    fn an_event_that_is_too_long_is_passed_over_and_the_next_one_read() {
        let long = format!("data: {}\n\ndata: 1\n\n", "x".repeat(EVENT_LIMIT));
        let found = read(long.as_bytes().chunks(65_536));
        assert_eq!(found.len(), 2);
        assert!(found[0].contains("Unreadable") && found[1].contains('1'), "{found:?}");
    }

    proptest! {
        #[test]
        fn where_a_stream_is_cut_never_shows(text in "(data: ?[a-z]{0,3}|event: e|:c|\r|\n|\r\n|é|[{]){0,40}", size in 1..9_usize) {
            let whole = read(std::iter::once(text.as_bytes()));
            prop_assert_eq!(read(text.as_bytes().chunks(size)), whole);
        }
    }
}
