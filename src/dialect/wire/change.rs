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

/// What becomes of an element of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Same,
    Changed,
    Gone,
}

impl Fate {
    /// One that stays.
    pub(crate) const fn stays(is_changed: bool) -> Self {
        if is_changed { Self::Changed } else { Self::Same }
    }
}

/// Returns `body` with the elements of its top-level list `name` as `judge` leaves them; nothing where it has none, or all of them are
/// the same.
pub(crate) fn elements_changed(body: &Bytes, name: &str, judge: &mut dyn FnMut(&mut Value) -> Fate) -> Option<Bytes> {
    changed(body, name, &mut |list| {
        let mut is_changed = false;
        retain(list, &mut |element| {
            let fate = judge(element);
            is_changed |= fate != Fate::Same;
            fate != Fate::Gone
        });
        is_changed
    })
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

/// Returns what `without_state` leaves of a request that has state.
#[cfg(test)]
pub(crate) fn left_by(without_state: fn(&Bytes) -> Option<Bytes>, body: &Value) -> Value {
    let body = without_state(&body.to_string().into()).unwrap();
    serde_json::from_slice(&body).unwrap()
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
