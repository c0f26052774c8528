//! What stands where: which part of the gateway may name which.

use std::collections::BTreeSet;

use super::edges::Named;
use super::tree::Tree;

/// What stands below the gateway.
const BELOW: &[&str] = &["policy", "config", "dialect", "platform", "error"];

/// What a shell may name besides its own.
const CORE: &[&str] = &["gateway", "policy", "config", "dialect", "platform", "error"];

/// A folder or file, by its path below `src`, and the others that it may name besides itself: all that is in them. The
/// longest place that a file is in counts.
type Row = (&'static str, &'static [&'static [&'static str]]);

#[rustfmt::skip]
const ROWS: &[Row] = &[
    ("main",              &[&["native"]]),
    ("lib",               &[]),
    ("error",             &[]),
    ("platform",          &[]),
    // Bytes; then paths; then formats.
    ("dialect",           &[&["error"]]),
    ("dialect/wire",      &[&["error"]]),
    ("dialect/neutral",   &[&["dialect/wire", "dialect/ending", "dialect/key_header", "error"]]),
    ("dialect/api",       &[&["dialect/wire", "error"]]),
    // Dialects do not know each other.
    ("dialect/chat",      &[&["dialect/neutral", "dialect/wire", "dialect/ending", "dialect/key_header", "dialect/openai",
                              "dialect/upstream_error", "error"]]),
    ("dialect/gemini",    &[&["dialect/neutral", "dialect/wire", "dialect/ending", "dialect/key_header", "error"]]),
    ("dialect/responses", &[&["dialect/neutral", "dialect/wire", "dialect/ending", "dialect/key_header", "error"]]),
    ("dialect/anthropic", &[&["dialect/neutral", "dialect/wire", "dialect/ending", "dialect/key_header", "error"]]),
    // Facts of the format stand beside the two readers and the two writers, which do not know each other.
    ("dialect/anthropic/request", &[&["dialect/neutral", "dialect/wire/build", "dialect/anthropic/ids",
                                      "dialect/anthropic/reasoning", "dialect/anthropic/signature"]]),
    ("dialect/anthropic/prompt",  &[&["dialect/neutral", "dialect/wire/build", "dialect/anthropic/arguments",
                                      "dialect/anthropic/ids", "dialect/anthropic/reasoning",
                                      "dialect/anthropic/signature"]]),
    ("dialect/anthropic/events",  &[&["dialect/neutral", "dialect/wire", "dialect/anthropic/errors", "dialect/anthropic/stop",
                                      "dialect/anthropic/tokens"]]),
    ("dialect/anthropic/blocks",  &[&["dialect/neutral", "dialect/wire/build", "dialect/anthropic/arguments", "dialect/anthropic/errors",
                                      "dialect/anthropic/ids", "dialect/anthropic/signature", "dialect/anthropic/stop",
                                      "dialect/anthropic/tokens"]]),
    ("dialect/observe",   &[&["dialect/wire", "dialect/usage", "dialect/openai", "dialect/ending", "error"]]),
    ("config",            &[&["dialect", "error"]]),
    ("policy",            &[&["config", "dialect", "platform", "error"]]),
    // The steps of a request: serve > upstream > call, reply and state, which do not know each other.
    ("gateway",           &[BELOW]),
    ("gateway/serve",     &[BELOW, &["gateway/upstream", "gateway/admit", "gateway/state", "gateway/call", "gateway/reply",
                                     "gateway/fields", "gateway/hop", "gateway/record", "gateway/sealing"]]),
    ("gateway/upstream",  &[BELOW, &["gateway/admit", "gateway/state", "gateway/call", "gateway/reply",
                                     "gateway/fields", "gateway/hop", "gateway/record", "gateway/sealing"]]),
    ("gateway/admit",     &[BELOW, &["gateway/call", "gateway/fields", "gateway/held", "gateway/record", "gateway/state"]]),
    ("gateway/settle",    &[BELOW, &["gateway/held", "gateway/record"]]),
    ("gateway/state",     &[BELOW, &["gateway/reply"]]), // a kept list of models is a reply
    ("gateway/call",      &[BELOW, &["gateway/fields", "gateway/hop", "gateway/record"]]),
    ("gateway/reply",     &[BELOW, &["gateway/fields", "gateway/hop", "gateway/record"]]),
    ("gateway/fields",    &[BELOW, &["gateway/hop"]]),
    ("gateway/hop",       &[BELOW]),
    ("gateway/sealing",   &[BELOW]),
    ("gateway/record",    &[&["policy", "dialect", "platform", "gateway/held"]]),
    ("gateway/held",      &[&["policy", "dialect"]]),
    ("native",            &[CORE]),
    ("native/h1",         &[]), // a protocol
    ("native/client",     &[CORE, &["native/h1", "native/receiving", "native/http2_body", "native/process",
                                     "native/from_client", "native/sending", "native/boxed", "native/alarm"]]),
    ("native/server",     &[CORE, &["native"]]),
    ("native/process",    &[CORE, &["native/memory"]]),
    ("edge",              &[CORE]),
    ("fuzz",              &[CORE, &["native"]]),
];

/// The module that a file is, as a path: `gateway/call` of `src/gateway/call/mod.rs`.
fn place(path: &str) -> &str {
    let path = path.strip_prefix("src/").unwrap_or(path);
    let path = path.strip_suffix(".rs").unwrap_or(path);
    path.strip_suffix("/mod").unwrap_or(path)
}

fn is_in(place: &str, outer: &str) -> bool {
    place
        .strip_prefix(outer)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn row(place: &str) -> Option<&'static Row> {
    ROWS.iter()
        .filter(|(outer, _)| is_in(place, outer))
        .max_by_key(|(outer, _)| outer.len())
}

/// The folders and root files that have no row. A folder beside a file of its name is a part of that file.
pub(super) fn without_row(tree: &Tree) -> Vec<String> {
    let places: BTreeSet<&str> = (0..tree.sources.len()).map(|file| place(tree.path(file))).collect();
    let mut found = BTreeSet::new();
    for source in &tree.sources {
        let own = place(&source.path);
        let folder = if source.path.ends_with("/mod.rs") || !own.contains('/') {
            own
        } else {
            own.rsplit_once('/').map_or(own, |(folder, _)| folder)
        };
        let is_part = places.contains(folder) && tree.is_beside_a_file(folder);
        if !is_part && !ROWS.iter().any(|(place, _)| *place == folder) {
            found.insert(folder);
        }
    }
    found
        .into_iter()
        .map(|place| format!("src/{place}: say in ROWS of tests/layers/house.rs what it may name"))
        .collect()
}

/// What ROWS has that is not there.
pub(super) fn without_place(tree: &Tree) -> Vec<String> {
    let places: BTreeSet<&str> = (0..tree.sources.len()).map(|file| place(tree.path(file))).collect();
    let named = ROWS
        .iter()
        .flat_map(|(place, allowed)| allowed.iter().copied().flatten().chain([place]));
    let lost: BTreeSet<&str> = named.copied().filter(|place| !places.contains(place)).collect();
    lost.into_iter()
        .map(|place| format!("src/{place}: take it out of ROWS in tests/layers/house.rs"))
        .collect()
}

/// What names something that stands beside or above it.
pub(super) fn strayed(tree: &Tree, named: &Named) -> Vec<String> {
    let mut found = Vec::new();
    for edge in &named.edges {
        let to = place(tree.path(edge.to));
        let Some((outer, allowed)) = row(place(tree.path(edge.from))) else {
            continue;
        };
        let mut allowed = allowed.iter().copied().flatten().chain([outer]);
        if !allowed.any(|place| is_in(to, place)) {
            let (from, to) = (tree.path(edge.from), tree.path(edge.to));
            found.push(format!(
                "{from}:{} {} ({to}), which {outer} may not",
                edge.line, edge.what
            ));
        }
    }
    found
}

/// What only a shell may know: a crate or a path in one.
const RUNTIMES: &[&str] = &[
    "tokio",
    "tokio_rustls",
    "hyper",
    "hyper_util",
    "h2",
    "rustls",
    "rustix",
    "socket2",
    "worker",
    "web_sys",
    "js_sys",
    "wasm_bindgen",
    "std::env",
    "std::fs",
    "std::process",
    "std::thread",
    "std::net::TcpStream",
    "std::net::TcpListener",
    "std::net::UdpSocket",
];

/// What knows a runtime and is neither a shell nor the binary, tests included.
pub(super) fn runtimes(tree: &Tree, named: &Named) -> Vec<String> {
    let mut found = Vec::new();
    for foreign in &named.foreign {
        let path = tree.path(foreign.file);
        // The fuzz bodies are tests: they read their corpus. So does what reads the fixtures of the dialects.
        let shell = ["native", "edge", "main", "fuzz", "dialect/neutral/canonical"]
            .iter()
            .any(|shell| is_in(place(path), shell));
        let name = foreign.path.join("::");
        let is_runtime = |runtime: &&str| {
            let rest = name.strip_prefix(runtime);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
        };
        if !shell && RUNTIMES.iter().any(is_runtime) {
            found.push(format!("{path}:{}: {name}: ask the Platform for it", foreign.line));
        }
    }
    found
}
