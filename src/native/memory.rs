//! The memory for bodies that are held whole: requests that may have to be sent again, and answers that are read before they
//! are passed on.
//!
//! All bodies share one budget, `BODY_MEMORY`, so that many large ones at once cannot end the process. A body takes its
//! [`Share`] before it is read, asks for more while it grows, and gives it back with its last byte. A request waits a few
//! seconds for its share; an answer does not, since it can be passed on as it comes
//! (`docs/design/0006-memory-for-bodies.md`).

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::process::machine_memory;

/// The unit in which shares are counted, in bytes.
const UNIT: usize = 1024;

/// The longest body that is not counted, in bytes: it weighs no more than the connection that it comes over, and MAX_CONCURRENT
/// bounds both. So no small request waits for large ones.
const UNCOUNTED: usize = 16 * 1024;

/// The least memory for bodies if the operator does not say how much, in bytes.
const LEAST: usize = 64 * 1024 * 1024;

/// The memory for bodies if neither the operator nor the machine says how much there is, in bytes.
const UNKNOWN: usize = 512 * 1024 * 1024;

/// The time in which a request waits for its share.
const PATIENCE: Duration = Duration::from_secs(3);

/// The memory for bodies. Clones share one budget.
#[derive(Clone)]
pub(super) struct Memory(Arc<Shared>);

struct Shared {
    /// The free part, in units. It is fair: a part that is given back goes to those who wait, in the order of their coming.
    free: Arc<Semaphore>,
    /// The whole budget, in bytes.
    total: usize,
}

impl Memory {
    /// A budget of `total` bytes.
    pub(super) fn new(total: usize) -> Self {
        let units = (total / UNIT).min(u32::MAX as usize);
        Self(Arc::new(Shared {
            free: Arc::new(Semaphore::new(units)),
            total: units * UNIT,
        }))
    }

    /// A budget of as much as the operator says, in bytes, or of half of what this process may have.
    pub(super) fn of_this_process(said: Option<usize>) -> Self {
        Self::new(said.unwrap_or_else(|| {
            let half = machine_memory().map(|memory| usize::try_from(memory / 2).unwrap_or(usize::MAX));
            half.unwrap_or(UNKNOWN).max(LEAST)
        }))
    }

    /// Returns the largest body that fits, in bytes.
    pub(super) fn total(&self) -> usize {
        self.0.total
    }

    /// Returns a warning if bodies that `body_limit` allows, in bytes, never fit.
    pub(super) fn warning(&self, body_limit: usize) -> Option<String> {
        let total = self.total();
        (body_limit > total).then(|| {
            format!(
                "request bodies may have {total} bytes at most: all of them together may take as much of the memory, and \
                 BODY_LIMIT={body_limit} is more; raise BODY_MEMORY (half of the process's memory by default) or lower BODY_LIMIT"
            )
        })
    }

    /// An empty share for a body. `waits`: whether it waits when there is not enough.
    pub(super) const fn share(&self, waits: bool) -> Share<'_> {
        Share {
            memory: self,
            taken: None,
            waits,
        }
    }
}

/// The part of the budget that one body has.
pub(super) struct Share<'a> {
    memory: &'a Memory,
    taken: Option<OwnedSemaphorePermit>,
    waits: bool,
}

impl Share<'_> {
    fn taken(&self) -> usize {
        self.taken.as_ref().map_or(0, |taken| taken.num_permits() * UNIT)
    }

    /// Whether the share is enough for so many bytes.
    pub(super) fn covers(&self, bytes: usize) -> bool {
        bytes <= UNCOUNTED || bytes <= self.taken()
    }

    /// Makes the share enough for so many bytes, and returns whether there was as much. A share that waits does so for a few
    /// seconds, behind those that came before.
    pub(super) async fn grow(&mut self, bytes: usize) -> bool {
        let more = bytes.saturating_sub(self.taken()).div_ceil(UNIT);
        let Ok(more) = u32::try_from(more) else { return false };
        let free = Arc::clone(&self.memory.0.free);
        let got = if self.waits {
            let waiting = timeout(PATIENCE, free.acquire_many_owned(more)).await;
            waiting.ok().and_then(Result::ok)
        } else {
            free.try_acquire_many_owned(more).ok()
        };
        let Some(got) = got else { return false };
        match &mut self.taken {
            Some(taken) => taken.merge(got),
            None => self.taken = Some(got),
        }
        true
    }

    /// Returns the body, with which the share is given back when the last of its bytes is dropped.
    pub(super) fn hold(self, body: BytesMut) -> Bytes {
        let body = body.freeze();
        match self.taken {
            None => body,
            Some(taken) => Bytes::from_owner(Held { body, _taken: taken }),
        }
    }
}

/// A body and the share that it holds.
struct Held {
    body: Bytes,
    _taken: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.body
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    const KIB: usize = 1024;

    fn body(length: usize) -> BytesMut {
        BytesMut::from(&vec![b'x'; length][..])
    }

    #[tokio::test(start_paused = true)]
    async fn a_share_is_given_back_with_the_last_byte_of_its_body() {
        let memory = Memory::new(100 * KIB);
        let mut share = memory.share(true);
        assert!(!share.covers(100 * KIB) && share.grow(100 * KIB).await && share.covers(100 * KIB));
        let held = share.hold(body(100 * KIB));
        let part = held.slice(5..6);
        drop(held);
        assert!(!memory.share(false).grow(20 * KIB).await);
        drop(part);
        assert!(memory.share(false).grow(100 * KIB).await);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_grows_by_what_it_lacks() {
        let memory = Memory::new(100 * KIB);
        let mut share = memory.share(false);
        for bytes in [20, 50, 100] {
            assert!(share.grow(bytes * KIB).await, "{bytes}");
        }
        assert!(!share.grow(101 * KIB).await && share.covers(100 * KIB));
    }

    #[tokio::test(start_paused = true)]
    async fn small_bodies_take_nothing() {
        let memory = Memory::new(0);
        let share = memory.share(true);
        assert!(share.covers(UNCOUNTED) && !share.covers(UNCOUNTED + 1));
        assert_eq!(share.hold(body(3)), "xxx");
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_gets_a_share_in_the_order_of_coming_or_nothing_after_a_while() {
        let memory = Memory::new(100 * KIB);
        let mut first = memory.share(true);
        assert!(first.grow(60 * KIB).await);
        let order = std::cell::RefCell::new(Vec::new());
        let asks = async |name: &'static str, bytes: usize| {
            let mut share = memory.share(true);
            let got = share.grow(bytes).await;
            order.borrow_mut().push((name, got));
            tokio::time::sleep(Duration::from_millis(1)).await;
        };
        // The small one would fit, except that the large one came before.
        let gives = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            assert!(!memory.share(false).grow(20 * KIB).await);
            drop(first);
        };
        tokio::join!(asks("large", 100 * KIB), asks("small", 20 * KIB), gives);
        assert_eq!(*order.borrow(), [("large", true), ("small", true)]);

        let all = memory.share(true).grow(100 * KIB).await;
        assert!(all);
        let mut holds = memory.share(true);
        assert!(holds.grow(90 * KIB).await);
        let begun = Instant::now();
        assert!(!memory.share(true).grow(20 * KIB).await);
        assert_eq!(begun.elapsed(), PATIENCE);
        // Who has given up is in nobody's way.
        assert!(memory.share(false).grow(10 * KIB).await);
    }

    #[test]
    fn the_operator_is_warned_of_bodies_that_never_fit() {
        let memory = Memory::new(LEAST);
        assert_eq!(memory.warning(LEAST), None);
        let warning = memory.warning(LEAST + 1).unwrap();
        assert!(
            warning.contains("67108864 bytes at most") && warning.contains("BODY_LIMIT=67108865"),
            "{warning}"
        );
    }

    #[test]
    fn what_is_said_counts_and_else_there_is_enough_for_one_body() {
        assert_eq!(Memory::of_this_process(Some(3 * KIB)).total(), 3 * KIB);
        assert!(Memory::of_this_process(None).total() >= LEAST);
    }
}
