//! Who may call the gateway.

use super::secret::{Secret, TokenDigest};

/// A client of the gateway. Each route of a table makes one, with the name of the route. What it may do is a part of the
/// route.
#[derive(Debug)]
pub struct Account {
    /// Its name in logs and in `check`.
    pub name: String,
    /// The SHA-256 of the client's token.
    pub token: TokenDigest,
    /// The client's token itself, where the operator wrote that instead of its digest. It is removed from answers that
    /// contain it, and never compared with what a client sends.
    pub clear_token: Option<Secret>,
    /// The route that its requests take: an index into [`Config::routes`](super::Config::routes).
    pub route: usize,
}
