//! JSON that is too long to be kept, without what is long in it. Its structure, its short values and the beginnings of its
//! long texts remain, and parse as the same object. So a line of megabytes is still known for an error, and its code is still
//! read.
//!
//! It is read piece by piece, keeps about 17 KiB at most, and where the pieces are cut makes no difference. What is not JSON
//! gives something that does not parse, or less of it.
//!
//! What is left out cannot be searched any more. So the one word that is looked for in all of it is watched for on the way: a
//! member or a value `error`.

use memchr::memchr2;

/// How much of a text is kept, in bytes. A few more are kept where a character or an escape would be cut.
const TEXT: usize = 1024;

/// How much of an object or array is kept, in bytes, by its depth. What matters stands near the top. Objects and arrays that
/// are deeper count as a part of the fourth.
const MOST: [usize; 4] = [16 * 1024, 8 * 1024, 4 * 1024, 2 * 1024];

/// How much is kept of what follows the outermost object or array, in bytes: enough for it not to parse.
const BEHIND: usize = 16;

/// The word that is watched for, as a name or as a value.
const ERROR: &[u8] = b"error";

/// Returns `json` if it has at most `limit` bytes, else its shortened form.
#[must_use]
pub(crate) fn shortened(json: &[u8], limit: usize) -> std::borrow::Cow<'_, [u8]> {
    if json.len() <= limit {
        return json.into();
    }
    let mut short = Shortened::default();
    short.extend(json);
    short.into_bytes().into()
}

/// The shortened form of a text that comes in pieces. What stands before the first brace or bracket is kept as a long text
/// is.
#[derive(Debug, Default)]
pub(crate) struct Shortened {
    kept: Vec<u8>,
    /// How many arrays and objects are open.
    depth: usize,
    /// How many bytes are still kept of what follows the outermost array or object, once that is closed.
    behind: Option<usize>,
    /// The open arrays and objects, outermost first, as far as they have a limit of their own.
    open: [Open; MOST.len()],
    /// The depth of the array or object that is full: nothing is kept until it closes. Zero if none is.
    full: usize,
    /// The text that is open.
    text: Option<Text>,
    word: Word,
    has_error: bool,
    is_error: bool,
}

/// An array or object that is open.
#[derive(Clone, Copy, Debug, Default)]
struct Open {
    /// The place in `kept` where it begins.
    start: usize,
    /// The place in `kept` behind its last whole value: where it is cut when it is full.
    whole: usize,
}

/// A text that is open.
#[derive(Debug, Default)]
struct Text {
    /// How much of it has come, in bytes, escapes as they are written.
    length: usize,
    /// How much of it is kept.
    kept: usize,
    /// A backslash was its last byte.
    escapes: bool,
    /// All of it so far is the beginning of [`ERROR`].
    is_word: bool,
}

/// What is known of [`ERROR`], where that was the last text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Word {
    #[default]
    None,
    /// It has come. A colon may follow.
    Came,
    /// It was the name of a member. The first byte of the value is to come.
    Named,
}

impl Shortened {
    /// Takes the next piece.
    pub(crate) fn extend(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            bytes = match &mut self.text {
                Some(_) => self.in_text(bytes),
                None if self.depth == 0 => self.before(bytes),
                None => self.outside(bytes),
            };
        }
    }

    /// Whether an `error` has come, at any depth: as a value, or as the name of a member that is not null.
    #[must_use]
    pub(crate) const fn has_error(&self) -> bool {
        self.has_error
    }

    /// Whether the outermost object has such a member or value itself.
    #[must_use]
    pub(crate) const fn is_error(&self) -> bool {
        self.is_error
    }

    /// Returns what is kept.
    #[must_use]
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.kept
    }

    /// Returns what is kept, and ends the text.
    #[must_use]
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.kept
    }

    /// Takes what stands outside of every object or array. This, `outside` and `in_text` return the bytes that they left.
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

    /// Takes one byte of an object or array that does not belong to a text.
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

    /// Judges the word by the first byte behind it, or behind its colon.
    fn judge(&mut self, byte: u8) {
        if self.word == Word::Came && byte == b':' {
            self.word = Word::Named;
            return;
        }
        let is_error = self.word == Word::Came || byte != b'n';
        self.has_error |= is_error;
        self.is_error |= is_error && self.depth == 1;
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
        // What is full is closed all the same, even where only this bracket was too much.
        if self.full == self.depth {
            self.full = 0;
            self.kept.push(bracket);
        }
        self.depth -= 1;
        if self.depth == 0 {
            self.behind = Some(BEHIND);
        }
    }

    /// Takes what belongs to the open text, up to its end or a backslash.
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
                self.word = Word::Came;
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

    /// Keeps `run` as far as there is room for it. `whole`: it belongs to what stands before it and is not cut off. Returns
    /// `rest`.
    fn keep_of_text<'a>(&mut self, run: &[u8], rest: &'a [u8], whole: bool) -> &'a [u8] {
        let Some(text) = &self.text else { return rest };
        // Once something is left out, what follows it is as well.
        let left_out = text.length - run.len() > text.kept;
        if self.full > 0 || left_out || run.is_empty() {
            return rest;
        }
        let mut length = TEXT.saturating_sub(text.kept).min(run.len());
        // No further than to the first byte that is too many: which object or array gets full must not depend on the pieces.
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

    /// Returns how many bytes can be kept before an object or array has too many.
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

    /// Cuts what has become too long behind its last whole value, innermost first.
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
/// (RFC 8259 section 7). Where it only looks so, one byte more is kept, which does no harm.
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
