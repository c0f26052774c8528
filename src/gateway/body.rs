//! Request bodies: read whole where something in them must be read or they may have to be sent again, and streamed on
//! where they are too long for that.

use std::pin::pin;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::future::{Either, select};
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
        let limit = self.config.body_limit;
        let too_large = || {
            Error::new(
                Kind::RequestTooLarge,
                format!("The request body is larger than {limit} bytes, the most this gateway takes."),
            )
        };
        if headers::content_length(&head.headers).is_some_and(|length| length > limit as u64) {
            return Err(too_large());
        }
        let Some(mut stream) = stream.take() else {
            return Ok(Bytes::new());
        };
        match self.platform.collect(&mut stream, limit, BODY_IDLE).await {
            Ok(Collected::Whole(body)) => Ok(body),
            Ok(Collected::Begun(body)) => {
                drop(body);
                self.platform.discard(stream, BODY_IDLE).await;
                Err(too_large())
            }
            Err(fault) => Err(unreadable(&fault)),
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
        let Some(mut stream) = stream.take() else {
            return Ok((Bytes::new(), None));
        };
        let mut read = BytesMut::new();
        let is_short = length.is_none_or(|length| length <= P::REPLAY_LIMIT);
        let most = if is_short { P::REPLAY_LIMIT } else { 0 };
        if is_short || begun {
            while (read.len() as u64) <= most {
                let next = pin!(self.platform.read(&mut stream));
                match select(next, pin!(self.platform.sleep(BODY_IDLE))).await {
                    Either::Left((Ok(Some(bytes)), _)) => read.extend_from_slice(&bytes),
                    Either::Left((Ok(None), _)) => return Ok((read.freeze(), None)),
                    Either::Left((Err(fault), _)) => return Err(unreadable(&fault)),
                    Either::Right(((), _)) => return Err(unreadable(&Fault::Timeout)),
                }
            }
        }
        let rest = Payload::Stream {
            read: read.freeze(),
            stream,
            length,
        };
        Ok((Bytes::new(), Some(rest)))
    }
}

pub(super) fn unreadable(fault: &Fault) -> Error {
    match fault {
        Fault::Timeout | Fault::Client => Error::new(
            Kind::RequestTimeout,
            "The request body stopped arriving; send it again.",
        ),
        Fault::Connect(_) | Fault::Reset(_) => Error::new(
            Kind::MalformedRequest,
            "The request body ended early or is not well-formed; send it again.",
        ),
    }
}
