//! Streams that are opened and kept: each has had its first event, and none says more.

use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio::time::sleep;

use super::Shared;
use super::reading::exchange;
use crate::wire::Connection;

/// So many are opened at once; all together would overflow the listeners' queues.
const AT_ONCE: usize = 50;

/// Opens them. They live as long as the workers.
pub(super) async fn open(shared: &Rc<Shared>, streams: usize, workers: &mut JoinSet<()>) {
    for first in (0..streams).step_by(AT_ONCE) {
        let mut opening = JoinSet::new();
        for _ in first..streams.min(first + AT_ONCE) {
            opening.spawn_local(open_one(Rc::clone(shared)));
        }
        for connection in opening.join_all().await.into_iter().flatten() {
            workers.spawn_local(keep(connection));
        }
        if shared.over.get() {
            return;
        }
    }
    shared.tally.borrow_mut().answers = workers.len() as u64;
}

async fn open_one(shared: Rc<Shared>) -> Option<Connection> {
    let opened = async {
        let mut connection = Connection::open(shared.target.address).await?;
        exchange(&shared, &mut connection, Instant::now()).await?;
        std::io::Result::Ok(connection)
    };
    opened
        .await
        .inspect_err(|failure| shared.fail(&failure.to_string()))
        .ok()
}

async fn keep(connection: Connection) {
    sleep(Duration::from_secs(600)).await;
    drop(connection);
}
