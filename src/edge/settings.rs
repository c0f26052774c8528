//! The configuration of an isolate.
//!
//! Variables and secrets are the same for as long as the isolate lives. Only a table in KV may change, so KV is asked again
//! from time to time, by one request at a time; all others go on with the configuration that there is. A table is parsed only
//! when its text has changed, and a good configuration is given up only for another good one.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::time::Duration;

use js_sys::Date;
use wasm_bindgen::JsValue;

use super::bindings::{self, KV_PATIENCE};
use super::crossing::{self, Context};
use super::{alarm, task};
use crate::config::{self, Config, Document, Problems};
use crate::error::{Error, Kind};

/// How long a table from KV is used before KV is asked again, in milliseconds.
const KV_FRESH: f64 = 60_000.0;

/// How long KV is not asked again after it had no table that can be used, in milliseconds. Whoever corrects it is waiting.
const KV_AGAIN: f64 = 3_000.0;

/// How often a request without any configuration looks whether another request has read it. It cannot wait for the other
/// request: the runtime does not let one request wait for what another one has begun.
const LOOK: Duration = Duration::from_millis(10);

/// What the isolate goes by.
struct Current {
    result: Result<Arc<Config>, Problems>,
    /// The text of the table in KV that it was read from; empty where that is not its source.
    table: String,
    /// The text of a later table that has problems, so that it is not parsed and reported again.
    rejected: Option<String>,
    /// When KV is asked again, in milliseconds since the Unix epoch.
    fresh_until: f64,
}

thread_local! {
    static CURRENT: RefCell<Option<Current>> = const { RefCell::new(None) };
    /// Since when a request reads the configuration, in milliseconds since the Unix epoch; zero while none does.
    static READ_SINCE: Cell<f64> = const { Cell::new(0.0) };
}

/// Returns the configuration to answer a request with. It waits only where there is none yet, or none that is good.
pub(super) async fn config(env: &JsValue, context: &Context) -> Result<Arc<Config>, Problems> {
    loop {
        let now = Date::now();
        let known = CURRENT.with_borrow(|current| {
            let current = current.as_ref()?;
            Some((current.result.clone(), now < current.fresh_until))
        });
        if let Some((result, true)) = known {
            return result;
        }
        match (known, Reader::begin(now)) {
            (Some((Ok(config), _)), Some(reader)) => {
                let env = env.clone();
                let refreshing = async move { drop(reader.read(&env).await) };
                let _ = task::outlive(context, Box::pin(refreshing));
                return Ok(config);
            }
            (Some((result, _)), None) => return result,
            (_, Some(reader)) => return reader.read(env).await,
            (None, None) => alarm::sleep(LOOK).await,
        }
    }
}

/// Returns what every client gets while the configuration has problems. The log gets the problems, the client their number.
pub(super) fn as_error(problems: &Problems) -> Error {
    crossing::log_error(&problems.to_string());
    let plural = if problems.len() == 1 { "" } else { "s" };
    let message = format!(
        "The gateway's configuration has {} problem{plural}; its log (`wrangler tail`) lists what to change.",
        problems.len()
    );
    Error::new(Kind::Configuration, message)
}

/// The one request that reads the configuration. It knows itself by the time at which it began.
struct Reader(f64);

impl Reader {
    /// Returns `None` while another request reads. One that takes too long was ended by the runtime, and does not count.
    fn begin(now: f64) -> Option<Self> {
        let is_free = now - READ_SINCE.get() > 2.0 * KV_PATIENCE.as_millis() as f64;
        is_free.then(|| {
            READ_SINCE.set(now);
            Self(now)
        })
    }

    async fn read(self, env: &JsValue) -> Result<Arc<Config>, Problems> {
        let variables = bindings::variables(env);
        let uses_kv = bindings::use_kv(env, &variables);
        let table = if uses_kv {
            bindings::table_in_kv(env).await
        } else {
            Ok(String::new())
        };
        let load = |table: &str| {
            let stored = uses_kv.then(|| Document::kv(table.to_owned()));
            let config = config::load(stored.as_ref(), &variables)?;
            for note in &config.notes {
                crossing::log_note(note);
            }
            Ok(Arc::new(config))
        };
        let (mut current, fresh) = next(CURRENT.take(), table, load);
        current.fresh_until = if uses_kv { Date::now() + fresh } else { f64::INFINITY };
        let result = current.result.clone();
        CURRENT.set(Some(current));
        result
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        if READ_SINCE.get() == self.0 {
            READ_SINCE.set(0.0);
        }
    }
}

/// Returns what the isolate goes by after KV has returned `table`, and for how many milliseconds. `before` is what it went by;
/// `load` parses a table.
fn next(
    before: Option<Current>,
    table: Result<String, Problems>,
    load: impl FnOnce(&str) -> Result<Arc<Config>, Problems>,
) -> (Current, f64) {
    let good = before.filter(|current| current.result.is_ok());
    let (table, result) = match (table, good.as_ref()) {
        // It was reported before.
        (Ok(table), Some(good)) if good.rejected.as_ref() == Some(&table) => (None, Err(Problems::default())),
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
                crossing::log_error(&format!("the old configuration stays in use: {problems}"));
            }
            let rejected = table.or_else(|| good.rejected.clone());
            (Current { rejected, ..good }, KV_AGAIN)
        }
        (result, _) => {
            let fresh = if result.is_ok() { KV_FRESH } else { KV_AGAIN };
            let current = Current {
                result,
                table: table.unwrap_or_default(),
                rejected: None,
                fresh_until: 0.0,
            };
            (current, fresh)
        }
    }
}
