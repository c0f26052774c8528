//! The log: one line per request on stdout, as JSON for machines or as text for people; the clock it is stamped with.

use std::time::Duration;

use serde::Serialize;

use super::console::REQUESTS;
use crate::config::LogFormat;
use crate::gateway::Record;
use crate::platform::Millis;

/// The system's clock.
#[expect(clippy::disallowed_types, reason = "this is the native clock behind Platform::now")]
pub(super) fn now() -> Millis {
    let since = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    Millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// A request and how its answer went out.
#[derive(Serialize)]
struct Line<'a> {
    time: String,
    #[serde(flatten)]
    record: &'a Record,
    bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_byte_ms: Option<u64>,
    total_ms: u64,
    /// The whole body went out.
    complete: bool,
}

/// A request and its answer, if it gets one. Its line is written when this is dropped.
pub(super) struct Entry {
    format: LogFormat,
    pub(super) record: Record,
    /// Of the body, so far.
    pub(super) bytes: u64,
    pub(super) first_byte: Option<Millis>,
    /// All of it is out.
    pub(super) complete: bool,
}

impl Entry {
    pub(super) const fn new(format: LogFormat, record: Record) -> Self {
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
        if self.record.status == 0 {
            self.record.status = Record::CLIENT_LEFT;
        }
        request(self.format, &self.record, self.bytes, self.first_byte, self.complete);
    }
}

/// Writes the line of a request. A log that cannot be written must not harm the request.
fn request(format: LogFormat, record: &Record, bytes: u64, first_byte: Option<Millis>, complete: bool) {
    let since_start = |end: Millis| u64::try_from(record.start.until(end).as_millis()).unwrap_or(u64::MAX);
    let line = Line {
        time: rfc3339(record.start),
        record,
        bytes,
        first_byte_ms: first_byte.map(since_start),
        total_ms: since_start(now()),
        complete,
    };
    REQUESTS.add(|lines| match format {
        LogFormat::Json => drop(serde_json::to_writer(lines, &line)),
        LogFormat::Text => lines.extend_from_slice(text(&line).as_bytes()),
    });
}

fn text(line: &Line<'_>) -> String {
    let record = line.record;
    let mut text = format!(
        "{} {} {} {} ms",
        line.time, record.status, record.endpoint, line.total_ms
    );
    for (name, value) in [
        ("path", &record.path),
        ("client", &record.client),
        ("route", &record.route),
        ("provider", &record.provider),
        ("model", &record.model),
    ] {
        if let Some(value) = value {
            text.push_str(&format!(" {name}={}", value.escape_debug()));
        }
    }
    text.push_str(&format!(
        " attempts={} bytes={} id={}",
        record.attempts, line.bytes, record.request_id
    ));
    if let Some(error) = record.error {
        text.push_str(&format!(" error={error}"));
    }
    if !line.complete {
        text.push_str(" incomplete");
    }
    for failure in &record.failures {
        text.push_str(&format!(" [{}]", failure.escape_debug()));
    }
    text
}

/// An instant as RFC 3339 in UTC.
pub(super) fn rfc3339(Millis(millis): Millis) -> String {
    humantime::format_rfc3339_millis(std::time::UNIX_EPOCH + Duration::from_millis(millis)).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_written_as_utc() {
        assert_eq!(rfc3339(Millis(0)), "1970-01-01T00:00:00.000Z");
        assert_eq!(rfc3339(Millis(951_827_696_789)), "2000-02-29T12:34:56.789Z");
        assert_eq!(rfc3339(Millis(4_102_444_799_999)), "2099-12-31T23:59:59.999Z");
    }
}
