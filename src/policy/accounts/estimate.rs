//! What a request will use, as far as one can know before it is answered.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, PoisonError};

use super::index::Index;

/// Bytes of a request for one token. Text in English has about four, Chinese three.
const BYTES: u64 = 3;
/// Tokens of one image, whatever its size.
const IMAGE: u64 = 1_500;
/// Tokens of an answer where nothing is known of its kind.
const FIRST: u32 = 1_000;
/// How many answers are remembered of one token and model.
const KEPT: usize = 16;
/// The most pairs of a token and a model, some 80 bytes each. Clients choose the names of models.
const CAPACITY: usize = 4_096;

/// What an estimate is made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    /// Bytes of the request's text, without its images.
    pub bytes: u64,
    /// How many images it has.
    pub images: u64,
    /// The longest answer that it asks for, in tokens.
    pub max_tokens: Option<u64>,
    /// How many answers it asks for; zero counts as one.
    pub answers: u64,
    /// The tokens that its model takes, where they are known.
    pub window: Option<u64>,
}

/// What a request will use, in tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Estimate {
    /// Of its input.
    pub input: u64,
    /// Of all of its answers.
    pub output: u64,
}

impl Size {
    /// Returns the estimate. `learned` is what answers usually have ([`Learned::output`]), for requests that do not say.
    #[must_use]
    pub fn estimate(&self, learned: u64) -> Estimate {
        let window = self.window.unwrap_or(u64::MAX);
        let images = self.images.saturating_mul(IMAGE);
        let answer = self.max_tokens.unwrap_or(learned).min(window);
        Estimate {
            input: self.bytes.div_ceil(BYTES).saturating_add(images).min(window),
            output: answer.saturating_mul(self.answers.max(1)),
        }
    }
}

/// The last answers of one token and model.
#[derive(Clone, Copy, Debug)]
struct Lengths {
    tokens: [u32; KEPT],
    next: usize,
    /// When it was learnt from last, in answers.
    age: u64,
}

/// How long answers are: of each token and model the ninth of ten, from the last 16.
#[derive(Debug, Default)]
pub struct Learned {
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    index: Index,
    lengths: Vec<Lengths>,
    answers: u64,
}

fn id(token: &str, model: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    (token, model).hash(&mut hasher);
    hasher.finish()
}

impl Learned {
    /// Returns how many tokens an answer of `model` to `token` will have at most, nine times out of ten. It begins with 1,000.
    #[must_use]
    pub fn output(&self, token: &str, model: &str) -> u64 {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(place) = known.index.get(id(token, model)) else {
            return u64::from(FIRST);
        };
        let mut tokens = known.lengths[place].tokens;
        tokens.sort_unstable();
        u64::from(tokens[(KEPT * 9).div_ceil(10) - 1])
    }

    /// Learns how many tokens one answer had. Answers that broke off say nothing.
    pub fn learn(&self, token: &str, model: &str, output: u64) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let place = known.place(id(token, model));
        known.answers += 1;
        let age = known.answers;
        let lengths = &mut known.lengths[place];
        lengths.tokens[lengths.next] = u32::try_from(output).unwrap_or(u32::MAX);
        lengths.next = (lengths.next + 1) % KEPT;
        lengths.age = age;
    }
}

impl Known {
    /// Returns the place of a pair. Where all are taken, the one that was learnt from longest ago is given up.
    fn place(&mut self, id: u64) -> usize {
        if let Some(place) = self.index.get(id) {
            return place;
        }
        let fresh = Lengths {
            tokens: [FIRST; KEPT],
            next: 0,
            age: self.answers,
        };
        let places = self.lengths.iter().enumerate();
        let oldest = places.min_by_key(|(_, lengths)| lengths.age).map(|(place, _)| place);
        let place = oldest.filter(|_| self.lengths.len() >= CAPACITY);
        let place = place.unwrap_or(self.lengths.len());
        if place < self.lengths.len() {
            self.index.remove(place);
            self.lengths[place] = fresh;
        } else {
            self.lengths.push(fresh);
        }
        self.index.insert(id, place);
        place
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_estimate_is_made_of_bytes_images_and_what_is_asked_for() {
        for (size, expected) in [
            (Size::default(), (0, 700)),
            (
                Size {
                    bytes: 1,
                    ..Size::default()
                },
                (1, 700),
            ),
            (
                Size {
                    bytes: 3_000,
                    images: 2,
                    ..Size::default()
                },
                (4_000, 700),
            ),
            (
                Size {
                    max_tokens: Some(50),
                    ..Size::default()
                },
                (0, 50),
            ),
            (
                Size {
                    max_tokens: Some(50),
                    answers: 4,
                    ..Size::default()
                },
                (0, 200),
            ),
            (
                Size {
                    answers: 4,
                    ..Size::default()
                },
                (0, 2_800),
            ),
            (
                Size {
                    bytes: 900_000,
                    window: Some(128_000),
                    ..Size::default()
                },
                (128_000, 700),
            ),
            (
                Size {
                    max_tokens: Some(u64::MAX),
                    answers: 2,
                    window: Some(8_000),
                    ..Size::default()
                },
                (0, 16_000),
            ),
            (
                Size {
                    bytes: u64::MAX,
                    images: u64::MAX,
                    max_tokens: Some(u64::MAX),
                    answers: u64::MAX,
                    window: None,
                },
                (u64::MAX, u64::MAX),
            ),
        ] {
            let estimate = size.estimate(700);
            assert_eq!((estimate.input, estimate.output), expected, "{size:?}");
        }
    }

    #[test]
    fn the_length_of_answers_is_learnt_for_each_token_and_model() {
        let learned = Learned::default();
        assert_eq!(learned.output("alice", "m"), 1_000);
        learned.learn("alice", "m", 20);
        assert_eq!(learned.output("alice", "m"), 1_000, "one answer says little");
        (0..15).for_each(|_| learned.learn("alice", "m", 20));
        assert_eq!(learned.output("alice", "m"), 20);
        learned.learn("alice", "m", 90_000);
        assert_eq!(learned.output("alice", "m"), 20, "one of sixteen is rare");
        learned.learn("alice", "m", 80_000);
        assert_eq!(learned.output("alice", "m"), 80_000);
        assert_eq!(
            (learned.output("bob", "m"), learned.output("alice", "n")),
            (1_000, 1_000)
        );
        learned.learn("bob", "m", u64::MAX);
        learned.learn("bob", "m", u64::MAX);
        assert_eq!(learned.output("bob", "m"), u64::from(u32::MAX));
    }

    #[test]
    fn the_pair_that_was_learnt_from_longest_ago_is_given_up() {
        let learned = Learned::default();
        let teach = |model: &str| (0..16).for_each(|_| learned.learn("t", model, 5));
        (0..CAPACITY).for_each(|number| teach(&number.to_string()));
        teach("0");
        teach("new");
        let knows = |model: &str| learned.output("t", model) == 5;
        assert!(knows("0") && knows("2") && knows("new") && !knows("1"));
        let known = learned.known.lock().unwrap();
        assert_eq!(known.lengths.len(), CAPACITY);
    }

    proptest! {
        #[test]
        fn nine_of_ten_answers_are_no_longer_than_what_was_learnt(lengths in proptest::collection::vec(0_u64..100_000, 16..60)) {
            let learned = Learned::default();
            lengths.iter().for_each(|length| learned.learn("t", "m", *length));
            let output = learned.output("t", "m");
            let last = &lengths[lengths.len() - KEPT..];
            prop_assert!(last.contains(&output));
            prop_assert_eq!(last.iter().filter(|length| **length > output).count() * 10 / KEPT, 0);
        }
    }
}
