//! The process around the server: what it reads (variables and files), what it writes (the log), and what the system lets it
//! have (open files, memory). Nothing here serves anybody.

mod clock;
mod configuration;
mod console;
mod files;
mod log;
mod machine;
mod reload;
mod routes_file;

pub(super) use self::clock::{moment, now, today};
pub(super) use self::configuration::{configuration, variables};
pub(super) use self::console::{Level, begin_log, flush_log, print, say, tell};
pub(super) use self::files::{Unaccepted, raise_limit};
pub(super) use self::log::Entry;
pub(super) use self::machine::memory as machine_memory;
pub(super) use self::reload::keep_reading;
