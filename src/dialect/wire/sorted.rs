//! A small map that is kept as a sorted list.
//!
//! It is for few entries, or for keys that come in order: a new key in front of others moves them. What a client or an upstream can make
//! long and out of order belongs elsewhere. (`BTreeMap` is five times the code, for each type of key and value.)

use std::borrow::Borrow;
use std::ops::Deref;

/// Entries in the order of their keys, which are all different.
#[derive(Clone, Debug)]
pub struct Sorted<K, V>(Vec<(K, V)>);

impl<K, V> Sorted<K, V> {
    /// Returns an empty map.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }
}

impl<K, V> Default for Sorted<K, V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K: Ord, V> Sorted<K, V> {
    /// Returns where a key is, or where it would be.
    fn place<Q: Ord + ?Sized>(&self, key: &Q) -> Result<usize, usize>
    where
        K: Borrow<Q>,
    {
        self.0.binary_search_by(|(known, _)| known.borrow().cmp(key))
    }

    /// Returns the value of a key.
    #[must_use]
    pub fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        Some(&self.0[self.place(key).ok()?].1)
    }

    /// Returns the value of a key, to be changed.
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        let place = self.place(key).ok()?;
        Some(&mut self.0[place].1)
    }

    /// Returns the value of a key, to be changed; that is `value` where the key is new.
    pub fn get_or_insert(&mut self, key: K, value: V) -> &mut V {
        let place = self.place(&key).unwrap_or_else(|place| {
            self.0.insert(place, (key, value));
            place
        });
        &mut self.0[place].1
    }

    /// Returns the values in the order of their keys, to be changed.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.0.iter_mut().map(|(_, value)| value)
    }

    /// Takes a key and its value out.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        let place = self.place(key).ok()?;
        Some(self.0.remove(place).1)
    }
}

impl<K, V> Deref for Sorted<K, V> {
    type Target = [(K, V)];

    fn deref(&self) -> &[(K, V)] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_holds_what_a_map_holds(steps in prop::collection::vec((0..12_u8, 0..3_u8), 0..60)) {
            let (mut sorted, mut map) = (Sorted::new(), BTreeMap::new());
            for (at, (key, step)) in steps.into_iter().enumerate() {
                match step {
                    0 => prop_assert_eq!(sorted.remove(&key), map.remove(&key)),
                    1 => prop_assert_eq!(sorted.get_or_insert(key, at), map.entry(key).or_insert(at)),
                    _ => prop_assert_eq!(sorted.get_mut(&key), map.get_mut(&key)),
                }
                prop_assert_eq!(sorted.get(&key), map.get(&key));
            }
            prop_assert!(sorted.iter().map(|(key, value)| (key, value)).eq(&map));
        }
    }
}
