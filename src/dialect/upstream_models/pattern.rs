//! Rows of the table, and how models are known by their names.

use crate::dialect::neutral::request::Quirks;

/// A row of the table.
pub(super) struct Row {
    /// The providers for which it holds; all of them where there are none.
    pub(super) providers: &'static [&'static str],
    /// The dialects in which it holds, by their names; all of them where there are none.
    pub(super) dialects: &'static [&'static str],
    /// The models for which it holds.
    pub(super) models: Models,
    /// What is so there.
    pub(super) set: fn(&mut Quirks),
}

/// Some models.
pub(super) enum Models {
    /// All of them.
    Any,
    /// Those with such a name; a `*` stands for any run of characters.
    Like(&'static [&'static str]),
    /// Those with all of the words in their name, since a version. A name without a number is that of the newest.
    Since(&'static [&'static str], (u16, u16)),
}

impl Models {
    /// Whether a name, in small letters, is that of one of them.
    pub(super) fn contain(&self, name: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Like(patterns) => patterns.iter().any(|pattern| is_like(pattern, name)),
            Self::Since(words, version) => {
                let has = |word: &&str| self::words(name).any(|known| known == *word);
                words.iter().all(has) && version_of(name) >= *version
            }
        }
    }
}

/// Returns the name of a model by which the tables know it: in small letters, without whose it is.
pub(super) fn bare(model: &str) -> String {
    model.rsplit('/').next().unwrap_or(model).to_ascii_lowercase()
}

/// Returns the words and numbers of a name: `claude`, `opus`, `4`, `5` of `claude-opus-4.5`.
fn words(name: &str) -> impl Iterator<Item = &str> {
    name.split(|char: char| !char.is_ascii_alphanumeric())
}

/// Returns the version in a name: (4, 5) of `claude-opus-4-5-20251101`. Numbers of more than two digits are dates and sizes.
pub(super) fn version_of(name: &str) -> (u16, u16) {
    let number = |word: &str| word.parse().ok().filter(|_| word.len() <= 2);
    let mut words = words(name).skip_while(|word| number(word).is_none());
    let major = words.next().and_then(number);
    let minor = words.next().and_then(number);
    major.map_or((u16::MAX, 0), |major| (major, minor.unwrap_or(0)))
}

/// Whether a name is that of a pattern, in which each `*` stands for any run of characters. Takes no more steps than the product of
/// both lengths: clients choose names.
pub(super) fn is_like(pattern: &str, name: &str) -> bool {
    let Some((begin, rest)) = pattern.split_once('*') else {
        return pattern == name;
    };
    let Some(mut name) = name.strip_prefix(begin) else {
        return false;
    };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let end = parts.pop().unwrap_or_default();
    for part in parts {
        let Some(at) = name.find(part) else { return false };
        name = &name[at + part.len()..];
    }
    name.ends_with(end)
}
