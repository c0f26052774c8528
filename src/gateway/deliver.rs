//! An outcome as the client gets it.

use http::{HeaderValue, Response, StatusCode, header};

use super::failure::{no_socket, too_long, unreachable, unusable};
use super::outcome::Outcome;
use super::{Body, Gateway, Record, headers, scrub};
use crate::dialect::openai;
use crate::dialect::refusal::Refusal;
use crate::platform::Platform;
use crate::policy::outcome::{Meaning, Scope};
use crate::policy::plan::Target;

impl<P: Platform> Gateway<P> {
    /// `target`: who gave the outcome.
    pub(super) fn deliver(
        &self,
        outcome: Outcome<P::Stream>,
        target: Target,
        record: &mut Record,
    ) -> Response<Body<P::Stream>> {
        let route = &self.config.routes[target.route];
        let released = |upstream| {
            let mut headers = headers::released(upstream);
            scrub::echoes(route, target.key_of(route), &mut headers);
            headers
        };
        match outcome {
            Outcome::Stream(response) => {
                let (mut head, relay) = response.into_parts();
                head.headers = released(head.headers);
                headers::streaming(&mut head.headers);
                Response::from_parts(head, Body::Stream(Box::new(relay)))
            }
            Outcome::Whole(response, usage) => {
                let (mut head, body) = response.into_parts();
                head.headers = released(head.headers);
                record.usage = usage;
                Response::from_parts(head, body)
            }
            Outcome::Raw(response) => {
                let (mut head, raw) = response.into_parts();
                let length = head.headers.remove(header::CONTENT_LENGTH);
                head.headers = released(head.headers);
                if headers::is_event_stream(&head.headers) {
                    headers::streaming(&mut head.headers);
                }
                head.headers
                    .extend(length.map(|length| (header::CONTENT_LENGTH, length)));
                Response::from_parts(head, Body::Raw(Box::new(raw)))
            }
            Outcome::Socket(response) => {
                let (mut head, socket) = response.into_parts();
                head.headers = released(head.headers);
                headers::upgrade(&mut head.headers);
                Response::from_parts(head, Body::Socket(Box::new(socket)))
            }
            Outcome::TooLong => {
                let error = too_long();
                record.error = Some(error.kind.facts().code);
                super::refusal(&error)
            }
            Outcome::NoSocket => super::refusal(&no_socket()),
            Outcome::Refused(response, meaning) => self.refused(response, &meaning, record),
            Outcome::Unusable(status) => super::refusal(&unusable(status)),
            Outcome::Failed(_) => super::refusal(&unreachable()),
        }
    }

    /// The upstream's refusal: its own words without our secrets, or ours where it has none.
    pub(super) fn refused(
        &self,
        response: Response<Body<P::Stream>>,
        meaning: &Meaning,
        record: &mut Record,
    ) -> Response<Body<P::Stream>> {
        let (mut head, body) = response.into_parts();
        head.headers = headers::released(head.headers);
        scrub::headers(&self.config, &mut head.headers);
        if head.status.is_success() {
            // An error that came as a good answer. Its own code says what it is; the client must not take it for one.
            let code = Refusal::read(body.begun()).and_then(|refusal| refusal.status);
            head.status = code
                .and_then(|code| StatusCode::from_u16(code).ok())
                .unwrap_or(StatusCode::BAD_GATEWAY);
        }
        // A runtime may have taken the compression off. What still has it cannot be cleaned of secrets.
        let encoded = headers::is_encoded(&head.headers);
        head.headers.remove(header::CONTENT_ENCODING);
        let illegible = encoded && !openai::is_json(body.begun());
        let body = if illegible || openai::is_no_answer(headers::content_type(&head.headers), body.begun()) {
            let mut error = unusable(head.status);
            error.status = Some(head.status);
            record.error = Some(error.kind.facts().code);
            head.headers
                .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
            Body::Full(openai::refusal(&error).into())
        } else {
            match body {
                Body::Full(body) => Body::Full(scrub::body(&self.config, body)),
                // It is cleaned on its way.
                body => body,
            }
        };
        // A client's own mistake comes as it came. Behind everything else stands this gateway, which has tried again already.
        if !meaning.waiting_helps && meaning.scope != Scope::Request {
            head.headers
                .insert(headers::SHOULD_RETRY, HeaderValue::from_static("false"));
        }
        Response::from_parts(head, body)
    }
}
