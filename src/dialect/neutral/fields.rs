//! The members of a client's request, taken out one by one, with the path that an error names.
//!
//! A member that is `null` is as good as none. One of the wrong type is an error that says where it is and what was expected. The first
//! error of a request is kept, and reading goes on as if the member were missing: what is read is thrown away in the end
//! ([`Fields::settle`]). A `Result` of every member would be a branch, and a way to leave with all that was read, at each of them.
//! What is left in the end is what nobody asked for.

use std::cell::OnceCell;
use std::mem;
use std::rc::Rc;

use serde_json::{Map, Number, Value};

use super::request::Unsayable;
use crate::dialect::wire::halves::without_halves;
use crate::dialect::wire::trim::BYTE_ORDER_MARK;

/// What the answer to a wrong member says is expected.
type Expected = &'static str;

/// An object of a request.
#[derive(Debug)]
pub struct Fields {
    members: Map<String, Value>,
    /// Where it stands: `messages[3].content[0]`. Empty for the request itself.
    path: String,
    /// The first error of the whole request.
    error: Rc<OnceCell<Unsayable>>,
}

impl Fields {
    /// Reads a request.
    ///
    /// # Errors
    ///
    /// If it is not a JSON object, or nests deeper than 128 levels.
    pub fn of_request(body: &[u8]) -> Result<Self, Unsayable> {
        let body = body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(body);
        let Ok(text) = simdutf8::compat::from_utf8(body) else {
            return Err(Unsayable::invalid(
                "",
                "The request body is not valid JSON: it is not UTF-8.",
            ));
        };
        match serde_json::from_str(text).or_else(|_| serde_json::from_str(&without_halves(text))) {
            Ok(Value::Object(members)) => Ok(Self {
                members,
                path: String::new(),
                error: Rc::default(),
            }),
            Ok(_) => Err(Unsayable::invalid("", "The request body must be a JSON object.")),
            Err(error) => Err(Unsayable::invalid(
                "",
                format!("The request body is not valid JSON: {error}."),
            )),
        }
    }

    /// Returns what was read of the request.
    ///
    /// # Errors
    ///
    /// The first one that any of its objects had.
    pub fn settle<T>(&self, read: T) -> Result<T, Unsayable> {
        self.error.get().cloned().map_or(Ok(read), Err)
    }

    /// Notes an error, if it is the first one.
    pub fn refuse(&self, error: Unsayable) {
        let _ = self.error.set(error);
    }

    /// Notes that what stands at `path` has the wrong type, or is missing.
    pub fn wrong(&self, path: &str, expected: Expected) {
        self.refuse(Unsayable::invalid(path, format!("`{path}` must be {expected}.")));
    }

    /// Reads a value inside of this object that has to be an object. `path` is where it stands.
    #[must_use]
    pub fn inner(&self, value: Value, path: String) -> Self {
        let members = match value {
            Value::Object(members) => members,
            _ => {
                self.wrong(&path, "an object");
                Map::new()
            }
        };
        Self {
            members,
            path,
            error: Rc::clone(&self.error),
        }
    }

    /// Returns the path of a member.
    #[must_use]
    pub fn path(&self, name: &str) -> String {
        if self.path.is_empty() {
            name.to_owned()
        } else {
            format!("{}.{name}", self.path)
        }
    }

    /// Returns where the object itself stands.
    #[must_use]
    pub fn own_path(&self) -> &str {
        &self.path
    }

    /// Whether there is such a member, and it is not `null`.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.members.get(name).is_some_and(|value| !value.is_null())
    }

    /// Takes a member of any type.
    pub fn take(&mut self, name: &str) -> Option<Value> {
        self.members.remove(name).filter(|value| !value.is_null())
    }

    /// Takes a text.
    pub fn text(&mut self, name: &str) -> Option<String> {
        self.read(name, "a string", text)
    }

    /// Takes a text that has to be there. It is empty where it is not.
    pub fn required_text(&mut self, name: &str) -> String {
        self.text(name).unwrap_or_else(|| {
            self.wrong(&self.path(name), "a string");
            String::new()
        })
    }

    /// Takes a truth.
    pub fn flag(&mut self, name: &str) -> Option<bool> {
        self.read(name, "true or false", |value| value.as_bool())
    }

    /// Takes a number, as it is written.
    pub fn number(&mut self, name: &str) -> Option<Number> {
        self.read(name, "a number", |value| match value {
            Value::Number(number) => Some(number),
            _ => None,
        })
    }

    /// Takes a whole number that is not negative. `64.0` is one.
    pub fn count(&mut self, name: &str) -> Option<u64> {
        self.read(name, "a whole number that is not negative", |value| {
            let whole =
                |number: f64| (number >= 0.0 && number.fract() == 0.0 && number < 2e15).then_some(number as u64);
            value.as_u64().or_else(|| value.as_f64().and_then(whole))
        })
    }

    /// Takes an array.
    pub fn list(&mut self, name: &str) -> Option<Vec<Value>> {
        self.read(name, "an array", list)
    }

    /// Takes an array of objects. Missing is empty.
    pub fn objects(&mut self, name: &str) -> Vec<Self> {
        let list = self.list(name).unwrap_or_default().into_iter().enumerate();
        let path = self.path(name);
        list.map(|(index, value)| self.inner(value, format!("{path}[{index}]")))
            .collect()
    }

    /// Takes an array of texts. Missing is empty.
    pub fn texts(&mut self, name: &str) -> Vec<String> {
        let texts = |value| list(value)?.into_iter().map(text).collect();
        self.read(name, "an array of strings", texts).unwrap_or_default()
    }

    /// Takes an object.
    pub fn object(&mut self, name: &str) -> Option<Self> {
        let value = self.take(name)?;
        Some(self.inner(value, self.path(name)))
    }

    /// Takes an object that has to be there. It is empty where it is not.
    pub fn required_object(&mut self, name: &str) -> Self {
        let value = self.take(name).unwrap_or_default();
        self.inner(value, self.path(name))
    }

    /// Takes what is left: the names of members that are not `null`.
    pub fn left(&mut self) -> impl Iterator<Item = String> + use<> {
        let left = self.take_all().into_iter();
        left.filter(|(_, value)| !value.is_null()).map(|(name, _)| name)
    }

    /// Takes all members that are left.
    pub fn take_all(&mut self) -> Map<String, Value> {
        mem::take(&mut self.members)
    }

    /// Returns all members that are left.
    #[must_use]
    pub fn into_members(self) -> Map<String, Value> {
        self.members
    }

    fn read<T>(&mut self, name: &str, expected: Expected, read: fn(Value) -> Option<T>) -> Option<T> {
        let read = read(self.take(name)?);
        if read.is_none() {
            self.wrong(&self.path(name), expected);
        }
        read
    }
}

fn text(value: Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text),
        _ => None,
    }
}

fn list(value: Value) -> Option<Vec<Value>> {
    match value {
        Value::Array(list) => Some(list),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_wrong_member_is_named_by_its_path() {
        let request =
            || Fields::of_request(br#"{"a":[{"b":5},{}],"c":64.0,"d":-1,"e":["x",1],"f":null,"g":1}"#).unwrap();
        type Reader = fn(&mut Fields);
        let wrong: [(Reader, &str, &str); 6] = [
            (|fields| drop(fields.objects("a")[0].text("b")), "a[0].b", "a string"),
            (
                |fields| drop(fields.objects("a")[1].required_text("b")),
                "a[1].b",
                "a string",
            ),
            (
                |fields| _ = fields.count("d"),
                "d",
                "a whole number that is not negative",
            ),
            (|fields| drop(fields.texts("e")), "e", "an array of strings"),
            (|fields| drop(fields.required_object("f")), "f", "an object"),
            (|fields| drop(fields.inner(json!([]), "x".to_owned())), "x", "an object"),
        ];
        for (read, param, expected) in wrong {
            let mut fields = request();
            read(&mut fields);
            let error = fields.settle(()).unwrap_err();
            assert_eq!(
                (&*error.param, &*error.message),
                (param, &*format!("`{param}` must be {expected}."))
            );
        }
        let mut fields = request();
        for name in ["a", "d", "e", "f"] {
            fields.take(name);
        }
        assert_eq!(fields.count("c"), Some(64));
        assert_eq!(fields.left().collect::<Vec<_>>(), ["g"]);
        assert_eq!(fields.settle(1), Ok(1));
        let mut cut = Fields::of_request(br#"{"a":"\ud83d"}"#).unwrap();
        assert_eq!(cut.text("a"), Some("\u{fffd}".to_owned()));
        assert!(Fields::of_request(b"[]").is_err() && Fields::of_request(b"{").is_err());
    }

    #[test]
    fn the_first_error_of_a_request_is_the_one_that_counts() {
        let mut fields = Fields::of_request(br#"{"a":{"b":5},"c":1}"#).unwrap();
        let mut inner = fields.object("a").unwrap();
        assert_eq!((inner.text("b"), fields.text("c")), (None, None));
        assert_eq!(fields.settle(()).unwrap_err().param, "a.b");
    }
}
