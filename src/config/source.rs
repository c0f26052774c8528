//! Where a configuration comes from: the first source that is set and not empty.

use super::variables::{KV, ROUTES, ROUTES_FILE, Reading, Variables, misspelt, part, single_token};
use super::{Config, Cors, Problems, Route, identity, parse, single_token};

/// A table of routes in JSON.
#[derive(Clone, PartialEq, Eq)]
pub struct Document {
    /// The variable that holds it or says where it is.
    source: &'static str,
    /// What reports call it.
    pub(super) origin: String,
    /// The text.
    pub(super) text: String,
}

impl Document {
    /// What the file that `GATEWAY_ROUTES_FILE` names holds.
    #[must_use]
    pub const fn file(path: String, text: String) -> Self {
        Self {
            source: ROUTES_FILE,
            origin: path,
            text,
        }
    }

    /// What the KV namespace bound as `GATEWAY_KV` holds under the key `GATEWAY_ROUTES`.
    #[must_use]
    pub fn kv(text: String) -> Self {
        Self {
            source: KV,
            origin: format!("{KV}:{ROUTES}"),
            text,
        }
    }

    /// What variables hold.
    pub(super) const fn variables(origin: String, text: String) -> Self {
        Self {
            source: ROUTES,
            origin,
            text,
        }
    }

    /// Whether it is blank or an empty array, and so counts as not set.
    fn is_empty(&self) -> bool {
        let text = self.text.trim_start_matches('\u{feff}').trim();
        let inside = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
        inside.unwrap_or(text).trim().is_empty()
    }

    /// Where it is, for people.
    fn place(&self) -> String {
        match self.source {
            ROUTES_FILE => format!("{} ({ROUTES_FILE})", self.origin),
            KV => format!("the key {ROUTES} of {KV}"),
            _ => self.origin.clone(),
        }
    }
}

/// The table of routes in `GATEWAY_ROUTES`, or in its parts `GATEWAY_ROUTES_1`, `_2`, ... joined. Where there is one, no
/// other source is asked.
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

/// The path in `GATEWAY_ROUTES_FILE`, where the routes are to be read from that file.
///
/// # Errors
/// It is not a path.
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

/// The configuration in the variables, else in what is `stored` outside of them, else that of a single token. A shell need
/// not read what is stored where there are [`inline_routes`].
///
/// # Errors
/// Every problem there is.
pub fn load(stored: Option<&Document>, variables: &Variables) -> Result<Config, Problems> {
    let mut reading = Reading::new(variables);
    let inline = inline_routes(variables);
    let table = inline.as_ref().or_else(|| stored.filter(|stored| !stored.is_empty()));
    reading.problems.notes = sources(variables, table, stored);
    if table.is_none_or(|table| table.origin != ROUTES) {
        report_gap(&mut reading);
    }
    let routes = match table {
        Some(table) => parse::routes(table, &mut reading.problems),
        None => single_token::routes(&mut reading),
    };
    reading.problems.notes.extend(misspelt(variables, table.is_some()));
    finish(routes, reading)
}

/// The configuration of this table, and of the variables that are not about routes.
pub(super) fn with_table(text: &str, variables: &Variables) -> Result<Config, Problems> {
    let mut reading = Reading::new(variables);
    let table = Document::variables(ROUTES.to_owned(), text.to_owned());
    finish(parse::routes(&table, &mut reading.problems), reading)
}

fn finish(routes: Vec<Route>, mut reading: Reading<'_>) -> Result<Config, Problems> {
    let cors = cors(&mut reading);
    let body_limit = reading.bytes("BODY_LIMIT", 1);
    let log_client = log_client(&mut reading);
    if !reading.problems.is_empty() {
        return Err(reading.problems);
    }
    let tokens = routes.iter().enumerate();
    Ok(Config {
        tokens: tokens.map(|(index, route)| (route.token, index)).collect(),
        hop: identity::of(&routes),
        routes,
        cors,
        body_limit,
        log_client,
        notes: reading.problems.notes,
    })
}

/// Which table is used, if any, and what else is set: empty tables, and sources that come behind.
fn sources(variables: &Variables, used: Option<&Document>, stored: Option<&Document>) -> Vec<String> {
    let (mut empty, mut passed_over) = (Vec::<&str>::new(), Vec::<&str>::new());
    let inline = used.is_some_and(|table| table.source == ROUTES);
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
        match stored.filter(|stored| stored.source == store && !inline) {
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

/// A part behind a missing number would be left out silently, and with it the routes in it.
fn report_gap(reading: &mut Reading<'_>) {
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

fn cors(reading: &mut Reading<'_>) -> Cors {
    let Some(list) = reading.get("CORS_ORIGINS") else {
        return Cors::Any;
    };
    let origins: Vec<String> = list
        .split(',')
        .map(|origin| as_browsers_write_it(origin.trim()))
        .filter(|origin| !origin.is_empty())
        .collect();
    if origins.iter().any(|origin| origin == "*") {
        return Cors::Any;
    }
    if origins.is_empty() {
        reading
            .problems
            .at("CORS_ORIGINS", "there is no origin in it", "leave it out to allow all");
    }
    for origin in &origins {
        let rest = origin.split_once("://").map(|(_, rest)| rest);
        if !rest.is_some_and(|host| !host.is_empty() && !host.contains(['/', ' ', '*', '?', '#'])) {
            reading.problems.at(
                "CORS_ORIGINS",
                format!("`{origin}` is no origin"),
                "an origin is a scheme and a host, as in https://chat.example; `*` alone stands for all",
            );
        }
    }
    Cors::Origins(origins)
}

/// An origin in small letters and without the port that its scheme has anyhow (HTML section 7.1.1).
fn as_browsers_write_it(origin: &str) -> String {
    let origin = origin.to_ascii_lowercase();
    [("https://", ":443"), ("http://", ":80")]
        .iter()
        .filter(|(scheme, _)| origin.starts_with(scheme))
        .find_map(|(_, port)| origin.strip_suffix(port).map(str::to_owned))
        .unwrap_or(origin)
}

fn log_client(reading: &mut Reading<'_>) -> bool {
    match reading.get("LOG_CLIENT").map(str::to_ascii_lowercase).as_deref() {
        None | Some("false" | "0" | "no" | "off") => false,
        Some("true" | "1" | "yes" | "on") => true,
        Some(_) => {
            reading.problems.at("LOG_CLIENT", "expected `true` or `false`", "");
            false
        }
    }
}
