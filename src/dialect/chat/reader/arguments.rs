//! Where the arguments of a tool call end.
//!
//! Chat Completions does not say so: a call ends with the choice. But arguments are one JSON object, and behind its last brace nothing
//! of it can come. So a client whose dialect needs whole calls need not wait for the end of the answer, and what comes behind belongs
//! to another call.

/// How far the text of an object has come. Holds none of it.
#[derive(Debug, Default)]
pub(super) struct Arguments {
    depth: usize,
    in_string: bool,
    is_escaped: bool,
    is_complete: bool,
}

impl Arguments {
    /// Reads more of the text and returns how many bytes of it belong to the object: all, or those up to its last brace.
    pub(super) fn read(&mut self, text: &str) -> usize {
        if self.is_complete {
            return 0;
        }
        for (at, byte) in text.bytes().enumerate() {
            if self.in_string {
                self.in_string = self.is_escaped || byte != b'"';
                self.is_escaped = !self.is_escaped && byte == b'\\';
                continue;
            }
            match byte {
                b'"' => self.in_string = true,
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' if self.depth == 1 => {
                    self.is_complete = true;
                    return at + 1;
                }
                b'}' | b']' => self.depth = self.depth.saturating_sub(1),
                _ => {}
            }
        }
        text.len()
    }

    /// Whether the object is complete.
    pub(super) const fn is_complete(&self) -> bool {
        self.is_complete
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    #[test]
    fn an_object_ends_with_its_last_brace() {
        for (text, length, is_complete) in [
            (r#" {"a":"}\"}\\"}{"#, 15, true),
            (r#"{"a":[{}]} "#, 10, true),
            ("{}", 2, true),
            ("", 0, false),
            (r#"{"a":"}"#, 7, false),
            (r#""{}""#, 4, false),
            ("null", 4, false),
            ("}]", 2, false),
        ] {
            let mut arguments = Arguments::default();
            assert_eq!(
                (arguments.read(text), arguments.is_complete()),
                (length, is_complete),
                "{text}"
            );
        }
    }

    proptest! {
        #[test]
        fn where_it_is_cut_does_not_matter(key in any::<String>(), number in any::<i32>(), size in 1..6_usize) {
            let object = serde_json::json!({ (&*key): [{"n": number}, "\\\"}"] }).to_string();
            let mut arguments = Arguments::default();
            let chars: Vec<char> = object.chars().collect();
            let mut taken = String::new();
            for piece in chars.chunks(size) {
                prop_assert!(!arguments.is_complete());
                let piece: String = piece.iter().collect();
                let length = arguments.read(&piece);
                taken += &piece[..length];
            }
            prop_assert!(arguments.is_complete());
            prop_assert_eq!(arguments.read("{}"), 0);
            prop_assert!(serde_json::from_str::<Value>(&taken).is_ok());
        }
    }
}
