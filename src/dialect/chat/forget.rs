//! Takes what proves reasoning out of a request whose upstream does not know the proof.

use bytes::Bytes;
use serde_json::Value;

use crate::dialect::wire::change::{Fate, elements_changed};

/// What Google takes instead of a signature that is lost.
const DUMMY: &str = "skip_thought_signature_validator";

/// Returns a request without the `reasoning_details` of its messages and the signatures of its calls; nothing where it has none.
pub(super) fn without_state(body: &Bytes) -> Option<Bytes> {
    elements_changed(body, "messages", &mut |message| {
        let mut is_changed = false;
        if let Some(members) = message.as_object_mut() {
            is_changed |= members.shift_remove("reasoning_details").is_some();
        }
        let calls = message.get_mut("tool_calls").and_then(Value::as_array_mut);
        for call in calls.into_iter().flatten() {
            let signature = call.pointer_mut("/extra_content/google/thought_signature");
            if let Some(signature) = signature.filter(|signature| *signature != DUMMY) {
                *signature = Value::from(DUMMY);
                is_changed = true;
            }
        }
        Fate::stays(is_changed)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::dialect::wire::change::left_by;

    #[test]
    fn proofs_go_and_the_conversation_stays() {
        let call = |signature: &str| json!({"id": "c", "extra_content": {"google": {"thought_signature": signature}}});
        let body = json!({"messages": [
            {"role": "assistant", "content": "a", "reasoning_details": [{"type": "reasoning.encrypted", "data": "d"}]},
            {"role": "assistant", "tool_calls": [call("A")]},
        ]});
        let expected = json!({"messages": [
            {"role": "assistant", "content": "a"},
            {"role": "assistant", "tool_calls": [call(DUMMY)]},
        ]});
        assert_eq!(left_by(without_state, &body), expected);
        assert_eq!(without_state(&expected.to_string().into()), None);
    }
}
