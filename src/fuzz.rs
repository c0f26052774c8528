//! The bodies of the fuzz targets: one function a target, which takes any bytes and panics where a property does not hold.
//!
//! `cargo fuzz run --fuzz-dir tests/fuzz TARGET` runs them where a nightly compiler is at hand. Everywhere else `cargo test`
//! runs them on the committed corpus and on some thousands of generated inputs ([`tests`]). The properties stand beside the
//! code that they hold for, where nobody else has to see it: `native/h1/fuzz.rs`, `dialect/wire/fuzz.rs`.
//!
//! The first line of an input says how the rest is to be read, so that a corpus can be written by hand: words between
//! blanks. The last one says how the rest is cut into pieces. Each of its characters is the length of a piece, in digits
//! and letters of base 36, from the beginning again when they run out. An empty one cuts nothing.
//!
//! | target | first line | rest |
//! |---|---|---|
//! | `requests` | cuts | what a client sends on a connection |
//! | `answers` | `HEAD` or nothing, cuts | what an upstream sends, up to the end of the connection |
//! | `chunks` | cuts | a body in chunks |
//! | `streams` | `done`, `response`, `message`, `candidates` or `unknown`, length of a line, cuts | an event stream |
//! | `json` | none: all of it is a body | |
//! | `forms` | a content type | a form |
//! | `translations` | `stream`, `answer` or `request`, the name of a dialect, cuts | what an upstream or a client of it sends |

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a property that does not hold ends the run"
)]

mod forms;
mod streams;
mod translations;

use crate::dialect::ending::Ending;
use crate::dialect::observe::LINE_LIMIT;
use crate::dialect::wire;
use crate::native;

/// What a target checks of an input.
pub type Target = fn(&[u8]);

/// The targets, by name.
pub const TARGETS: [(&str, Target); 7] = [
    ("requests", requests),
    ("answers", answers),
    ("chunks", chunks),
    ("streams", streams),
    ("json", json),
    ("forms", forms),
    ("translations", translations),
];

/// Reads the requests on a client's connection.
pub fn requests(input: &[u8]) {
    let (line, rest) = first_line(input);
    native::fuzz::requests(&cut(rest, line));
}

/// Reads an upstream's answer.
pub fn answers(input: &[u8]) {
    let (line, rest) = first_line(input);
    let cuts = line.strip_prefix(b"HEAD");
    native::fuzz::answers(&cut(rest, cuts.unwrap_or(line)), cuts.is_some());
}

/// Takes a body out of its chunks.
pub fn chunks(input: &[u8]) {
    let (line, rest) = first_line(input);
    native::fuzz::chunks(&cut(rest, line));
}

/// Observes an event stream.
pub fn streams(input: &[u8]) {
    let (line, rest) = first_line(input);
    let mut words = line.split(|byte| *byte == b' ');
    let ending = match words.next() {
        Some(b"response") => Ending::Response,
        Some(b"message") => Ending::Message,
        Some(b"candidates") => Ending::Candidates,
        Some(b"unknown") => Ending::Unknown,
        _ => Ending::Done,
    };
    let limit = words
        .next()
        .and_then(|word| std::str::from_utf8(word).ok()?.parse().ok());
    let limit = limit.unwrap_or(LINE_LIMIT).min(LINE_LIMIT);
    streams::check(&cut(rest, words.next().unwrap_or_default()), ending, limit);
}

/// Reads a JSON request, and patches it.
pub fn json(input: &[u8]) {
    wire::fuzz::json(input);
}

/// Reads a form, and replaces its model.
pub fn forms(input: &[u8]) {
    let (line, rest) = first_line(input);
    if let Ok(content_type) = std::str::from_utf8(line) {
        forms::check(content_type, rest);
    }
}

/// Translates what a dialect's upstream or client sends into every dialect.
pub fn translations(input: &[u8]) {
    let (line, rest) = first_line(input);
    let mut words = line.split(|byte| *byte == b' ');
    let mut word = || std::str::from_utf8(words.next().unwrap_or_default()).unwrap_or_default();
    let (kind, dialect) = (word(), word());
    translations::check(kind, dialect, &cut(rest, words.next().unwrap_or_default()));
}

/// The first line of an input, and what stands behind it.
fn first_line(input: &[u8]) -> (&[u8], &[u8]) {
    let end = input.iter().position(|byte| *byte == b'\n').unwrap_or(input.len());
    (&input[..end], input.get(end + 1..).unwrap_or_default())
}

/// `bytes` in pieces as long as the characters of `cuts` say.
fn cut<'a>(mut bytes: &'a [u8], cuts: &[u8]) -> Vec<&'a [u8]> {
    let length = |byte: &u8| match char::from(*byte).to_digit(36) {
        Some(digit) => digit as usize,
        None => usize::from(*byte),
    };
    let mut lengths = cuts.iter().filter(|byte| **byte != b' ').map(length).cycle();
    let mut pieces = Vec::new();
    let is_endless = cuts.iter().all(|byte| length(byte) == 0 || *byte == b' ');
    while !bytes.is_empty() {
        let length = lengths
            .next()
            .filter(|_| !is_endless)
            .map_or(bytes.len(), |length| length.min(bytes.len()));
        let (piece, rest) = bytes.split_at(length);
        pieces.push(piece);
        bytes = rest;
    }
    pieces
}

#[cfg(test)]
mod tests;
