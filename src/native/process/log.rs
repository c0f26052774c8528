//! The log: one line per request on stdout, as JSON for machines or as text for people.

use serde::Serialize;

use super::clock::{moment, now, rfc3339};
use super::console::REQUESTS;
use crate::config::LogFormat;
use crate::gateway::{Delivery, Record, Settled, settle};
use crate::platform::Millis;

/// The line of a request: when it came, and what the core says of it.
#[derive(Serialize)]
struct Line<'a> {
    time: String,
    #[serde(flatten)]
    settled: &'a Settled<'a>,
}

/// A request, and its answer if it gets one. Its line is written when this is dropped.
pub(crate) struct Entry {
    format: LogFormat,
    pub(crate) record: Record,
    /// The amount of the body that went out so far, in bytes.
    pub(crate) bytes: u64,
    /// The time at which the first of them did.
    pub(crate) first_byte: Option<Millis>,
    /// Whether the whole body went out.
    pub(crate) complete: bool,
}

impl Entry {
    /// The entry of a request that has come.
    pub(crate) const fn new(format: LogFormat, record: Record) -> Self {
        Self {
            format,
            record,
            bytes: 0,
            first_byte: None,
            complete: false,
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let delivery = Delivery {
            bytes: self.bytes,
            first_byte: self.first_byte,
            end: now(),
            moment: moment(),
            complete: self.complete,
        };
        request(self.format, &settle(&mut self.record, Some(delivery)));
    }
}

/// Writes the line of a request. A log that cannot be written must not harm the request.
fn request(format: LogFormat, settled: &Settled<'_>) {
    let line = Line {
        time: rfc3339(settled.record.start),
        settled,
    };
    REQUESTS.add(|lines| match format {
        LogFormat::Json => drop(serde_json::to_writer(lines, &line)),
        LogFormat::Text => lines.extend_from_slice(text(&line).as_bytes()),
    });
}

/// Returns the line for people.
fn text(line: &Line<'_>) -> String {
    let (record, delivered) = (line.settled.record, line.settled.delivered);
    let mut text = format!("{} {} {}", line.time, record.status, record.endpoint);
    if let Some(delivered) = delivered {
        text.push_str(&format!(" {} ms", delivered.total_ms));
    }
    for (name, value) in [
        ("path", &record.path),
        ("client", &record.client),
        ("route", &record.route),
        ("token", &record.token),
        ("provider", &record.provider),
        ("model", &record.model),
    ] {
        if let Some(value) = value {
            text.push_str(&format!(" {name}={}", value.escape_debug()));
        }
    }
    text.push_str(&format!(
        " attempts={} bytes={} id={}",
        record.attempts,
        delivered.map_or(0, |delivered| delivered.bytes),
        record.request_id
    ));
    if let Some(error) = record.error {
        text.push_str(&format!(" error={error}"));
    }
    if delivered.is_some_and(|delivered| !delivered.complete) {
        text.push_str(" incomplete");
    }
    for failure in &record.failures {
        text.push_str(&format!(" [{}]", failure.log_line().escape_debug()));
    }
    text
}
