//! What JavaScript is asked for: the functions of `crossing.js`, and a few that the runtime itself has.
//!
//! A call between WebAssembly and JavaScript costs more than most of what is done in it. So one call does all that can be
//! done at once, and headers cross as one text. docs/design/0007-the-edge-shell.md says what that saves.
//!
//! A function whose last argument is a `number` begins something and returns at once. JavaScript reports the result under
//! that number: `promised` gives the numbers out and waits for the results. The comments in `crossing.js` say
//! what each function does; the declarations here only give it Rust's types.

use js_sys::{Array, Function, Promise};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;
use web_sys::{
    AbortController, AbortSignal, ReadableStream, Request, Response, WritableStream, WritableStreamDefaultWriter,
};

#[wasm_bindgen(module = "/src/edge/crossing.js")]
extern "C" {
    #[wasm_bindgen(js_name = entrypointState)]
    pub(super) fn entrypoint_state() -> JsValue;

    #[wasm_bindgen(js_name = instanceBegins)]
    pub(super) fn instance_begins();

    #[wasm_bindgen(js_name = instanceFails)]
    pub(super) fn instance_fails();

    /// Takes the functions that JavaScript reports with. Returns the number before the first one to give out.
    pub(super) fn report(on_value: &Function, on_bytes: &Function, on_failure: &Function) -> u32;

    #[wasm_bindgen(js_name = requestHead)]
    pub(super) fn request_head(request: &Request) -> String;

    #[wasm_bindgen(js_name = responseHead)]
    pub(super) fn response_head(response: &Response) -> String;

    #[wasm_bindgen(catch)]
    pub(super) fn send(
        client: &AbortSignal,
        url: &str,
        method: &str,
        headers: &str,
        first: &[u8],
        second: &[u8],
        third: &[u8],
        stream: Option<&ReadableStream>,
        number: u32,
    ) -> Result<AbortController, JsValue>;

    #[wasm_bindgen(catch)]
    pub(super) fn answer(
        status: u16,
        headers: &str,
        bytes: &[u8],
        stream: Option<&ReadableStream>,
        websocket: Option<&JsValue>,
    ) -> Result<Response, JsValue>;

    #[wasm_bindgen(catch)]
    pub(super) fn whole(message: &JsValue, number: u32) -> Result<(), JsValue>;

    #[wasm_bindgen(catch)]
    pub(super) fn reading(body: &ReadableStream) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(catch)]
    pub(super) fn read(source: &JsValue, number: u32) -> Result<(), JsValue>;

    #[wasm_bindgen(js_name = stopReading)]
    pub(super) fn stop_reading(source: &JsValue);

    pub(super) fn cancel(source: &JsValue);

    #[wasm_bindgen(catch)]
    pub(super) fn pipe(length: Option<f64>) -> Result<Array, JsValue>;

    #[wasm_bindgen(catch)]
    pub(super) fn write(writer: &WritableStreamDefaultWriter, bytes: &[u8], number: u32) -> Result<(), JsValue>;

    #[wasm_bindgen(catch)]
    pub(super) fn close(writable: &WritableStream, words: &[u8], number: u32) -> Result<(), JsValue>;

    #[wasm_bindgen(catch)]
    pub(super) fn pump(from: &ReadableStream, to: &WritableStream, closes: bool, number: u32) -> Result<(), JsValue>;

    #[wasm_bindgen(catch)]
    pub(super) fn tee(stream: &ReadableStream) -> Result<Array, JsValue>;

    #[wasm_bindgen(catch)]
    pub(super) fn accepted() -> Result<Array, JsValue>;

    pub(super) fn hear(websocket: &JsValue, number: u32);

    #[wasm_bindgen(catch)]
    pub(super) fn say(websocket: &JsValue, message: &str) -> Result<(), JsValue>;

    #[wasm_bindgen(js_name = hangUp)]
    pub(super) fn hang_up(websocket: &JsValue, code: u16, reason: &str);

    pub(super) fn aborted(signal: &AbortSignal, number: u32);

    #[wasm_bindgen(catch)]
    pub(super) fn stored(namespace: &JsValue, key: &str, number: u32) -> Result<(), JsValue>;

    pub(super) fn after(milliseconds: f64, number: u32) -> f64;
}

#[wasm_bindgen]
extern "C" {
    /// What outlives the answer to a request.
    #[derive(Clone)]
    pub type Context;

    #[wasm_bindgen(method, catch, js_name = waitUntil)]
    pub(super) fn wait_until(this: &Context, promise: &Promise) -> Result<(), JsValue>;

    #[wasm_bindgen(js_namespace = console)]
    pub(super) fn log(line: &str);

    #[wasm_bindgen(js_namespace = console, js_name = warn)]
    pub(super) fn log_note(text: &str);

    #[wasm_bindgen(js_namespace = console, js_name = error)]
    pub(super) fn log_error(text: &str);

    #[wasm_bindgen(js_name = clearTimeout)]
    pub(super) fn clear_timeout(timer: f64);
}
