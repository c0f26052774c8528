//! WebSockets: passed on unread, or, where they are about responses, answered by the gateway itself.

use http::{HeaderValue, Response, StatusCode, header};

use crate::config::{Config, Route};
use crate::dialect::formats::RESPONSES;
use crate::dialect::neutral::answer::Answer;
use crate::dialect::neutral::event::{Context, Usage};
use crate::dialect::wire::build::json_text;
use crate::error::{Error, Kind};
use crate::gateway::admit::{admit, hold};
use crate::gateway::call::body::Incoming;
use crate::gateway::call::query::value;
use crate::gateway::call::{Affinity, ClientRequest, Content};
use crate::gateway::fields;
use crate::gateway::record::Record;
use crate::gateway::reply::{self, Body, Bridge};
use crate::gateway::upstream::Upstreams;
use crate::platform::{Millis, Platform};

/// The name of a WebSocket in the log, and of what an upstream is known not to have.
const WEBSOCKET: &str = "websocket";

/// Opens a WebSocket. What is said over it, nobody here reads, unless it is about responses: those the gateway can answer itself.
pub(crate) async fn serve<P: Platform>(
    upstreams: &Upstreams<'_, P>,
    mut request: ClientRequest<'_>,
    path: &str,
    incoming: &Incoming<'_, P>,
    record: &mut Record,
) -> Result<Response<Body<P::Stream>>, Error> {
    record.endpoint = WEBSOCKET;
    let (route, health) = (&upstreams.config.routes[request.route], &upstreams.state.health);
    let is_limited = request.caller.account.limits_models(route);
    let is_bridged = path == "responses";
    if is_bridged
        && (is_limited
            || upstreams.config.limits(request.caller.account)
            || must_read_messages(upstreams.config, route)
            || health.lacks_endpoint(route, WEBSOCKET, upstreams.platform.moment()))
    {
        return Ok(bridged(incoming));
    }
    if path != "realtime" && is_limited {
        let message = "Over this WebSocket the model is named in messages that the gateway does not read, and this token may not use all models; use plain HTTP requests.";
        return Err(Error::new(Kind::WebSocketUnsupported, message));
    }
    let query = request.query.unwrap_or_default();
    request.affinity = match (path, value(query, "call_id")) {
        ("realtime", None) => Affinity::None,
        ("responses", _) => Affinity::Preferred,
        _ => Affinity::Pinned,
    };
    let model = value(query, "model");
    request.content = Content::WebSocket { model };
    let admitted = admit(upstreams.config, &request)?;
    hold(upstreams.counted_with(), &request, record).await?;
    match upstreams.forward(admitted, None, record).await {
        Err(error) if is_bridged && error.kind == Kind::WebSocketUnsupported => {
            health.without_endpoint(route, WEBSOCKET, upstreams.platform.moment());
            Ok(bridged(incoming))
        }
        answer => answer,
    }
}

/// Whether the messages about responses have to be read: the model in them matters, or the upstream does not speak this dialect.
fn must_read_messages(config: &Config, route: &Route) -> bool {
    let mut fallbacks = route.fallbacks.iter().map(|index| &config.routes[*index]);
    route.speaks(RESPONSES) == Some(false) || route.chooses_models() || fallbacks.any(Route::chooses_models)
}

/// Accepts a WebSocket whose messages are answered as requests to the same path.
fn bridged<P: Platform>(incoming: &Incoming<'_, P>) -> Response<Body<P::Stream>> {
    let (head, limit) = (incoming.head, incoming.limit);
    // A browser wants one of those that it offers, and the token is not one to repeat.
    let protocol = fields::protocols(&head.headers).find(|protocol| !protocol.starts_with("openai-"));
    let bridge = Bridge::new(head.uri.clone(), &head.headers, limit, P::REPLAY_LIMIT);
    let mut response = Response::new(Body::Bridge(Box::new(bridge)));
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    fields::upgrade(headers);
    if let Some(protocol) = protocol.and_then(|protocol| HeaderValue::try_from(protocol).ok()) {
        headers.insert(header::SEC_WEBSOCKET_PROTOCOL, protocol);
    }
    response
}

/// Returns the answer to a request for which nobody is to be asked: a response without output, from which the next one goes on.
pub(crate) fn warmed_up<S>(request: &ClientRequest<'_>, model: Option<&str>, now: Millis) -> Response<Body<S>> {
    let context = Context {
        model: request.named_model().or(model).unwrap_or_default().to_owned(),
        id: request.request_id.clone(),
        created: now.0 / 1000,
        echo: (RESPONSES.echo)(&request.body),
        ..Context::default()
    };
    let answer = Answer {
        usage: Some(Usage::default()),
        ..Answer::default()
    };
    reply::json(StatusCode::OK, json_text(&(RESPONSES.write_answer)(&answer, &context)))
}
