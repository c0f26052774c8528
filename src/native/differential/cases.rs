//! The files in `tests/http1/`: sections of named rows, in which bytes are written so that they can be seen.

use std::collections::BTreeMap;

/// A row: its name, and what stands behind it.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) text: String,
}

/// The sections of a file, by name.
pub(crate) fn sections(file: &str) -> BTreeMap<String, Vec<Row>> {
    let mut sections: BTreeMap<String, Vec<Row>> = BTreeMap::new();
    let mut section = String::new();
    for line in file.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            name.clone_into(&mut section);
            continue;
        }
        let (name, text) = line.split_once(' ').unwrap_or((line, ""));
        let row = Row {
            name: name.to_owned(),
            text: text.trim_start_matches(' ').to_owned(),
        };
        let rows = sections.entry(section.clone()).or_default();
        assert!(
            rows.iter().all(|other| other.name != row.name),
            "{} stands twice in [{section}]",
            row.name
        );
        rows.push(row);
    }
    sections
}

/// A connection's bytes, made of named pieces.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    /// The names of its pieces, except for the usual ones.
    pub(crate) pieces: Vec<String>,
    pub(crate) bytes: Vec<u8>,
}

impl Case {
    /// A message of a first line, groups of fields, and a framing, whose body stands behind a bar. `usual`: how many of the
    /// rows are not worth a name.
    pub(crate) fn of(rows: &[&Row], usual: &[&str]) -> Self {
        let (mut head, mut body) = (Vec::new(), Vec::new());
        for row in rows {
            let (fields, behind) = match row.text.strip_prefix("| ") {
                Some(body) => ("", body),
                None => row.text.split_once(" | ").unwrap_or((&row.text, "")),
            };
            head.extend(bytes(fields));
            body.extend(bytes(behind));
        }
        let names = rows
            .iter()
            .map(|row| row.name.clone())
            .filter(|name| !usual.contains(&&**name));
        Self {
            pieces: names.collect(),
            bytes: [&*head, b"\r\n", &body].concat(),
        }
    }

    /// A whole connection.
    pub(crate) fn whole(row: &Row) -> Self {
        Self {
            pieces: vec![row.name.clone()],
            bytes: bytes(&row.text),
        }
    }
}

/// The bytes that a text stands for.
pub(crate) fn bytes(text: &str) -> Vec<u8> {
    let (mut bytes, mut rest) = (Vec::new(), text);
    while let Some((plain, escape)) = rest.split_once('\\') {
        bytes.extend_from_slice(plain.as_bytes());
        let (kind, behind) = escape.split_at(1);
        rest = behind;
        match kind {
            "r" => bytes.push(b'\r'),
            "n" => bytes.push(b'\n'),
            "t" => bytes.push(b'\t'),
            "0" => bytes.push(0),
            "x" => {
                let (digits, behind) = rest.split_at(2);
                bytes.push(u8::from_str_radix(digits, 16).expect("two digits stand behind \\x"));
                rest = behind;
            }
            "{" => {
                let (inner, behind) = rest.split_once('}').expect("a repetition ends");
                let (count, text) = inner.split_once(' ').expect("a repetition says what of");
                bytes.extend(self::bytes(text).repeat(count.parse().expect("a repetition says how often")));
                rest = behind;
            }
            other => bytes.extend_from_slice(other.as_bytes()),
        }
    }
    bytes.extend_from_slice(rest.as_bytes());
    bytes
}

#[test]
fn bytes_are_written_so_that_they_can_be_seen() {
    assert_eq!(
        bytes("a\\r\\n\\x00\\0\\{3 b\\t}\\\\\\\"é"),
        b"a\r\n\0\0b\tb\tb\t\\\"\xc3\xa9"
    );
    let sections = sections("# no\n[one]\na  b c\nd\n\n[two]\ne f\n");
    let shown = |row: &Row| (row.name.clone(), row.text.clone());
    let one: Vec<_> = sections["one"].iter().map(shown).collect();
    assert_eq!(
        one,
        [("a".to_owned(), "b c".to_owned()), ("d".to_owned(), String::new())]
    );
    assert_eq!(sections["two"].len(), 1);
}
