//! Request bodies: read whole where something in them must be read or they may have to be sent again, and streamed on
//! where they are too long for that.

use std::time::Duration;

use bytes::Bytes;
use http::HeaderValue;
use http::header;
use http::request::Parts;

use super::{Gateway, headers};
use crate::error::{Error, Kind};
use crate::platform::{Collected, Fault, Payload, Platform};

/// A request body that sends nothing for this long is given up.
const BODY_IDLE: Duration = Duration::from_secs(30);

impl<P: Platform> Gateway<P> {
    /// The JSON body of a request.
    pub(super) async fn json_body(&self, head: &Parts, stream: &mut Option<P::Stream>) -> Result<Bytes, Error> {
        let kind = head.headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
        if !kind.is_none_or(headers::is_json) {
            let hint = "The request's content-type is not JSON; send `Content-Type: application/json`.";
            return Err(Error::new(Kind::UnsupportedMediaType, hint));
        }
        if headers::is_encoded(&head.headers) {
            let hint =
                "The request body is compressed, and the gateway has to read it; send it without Content-Encoding.";
            return Err(Error::new(Kind::UnsupportedMediaType, hint));
        }
        self.whole_body(head, stream).await
    }

    /// All of a body, up to the operator's limit.
    pub(super) async fn whole_body(&self, head: &Parts, stream: &mut Option<P::Stream>) -> Result<Bytes, Error> {
        let own = self.config.body_limit.unwrap_or(P::BODY_LIMIT);
        let limit = own.min(self.platform.largest_body());
        let too_large = || {
            Error::new(
                Kind::RequestTooLarge,
                format!("The request body is larger than {limit} bytes, the most this gateway takes (`BODY_LIMIT`)."),
            )
        };
        if headers::content_length(&head.headers).is_some_and(|length| length > limit as u64) {
            return Err(too_large());
        }
        let Some((collected, rest)) = self.collected(stream, limit).await? else {
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

    /// A body as far as it is wanted, if there is one, and the rest of it. Where there is no memory for it, it stays where it is.
    async fn collected(
        &self,
        stream: &mut Option<P::Stream>,
        limit: usize,
    ) -> Result<Option<(Collected, P::Stream)>, Error> {
        let Some(mut body) = stream.take() else {
            return Ok(None);
        };
        match self.platform.collect(&mut body, limit, BODY_IDLE).await {
            Ok(collected) => Ok(Some((collected, body))),
            Err(fault) => {
                if matches!(fault, Fault::Exhausted(_)) {
                    *stream = Some(body);
                }
                Err(unreadable(&fault))
            }
        }
    }

    /// A body that nothing is read in: whole if it is short enough to be sent again, else none, and the body as it comes,
    /// of which some is read already if `begun`.
    pub(super) async fn opaque_body(
        &self,
        head: &Parts,
        stream: &mut Option<P::Stream>,
        begun: bool,
    ) -> Result<(Bytes, Option<Payload<P::Stream>>), Error> {
        let length = headers::content_length(&head.headers);
        let most = self.platform.largest_body().min(P::REPLAY_LIMIT);
        let is_short = length.is_none_or(|length| length <= most as u64);
        let (read, rest) = if is_short || begun {
            match self.collected(stream, if is_short { most } else { 0 }).await? {
                None => return Ok((Bytes::new(), None)),
                Some((Collected::Whole(body), _)) => return Ok((body, None)),
                Some((Collected::Begun(read), rest)) => (read, Some(rest)),
            }
        } else {
            (Bytes::new(), stream.take())
        };
        let upload = rest.map(|stream| Payload::Stream { read, stream, length });
        Ok((Bytes::new(), upload))
    }
}

pub(super) fn unreadable(fault: &Fault) -> Error {
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
