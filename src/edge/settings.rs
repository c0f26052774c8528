//! The configuration of an isolate: read from variables, secrets and KV, parsed only when its text has changed.

use std::cell::RefCell;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, select};

use worker::js_sys::{Array, Date, JSON, Reflect};
use worker::wasm_bindgen::{JsCast, JsValue};

use super::runtime;

use crate::config::{self, Config, Document, Problems, Variables};

const ROUTES: &str = "GATEWAY_ROUTES";
const KV_BINDING: &str = "GATEWAY_KV";

/// How long a table from KV is used before KV is asked again, in milliseconds.
const KV_FRESH: f64 = 60_000.0;

/// How long KV may take to say what it holds.
const KV_PATIENCE: Duration = Duration::from_secs(5);

struct Parsed {
    /// The table in KV, where the configuration comes from there.
    table: Option<String>,
    uses_kv: bool,
    read_at: f64,
    result: Result<Arc<Config>, Problems>,
}

thread_local! {
    static PARSED: RefCell<Option<Parsed>> = const { RefCell::new(None) };
}

/// The configuration as it is now. Variables and secrets are the same as long as the isolate lives; only KV may say
/// something new.
pub(super) async fn config(env: &JsValue) -> Result<Arc<Config>, Problems> {
    let now = Date::now();
    let known = PARSED.with_borrow(|parsed| {
        let fresh = |parsed: &&Parsed| !parsed.uses_kv || now - parsed.read_at < KV_FRESH;
        parsed.as_ref().filter(fresh).map(|parsed| parsed.result.clone())
    });
    if let Some(known) = known {
        return known;
    }
    let variables = variables(env);
    let uses_kv = config::inline_routes(&variables).is_none() && Reflect::has(env, &KV_BINDING.into()).unwrap_or(false);
    let table = if uses_kv { from_kv(env).await } else { Ok(None) };
    let unchanged = PARSED.with_borrow_mut(|parsed| {
        let parsed = parsed.as_mut()?;
        // A namespace that cannot be read for a moment takes no configuration away.
        let same = match &table {
            Ok(table) => parsed.table == *table,
            Err(problems) => {
                runtime::log_error(&problems.to_string());
                parsed.result.is_ok()
            }
        };
        same.then(|| {
            parsed.read_at = now;
            parsed.result.clone()
        })
    });
    if let Some(unchanged) = unchanged {
        return unchanged;
    }
    let table = table?;
    let stored = uses_kv.then(|| Document::kv(table.clone().unwrap_or_default()));
    let mut result = config::load(stored.as_ref(), &variables).map(Arc::new);
    if let Ok(config) = &result {
        for note in &config.notes {
            runtime::log_note(note);
        }
    }
    if let Err(problems) = &result
        && let Some(good) = PARSED.with_borrow(|parsed| parsed.as_ref()?.result.clone().ok())
    {
        runtime::log_error(&format!(
            "the new configuration is not used, the old one stays: {problems}"
        ));
        result = Ok(good);
    }
    PARSED.set(Some(Parsed {
        table,
        uses_kv,
        read_at: now,
        result: result.clone(),
    }));
    result
}

/// The variables and secrets, and the names of what else is bound. `wrangler.toml` may give variables as text, or as the
/// values that TOML has.
fn variables(env: &JsValue) -> Variables {
    let text = |name: &str| {
        let value = Reflect::get(env, &name.into())
            .ok()
            .filter(|value| !value.is_undefined() && !value.is_null())?;
        match value.dyn_ref::<Array>() {
            Some(list) if !name.starts_with(ROUTES) => Some(list.join(",").into()),
            _ => value
                .as_string()
                .or_else(|| JSON::stringify(&value).ok().map(String::from)),
        }
    };
    let names = Reflect::own_keys(env).unwrap_or_default();
    let named = |name: JsValue| name.as_string().and_then(|name| Some((text(&name)?, name)));
    names
        .iter()
        .filter_map(named)
        .map(|(value, name)| (name, value))
        .collect()
}

async fn from_kv(env: &JsValue) -> Result<Option<String>, Problems> {
    let unreadable = |error: JsValue| {
        let told = Reflect::get(&error, &"message".into()).ok();
        let told = told.and_then(|message| message.as_string()).unwrap_or_default();
        Problems::one(
            KV_BINDING,
            format!("the KV namespace cannot be read: {told}"),
            "check the binding in wrangler.toml",
        )
    };
    let namespace = Reflect::get(env, &KV_BINDING.into()).map_err(unreadable)?;
    let stored = pin!(runtime::done(|number| runtime::stored(&namespace, ROUTES, number)));
    let table = match select(stored, pin!(runtime::sleep(KV_PATIENCE))).await {
        Either::Left((table, _)) => table.map_err(unreadable)?,
        Either::Right(((), _)) => return Err(unreadable(JsValue::UNDEFINED)),
    };
    Ok(table.as_string().filter(|text| !text.trim().is_empty()))
}
