//! The branch of a stream that is read from the side while the runtime moves the other one to the client.

use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, select};
use wasm_bindgen::JsValue;

use super::promised::Promised;
use super::{alarm, crossing};
use crate::dialect::observe::Observer;

/// What a look at the branch has found.
pub(super) struct Look {
    /// The bytes that had come since the last look.
    pub(super) taken: usize,
    /// Whether the stream is broken.
    pub(super) is_broken: bool,
}

/// The branch, by its reader. What nobody has read of it yet lies in memory.
pub(super) struct Watched {
    source: JsValue,
    /// A read that has not ended. It stays when nobody waits for it.
    pending: Option<Promised>,
}

impl Watched {
    pub(super) const fn new(source: JsValue) -> Self {
        Self { source, pending: None }
    }

    async fn read(&mut self) -> Result<Option<Vec<u8>>, JsValue> {
        let pending = match self.pending.take() {
            Some(pending) => pending,
            None => {
                let (pending, begun) = Promised::new(|number| crossing::read(&self.source, number));
                begun?;
                pending
            }
        };
        let result = self.pending.insert(pending).bytes().await;
        self.pending = None;
        result
    }

    /// Shows the observer what has come by now.
    pub(super) async fn look(&mut self, observer: &mut Observer) -> Look {
        let mut taken = 0;
        loop {
            let next = pin!(self.read());
            // What has come is there before a timer that rings at once.
            match select(next, pin!(alarm::sleep(Duration::ZERO))).await {
                Either::Left((Ok(Some(bytes)), _)) => {
                    taken += bytes.len();
                    observer.feed(&bytes);
                }
                Either::Left((Err(_), _)) => return Look { taken, is_broken: true },
                Either::Left((Ok(None), _)) | Either::Right(((), _)) => {
                    return Look {
                        taken,
                        is_broken: false,
                    };
                }
            }
        }
    }

    /// Shows the observer everything up to the end, which has come already.
    pub(super) async fn look_to_end(&mut self, observer: &mut Observer) {
        while let Ok(Some(bytes)) = self.read().await {
            observer.feed(&bytes);
        }
    }
}
