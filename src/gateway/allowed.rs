//! Whether a token may use the models that a request names, wherever it names them.

use super::call::{Call, Content};
use super::endpoint::Endpoint;
use super::{Gateway, address};
use crate::dialect::naming;
use crate::error::Error;
use crate::platform::Platform;

impl<P: Platform> Gateway<P> {
    /// Refuses a request that names a model which its token may not use.
    pub(super) fn check_allowed(&self, call: &Call<'_>) -> Result<(), Error> {
        let route = &self.config.routes[call.route];
        if route.models.is_empty() {
            return Ok(());
        }
        let in_body = match call.content {
            Content::Json(_) => naming::other_models(&call.body),
            Content::Opaque | Content::Form(_) | Content::Socket { .. } => Vec::new(),
        };
        let in_path = match call.endpoint {
            Endpoint::Passed(path) => naming::models_in_path(path),
            _ => Vec::new(),
        };
        let in_query = call.query.map(address::models).unwrap_or_default();
        let named = call.named_model().map(str::to_owned).into_iter();
        let alone = named.chain(in_body).chain(in_query).map(|name| vec![name]);
        for names in alone.chain(in_path) {
            if !names.iter().any(|name| route.allows(name)) {
                return Err(super::models::not_found(&names[0]));
            }
        }
        Ok(())
    }
}
