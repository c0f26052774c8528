//! Closed loop: each connection asks again as soon as it was answered.

use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio::time::sleep;

use super::Shared;
use super::reading::exchange;
use crate::traffic::{EVENTS, Kind};
use crate::wire::Connection;

pub(super) fn start(shared: &Rc<Shared>, connections: usize, warmup: Duration, workers: &mut JoinSet<()>) {
    // Paced streams begin at different moments, as users do; the first is not over before the last has begun.
    let stagger = match shared.target.kind {
        Kind::Paced(pause) => (Duration::from_millis(pause) * EVENTS as u32).min(warmup),
        Kind::Chat | Kind::Burst(_) | Kind::Held | Kind::Sink => Duration::ZERO,
    };
    for number in 0..connections {
        let delay = stagger.mul_f64(number as f64 / connections as f64);
        workers.spawn_local(ask(Rc::clone(shared), delay));
    }
}

async fn ask(shared: Rc<Shared>, delay: Duration) {
    sleep(delay).await;
    while !shared.over.get() {
        let failure = match Connection::open(shared.target.address).await {
            Ok(mut connection) => loop {
                if shared.over.get() {
                    return;
                }
                if let Err(failure) = exchange(&shared, &mut connection, Instant::now()).await {
                    break failure;
                }
            },
            Err(failure) => failure,
        };
        shared.fail(&failure.to_string());
        sleep(Duration::from_millis(10)).await;
    }
}
