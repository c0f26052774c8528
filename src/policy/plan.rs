//! Which key of which route is tried next, and when to stop: a state machine that never waits or calls.
//!
//! Order of use: [`Plan::next`] says what to do, the caller does it and tells [`Plan::judge`] how it went, until
//! that says [`Verdict::Deliver`] or `next` says [`Step::GiveUp`].

use std::time::Duration;

use super::health::{Health, Subject};
use super::outcome::{Meaning, Scope};
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
    health: &'a Health,
    stops: Vec<Stop<'a>>,
    /// What is left to try, in the order of preference while everything is awake.
    left: Vec<Target>,
    attempts: usize,
    max_attempts: usize,
    current: Option<Target>,
}

/// One route on the way.
#[derive(Debug)]
struct Stop<'a> {
    route: usize,
    /// The model that its upstream is asked for.
    model: Option<&'a str>,
    /// Until when its upstream rests. As it was when the request came: what this request learns about an upstream does
    /// not keep it from its other keys.
    upstream_rests: Option<Millis>,
    /// Its time, once it has begun. Not renewed by its other keys.
    deadline: Option<Millis>,
}

impl<'a> Plan<'a> {
    /// The plan of a request to `route` at `now`: its keys as `request_id` (or, under sticky rotation, `conversation`)
    /// ranks them, then those of its fallbacks in their order. `model` tells what each route's upstream is asked for.
    #[must_use]
    pub fn new(
        config: &'a Config,
        health: &'a Health,
        route: usize,
        (request_id, conversation): (&str, Option<&[u8]>),
        model: impl Fn(usize) -> Option<&'a str>,
        now: Millis,
    ) -> Self {
        let entry = &config.routes[route];
        let (mut left, mut stops) = (Vec::new(), Vec::new());
        for index in std::iter::once(route).chain(entry.fallbacks.iter().copied()) {
            let stop = &config.routes[index];
            let subject = match (stop.rotation, conversation) {
                (Rotation::Sticky, Some(conversation)) => conversation,
                (Rotation::Sticky, None) | (Rotation::Request, _) => request_id.as_bytes(),
            };
            stops.push(Stop {
                route: index,
                model: model(index),
                upstream_rests: health.rests_until(Subject::upstream(stop), now),
                deadline: None,
            });
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
        Self {
            config,
            health,
            stops,
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

    /// Whether another attempt could follow the one that goes on.
    #[must_use]
    pub fn has_more(&self, now: Millis) -> bool {
        self.attempts < self.max_attempts && self.left.iter().any(|target| !self.is_over(target, now))
    }

    /// When the first of the route's own keys wakes, if all of them rest.
    #[must_use]
    pub fn first_wake(&self, now: Millis) -> Option<Millis> {
        let stop = self.stops.first()?;
        let keys = 0..self.config.routes[stop.route].keys.len();
        let wakes = keys.map(|key| {
            let key = Some(key);
            self.wakes(Target { route: stop.route, key }, now)
        });
        wakes.min().flatten()
    }

    fn stop(&self, target: &Target) -> Option<&Stop<'a>> {
        self.stops.iter().find(|stop| stop.route == target.route)
    }

    fn is_over(&self, target: &Target, now: Millis) -> bool {
        self.stop(target)
            .and_then(|stop| stop.deadline)
            .is_some_and(|deadline| deadline <= now)
    }

    /// When the key of `target` wakes; nothing if it is awake.
    fn wakes(&self, target: Target, now: Millis) -> Option<Millis> {
        let key = target.key?;
        let stop = self.stop(&target)?;
        let route = &self.config.routes[target.route];
        let whole = self.health.rests_until(Subject::key(route, key), now);
        whole.max(
            self.health
                .rests_until(Subject::key_and_model(route, key, stop.model), now),
        )
    }

    /// The place in `left` of what is best tried now: what is awake in its order, then what wakes first.
    fn best(&self, now: Millis) -> Option<usize> {
        let candidates = self
            .left
            .iter()
            .enumerate()
            .filter(|(_, target)| !self.is_over(target, now));
        if self.health.is_quiet() {
            return candidates.map(|(place, _)| place).next();
        }
        let order = |(place, target): &(usize, &Target)| {
            let key = self.wakes(**target, now);
            let upstream = self.stop(target).and_then(|stop| stop.upstream_rests);
            (key.max(upstream), key, *place)
        };
        candidates.min_by_key(order).map(|(place, _)| place)
    }

    /// What to do at `now`.
    pub fn next(&mut self, now: Millis) -> Step {
        while self.attempts < self.max_attempts {
            let Some(place) = self.best(now) else { break };
            let target = self.left[place];
            let elsewhere = self.left.iter().any(|other| other.route != target.route);
            let Some(stop) = self.stops.iter_mut().find(|stop| stop.route == target.route) else {
                break;
            };
            let route = &self.config.routes[target.route];
            if elsewhere && stop.deadline.is_none() && stop.upstream_rests.is_none() {
                let upstream = Subject::upstream(route);
                if !self.health.may_probe(upstream, now) {
                    stop.upstream_rests = self.health.rests_until(upstream, now).or(Some(now));
                    continue;
                }
            }
            let deadline = *stop.deadline.get_or_insert_with(|| now.after(route.timeout));
            self.left.remove(place);
            self.current = Some(target);
            self.attempts += 1;
            return Step::Try {
                target,
                limit: now.until(deadline),
            };
        }
        Step::GiveUp
    }

    /// The last try once more, changed so that its upstream will take it.
    pub fn again(&mut self) {
        if let Some(target) = self.current.take() {
            self.left.insert(0, target);
            self.max_attempts += 1;
        }
    }

    /// Takes the outcome of the last try. `random` spreads the rests of upstreams.
    pub fn judge(&mut self, meaning: &Meaning, random: u64, now: Millis) -> Verdict {
        let Some(target) = self.current else {
            return Verdict::Continue;
        };
        let route = &self.config.routes[target.route];
        let model = self.stop(&target).and_then(|stop| stop.model);
        let (health, until) = (self.health, now.after(meaning.rest));
        let keys = match meaning.scope {
            Scope::Account => 0..route.keys.len(),
            _ => target.key.map_or(0..0, |key| key..key + 1),
        };
        for key in keys {
            match meaning.scope {
                Scope::Success => {
                    health.recover(Subject::key(route, key));
                    health.recover(Subject::key_and_model(route, key, model));
                }
                Scope::Key | Scope::Account => health.rest(Subject::key(route, key), until, now),
                Scope::KeyAndModel => health.rest(Subject::key_and_model(route, key, model), until, now),
                Scope::Request | Scope::StreamOptions | Scope::Region | Scope::Upstream | Scope::Time => {}
            }
        }
        match meaning.scope {
            // Even a refusal shows that there is somebody to refuse.
            Scope::Success
            | Scope::Request
            | Scope::StreamOptions
            | Scope::Key
            | Scope::KeyAndModel
            | Scope::Account => {
                health.recover(Subject::upstream(route));
            }
            Scope::Upstream | Scope::Region => health.fail(Subject::upstream(route), now, random),
            Scope::Time => {}
        }
        match meaning.scope {
            Scope::Success | Scope::Request | Scope::StreamOptions => Verdict::Deliver,
            Scope::Key | Scope::KeyAndModel | Scope::Upstream => Verdict::Continue,
            Scope::Account | Scope::Region | Scope::Time => {
                self.left.retain(|other| other.route != target.route);
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

    const fn meaning(scope: Scope) -> Meaning {
        Meaning {
            scope,
            rest: Duration::from_secs(60),
            waiting_helps: false,
        }
    }

    fn targets(plan: &mut Plan<'_>, scope: Scope) -> Vec<Target> {
        let mut tried = Vec::new();
        while let Step::Try { target, .. } = plan.next(Millis(0)) {
            tried.push(target);
            if plan.judge(&meaning(scope), 0, Millis(0)) == Verdict::Deliver {
                break;
            }
        }
        tried
    }

    #[test]
    fn the_same_request_id_starts_with_the_same_key() {
        let config = two_routes(5, 10, "request");
        let tried = |id: &str| {
            targets(
                &mut Plan::new(&config, &Health::default(), 0, (id, None), |_| None, Millis(0)),
                Scope::Key,
            )
        };
        assert_eq!(tried("x"), tried("x"));
        assert!((0..20).any(|n| tried(&n.to_string())[0] != tried("x")[0]));
    }

    #[test]
    fn sticky_rotation_follows_the_conversation() {
        let config = two_routes(5, 10, "sticky");
        let tried = |id: &str, talk: &[u8]| {
            targets(
                &mut Plan::new(&config, &Health::default(), 0, (id, Some(talk)), |_| None, Millis(0)),
                Scope::Key,
            )[0]
        };
        assert!((0..20).all(|n| tried(&n.to_string(), b"talk") == tried("x", b"talk")));
        assert!((0..20).any(|n| tried("x", n.to_string().as_bytes()) != tried("x", b"talk")));
    }

    #[test]
    fn the_clients_own_mistake_is_tried_once() {
        let config = two_routes(5, 10, "request");
        assert_eq!(
            targets(
                &mut Plan::new(&config, &Health::default(), 0, ("x", None), |_| None, Millis(0)),
                Scope::Request
            )
            .len(),
            1
        );
    }

    #[test]
    fn a_timeout_leaves_the_upstream_for_the_fallback() {
        let config = two_routes(3, 10, "request");
        let tried = targets(
            &mut Plan::new(&config, &Health::default(), 0, ("x", None), |_| None, Millis(0)),
            Scope::Time,
        );
        assert_eq!(tried.iter().map(|target| target.route).collect::<Vec<_>>(), [0, 1]);
    }

    #[test]
    fn the_keys_of_a_route_share_its_time_and_a_fallback_has_its_own() {
        let config = two_routes(2, 10, "request");
        let health = Health::default();
        let mut plan = Plan::new(&config, &health, 0, ("x", None), |_| None, Millis(0));
        let limit = |step| match step {
            Step::Try { limit, .. } => limit.as_secs(),
            Step::GiveUp => 0,
        };
        assert_eq!(limit(plan.next(Millis(0))), 10);
        assert_eq!(limit(plan.next(Millis(4_000))), 6);
        assert_eq!(limit(plan.next(Millis(9_000))), 20);
        assert_eq!(limit(plan.next(Millis(30_000))), 0);
    }

    /// The routes and keys that a request tries at `now` when each outcome has `scope`.
    fn tried(config: &Config, health: &Health, id: &str, scope: Scope, now: u64) -> Vec<(usize, usize)> {
        let now = Millis(now);
        let mut plan = Plan::new(config, health, 0, (id, None), |_| Some("m"), now);
        let mut tried = Vec::new();
        while let Step::Try { target, .. } = plan.next(now) {
            tried.push((target.route, target.key.unwrap()));
            if plan.judge(&meaning(scope), 0, now) == Verdict::Deliver {
                break;
            }
        }
        tried
    }

    #[test]
    fn a_resting_key_is_passed_over_until_it_wakes() {
        let (config, health) = (two_routes(3, 1, "request"), Health::default());
        let first = tried(&config, &health, "x", Scope::Key, 0)[0];
        let second = tried(&config, &health, "x", Scope::Success, 1)[0];
        assert!(second != first && second.0 == 0);
        assert_eq!(tried(&config, &health, "x", Scope::Success, 60_000)[0], first);
    }

    #[test]
    fn a_limit_holds_for_its_model_only() {
        let (config, health) = (two_routes(3, 1, "request"), Health::default());
        let first = tried(&config, &health, "x", Scope::KeyAndModel, 0)[0];
        let other_model = Plan::new(&config, &health, 0, ("x", None), |_| Some("other"), Millis(1)).next(Millis(1));
        assert!(matches!(other_model, Step::Try { target, .. } if target.key == Some(first.1)));
        assert_ne!(tried(&config, &health, "x", Scope::Success, 1)[0], first);
    }

    #[test]
    fn when_all_rest_the_first_to_wake_is_tried() {
        let (config, health) = (two_routes(2, 4, "request"), Health::default());
        let order = tried(&config, &health, "x", Scope::Key, 0);
        assert_eq!(order.len(), 4);
        health.recover(Subject::key(&config.routes[1], order[3].1));
        health.rest(Subject::key(&config.routes[1], order[3].1), Millis(30_000), Millis(0));
        assert_eq!(tried(&config, &health, "x", Scope::Success, 1)[0], order[3]);
    }

    #[test]
    fn an_accounts_limit_and_a_regions_refusal_burn_no_further_key() {
        for scope in [Scope::Account, Scope::Region] {
            let (config, health) = (two_routes(3, 6, "request"), Health::default());
            let routes: Vec<_> = tried(&config, &health, "x", scope, 0)
                .into_iter()
                .map(|(route, _)| route)
                .collect();
            assert_eq!(routes, [0, 1]);
        }
    }

    #[test]
    fn an_upstream_that_failed_is_passed_over_for_its_fallback_and_probed_by_one() {
        let (config, health) = (two_routes(2, 1, "request"), Health::default());
        assert_eq!(tried(&config, &health, "x", Scope::Upstream, 0)[0].0, 0);
        assert_eq!(tried(&config, &health, "x", Scope::Success, 4_999)[0].0, 1);
        let mut probe = Plan::new(&config, &health, 0, ("x", None), |_| None, Millis(5_000));
        assert!(matches!(probe.next(Millis(5_000)), Step::Try { target, .. } if target.route == 0));
        assert_eq!(
            tried(&config, &health, "x", Scope::Success, 5_001)[0].0,
            1,
            "the probe is not back"
        );
        probe.judge(&Meaning::SUCCESS, 0, Millis(5_002));
        assert_eq!(tried(&config, &health, "x", Scope::Success, 5_003)[0].0, 0);
    }

    #[test]
    fn a_failed_upstream_without_a_fallback_is_tried_all_the_same() {
        let config =
            Config::of_routes(r#"[{"token":"t1","base_url":"https://a.example","api_keys":["a","b"]}]"#).unwrap();
        let health = Health::default();
        assert_eq!(tried(&config, &health, "x", Scope::Upstream, 0).len(), 2);
        assert_eq!(tried(&config, &health, "x", Scope::Upstream, 1).len(), 2);
    }

    #[test]
    fn the_clients_own_mistakes_cost_nobody_anything() {
        let (config, health) = (two_routes(2, 4, "request"), Health::default());
        for now in 0..50 {
            tried(&config, &health, "x", Scope::Request, now);
        }
        assert!(health.is_quiet());
    }

    proptest! {
        #[test]
        fn an_awake_key_is_never_passed_over_for_one_that_rests(rests in proptest::collection::vec(0_u64..100_000, 6), id in "[a-z]{1,8}", now in 0_u64..100_000) {
            let (config, health) = (two_routes(3, 6, "request"), Health::default());
            for (place, rest) in rests.iter().enumerate() {
                health.rest(Subject::key(&config.routes[place / 3], place % 3), Millis(*rest), Millis(0));
            }
            let wakes: Vec<u64> = tried(&config, &health, &id, Scope::Region, now).into_iter().map(|(route, key)| rests[route * 3 + key].saturating_sub(now)).collect();
            let first = wakes[0];
            prop_assert!(rests.iter().all(|rest| first == 0 || rest.saturating_sub(now) >= first));
        }

        #[test]
        fn no_key_is_tried_twice_and_attempts_are_bounded(keys in 1_usize..8, max in 1_usize..20, id in "[a-z]{1,8}") {
            let config = two_routes(keys, max, "request");
            let tried = targets(&mut Plan::new(&config, &Health::default(), 0, (&id, None), |_| None, Millis(0)), Scope::Upstream);
            prop_assert_eq!(tried.len(), max.min(2 * keys));
            prop_assert_eq!(tried.iter().collect::<HashSet<_>>().len(), tried.len());
        }
    }
}
