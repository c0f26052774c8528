//! Which routes are tried next: their names, as the operator wrote them, become indices.

use serde_json::Value;
use serde_json::value::RawValue;

use super::problem::{Problems, shown};
use super::suggest::did_you_mean;

/// The field of a route that names them.
pub(super) const FIELD: &str = "fallbacks";

/// The routes of a table, not read yet, for those that name one of them before all are read.
#[derive(Clone, Copy)]
pub(super) struct Named<'a>(pub(super) &'a [&'a RawValue]);

impl Named<'_> {
    /// Returns the index of the route with this name.
    ///
    /// # Errors
    /// What is wrong where there is none, and what to do about it.
    pub(super) fn index_of(self, name: &str) -> Result<usize, (String, String)> {
        let names = self.0.iter().enumerate().map(|(index, route)| {
            let route: Value = serde_json::from_str(route.get()).unwrap_or_default();
            let name = route.get("name").and_then(Value::as_str).map(str::trim);
            name.map_or_else(|| default_name(index), str::to_owned)
        });
        let names: Vec<String> = names.collect();
        let known: Vec<&str> = names.iter().map(String::as_str).collect();
        known
            .iter()
            .position(|known| *known == name)
            .ok_or_else(|| unknown(name, &known))
    }
}

/// Returns the name of a route that has none.
pub(super) fn default_name(index: usize) -> String {
    format!("route-{}", index + 1)
}

/// Returns what is wrong with the name of a route that is not known, and what to do about it.
fn unknown(name: &str, known: &[&str]) -> (String, String) {
    (
        format!("no route is called `{}`", shown(name)),
        did_you_mean(name, known),
    )
}

/// Returns the fallbacks of each route as indices into `routes`, which are names of routes and the names of their fallbacks.
/// `place` is where the array of routes is. Reports names that no route has, and cycles.
pub(super) fn link(routes: &[(&str, &[String])], place: &str, problems: &mut Problems) -> Vec<Vec<usize>> {
    let known: Vec<&str> = routes.iter().map(|(name, _)| *name).collect();
    let mut links: Vec<Vec<usize>> = Vec::with_capacity(routes.len());
    for (index, (_, fallbacks)) in routes.iter().enumerate() {
        let path = format!("{place}[{index}].{FIELD}");
        let mut targets = Vec::new();
        for name in *fallbacks {
            match known.iter().position(|known| known == name) {
                Some(target) if target == index => {
                    problems.at(&path, format!("`{name}` falls back to itself"), "name another route");
                }
                Some(target) if targets.contains(&target) => {
                    problems.at(&path, format!("`{name}` stands twice"), "keep one of them");
                }
                Some(target) => targets.push(target),
                None => {
                    let (message, hint) = unknown(name, &known);
                    problems.at(&path, message, &hint);
                }
            }
        }
        links.push(targets);
    }
    // One cycle is reported: each route in it would report the same one.
    let first = (0..links.len()).find_map(|start| Some((start, cycle(&links, start)?)));
    if let Some((start, cycle)) = first {
        let chain: Vec<&str> = cycle.iter().map(|index| known[*index]).collect();
        problems.at(
            &format!("{place}[{start}].{FIELD}"),
            format!("the fallbacks form a cycle: {}", chain.join(" -> ")),
            "take one of them out",
        );
    }
    links
}

/// Returns a way from `start` back to itself.
fn cycle(links: &[Vec<usize>], start: usize) -> Option<Vec<usize>> {
    let mut seen = vec![false; links.len()];
    let mut paths = vec![vec![start]];
    while let Some(path) = paths.pop() {
        for next in &links[*path.last()?] {
            let mut longer = path.clone();
            longer.push(*next);
            if *next == start {
                return Some(longer);
            }
            if !std::mem::replace(&mut seen[*next], true) {
                paths.push(longer);
            }
        }
    }
    None
}
