//! The line of the log for each request.

use super::crossing;
use crate::gateway::{Record, settle};

/// A request and what is known about it. Its line is written when this is dropped, because a client that leaves drops
/// everything that was begun for it.
pub(super) struct Entry {
    pub(super) record: Record,
}

impl Drop for Entry {
    fn drop(&mut self) {
        let settled = settle(&mut self.record, None);
        // `wrangler tail` and the dashboard show each line as one entry.
        if let Ok(line) = serde_json::to_string(&settled) {
            crossing::log(&line);
        }
    }
}
