//! Takes signatures out of a request whose upstream does not know them.

use bytes::Bytes;
use serde_json::Value;

use super::signature::DUMMY;
use crate::dialect::wire::build::Set;
use crate::dialect::wire::change::{Fate, elements_changed};

/// Returns a request without the signatures of its parts; nothing where it has none. A call has to have one, and gets the one that is
/// not checked.
pub(super) fn without_state(body: &Bytes) -> Option<Bytes> {
    elements_changed(body, "contents", &mut |content| {
        let mut is_changed = false;
        let parts = content.get_mut("parts").and_then(Value::as_array_mut);
        for part in parts.into_iter().flatten() {
            is_changed |= forget(part);
        }
        Fate::stays(is_changed)
    })
}

fn forget(part: &mut Value) -> bool {
    let is_call = ["functionCall", "function_call"]
        .iter()
        .any(|name| part.get(*name).is_some());
    let Some(members) = part.as_object_mut() else {
        return false;
    };
    let mut is_changed = false;
    for name in ["thoughtSignature", "thought_signature"] {
        let is_signed = members.get(name).is_some_and(|signature| signature != DUMMY);
        if is_signed && is_call {
            members.say(name, &DUMMY);
        } else if is_signed {
            members.shift_remove(name);
        }
        is_changed |= is_signed;
    }
    is_changed
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::dialect::wire::change::left_by;

    #[test]
    fn a_call_gets_the_signature_that_is_not_checked_and_a_text_none() {
        let body = json!({"contents": [{"role": "model", "parts": [
            {"text": "t", "thoughtSignature": "A"},
            {"functionCall": {"name": "f"}, "thought_signature": "B"},
        ]}]});
        let expected = json!({"contents": [{"role": "model", "parts": [
            {"text": "t"},
            {"functionCall": {"name": "f"}, "thought_signature": DUMMY},
        ]}]});
        assert_eq!(left_by(without_state, &body), expected);
        assert_eq!(without_state(&expected.to_string().into()), None);
    }
}
