//! The Workers runtime, as the core sees it.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use js_sys::Date;
use web_sys::AbortSignal;

use super::stream::Stream;
use super::{alarm, fetch};
use crate::platform::{Collected, Fault, Limits, Millis, Moment, Payload, Platform};

/// The Workers runtime during one request.
#[derive(Clone)]
pub(super) struct Edge {
    /// Aborted when the client has left.
    pub(super) client: AbortSignal,
}

impl Platform for Edge {
    // WebAssembly's memory never shrinks, and an isolate has 128 MB for all of its requests.
    const BODY_LIMIT: usize = 16 * 1024 * 1024;
    const REPLAY_LIMIT: usize = 4 * 1024 * 1024;
    const ANSWER_LIMIT: usize = 16 * 1024 * 1024;

    // The runtime decodes exactly these. `GZIP`, `x-gzip` and lists of codings pass as they came.
    const UNPACKED: &'static [&'static str] = &["gzip", "br"];

    type Stream = Stream;

    fn now(&self) -> Millis {
        Millis(Date::now() as u64)
    }

    /// Returns the time of the only clock that Workers have. The platform promises that it goes forward.
    fn moment(&self) -> Moment {
        Moment(Date::now() as u64)
    }

    fn random(&self) -> u128 {
        let mut bits = [0; 16];
        // Without random bits ids repeat, which is not a reason to refuse a request.
        let _ = getrandom::fill(&mut bits);
        u128::from_ne_bytes(bits)
    }

    async fn sleep(&self, duration: Duration) {
        alarm::sleep(duration).await;
    }

    async fn fetch(&self, request: Request<Payload<Stream>>, limits: Limits) -> Result<Response<Stream>, Fault> {
        // The runtime chooses the connection and does not say whether it served other requests before. After a failure, one that
        // breaks without an answer most likely is the connection of that failure. So the request is sent once more.
        let again = limits.fresh.then(|| fetch::again(&request)).flatten();
        match (fetch::send(request, &self.client, limits.silence).await, again) {
            (Err(Fault::Reset(_)), Some(again)) => fetch::send(again, &self.client, limits.silence).await,
            (answer, _) => answer,
        }
    }

    async fn read(&self, stream: &mut Stream) -> Result<Option<Bytes>, Fault> {
        stream.read().await
    }

    async fn collect(&self, stream: &mut Stream, limit: usize, idle: Duration) -> Result<Collected, Fault> {
        stream.collect(limit, idle).await
    }

    async fn discard(&self, stream: Stream, idle: Duration) {
        stream.discard(idle).await;
    }
}
