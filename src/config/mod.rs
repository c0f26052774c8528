//! What the operator wrote, as the gateway uses it.
//!
//! A value in [`Config`] is valid and leaves nothing to interpret. Everything that is wrong is reported before, as
//! [`Problems`]: all of it at once, each problem with its place and a way out, and no secret in any of them. Most mistakes
//! are made while pasting, so much of this folder knows what people paste.
//!
//! # The way of a configuration
//!
//! 1. A shell collects the [`Variables`], and reads the [`Document`] that they name where [`inline_routes`] finds no table in
//!    them: a file ([`routes_file`]) or a key of a KV namespace. Nothing here asks the process or the runtime.
//! 2. [`load`] chooses the table, or makes one of the variables of a single token, has it parsed, and adds the settings.
//! 3. The native shell also reads [`Server`], and asks [`loops`] for routes that lead back to itself.
//!
//! Inside, `syntax` explains text that is not JSON, `fields` reads an object field by field, `parse` makes routes, with
//! `provider` for who the upstream is and what it speaks, `address` for where they lead and `fallbacks` for what they name of
//! each other. `tokens` makes accounts of who may take them, with `allowances` for how much, `network` for where from and
//! `time_zone` for how long.

mod account;
mod address;
mod allowance;
mod allowances;
mod around;
mod character;
mod check;
mod cors;
mod document;
mod fallbacks;
mod fields;
mod identity;
mod load;
mod loops;
mod misplaced;
mod model_pattern;
mod money;
mod network;
mod parse;
mod pasted;
mod price;
mod prices;
mod problem;
mod provider;
mod route;
mod secret;
mod server;
mod single_token;
mod source;
mod suggest;
mod syntax;
mod time_zone;
mod tokens;
mod unenforced;
mod variables;

pub use self::account::{Account, Group};
pub use self::address::is_loopback;
pub use self::allowance::{Allowance, Budget, Limits, OnExhausted};
pub use self::around::TABLE_FIELDS;
pub use self::check::{expired, table};
pub use self::cors::Cors;
pub use self::document::Document;
pub use self::load::{Config, load};
pub use self::loops::loops;
pub use self::model_pattern::ModelPattern;
pub use self::money::Money;
pub use self::network::Network;
pub use self::parse::{DEFAULT_TIMEOUT, ROUTE_FIELDS};
pub use self::price::{Price, Rate, Rates, decimal_of, millionths};
pub use self::prices::Prices;
pub use self::problem::{Problem, Problems};
pub use self::route::{Addresses, Base, Rotation, Route, Upstream};
pub use self::secret::{Secret, TokenDigest};
pub use self::server::{LogFormat, Server};
pub use self::source::{inline_routes, routes_file};
pub use self::time_zone::TimeZone;
pub use self::tokens::TOKEN_FIELDS;
pub use self::variables::{PRICES, PRICES_FILE, Variables, known as known_variables};
