//! Everything under `/v1/` and `/v1beta/` that the gateway does not know by name: passed on as it is, except for the model in it.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, header};

use super::websocket;
use crate::config::{Config, Route};
use crate::dialect::api::stored::{self, Tie};
use crate::dialect::api::surface::{self, Class};
use crate::dialect::formats::GEMINI;
use crate::dialect::formats::RESPONSES;
use crate::dialect::responses::compaction;
use crate::dialect::wire::form::{Form, is_form};
use crate::dialect::wire::members::Malformed;
use crate::error::{Error, Kind};
use crate::gateway::admit::{admit, hold};
use crate::gateway::call::body::Incoming;
use crate::gateway::call::endpoint::{BodyRule, Wish};
use crate::gateway::call::{Affinity, ClientRequest, Content};
use crate::gateway::fields;
use crate::gateway::record::Record;
use crate::gateway::reply::{Body, WarmUp};
use crate::gateway::sealing::{SEALED, Sealing, is_sealed};
use crate::gateway::upstream::Upstreams;
use crate::platform::{Payload, Platform};

/// A JSON body of Google's API. What is to be done is in the path, and goes upstream as it stands there, so nothing in the body changes
/// either.
const UNTOUCHED: Content = Content::InPath {
    model: String::new(),
    stream: false,
    is_array: false,
};

/// Passes a request on; `path` is what stands behind `/v1/` or `/v1beta/`.
pub(crate) async fn serve<P: Platform>(
    upstreams: &Upstreams<'_, P>,
    mut request: ClientRequest<'_>,
    path: &str,
    mut incoming: Incoming<'_, P>,
    record: &mut Record,
) -> Result<Response<Body<P::Stream>>, Error> {
    let route = &upstreams.config.routes[request.route];
    let class = request.endpoint.class;
    if class == Class::Organization && !route.organization {
        let message = "This part of the API administers the upstream's account; this token may not use it.";
        return Err(Error::new(Kind::Forbidden, message));
    }
    if is_googles(&request) {
        if route.dialect != GEMINI {
            let message = "This token's upstream does not speak Gemini's API, and has nothing at this path; of a model, it has :generateContent, :streamGenerateContent and :countTokens.";
            return Err(Error::new(Kind::NotFound, message));
        }
        // A fallback may speak another dialect, and has the model of the path under another name.
        request.alone = Some(usize::MAX);
    }
    if fields::asks_for_websocket(incoming.head) {
        return websocket::serve(upstreams, request, path, &incoming, record).await;
    }
    let upload = read(&mut request, path, route, &mut incoming).await?;
    if upload.is_none() && request.endpoint.dialect == RESPONSES && request.endpoint.wish != Wish::Other {
        open(&mut request, upstreams.config)?;
    }
    request.affinity = affinity(class, path, &request, route);
    record.stream = request.streams();
    let admitted = admit(upstreams.config, &request)?;
    hold(upstreams.counted_with(), &request, record).await?;
    if incoming.head.extensions.get::<WarmUp>().is_some() {
        let model = request.model(route, request.route);
        model.into_iter().for_each(|model| record.set_model(model));
        return Ok(websocket::warmed_up(&request, model, upstreams.platform.now()));
    }
    upstreams.forward(admitted, upload, record).await
}

/// Whether a request is for what only Google's upstreams have.
fn is_googles(request: &ClientRequest<'_>) -> bool {
    request.endpoint.dialect == GEMINI
}

/// Reads the body of a request as far as its model, and what the token may use, call for. Returns it as it comes where it is
/// not kept.
async fn read<P: Platform>(
    request: &mut ClientRequest<'_>,
    path: &str,
    route: &Route,
    incoming: &mut Incoming<'_, P>,
) -> Result<Option<Payload<P::Stream>>, Error> {
    let BodyRule::ByType { form_names_model, .. } = request.endpoint.body else {
        return Ok(None);
    };
    let is_limited = request.caller.account.limits_models(route);
    let must_read = form_names_model && (is_limited || route.chooses_models());
    // It may have to be said in another dialect.
    let is_said = request.endpoint.wish != Wish::Other;
    match Kinds::of(request.headers, must_read || is_said) {
        Kinds::Json => {
            request.body = incoming.whole().await?;
            read_json(request, path, is_limited, is_said)?;
            Ok(None)
        }
        Kinds::Form(kind) if must_read => {
            request.body = incoming.whole().await?;
            request.content = Content::Form(form(kind, &request.body)?);
            Ok(None)
        }
        Kinds::Other if must_read || is_limited && hides_json(request.headers) => Err(unread()),
        Kinds::Form(_) | Kinds::Other => {
            let (body, upload) = incoming.opaque(is_limited).await?;
            request.body = body;
            // It may be JSON all the same, and name a model that this token may not use.
            if is_limited {
                let begun = match &upload {
                    Some(Payload::Stream { read, .. }) => read,
                    _ => &request.body,
                };
                let hides_json = may_be_json(begun);
                if read_object(request).is_err() && hides_json {
                    return Err(unread());
                }
            }
            Ok(upload)
        }
    }
}

/// Puts the summaries that this gateway has sealed in the place of the items that hold them. Those of others stay.
fn open(request: &mut ClientRequest<'_>, config: &Config) -> Result<(), Error> {
    let sealing = || Sealing::of(&config.state_secrets, request.caller.token());
    let open = |sealed: &str| match is_sealed(sealed) {
        true => sealing().open(sealed).map(Some).ok_or(()),
        false => Ok(None),
    };
    let body = compaction::opened(request.body.clone(), SEALED, &open).map_err(|place| {
        let message = "This summary of the conversation cannot be read: it was sealed for another token or with another `STATE_SECRET`, or it has changed since. Begin a new conversation.";
        Error::new(Kind::InvalidEncryptedContent, message).about(format!("input[{place}].encrypted_content"))
    })?;
    if body != request.body {
        request.body = body;
        request.read_json()?;
    }
    Ok(())
}

/// The kind of a body, as the request's headers say it and as far as it matters here.
enum Kinds<'a> {
    Json,
    /// With its content type, which names the boundary.
    Form(&'a str),
    /// Compressed bodies too.
    Other,
}

impl<'a> Kinds<'a> {
    /// Returns what these headers say. `unsaid_is_json`: a body without a type is taken for JSON.
    fn of(headers: &'a HeaderMap, unsaid_is_json: bool) -> Self {
        let is_said = headers.contains_key(header::CONTENT_TYPE);
        match is_said.then(|| fields::content_type(headers).unwrap_or_default()) {
            _ if fields::is_encoded(headers) => Self::Other,
            None if unsaid_is_json => Self::Json,
            Some(kind) if fields::is_json(kind.as_bytes()) => Self::Json,
            Some(kind) if is_form(kind) => Self::Form(kind),
            None | Some(_) => Self::Other,
        }
    }
}

/// Whether a body is JSON that cannot be read, and may name a model that the token may not use.
fn hides_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    fields::is_encoded(headers) && kind.is_some_and(fields::is_json)
}

/// Returns the error for a body whose model cannot be checked against the allow-list.
fn unread() -> Error {
    let message = "This token's models have to be read in the request body; send it as JSON or as multipart/form-data, without Content-Encoding.";
    Error::new(Kind::UnsupportedMediaType, message)
}

/// Whether somebody less strict may read an object in what begins like this.
fn may_be_json(body: &Bytes) -> bool {
    let text = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body).trim_ascii_start();
    !body.is_empty() && matches!(text.first(), None | Some(b'{'))
}

/// Reads the body as a JSON object.
fn read_object(request: &mut ClientRequest<'_>) -> Result<(), Malformed> {
    request.read_json()?;
    if is_googles(request) {
        request.content = UNTOUCHED;
    }
    Ok(())
}

/// Reads a JSON body. What is not an object with a model is refused where the endpoint needs one, or where the token may not use
/// every model; elsewhere it is the upstream's to judge. `is_said`: it is asked for an answer, or for its number of tokens.
fn read_json(request: &mut ClientRequest<'_>, path: &str, is_limited: bool, is_said: bool) -> Result<(), Error> {
    match read_object(request) {
        Ok(()) => Ok(()),
        Err(_) if request.body.is_empty() && !is_said => Ok(()),
        Err(error) if surface::takes_default_model(path) => Err(error.into()),
        Err(Malformed::NotAnObject) => Ok(()),
        Err(error) if is_limited => Err(error.into()),
        Err(_) => Ok(()),
    }
}

/// Reads a form whose model has to be known.
fn form(kind: &str, body: &[u8]) -> Result<Form, Error> {
    Form::read(kind, body).map_err(|why| {
        let message =
            format!("The request body cannot be read as a form with certainty, and its `model` has to be known. {why}");
        Error::new(Kind::InvalidBody, message).about("model")
    })
}

/// Returns which keys may serve a request of this class.
fn affinity(class: Class, path: &str, request: &ClientRequest<'_>, route: &Route) -> Affinity {
    match class {
        // Nothing is kept where the request is translated.
        Class::Stateless if route.speaks(RESPONSES) == Some(false) => Affinity::None,
        Class::Stateless if path == "responses" => match stored::tie(&request.body) {
            Tie::Free => Affinity::None,
            Tie::Keeps => Affinity::Preferred,
            Tie::Refers => Affinity::Pinned,
        },
        Class::Stateless => Affinity::None,
        Class::Stateful | Class::Organization if surface::creates(&request.method, path) => Affinity::Preferred,
        Class::Stateful | Class::Organization => Affinity::Pinned,
    }
}
