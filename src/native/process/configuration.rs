//! Where the native configuration comes from: the environment, and the file of routes that it may name.

use std::ffi::OsString;

use super::routes_file;
use crate::config::{self, Config, Document, PRICES, PRICES_FILE, Problems, Server, Variables};

/// Returns the environment as it is now.
#[expect(clippy::disallowed_methods, reason = "the one place where the environment is read")]
pub(crate) fn variables() -> Variables {
    // What is not text counts as set: whoever parses it says what is wrong with it.
    let text = |text: OsString| text.to_string_lossy().into_owned();
    std::env::vars_os()
        .map(|(name, value)| (text(name), text(value)))
        .collect::<Variables>()
        .counting()
}

/// Returns the whole configuration: the routes, and the settings of the server.
///
/// # Errors
/// If it has problems; the text names all of them at once, with what to do.
pub(crate) fn configuration() -> Result<(Config, Server), String> {
    match (routes_now(), Server::load(&variables())) {
        (Ok(mut config), Ok(server)) => {
            config.notes.extend(config::loops(&config, &server));
            Ok((config, server))
        }
        (Err(mut problems), Err(more)) => {
            problems.merge(more);
            Err(problems.to_string())
        }
        (Err(problems), Ok(_)) => Err(problems.to_string()),
        (Ok(config), Err(mut problems)) => {
            problems.notes = config.notes;
            Err(problems.to_string())
        }
    }
}

/// Returns the routes as variables and files have them now. It may take as long as [`routes_file::read`].
///
/// # Errors
/// If they have problems.
pub(super) fn routes_now() -> Result<Config, Problems> {
    let mut variables = variables();
    if let Some(path) = variables.get(PRICES_FILE).map(str::to_owned) {
        if variables.text(PRICES).is_some() {
            return Err(Problems::one(
                PRICES_FILE,
                format!("{PRICES} is set as well"),
                "keep one of them",
            ));
        }
        let text = read(PRICES_FILE, &path)?;
        variables.set(PRICES, text);
    }
    let stored = config::routes_file(&variables)?;
    let stored =
        stored.map(|path| Ok::<_, Problems>(Document::file(path.to_owned(), read("GATEWAY_ROUTES_FILE", path)?)));
    config::load(stored.transpose()?.as_ref(), &variables)
}

/// Returns what is in the file that a variable names.
fn read(variable: &str, path: &str) -> Result<String, Problems> {
    let bytes = routes_file::read(path).map_err(|error| {
        let hint = "give the path of a JSON file that this user may read";
        Problems::one(variable, format!("{path} cannot be read: {error}"), hint)
    })?;
    // Text in another encoding is read as far as it can be: the parser says at which place it fails.
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
