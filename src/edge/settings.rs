//! The configuration of an isolate: read from variables, secrets and KV, parsed only when its text has changed.

use std::cell::{Cell, RefCell};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, select};

use worker::js_sys::{Array, Date, JSON, Reflect};
use worker::wasm_bindgen::{JsCast, JsValue};

use super::answer;
use super::runtime::{self, Context};

use crate::config::{self, Config, Document, Problems, Variables};

const ROUTES: &str = "GATEWAY_ROUTES";
const KV_BINDING: &str = "GATEWAY_KV";

/// How long a table from KV is used before KV is asked again, in milliseconds.
const KV_FRESH: f64 = 60_000.0;

/// The same where KV has none that can be used, or cannot be read: whoever mends that is waiting for it.
const KV_AGAIN: f64 = 3_000.0;

/// How long KV may take to say what it holds.
const KV_PATIENCE: Duration = Duration::from_secs(5);

/// How often a request looks whether another one has read the table. It cannot wait for that: what one request has begun, the
/// runtime lets no other one have.
const LOOK: Duration = Duration::from_millis(10);

/// What the isolate goes by.
struct Read {
    /// The table in KV that it comes from; empty where there is none.
    table: String,
    /// A later one that has problems.
    refused: Option<String>,
    result: Result<Arc<Config>, Problems>,
    /// Until when KV is not asked again, in milliseconds.
    fresh_until: f64,
}

thread_local! {
    static READ: RefCell<Option<Read>> = const { RefCell::new(None) };
    /// Since when a request asks KV; zero while none does.
    static ASKED_AT: Cell<f64> = const { Cell::new(0.0) };
}

/// The configuration as it is now. Variables and secrets are the same as long as the isolate lives; only KV may say
/// something new. One request at a time asks it, and nobody waits for that who can be told anything without.
pub(super) async fn config(env: &JsValue, context: &Context) -> Result<Arc<Config>, Problems> {
    loop {
        let now = Date::now();
        let known = READ.with_borrow(|read| {
            let read = read.as_ref()?;
            Some((read.result.clone(), now < read.fresh_until))
        });
        if let Some((result, true)) = known {
            return result;
        }
        match (known, Asking::begin(now)) {
            (Some((Ok(config), _)), Some(asking)) => {
                let env = env.clone();
                let refreshing = async move { drop(asking.ask(&env).await) };
                let _ = answer::outlive(context, refreshing);
                return Ok(config);
            }
            (Some((result, _)), None) => return result,
            (_, Some(asking)) => return asking.ask(env).await,
            (None, None) => runtime::sleep(LOOK).await,
        }
    }
}

/// The one request that reads the configuration.
struct Asking(f64);

impl Asking {
    /// Nothing while another one does. One that takes too long has been ended by the runtime.
    fn begin(now: f64) -> Option<Self> {
        let is_free = now - ASKED_AT.get() > 2.0 * KV_PATIENCE.as_millis() as f64;
        is_free.then(|| {
            ASKED_AT.set(now);
            Self(now)
        })
    }

    async fn ask(self, env: &JsValue) -> Result<Arc<Config>, Problems> {
        let variables = variables(env);
        let uses_kv =
            config::inline_routes(&variables).is_none() && Reflect::has(env, &KV_BINDING.into()).unwrap_or(false);
        let table = if uses_kv { from_kv(env).await } else { Ok(String::new()) };
        let load = |table: &str| {
            let stored = uses_kv.then(|| Document::kv(table.to_owned()));
            let config = config::load(stored.as_ref(), &variables)?;
            for note in &config.notes {
                runtime::log_note(note);
            }
            Ok(Arc::new(config))
        };
        let (mut read, fresh) = next(READ.take(), table, load);
        read.fresh_until = if uses_kv { Date::now() + fresh } else { f64::INFINITY };
        let result = read.result.clone();
        READ.set(Some(read));
        result
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        if ASKED_AT.get() == self.0 {
            ASKED_AT.set(0.0);
        }
    }
}

/// What is gone by after `before`, when KV has told of `table`, and for how many milliseconds. What is good is given up only
/// for something good.
fn next(
    before: Option<Read>,
    table: Result<String, Problems>,
    load: impl FnOnce(&str) -> Result<Arc<Config>, Problems>,
) -> (Read, f64) {
    let good = before.filter(|read| read.result.is_ok());
    let (table, result) = match (table, good.as_ref()) {
        (Ok(table), Some(good)) if good.refused.as_ref() == Some(&table) => (None, Err(Problems::default())),
        (Ok(table), Some(good)) if good.table == table => (Some(table), good.result.clone()),
        (Ok(table), _) => {
            let result = load(&table);
            (Some(table), result)
        }
        (Err(problems), _) => (None, Err(problems)),
    };
    match (result, good) {
        (Err(problems), Some(good)) => {
            if !problems.is_empty() {
                runtime::log_error(&format!("the old configuration stays in use: {problems}"));
            }
            let refused = table.or_else(|| good.refused.clone());
            (Read { refused, ..good }, KV_AGAIN)
        }
        (result, _) => {
            let fresh = if result.is_ok() { KV_FRESH } else { KV_AGAIN };
            let read = Read {
                table: table.unwrap_or_default(),
                refused: None,
                result,
                fresh_until: 0.0,
            };
            (read, fresh)
        }
    }
}

/// The variables and secrets, and the names of what else is bound. `wrangler.toml` may give variables as text, or as the
/// values that TOML has.
fn variables(env: &JsValue) -> Variables {
    let is_ours = |name: &str| {
        name != KV_BINDING && (name.starts_with(ROUTES) || config::known_variables().any(|known| known == name))
    };
    let text = |name: &str| {
        let value = Reflect::get(env, &name.into())
            .ok()
            .filter(|value| !value.is_undefined() && !value.is_null())?;
        match value.dyn_ref::<Array>() {
            _ if value.is_string() => value.as_string(),
            // Another service would take a look into its binding for a call.
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

/// The table in KV, empty where there is none.
async fn from_kv(env: &JsValue) -> Result<String, Problems> {
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
    Ok(table.as_string().unwrap_or_default())
}
