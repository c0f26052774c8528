//! Rendezvous hashing: the order of a route's keys for one request.
//!
//! Each key gets a score from a hash of the request and the key. The hash only has to spread: no secret hangs on it, and a route
//! with a thousand keys makes a thousand scores for each request. It needs no counter and no store, and every
//! process and every isolate ranks the same keys the same way. When a key is added or removed, only the requests that it
//! gains or loses change their key; the prompt caches of the others stay warm.

use sha2::{Digest, Sha256};

/// How much of a long subject counts, at its beginning and at its end, in bytes. A conversation may begin with instructions of 50 KB, and
/// what the user says stands behind them.
const EDGES: (usize, usize) = (128, 512);

/// Returns what stands for a request id or a conversation: always 32 bytes.
#[must_use]
pub fn digest(subject: &[u8]) -> [u8; 32] {
    let hash = Sha256::new().chain_update((subject.len() as u64).to_be_bytes());
    let hash = match (
        subject.first_chunk::<{ EDGES.0 }>(),
        subject.last_chunk::<{ EDGES.1 }>(),
    ) {
        (Some(first), Some(last)) if subject.len() > EDGES.0 + EDGES.1 => hash.chain_update(first).chain_update(last),
        _ => hash.chain_update(subject),
    };
    hash.finalize().into()
}

/// Returns the places of `keys`, best first, for `subject`: a request id or a conversation.
#[must_use]
pub fn rank<'a>(subject: &[u8], keys: impl IntoIterator<Item = &'a str, IntoIter: ExactSizeIterator>) -> Vec<usize> {
    let keys = keys.into_iter();
    if keys.len() < 2 {
        return (0..keys.len()).collect();
    }
    let short;
    let subject = if subject.len() > 64 {
        short = digest(subject);
        &short
    } else {
        subject
    };
    let subject = hash(0, subject);
    let mut scored = Vec::with_capacity(keys.len());
    for (index, key) in keys.enumerate() {
        let own = (hash(subject, key.as_bytes()), index);
        scored.insert(scored.partition_point(|other| *other > own), own);
    }
    scored.into_iter().map(|(_, index)| index).collect()
}

/// Returns a hash of `text`, another one for each `seed`: eight bytes after the other go through the last steps of MurmurHash3
/// (`fmix64`), in which every bit of a word changes about half of the bits.
fn hash(seed: u64, text: &[u8]) -> u64 {
    let (words, tail) = text.as_chunks();
    let mut last = [0; 8];
    last[..tail.len()].copy_from_slice(tail);
    let begun = mix(seed ^ text.len() as u64);
    let words = words.iter().chain([&last]).map(|word| u64::from_le_bytes(*word));
    words.fold(begun, |hash, word| mix(hash ^ word))
}

const fn mix(word: u64) -> u64 {
    let word = (word ^ word >> 33).wrapping_mul(0xff51_afd7_ed55_8ccd);
    let word = (word ^ word >> 33).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    word ^ word >> 33
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_ranking_is_the_same_in_every_build() {
        assert_eq!(rank(b"request-1", ["a", "b", "c"]), rank(b"request-1", ["a", "b", "c"]));
        let firsts: Vec<usize> = (0..8)
            .map(|n| rank(format!("request-{n}").as_bytes(), ["a", "b", "c"])[0])
            .collect();
        assert_eq!(firsts, [1, 0, 2, 2, 2, 0, 2, 0]);
    }

    #[test]
    fn of_a_long_conversation_both_ends_count() {
        let long = |first: char, last: char| format!("{first}{}{last}", "instructions ".repeat(100));
        let digests = [
            long('a', 'a'),
            long('a', 'b'),
            long('b', 'a'),
            "a".repeat(640),
            "a".repeat(641),
        ];
        let digests: std::collections::HashSet<_> = digests.iter().map(|text| digest(text.as_bytes())).collect();
        assert_eq!(digests.len(), 5);
    }

    #[test]
    fn requests_spread_over_the_keys() {
        let mut counts = [0; 4];
        for n in 0..4000 {
            counts[rank(format!("{n}").as_bytes(), ["a", "b", "c", "d"])[0]] += 1;
        }
        assert!(counts.iter().all(|count| (850..1150).contains(count)), "{counts:?}");
    }

    proptest! {
        #[test]
        fn every_key_is_ranked_once(subject in ".*", keys in proptest::collection::vec(".*", 0..20)) {
            let mut ranked = rank(subject.as_bytes(), keys.iter().map(String::as_str));
            ranked.sort_unstable();
            prop_assert_eq!(ranked, (0..keys.len()).collect::<Vec<_>>());
        }

        #[test]
        fn removing_a_key_keeps_the_order_of_the_others(subject in ".*", gone in 0_usize..5) {
            let keys = ["a", "b", "c", "d", "e"];
            let all = rank(subject.as_bytes(), keys);
            let left: Vec<&str> = keys.iter().enumerate().filter(|(index, _)| *index != gone).map(|(_, key)| *key).collect();
            let fewer: Vec<&str> = rank(subject.as_bytes(), left.iter().copied()).iter().map(|index| left[*index]).collect();
            let expected: Vec<&str> = all.iter().filter(|index| **index != gone).map(|index| keys[*index]).collect();
            prop_assert_eq!(fewer, expected);
        }
    }
}
