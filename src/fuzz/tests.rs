//! The bodies of the fuzz targets, on the corpus and on inputs that are made here: well-formed ones, and such with a few
//! mistakes in them. `PROPTEST_CASES` says how many of each.

mod messages;
mod texts;
mod translations;

use std::fs;
use std::path::Path;

use proptest::prelude::*;

use super::*;

/// How many inputs a target is run on unless `PROPTEST_CASES` says it: some seconds' worth without optimisation.
fn cases(count: u32) -> ProptestConfig {
    let (said, unsaid) = (ProptestConfig::default(), 256);
    ProptestConfig {
        cases: if said.cases == unsaid { count } else { said.cases },
        ..said
    }
}

/// A mistake, where it is made, and what of.
type Mistake = (u8, prop::sample::Index, prop::sample::Index, &'static str);

/// What is made of a well-formed text with a few mistakes, or none: bytes that are changed, taken out, said again or put in.
/// `words`: what is put in.
fn with_mistakes(
    text: impl Strategy<Value = Vec<u8>>,
    words: &'static [&'static str],
) -> impl Strategy<Value = Vec<u8>> {
    let mistake = (
        any::<u8>(),
        any::<prop::sample::Index>(),
        any::<prop::sample::Index>(),
        prop::sample::select(words),
    );
    let mistakes = prop_oneof![
        2 => Just(Vec::new()),
        3 => proptest::collection::vec(mistake, 1..4),
    ];
    (text, mistakes).prop_map(|(mut text, mistakes)| {
        for mistake in mistakes {
            make(&mut text, mistake);
        }
        text
    })
}

fn make(text: &mut Vec<u8>, (kind, from, length, word): Mistake) {
    if text.is_empty() {
        return text.extend_from_slice(word.as_bytes());
    }
    let from = from.index(text.len());
    let to = (from + 1 + length.index(6)).min(text.len());
    match kind % 8 {
        0 => text[from] = kind,
        1 => drop(text.drain(from..to)),
        2 => {
            let again = text[from..to].to_vec();
            text.splice(to..to, again);
        }
        3 => text.truncate(from),
        // One word for another one, at a place where one begins.
        4 | 5 => {
            let start = text[..from]
                .iter()
                .rposition(|byte| !byte.is_ascii_alphanumeric())
                .map_or(0, |at| at + 1);
            let length = text[start..]
                .iter()
                .take_while(|byte| byte.is_ascii_alphanumeric())
                .count();
            text.splice(start..start + length, word.bytes());
        }
        _ => drop(text.splice(from..from, word.bytes())),
    }
}

/// How an input is cut.
fn cuts() -> impl Strategy<Value = String> {
    prop_oneof![1 => Just(String::new()), 1 => Just("1".to_owned()), 3 => "[1-9a-z]{1,6}"]
}

/// An input whose first line is `line`.
fn input(line: &str, rest: &[u8]) -> Vec<u8> {
    [line.as_bytes(), b"\n", rest].concat()
}

/// Runs a target, and shows the input where it panics.
fn run(target: Target, input: &[u8]) -> Result<(), TestCaseError> {
    let ran = std::panic::catch_unwind(|| target(input));
    ran.map_err(|_| TestCaseError::fail(format!("b\"{}\"", input.escape_ascii())))
}

#[test]
fn the_corpus_holds_what_was_found_and_what_is_known_to_be_odd() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus");
    for (name, target) in TARGETS {
        let mut count = 0;
        for entry in fs::read_dir(folder.join(name)).unwrap() {
            let path = entry.unwrap().path();
            let input = fs::read(&path).unwrap();
            let ran = std::panic::catch_unwind(|| target(&input));
            assert!(ran.is_ok(), "{}", path.display());
            count += 1;
        }
        assert!(count >= 10, "the corpus of {name} is not there");
    }
    let folders = fs::read_dir(folder).unwrap().count();
    assert_eq!(folders, TARGETS.len(), "a corpus belongs to no target");
}

#[test]
fn an_input_is_cut_as_its_first_line_says() {
    let pieces = |cuts: &str| {
        cut(b"abcdefgh", cuts.as_bytes())
            .iter()
            .map(|piece| piece.len())
            .collect::<Vec<_>>()
    };
    assert_eq!(pieces(""), [8]);
    assert_eq!(pieces("0"), [8]);
    assert_eq!(pieces("3"), [3, 3, 2]);
    assert_eq!(pieces("102"), [1, 0, 2, 1, 0, 2, 1, 0, 1]);
    assert_eq!(pieces("z"), [8]);
    assert_eq!(first_line(b"a\nb\nc"), (&b"a"[..], &b"b\nc"[..]));
    assert_eq!(first_line(b"a"), (&b"a"[..], &b""[..]));
}
