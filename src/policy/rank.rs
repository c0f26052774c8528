//! Rendezvous hashing: which key comes first for a request, without a counter or a store.
//!
//! Every runtime and every process ranks the same keys the same way, and a key that is added or
//! removed moves only the requests that it gains or loses.

use sha2::{Digest, Sha256};

/// The indices of `keys`, best first for `subject` (a request id or a conversation).
#[must_use]
pub fn rank<'a>(subject: &[u8], keys: impl IntoIterator<Item = &'a str, IntoIter: ExactSizeIterator>) -> Vec<usize> {
    let keys = keys.into_iter();
    if keys.len() < 2 {
        return (0..keys.len()).collect();
    }
    let mut scored: Vec<_> = keys
        .enumerate()
        .map(|(index, key)| (score(subject, key), index))
        .collect();
    scored.sort_unstable_by(|a, b| b.cmp(a));
    scored.into_iter().map(|(_, index)| index).collect()
}

fn score(subject: &[u8], key: &str) -> [u8; 8] {
    let digest = Sha256::new()
        .chain_update((subject.len() as u64).to_be_bytes())
        .chain_update(subject)
        .chain_update(key)
        .finalize();
    let mut score = [0; 8];
    score.copy_from_slice(&digest[..8]);
    score
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
        assert_eq!(firsts, [2, 0, 0, 1, 2, 0, 1, 2]);
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
