//! Limits, quotas and budgets: who may use how much, and what has been used.
//!
//! A request counts for several subjects: its token, the token's group, the token for some models, and an upstream's key. [`Book`]
//! has the counters of all of them and admits a request to all or to none. Three kinds of number do the counting: a bucket
//! for rates per minute (`bucket`), a sum for quotas and budgets (`sum`), and a gauge for requests at the same time (`gauge`).
//! `meter` has all of one subject, `meters` all subjects.
//!
//! # The way of a request
//!
//! 1. Before its body is read, [`Book::admit`] counts it with every subject that is known by then, without an estimate.
//! 2. [`Size::estimate`] says what it will use, and [`Hold::extend`] holds that. Each limit has room for it or the request is refused
//!    ([`Exceeded`]).
//! 3. What a failed attempt used is [billed](Hold::bill). A hold of its own with the subject of an upstream's key ends with
//!    the attempt.
//! 4. [`Hold::settle`] gives back what was held and counts what was used. A hold that is dropped counts its estimate.
//!
//! A store takes [`Book::changes`] every now and then, and gives them back to [`Book::restore`] after a start. What
//! several processes share is to be lent to each book in parts; then [`Book::admit`] will have a third answer, which asks for more.

mod amount;
mod book;
mod bucket;
mod estimate;
mod gauge;
mod hold;
mod index;
mod limit;
mod meter;
mod meters;
mod period;
mod sum;

pub use self::amount::{Amount, Used};
pub use self::book::{Book, Changes, Spent};
pub use self::bucket::Level;
pub use self::estimate::{Estimate, Learned, Size};
pub use self::hold::{Hold, Settled};
pub use self::limit::{Exceeded, Limit, LimitScope, Limited, Quantity, RateLimit, RateLimits, Standing};
pub use self::meter::Counters;
pub use self::meters::Ask;
pub use self::period::Now;
pub use self::sum::Sum;
