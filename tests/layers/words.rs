//! Words that the gateway does not use: names that meant several things, and phrases that a reader has to read twice.

use super::text::{self, Line};

/// What an identifier is compared with.
pub(super) enum Form {
    /// All of the identifier.
    Whole(&'static str),
    /// One word of it, as `socket` in `asks_for_socket` and `NoSocket`. Not one after `web`.
    Part(&'static str),
}

use Form::{Part, Whole};

/// A name, the folders and files in which it is an old one, and what stands there instead.
pub(super) type OldName = (Form, &'static [&'static str], &'static str);

const SOURCES: &[&str] = &["src"];
const CODE: &[&str] = &["src", "tests", "benches"];
/// In the dialects a model refuses, as OpenAI calls it.
const NOT_NEUTRAL: &[&str] = &[
    "src/config",
    "src/dialect/upstream_error",
    "src/dialect/upstream_error.rs",
    "src/dialect/observe",
    "src/policy",
    "src/gateway",
    "src/native",
    "src/edge",
    "tests",
    "benches",
];
/// `Collected::Begun` is known elsewhere.
const BELOW_NATIVE: &[&str] = &["src/native/client", "src/native/h1", "src/native/server"];
const CORE: &[&str] = &[
    "src/config",
    "src/dialect",
    "src/policy",
    "src/gateway",
    "src/edge",
    "src/error.rs",
    "src/platform.rs",
];

pub(super) const NAMES: &[OldName] = &[
    (Whole("Refusal"), NOT_NEUTRAL, "UpstreamError"),
    (Whole("outcome"), &["src/policy"], "meaning"),
    (Whole("Keys"), CODE, "Affinity"),
    (Whole("Home"), &["src/native"], "PerHost"),
    (Whole("HomeOnly"), CODE, "Pinned"),
    (Whole("Crowd"), CODE, "InFlight"),
    (Part("crowd"), SOURCES, "in_flight"),
    (Whole("Sent"), CODE, "Upload"),
    (Whole("Begun"), BELOW_NATIVE, "Rewind"),
    (Whole("told"), SOURCES, "log_line, or what is said and to whom"),
    (Whole("Told"), CODE, "who says it"),
    (Whole("takes_error"), CODE, "take_error_flag"),
    (Whole("telling"), CODE, "held_len"),
    (Whole("Call"), CODE, "ClientRequest"),
    (Whole("Admin"), CODE, "Organization"),
    (Part("socket"), CORE, "websocket"),
    (Whole("Socket"), &["src"], "WebSocket"),
    (Whole("NoSocket"), CODE, "NoWebSocket"),
    (Whole("asks_for_socket"), CODE, "asks_for_websocket"),
    (Whole("is_socket"), &["src"], "is_websocket"),
    (Part("rest"), &["src/policy"], "cooldown"),
    (Part("rests"), &["src/policy"], "cooldown"),
];

/// The words of an identifier, in lower case.
fn parts(identifier: &str) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    for piece in identifier.split('_').filter(|piece| !piece.is_empty()) {
        let mut lower = false;
        let mut open = false;
        for char in piece.chars() {
            if !open || lower && char.is_uppercase() {
                parts.push(String::new());
            }
            open = true;
            lower = char.is_lowercase() || char.is_ascii_digit();
            parts.last_mut().unwrap().extend(char.to_lowercase());
        }
    }
    parts
}

fn is_old(form: &Form, identifier: &str) -> bool {
    match form {
        Whole(name) => identifier == *name,
        Part(word) => {
            let parts = parts(identifier);
            (0..parts.len()).any(|index| parts[index] == *word && (index == 0 || parts[index - 1] != "web"))
        }
    }
}

/// The old names in a file of Rust: line and what to do.
pub(super) fn old_names(path: &str, text: &str) -> Vec<(usize, String)> {
    let names: Vec<&OldName> = NAMES
        .iter()
        .filter(|(_, places, _)| places.iter().any(|place| super::is_below(path, place)))
        .collect();
    let mut found = Vec::new();
    for (line, identifier) in text::identifiers(text) {
        let old = names.iter().find(|(form, _, _)| is_old(form, &identifier));
        found.extend(old.map(|(_, _, instead)| (line, format!("`{identifier}`: write {instead}"))));
    }
    found.dedup();
    found
}

/// Phrases, in lower case. `*` is any word.
const PHRASES: [(&str, &str); 6] = [
    ("but for", "say `except for`"),
    ("of which", "begin a new sentence"),
    ("befell", "say what happened"),
    ("spared", "say `kept` or `reserved`"),
    ("told", "say who says what"),
    ("is no *", "say `is not a`"),
];

/// Phrases that a pattern above means, and that are good all the same.
const GOOD: [&str; 1] = ["is no longer"];

fn matches(pattern: &str, words: &[(usize, String)]) -> bool {
    let mut words = words.iter().map(|(_, word)| word);
    pattern.split(' ').all(|want| {
        words.next().is_some_and(|word| match want {
            "*" => word.starts_with(char::is_alphabetic),
            want => word == want,
        })
    })
}

/// The old phrases in lines that follow each other: line and what to do.
pub(super) fn old_phrases(lines: &[Line]) -> Vec<(usize, String)> {
    let mut words: Vec<(usize, String)> = Vec::new();
    for line in lines {
        let word = |word: &str| {
            let end = word.trim_end_matches(|char: char| !char.is_alphanumeric() && char != '`');
            let bare = end.trim_start_matches(|char: char| !char.is_alphanumeric() && char != '`');
            // What ends a sentence ends a phrase.
            let stop = if word.len() > end.len() { "." } else { "" };
            format!("{}{stop}", bare.to_lowercase())
        };
        words.extend(line.text.split_whitespace().map(|text| (line.number, word(text))));
    }
    let mut found = Vec::new();
    for start in 0..words.len() {
        let rest = &words[start..];
        for (pattern, instead) in PHRASES {
            let last = pattern.split(' ').count() - 1;
            let mut here = rest[..rest.len().min(last + 1)].to_vec();
            if let Some((_, word)) = here.get_mut(last) {
                *word = word.trim_end_matches('.').to_owned();
            }
            if matches(pattern, &here) && !GOOD.iter().any(|good| matches(good, &here)) {
                found.push((rest[0].0, format!("`{pattern}`: {instead}")));
            }
        }
    }
    found
}

/// Sets of lines that follow each other.
fn blocks(lines: Vec<Line>) -> Vec<Vec<Line>> {
    let mut blocks: Vec<Vec<Line>> = Vec::new();
    for line in lines {
        match blocks.last_mut() {
            Some(block)
                if block
                    .last()
                    .is_some_and(|last| last.number + 1 == line.number && last.doc == line.doc) =>
            {
                block.push(line);
            }
            _ => blocks.push(vec![line]),
        }
    }
    blocks
}

/// The old phrases in the comments of a file of Rust: line and what to do.
pub(super) fn in_comments(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for block in blocks(text::comments(text)) {
        let first = &block[0];
        if first.doc && first.text.starts_with("The same") {
            found.push((first.number, "begins with `The same`: say what it is".to_owned()));
        }
        found.extend(old_phrases(&block));
    }
    found
}

/// The old phrases in a page of Markdown, blocks of code left out.
pub(super) fn in_page(text: &str) -> Vec<(usize, String)> {
    let mut code = false;
    let lines = text.lines().enumerate().filter_map(|(index, line)| {
        let fence = line.trim_start().starts_with("```");
        code ^= fence;
        (!code && !fence && !line.trim().is_empty()).then(|| Line {
            number: index + 1,
            text: line.to_owned(),
            doc: false,
        })
    });
    blocks(lines.collect())
        .iter()
        .flat_map(|block| old_phrases(block))
        .collect()
}
