//! Changes one member of a JSON object, keeping every byte in front of its value and behind it.

use bytes::Bytes;
use serde_json::Value;

use super::members::Members;

/// Returns `body` with its top-level member `name` changed; nothing where it has none, or `change` says that it changed nothing.
pub(crate) fn changed(body: &Bytes, name: &str, change: &mut dyn FnMut(&mut Value) -> bool) -> Option<Bytes> {
    let text = Members::of(body).ok()?.last(name)?;
    let mut value = serde_json::from_str(text).ok()?;
    if !change(&mut value) {
        return None;
    }
    let start = text.as_ptr() as usize - body.as_ptr() as usize;
    let new = serde_json::to_vec(&value).ok()?;
    Some([&body[..start], &new, &body[start + text.len()..]].concat().into())
}

/// Keeps the elements of an array that `keep` lets stay, which may change them. Returns whether one was taken out.
pub(crate) fn retain(list: &mut Value, keep: &mut dyn FnMut(&mut Value) -> bool) -> bool {
    let Value::Array(list) = list else {
        return false;
    };
    let before = list.len();
    list.retain_mut(keep);
    list.len() < before
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_member_changes() {
        let body = Bytes::from_static(br#"{ "n":1.00, "l" : [1,2,3] ,"z":[1 , 2]}"#);
        let mut odd = |list: &mut Value| retain(list, &mut |number| number != 2);
        let expected: &[u8] = br#"{ "n":1.00, "l" : [1,3] ,"z":[1 , 2]}"#;
        assert_eq!(changed(&body, "l", &mut odd).as_deref(), Some(expected));
        assert_eq!(changed(&body, "n", &mut odd), None);
        assert_eq!(changed(&body, "x", &mut odd), None);
        assert_eq!(changed(&body, "l", &mut |list| retain(list, &mut |_| true)), None);
    }
}
