//! Where a JSON string ends (RFC 8259 section 7).
//!
//! Code and prose have an escape every few words. A search that stops at each of them makes the processor guess wrong where
//! the next one is. So a block of bytes becomes bits here, one for each byte, and arithmetic finds the quotes that are
//! escaped (Langdale and Lemire, "Parsing Gigabytes of JSON per Second", section 3.1.1).

use wide::u8x16;

/// How many bytes are looked at together.
const BLOCK: usize = u64::BITS as usize;

const QUOTE: u8x16 = u8x16::new([b'"'; 16]);
const BACKSLASH: u8x16 = u8x16::new([b'\\'; 16]);
/// The escape that is by far the most frequent stands for a new line.
const ESCAPED_NEWLINE: u8x16 = u8x16::new([b'n'; 16]);
const LAST_CONTROL: u8x16 = u8x16::new([0x1f; 16]);

/// Returns the place of the closing quote, and whether there are escapes before it. `text` begins behind the opening quote.
/// Returns nothing where the string has no end, or contains a control character or an unknown escape.
pub(crate) fn closing_quote(text: &[u8]) -> Option<(usize, bool)> {
    // Most strings are short and plain.
    if let Some(first) = text.first_chunk() {
        let bytes = u8x16::new(*first);
        let special = bytes.simd_eq(QUOTE) | bytes.simd_eq(BACKSLASH) | controls(bytes);
        let at = special.to_bitmask().trailing_zeros() as usize;
        if first.get(at) == Some(&b'"') {
            return Some((at, false));
        }
    }
    let (mut any, mut is_first_escaped) = (false, false);
    for at in (0..text.len()).step_by(BLOCK) {
        let mut last = [b' '; BLOCK];
        let block = Block::of(text[at..].first_chunk().unwrap_or_else(|| {
            last[..text.len() - at].copy_from_slice(&text[at..]);
            &last
        }));
        let quotes = block.bits(|bytes| bytes.simd_eq(QUOTE));
        let backslashes = block.bits(|bytes| bytes.simd_eq(BACKSLASH));
        let escaped;
        (escaped, is_first_escaped) = behind_backslashes(backslashes, is_first_escaped);
        let closing = quotes & !escaped;
        // The string's own bytes: those before its closing quote, or all.
        let own = closing.wrapping_sub(1) & !closing;
        if block.any(controls) && block.bits(controls) & own != 0 {
            return None;
        }
        if escaped & own != 0 {
            any = true;
            let usual = quotes | backslashes | block.bits(|bytes| bytes.simd_eq(ESCAPED_NEWLINE));
            if !are_escapes(&text[at..], escaped & own & !usual) {
                return None;
            }
        }
        if closing != 0 {
            return Some((at + closing.trailing_zeros() as usize, any));
        }
    }
    None
}

/// 64 bytes.
struct Block([u8x16; 4]);

impl Block {
    fn of(bytes: &[u8; BLOCK]) -> Self {
        let (vectors, _) = bytes.as_chunks();
        Self([0, 1, 2, 3].map(|at| u8x16::new(vectors[at])))
    }

    /// Returns one bit for each byte, set where `test` sets all bits of that byte. The first byte has the lowest bit.
    fn bits(&self, test: impl Fn(u8x16) -> u8x16) -> u64 {
        let [first, second, third, fourth] = self.0.map(|bytes| u64::from(test(bytes).to_bitmask()));
        first | second << 16 | third << 32 | fourth << 48
    }

    /// Whether `test` sets all bits of any byte.
    fn any(&self, test: impl Fn(u8x16) -> u8x16) -> bool {
        let [first, second, third, fourth] = self.0.map(test);
        (first | second | third | fourth).to_bitmask() != 0
    }
}

/// Returns bytes with all bits set where `bytes` has a control character.
fn controls(bytes: u8x16) -> u8x16 {
    bytes.min(LAST_CONTROL).simd_eq(bytes)
}

/// Returns the bytes that stand behind a backslash which is not escaped itself, and whether the first byte of the next block
/// does.
const fn behind_backslashes(backslashes: u64, is_first_escaped: bool) -> (u64, bool) {
    const EVEN: u64 = u64::MAX / 3;
    let first = is_first_escaped as u64;
    let backslashes = backslashes & !first;
    let behind = backslashes << 1 | first;
    // A row of backslashes that begins at an odd place is carried out of it by this sum: from there, what is even is odd.
    let (carried, overflows) = backslashes.overflowing_add(backslashes & !EVEN & !behind);
    ((EVEN ^ carried << 1) & behind, overflows)
}

/// Whether each of these places of a text has something that may stand behind a backslash.
fn are_escapes(text: &[u8], mut places: u64) -> bool {
    while places != 0 {
        let rest = &text[(places.trailing_zeros() as usize).min(text.len())..];
        let is_escape = match rest {
            [b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', ..] => true,
            [b'u', a, b, c, d, ..] => [a, b, c, d].iter().all(|digit| digit.is_ascii_hexdigit()),
            _ => false,
        };
        if !is_escape {
            return false;
        }
        places &= places - 1;
    }
    true
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Finds the closing quote byte by byte.
    fn slowly(text: &[u8]) -> Option<(usize, bool)> {
        let (mut at, mut any) = (0, false);
        loop {
            match text.get(at)? {
                b'"' => return Some((at, any)),
                b'\\' => {
                    any = true;
                    at += match text.get(at + 1)? {
                        b'u' if text.get(at + 2..at + 6)?.iter().all(u8::is_ascii_hexdigit) => 6,
                        byte if b"\"\\/bfnrt".contains(byte) => 2,
                        _ => return None,
                    };
                }
                0..0x20 => return None,
                _ => at += 1,
            }
        }
    }

    proptest! {
        #[test]
        fn it_ends_where_it_ends_byte_by_byte(
            pieces in proptest::collection::vec(prop_oneof![
                8 => "[a-z é你]{0,40}",
                4 => r#"(\\[\\"/bfnrt]|\\u[0-9a-f]{4}){0,40}"#,
                2 => r"(\\\\){20,40}",
                1 => "[\x00-\x1f\"\\\\u\x7f]",
            ], 0..12),
            end in prop_oneof![Just("\""), Just("")],
        ) {
            let text = pieces.concat() + end + "behind \x01 \\x";
            prop_assert_eq!(closing_quote(text.as_bytes()), slowly(text.as_bytes()), "{}", text);
        }

        #[test]
        fn it_takes_any_bytes(text in proptest::collection::vec(prop_oneof![any::<u8>(), Just(b'\\'), Just(b'u')], 0..200)) {
            prop_assert_eq!(closing_quote(&text), slowly(&text));
        }
    }
}
