//! Names of fields, made once. Clients and upstreams send the same ones over and over, spelled the same way. A name that is not
//! among the `http` crate's own would cost an allocation each time it is read.

use std::cell::RefCell;

use http::HeaderName;
use http::header::InvalidHeaderName;

/// The number of names that each thread keeps.
const PLACES: usize = 256;

/// The longest spelling that is kept, in bytes.
const LONGEST: usize = 48;

/// A spelling, and the name that is made of it.
struct Known {
    spelling: Box<str>,
    name: HeaderName,
}

thread_local! {
    /// The names that are kept. Each spelling has one place, and takes it from another one that is there.
    static KNOWN: RefCell<[Option<Known>; PLACES]> = const { RefCell::new([const { None }; PLACES]) };
}

/// Returns the name of a field as it is spelled in a head.
///
/// # Errors
/// If the spelling is not one of a name.
pub(super) fn name(spelling: &str) -> Result<HeaderName, InvalidHeaderName> {
    if spelling.len() > LONGEST {
        return HeaderName::from_bytes(spelling.as_bytes());
    }
    KNOWN.with_borrow_mut(|known| {
        let place = &mut known[place(spelling.as_bytes())];
        if let Some(known) = place
            && *known.spelling == *spelling
        {
            return Ok(known.name.clone());
        }
        let name = HeaderName::from_bytes(spelling.as_bytes())?;
        let spelling = spelling.into();
        *place = Some(Known {
            spelling,
            name: name.clone(),
        });
        Ok(name)
    })
}

/// Returns the place of a spelling. It is read eight bytes at a time, and mixed by a multiplication; the factor has the golden
/// ratio's digits.
fn place(spelling: &[u8]) -> usize {
    let (words, rest) = spelling.as_chunks::<8>();
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    let mixed = words.iter().chain([&last]).fold(spelling.len() as u64, |mixed, word| {
        (mixed.rotate_left(5) ^ u64::from_le_bytes(*word)).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    });
    (mixed >> 56) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_the_same_when_it_is_known_and_when_others_took_its_place() {
        let names = || (0..4 * PLACES).map(|number| format!("X-Number-{number}"));
        for _ in 0..2 {
            for spelling in names()
                .chain(names())
                .chain(["Content-Type".into(), "x".repeat(LONGEST + 1)])
            {
                let read = name(&spelling).map(|name| name.as_str().to_owned());
                assert_eq!(read.ok(), Some(spelling.to_lowercase()));
            }
        }
    }

    #[test]
    fn what_is_no_name_is_refused_every_time() {
        for spelling in ["", "a b", "é", "a:"] {
            assert!((0..2).all(|_| name(spelling).is_err()), "{spelling}");
        }
    }
}
