//! What `docs/design/0001-layers.md` says of the house, held to by reading the sources.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot set up fails")]

mod circles;
mod edges;
mod examples;
mod house;
mod macros;
mod sizes;
mod text;
mod tree;
mod uses;
mod words;

use std::fs;
use std::path::Path;

use self::edges::Named;
use self::tree::Tree;

/// What `cfg` calls the properties of a target.
const TARGET: [&str; 8] = [
    "target_abi",
    "target_arch",
    "target_endian",
    "target_env",
    "target_family",
    "target_os",
    "target_pointer_width",
    "target_vendor",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The files below `folder` whose names end so: their paths from the root of the project, and their text.
fn read(folder: &str, end: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root().join(folder)).unwrap() {
        let entry = entry.unwrap();
        let path = format!("{folder}/{}", entry.file_name().into_string().unwrap());
        if entry.path().is_dir() {
            found.extend(read(&path, end));
        } else if path.ends_with(end) {
            found.push((path.clone(), fs::read_to_string(root().join(&path)).unwrap()));
        }
    }
    found.sort();
    found
}

/// Whether `path` is `place` or in it.
fn is_below(path: &str, place: &str) -> bool {
    Path::new(path).starts_with(place)
}

fn tree() -> Tree {
    Tree::new(read("src", ".rs"))
}

/// Fails with every violation of a rule.
#[track_caller]
fn hold(rule: &str, violations: &[String]) {
    assert!(
        violations.is_empty(),
        "{rule}:\n  {}\n{} in all",
        violations.join("\n  "),
        violations.len()
    );
}

#[test]
fn every_path_and_macro_is_understood() {
    let tree = tree();
    let unread = Named::of(&tree).unread;
    let list: Vec<String> = unread
        .iter()
        .map(|(file, line, what)| format!("{}:{line}: {what}", tree.path(*file)))
        .collect();
    hold("teach tests/layers to read these, or write them as others do", &list);
}

#[test]
fn every_folder_has_a_row_that_says_what_it_may_name() {
    hold("what has no row", &house::without_row(&tree()));
}

#[test]
fn every_row_is_of_a_folder_or_file_that_is_there() {
    hold("what is in no place", &house::without_place(&tree()));
}

#[test]
fn a_layer_names_only_what_stands_below_it() {
    let tree = tree();
    hold(
        "move what is named down, or its user up",
        &house::strayed(&tree, &Named::of(&tree)),
    );
}

#[test]
fn only_the_shells_know_a_runtime() {
    let tree = tree();
    hold("runtimes in the core", &house::runtimes(&tree, &Named::of(&tree)));
}

#[test]
fn the_target_is_asked_for_at_the_door_only() {
    let mut list = Vec::new();
    for (path, text) in read("src", ".rs") {
        if path != "src/lib.rs" && path != "src/main.rs" {
            let asked = text::identifiers(&text)
                .into_iter()
                .filter(|(_, name)| TARGET.contains(&name.as_str()));
            list.extend(asked.map(|(line, name)| format!("{path}:{line}: {name}")));
        }
    }
    hold("only lib.rs and main.rs may ask what the target is", &list);
}

#[test]
fn no_files_know_each_other_in_a_circle() {
    let tree = tree();
    let list = circles::report(&tree, &Named::of(&tree));
    hold("move what both need into a file below both", &list);
}

#[test]
fn no_file_is_longer_than_400_lines() {
    let long = |(path, text): &(String, String)| {
        let lines = text.lines().count();
        // What a script writes is not for reading.
        (lines > 400 && !path.ends_with(".txt")).then(|| format!("{path}: {lines} lines"))
    };
    hold(
        "divide these files by what they do",
        &read("src", "").iter().filter_map(long).collect::<Vec<_>>(),
    );
}

#[test]
fn no_function_is_longer_than_80_lines() {
    let tree = tree();
    let mut list = Vec::new();
    for source in &tree.sources {
        for function in sizes::functions(&source.syntax) {
            if function.lines > 80 {
                list.push(format!(
                    "{}:{}: {} has {} lines",
                    source.path, function.line, function.name, function.lines
                ));
            }
        }
    }
    hold("divide these functions into steps", &list);
}

#[test]
fn no_name_is_an_old_one() {
    let mut list = Vec::new();
    for (path, text) in [read("src", ".rs"), read("tests", ".rs"), read("benches", ".rs")].concat() {
        let found = words::old_names(&path, &text);
        list.extend(found.into_iter().map(|(line, what)| format!("{path}:{line}: {what}")));
    }
    hold("these names mean too many things", &list);
}

#[test]
fn no_comment_or_page_has_a_phrase_that_is_hard_to_read() {
    let mut list = Vec::new();
    for (path, text) in read("src", ".rs") {
        let found = words::in_comments(&text);
        list.extend(found.into_iter().map(|(line, what)| format!("{path}:{line}: {what}")));
    }
    for (path, text) in read("docs", ".md") {
        if !path.ends_with(".zh-CN.md") {
            let found = words::in_page(&text);
            list.extend(found.into_iter().map(|(line, what)| format!("{path}:{line}: {what}")));
        }
    }
    hold("say it in plain English", &list);
}
