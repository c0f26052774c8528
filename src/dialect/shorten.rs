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
        if self.full != self.depth {
            self.keep(bracket);
        }
        // What is full is closed all the same, also where only this was too much.
        if self.full == self.depth {
            self.full = 0;
            self.kept.push(bracket);
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
        let Some(text) = &self.text else { return rest };
        // Once something is left out, what follows it is as well.
        let left_out = text.length - run.len() > text.kept;
        if self.full > 0 || left_out || run.is_empty() {
            return rest;
        }
        let mut length = TEXT.saturating_sub(text.kept).min(run.len());
        // No further than to the first byte that is too many: which object or array becomes full must not depend on the pieces.
        let room = self.room();
        self.kept.extend_from_slice(&run[..length.min(room + 1)]);
        self.shorten();
        while self.full == 0 && length < run.len() && (whole || belongs(&self.kept, run[length])) {
            self.kept.push(run[length]);
            length += 1;
            self.shorten();
        }
        if let Some(text) = &mut self.text {
            text.kept += length;
        }
        rest
    }

    /// How many bytes can be kept before an object or array has too many.
    fn room(&self) -> usize {
        let open = self.open.iter().zip(MOST).take(self.depth);
        let rooms = open.map(|(open, most)| (open.start + most).saturating_sub(self.kept.len()));
        rooms.min().unwrap_or_default()
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
mod tests;
