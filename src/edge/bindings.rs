//! What is bound to the Worker: variables, secrets and the KV namespace.

use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, select};
use js_sys::{Array, JSON, Reflect};
use wasm_bindgen::{JsCast, JsValue};

use super::promised::done;
use super::{alarm, crossing};
use crate::config::{self, Problems, Variables};

/// The name of the table in KV, and the first part of the names of the variables that it may come from instead.
const ROUTES: &str = "GATEWAY_ROUTES";
/// The name under which the KV namespace is bound.
const KV_BINDING: &str = "GATEWAY_KV";

/// How long KV may take to return the table.
pub(super) const KV_PATIENCE: Duration = Duration::from_secs(5);

/// Returns the variables and secrets, and the names of everything else that is bound.
///
/// `wrangler.toml` may give variables as text, or as the other values that TOML has. A list becomes its elements, separated
/// by commas; other values become JSON.
pub(super) fn variables(env: &JsValue) -> Variables {
    let is_ours = |name: &str| {
        name != KV_BINDING && (name.starts_with(ROUTES) || config::known_variables().any(|known| known == name))
    };
    let text = |name: &str| {
        let value = Reflect::get(env, &name.into())
            .ok()
            .filter(|value| !value.is_undefined() && !value.is_null())?;
        match value.dyn_ref::<Array>() {
            _ if value.is_string() => value.as_string(),
            // A binding of another kind. To look into it can be a call of another service.
            _ if !is_ours(name) => Some("{}".to_owned()),
            Some(list) if !name.starts_with(ROUTES) => Some(list.join(",").into()),
            _ => JSON::stringify(&value).ok().map(String::from),
        }
    };
    let names = Reflect::own_keys(env).unwrap_or_default();
    names
        .iter()
        .filter_map(|name| name.as_string())
        .filter_map(|name| text(&name).map(|value| (name, value)))
        .collect()
}

/// Whether the table comes from KV: a namespace is bound, and no variable has a table.
pub(super) fn use_kv(env: &JsValue, variables: &Variables) -> bool {
    config::inline_routes(variables).is_none() && Reflect::has(env, &KV_BINDING.into()).unwrap_or(false)
}

/// Returns the table in KV, empty where there is none.
pub(super) async fn table_in_kv(env: &JsValue) -> Result<String, Problems> {
    let unreadable = |error: JsValue| {
        let message = Reflect::get(&error, &"message".into()).ok();
        let message = message.and_then(|message| message.as_string()).unwrap_or_default();
        Problems::one(
            KV_BINDING,
            format!("the KV namespace cannot be read: {message}"),
            "check the binding in wrangler.toml",
        )
    };
    let namespace = Reflect::get(env, &KV_BINDING.into()).map_err(unreadable)?;
    let stored = pin!(done(|number| crossing::stored(&namespace, ROUTES, number)));
    let table = match select(stored, pin!(alarm::sleep(KV_PATIENCE))).await {
        Either::Left((table, _)) => table.map_err(unreadable)?,
        Either::Right(((), _)) => return Err(unreadable(JsValue::UNDEFINED)),
    };
    Ok(table.as_string().unwrap_or_default())
}
