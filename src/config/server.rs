//! How the native server listens and leaves.

use std::time::Duration;

use super::Problems;
use super::source::{Variables, set};

/// Settings of the native server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// An address or a name of this machine.
    pub host: String,
    /// Where it listens; 0 lets the system choose.
    pub port: u16,
    /// Requests served at once.
    pub max_concurrent: usize,
    /// How long open requests may go on after a signal to stop.
    pub drain_timeout: Duration,
    /// How requests are logged.
    pub log_format: LogFormat,
}

/// The form of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object.
    Json,
    /// For people.
    Text,
}

impl Server {
    /// Reads `HOST`, `PORT`, `MAX_CONCURRENT`, `DRAIN_TIMEOUT` and `LOG_FORMAT`.
    ///
    /// # Errors
    /// Every one that cannot be read.
    pub fn load(variables: Variables<'_>) -> Result<Self, Problems> {
        let mut problems = Problems::default();
        let mut number = |name: &str, default: u64, most: u64, expected: &str| {
            let Some(text) = set(variables, name) else {
                return default;
            };
            text.trim()
                .parse()
                .ok()
                .filter(|number| *number <= most)
                .unwrap_or_else(|| {
                    problems.at(name, format!("expected {expected}"), "");
                    default
                })
        };
        let port = number("PORT", 8000, 65_535, "a port number from 0 to 65535");
        let max_concurrent = number("MAX_CONCURRENT", 8192, 1_000_000, "a number of requests up to 1000000").max(1);
        let drain = number("DRAIN_TIMEOUT", 30, 86_400, "a number of seconds up to 86400");
        let log_format = match set(variables, "LOG_FORMAT").as_deref().map(str::trim) {
            None | Some("json") => LogFormat::Json,
            Some("text") => LogFormat::Text,
            Some(_) => {
                problems.at("LOG_FORMAT", "expected `json` or `text`", "");
                LogFormat::Json
            }
        };
        let server = Self {
            host: set(variables, "HOST").map_or_else(|| "127.0.0.1".to_owned(), |host| host.trim().to_owned()),
            port: u16::try_from(port).unwrap_or(8000),
            max_concurrent: usize::try_from(max_concurrent).unwrap_or(8192),
            drain_timeout: Duration::from_secs(drain),
            log_format,
        };
        if problems.is_empty() { Ok(server) } else { Err(problems) }
    }
}
