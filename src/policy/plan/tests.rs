//! The order of attempts, as tables and as properties.

use std::collections::HashSet;

use proptest::prelude::*;

use super::*;
use crate::policy::subject::Subject;

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

fn by<'a>(id: &'a str, conversation: Option<&'a [u8]>) -> Order<'a> {
    Order {
        subject: id.as_bytes(),
        conversation,
        only_first: false,
        fallbacks: true,
        most: usize::MAX,
        waits: true,
    }
}

const fn meaning(scope: Scope) -> Meaning {
    Meaning {
        scope,
        cooldown: Duration::from_secs(60),
        waiting_helps: false,
        tokens: 0,
    }
}

fn targets(plan: &mut Plan<'_>, scope: Scope) -> Vec<Target> {
    let mut tried = Vec::new();
    while let Step::Try { target, .. } = plan.next(Moment(0)) {
        tried.push(target);
        if plan.judge(&meaning(scope), 0, Moment(0)) == Verdict::Deliver {
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
            &mut Plan::new(&config, &Health::default(), 0, &by(id, None), |_| None, Moment(0)),
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
            &mut Plan::new(&config, &Health::default(), 0, &by(id, Some(talk)), |_| None, Moment(0)),
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
            &mut Plan::new(&config, &Health::default(), 0, &by("x", None), |_| None, Moment(0)),
            Scope::Request
        )
        .len(),
        1
    );
}

#[test]
fn refused_state_is_tried_with_all_keys_and_then_left_out_before_a_fallback_is_asked() {
    let (config, health) = (two_routes(3, 4, "request"), Health::default());
    for only_first in [false, true] {
        let order = Order {
            only_first,
            ..by("x", None)
        };
        let mut plan = Plan::new(&config, &health, 0, &order, |_| None, Moment(0));
        let (mut tried, mut forgets) = (Vec::new(), Vec::new());
        // The second of the keys is dead.
        for scope in [Scope::State, Scope::Key, Scope::State, Scope::State] {
            let Step::Try { target, .. } = plan.next(Moment(0)) else {
                panic!("{tried:?}")
            };
            tried.push(target);
            assert_eq!(plan.judge(&meaning(scope), 0, Moment(0)), Verdict::Continue);
            forgets.push(plan.forget_state(Moment(0)));
            if scope == Scope::Key {
                // What a key's own failure costs it is another matter.
                health.recover(Subject::key(&config.routes[0], target.key.unwrap()));
            }
        }
        assert_eq!(forgets[..3], [false, false, true]);
        assert_eq!(tried[0], tried[3]);
        assert_eq!(tried[..3].iter().collect::<HashSet<_>>().len(), 3);
        assert!(tried.iter().all(|target| target.route == 0));
        assert!(health.is_quiet(), "nobody rests for it");
    }
}

#[test]
fn one_attempt_is_reserved_for_each_fallback_where_no_maximum_is_set() {
    for (keys, fallbacks, expected) in [
        ([3, 1, 1], r#"["b"]"#, "aaab"),
        ([6, 1, 1], r#"["b"]"#, "aaab"),
        ([6, 6, 6], r#"["b","c"]"#, "aabc"),
        ([1, 6, 1], r#"["b","c"]"#, "abbc"),
        ([6, 1, 1], "[]", "aaaa"),
    ] {
        let keys = keys.map(|count| (0..count).map(|n| format!("\"k{n}\"")).collect::<Vec<_>>().join(","));
        let [a, b, c] = [("a", 0), ("b", 1), ("c", 2)].map(|(name, place)| {
            let fallbacks = if place == 0 { fallbacks } else { "[]" };
            format!(
                r#"{{"token":"{name}","name":"{name}","base_url":"https://{name}.example","api_keys":[{}],"fallbacks":{fallbacks}}}"#,
                keys[place]
            )
        });
        let config = Config::of_routes(&format!("[{a},{b},{c}]")).unwrap();
        let health = Health::default();
        let mut plan = Plan::new(&config, &health, 0, &by("x", None), |_| None, Moment(0));
        let tried = targets(&mut plan, Scope::Upstream);
        let names: String = tried.iter().map(|target| &*config.routes[target.route].name).collect();
        assert_eq!(names, expected, "{keys:?} {fallbacks}");
    }
}

#[test]
fn a_timeout_leaves_the_upstream_for_the_fallback() {
    let config = two_routes(3, 10, "request");
    let tried = targets(
        &mut Plan::new(&config, &Health::default(), 0, &by("x", None), |_| None, Moment(0)),
        Scope::Time,
    );
    assert_eq!(tried.iter().map(|target| target.route).collect::<Vec<_>>(), [0, 1]);
}

#[test]
fn the_keys_of_a_route_share_its_time_and_a_fallback_has_its_own() {
    let config = two_routes(2, 10, "request");
    let health = Health::default();
    let mut plan = Plan::new(&config, &health, 0, &by("x", None), |_| None, Moment(0));
    let limit = |step| match step {
        Step::Try { limit, .. } => limit.as_secs(),
        Step::Wait(_) | Step::GiveUp => 0,
    };
    assert_eq!(limit(plan.next(Moment(0))), 10);
    assert_eq!(limit(plan.next(Moment(4_000))), 6);
    assert_eq!(limit(plan.next(Moment(9_000))), 20);
    assert_eq!(limit(plan.next(Moment(30_000))), 0);
}

/// The routes and keys that a request tries at `now` when each outcome has `scope`.
fn tried(config: &Config, health: &Health, id: &str, scope: Scope, now: u64) -> Vec<(usize, usize)> {
    let now = Moment(now);
    let mut plan = Plan::new(config, health, 0, &by(id, None), |_| Some("m"), now);
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
fn a_key_is_passed_over_until_its_cooldown_ends() {
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
    let other_model = Plan::new(&config, &health, 0, &by("x", None), |_| Some("other"), Moment(1)).next(Moment(1));
    assert!(matches!(other_model, Step::Try { target, .. } if target.key == Some(first.1)));
    assert_ne!(tried(&config, &health, "x", Scope::Success, 1)[0], first);
}

#[test]
fn when_all_keys_are_in_a_cooldown_the_one_that_ends_first_is_tried() {
    let (config, health) = (two_routes(2, 4, "request"), Health::default());
    let order = tried(&config, &health, "x", Scope::Key, 0);
    assert_eq!(order.len(), 4);
    let last = Subject::key(&config.routes[1], order[3].1);
    health.recover(last);
    health.cool_down(last, Scope::Key, Moment(30_000), Moment(0));
    assert_eq!(tried(&config, &health, "x", Scope::Success, 1)[0], order[3]);
}

#[test]
fn a_refused_region_costs_no_further_key_and_a_limit_of_an_account_costs_one() {
    for (scope, expected) in [(Scope::Account, &[0, 0, 1, 1][..]), (Scope::Region, &[0, 1])] {
        let (config, health) = (two_routes(3, 6, "request"), Health::default());
        let routes: Vec<_> = tried(&config, &health, "x", scope, 0)
            .into_iter()
            .map(|(route, _)| route)
            .collect();
        assert_eq!(routes, expected, "{scope:?}");
    }
}

#[test]
fn two_limited_keys_put_their_account_into_a_cooldown_and_one_alone_only_itself() {
    let (config, health) = (two_routes(3, 1, "request"), Health::default());
    let cooling = |health: &Health| {
        let keys = (0..3).filter(|key| {
            health
                .cooldown_end(Subject::key(&config.routes[0], *key), Moment(1))
                .is_some()
        });
        keys.collect::<Vec<_>>()
    };
    let config_of_two = two_routes(3, 2, "request");
    let mut plan = Plan::new(&config_of_two, &health, 0, &by("x", None), |_| Some("m"), Moment(0));
    let mut next = |scope| match plan.next(Moment(0)) {
        Step::Try { target, .. } => {
            plan.judge(&meaning(scope), 0, Moment(0));
            target.key.unwrap()
        }
        Step::Wait(_) | Step::GiveUp => panic!("nothing is left to try"),
    };
    let limited = next(Scope::Account);
    let other = next(Scope::Success);
    assert_ne!(limited, other);
    assert_eq!(cooling(&health), [limited]);
    let health = Health::default();
    tried(&config_of_two, &health, "x", Scope::Account, 0);
    assert_eq!(cooling(&health), [0, 1, 2]);
}

#[test]
fn a_failed_upstream_is_passed_over_for_the_model_that_it_was_asked_for() {
    let (config, health) = (two_routes(1, 1, "request"), Health::default());
    let first = |model| match Plan::new(&config, &health, 0, &by("x", None), |_| Some(model), Moment(1)).next(Moment(1))
    {
        Step::Try { target, .. } => target.route,
        Step::Wait(_) | Step::GiveUp => panic!("nothing is left to try"),
    };
    assert_eq!(tried(&config, &health, "x", Scope::Upstream, 0)[0].0, 0);
    assert_eq!((first("m"), first("other")), (1, 0));
}

#[test]
fn a_probe_that_fails_goes_on_to_the_fallback_and_not_to_another_key() {
    let (config, health) = (two_routes(2, 4, "request"), Health::default());
    let routes = |now| {
        let tried = tried(&config, &health, "x", Scope::Upstream, now);
        tried.into_iter().map(|(route, _)| route).collect::<Vec<_>>()
    };
    assert_eq!(routes(0), [0, 0, 1, 1]);
    // The cooldown of the fallback has ended as well: what is left of the first upstream comes last.
    assert_eq!(routes(5_000), [0, 1, 0, 1]);
}

#[test]
fn an_upstream_that_failed_is_passed_over_for_its_fallback_and_probed_by_one() {
    let (config, health) = (two_routes(2, 1, "request"), Health::default());
    assert_eq!(tried(&config, &health, "x", Scope::Upstream, 0)[0].0, 0);
    assert_eq!(tried(&config, &health, "x", Scope::Success, 4_999)[0].0, 1);
    let mut probe = Plan::new(&config, &health, 0, &by("x", None), |_| Some("m"), Moment(5_000));
    assert!(matches!(probe.next(Moment(5_000)), Step::Try { target, .. } if target.route == 0));
    assert_eq!(
        tried(&config, &health, "x", Scope::Success, 5_001)[0].0,
        1,
        "the probe is not back"
    );
    probe.judge(&Meaning::SUCCESS, 0, Moment(5_002));
    assert_eq!(tried(&config, &health, "x", Scope::Success, 5_003)[0].0, 0);
}

#[test]
fn a_failed_upstream_without_a_fallback_is_tried_all_the_same() {
    let config = Config::of_routes(r#"[{"token":"t1","base_url":"https://a.example","api_keys":["a","b"]}]"#).unwrap();
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
    fn no_key_in_a_cooldown_is_tried_before_one_that_ends_earlier(ends in proptest::collection::vec(0_u64..100_000, 6), id in "[a-z]{1,8}", now in 0_u64..100_000) {
        let (config, health) = (two_routes(3, 6, "request"), Health::default());
        for (place, end) in ends.iter().enumerate() {
            health.cool_down(Subject::key(&config.routes[place / 3], place % 3), Scope::Key, Moment(*end), Moment(0));
        }
        let left: Vec<u64> = tried(&config, &health, &id, Scope::Region, now).into_iter().map(|(route, key)| ends[route * 3 + key].saturating_sub(now)).collect();
        let first = left[0];
        prop_assert!(ends.iter().all(|end| first == 0 || end.saturating_sub(now) >= first));
    }

    #[test]
    fn no_key_is_tried_twice_and_attempts_are_bounded(keys in 1_usize..8, max in 1_usize..20, id in "[a-z]{1,8}") {
        let config = two_routes(keys, max, "request");
        let tried = targets(&mut Plan::new(&config, &Health::default(), 0, &by(&id, None), |_| None, Moment(0)), Scope::Upstream);
        prop_assert_eq!(tried.len(), max.min(2 * keys));
        prop_assert_eq!(tried.iter().collect::<HashSet<_>>().len(), tried.len());
    }
}
