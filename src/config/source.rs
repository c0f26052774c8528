//! Where the table of routes comes from: the first source that is set and not empty. Sources are never mixed; what is set and
//! not used is noted.

use super::document::Document;
use super::problem::Problems;
use super::variables::{KV, ROUTES, ROUTES_FILE, Reading, Variables, part, single_token};

/// Returns the table in `GATEWAY_ROUTES`, or in its parts `GATEWAY_ROUTES_1`, `_2`, ... joined. Where there is one, no other
/// source is asked.
#[must_use]
pub fn inline_routes(variables: &Variables) -> Option<Document> {
    let whole = variables
        .text(ROUTES)
        .map(|text| Document::variables(ROUTES.to_owned(), text.to_owned()));
    whole.filter(|table| !table.is_empty()).or_else(|| {
        let parts: Vec<&str> = (1..)
            .map_while(|number| variables.text(&format!("{ROUTES}_{number}")))
            .collect();
        let origin = match parts.len() {
            1 => format!("{ROUTES}_1"),
            last => format!("{ROUTES}_1 to {ROUTES}_{last}"),
        };
        Some(Document::variables(origin, parts.concat())).filter(|table| !table.is_empty())
    })
}

/// Returns the path in `GATEWAY_ROUTES_FILE`, where the routes are to be read from that file.
///
/// # Errors
/// The variable does not hold a path.
pub fn routes_file(variables: &Variables) -> Result<Option<&str>, Problems> {
    let wanted = |_: &&str| inline_routes(variables).is_none();
    let Some(path) = variables.get(ROUTES_FILE).filter(wanted) else {
        return Ok(None);
    };
    let problem = |message: &str, hint: &str| Err(Problems::one(ROUTES_FILE, message, hint));
    if path.contains(['{', '\n']) || path.starts_with('[') {
        let hint = "put the table itself into GATEWAY_ROUTES";
        return problem("it holds JSON, not the path of a file", hint);
    }
    let mut reading = Reading::new(variables);
    reading.get(ROUTES_FILE);
    if reading.problems.is_empty() {
        Ok(Some(path))
    } else {
        Err(reading.problems)
    }
}

/// Returns notes about the table that is used, if any, and about what else is set: empty tables, and sources that are not
/// asked.
pub(super) fn sources(variables: &Variables, used: Option<&Document>, stored: Option<&Document>) -> Vec<String> {
    let (mut empty, mut passed_over) = (Vec::<&str>::new(), Vec::<&str>::new());
    let inline = used.is_some_and(|table| table.source() == ROUTES);
    let whole = used.is_some_and(|table| table.origin == ROUTES);
    if !whole && variables.text(ROUTES).is_some() {
        empty.push(ROUTES);
    }
    let parts = variables.names().filter(|name| part(name).is_some());
    if whole {
        passed_over.extend(parts);
    } else if !inline && variables.text(&format!("{ROUTES}_1")).is_some() {
        empty.extend(parts);
    }
    for store in [ROUTES_FILE, KV]
        .into_iter()
        .filter(|store| variables.text(store).is_some())
    {
        match stored.filter(|stored| stored.source() == store && !inline) {
            Some(stored) if stored.is_empty() => empty.push(store),
            Some(_) => {}
            None => passed_over.push(store),
        }
    }
    for name in single_token().filter(|name| used.is_some() && variables.text(name).is_some()) {
        passed_over.push(name);
    }
    let source = used.map(|table| format!("the routes come from {}", table.place()));
    let empty = (!empty.is_empty()).then(|| format!("an empty table counts as not set: {}", empty.join(", ")));
    let passed_over = (!passed_over.is_empty()).then(|| format!("set and passed over: {}", passed_over.join(", ")));
    source.into_iter().chain(passed_over).chain(empty).collect()
}

/// Reports a missing part of the table. The parts behind it would be left out silently, and the routes in them.
pub(super) fn report_gap(reading: &mut Reading<'_>) {
    let is_set = |number: &u32| reading.variables.text(&format!("{ROUTES}_{number}")).is_some();
    let missing = (1..).find(|number| !is_set(number)).unwrap_or(1);
    let stray = reading
        .variables
        .names()
        .filter_map(part)
        .filter(|number| *number > missing)
        .min();
    if let Some(stray) = stray {
        let hint = format!("set {ROUTES}_{missing} as well, or renumber: parts count from 1 without a gap");
        let message = format!("it is not set, but {ROUTES}_{stray} is");
        reading.problems.at(&format!("{ROUTES}_{missing}"), message, &hint);
    }
}
