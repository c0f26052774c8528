//! What an attempt's outcome means: read once, here, and believed by everyone else.

use crate::platform::Fault;

/// Whom a failed attempt blames, and so what is tried next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// An answer to hand to the client.
    Success,
    /// The client's own request: handed back as it came.
    Request,
    /// The key was refused, or has no quota or no rate left: another one may do.
    Key,
    /// The upstream failed: another key may reach a healthy part of it, another upstream surely does.
    Upstream,
    /// The time is up. Not repeated on the same upstream: the work may have been billed.
    Time,
}

/// The scope of an answer's status.
#[must_use]
pub const fn of_status(status: u16) -> Scope {
    match status {
        100..=299 => Scope::Success,
        401 | 402 | 403 | 429 => Scope::Key,
        400..=499 => Scope::Request,
        _ => Scope::Upstream,
    }
}

/// The scope of a fault.
#[must_use]
pub const fn of_fault(fault: &Fault) -> Scope {
    match fault {
        Fault::Timeout => Scope::Time,
        Fault::Connect(_) | Fault::Reset(_) | Fault::TooLarge => Scope::Upstream,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_have_the_scopes_of_the_table() {
        let of = |statuses: &[u16]| statuses.iter().map(|status| of_status(*status)).collect::<Vec<_>>();
        assert_eq!(of(&[200, 201, 204]), [Scope::Success; 3]);
        assert_eq!(of(&[400, 404, 405, 409, 413, 415, 422, 418]), [Scope::Request; 8]);
        assert_eq!(of(&[401, 402, 403, 429]), [Scope::Key; 4]);
        assert_eq!(of(&[500, 502, 503, 504, 520, 529]), [Scope::Upstream; 6]);
        assert_eq!(of(&[301, 302, 307]), [Scope::Upstream; 3]);
    }
}
