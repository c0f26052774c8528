//! Takes a member out of a JSON object, keeping every other byte.

use bytes::{Bytes, BytesMut};
use memchr::memrchr;

use super::members::Members;

/// Returns `body` without its top-level members called `name`; nothing where it has none.
#[must_use]
pub fn without(body: &Bytes, name: &str) -> Option<Bytes> {
    let value = Members::of(body).ok()?.last(name)?;
    let start = value.as_ptr() as usize - body.as_ptr() as usize;
    let mut end = start + value.len();
    // Between a key and its value stand a colon and white space only, and no quote stands in this key.
    let closing = memrchr(b'"', &body[..start])?;
    let mut start = memrchr(b'"', &body[..closing])?;
    let behind = body[end..].trim_ascii_start();
    if behind.first() == Some(&b',') {
        end = body.len() - behind.len() + 1;
    } else if let Some(before) = body[..start].trim_ascii_end().strip_suffix(b",") {
        start = before.len();
    }
    let mut cut = BytesMut::with_capacity(body.len());
    cut.extend_from_slice(&body[..start]);
    cut.extend_from_slice(&body[end..]);
    let cut = cut.freeze();
    Some(without(&cut, name).unwrap_or(cut))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_member_goes_with_its_comma() {
        for (body, rest) in [
            (r#"{"x":1,"a":1.00}"#, Some(r#"{"a":1.00}"#)),
            (r#"{"a":1, "x" : {"y":[1,2]} , "b":2}"#, Some(r#"{"a":1,  "b":2}"#)),
            (r#"{"a":1, "x":true}"#, Some(r#"{"a":1}"#)),
            (r#"{"x":null}"#, Some("{}")),
            (r#"{"x":1,"a":"x","x":2}"#, Some(r#"{"a":"x"}"#)),
            (r#"{"a":{"x":1}}"#, None),
            (r#"["x"]"#, None),
        ] {
            let cut = without(&Bytes::from_static(body.as_bytes()), "x");
            assert_eq!(cut.as_deref(), rest.map(str::as_bytes), "{body}");
        }
    }

    proptest! {
        #[test]
        fn what_is_left_is_the_object_without_it(members in proptest::collection::btree_map("[a-z]{1,3}", "[ -~]{0,5}", 0..6), name in "[a-z]{1,2}") {
            let value = serde_json::json!(members);
            let body = Bytes::from(value.to_string());
            let mut expected = value;
            let had = expected.as_object_mut().unwrap().remove(&name).is_some();
            let cut = without(&body, &name);
            prop_assert_eq!(cut.is_some(), had);
            if let Some(cut) = cut {
                prop_assert_eq!(serde_json::from_slice::<serde_json::Value>(&cut).unwrap(), expected);
            }
        }
    }
}
