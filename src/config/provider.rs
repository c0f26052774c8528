//! Who the upstream of a route is, and what it speaks.

use super::fields::Fields;
use super::problem::shown;
use super::route::Upstream;
use super::suggest::did_you_mean;
use crate::dialect::formats::{self, FORMATS, OPENAI};
use crate::dialect::key_header::KeyHeader;
use crate::dialect::neutral::Format;
use crate::dialect::providers::{self, CUSTOM, ECHO, Has, PROVIDERS, Provider};

/// Reads the name of a provider. Returns its row as well, where it is known.
pub(super) fn named(fields: &mut Fields<'_, '_>) -> (String, Option<&'static Provider>) {
    let name = fields.string("provider").unwrap_or_else(|| CUSTOM.to_owned());
    let row = providers::named(&name);
    if row.is_none() && !fields.has("base_url") {
        let known: Vec<&str> = PROVIDERS.iter().map(|provider| provider.name).collect();
        let hint = format!("{} Otherwise give its `base_url`.", did_you_mean(&name, &known));
        fields.problem(Some("provider"), format!("unknown provider `{}`", shown(&name)), &hint);
    }
    (name, row)
}

/// Returns the wire format of a route's upstream: what the route says, else what its provider speaks, else OpenAI's. Reports
/// one that the provider does not speak at its own address.
pub(super) fn dialect(fields: &mut Fields<'_, '_>, row: Option<&'static Provider>) -> &'static Format {
    let own = row.map_or(OPENAI, |row| row.dialect);
    let Some(written) = fields.string("dialect") else {
        return own;
    };
    let Some(dialect) = formats::by_name(&written) else {
        let hint = did_you_mean(&written, &FORMATS.map(|format| format.name));
        fields.problem(Some("dialect"), format!("unknown dialect `{}`", shown(&written)), &hint);
        return own;
    };
    let goes_to = |row: &&Provider| row.name == ECHO || (row.base_url.is_some() && !fields.has("base_url"));
    if let Some(row) = row.filter(goes_to)
        && row.has.speaks(row.dialect, dialect) == Some(false)
    {
        let message = format!("`{}` does not speak `{}` at its own address", row.name, dialect.name);
        fields.problem(Some("dialect"), message, &elsewhere(row, dialect));
    }
    dialect
}

/// Returns what to do about a provider that speaks `dialect` at another address, or not at all.
fn elsewhere(row: &Provider, dialect: &Format) -> String {
    let has_its_keys = |other: &&Provider| other.key_variables.iter().any(|key| row.key_variables.contains(key));
    let sibling = PROVIDERS
        .iter()
        .filter(has_its_keys)
        .find(|other| other.dialect == dialect);
    match sibling {
        Some(sibling) => format!("write \"provider\": \"{}\"", sibling.name),
        None if row.name == ECHO => "take it out: clients may speak any dialect".to_owned(),
        None => format!(
            "take it out: clients may speak any dialect; or give the `base_url` at which it speaks `{}`",
            dialect.name
        ),
    }
}

/// Returns what else an upstream speaks. What a row says holds at the provider's own address: a relay before it, or another
/// region, may have less.
pub(super) fn has(row: Option<&'static Provider>, upstream: &Upstream) -> Has {
    let is_its_own = |row: &&Provider| match upstream {
        Upstream::Echo => true,
        Upstream::Http(addresses) => row.base_url.is_none_or(|own| own == addresses.base.url),
    };
    row.filter(is_its_own).map_or(Has::UNKNOWN, |row| row.has)
}

/// Returns the header in which an upstream takes its key: the provider's for what it speaks at its own address, and wherever
/// it is not that of a dialect (Azure's); else that of the dialect.
pub(super) fn key_header(row: Option<&'static Provider>, has: Has, dialect: &Format) -> KeyHeader {
    let is_its_own =
        |row: &&Provider| has.speaks(row.dialect, dialect) == Some(true) || row.key_header != row.dialect.key_header;
    row.filter(is_its_own).map_or(dialect.key_header, |row| row.key_header)
}
