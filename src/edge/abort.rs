//! The end of a request upstream that nobody waits for any more.

use web_sys::AbortController;

/// Ends a request upstream when it is dropped.
pub(super) struct AbortOnDrop(Option<AbortController>);

impl AbortOnDrop {
    pub(super) const fn new(controller: AbortController) -> Self {
        Self(Some(controller))
    }

    /// Lets the request go on: its answer is complete, or the runtime moves the rest of it.
    pub(super) fn disarm(mut self) {
        self.0 = None;
    }
}

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        if let Some(controller) = self.0.take() {
            controller.abort();
        }
    }
}
