//! Circles in a graph of files.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::edges::{Edge, Named};
use super::tree::Tree;

/// Who names whom.
pub(super) type Graph = BTreeMap<usize, BTreeSet<usize>>;

/// Returns the shortest way from a node to itself over at least one edge, the node at both ends.
fn around(graph: &Graph, node: usize) -> Option<Vec<usize>> {
    let mut before = BTreeMap::new();
    let mut waiting = VecDeque::from([node]);
    while let Some(at) = waiting.pop_front() {
        for &next in graph.get(&at).into_iter().flatten() {
            if next == node {
                let mut way = vec![at];
                while let Some(&at) = before.get(&way[way.len() - 1]) {
                    way.push(at);
                }
                way.reverse();
                way.push(node);
                return Some(way);
            }
            if let Entry::Vacant(entry) = before.entry(next) {
                entry.insert(at);
                waiting.push_back(next);
            }
        }
    }
    None
}

fn reached(graph: &Graph, node: usize) -> BTreeSet<usize> {
    let mut found = BTreeSet::new();
    let mut waiting = vec![node];
    while let Some(at) = waiting.pop() {
        for &next in graph.get(&at).into_iter().flatten() {
            if found.insert(next) {
                waiting.push(next);
            }
        }
    }
    found
}

/// Returns each set of nodes that all reach each other, with the shortest circle in it.
pub(super) fn circles(graph: &Graph) -> Vec<(BTreeSet<usize>, Vec<usize>)> {
    let reach: BTreeMap<usize, BTreeSet<usize>> = graph.keys().map(|&node| (node, reached(graph, node))).collect();
    let mut done = BTreeSet::new();
    let mut found = Vec::new();
    for (&node, to) in &reach {
        if !to.contains(&node) || !done.insert(node) {
            continue;
        }
        let set: BTreeSet<usize> = to
            .iter()
            .copied()
            .filter(|other| reach.get(other).is_some_and(|back| back.contains(&node)))
            .collect();
        done.extend(&set);
        let shortest = set.iter().filter_map(|&node| around(graph, node)).min_by_key(Vec::len);
        found.extend(shortest.map(|circle| (set, circle)));
    }
    found
}

/// Each set of files that know each other: the shortest circle with its lines, and what else they know of each other.
pub(super) fn report(tree: &Tree, named: &Named) -> Vec<String> {
    let show = |edge: &Edge| {
        let (from, to) = (tree.path(edge.from), tree.path(edge.to));
        format!("    {from}:{} {} ({to})", edge.line, edge.what)
    };
    let mut list = Vec::new();
    for (files, circle) in circles(&named.graph()) {
        let names: Vec<&str> = files.iter().map(|file| tree.path(*file)).collect();
        list.push(format!("{} files: {}", files.len(), names.join(", ")));
        for step in circle.windows(2) {
            list.extend(named.between(step[0], step[1]).map(show));
        }
        let in_circle = |from: usize, to: usize| circle.windows(2).any(|step| step == [from, to]);
        let mut others = Vec::new();
        for &from in &files {
            let to = files.iter().filter(|to| !in_circle(from, **to));
            others.extend(to.filter_map(|&to| named.between(from, to).next()).map(show));
        }
        if !others.is_empty() {
            list.push("  and they know of each other:".to_owned());
            list.extend(others);
        }
    }
    list
}
