//! The side of the clients: listening, connections in, the core's answers out, and leaving in good order.
//!
//! One task serves a connection of HTTP/1.1 from its first request to its last ([`connection`]); over HTTP/2 each answer has a
//! task of its own ([`http2`]). Both ask [`serving`] for answers, and write what [`outgoing`] gives them.
//!
//! The process stops in three steps: no new connections, no second request on old ones, and an end when every answer is out or
//! the time for it is over.

mod address;
mod bridge;
mod connection;
mod forwarded;
mod http1;
mod http2;
mod outgoing;
mod passing;
mod refusals;
mod relaying;
mod rewind;
mod serving;
#[cfg(test)]
mod stress;
mod websocket;

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

pub(super) use self::address::{bare, bracketed, no_address};
use self::serving::Serving;
use super::client::Client;
use super::memory::Memory;
use super::process::{Level, Unaccepted, flush_log, keep_reading, raise_limit, tell, variables};
use super::runtime::{Native, start_runtime};
use crate::config::{Config, Server};
use crate::platform::Platform;

/// The time that requests which are cut off may take to be gone, and the last lines of the log to be read.
const CUT_OFF: Duration = Duration::from_millis(500);

/// Serves until the process is to stop. `reloads`: whether the routes may be read again meanwhile.
///
/// # Errors
/// If serving cannot begin; the text is for the operator.
pub(super) fn run(config: Config, server: &Server, reloads: bool) -> Result<(), String> {
    let (client, note) = Client::of_environment(&variables())?;
    if let Some(note) = note {
        tell(Level::Info, &note);
    }
    if let Some(warning) = raise_limit(server.max_concurrent) {
        tell(Level::Warn, &warning);
    }
    let memory = Memory::of_this_process(server.body_memory);
    if let Some(warning) = memory.warning(config.body_limit.unwrap_or(Native::BODY_LIMIT)) {
        tell(Level::Warn, &warning);
    }
    let (table, config) = watch::channel(Arc::new(config));
    let serving = Serving::new(config, Native::new(client.clone(), memory), server);
    let runtime = start_runtime()?;
    let served = runtime.block_on(async {
        if reloads {
            tokio::spawn(keep_reading(table));
        }
        tokio::spawn(client.keep_clean());
        serve(serving, server).await
    });
    // Requests that are cut off leave their lines as well.
    runtime.shutdown_timeout(CUT_OFF);
    flush_log(CUT_OFF);
    served
}

/// The signals that end the process. A second one ends it at once.
struct Stop {
    terminate: Signal,
    interrupt: Signal,
}

impl Stop {
    /// The signals from now on.
    fn new() -> Result<Self, String> {
        let on = |kind| signal(kind).map_err(|error| format!("signals cannot be handled: {error}"));
        Ok(Self {
            terminate: on(SignalKind::terminate())?,
            interrupt: on(SignalKind::interrupt())?,
        })
    }

    /// Waits until somebody asks the process to stop.
    async fn asked(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Listens where `server` says, until the process is to stop and its answers are out.
async fn serve(serving: Serving, server: &Server) -> Result<(), String> {
    let listener = TcpListener::bind((bare(&server.host), server.port))
        .await
        .map_err(|error| no_address(&server.host, server.port, &error))?;
    let bound = listener.local_addr().map_err(|error| error.to_string())?;
    let mut stop = Stop::new()?;
    tell(
        Level::Info,
        &format!("ai-gateway {} listens on http://{bound}", env!("CARGO_PKG_VERSION")),
    );
    tokio::select! {
        () = stop.asked() => {}
        () = accept(&listener, &serving) => {}
    }
    serving.stop();
    drop(listener);
    finish(&serving, server.drain_timeout, stop).await;
    Ok(())
}

/// Accepts connections and has each one served by a task of its own. Never returns.
async fn accept(listener: &TcpListener, serving: &Serving) {
    let mut unaccepted = Unaccepted::default();
    loop {
        match listener.accept().await {
            Ok((stream, address)) => {
                // Without it small chunks wait for the peer's delayed ACK.
                let _ = stream.set_nodelay(true);
                tokio::spawn(connection::serve(stream, serving.of_peer(address.ip())));
            }
            Err(error) => {
                if let Some(pause) = unaccepted.note(&error) {
                    tokio::time::sleep(pause).await;
                }
            }
        }
    }
}

/// Waits for the answers that are under way: until they are out, for `limit` at most, or until somebody asks again to stop.
async fn finish(serving: &Serving, limit: Duration, mut stop: Stop) {
    let seconds = limit.as_secs();
    tell(
        Level::Info,
        &format!("stopping: open requests may finish for {seconds} s; a second signal stops at once"),
    );
    tokio::select! {
        () = serving.stopped() => {}
        () = tokio::time::sleep(limit) => tell(Level::Warn, "stopped before every request had finished"),
        () = stop.asked() => {}
    }
}
