//! The whole surface of the OpenAI API through one token, asked for by the official SDKs.

mod account;
mod form;
pub(crate) mod openai;
mod sessions;

use serde_json::json;

use crate::clients::run;
use crate::support::{Gateway, Runtime};

pub(crate) fn the_python_sdk_reaches_the_whole_surface(runtime: Runtime) {
    reach(runtime, "PYTHON_BIN", "surface.py");
}

pub(crate) fn the_node_sdk_reaches_the_whole_surface(runtime: Runtime) {
    reach(runtime, "NODE_BIN", "surface.mjs");
}

fn reach(runtime: Runtime, interpreter: &str, script: &str) {
    let upstream = openai::start();
    let fields = json!({"api_keys": openai::KEYS, "aliases": {"gpt-alias": openai::MODEL}, "max_attempts": 1, "verify_end": true});
    let gateway = Gateway::to(runtime, &upstream, fields);
    assert_eq!(run(&gateway, interpreter, script), 27, "checks that ran");
}
