//! Values in an upstream's JSON, taken out of its text without building anything. A value of another type than the one that is asked
//! for is as good as none: upstreams write `null`, `""` and `[]` for the same thing.

use std::borrow::Cow;

use crate::dialect::wire::json;
pub(super) use crate::dialect::wire::json::{members as object, text as string};
use crate::dialect::wire::members::Members;
use crate::dialect::wire::number::of_json;

/// Returns the members of the object that is the member `name`.
pub(super) fn inner<'a>(members: &Members<'a>, name: &str) -> Option<Members<'a>> {
    object(members.last(name).filter(|json| json.starts_with('{'))?)
}

/// Returns the elements of the array that is the member `name`.
pub(super) fn items<'a>(members: &Members<'a>, name: &str) -> Vec<&'a str> {
    members.last(name).map(elements).unwrap_or_default()
}

/// Returns the elements of an array.
pub(super) fn elements(array: &str) -> Vec<&str> {
    json::elements(array).unwrap_or_default()
}

/// Returns the text that is the member `name`, if it is not empty.
pub(super) fn text<'a>(members: &Members<'a>, name: &str) -> Option<Cow<'a, str>> {
    members.last(name).and_then(string).filter(|text| !text.is_empty())
}

/// Returns the count that is the member `name`. Some upstreams write `12.0`.
pub(super) fn count(members: &Members<'_>, name: &str) -> Option<u64> {
    let json = members.last(name)?;
    let whole = json.parse().ok();
    whole.or_else(|| {
        let number = of_json(json)?;
        (number >= 0.0).then_some(number as u64)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_count_is_read_in_every_spelling() {
        let members = object(r#"{"a":12,"b":12.0,"c":"12","d":null,"e":-1,"f":1e3}"#).unwrap();
        let found: Vec<_> = ["a", "b", "c", "d", "e", "f"].map(|name| count(&members, name)).into();
        assert_eq!(found, [Some(12), Some(12), None, None, None, Some(1000)]);
    }

    proptest! {
        #[test]
        fn a_text_is_read_as_a_parser_reads_it(text in any::<String>()) {
            let json = serde_json::to_string(&text).unwrap();
            let found = string(&json);
            prop_assert_eq!(found.as_deref(), Some(&*text));
        }

        #[test]
        fn a_text_that_was_cut_inside_a_character_is_read(json in r#""(\\\\|\\"|\\u00[0-9a-f]{2}|\\ud[89c-f][0-9a-f]{2}|é){0,12}""#) {
            prop_assert!(string(&json).is_some());
        }
    }
}
