//! Whether a token may use the models that a request names, wherever it names them.

use super::call::{Call, Content};
use super::endpoint::Endpoint;
use super::{Gateway, address};
use crate::dialect::naming;
use crate::error::{Error, Kind};
use crate::platform::Platform;

impl<P: Platform> Gateway<P> {
    /// Refuses a request that names a model which its token may not use, or one that would lead to another address than that
    /// of a model.
    pub(super) fn check_allowed(&self, call: &Call<'_>) -> Result<(), Error> {
        let route = &self.config.routes[call.route];
        let mut asked = [call.route].into_iter().chain(route.fallbacks.iter().copied());
        if call.named_model().is_some_and(address::leads_away)
            && asked.any(|index| self.config.routes[index].has_model_in_path())
        {
            let message = "A part of the model's name is `.` or `..`, and the upstream has the model in its address; use the name that GET /v1/models lists.";
            return Err(Error::new(Kind::InvalidBody, message).about("model"));
        }
        if route.models.is_empty() {
            return Ok(());
        }
        let named: Vec<&str> = match &call.content {
            Content::Form(form) => form.models.iter().map(String::as_str).collect(),
            _ => call.named_model().into_iter().collect(),
        };
        if let Some(model) = named.into_iter().find(|model| !route.allows(model)) {
            return Err(super::models::not_found(model));
        }
        // What stands elsewhere goes upstream as it is: an alias is no name there.
        let allows = |name: &str| route.allows(name) && route.upstream_model(name) == name;
        let in_body = match call.content {
            Content::Json(_) => naming::other_models(&call.body),
            Content::Opaque | Content::Form(_) | Content::Socket { .. } => Vec::new(),
        };
        let mut in_query = call.query.map(address::models).unwrap_or_default();
        if call.is_socket() {
            in_query.retain(|model| Some(model.as_str()) != call.named_model());
        }
        let in_path = match call.endpoint {
            Endpoint::Passed(path) => naming::forbidden_in_path(path, allows),
            _ => None,
        };
        let mut others = in_body
            .into_iter()
            .chain(in_query)
            .filter(|name| !allows(name))
            .chain(in_path);
        match others.next() {
            Some(forbidden) => Err(super::models::not_found(&forbidden)),
            None => Ok(()),
        }
    }
}
