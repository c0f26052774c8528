//! The memory of bodies that are held whole, which all of them have in common: requests that may have to be sent again, and
//! answers that are read before they are passed on.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::{Native, machine};
use crate::platform::Platform;

/// What is counted, in bytes.
const UNIT: usize = 1024;

/// The longest body that is not counted, in bytes: it weighs no more than the connection that it comes over, and MAX_CONCURRENT
/// bounds both. So no small request waits for large ones.
const UNCOUNTED: usize = 16 * 1024;

/// The least memory for bodies where the operator does not say how much, and what is taken for half of a machine's memory
/// that does not say how much it has, in bytes.
const LEAST: usize = 64 * 1024 * 1024;
const UNKNOWN: usize = 512 * 1024 * 1024;

/// How long a request waits for its share.
const PATIENCE: Duration = Duration::from_secs(3);

/// The memory for bodies. Clones are the same one.
#[derive(Clone)]
pub(super) struct Memory(Arc<Shared>);

struct Shared {
    /// In units; fair: what is given back goes to those who wait, in the order of their coming.
    free: Arc<Semaphore>,
    /// In bytes.
    total: usize,
}

impl Memory {
    pub(super) fn new(total: usize) -> Self {
        let units = (total / UNIT).min(u32::MAX as usize);
        Self(Arc::new(Shared {
            free: Arc::new(Semaphore::new(units)),
            total: units * UNIT,
        }))
    }

    /// As much as the operator says, or else half of what this process may have.
    pub(super) fn of_this_process(said: Option<usize>) -> Self {
        Self::new(said.unwrap_or_else(|| {
            let half = machine::memory().map(|memory| usize::try_from(memory / 2).unwrap_or(usize::MAX));
            half.unwrap_or(UNKNOWN).max(LEAST)
        }))
    }

    /// The largest body that fits, in bytes.
    pub(super) fn total(&self) -> usize {
        self.0.total
    }

    /// A warning where bodies that BODY_LIMIT allows never fit.
    pub(super) fn warning(&self, body_limit: Option<usize>) -> Option<String> {
        let (total, body_limit) = (self.total(), body_limit.unwrap_or(Native::BODY_LIMIT));
        (body_limit > total).then(|| {
            format!(
                "request bodies may have {total} bytes at most: all of them together may take as much of the memory, and \
                 BODY_LIMIT={body_limit} is more; raise BODY_MEMORY (half of the process's memory by default) or lower BODY_LIMIT"
            )
        })
    }

    /// Nothing yet, for a body that `waits` for its share or does not.
    pub(super) const fn share(&self, waits: bool) -> Share<'_> {
        Share {
            memory: self,
            taken: None,
            waits,
        }
    }
}

/// What one body has of the memory.
pub(super) struct Share<'a> {
    memory: &'a Memory,
    taken: Option<OwnedSemaphorePermit>,
    waits: bool,
}

impl Share<'_> {
    fn taken(&self) -> usize {
        self.taken.as_ref().map_or(0, |taken| taken.num_permits() * UNIT)
    }

    /// Whether it is enough for so many bytes.
    pub(super) fn covers(&self, bytes: usize) -> bool {
        bytes <= UNCOUNTED || bytes <= self.taken()
    }

    /// Makes it enough for so many bytes. Whether there was as much: who waits, waits a few seconds, behind those who came before.
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

    /// The body. The share is given back when the last of its bytes is let go.
    pub(super) fn hold(self, body: BytesMut) -> Bytes {
        let body = body.freeze();
        match self.taken {
            None => body,
            Some(taken) => Bytes::from_owner(Held { body, _taken: taken }),
        }
    }
}

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
        // The small one would fit, but for the large one that came before.
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
    fn bodies_that_never_fit_are_told() {
        let memory = Memory::new(LEAST);
        assert_eq!(memory.warning(Some(LEAST)), None);
        let warning = memory.warning(Some(LEAST + 1)).unwrap();
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
