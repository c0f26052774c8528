//! Bytes: JSON and forms, read in place and changed without being rebuilt.
//!
//! A request goes upstream as the client wrote it, in all but the few bytes that the gateway must change. So nothing here
//! parses a body into values and writes it again: numbers keep their spelling, members their order, and members that nobody
//! knows stay. Nothing here knows what a body means.
//!
//! For JSON, `scan` checks the grammar and finds the members of the outermost object, `members` offers them by name,
//! `patch` replaces the model, `change` another member, `cut` takes a member out and `halves` mends texts. `form` does the same for forms. `shorten` keeps the
//! structure of JSON that is too long to be kept. `json` reads values that are deeper inside, `build` makes new ones. `sse` and `elements` cut streams
//! into their events; `number` reads numbers and `date` dates, `find` looks for texts, `sorted` keeps what streams
//! number.

pub(crate) mod build;
pub(crate) mod change;
pub mod cut;
pub(crate) mod date;
pub mod elements;
pub mod find;
pub mod form;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
pub mod halves;
pub(crate) mod json;
pub mod members;
pub mod number;
pub mod patch;
pub mod percent;
pub mod pieces;
mod quoted;
pub(crate) mod scan;
pub mod shape;
pub(crate) mod shorten;
pub mod sorted;
pub mod sse;
pub mod trim;
