//! What a process or an isolate remembers from one request to the next.

use std::sync::atomic::{AtomicBool, Ordering};

use super::lists::Lists;
use crate::policy::health::Health;

/// Shared by all requests. It outlives the configuration, which may be read again.
#[derive(Debug, Default)]
pub struct State {
    pub(super) health: Health,
    pub(super) lists: Lists,
    draining: AtomicBool,
}

impl State {
    /// From now on `/health` says that this process is about to leave. Requests are served as before.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// Whether [`drain`](Self::drain) was called.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }
}
