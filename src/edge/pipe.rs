//! Pipes of the runtime: what is written at one end is a body at the other.

use wasm_bindgen::{JsCast, JsValue};
use web_sys::{ReadableStream, WritableStream, WritableStreamDefaultWriter};

use super::crossing;
use super::promised::{Promised, done};

/// Returns both ends of a new pipe. With a `length`, in bytes, exactly that much must be written, and the body has a
/// `content-length`.
pub(super) fn pipe(length: Option<u64>) -> Result<(WritableStream, ReadableStream), JsValue> {
    let ends = crossing::pipe(length.map(|length| length as f64))?;
    Ok((ends.get(0).unchecked_into(), ends.get(1).unchecked_into()))
}

/// Writes `bytes`, and waits until there is room for more. Nothing is written where there are none.
pub(super) async fn write(writer: &WritableStreamDefaultWriter, bytes: &[u8]) -> Result<(), JsValue> {
    if bytes.is_empty() {
        return Ok(());
    }
    done(|number| crossing::write(writer, bytes, number)).await.map(drop)
}

/// Writes the last words of a body, and ends it.
pub(super) async fn close(writable: &WritableStream, last_words: Option<&[u8]>) -> Result<(), JsValue> {
    let words = last_words.unwrap_or_default();
    done(|number| crossing::close(writable, words, number)).await.map(drop)
}

/// Lets the runtime move all of `body`, without JavaScript in between. The result comes at the end, and is an error where either
/// side breaks. With `closes` the pipe is closed when all went well; it stays open otherwise.
pub(super) fn pump(body: &ReadableStream, to: &WritableStream, closes: bool) -> Result<Promised, JsValue> {
    let (pumping, begun) = Promised::new(|number| crossing::pump(body, to, closes, number));
    begun.map(|()| pumping)
}

/// Moves what is left of a body into the pipe, and ends it. Without a body nothing is left.
pub(super) async fn finish(rest: Option<ReadableStream>, writable: &WritableStream) -> Result<(), JsValue> {
    match rest {
        Some(body) => pump(&body, writable, true)?.value().await.map(drop),
        None => close(writable, None).await,
    }
}
