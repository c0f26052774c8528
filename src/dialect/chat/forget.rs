//! Takes what proves reasoning out of a request whose upstream does not know the proof.

use bytes::Bytes;
use serde_json::Value;

use crate::dialect::wire::change::{changed, retain};

/// What Google takes instead of a signature that is lost.
const DUMMY: &str = "skip_thought_signature_validator";

/// Returns a request without the `reasoning_details` of its messages and the signatures of its calls; nothing where it has none.
pub(super) fn without_state(body: &Bytes) -> Option<Bytes> {
    changed(body, "messages", &mut |messages| {
        let mut is_changed = false;
        retain(messages, &mut |message| {
            if let Some(members) = message.as_object_mut() {
                is_changed |= members.shift_remove("reasoning_details").is_some();
            }
            if let Some(calls) = message.get_mut("tool_calls") {
                retain(calls, &mut |call| {
                    let signature = call.pointer_mut("/extra_content/google/thought_signature");
                    if let Some(signature) = signature.filter(|signature| *signature != DUMMY) {
                        *signature = Value::from(DUMMY);
                        is_changed = true;
                    }
                    true
                });
            }
            true
        });
        is_changed
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn left(body: &Value) -> Value {
        let body = without_state(&body.to_string().into()).unwrap();
        serde_json::from_slice(&body).unwrap()
    }

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
        assert_eq!(left(&body), expected);
        assert_eq!(without_state(&expected.to_string().into()), None);
    }
}
