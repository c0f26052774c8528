//! Request bodies: read whole where something in them must be read or they may have to be sent again, and streamed on
//! where they are too long for that.

use std::time::Duration;

use bytes::Bytes;
use http::header;
use http::request::Parts;
use http::{HeaderMap, HeaderValue};

use crate::error::{Error, Kind};
use crate::gateway::fields;
use crate::platform::{Collected, Fault, Payload, Platform};

/// A request body that sends nothing for this long is given up.
const BODY_IDLE: Duration = Duration::from_secs(30);

/// The body of a request that is still to be read.
pub(crate) struct Incoming<'a, P: Platform> {
    pub(crate) platform: &'a P,
    pub(crate) head: &'a Parts,
    /// Empty once somebody has taken it.
    pub(crate) stream: &'a mut Option<P::Stream>,
    /// The largest body that is read, in bytes.
    pub(crate) limit: usize,
}

impl<P: Platform> Incoming<'_, P> {
    /// Returns the headers of the request.
    pub(crate) const fn headers(&self) -> &HeaderMap {
        &self.head.headers
    }

    /// Reads a body that has to be JSON, whole.
    ///
    /// # Errors
    /// 415 where its type or encoding says otherwise, and those of [`whole`](Self::whole).
    pub(crate) async fn json(&mut self) -> Result<Bytes, Error> {
        let kind = self.headers().get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
        if !kind.is_none_or(fields::is_json) {
            let hint = "The request's content-type is not JSON; send `Content-Type: application/json`.";
            return Err(Error::new(Kind::UnsupportedMediaType, hint));
        }
        if fields::is_encoded(self.headers()) {
            let hint =
                "The request body is compressed, and the gateway has to read it; send it without Content-Encoding.";
            return Err(Error::new(Kind::UnsupportedMediaType, hint));
        }
        self.whole().await
    }

    /// Reads all of a body, up to the limit.
    ///
    /// # Errors
    /// 413 beyond the limit, 400, 408 or 503 where it does not come.
    pub(crate) async fn whole(&mut self) -> Result<Bytes, Error> {
        let limit = self.limit.min(self.platform.largest_body());
        let too_large = || {
            Error::new(
                Kind::RequestTooLarge,
                format!("The request body is larger than {limit} bytes, the most this gateway takes (`BODY_LIMIT`)."),
            )
        };
        if fields::content_length(self.headers()).is_some_and(|length| length > limit as u64) {
            return Err(too_large());
        }
        let Some((collected, rest)) = self.collected(limit).await? else {
            return Ok(Bytes::new());
        };
        match collected {
            Collected::Whole(body) => Ok(body),
            Collected::Begun(body) => {
                drop(body);
                self.platform.discard(rest, BODY_IDLE).await;
                Err(too_large())
            }
        }
    }

    /// Reads a body that nothing is looked for in. Returns all of it if it is short enough to be sent again; else an empty body,
    /// and the upload as it comes, with its beginning read already if `begun`.
    ///
    /// # Errors
    /// 400, 408 or 503 where it does not come.
    pub(crate) async fn opaque(&mut self, begun: bool) -> Result<(Bytes, Option<Payload<P::Stream>>), Error> {
        let length = fields::content_length(self.headers());
        let most = self.platform.largest_body().min(P::REPLAY_LIMIT);
        let is_short = length.is_none_or(|length| length <= most as u64);
        let (read, rest) = if is_short || begun {
            match self.collected(if is_short { most } else { 0 }).await? {
                None => return Ok((Bytes::new(), None)),
                Some((Collected::Whole(body), _)) => return Ok((body, None)),
                Some((Collected::Begun(read), rest)) => (read, Some(rest)),
            }
        } else {
            (Bytes::new(), self.stream.take())
        };
        let upload = rest.map(|stream| Payload::Stream { read, stream, length });
        Ok((Bytes::new(), upload))
    }

    /// Reads a body up to `limit`, if there is one. Returns what came and the rest. Where memory is missing for it, it
    /// stays where it is.
    async fn collected(&mut self, limit: usize) -> Result<Option<(Collected, P::Stream)>, Error> {
        let Some(mut body) = self.stream.take() else {
            return Ok(None);
        };
        match self.platform.collect(&mut body, limit, BODY_IDLE).await {
            Ok(collected) => Ok(Some((collected, body))),
            Err(fault) => {
                if matches!(fault, Fault::Exhausted(_)) {
                    *self.stream = Some(body);
                }
                Err(unreadable(&fault))
            }
        }
    }
}

/// Returns what a client is answered whose body did not come.
pub(crate) fn unreadable(fault: &Fault) -> Error {
    match fault {
        Fault::Timeout | Fault::Client => Error::new(
            Kind::RequestTimeout,
            "The request body stopped arriving; send it again.",
        ),
        Fault::Exhausted(_) => Error::new(
            Kind::Overloaded,
            "There is no memory for the request's body at the moment; send it again in a second.",
        ),
        Fault::Connect(_) | Fault::Reset(_) | Fault::Malformed(_) => Error::new(
            Kind::MalformedRequest,
            "The request body ended early or is not well-formed; send it again.",
        ),
    }
}
