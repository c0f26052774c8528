//! What is wrong with a text that is not the JSON of a table, in the words of a person who looks at it.
//!
//! A parser says where it stopped and which character it expected. An operator wants to know what happened to the text: a
//! shell took the quotes away, an editor wrote another encoding, a word processor typographic quotes. From the place where
//! the parser stopped, the text as a whole and the characters around it, this module concludes which of these it was.

use serde_json::Value;
use serde_json::value::RawValue;

use super::character::{is_invisible, keyboard, named};
use super::fields::place;
use super::pasted::{is_reference, quoted};
use super::problem::Problem;

/// A table as it is written, unread.
pub(super) enum Written<'a> {
    /// An array of routes.
    Routes(Vec<&'a RawValue>),
    /// An object that has such an array.
    Table(&'a RawValue),
}

/// Returns what is in the text of a table.
pub(super) fn read<'a>(origin: &str, text: &'a str) -> Result<Written<'a>, Problem> {
    if let Some(problem) = encoding(origin, text) {
        return Err(problem);
    }
    if quoted(text.trim()).is_some() {
        return Err(Problem {
            path: origin.to_owned(),
            position: Some((1, 1)),
            message: "the table stands in quotes, which are part of it".to_owned(),
            hint: Some(
                "begin it with [ and end it with ]: `docker run --env-file`, `environment:` lists, Workers' secrets and files keep quotes around a value"
                    .to_owned(),
            ),
        });
    }
    let error = match serde_json::from_str(text) {
        Ok(list) => return Ok(Written::Routes(list)),
        Err(error) => error,
    };
    // The parser stops where it sees no array. What follows may not be JSON either, which is the better report.
    let further = match serde_json::from_str::<Value>(text) {
        Ok(table) if table.get("routes").is_some() => serde_json::from_str(text).map(Written::Table),
        Ok(_) => Err(error),
        Err(further) if error.is_data() => Err(further),
        Err(_) => Err(error),
    };
    further.map_err(|error| problem(origin, text, &error))
}

/// Returns the JSON that a text is.
pub(super) fn json<'a>(origin: &str, text: &'a str, hint: &str) -> Result<&'a RawValue, Problem> {
    if let Some(problem) = encoding(origin, text) {
        return Err(problem);
    }
    serde_json::from_str(text).map_err(|error| {
        let said = error.to_string();
        let said = said.rsplit_once(" at line ").map_or(&*said, |(said, _)| said);
        Problem {
            path: origin.to_owned(),
            position: Some(place(text, offset(text, &error))),
            message: ["not valid JSON: ", said].concat(),
            hint: Some(hint.to_owned()),
        }
    })
}

/// Returns the problem with a text that was not UTF-8, as far as that can still be seen in it.
fn encoding(origin: &str, text: &str) -> Option<Problem> {
    let offset = text.find(['\0', char::REPLACEMENT_CHARACTER])?;
    // In UTF-16 every character of ASCII has a zero byte.
    let (message, hint) = if text.contains('\0') {
        (
            "the text is UTF-16, as PowerShell and Windows' editors write it",
            "save it as UTF-8 (`iconv -f UTF-16 -t UTF-8`)",
        )
    } else {
        (
            "the text is not UTF-8 but in another encoding, such as GBK or Latin-1",
            "save it as UTF-8 (`iconv -f GBK -t UTF-8`)",
        )
    };
    Some(Problem {
        path: origin.to_owned(),
        position: Some(place(text, offset)),
        message: message.to_owned(),
        hint: Some(hint.to_owned()),
    })
}

/// Returns the problem that a parser's error stands for.
fn problem(origin: &str, text: &str, error: &serde_json::Error) -> Problem {
    let said = error.to_string();
    let said = said.rsplit_once(" at line ").map_or(&*said, |(said, _)| said);
    let whole = whole(text);
    let offset = if error.is_data() || whole.is_some() {
        text.len() - text.trim_start().len()
    } else {
        offset(text, error)
    };
    let message = if error.is_data() {
        "expected an array of routes".to_owned()
    } else {
        format!("not valid JSON: {said}")
    };
    let hint = whole
        .or_else(|| error.is_data().then(|| around(text)))
        .or_else(|| character(text, offset))
        .or_else(|| literal(word(text, offset)?))
        .or_else(|| typographic(&text[..offset]))
        .or_else(|| word(text, offset).map(|_| bare(text).to_owned()))
        .unwrap_or_else(|| structure(text, offset, said).to_owned());
    Problem {
        path: origin.to_owned(),
        position: Some(place(text, offset)),
        message,
        hint: Some(hint),
    }
}

/// Returns the byte at which the parser stopped.
fn offset(text: &str, error: &serde_json::Error) -> usize {
    if error.is_eof() {
        return text.len();
    }
    let start: usize = text.split_inclusive('\n').take(error.line() - 1).map(str::len).sum();
    // Column 0 is the line break at the end of the line before.
    let offset = (start + error.column()).saturating_sub(1).min(text.len());
    let offset = text.floor_char_boundary(offset);
    let said = error.to_string();
    if said.contains("control character") {
        let further = text[offset..].find(|char: char| char.is_ascii_control());
        return offset + further.unwrap_or_default();
    }
    // An escape that cannot be read begins with the backslash before it.
    let is_behind = said.contains("escape") && text[..offset].ends_with('\\');
    offset - usize::from(is_behind)
}

/// Returns what the text as a whole is, where it is not meant to be JSON.
fn whole(text: &str) -> Option<String> {
    let trimmed = text.trim();
    let first_line = trimmed.lines().next().unwrap_or_default();
    let is_name = |text: &str| {
        !text.is_empty()
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
    };
    let names_something = |end: char| {
        first_line
            .split_once(end)
            .is_some_and(|(name, _)| is_name(name.trim_end()))
    };
    let is_path = !trimmed.contains(['{', '[', '"', '\n'])
        && (trimmed.starts_with(['/', '.', '~']) || trimmed.get(1..3) == Some(":\\") || trimmed.ends_with(".json"));
    let hint = if is_reference(trimmed) && (trimmed.starts_with("{{") || !trimmed.starts_with(['[', '{'])) {
        "this is the name of a value, and nothing put the value in its place: write the table itself"
    } else if is_path {
        "this is the path of a file: set GATEWAY_ROUTES_FILE to it"
    } else if trimmed.starts_with("http") {
        "this is an address; a table of routes is wanted"
    } else if trimmed.starts_with('<') {
        "this is a web page or XML; the table is JSON"
    } else if trimmed
        .strip_prefix("[[")
        .is_some_and(|rest| rest.starts_with(|char: char| char.is_ascii_alphabetic()))
    {
        "this is TOML; the table is JSON: [{\"token\": \"...\"}]"
    } else if trimmed.starts_with("- ") || trimmed.starts_with("---") || names_something(':') {
        "this is YAML; the table is JSON: [{\"token\": \"...\"}]"
    } else if names_something('=') {
        "the name of a variable stands in front: leave it and the = out"
    } else if trimmed.starts_with(['"', '\'']) {
        "the value begins with a quote and was cut at its first line break, as `docker run --env-file` does: write it on one line, without quotes around it"
    } else if trimmed.starts_with(|char: char| char.is_ascii_alphanumeric()) && !trimmed.contains(['[', '{']) {
        "a table looks like [{\"token\": \"...\", \"provider\": \"...\"}]"
    } else {
        return None;
    };
    Some(hint.to_owned())
}

/// Returns what is around the routes of a text that is JSON, and not an array.
fn around(text: &str) -> String {
    let value = serde_json::from_str::<Value>(text).unwrap_or_default();
    let members = value
        .as_object()
        .map(|object| object.values().collect::<Vec<_>>())
        .unwrap_or_default();
    let hint = if members.len() == 1 && members[0].is_array() {
        "the array of an object is called `routes`: name it so, or leave out what is around it"
    } else if !members.is_empty() && members.iter().all(|member| member.is_object()) {
        "the table is an array: put [ and ] around the routes, and what they are called into their `name`"
    } else if value.is_object() {
        "the table is an array: put [ and ] around the route"
    } else {
        "a table looks like [{\"token\": \"...\", \"provider\": \"...\"}]"
    };
    hint.to_owned()
}

/// Returns what is wrong with the character at a place.
fn character(text: &str, offset: usize) -> Option<String> {
    let (before, rest) = text.split_at(offset);
    let at = rest.chars().next()?;
    if !at.is_ascii() {
        return Some(match keyboard(at) {
            Some(' ') => format!("{} stands there: type an ordinary blank instead", named(at)),
            Some(own) => format!("{} stands there: type {own} instead", named(at)),
            None if is_invisible(at) => format!("{} stands there, which nobody sees: delete it", named(at)),
            None => format!("{} stands there: text belongs in double quotes", named(at)),
        });
    }
    let begins = |mark: &str| rest.starts_with(mark);
    let hint = match at {
        '\n' | '\r' => {
            "a line break stands in a string: the \" at its end is missing, or the line was wrapped; write it on one line"
        }
        '\t' => "a tab stands in a string: write \\t, or a blank",
        _ if in_string(before) => return None,
        _ if begins("...") => "dots of an example stand there: leave them out",
        _ if begins("//") || begins("/*") || at == '#' || (at == '-' && before.ends_with('-')) => {
            "JSON has no comments: take it out"
        }
        '\\' if begins("\\\"") => "the quotes are escaped once too often: write \" instead of \\\"",
        '\\' => "a backslash stands there: the text was escaped once too often",
        '\'' | '"' if before.trim_end().ends_with(']') => "a quote stands behind the last ]: take it out",
        '\'' | '`' => "JSON takes double quotes; in .env files put single quotes around the whole value",
        ';' => "a semicolon stands there: routes and fields have , between them, and nothing stands behind the last ]",
        '=' => "an = stands there: a name and its value have : between them",
        '$' | '%' => "this is the name of a value, and nothing put the value in its place",
        '}' | ']' if before.trim_end().ends_with(',') => "a trailing comma stands before it: take that out",
        _ => return None,
    };
    Some(hint.to_owned())
}

/// Whether the place behind `before` is inside a string, going by the quotes.
fn in_string(before: &str) -> bool {
    let (mut escaped, mut inside) = (false, false);
    for byte in before.bytes() {
        match byte {
            b'\\' if inside => escaped = !escaped,
            b'"' if !escaped => inside = !inside,
            _ => escaped = false,
        }
    }
    inside
}

/// Returns the word at a place, where it is not inside a string.
fn word(text: &str, offset: usize) -> Option<&str> {
    let is_part = |char: char| char.is_ascii_alphanumeric() || char == '_';
    let start = text[..offset]
        .rfind(|char| !is_part(char))
        .map_or(0, |at| text.ceil_char_boundary(at + 1));
    let word = text[start..].split(|char| !is_part(char)).next()?;
    let begins = word.starts_with(|char: char| char.is_ascii_alphabetic() || char == '_');
    (begins && !in_string(&text[..offset])).then_some(word)
}

/// Returns what JSON has for a word of other languages.
fn literal(word: &str) -> Option<String> {
    let hint = match word {
        "True" | "TRUE" | "yes" | "Yes" | "on" => "write true, in small letters and without quotes",
        "False" | "FALSE" | "no" | "No" | "off" => "write false, in small letters and without quotes",
        "None" | "none" | "nil" | "NULL" | "Null" | "undefined" | "NaN" => {
            "JSON has null for it; or leave the field out"
        }
        _ => return None,
    };
    Some(hint.to_owned())
}

/// Returns the last typographic quote before a place. It was meant to begin or end a string, and did not.
fn typographic(before: &str) -> Option<String> {
    let is_quote = |char: char| keyboard(char) == Some('"');
    let at = before.rfind(is_quote)?;
    let (line, column) = place(before, at);
    let char = before[at..].chars().next()?;
    Some(format!(
        "{} stands at line {line}, column {column}: typographic quotes are none for JSON, type \"",
        named(char)
    ))
}

/// Returns why a word may be without quotes.
fn bare(text: &str) -> &'static str {
    if text.contains(['"', '\'']) {
        "names and texts stand in double quotes"
    } else {
        "the quotes are gone: a shell or an .env reader took them; put single quotes around the whole value"
    }
}

/// Returns what is wrong with the structure around a place.
fn structure(text: &str, offset: usize, said: &str) -> &'static str {
    let (before, rest) = text.split_at(offset);
    let is_digit = |char: char| char.is_ascii_digit();
    if said.contains("escape") {
        "a backslash in a string is written \\\\; paths of Windows may have / instead"
    } else if said.contains("control character") {
        "an invisible character stands in a string: take it out"
    } else if said.contains("trailing characters") && text.trim_start().starts_with('{') {
        "the table is an array: put [ and ] around the routes, and commas between them"
    } else if said.contains("trailing characters") {
        "something stands behind the last ]: take it out; two tables become one with a comma between their routes"
    } else if said.contains("expected `:`") {
        "a : is missing between a name and its value"
    } else if said.starts_with("EOF while parsing a string") {
        "the text is cut: the \" at the end of a string is missing, and the ] at the end of all"
    } else if said.starts_with("EOF") {
        "the text seems to be cut: it should end with ], or with the } that it begins with. Some .env readers stop at the first line break"
    } else if said.contains("expected `,`") && rest.starts_with([']', '}']) {
        "a bracket of the other kind is missing before it, or this one is too many"
    } else if rest.starts_with(',') {
        "a comma stands there once too often"
    } else if said.contains("number") || before.ends_with(is_digit) {
        "write numbers as 60 or 0.5"
    } else if said.contains("expected `,`") && (rest.starts_with(['"', '{', '[', '-']) || rest.starts_with(is_digit)) {
        "a comma is missing before it; a quote within a string is written \\\""
    } else if said.contains("expected value") {
        "a value is missing there"
    } else {
        "look for a missing or trailing comma near that place"
    }
}
