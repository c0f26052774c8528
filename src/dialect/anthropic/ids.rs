//! Ids of tool calls. They have letters, digits, `_` and `-` here; other vendors use other characters as well.
//!
//! A call may have a signature, which its upstream wants to have back. Clients of this dialect have no place for it and send ids back
//! as they got them, so it becomes a part of the id.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::dialect::neutral::request::ToolCall;

/// Stands before an id that has other characters: it is in URL-safe base64.
const ENCODED: &str = "gateway-id_";

/// Stands between an id and a signature, which is in URL-safe base64.
const SIGNED: &str = "__sig_";

/// Returns an id that has no other characters than ids have here.
pub(super) fn plain(id: &str) -> Cow<'_, str> {
    if id
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
    {
        Cow::Borrowed(id)
    } else {
        Cow::Owned(format!("{ENCODED}{}", URL_SAFE_NO_PAD.encode(id)))
    }
}

/// Returns the id of a call as a client gets it.
pub(super) fn for_client(call: &ToolCall) -> String {
    let id = plain(&call.id);
    match &call.signature {
        Some(signature) => format!("{id}{SIGNED}{}", URL_SAFE_NO_PAD.encode(signature)),
        None => id.into_owned(),
    }
}

/// Returns the id of a call, and the signature that came with it, from what a client sent.
pub(super) fn of_client(id: &str) -> (String, Option<String>) {
    let signed = id
        .rsplit_once(SIGNED)
        .and_then(|(id, signature)| Some((id, decoded(signature)?)));
    let (id, signature) = match signed {
        Some((id, signature)) => (id, Some(signature)),
        None => (id, None),
    };
    let encoded = id.strip_prefix(ENCODED).and_then(decoded);
    (encoded.unwrap_or_else(|| id.to_owned()), signature)
}

fn decoded(text: &str) -> Option<String> {
    String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()
}
