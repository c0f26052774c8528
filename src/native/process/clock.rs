//! The system's clock, as the log writes it and as the core asks for it.

use std::sync::LazyLock;
use std::time::Duration;

use tokio::time::Instant;

use crate::platform::{Millis, Moment};

/// Returns the date and time now.
#[expect(clippy::disallowed_types, reason = "this is the native clock behind Platform::now")]
pub(crate) fn now() -> Millis {
    let since = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    Millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// Returns the time by a clock that only goes forward, since it was first asked for.
pub(crate) fn moment() -> Moment {
    static BEGINNING: LazyLock<Instant> = LazyLock::new(Instant::now);
    Moment(u64::try_from(BEGINNING.elapsed().as_millis()).unwrap_or(u64::MAX))
}

/// Returns an instant as RFC 3339 in UTC, with milliseconds.
pub(super) fn rfc3339(Millis(millis): Millis) -> String {
    humantime::format_rfc3339_millis(std::time::UNIX_EPOCH + Duration::from_millis(millis)).to_string()
}

/// Returns the date of today in UTC, as `2026-12-01`.
pub(crate) fn today() -> String {
    let mut date = rfc3339(now());
    date.truncate("2026-12-01".len());
    date
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
