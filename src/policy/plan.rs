//! Which key of which route is tried next, and when to stop: a state machine that never waits or calls.
//!
//! Order of use: [`Plan::next`] says what to do, the caller does it and tells [`Plan::judge`] how it went, until
//! that says [`Verdict::Deliver`] or `next` says [`Step::GiveUp`].

use std::time::Duration;

use super::outcome::Scope;
use super::rank::rank;
use crate::config::{Config, Rotation};
use crate::platform::Millis;

/// One upstream with one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Target {
    /// Index into [`Config::routes`].
    pub route: usize,
    /// Index into the route's keys; `None` where none is sent.
    pub key: Option<usize>,
}

/// What to do now.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// Try this target, for at most `limit`.
    Try {
        /// Where to send the request.
        target: Target,
        /// To the complete answer, or to the head of a stream.
        limit: Duration,
    },
    /// Nothing is left to try.
    GiveUp,
}

/// What to do with the outcome of a try.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Hand it to the client.
    Deliver,
    /// Ask for the next step.
    Continue,
}

/// The attempts of one client request.
#[derive(Debug)]
pub struct Plan<'a> {
    config: &'a Config,
    /// What is left to try, last first.
    left: Vec<Target>,
    attempts: usize,
    max_attempts: usize,
    current: Option<(Target, Millis)>,
}

impl<'a> Plan<'a> {
    /// The plan of a request to `route`: its keys as `request_id` (or, under sticky rotation, `conversation`)
    /// ranks them, then those of its fallbacks in their order.
    #[must_use]
    pub fn new(config: &'a Config, route: usize, request_id: &str, conversation: Option<&[u8]>) -> Self {
        let entry = &config.routes[route];
        let mut left = Vec::new();
        for index in std::iter::once(route).chain(entry.fallbacks.iter().copied()) {
            let stop = &config.routes[index];
            let subject = match (stop.rotation, conversation) {
                (Rotation::Sticky, Some(conversation)) => conversation,
                (Rotation::Sticky, None) | (Rotation::Request, _) => request_id.as_bytes(),
            };
            if stop.keys.is_empty() {
                left.push(Target {
                    route: index,
                    key: None,
                });
            }
            let ranked = rank(subject, stop.keys.iter().map(crate::config::Secret::expose));
            left.extend(ranked.into_iter().map(|key| Target {
                route: index,
                key: Some(key),
            }));
        }
        left.reverse();
        Self {
            config,
            left,
            attempts: 0,
            max_attempts: entry.max_attempts,
            current: None,
        }
    }

    /// Attempts begun so far.
    #[must_use]
    pub const fn attempts(&self) -> usize {
        self.attempts
    }

    /// What to do at `now`. The time of a route begins with its first attempt and is not renewed by its other keys.
    pub fn next(&mut self, now: Millis) -> Step {
        while self.attempts < self.max_attempts {
            let Some(target) = self.left.pop() else { break };
            let deadline = match self.current {
                Some((last, deadline)) if last.route == target.route => deadline,
                _ => now.after(self.config.routes[target.route].timeout),
            };
            if deadline <= now {
                continue;
            }
            self.current = Some((target, deadline));
            self.attempts += 1;
            return Step::Try {
                target,
                limit: now.until(deadline),
            };
        }
        Step::GiveUp
    }

    /// Takes the outcome of the last try.
    pub fn judge(&mut self, scope: Scope) -> Verdict {
        match scope {
            Scope::Success | Scope::Request => Verdict::Deliver,
            Scope::Key | Scope::Upstream => Verdict::Continue,
            Scope::Time => {
                if let Some((last, _)) = self.current {
                    self.left.retain(|target| target.route != last.route);
                }
                Verdict::Continue
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    fn two_routes(keys: usize, max_attempts: usize, rotation: &str) -> Config {
        let keys = |prefix: &str| {
            (0..keys)
                .map(|n| format!("\"{prefix}{n}\""))
                .collect::<Vec<_>>()
                .join(",")
        };
        Config::of_routes(&format!(
            r#"[{{"token":"t1","base_url":"https://a.example","api_keys":[{}],"timeout":10,"max_attempts":{max_attempts},
                 "rotation":"{rotation}","fallbacks":["b"]}},
                {{"token":"t2","name":"b","base_url":"https://b.example","api_keys":[{}],"timeout":20}}]"#,
            keys("a"),
            keys("b")
        ))
        .unwrap()
    }

    fn targets(plan: &mut Plan<'_>, scope: Scope) -> Vec<Target> {
        let mut tried = Vec::new();
        while let Step::Try { target, .. } = plan.next(Millis(0)) {
            tried.push(target);
            if plan.judge(scope) == Verdict::Deliver {
                break;
            }
        }
        tried
    }

    #[test]
    fn the_same_request_id_starts_with_the_same_key() {
        let config = two_routes(5, 10, "request");
        let tried = |id: &str| targets(&mut Plan::new(&config, 0, id, None), Scope::Key);
        assert_eq!(tried("x"), tried("x"));
        assert!((0..20).any(|n| tried(&n.to_string())[0] != tried("x")[0]));
    }

    #[test]
    fn sticky_rotation_follows_the_conversation() {
        let config = two_routes(5, 10, "sticky");
        let tried = |id: &str, talk: &[u8]| targets(&mut Plan::new(&config, 0, id, Some(talk)), Scope::Key)[0];
        assert!((0..20).all(|n| tried(&n.to_string(), b"talk") == tried("x", b"talk")));
        assert!((0..20).any(|n| tried("x", n.to_string().as_bytes()) != tried("x", b"talk")));
    }

    #[test]
    fn the_clients_own_mistake_is_tried_once() {
        let config = two_routes(5, 10, "request");
        assert_eq!(targets(&mut Plan::new(&config, 0, "x", None), Scope::Request).len(), 1);
    }

    #[test]
    fn a_timeout_leaves_the_upstream_for_the_fallback() {
        let config = two_routes(3, 10, "request");
        let tried = targets(&mut Plan::new(&config, 0, "x", None), Scope::Time);
        assert_eq!(tried.iter().map(|target| target.route).collect::<Vec<_>>(), [0, 1]);
    }

    #[test]
    fn the_keys_of_a_route_share_its_time_and_a_fallback_has_its_own() {
        let config = two_routes(2, 10, "request");
        let mut plan = Plan::new(&config, 0, "x", None);
        let limit = |step| match step {
            Step::Try { limit, .. } => limit.as_secs(),
            Step::GiveUp => 0,
        };
        assert_eq!(limit(plan.next(Millis(0))), 10);
        assert_eq!(limit(plan.next(Millis(4_000))), 6);
        assert_eq!(limit(plan.next(Millis(9_000))), 20);
        assert_eq!(limit(plan.next(Millis(30_000))), 0);
    }

    proptest! {
        #[test]
        fn no_key_is_tried_twice_and_attempts_are_bounded(keys in 1_usize..8, max in 1_usize..20, id in "[a-z]{1,8}") {
            let config = two_routes(keys, max, "request");
            let tried = targets(&mut Plan::new(&config, 0, &id, None), Scope::Upstream);
            prop_assert_eq!(tried.len(), max.min(2 * keys));
            prop_assert_eq!(tried.iter().collect::<HashSet<_>>().len(), tried.len());
        }
    }
}
