//! Which upstreams and models differ from what their dialect says: the table of [`Quirks`].
//!
//! Facts of vendors, as they are documented or were measured. A row holds for some providers and some models; where several rows
//! hold, the later one counts. An unknown model of a known family is taken for its newest.

mod limits;
mod pattern;
mod rows;

pub use self::limits::{Limits, limits};
use self::pattern::bare;
use self::rows::ROWS;
use super::neutral::Format;
use super::neutral::request::Quirks;

/// Returns in what the model of a provider differs, asked in this dialect. A provider of others' models writes whose they are in front
/// of their names (`anthropic/claude-opus-5`): only what stands behind the last `/` counts. Case makes no difference.
#[must_use]
pub fn quirks(provider: &str, dialect: &Format, model: &str) -> Quirks {
    let name = bare(model);
    let mut quirks = Quirks::default();
    for row in ROWS {
        let is_named =
            |names: &[&str], name: &str| names.is_empty() || names.iter().any(|known| known.eq_ignore_ascii_case(name));
        if is_named(row.providers, provider) && is_named(row.dialects, dialect.name) && row.models.contain(&name) {
            (row.set)(&mut quirks);
        }
    }
    quirks
}

#[cfg(test)]
mod tests;
