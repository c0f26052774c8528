//! The native shell: sockets, clock, process and log, around the same core as the Worker.

mod cli;
mod client;
mod log;
mod outgoing;
mod reload;
mod sent;
mod serve;
mod socket;
mod unparsed;

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{Request, Response};
use hyper::body::{Body as _, Incoming};

pub use self::cli::run;
use self::client::Client;
use crate::platform::{Fault, Limits, Millis, Payload, Platform};

/// How much of a refused body is read past, and for how long: enough for a client that has not heard yet, too little to
/// keep the gateway busy.
const DISCARD_LIMIT: usize = 128 * 1024 * 1024;
const DISCARD_TIME: Duration = Duration::from_secs(10);

/// The most that is set aside for a body because of what its sender says about its length.
const PREPARED: usize = 4 * 1024 * 1024;

/// tokio and hyper, as the core sees them.
#[derive(Clone)]
struct Native {
    client: Client,
}

impl Platform for Native {
    const REPLAY_LIMIT: u64 = 8 * 1024 * 1024;

    type Stream = Incoming;

    fn now(&self) -> Millis {
        log::now()
    }

    fn random(&self) -> u128 {
        fastrand::u128(..)
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }

    async fn fetch(&self, request: Request<Payload<Incoming>>, limits: Limits) -> Result<Response<Incoming>, Fault> {
        self.client.send(request, limits).await
    }

    async fn read(&self, stream: &mut Incoming) -> Result<Option<Bytes>, Fault> {
        let next = outgoing::next(stream).await.transpose();
        next.map_err(|error| Fault::Reset(client::cause(&error)))
    }

    async fn collect(&self, mut stream: Incoming, limit: usize, idle: Duration) -> Result<Bytes, Fault> {
        let announced = usize::try_from(stream.size_hint().lower()).unwrap_or(limit);
        let mut body = BytesMut::with_capacity(announced.min(limit).min(PREPARED));
        while let Some(data) = tokio::time::timeout(idle, self.read(&mut stream))
            .await
            .map_err(|_| Fault::Timeout)??
        {
            if body.len() + data.len() > limit {
                drop(body);
                discard(stream).await;
                return Err(Fault::TooLarge);
            }
            if body.is_empty() && stream.is_end_stream() {
                return Ok(data);
            }
            body.extend_from_slice(&data);
        }
        Ok(body.freeze())
    }
}

/// Reads past what a client is still sending, so that it gets to read the answer.
async fn discard(mut stream: Incoming) {
    let mut left = DISCARD_LIMIT;
    let discarding = async {
        while let Some(Ok(data)) = outgoing::next(&mut stream).await {
            match left.checked_sub(data.len()) {
                Some(rest) => left = rest,
                None => break,
            }
        }
    };
    let _ = tokio::time::timeout(DISCARD_TIME, discarding).await;
}
