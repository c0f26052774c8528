//! What people paste where a key, a token or a name belongs: quotes around it, references that nothing has resolved, and the
//! placeholders of examples.
//!
//! A gateway that started with such a key would answer 401 to everything, hours later and elsewhere. A real key must never be
//! taken for a mistake, so every rule here asks for more than chance makes.

use super::character::named;

/// Quotes that may surround a value.
const QUOTES: [(char, char); 8] = [
    ('"', '"'),
    ('\'', '\''),
    ('`', '`'),
    ('\u{201c}', '\u{201d}'),
    ('\u{2018}', '\u{2019}'),
    ('\u{300c}', '\u{300d}'),
    ('\u{ff02}', '\u{ff02}'),
    ('\u{ab}', '\u{bb}'),
];

/// Returns what is inside one pair of quotes around a text, escaped or not.
pub(super) fn quoted(text: &str) -> Option<&str> {
    let escaped = text.strip_prefix("\\\"").and_then(|text| text.strip_suffix("\\\""));
    let plain = || {
        let inside = |(open, close): &(char, char)| text.strip_prefix(*open)?.strip_suffix(*close);
        QUOTES.iter().find_map(inside)
    };
    escaped.or_else(plain).map(str::trim)
}

/// Whether a text begins or ends with a quote.
fn has_stray_quote(text: &str) -> bool {
    let is_quote = |char: char| QUOTES.iter().any(|(open, close)| char == *open || char == *close);
    text.starts_with(is_quote) || text.ends_with(is_quote)
}

/// The two kinds of secrets for [`secret_flaw`]: a key, which an upstream made, and a token, which may be any word of the
/// operator's.
pub(super) const KEY: &str = "key";
pub(super) const TOKEN: &str = "token";

/// Returns what is wrong with a key or a token, and what to do about it; an empty hint where the real one belongs there.
pub(super) fn secret_flaw(what: &str, text: &str, is_variables_value: bool) -> Option<(String, &'static str)> {
    let foreign = text.chars().find(|char| !char.is_ascii_graphic());
    let is_named = |(name, value): (&str, &str)| is_variable(name) && value.len() > 2;
    let lower = text.to_ascii_lowercase();
    let flaw = if lower.starts_with("bearer ") {
        ("`Bearer` stands before it".to_owned(), "leave `Bearer` out")
    } else if is_placeholder(text) {
        (format!("a {what} is still a placeholder"), "")
    } else if let Some(char) = foreign {
        let message = format!("a {what} holds only visible ASCII characters, and not {}", named(char));
        (
            message,
            "look for spaces, line breaks or quotes that came along when it was copied",
        )
    } else if what == KEY && has_stray_quote(text) {
        (
            format!("a quote stands at an end of a {what}"),
            "take it out, and what else came along when it was copied",
        )
    } else if is_reference(text) || (is_variable(text) && !is_variables_value) {
        (
            format!("the name of a {what} stands there, and nothing puts the {what} in its place"),
            "",
        )
    } else if text.split_once('=').is_some_and(is_named) {
        (
            "the name of a variable stands before it".to_owned(),
            "leave the name and the = out",
        )
    } else if lower.starts_with("https://") || lower.starts_with("http://") {
        (format!("an address stands where a {what} belongs"), "")
    } else {
        return None;
    };
    Some(flaw)
}

/// Whether another program was meant to put a value into a text. Both marks must be there: a key may have one by chance.
pub(super) fn is_template(text: &str) -> bool {
    let marks = [("${", "}"), ("$(", ")"), ("{{", "}}"), ("<%", "%>")];
    marks.iter().any(|(open, close)| encloses(text, open, close))
        || ["os.environ", "process.env"].iter().any(|name| text.contains(name))
}

/// Whether `close` follows `open` somewhere.
fn encloses(text: &str, open: &str, close: &str) -> bool {
    text.split_once(open).is_some_and(|(_, behind)| behind.contains(close))
}

/// The beginnings of texts that other programs replace by a secret.
const REFERENCES: [&str; 17] = [
    "os.getenv",
    "import.meta.env",
    "env:",
    "env.",
    "env/",
    "env[",
    "env(",
    "$env:",
    "!env ",
    "!secret ",
    "secrets.",
    "secret://",
    "vault:",
    "op://",
    "arn:aws:",
    "file:/",
    "@microsoft.keyvault",
];

/// Whether a text is a reference to a secret that another program was meant to put in its place.
pub(super) fn is_reference(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let is_name =
        |name: &str| is_upper_case(name) || is_upper_case(&name.to_ascii_uppercase()) && speaks_of_a_secret(name);
    let between = |open: &str, close: &str| text.strip_prefix(open)?.strip_suffix(close);
    let marked = [("$", ""), ("%", "%"), ("{", "}"), ("@", "@"), ("__", "__")];
    is_template(text)
        || marked
            .iter()
            .any(|(open, close)| between(open, close).is_some_and(is_name))
        || REFERENCES.iter().any(|prefix| lower.starts_with(prefix))
}

/// Whether a text is the name of a variable that holds a secret.
fn is_variable(text: &str) -> bool {
    is_upper_case(text)
        && ["_KEY", "_KEYS", "_TOKEN", "_SECRET"]
            .iter()
            .any(|ending| text.ends_with(ending))
}

/// Whether a text is written as the names of variables are.
fn is_upper_case(name: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    !name.starts_with(|char: char| char.is_ascii_digit()) && !name.is_empty() && name.bytes().all(is_part)
}

/// Whether a text has a word for a secret in it.
fn speaks_of_a_secret(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    ["key", "token", "secret", "password", "api"]
        .iter()
        .any(|word| text.contains(word))
}

/// What examples have in the place of a secret, in small letters and without anything between the words.
const EXAMPLES: [&str; 16] = [
    "changeme",
    "changethis",
    "replaceme",
    "replacethis",
    "replacewith",
    "placeholder",
    "insertyour",
    "enteryour",
    "pasteyour",
    "putyour",
    "keyhere",
    "tokenhere",
    "secrethere",
    "yourapikey",
    "youropenai",
    "goeshere",
];

/// Words that mean nothing was filled in, where they are the whole text.
const NOTHINGS: [&str; 7] = ["undefined", "null", "todo", "tbd", "fixme", "fillme", "fillmein"];

/// Whether a key or a token is the placeholder of an example. Words that local servers accept as a key (`none`, `EMPTY`,
/// `ollama`, `sk-no-key-required`) are not placeholders.
fn is_placeholder(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let words = || {
        lower
            .split(|char: char| !char.is_ascii_alphanumeric())
            .filter(|word| !word.is_empty())
    };
    let joined: String = words().collect();
    let yours = || {
        words().any(|word| word.starts_with("your")) && words().any(|word| speaks_of_a_secret(word) || word == "here")
    };
    encloses(text, "<", ">")
        || ["...", "\u{2026}", "***", "\u{2022}\u{2022}"]
            .iter()
            .any(|mark| text.contains(mark))
        || EXAMPLES.iter().any(|example| joined.contains(example))
        || NOTHINGS.contains(&&*joined)
        || yours()
        || is_crossed_out(&lower)
}

/// Whether a key is crossed out, as in `sk-xxxx`. Real keys have a few crosses by chance.
fn is_crossed_out(lower: &str) -> bool {
    /// More crosses in a row than chance makes.
    const RUN: usize = 6;
    /// The longest prefix that a vendor puts before its keys: `sk-ant-api03`.
    const PREFIX: usize = 12;
    let body = lower.rsplit(['-', '_', '.', ':', ' ']).next().unwrap_or_default();
    let before = lower.len() - body.len();
    let is_crosses = body.len() >= 3 && body.bytes().all(|byte| byte == b'x');
    let crosses_before = lower[..before]
        .split(['-', '_'])
        .all(|part| part.bytes().all(|byte| byte == b'x'));
    let run = lower
        .as_bytes()
        .chunk_by(|one, next| one == next)
        .filter(|run| run[0] == b'x')
        .map(<[u8]>::len)
        .max();
    run >= Some(RUN) || (is_crosses && (before <= PREFIX + 1 || crosses_before))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_pair_of_quotes_is_seen_whatever_they_look_like() {
        for text in [
            "\"a\"",
            "'a'",
            "`a`",
            "\u{201c}a\u{201d}",
            "「a」",
            "\\\"a\\\"",
            "\" a \"",
        ] {
            assert_eq!(quoted(text), Some("a"), "{text}");
        }
        for text in ["a", "\"", "'a", "a\"", "\"a'", "it's"] {
            assert_eq!(quoted(text), None, "{text}");
        }
        assert!(has_stray_quote("'a") && has_stray_quote("a\u{201d}") && !has_stray_quote("it's"));
    }

    #[test]
    fn references_are_seen_and_secrets_are_not_taken_for_them() {
        for text in [
            "${OPENAI_API_KEY}",
            "sk-${KEY}",
            "$X",
            "$OPENAI_API_KEY",
            "$api_key",
            "$(cat key)",
            "%OPENAI_KEY%",
            "{{ key }}",
            "os.environ/KEY",
            "os.environ['K']",
            "process.env.KEY",
            "env:KEY",
            "env/KEY",
            "ENV[KEY]",
            "$env:KEY",
            "${{ secrets.KEY }}",
            "{OPENAI_API_KEY}",
            "{api_key}",
            "@API_KEY@",
            "__OPENAI_KEY__",
            "op://vault/item",
            "vault:secret/x",
            "arn:aws:secretsmanager:x",
        ] {
            assert!(is_reference(text), "{text}");
        }
        for text in [
            "sk-proj-A1b2C3",
            "demo",
            "t",
            "$2b$10$abcDEF",
            "$ecret",
            "a${b",
            "x{{y",
            "k$(7",
            "{abc}",
            "__init__",
            "50%",
            "%41",
            "environment-token",
            "gw_$HELLO",
            "AKIAIOSFODNN7",
            "EMPTY",
            "NONE",
            "filed-away",
            "env",
            "ABC_DEF",
            "gw-token-1",
            "https://api.example/{model}",
        ] {
            assert!(!is_reference(text), "{text}");
        }
    }

    #[test]
    fn names_of_variables_are_seen() {
        assert!(
            ["OPENAI_API_KEY", "MY_TOKEN", "K2_KEYS"]
                .iter()
                .all(|name| is_variable(name))
        );
        assert!(
            !["EMPTY", "openai_api_key", "AKIA_1", "2_KEY", "_key", ""]
                .iter()
                .any(|name| is_variable(name))
        );
    }

    #[test]
    fn placeholders_are_seen_and_keys_are_not_taken_for_them() {
        for text in [
            "your-api-key",
            "YOUR_API_KEY",
            "yourapikey",
            "sk-your-key-here",
            "<key>",
            "sk-...",
            "sk-…",
            "sk-xxxx",
            "sk-xxxxxxxxxxxx",
            "sk-or-v1-xxxx",
            "sk-ant-api03-XXXX",
            "AIzaSyXXXXXXXXXXXX",
            "xxx",
            "xxxx-xxxx-xxxx",
            "xxxxxxxx",
            "changeme",
            "Change-Me",
            "gw_or_change_me",
            "replace_me",
            "replace-with-your-key",
            "insert your key",
            "api-key-here",
            "sk-****abcd",
            "undefined",
            "null",
            "TODO",
            "placeholder",
            "put_your_token_here",
            "your token",
        ] {
            assert!(is_placeholder(text), "{text}");
        }
        for text in [
            "demo",
            "demo-2",
            "t",
            "token",
            "key",
            "ollama",
            "none",
            "None",
            "EMPTY",
            "sk-no-key-required",
            "lm-studio",
            "not-needed",
            "dummy",
            "na",
            "no-key",
            "sk-0123456789",
            "sk-abcxxxdef0123456789",
            "sk-proj-0a1b2c3d4e5f6a7b-xxx",
            "AIzaSyAxxxx4bZyourK3",
            "gsk_xXxXx0a1b2c3d4",
            "or-key-1",
            "gemini-key-1",
            "gw_or_001",
            "sk-or-v1-0f9xxxxx8e7d",
            "hf_yourselfZ8",
            "p<4",
            "a>b<c",
            "xox",
            "xx",
        ] {
            assert!(!is_placeholder(text), "{text}");
        }
    }
}
