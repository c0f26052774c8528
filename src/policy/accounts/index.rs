//! Where things are kept that are known by a hash of 64 bits.
//!
//! It is a sorted list and not a `HashMap`: there are some thousand entries at most, few of them come later, and each further type of
//! map is more code in a Worker.

/// Hashes in their order, each with a place.
#[derive(Debug, Default)]
pub(super) struct Index {
    entries: Vec<(u64, usize)>,
}

impl Index {
    /// Returns the place that is known by `id`.
    pub(super) fn get(&self, id: u64) -> Option<usize> {
        let found = self.entries.binary_search_by_key(&id, |entry| entry.0).ok()?;
        Some(self.entries[found].1)
    }

    /// Makes `place` known by `id`, which is not known yet.
    pub(super) fn insert(&mut self, id: u64, place: usize) {
        let at = self.entries.partition_point(|entry| entry.0 < id);
        self.entries.insert(at, (id, place));
    }

    /// Forgets by what `place` was known.
    pub(super) fn remove(&mut self, place: usize) {
        self.entries.retain(|entry| entry.1 != place);
    }
}
