//! The members of a client's request, taken out one by one, with the path that an error names.
//!
//! A member that is `null` is as good as none. One of the wrong type is an error that says where it is and what was expected. What is
//! left in the end is what nobody asked for.

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
            }),
            Ok(_) => Err(Unsayable::invalid("", "The request body must be a JSON object.")),
            Err(error) => Err(Unsayable::invalid(
                "",
                format!("The request body is not valid JSON: {error}."),
            )),
        }
    }

    /// Reads a value that has to be an object. `path` is where it stands.
    ///
    /// # Errors
    ///
    /// If it is not one.
    pub fn of(value: Value, path: String) -> Result<Self, Unsayable> {
        match value {
            Value::Object(members) => Ok(Self { members, path }),
            _ => Err(wrong(path, "an object")),
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
    ///
    /// # Errors
    ///
    /// If it is something else.
    pub fn text(&mut self, name: &str) -> Result<Option<String>, Unsayable> {
        self.read(name, "a string", |value| match value {
            Value::String(text) => Some(text),
            _ => None,
        })
    }

    /// Takes a text that has to be there.
    ///
    /// # Errors
    ///
    /// If it is missing, or something else.
    pub fn required_text(&mut self, name: &str) -> Result<String, Unsayable> {
        let text = self.text(name)?;
        text.ok_or_else(|| wrong(self.path(name), "a string"))
    }

    /// Takes a truth.
    ///
    /// # Errors
    ///
    /// If it is something else.
    pub fn flag(&mut self, name: &str) -> Result<Option<bool>, Unsayable> {
        self.read(name, "true or false", |value| value.as_bool())
    }

    /// Takes a number, as it is written.
    ///
    /// # Errors
    ///
    /// If it is something else.
    pub fn number(&mut self, name: &str) -> Result<Option<Number>, Unsayable> {
        self.read(name, "a number", |value| match value {
            Value::Number(number) => Some(number),
            _ => None,
        })
    }

    /// Takes a whole number that is not negative. `64.0` is one.
    ///
    /// # Errors
    ///
    /// If it is something else.
    pub fn count(&mut self, name: &str) -> Result<Option<u64>, Unsayable> {
        self.read(name, "a whole number that is not negative", |value| {
            let whole =
                |number: f64| (number >= 0.0 && number.fract() == 0.0 && number < 2e15).then_some(number as u64);
            value.as_u64().or_else(|| value.as_f64().and_then(whole))
        })
    }

    /// Takes an array.
    ///
    /// # Errors
    ///
    /// If it is something else.
    pub fn list(&mut self, name: &str) -> Result<Option<Vec<Value>>, Unsayable> {
        self.read(name, "an array", |value| match value {
            Value::Array(list) => Some(list),
            _ => None,
        })
    }

    /// Takes an array of objects. Missing is empty.
    ///
    /// # Errors
    ///
    /// If it is something else.
    pub fn objects(&mut self, name: &str) -> Result<Vec<Self>, Unsayable> {
        let path = self.path(name);
        let list = self.list(name)?.unwrap_or_default().into_iter().enumerate();
        list.map(|(index, value)| Self::of(value, format!("{path}[{index}]")))
            .collect()
    }

    /// Takes an array of texts. Missing is empty.
    ///
    /// # Errors
    ///
    /// If it is something else.
    pub fn texts(&mut self, name: &str) -> Result<Vec<String>, Unsayable> {
        let texts = self.read(name, "an array of strings", |value| match value {
            Value::Array(list) => list
                .into_iter()
                .map(|value| match value {
                    Value::String(text) => Some(text),
                    _ => None,
                })
                .collect::<Option<Vec<_>>>(),
            _ => None,
        });
        Ok(texts?.unwrap_or_default())
    }

    /// Takes an object.
    ///
    /// # Errors
    ///
    /// If it is something else.
    pub fn object(&mut self, name: &str) -> Result<Option<Self>, Unsayable> {
        let path = self.path(name);
        self.take(name).map(|value| Self::of(value, path)).transpose()
    }

    /// Takes an object that has to be there.
    ///
    /// # Errors
    ///
    /// If it is missing, or something else.
    pub fn required_object(&mut self, name: &str) -> Result<Self, Unsayable> {
        let object = self.object(name)?;
        object.ok_or_else(|| wrong(self.path(name), "an object"))
    }

    /// Returns what was not taken: the names of members that are not `null`.
    pub fn left(self) -> impl Iterator<Item = String> {
        let left = self.members.into_iter().filter(|(_, value)| !value.is_null());
        left.map(|(name, _)| name)
    }

    /// Returns all that was not taken.
    #[must_use]
    pub fn into_members(self) -> Map<String, Value> {
        self.members
    }

    fn read<T>(
        &mut self,
        name: &str,
        expected: Expected,
        read: impl FnOnce(Value) -> Option<T>,
    ) -> Result<Option<T>, Unsayable> {
        match self.take(name) {
            Some(value) => read(value).map(Some).ok_or_else(|| wrong(self.path(name), expected)),
            None => Ok(None),
        }
    }
}

/// Returns what is said of a member of the wrong type, or of a missing one.
#[must_use]
pub fn wrong(path: String, expected: Expected) -> Unsayable {
    let message = format!("`{path}` must be {expected}.");
    Unsayable::invalid(path, message)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_wrong_member_is_named_by_its_path() {
        let mut fields =
            Fields::of_request(br#"{"a":[{"b":5},{}],"c":64.0,"d":-1,"e":["x",1],"f":null,"g":1}"#).unwrap();
        let mut inner = fields.objects("a").unwrap();
        let wrong = inner[0].text("b").unwrap_err();
        assert_eq!(
            (&*wrong.param, &*wrong.message),
            ("a[0].b", "`a[0].b` must be a string.")
        );
        assert_eq!(inner[1].required_text("b").unwrap_err().param, "a[1].b");
        assert_eq!(fields.count("c"), Ok(Some(64)));
        for (found, param) in [
            (fields.count("d").map(|_| ()), "d"),
            (fields.texts("e").map(|_| ()), "e"),
            (fields.required_object("f").map(|_| ()), "f"),
        ] {
            assert_eq!(found.unwrap_err().param, param);
        }
        assert_eq!(fields.left().collect::<Vec<_>>(), ["g"]);
        assert!(Fields::of(json!([]), "x".to_owned()).is_err());
        let mut cut = Fields::of_request(br#"{"a":"\ud83d"}"#).unwrap();
        assert_eq!(cut.text("a"), Ok(Some("\u{fffd}".to_owned())));
        assert!(Fields::of_request(b"[]").is_err() && Fields::of_request(b"{").is_err());
    }
}
