//! JSON values, built: `json!` has the syntax of serde_json's macro of that name, and compiles to a table and one call where that one
//! compiles to a serializer for each member. The Worker is smaller for it.
//!
//! What is said of a member is borrowed until the value is built, so that all of it is written by the functions below, which are
//! there once.

use std::borrow::Cow;

use serde_json::{Map, Number, Value};

/// What can stand in `json!`.
pub(crate) trait Json {
    /// Returns its value.
    fn value(&self) -> Value;
}

/// The members of an object, in their order.
pub(crate) struct Object<'a>(pub(crate) &'a [(&'a str, &'a dyn Json)]);

/// Returns a value as JSON. There is one writer of values then, where `to_string` brings two more, one of them for people.
pub(crate) fn json_text(value: &Value) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// The elements of an array.
pub(crate) struct Array<'a>(pub(crate) &'a [&'a dyn Json]);

impl Json for Object<'_> {
    fn value(&self) -> Value {
        let mut members = Map::with_capacity(self.0.len());
        for (name, value) in self.0 {
            members.say(name, *value);
        }
        Value::Object(members)
    }
}

impl Json for Array<'_> {
    fn value(&self) -> Value {
        Value::Array(self.0.iter().map(|value| value.value()).collect())
    }
}

impl<T: Json + ?Sized> Json for &T {
    fn value(&self) -> Value {
        (**self).value()
    }
}

impl<T: Json + ?Sized> Json for &mut T {
    fn value(&self) -> Value {
        (**self).value()
    }
}

impl<T: Json> Json for Option<T> {
    fn value(&self) -> Value {
        self.as_ref().map_or(Value::Null, Json::value)
    }
}

impl<T: Json> Json for [T] {
    fn value(&self) -> Value {
        Value::Array(self.iter().map(Json::value).collect())
    }
}

impl<T: Json> Json for Vec<T> {
    fn value(&self) -> Value {
        self.as_slice().value()
    }
}

impl Json for str {
    fn value(&self) -> Value {
        Value::String(self.to_owned())
    }
}

impl Json for String {
    fn value(&self) -> Value {
        self.as_str().value()
    }
}

impl Json for Cow<'_, str> {
    fn value(&self) -> Value {
        (**self).value()
    }
}

impl Json for () {
    fn value(&self) -> Value {
        Value::Null
    }
}

impl Json for bool {
    fn value(&self) -> Value {
        Value::Bool(*self)
    }
}

impl Json for u8 {
    fn value(&self) -> Value {
        (*self).into()
    }
}

impl Json for u16 {
    fn value(&self) -> Value {
        (*self).into()
    }
}

impl Json for u32 {
    fn value(&self) -> Value {
        (*self).into()
    }
}

impl Json for u64 {
    fn value(&self) -> Value {
        (*self).into()
    }
}

impl Json for usize {
    fn value(&self) -> Value {
        (*self).into()
    }
}

impl Json for i32 {
    fn value(&self) -> Value {
        (*self).into()
    }
}

impl Json for f64 {
    fn value(&self) -> Value {
        (*self).into()
    }
}

impl Json for Number {
    fn value(&self) -> Value {
        Value::Number(self.clone())
    }
}

impl Json for Value {
    fn value(&self) -> Value {
        self.clone()
    }
}

impl Json for Map<String, Value> {
    fn value(&self) -> Value {
        Value::Object(self.clone())
    }
}

/// An object whose members are set one by one. Any other value is left as it is.
pub(crate) trait Set {
    /// Sets a member: at the end, or in the place of the member of that name.
    fn set(&mut self, name: &str, value: Value);

    /// Sets a member to a value that is copied.
    fn say(&mut self, name: &str, value: &dyn Json);
}

impl Set for Map<String, Value> {
    fn set(&mut self, name: &str, value: Value) {
        self.insert(name.to_owned(), value);
    }

    fn say(&mut self, name: &str, value: &dyn Json) {
        self.set(name, value.value());
    }
}

impl Set for Value {
    fn set(&mut self, name: &str, value: Value) {
        if let Self::Object(members) = self {
            members.set(name, value);
        }
    }

    fn say(&mut self, name: &str, value: &dyn Json) {
        self.set(name, value.value());
    }
}

/// Returns a value: `json!({"type": "text", "text": text, "parts": [part, null]})`. What stands behind a name is an expression of a type
/// that is `Json`, and is borrowed.
macro_rules! json {
    // A value, as a reference to something that is `Json`.
    (@value null) => { &() };
    (@value { $($members:tt)* }) => { &$crate::dialect::wire::build::Object($crate::dialect::wire::build::json!(@members [] $($members)*)) };
    (@value [ $($elements:tt)* ]) => { &$crate::dialect::wire::build::Array($crate::dialect::wire::build::json!(@elements [] $($elements)*)) };
    (@value $value:expr) => { &$value };
    // Members of an object: those in brackets are done.
    (@members [$($done:tt)*]) => { &[$($done)*] };
    (@members [$($done:tt)*] $name:tt : null $(, $($rest:tt)*)?) => {
        $crate::dialect::wire::build::json!(@members [$($done)* ($name, $crate::dialect::wire::build::json!(@value null)),] $($($rest)*)?)
    };
    (@members [$($done:tt)*] $name:tt : {$($inner:tt)*} $(, $($rest:tt)*)?) => {
        $crate::dialect::wire::build::json!(@members [$($done)* ($name, $crate::dialect::wire::build::json!(@value {$($inner)*})),] $($($rest)*)?)
    };
    (@members [$($done:tt)*] $name:tt : [$($inner:tt)*] $(, $($rest:tt)*)?) => {
        $crate::dialect::wire::build::json!(@members [$($done)* ($name, $crate::dialect::wire::build::json!(@value [$($inner)*])),] $($($rest)*)?)
    };
    (@members [$($done:tt)*] $name:tt : $value:expr $(, $($rest:tt)*)?) => {
        $crate::dialect::wire::build::json!(@members [$($done)* ($name, $crate::dialect::wire::build::json!(@value $value)),] $($($rest)*)?)
    };
    // Elements of an array, as above.
    (@elements [$($done:tt)*]) => { &[$($done)*] };
    (@elements [$($done:tt)*] null $(, $($rest:tt)*)?) => {
        $crate::dialect::wire::build::json!(@elements [$($done)* $crate::dialect::wire::build::json!(@value null),] $($($rest)*)?)
    };
    (@elements [$($done:tt)*] {$($inner:tt)*} $(, $($rest:tt)*)?) => {
        $crate::dialect::wire::build::json!(@elements [$($done)* $crate::dialect::wire::build::json!(@value {$($inner)*}),] $($($rest)*)?)
    };
    (@elements [$($done:tt)*] [$($inner:tt)*] $(, $($rest:tt)*)?) => {
        $crate::dialect::wire::build::json!(@elements [$($done)* $crate::dialect::wire::build::json!(@value [$($inner)*]),] $($($rest)*)?)
    };
    (@elements [$($done:tt)*] $value:expr $(, $($rest:tt)*)?) => {
        $crate::dialect::wire::build::json!(@elements [$($done)* $crate::dialect::wire::build::json!(@value $value),] $($($rest)*)?)
    };
    ($($json:tt)+) => { $crate::dialect::wire::build::Json::value($crate::dialect::wire::build::json!(@value $($json)+)) };
}

pub(crate) use json;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_the_one_that_serde_json_builds() {
        let (text, list, missing) = ("x\"é".to_owned(), vec![json!({"a": 1}), json!(null)], None::<u64>);
        assert_eq!(
            json!({"n": null, "b": true, "s": text, "o": {}, "a": [], "l": list, "m": missing, "deep": [{"c": [[1, text], null]},], "u": 2_u64,
                "if": if missing.is_some() { "yes" } else { "no" }}),
            serde_json::json!({"n": null, "b": true, "s": text, "o": {}, "a": [], "l": list, "m": missing, "deep": [{"c": [[1, text], null]}],
                "u": 2_u64, "if": "no"})
        );
        let words = ["z", "a"].map(|word| json!(word));
        assert_eq!(
            json!({"z": 1, "a": 2, "list": &words[..]}).to_string(),
            r#"{"z":1,"a":2,"list":["z","a"]}"#
        );
    }

    #[test]
    fn a_member_is_set_at_the_end_or_in_its_place() {
        let mut object = json!({"a": 1, "b": 2});
        object.say("a", &"x");
        object.say("c", &None::<bool>);
        assert_eq!(object.to_string(), r#"{"a":"x","b":2,"c":null}"#);
        let mut list = json!([1]);
        list.say("a", &1);
        assert_eq!(list, json!([1]));
    }
}
