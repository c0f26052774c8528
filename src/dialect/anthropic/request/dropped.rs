//! The names of what a client asked for and no other dialect can say.

/// Names, each of them once.
#[derive(Debug, Default)]
pub(super) struct Dropped {
    pub(super) names: Vec<String>,
}

impl Dropped {
    /// Adds `place` and `name`. A name that a client may have invented is not repeated: it stands in a header of the answer.
    pub(super) fn add(&mut self, place: &str, name: &str) {
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let name = if name.len() <= 64 && name.bytes().all(is_name) {
            format!("{place}{name}")
        } else {
            format!("{place}unknown")
        };
        if self.names.len() < 64 && !self.names.contains(&name) {
            self.names.push(name);
        }
    }
}
