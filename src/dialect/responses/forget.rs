//! Takes encrypted content out of a request whose upstream cannot read it.

use bytes::Bytes;
use serde_json::Value;

use crate::dialect::wire::build::json;
use crate::dialect::wire::change::{Fate, elements_changed};

/// What stands in the place of a summary that nobody can read: the model has to know that it does not know.
const LOST: &str = "A summary of the earlier conversation stood here. It was encrypted by another account, cannot be read any more, and was left out.";

/// Returns a request without its encrypted items; nothing where it has none. Other items lose the ids by which an upstream would look for
/// the reasoning in front of them.
pub(super) fn without_state(body: &Bytes) -> Option<Bytes> {
    elements_changed(body, "input", &mut |item| {
        let is_encrypted = item.get("encrypted_content").is_some_and(Value::is_string);
        match item.get("type").and_then(Value::as_str) {
            Some("compaction" | "compaction_summary") if is_encrypted => {
                *item = json!({"type": "message", "role": "developer", "content": LOST});
                Fate::Changed
            }
            _ if is_encrypted => Fate::Gone,
            Some("reasoning") => Fate::Same,
            _ => {
                if let Some(members) = item.as_object_mut() {
                    members.shift_remove("id");
                }
                Fate::Same
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::dialect::wire::change::left_by;

    #[test]
    fn what_is_encrypted_goes_and_the_conversation_stays() {
        let call = json!({"type": "function_call", "id": "fc_1", "call_id": "c", "name": "f", "arguments": "{}"});
        let body = json!({"model": "m", "input": [
            {"role": "user", "content": "hi"},
            {"type": "compaction", "id": "cmp_1", "encrypted_content": "A"},
            {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "B"},
            call,
        ]});
        let call = json!({"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"});
        let lost = json!({"type": "message", "role": "developer", "content": LOST});
        let expected = json!({"model": "m", "input": [{"role": "user", "content": "hi"}, lost, call]});
        assert_eq!(left_by(without_state, &body), expected);
        assert_eq!(without_state(&expected.to_string().into()), None);
        assert_eq!(without_state(&Bytes::from_static(br#"{"input":"hi"}"#)), None);
    }
}
