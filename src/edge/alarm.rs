//! A timer for limits that nearly always move before they are reached.

use std::pin::Pin;
use std::time::Duration;

use worker::js_sys::Date;

use super::runtime;

/// One timer for as many limits as come, one after the other. A later limit costs nothing: the timer is set again when it
/// rings too early.
#[derive(Default)]
pub(super) struct Alarm(Option<Timer>);

struct Timer {
    due: f64,
    sleep: Pin<Box<dyn Future<Output = ()>>>,
}

impl Alarm {
    /// Returns at `limit`, in milliseconds since the Unix epoch.
    pub(super) async fn ring(&mut self, limit: f64) {
        loop {
            let left = limit - Date::now();
            if left <= 0.0 {
                return;
            }
            if self.0.as_ref().is_none_or(|timer| timer.due > limit) {
                let sleep = Box::pin(runtime::sleep(Duration::from_millis(left.ceil() as u64)));
                self.0 = Some(Timer { due: limit, sleep });
            }
            if let Some(timer) = &mut self.0 {
                timer.sleep.as_mut().await;
            }
            self.0 = None;
        }
    }
}
