//! What a process or an isolate remembers from one request to the next.

pub(crate) mod model_lists;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use self::model_lists::ModelLists;
use crate::platform::Moment;
use crate::policy::accounts::{Book, Learned};
use crate::policy::cooldown::Cooldown;
use crate::policy::health::Health;

/// Shared by all requests. It outlives the configuration, which may be read again.
#[derive(Debug, Default)]
pub struct State {
    pub(crate) health: Health,
    pub(crate) lists: ModelLists,
    /// What accounts have used. Empty where the platform does not count.
    pub(crate) book: Book,
    pub(crate) learned: Arc<Learned>,
    draining: AtomicBool,
}

impl State {
    /// From now on `/health` says that this process is about to leave. Requests are served as before.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// Returns the cooldowns of keys and upstreams at `now`, sorted by route, kind, key and model.
    #[must_use]
    pub fn cooldowns(&self, now: Moment) -> Vec<Cooldown> {
        self.health.list(now)
    }

    /// Whether [`drain`](Self::drain) was called.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }
}
