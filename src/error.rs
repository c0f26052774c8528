//! What goes wrong, as the caller reads it: one kind per cause, one table from kind to status, type and code.
//!
//! Rendering belongs to the dialect of the endpoint that was called; nothing here knows a wire format.

use std::borrow::Cow;
use std::ops::{Deref, DerefMut};

use http::StatusCode;

/// Why the gateway itself refuses or fails a request. Every kind has one row in [`Kind::facts`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The body is not JSON.
    InvalidJson,
    /// The body is JSON of the wrong shape.
    InvalidBody,
    /// The request has something that its upstream's dialect cannot say.
    UnsupportedParameter,
    /// Something in the request is encrypted that neither the gateway nor the upstream can read.
    InvalidEncryptedContent,
    /// No model in the request and none configured.
    MissingModel,
    /// The request itself is not one that HTTP allows.
    MalformedRequest,
    /// No known token in the request.
    InvalidApiKey,
    /// The token has expired.
    TokenExpired,
    /// The operator has disabled the token.
    TokenDisabled,
    /// The token may not be used from the client's address.
    IpNotAllowed,
    /// A part of the API that the operator keeps to himself.
    Forbidden,
    /// No such path.
    NotFound,
    /// The route's allow-list does not hold this model.
    ModelNotFound,
    /// A known path with another method.
    MethodNotAllowed,
    /// The request's body stalled.
    RequestTimeout,
    /// The request's body is over the limit.
    RequestTooLarge,
    /// A body that does not say it is JSON.
    UnsupportedMediaType,
    /// A WebSocket was asked for where the upstream has none.
    WebSocketUnsupported,
    /// The request's head is over the limit.
    HeadersTooLarge,
    /// The operator's configuration has problems (Workers only: the native server does not start).
    Configuration,
    /// A defect of the gateway.
    Internal,
    /// Connecting failed, or the connection broke before an answer.
    UpstreamUnreachable,
    /// Every key was refused.
    UpstreamAuthFailed,
    /// Every key is dead, and not all of them because they were refused: quota or credit is used up.
    NoKeyAvailable,
    /// The answer is none that the endpoint can have: HTML, nothing, a redirect.
    UpstreamInvalidResponse,
    /// A stream that had begun was cut (an event says so: the status went out before).
    UpstreamStreamTruncated,
    /// The upstream takes no more requests for now, and did not say so in words that could be passed on.
    RateLimited,
    /// A limit of the caller's account leaves no room for now.
    LimitReached,
    /// More requests at once than the operator admits.
    Overloaded,
    /// No answer within the route's timeout.
    UpstreamTimeout,
    /// The request came back to the gateway that sent it.
    LoopDetected,
}

/// What a kind means on the wire (OpenAI API reference, error codes).
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    /// The HTTP status.
    pub status: StatusCode,
    /// `error.type`.
    pub class: &'static str,
    /// `error.code`.
    pub code: &'static str,
}

impl Kind {
    /// The one table: status, type and code of each kind.
    #[must_use]
    pub const fn facts(self) -> Facts {
        const INVALID: &str = "invalid_request_error";
        const UPSTREAM: &str = "upstream_error";
        const SERVER: &str = "server_error";
        let (status, class, code) = match self {
            Self::InvalidJson => (StatusCode::BAD_REQUEST, INVALID, "invalid_json"),
            Self::InvalidBody => (StatusCode::BAD_REQUEST, INVALID, "invalid_body"),
            Self::UnsupportedParameter => (StatusCode::BAD_REQUEST, INVALID, "unsupported_parameter"),
            Self::InvalidEncryptedContent => (StatusCode::BAD_REQUEST, INVALID, "invalid_encrypted_content"),
            Self::MissingModel => (StatusCode::BAD_REQUEST, INVALID, "missing_model"),
            Self::MalformedRequest => (StatusCode::BAD_REQUEST, INVALID, "malformed_request"),
            Self::InvalidApiKey => (StatusCode::UNAUTHORIZED, INVALID, "invalid_api_key"),
            Self::TokenExpired => (StatusCode::UNAUTHORIZED, INVALID, "token_expired"),
            Self::TokenDisabled => (StatusCode::UNAUTHORIZED, INVALID, "token_disabled"),
            Self::IpNotAllowed => (StatusCode::FORBIDDEN, INVALID, "ip_not_allowed"),
            Self::Forbidden => (StatusCode::FORBIDDEN, INVALID, "forbidden"),
            Self::NotFound => (StatusCode::NOT_FOUND, INVALID, "not_found"),
            Self::ModelNotFound => (StatusCode::NOT_FOUND, INVALID, "model_not_found"),
            Self::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, INVALID, "method_not_allowed"),
            Self::RequestTimeout => (StatusCode::REQUEST_TIMEOUT, INVALID, "request_timeout"),
            Self::RequestTooLarge => (StatusCode::PAYLOAD_TOO_LARGE, INVALID, "request_too_large"),
            Self::UnsupportedMediaType => (StatusCode::UNSUPPORTED_MEDIA_TYPE, INVALID, "unsupported_media_type"),
            Self::WebSocketUnsupported => (StatusCode::UPGRADE_REQUIRED, INVALID, "websocket_unsupported"),
            Self::HeadersTooLarge => (
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
                INVALID,
                "headers_too_large",
            ),
            Self::Configuration => (StatusCode::INTERNAL_SERVER_ERROR, SERVER, "configuration_error"),
            Self::Internal => (StatusCode::INTERNAL_SERVER_ERROR, SERVER, "internal_error"),
            Self::UpstreamUnreachable => (StatusCode::BAD_GATEWAY, UPSTREAM, "upstream_unreachable"),
            Self::UpstreamAuthFailed => (StatusCode::BAD_GATEWAY, UPSTREAM, "upstream_auth_failed"),
            Self::UpstreamInvalidResponse => (StatusCode::BAD_GATEWAY, UPSTREAM, "upstream_invalid_response"),
            Self::UpstreamStreamTruncated => (StatusCode::BAD_GATEWAY, UPSTREAM, "upstream_stream_truncated"),
            Self::RateLimited | Self::LimitReached => {
                (StatusCode::TOO_MANY_REQUESTS, "rate_limit_error", "rate_limit_exceeded")
            }
            Self::NoKeyAvailable => (StatusCode::SERVICE_UNAVAILABLE, UPSTREAM, "no_key_available"),
            Self::Overloaded => (StatusCode::SERVICE_UNAVAILABLE, UPSTREAM, "overloaded"),
            Self::UpstreamTimeout => (StatusCode::GATEWAY_TIMEOUT, UPSTREAM, "upstream_timeout"),
            Self::LoopDetected => (StatusCode::LOOP_DETECTED, INVALID, "loop_detected"),
        };
        Facts { status, class, code }
    }
}

/// A refusal or failure, for the caller. It is as large as a pointer: most steps of a request may return it, and few do.
#[derive(Clone, Debug)]
pub struct Error(Box<Details>);

/// What an [`Error`] says. The message says what to do next and never holds a key, an upstream's URL or a stack.
#[derive(Clone, Debug)]
pub struct Details {
    /// The cause.
    pub kind: Kind,
    /// One or two sentences for a person.
    pub message: String,
    /// The request's member that is to blame (`error.param`).
    pub param: Option<Cow<'static, str>>,
    /// The methods a path has, for 405.
    pub allow: Option<&'static str>,
    /// Seconds until the first cooldown of a key ends, where all keys are in one.
    pub retry_after: Option<u64>,
    /// Milliseconds until a limit of the account has room.
    pub retry_after_ms: Option<u64>,
    /// Of a failed upstream: whether the same request may succeed later without anyone doing anything.
    pub waiting_helps: bool,
}

impl Error {
    /// Returns an error of `kind` that blames no member.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self(Box::new(Details {
            kind,
            message: message.into(),
            param: None,
            allow: None,
            retry_after: None,
            retry_after_ms: None,
            waiting_helps: false,
        }))
    }

    /// Returns this error, blaming the request's member `param`.
    #[must_use]
    pub fn about(mut self, param: impl Into<Cow<'static, str>>) -> Self {
        self.param = Some(param.into());
        self
    }

    /// Returns the status that it is answered with.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.kind.facts().status
    }
}

impl Deref for Error {
    type Target = Details;

    fn deref(&self) -> &Details {
        &self.0
    }
}

impl DerefMut for Error {
    fn deref_mut(&mut self) -> &mut Details {
        &mut self.0
    }
}
