//! Which routes are tried next: their names, as the operator wrote them, become indices.

use super::problem::{Problems, shown};
use super::suggest::did_you_mean;

/// The field of a route that names them.
pub(super) const FIELD: &str = "fallbacks";

/// Returns the fallbacks of each route as indices into `routes`, which are names of routes and the names of their fallbacks.
/// Reports names that no route has, and cycles.
pub(super) fn link(routes: &[(&str, &[String])], origin: &str, problems: &mut Problems) -> Vec<Vec<usize>> {
    let known: Vec<&str> = routes.iter().map(|(name, _)| *name).collect();
    let mut links: Vec<Vec<usize>> = Vec::with_capacity(routes.len());
    for (index, (_, fallbacks)) in routes.iter().enumerate() {
        let path = format!("{origin}[{index}].{FIELD}");
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
                None => problems.at(
                    &path,
                    format!("no route is called `{}`", shown(name)),
                    &did_you_mean(name, &known),
                ),
            }
        }
        links.push(targets);
    }
    // One cycle is reported: each route in it would report the same one.
    let first = (0..links.len()).find_map(|start| Some((start, cycle(&links, start)?)));
    if let Some((start, cycle)) = first {
        let chain: Vec<&str> = cycle.iter().map(|index| known[*index]).collect();
        problems.at(
            &format!("{origin}[{start}].{FIELD}"),
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
