//! What a table has besides its routes, where it is an object and not an array of them.

use super::account::Group;
use super::fallbacks::Named;
use super::fields::Fields;
use super::prices::{self, PRICES, Prices};
use super::time_zone::TimeZone;
use super::tokens;

/// The fields that such a table may have.
pub const TABLE_FIELDS: [&str; 6] = ["timezone", "currency", ROUTES, "groups", PRICES, UNKNOWN_PRICE];

/// The field that has the routes.
pub(super) const ROUTES: &str = "routes";

/// A field that nothing reads yet.
const UNKNOWN_PRICE: &str = "unknown_price";

/// What such a table looks like.
pub(super) const TABLE: &str = "a table looks like {\"groups\": {...}, \"routes\": [...]}";

/// What all routes of a table share.
#[derive(Default)]
pub(super) struct Around {
    pub(super) groups: Vec<Group>,
    pub(super) time_zone: TimeZone,
    pub(super) currency: Option<String>,
    pub(super) prices: Prices,
}

impl Around {
    /// Reads what stands around `routes`.
    pub(super) fn read(fields: &mut Fields<'_, '_>, routes: Named<'_>) -> Self {
        if fields.has(UNKNOWN_PRICE) {
            fields.remark(UNKNOWN_PRICE, "it is not read yet");
        }
        Self {
            groups: tokens::groups(fields, routes),
            time_zone: time_zone(fields),
            currency: currency(fields),
            prices: prices::of_field(fields),
        }
    }
}

fn time_zone(fields: &mut Fields<'_, '_>) -> TimeZone {
    let Some(text) = fields.string("timezone") else {
        return TimeZone::default();
    };
    TimeZone::parse(&text).unwrap_or_else(|message| {
        fields.problem(Some("timezone"), message, "");
        TimeZone::default()
    })
}

fn currency(fields: &mut Fields<'_, '_>) -> Option<String> {
    let currency = fields.string("currency")?;
    if currency.len() != 3 || !currency.bytes().all(|byte| byte.is_ascii_uppercase()) {
        let hint = "write it as USD, EUR or CNY";
        fields.problem(Some("currency"), "expected the code of a currency", hint);
    }
    Some(currency)
}
