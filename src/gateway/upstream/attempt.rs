//! One attempt: the request as one upstream gets it is prepared and sent, and the answer is read as far as it takes to judge it.

use bytes::Bytes;
use http::{HeaderValue, Request, Response, header};

use super::address::address;
use super::asked::Asked;
use super::outcome::Outcome;
use super::{echo, headers, read};
use crate::config::{Addresses, Upstream};
use crate::dialect::upstream_error::STREAM_OPTIONS;
use crate::dialect::wire::cut;
use crate::dialect::wire::pieces::{Pieces, whole};
use crate::gateway::call::endpoint::Wish;
use crate::gateway::fields;
use crate::gateway::record::Record;
use crate::platform::{Fault, Limits, Payload, Platform};
use crate::policy::price::Pricing;

/// Asks one upstream with one key. Takes the `upload`, which is the request's body where that is not kept.
pub(super) async fn attempt<P: Platform>(
    asked: &Asked<'_, P>,
    upload: &mut Option<Payload<P::Stream>>,
    record: &mut Record,
) -> Outcome<P::Stream> {
    record.provider = Some(asked.route.provider.clone());
    record.translated = asked.translated.map(|translated| translated.from().name);
    if let Some(model) = asked.model {
        record.set_model(model);
        record.pricing = Pricing::of(asked.config, asked.route, model);
    }
    let addresses = match &asked.route.upstream {
        Upstream::Http(addresses) => addresses,
        Upstream::Echo => return echoed(asked),
    };
    let Some(Prepared { request, again, limits }) = prepare(asked, addresses, upload) else {
        return Outcome::Failed(Fault::Connect("the upstream's address cannot be built".into()));
    };
    let mut response = match asked.platform.fetch(request, limits).await {
        Ok(response) => response,
        Err(fault) => return Outcome::Failed(fault),
    };
    if let Some(again) = again.filter(|_| is_unreadable_error(&response)) {
        // What is wrong has to be understood, and cleaned of secrets. Asking twice for something to read changes nothing.
        drop(response);
        response = match send_again(asked, *again, limits).await {
            Ok(response) => response,
            Err(fault) => return Outcome::Failed(fault),
        };
    }
    read::read(asked, response).await
}

/// Returns the answer of the gateway's own provider.
fn echoed<P: Platform>(asked: &Asked<'_, P>) -> Outcome<P::Stream> {
    if asked.request.is_websocket() {
        return Outcome::NoWebSocket;
    }
    match asked.translated {
        Some(translated) => echo::translated(translated),
        None => echo::answer(asked.request, asked.model, asked.platform.now()),
    }
}

/// A request that is ready to be sent.
struct Prepared<S> {
    request: Request<Payload<S>>,
    /// A copy, where the answer may be an error that cannot be read: it is asked for again then.
    again: Option<Box<(Request<()>, Pieces)>>,
    limits: Limits,
}

/// Makes the request that the upstream gets, or nothing where its address cannot be built.
fn prepare<P: Platform>(
    asked: &Asked<'_, P>,
    addresses: &Addresses,
    upload: &mut Option<Payload<P::Stream>>,
) -> Option<Prepared<P::Stream>> {
    let Asked { request, route, .. } = asked;
    let url = address(request, addresses, asked.translated, asked.model)?;
    let mut body = body(asked);
    if asked.without_state {
        body = asked.forgotten(&body.concat().into()).map_or(body, whole);
    }
    if asked.without_options {
        body = cut::without(&body.concat().into(), STREAM_OPTIONS).map_or(body, whole);
    }
    let is_bare = body.iter().all(Bytes::is_empty) && upload.is_none();
    let mut outgoing = Request::new(());
    *outgoing.uri_mut() = url;
    *outgoing.method_mut() = request.method.clone();
    *outgoing.headers_mut() = match asked.translated {
        Some(_) => headers::translated(request),
        None => headers::forwarded(request),
    };
    let fields = outgoing.headers_mut();
    if is_bare {
        fields.remove(header::CONTENT_TYPE);
    } else if request.endpoint.is_known() {
        fields
            .entry(header::CONTENT_TYPE)
            .or_insert(HeaderValue::from_static("application/json"));
    }
    headers::seal(fields, asked);
    let limits = Limits {
        connect: route.connect_timeout,
        idle: route.idle_timeout,
        silence: route.timeout,
        streams: request.streams(),
        fresh: asked.is_fresh,
    };
    let is_unread = request.endpoint.is_unread();
    let again = is_unread.then(|| Box::new((outgoing.clone(), body.clone())));
    let request = outgoing.map(|()| upload.take().unwrap_or(Payload::Full(body)));
    Some(Prepared { request, again, limits })
}

/// Returns the body that the upstream gets, if that is here.
fn body<P>(asked: &Asked<'_, P>) -> Pieces {
    let Asked { request, route, .. } = asked;
    if let Some(translated) = asked.translated {
        return whole(translated.body.clone());
    }
    let body = request.body_for(asked.model);
    if request.endpoint.wish != Wish::Answer || (route.dialect.clean)(&request.body).is_none() {
        return body;
    }
    let body = body.concat().into();
    whole((route.dialect.clean)(&body).unwrap_or(body))
}

/// Sends a request once more, for an answer that can be read.
async fn send_again<P: Platform>(
    asked: &Asked<'_, P>,
    (mut request, body): (Request<()>, Pieces),
    limits: Limits,
) -> Result<Response<P::Stream>, Fault> {
    request.headers_mut().insert(header::ACCEPT_ENCODING, fields::IDENTITY);
    let request = request.map(|()| Payload::Full(body));
    asked.platform.fetch(request, limits).await
}

fn is_unreadable_error<S>(response: &Response<S>) -> bool {
    let status = response.status();
    (status.is_client_error() || status.is_server_error()) && fields::is_encoded(response.headers())
}
