//! JSON that is too long to be kept, with what is long in it left out: its structure, its short values and the beginnings of
//! its long texts remain, and parse as the same object. It is read piece by piece, in bounded memory; what is not JSON
//! gives something that does not parse, or less of it.

use memchr::memchr2;

/// How much of a text is kept, in bytes; a few more so that no character is cut.
const TEXT: usize = 1024;

/// How much of an object or array is kept, in bytes, by its depth: what is read stands near the top. Deeper ones count as a
/// part of the last.
const MOST: [usize; 4] = [16 * 1024, 8 * 1024, 4 * 1024, 2 * 1024];

/// How much is kept of what follows the outermost object or array, in bytes: enough for it not to parse.
const BEHIND: usize = 16;

/// The word that errors are recognized by, as a name or as a value.
const ERROR: &[u8] = b"error";

/// `json` if it is no longer than `limit` bytes, else shortened.
#[must_use]
pub(super) fn shortened(json: &[u8], limit: usize) -> std::borrow::Cow<'_, [u8]> {
    if json.len() <= limit {
        return json.into();
    }
    let mut short = Shortened::default();
    short.extend(json);
    short.into_bytes().into()
}

/// The shortened form of a text that comes in pieces. What stands in front of the first brace or bracket is kept as a long text
/// is.
#[derive(Debug, Default)]
pub(super) struct Shortened {
    kept: Vec<u8>,
    /// Arrays and objects that are open.
    depth: usize,
    /// How much is still kept of what follows the outermost one, once that is closed.
    behind: Option<usize>,
    /// The outer ones of them, outermost first.
    open: [Open; MOST.len()],
    /// The depth whose array or object is full: nothing is kept until it closes. Zero if none is.
    full: usize,
    text: Option<Text>,
    word: Word,
    names_error: bool,
    is_error: bool,
}

/// An array or object that is open.
#[derive(Clone, Copy, Debug, Default)]
struct Open {
    /// Where it begins in what is kept.
    start: usize,
    /// What is kept ends with a whole value of it here.
    whole: usize,
}

/// A text that is open.
#[derive(Debug, Default)]
struct Text {
    /// How much of it has come, in bytes, as it is written.
    length: usize,
    /// How much of it is kept.
    kept: usize,
    /// A backslash was its last byte.
    escapes: bool,
    /// So far it is the beginning of [`ERROR`].
    is_word: bool,
}

/// The word [`ERROR`], if it was the last text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Word {
    #[default]
    None,
    Said,
    /// As a name: what its value begins with, is to come.
    Names,
}

impl Shortened {
    /// Takes the next piece.
    pub(super) fn extend(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            bytes = match &mut self.text {
                Some(_) => self.in_text(bytes),
                None if self.depth == 0 => self.before(bytes),
                None => self.outside(bytes),
            };
        }
    }

    /// Whether an error is named in what has come: as a member that is not null, or as a value, at any depth.
    #[must_use]
    pub(super) const fn names_error(&self) -> bool {
        self.names_error
    }

    /// Whether the outermost object says so of itself.
    #[must_use]
    pub(super) const fn is_error(&self) -> bool {
        self.is_error
    }

    /// What is kept.
    #[must_use]
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.kept
    }

    /// The same.
    #[must_use]
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.kept
    }

    /// Takes what stands outside of any object or array.
    fn before<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        if let Some(room) = &mut self.behind {
            let length = bytes.len().min(*room);
            *room -= length;
            self.kept.extend_from_slice(&bytes[..length]);
            return &[];
        }
        let length = memchr2(b'{', b'[', bytes).unwrap_or(bytes.len());
        let room = TEXT.saturating_sub(self.kept.len()).min(length);
        self.kept.extend_from_slice(&bytes[..room]);
        match bytes.get(length) {
            Some(bracket) => {
                self.enter(*bracket);
                &bytes[length + 1..]
            }
            None => &[],
        }
    }

    /// Takes a byte that belongs to no text.
    fn outside<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let (byte, rest) = (bytes[0], &bytes[1..]);
        if self.word != Word::None && !byte.is_ascii_whitespace() {
            self.judge(byte);
        }
        match byte {
            b'"' => {
                self.keep(byte);
                self.text = Some(Text {
                    is_word: true,
                    ..Text::default()
                });
            }
            b'{' | b'[' => self.enter(byte),
            b'}' | b']' => self.leave(byte),
            b',' => {
                if self.full == 0
                    && let Some(open) = self.open.get_mut(self.depth - 1)
                {
                    open.whole = self.kept.len();
                }
                self.keep(byte);
            }
            _ => self.keep(byte),
        }
        rest
    }

    /// Takes the first byte behind the word, or behind its colon.
    fn judge(&mut self, byte: u8) {
        if self.word == Word::Said && byte == b':' {
            self.word = Word::Names;
            return;
        }
        let says = self.word == Word::Said || byte != b'n';
        self.names_error |= says;
        self.is_error |= says && self.depth == 1;
        self.word = Word::None;
    }

    fn enter(&mut self, bracket: u8) {
        let start = self.kept.len();
        if self.full == 0
            && let Some(open) = self.open.get_mut(self.depth)
        {
            *open = Open {
                start,
                whole: start + 1,
            };
        }
        self.depth += 1;
        self.keep(bracket);
    }

    fn leave(&mut self, bracket: u8) {
        if self.full == self.depth {
            self.full = 0;
            self.kept.push(bracket);
        } else {
            self.keep(bracket);
        }
        self.depth -= 1;
        if self.depth == 0 {
            self.behind = Some(BEHIND);
        }
    }

    /// Takes what belongs to the open text, up to its end or to a backslash.
    fn in_text<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let Some(text) = &mut self.text else { return bytes };
        if std::mem::take(&mut text.escapes) {
            text.length += 1;
            return self.keep_of_text(&bytes[..1], &bytes[1..], true);
        }
        let length = memchr2(b'"', b'\\', bytes).unwrap_or(bytes.len());
        let run = &bytes[..length];
        text.is_word = text.is_word && ERROR.get(text.length..).is_some_and(|rest| rest.starts_with(run));
        text.length += length;
        let rest = self.keep_of_text(run, &bytes[length..], false);
        let (Some(text), Some(byte)) = (&mut self.text, rest.first()) else {
            return rest;
        };
        if *byte == b'"' {
            if text.is_word && text.length == ERROR.len() {
                self.word = Word::Said;
            }
            self.text = None;
            self.keep(b'"');
        } else {
            text.escapes = true;
            text.is_word = false;
            text.length += 1;
            self.keep_of_text(b"\\", &[], false);
        }
        &rest[1..]
    }

    /// Keeps `run` as far as there is room for it. `whole`: it belongs to what stands before it. Returns `rest`.
    fn keep_of_text<'a>(&mut self, run: &[u8], rest: &'a [u8], whole: bool) -> &'a [u8] {
        let Some(text) = &mut self.text else { return rest };
        // Once something is left out, what follows it is as well.
        let left_out = text.length - run.len() > text.kept;
        if self.full > 0 || left_out || run.is_empty() {
            return rest;
        }
        let mut length = TEXT.saturating_sub(text.kept).min(run.len());
        self.kept.extend_from_slice(&run[..length]);
        while length < run.len() && (whole || belongs(&self.kept, run[length])) {
            self.kept.push(run[length]);
            length += 1;
        }
        text.kept += length;
        self.shorten();
        rest
    }

    fn keep(&mut self, byte: u8) {
        if self.full == 0 {
            self.kept.push(byte);
            self.shorten();
        }
    }

    /// Leaves out the end of what has become too long, innermost first.
    fn shorten(&mut self) {
        for depth in (1..=self.depth.min(MOST.len())).rev() {
            let open = self.open[depth - 1];
            if self.kept.len() - open.start > MOST[depth - 1] {
                self.kept.truncate(open.whole);
                self.full = depth;
                return;
            }
        }
    }
}

/// Whether a byte of a text continues what `kept` ends with: a character, an escape, or the first half of a pair of escapes
/// (RFC 8259 section 7). What merely looks so is no harm.
fn belongs(kept: &[u8], byte: u8) -> bool {
    let last = &kept[kept.len().saturating_sub(6)..];
    let in_escape = |at: usize| match &last[at..] {
        [b'\\', b'u', b'd' | b'D', b'8' | b'9' | b'a' | b'b' | b'A' | b'B', _, _] => true,
        [b'\\', b'u', digits @ ..] => digits.len() < 4,
        _ => false,
    };
    byte & 0xC0 == 0x80 || (0..last.len()).any(in_escape)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn short(json: &[u8], size: usize) -> Shortened {
        let mut short = Shortened::default();
        json.chunks(size.max(1)).for_each(|piece| short.extend(piece));
        short
    }

    #[test]
    fn what_is_short_or_stands_near_the_top_remains() {
        let (text, tools) = (
            "é\"\\".repeat(50_000),
            vec![json!({"name": "f", "schema": {"x": [1, 2]}}); 5_000],
        );
        let long = json!({
            "a": text, "response": {"instructions": text, "tools": tools, "error": {"code": 429, "message": text}},
            "choices": [{"index": 0, "logprobs": {"content": tools}, "finish_reason": "stop"}],
            "usage": {"total_tokens": 5}, "type": "response.failed",
        });
        let read: Value = serde_json::from_slice(short(long.to_string().as_bytes(), 1000).as_bytes()).unwrap();
        for path in [
            "/response/error/code",
            "/choices/0/index",
            "/choices/0/finish_reason",
            "/usage",
            "/type",
        ] {
            assert_eq!(read.pointer(path), long.pointer(path), "{path}");
        }
        assert!(text.starts_with(read["response"]["error"]["message"].as_str().unwrap()));
        assert!(
            read["response"]["tools"]
                .as_array()
                .is_some_and(|tools| tools.len() > 10)
        );
    }

    #[test]
    fn an_error_is_seen_when_it_is_named() {
        for (json, names, is) in [
            (r#"{"error":{"message":""#, true, true),
            (r#"{"type":"error","message":""#, true, true),
            (r#"{"error" : null,"message":""#, false, false),
            (r#"{"error""#, false, false),
            (r#"{"response":{"error":null,"tools":[{"error":5"#, true, false),
            (r#"{"a":"\"error\":{","errors":[],"b":"error "}"#, false, false),
            (r#"data: {"error": {"#, true, true),
        ] {
            for size in 1..=json.len() {
                let short = short(json.as_bytes(), size);
                assert_eq!((short.names_error(), short.is_error()), (names, is), "{json}");
            }
        }
    }

    /// JSON in which some is long.
    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<i64>().prop_map(Value::from),
            ("[a\"\\\\é😀\u{1}]{0,9}", 0..400_usize).prop_map(|(text, times)| Value::from(text.repeat(times))),
        ];
        leaf.prop_recursive(6, 60, 9, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..9).prop_map(Value::from),
                proptest::collection::vec(("[a-e]{1,3}", inner), 0..9)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    /// With every character beyond ASCII as an escape.
    fn escaped(json: &str) -> String {
        let mut text = String::new();
        for char in json.chars() {
            match char {
                ' '..='~' => text.push(char),
                _ => char
                    .encode_utf16(&mut [0; 2])
                    .iter()
                    .for_each(|unit| text += &format!("\\u{unit:04x}")),
            }
        }
        text
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn it_parses_whatever_is_left_out(values in proptest::collection::vec(value(), 1..25), escapes: bool, size in 1..5000_usize) {
            let json = json!({"values": values, "type": "last"}).to_string();
            let json = if escapes { escaped(&json) } else { json };
            let whole = short(json.as_bytes(), usize::MAX).into_bytes();
            prop_assert_eq!(&short(json.as_bytes(), size).into_bytes(), &whole);
            prop_assert!(whole.len() <= MOST[0] + 16);
            let read: Result<Value, _> = serde_json::from_slice(&whole);
            prop_assert!(read.is_ok_and(|read| read["type"] == "last"), "{}", String::from_utf8_lossy(&whole));
            if json.len() <= MOST[3] && !json.contains("aaaaaaaaa") {
                prop_assert_eq!(String::from_utf8_lossy(&whole), json);
            }
        }

        #[test]
        fn a_cut_one_is_not_whole(text in "[a\"]{0,9}", times in 0..4000_usize, cut in any::<prop::sample::Index>()) {
            let json = json!({"a": text.repeat(times), "b": [{"c": text}]}).to_string();
            let cut = &json.as_bytes()[..cut.index(json.len())];
            prop_assert!(serde_json::from_slice::<Value>(short(cut, 700).as_bytes()).is_err());
        }

        #[test]
        fn no_bytes_panic_and_none_take_more_memory(pieces in proptest::collection::vec((r#"[{}\[\],:"\\u a0error]{0,12}"#, 0..3000_usize), 0..12), size in 1..3000_usize) {
            let bytes: String = pieces.iter().map(|(piece, times)| piece.repeat(*times)).collect();
            let whole = short(bytes.as_bytes(), usize::MAX);
            let pieces = short(bytes.as_bytes(), size);
            prop_assert_eq!(pieces.as_bytes(), whole.as_bytes());
            prop_assert_eq!((pieces.names_error, pieces.is_error), (whole.names_error, whole.is_error));
            prop_assert!(whole.kept.len() <= MOST[0] + TEXT + BEHIND);
        }
    }
}
