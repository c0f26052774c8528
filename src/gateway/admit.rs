//! The one door before an upstream is asked: whether this caller may ask for this.
//!
//! [`check_account`] looks at the caller alone, before anything of the body is read. [`admit`] is the only way to an [`Admitted`], and
//! `Upstreams::forward` takes nothing else. Today it checks the models of the caller and of its route; every limit of an account
//! belongs here as well.

mod hold;

use std::borrow::Cow;
use std::net::IpAddr;

pub(crate) use self::hold::hold;
use crate::config::{Account, Config};
use crate::dialect::api::naming;
use crate::dialect::wire::percent::decode;
use crate::error::{Error, Kind};
use crate::gateway::call::endpoint::{BodyRule, Family};
use crate::gateway::call::{ClientRequest, Content, query};
use crate::platform::Millis;

/// A request that may go to an upstream.
#[derive(Clone, Copy)]
pub(crate) struct Admitted<'a>(&'a ClientRequest<'a>);

impl<'a> Admitted<'a> {
    /// Returns the request.
    pub(crate) const fn request(self) -> &'a ClientRequest<'a> {
        self.0
    }

    /// Admits another request of the same client, which [`ClientRequest::aside`] made of this one: for a list of models, or for the
    /// model that was admitted under the name that an upstream has for it.
    pub(crate) const fn aside<'b>(self, request: &'b ClientRequest<'b>) -> Admitted<'b> {
        Admitted(request)
    }
}

/// Refuses a token that is not to be used any more, or not from the address of this client.
///
/// # Errors
/// 401 for one that is disabled or has expired, 403 for another address, or one that is not known.
pub(crate) fn check_account(account: &Account, now: Millis, client: Option<&str>) -> Result<(), Error> {
    let (kind, message) = if account.disabled {
        let message = "This gateway token is disabled; ask the operator of the gateway to enable it.";
        (Kind::TokenDisabled, message)
    } else if account.has_expired(now.0 / 1000) {
        let message = "This gateway token has expired; ask the operator of the gateway for a new one.";
        (Kind::TokenExpired, message)
    } else {
        let is_in = |client: IpAddr| account.allow_ips.iter().any(|network| network.contains(client));
        let is_allowed = || client.and_then(|client| client.parse().ok()).is_some_and(is_in);
        if account.allow_ips.is_empty() || is_allowed() {
            return Ok(());
        }
        let message =
            "This gateway token may not be used from this address; ask the operator of the gateway to allow it.";
        (Kind::IpNotAllowed, message)
    };
    Err(Error::new(kind, message))
}

/// Admits a request.
///
/// # Errors
/// 400 for one that names no model where one is needed, or one that would lead to another address than that of a model, 404
/// for one that names a model which its token may not use, wherever it names it.
pub(crate) fn admit<'a>(config: &Config, request: &'a ClientRequest<'a>) -> Result<Admitted<'a>, Error> {
    let (route, account) = (&config.routes[request.route], request.caller.account);
    if request.named_model().is_none() {
        let has_none = request.endpoint.body == BodyRule::Json && route.default_model.is_none();
        if has_none || !account.allows_default(route) && request.takes_default_model() {
            let hint = "The request names no `model` and this token has no default one. Add `\"model\": \"...\"`; GET /v1/models lists them.";
            return Err(Error::new(Kind::MissingModel, hint).about("model"));
        }
    }
    check_address(config, request)?;
    if account.limits_models(route) {
        check_models(config, request)?;
    }
    Ok(Admitted(request))
}

/// Refuses a model that would lead elsewhere in the address of an upstream that has the model there.
fn check_address(config: &Config, request: &ClientRequest<'_>) -> Result<(), Error> {
    let fallbacks = &config.routes[request.route].fallbacks;
    let mut asked = [request.route].into_iter().chain(fallbacks.iter().copied());
    if request.named_model().is_some_and(leads_away) && asked.any(|index| config.routes[index].has_model_in_path()) {
        let message = "A part of the model's name is `.` or `..`, and the upstream has the model in its address; use the name that GET /v1/models lists.";
        return Err(Error::new(Kind::InvalidBody, message).about("model"));
    }
    Ok(())
}

/// Refuses a model that the caller may not use, wherever the request names it.
fn check_models(config: &Config, request: &ClientRequest<'_>) -> Result<(), Error> {
    let (route, account) = (&config.routes[request.route], request.caller.account);
    match &request.endpoint.family {
        // It is filtered on its way back.
        Family::Models => return Ok(()),
        Family::Model(id) => {
            let name = String::from_utf8_lossy(&decode(id)).into_owned();
            return if account.allows(route, &name) {
                Ok(())
            } else {
                Err(not_found(&name))
            };
        }
        _ => {}
    }
    let named: Vec<&str> = match &request.content {
        Content::Form(form) => form.models.iter().map(String::as_str).collect(),
        _ => request.named_model().into_iter().collect(),
    };
    if let Some(model) = named.into_iter().find(|model| !account.allows(route, model)) {
        return Err(not_found(model));
    }
    // What stands elsewhere goes upstream as it is: an alias is not a name there.
    let allows = |name: &str| account.allows(route, name) && route.upstream_model(name) == name;
    let in_body = match request.content {
        Content::Json(_) => naming::other_models(&request.body),
        Content::InPath { .. } => {
            let mut models = naming::google_models(&request.body);
            models.retain(|model| Some(model.as_str()) != request.named_model());
            models.extend(naming::other_models(&request.body));
            models
        }
        Content::Opaque | Content::Form(_) | Content::WebSocket { .. } => Vec::new(),
    };
    let mut in_query = request.query.map(query::models).unwrap_or_default();
    if request.is_websocket() {
        in_query.retain(|model| Some(model.as_str()) != request.named_model());
    }
    let in_path = match &request.endpoint.family {
        Family::Passthrough(path) => naming::forbidden_in_path(path, allows),
        _ => None,
    };
    let mut others = in_body
        .into_iter()
        .chain(in_query)
        .filter(|name| !allows(name))
        .chain(in_path);
    match others.next() {
        Some(forbidden) => Err(not_found(&forbidden)),
        None => Ok(()),
    }
}

/// Returns the error for a model that the route does not have.
pub(crate) fn not_found(model: &str) -> Error {
    let shown: String = model.chars().take(80).collect();
    let message = format!("The model `{shown}` is not available for this token; GET /v1/models lists those that are.");
    Error::new(Kind::ModelNotFound, message).about("model")
}

/// Whether a name would lead to another place in a path: it has a segment `.` or `..`, however that is spelled.
fn leads_away(name: &str) -> bool {
    let mut name = Cow::Borrowed(name.as_bytes());
    // Who resolves escapes may do it more than once, and cut what stands behind a semicolon.
    while name.contains(&b'%') {
        let decoded = decode(&String::from_utf8_lossy(&name));
        if decoded == *name {
            break;
        }
        name = decoded.into();
    }
    let is_dots = |segment: &[u8]| matches!(segment.split(|byte| *byte == b';').next(), Some(b"." | b".."));
    name.split(|byte| b"/\\".contains(byte)).any(is_dots)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_dot_segments_leads_away() {
        for name in [
            "..",
            "gpt-4o/../gpt-5",
            "gpt-4o/..",
            "./x",
            "a/%2e%2E/b",
            "a%2f..%2fb",
            "a/%252e%252e/b",
            "a\\..\\b",
            "a/..;x=y/b",
            "a%5c..%5cb",
        ] {
            assert!(leads_away(name), "{name}");
        }
        for name in ["gpt-4.1", "a/b.c", "...", "a/..b", "100%", "%zz", "", "a/.../b"] {
            assert!(!leads_away(name), "{name}");
        }
    }
}
