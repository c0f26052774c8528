//! Takes thinking out of a request whose upstream does not know its signatures.

use bytes::Bytes;
use serde_json::Value;

use crate::dialect::wire::change::{Fate, elements_changed, retain};
use crate::dialect::wire::cut;
use crate::dialect::wire::json::parsed;

/// Returns a request without what was thought in earlier turns; nothing where it has none. In the middle of a turn that calls tools a
/// model with a budget has to begin with what it thought, so there it is not asked to think.
pub(super) fn without_state(body: &Bytes) -> Option<Bytes> {
    let body = elements_changed(body, "messages", &mut |message| {
        let Some(content) = message.get_mut("content") else {
            return Fate::Same;
        };
        let is_cut = retain(content, &mut |block| {
            !matches!(block["type"].as_str(), Some("thinking" | "redacted_thinking"))
        });
        if is_cut && content.as_array().is_some_and(Vec::is_empty) {
            Fate::Gone
        } else {
            Fate::stays(is_cut)
        }
    })?;
    let read: Option<Value> = parsed(&body);
    let is_cut = read.is_some_and(|request| {
        let last = request["messages"].as_array().and_then(|messages| messages.last());
        let mut blocks = last.and_then(|last| last["content"].as_array()).into_iter().flatten();
        request["thinking"]["type"] == "enabled" && blocks.any(|block| block["type"] == "tool_result")
    });
    let rest = if is_cut { cut::without(&body, "thinking") } else { None };
    Some(rest.unwrap_or(body))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::dialect::wire::change::left_by;

    #[test]
    fn what_was_thought_goes_and_the_conversation_stays() {
        let thought = json!({"type": "thinking", "thinking": "t", "signature": "s"});
        let said = json!({"type": "text", "text": "a"});
        let used = json!({"type": "tool_use", "id": "t", "name": "f", "input": {}});
        let result = json!({"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "1"}]});
        let body = json!({"thinking": {"type": "enabled", "budget_tokens": 1024}, "messages": [
            {"role": "user", "content": "hi"},
            {"role": "assistant", "content": [thought, said]},
            {"role": "assistant", "content": [{"type": "redacted_thinking", "data": "d"}]},
            {"role": "user", "content": "more"},
            {"role": "assistant", "content": [thought, used]},
            result,
        ]});
        let messages = json!([
            {"role": "user", "content": "hi"},
            {"role": "assistant", "content": [said]},
            {"role": "user", "content": "more"},
            {"role": "assistant", "content": [used]},
            result,
        ]);
        assert_eq!(left_by(without_state, &body), json!({"messages": messages}));
        let adaptive = json!({"thinking": {"type": "adaptive"}, "messages": body["messages"]});
        assert_eq!(
            left_by(without_state, &adaptive),
            json!({"thinking": {"type": "adaptive"}, "messages": messages})
        );
        assert_eq!(without_state(&json!({"messages": messages}).to_string().into()), None);
    }
}
