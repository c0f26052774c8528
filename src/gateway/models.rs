//! `GET /v1/models` and `/v1/models/{id}`: the upstream's own answer where the route changes nothing about it, else
//! filtered by the allow-list and with the aliases added.

use http::{Response, StatusCode};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::call::{Call, Content};
use super::endpoint::{Endpoint, decode};
use super::{Body, Gateway, Record, json};
use crate::config::Route;
use crate::error::{Error, Kind};
use crate::platform::Platform;

impl<P: Platform> Gateway<P> {
    pub(super) async fn models(
        &self,
        call: &Call<'_>,
        record: &mut Record,
    ) -> Result<Response<Body<P::Stream>>, Error> {
        let route = &self.config.routes[call.route];
        if route.models.is_empty() && route.aliases.is_empty() {
            return self.forward(call, None, record).await;
        }
        if let Endpoint::Model(id) = call.endpoint {
            return self.one(call, &String::from_utf8_lossy(&decode(id)), record).await;
        }
        let response = self.forward(call, None, record).await?;
        let (head, body) = response.into_parts();
        match body {
            Body::Full(list) if head.status.is_success() => {
                let list = filtered(&list, route).ok_or_else(not_a_list)?;
                Ok(Response::from_parts(head, Body::Full(list.into())))
            }
            body => Ok(Response::from_parts(head, body)),
        }
    }

    /// One model of a route with an allow-list or aliases. The client's name stays in the answer.
    async fn one(&self, call: &Call<'_>, name: &str, record: &mut Record) -> Result<Response<Body<P::Stream>>, Error> {
        let route = &self.config.routes[call.route];
        if !route.allows(name) {
            return Err(not_found(name));
        }
        let upstream_name = route.upstream_model(name);
        if upstream_name == name {
            return self.forward(call, None, record).await;
        }
        let endpoint = Endpoint::Model(upstream_name.to_owned());
        let renamed = Call {
            endpoint: &endpoint,
            request_id: call.request_id.clone(),
            headers: call.headers.clone(),
            method: call.method.clone(),
            body: call.body.clone(),
            content: Content::Opaque,
            ..*call
        };
        let (head, body) = self.forward(&renamed, None, record).await?.into_parts();
        let Body::Full(model) = &body else {
            return Ok(Response::from_parts(head, body));
        };
        match serde_json::from_slice::<Value>(model) {
            Ok(Value::Object(mut model)) if head.status.is_success() => {
                model.insert("id".into(), name.into());
                Ok(json(StatusCode::OK, Value::from(model).to_string()))
            }
            _ => Ok(Response::from_parts(head, body)),
        }
    }
}

/// The refusal of a model that the route does not have.
pub(super) fn not_found(model: &str) -> Error {
    let shown: String = model.chars().take(80).collect();
    let message = format!("The model `{shown}` is not available for this token; GET /v1/models lists those that are.");
    Error::new(Kind::ModelNotFound, message).about("model")
}

fn not_a_list() -> Error {
    Error::new(
        Kind::UpstreamInvalidResponse,
        "The upstream's list of models cannot be read; the operator should check `models_url`.",
    )
}

/// The upstream's list with only the models that `route` allows, each entry as the upstream wrote it, and one entry per alias.
fn filtered(list: &[u8], route: &Route) -> Option<String> {
    #[derive(Deserialize)]
    struct List<'a> {
        #[serde(borrow)]
        data: Vec<&'a RawValue>,
    }
    let list: List<'_> = serde_json::from_slice(list).ok()?;
    let id = |entry: &RawValue| {
        let entry: Value = serde_json::from_str(entry.get()).ok()?;
        Some(entry.get("id")?.as_str()?.to_owned())
    };
    let mut entries: Vec<(String, String)> = list
        .data
        .into_iter()
        .filter_map(|entry| id(entry).map(|id| (id, entry.get().to_owned())))
        .filter(|(id, _)| route.allows(id))
        .collect();
    for (alias, _) in route.aliases.iter().filter(|(alias, _)| route.allows(alias)) {
        if entries.iter().all(|(id, _)| id != alias) {
            let entry = serde_json::json!({"id": alias, "object": "model", "created": 0, "owned_by": "ai-gateway"});
            entries.push((alias.clone(), entry.to_string()));
        }
    }
    let data: Vec<String> = entries.into_iter().map(|(_, entry)| entry).collect();
    Some(format!("{{\"object\":\"list\",\"data\":[{}]}}", data.join(",")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn a_list_keeps_what_is_allowed_as_it_stands_and_gains_the_aliases() {
        let json = r#"[{"token":"t-1","provider":"echo","models":["gpt-*","fast"],"aliases":{"fast":"gpt-mini","gpt-4o":"x"}}]"#;
        let config = Config::of_routes(json).unwrap();
        let list = br#"{"object":"list","extra":1,"data":[{"id":"gpt-4o","n":1.00},{"id":"o1"},{"noid":1},{"id":"gpt-mini"}]}"#;
        assert_eq!(
            filtered(list, &config.routes[0]).unwrap(),
            r#"{"object":"list","data":[{"id":"gpt-4o","n":1.00},{"id":"gpt-mini"},{"created":0,"id":"fast","object":"model","owned_by":"ai-gateway"}]}"#
        );
        assert!(filtered(b"[]", &config.routes[0]).is_none());
    }
}
