//! Everything under `/v1/` that the gateway does not know by name: passed on as it is, but for the model in it.

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Response, header};

use super::address::value;
use super::call::{Call, Content, Keys, default_model};
use super::{Body, Gateway, Record, headers};
use crate::config::Route;
use crate::dialect::form::{Form, is_form};
use crate::dialect::patch::{Malformed, Peek};
use crate::dialect::responses::{self, Tie};
use crate::dialect::surface::{self, Class};
use crate::error::{Error, Kind};
use crate::platform::{Payload, Platform};

impl<P: Platform> Gateway<P> {
    /// Passes a request on; `path` is what stands behind `/v1/`.
    pub(super) async fn pass(
        &self,
        mut call: Call<'_>,
        path: &str,
        head: &Parts,
        stream: &mut Option<P::Stream>,
        record: &mut Record,
    ) -> Result<Response<Body<P::Stream>>, Error> {
        let route = &self.config.routes[call.route];
        let class = surface::class(&head.method, path);
        if class == Class::Admin && !route.admin {
            let message = "This part of the API administers the upstream's account; this token may not use it.";
            return Err(Error::new(Kind::Forbidden, message));
        }
        if headers::asks_for_socket(head) {
            return self.socket(call, path, record).await;
        }
        call.passing = if call.endpoint.is_unread(&call.method) {
            headers::unread
        } else {
            headers::passed
        };
        let mut upload = None;
        let must_read = head.method == Method::POST && surface::names_model_in_form(path) && chooses_models(route);
        match Kinds::of(&head.headers, must_read) {
            Kinds::Json => {
                call.body = self.whole_body(head, stream).await?;
                call.content = json(&call.body, path, route)?;
            }
            Kinds::Form(kind) if must_read => {
                call.body = self.whole_body(head, stream).await?;
                call.content = Content::Form(form(kind, &call.body)?);
            }
            Kinds::Other if must_read || hides_json(&head.headers, route) => return Err(unread()),
            Kinds::Form(_) | Kinds::Other => {
                (call.body, upload) = self.opaque_body(head, stream, !route.models.is_empty()).await?;
                // It may be JSON all the same, and name a model that this token may not use.
                if !route.models.is_empty() {
                    let begun = match &upload {
                        Some(Payload::Stream { read, .. }) => read,
                        _ => &call.body,
                    };
                    match Peek::read(&call.body) {
                        Ok(peek) => call.content = Content::Json(peek),
                        Err(_) if may_be_json(begun) => return Err(unread()),
                        Err(_) => {}
                    }
                }
            }
        }
        call.keys = keys(class, path, &call);
        record.stream = call.streams();
        self.check_allowed(&call)?;
        self.forward(&call, upload, record).await
    }

    /// Opens a WebSocket. What is said over it, nobody here reads.
    async fn socket(
        &self,
        mut call: Call<'_>,
        path: &str,
        record: &mut Record,
    ) -> Result<Response<Body<P::Stream>>, Error> {
        record.endpoint = "socket";
        if path != "realtime" && !self.config.routes[call.route].models.is_empty() {
            let message = "Over this WebSocket the model is named in messages that the gateway does not read, and this token may not use all models; use plain HTTP requests.";
            return Err(Error::new(Kind::WebSocketUnsupported, message));
        }
        call.passing = headers::handshake;
        let query = call.query.unwrap_or_default();
        call.keys = match (path, value(query, "call_id")) {
            ("realtime", None) => Keys::Any,
            ("responses", _) => Keys::Home,
            _ => Keys::HomeOnly,
        };
        let model = value(query, "model");
        call.content = Content::Socket { model };
        self.check_allowed(&call)?;
        self.forward(&call, None, record).await
    }
}

/// What a request says that its body is, as far as that matters here.
enum Kinds<'a> {
    Json,
    /// With its content type, which names the boundary.
    Form(&'a str),
    /// Compressed bodies too.
    Other,
}

impl<'a> Kinds<'a> {
    /// `unsaid_is_json`: for a body whose type is not said.
    fn of(headers: &'a HeaderMap, unsaid_is_json: bool) -> Self {
        let is_said = headers.contains_key(header::CONTENT_TYPE);
        match is_said.then(|| headers::content_type(headers).unwrap_or_default()) {
            _ if headers::is_encoded(headers) => Self::Other,
            None if unsaid_is_json => Self::Json,
            Some(kind) if headers::is_json(kind.as_bytes()) => Self::Json,
            Some(kind) if is_form(kind) => Self::Form(kind),
            None | Some(_) => Self::Other,
        }
    }
}

/// Whether a body is JSON that cannot be read, and may name a model that the token may not use.
fn hides_json(headers: &HeaderMap, route: &Route) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    !route.models.is_empty() && headers::is_encoded(headers) && kind.is_some_and(headers::is_json)
}

/// The refusal of a body in which a model may stand that the token may not use.
fn unread() -> Error {
    let message = "This token's models have to be read in the request body; send it as JSON or as multipart/form-data, without Content-Encoding.";
    Error::new(Kind::UnsupportedMediaType, message)
}

/// Whether somebody less strict may read an object in what begins like this.
fn may_be_json(body: &Bytes) -> bool {
    let text = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body).trim_ascii_start();
    !body.is_empty() && matches!(text.first(), None | Some(b'{'))
}

/// Whether the model of a request matters to the gateway.
fn chooses_models(route: &Route) -> bool {
    !route.models.is_empty() || !route.aliases.is_empty() || default_model(route).is_some()
}

/// A JSON body. One that is no object with a model is refused where the endpoint needs one or the token may not use all of
/// them, and else the upstream's to judge.
fn json(body: &Bytes, path: &str, route: &Route) -> Result<Content, Error> {
    match Peek::read(body) {
        Ok(peek) => Ok(Content::Json(peek)),
        Err(_) if body.is_empty() => Ok(Content::Opaque),
        Err(error) if surface::takes_default_model(path) => Err(error.into()),
        Err(Malformed::NotAnObject) => Ok(Content::Opaque),
        Err(error) if !route.models.is_empty() => Err(error.into()),
        Err(_) => Ok(Content::Opaque),
    }
}

/// A form whose model is to be known.
fn form(kind: &str, body: &[u8]) -> Result<Form, Error> {
    Form::read(kind, body).map_err(|why| {
        let message =
            format!("The request body cannot be read as a form with certainty, and its `model` has to be known. {why}");
        Error::new(Kind::InvalidBody, message).about("model")
    })
}

fn keys(class: Class, path: &str, call: &Call<'_>) -> Keys {
    match class {
        Class::Stateless if path == "responses" => match responses::tie(&call.body) {
            Tie::Free => Keys::Any,
            Tie::Keeps => Keys::Home,
            Tie::Refers => Keys::HomeOnly,
        },
        Class::Stateless => Keys::Any,
        Class::Stateful | Class::Admin if surface::creates(&call.method, path) => Keys::Home,
        Class::Stateful | Class::Admin => Keys::HomeOnly,
    }
}
