//! Timers: one for a wait, and one for limits that nearly always move before they are reached.

use std::pin::Pin;
use std::time::Duration;

use js_sys::Date;

use super::crossing;
use super::promised::Promised;

/// Ends a timer that nobody waits for any more.
struct Timer(f64);

impl Drop for Timer {
    fn drop(&mut self) {
        crossing::clear_timeout(self.0);
    }
}

/// Returns after `duration`.
pub(super) async fn sleep(duration: Duration) {
    // A timer whose time does not fit into 32 bits rings at once (HTML section 8.6). 24 days are as good as for ever.
    let milliseconds = i32::try_from(duration.as_millis()).unwrap_or(i32::MAX);
    let (promised, timer) = Promised::new(|number| Timer(crossing::after(milliseconds.into(), number)));
    let _ = promised.value().await;
    drop(timer);
}

/// One timer for many limits, one after the other. A limit that moves to later costs nothing: the timer is set again when it
/// rings too early.
#[derive(Default)]
pub(super) struct Alarm(Option<Ringing>);

struct Ringing {
    due: f64,
    sleep: Pin<Box<dyn Future<Output = ()>>>,
}

impl Alarm {
    /// Returns at `limit`, in milliseconds since the Unix epoch. Whoever stops waiting may call it again with another limit.
    pub(super) async fn ring(&mut self, limit: f64) {
        loop {
            let left = limit - Date::now();
            if left <= 0.0 {
                return;
            }
            if self.0.as_ref().is_none_or(|ringing| ringing.due > limit) {
                let sleep = Box::pin(sleep(Duration::from_millis(left.ceil() as u64)));
                self.0 = Some(Ringing { due: limit, sleep });
            }
            if let Some(ringing) = &mut self.0 {
                ringing.sleep.as_mut().await;
            }
            self.0 = None;
        }
    }
}
