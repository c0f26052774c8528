//! The layers of `docs/design/0001-layers.md`, held to by reading the sources.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up fails")]

use std::fs;
use std::path::{Path, PathBuf};

/// A layer, and the modules of this crate that it may name.
const LAYERS: [(&str, &[&str]); 4] = [
    ("dialect", &["dialect", "error"]),
    ("config", &["config", "dialect", "error"]),
    ("policy", &["policy", "config", "platform", "dialect", "error"]),
    (
        "gateway",
        &["gateway", "policy", "config", "platform", "dialect", "error"],
    ),
];

/// What only a shell may know.
const RUNTIMES: [&str; 7] = [
    "tokio",
    "hyper",
    "worker::",
    "web_sys",
    "std::env",
    "std::net::Tcp",
    "std::thread",
];

fn sources(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|kind| kind == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            found.push((path, text));
        }
    }
    found
}

fn src() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

#[test]
fn a_layer_names_only_what_stands_below_it() {
    for (layer, allowed) in LAYERS {
        for (path, text) in sources(&src().join(layer)) {
            // Tests at the end of a file may build what they need from above.
            let code = text.split("#[cfg(test)]").next().unwrap();
            for rest in code.split("crate::").skip(1) {
                let module: String = rest
                    .chars()
                    .take_while(|char| char.is_alphanumeric() || *char == '_')
                    .collect();
                assert!(
                    allowed.contains(&module.as_str()),
                    "{} names crate::{module}",
                    path.display()
                );
            }
        }
    }
}

#[test]
fn only_the_shells_know_a_runtime() {
    for (path, text) in sources(&src()) {
        let shell = ["native", "edge"]
            .iter()
            .any(|shell| path.starts_with(src().join(shell)));
        for runtime in RUNTIMES {
            let named = text
                .lines()
                .filter(|line| !line.trim_start().starts_with("//"))
                .any(|line| line.contains(runtime));
            assert!(shell || !named, "{} names {runtime}", path.display());
        }
    }
}

#[test]
fn the_target_is_asked_for_at_the_door_only() {
    for (path, text) in sources(&src()) {
        let door = path == src().join("lib.rs") || path == src().join("main.rs");
        assert!(
            door || !text.contains("cfg(target_") && !text.contains("cfg(not(target_"),
            "{}",
            path.display()
        );
    }
}
