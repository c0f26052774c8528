//! Open loop: requests are due at fixed moments, spread over the connections. A connection whose answer is late sends what
//! became due meanwhile at once, and counts the waiting as latency.

use std::io;
use std::num::NonZeroU64;
use std::rc::Rc;
use std::thread;
use std::time::{Duration, Instant};

use rustix::thread::set_current_timer_slack;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;

use super::Shared;
use super::reading::exchange;
use crate::wire::Connection;

pub(super) fn start(shared: &Rc<Shared>, connections: usize, rate: u32, workers: &mut JoinSet<()>) -> io::Result<()> {
    let mut senders = Vec::new();
    for _ in 0..connections {
        let (sender, due) = unbounded_channel();
        senders.push(sender);
        workers.spawn_local(ask(Rc::clone(shared), due));
    }
    let step = Duration::from_secs(1) / rate;
    thread::Builder::new().spawn(move || beat(&senders, step)).map(drop)
}

/// Tells the connections in turn when a request is due; ends when they do. A thread, since tokio's timers are up to a
/// millisecond late, which is more than what is measured.
fn beat(connections: &[UnboundedSender<Instant>], step: Duration) {
    let _ = set_current_timer_slack(NonZeroU64::new(1));
    let mut due = Instant::now() + Duration::from_millis(50);
    for connection in connections.iter().cycle() {
        thread::sleep(due.saturating_duration_since(Instant::now()));
        if connection.send(due).is_err() {
            return;
        }
        due += step;
    }
}

async fn ask(shared: Rc<Shared>, mut moments: UnboundedReceiver<Instant>) {
    let mut connection = None;
    while let Some(due) = moments.recv().await {
        if shared.over.get() {
            return;
        }
        let asked = async {
            let connection = match &mut connection {
                Some(connection) => connection,
                empty => empty.insert(Connection::open(shared.target.address).await?),
            };
            exchange(&shared, connection, due).await
        };
        if let Err(failure) = asked.await {
            shared.fail(&failure.to_string());
            connection = None;
        }
    }
}
