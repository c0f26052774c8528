//! How long cooldowns last, who may probe, and what the list shows.

use super::*;
use crate::config::Config;

const SECOND: Duration = Duration::from_secs(1);

/// A route with two keys.
fn config() -> Config {
    Config::of_routes(
        r#"[{"token":"t","name":"one","base_url":"https://a.example","api_keys":["key-number-1","key-number-2"]}]"#,
    )
    .unwrap()
}

#[test]
fn a_cooldown_ends_at_its_time_and_the_later_end_counts() {
    let (config, health) = (config(), Health::default());
    let key = Subject::key(&config.routes[0], 0);
    assert!(health.is_quiet());
    health.cool_down(key, Scope::Key, Moment(100), Moment(0));
    health.cool_down(key, Scope::Quota, Moment(50), Moment(0));
    assert_eq!(health.cooldown_end(key, Moment(99)), Some(Moment(100)));
    assert_eq!(health.cooldown_end(key, Moment(100)), None);
    health.cool_down(key, Scope::Key, Moment(900), Moment(0));
    health.recover(key);
    assert!(health.is_quiet() && health.cooldown_end(key, Moment(0)).is_none());
}

#[test]
fn the_cooldown_of_an_upstream_doubles_after_each_failed_probe() {
    let (config, health) = (config(), Health::default());
    let upstream = Subject::upstream(&config.routes[0], Some("m"));
    let mut now = Moment(1_000);
    for seconds in [5, 10, 15, 15] {
        health.fail(upstream, Scope::Upstream, now, 0);
        health.fail(upstream, Scope::Upstream, now.after(SECOND), 0);
        let expected = now.after(SECOND * seconds);
        assert_eq!(health.cooldown_end(upstream, now), Some(expected), "{seconds}");
        now = expected;
    }
    health.recover(upstream);
    health.fail(upstream, Scope::Upstream, now, 1023);
    let spread = now.until(health.cooldown_end(upstream, now).unwrap());
    assert!(spread > SECOND * 5 && spread < SECOND * 6, "{spread:?}");
    for _ in 0..3 {
        let end = health.cooldown_end(upstream, now).unwrap();
        assert!(
            now.until(end) <= SECOND * 15,
            "an end of an outage is found within that"
        );
        now = end;
        health.fail(upstream, Scope::Upstream, now, 1023);
    }
}

#[test]
fn a_failure_long_after_the_last_one_counts_as_the_first() {
    let (config, health) = (config(), Health::default());
    let upstream = Subject::upstream(&config.routes[0], None);
    health.fail(upstream, Scope::Upstream, Moment(0), 0);
    for (at, ends) in [(305_000, 315_000), (615_001, 620_001)] {
        health.fail(upstream, Scope::Upstream, Moment(at), 0);
        assert_eq!(health.cooldown_end(upstream, Moment(at)), Some(Moment(ends)), "{at}");
    }
}

#[test]
fn one_request_at_a_time_probes_an_upstream() {
    let (config, health) = (config(), Health::default());
    let upstream = Subject::upstream(&config.routes[0], Some("m"));
    assert_eq!(health.access(upstream, Moment(0)), Access::Free);
    health.fail(upstream, Scope::Upstream, Moment(0), 0);
    for (at, access) in [
        (4_999, Access::Closed),
        (5_000, Access::Probe),
        (5_001, Access::Closed),
        (19_999, Access::Closed),
    ] {
        assert_eq!(health.access(upstream, Moment(at)), access, "{at}");
    }
    assert_eq!(health.cooldown_end(upstream, Moment(5_001)), Some(Moment(20_000)));
    let again = health.access(upstream, Moment(20_000));
    assert_eq!(again, Access::Probe, "the first probe never reported");
    health.fail(upstream, Scope::Upstream, Moment(21_000), 0);
    assert_eq!(health.cooldown_end(upstream, Moment(21_000)), Some(Moment(31_000)));
}

#[test]
fn the_list_says_what_why_and_until_when_in_the_same_order_each_time() {
    let (config, health) = (config(), Health::default());
    let route = &config.routes[0];
    let list = |now| {
        health
            .list(Moment(now))
            .into_iter()
            .map(|one| {
                let key = one.key.map(|key| (key.place, key.id));
                assert_eq!(one.route, "one");
                (one.kind.as_str(), key, one.model, one.reason.as_str(), one.until.0)
            })
            .collect::<Vec<_>>()
    };
    let named = |place: usize| Some((place, route.keys[place].id()));
    let m = || Some("m".to_owned());
    assert!(list(0).is_empty());

    health.without_stream_options(route, Some("m"), Moment(0));
    health.cool_down(
        Subject::key_and_model(route, 1, Some("m")),
        Scope::KeyAndModel,
        Moment(20_000),
        Moment(0),
    );
    health.cool_down(Subject::key(route, 1), Scope::Quota, Moment(600_000), Moment(0));
    health.cool_down(Subject::key(route, 0), Scope::Key, Moment(300_000), Moment(0));
    health.fail(Subject::upstream(route, Some("m")), Scope::Region, Moment(0), 0);
    let all = [
        ("upstream", None, m(), "region", 5_000),
        ("key", named(0), None, "key", 300_000),
        ("key", named(1), None, "quota", 600_000),
        ("key_and_model", named(1), m(), "key_and_model", 20_000),
        ("stream_options", None, m(), "stream_options", 3_600_000),
    ];
    assert_eq!(list(4_999), all);
    assert_eq!(list(5_000), all[1..], "what has ended is left out");
    assert_eq!(
        health.access(Subject::upstream(route, Some("m")), Moment(5_000)),
        Access::Probe
    );
    assert_eq!(
        list(5_000)[0],
        ("upstream", None, m(), "region", 20_000),
        "it is being probed"
    );
    assert_eq!(list(600_000).len(), 1);
    assert!(list(3_600_000).is_empty());
}

#[test]
fn the_reason_is_that_of_the_failure_which_set_the_end() {
    let (config, health) = (config(), Health::default());
    let key = Subject::key(&config.routes[0], 0);
    let reason = || health.list(Moment(0))[0].reason;
    health.cool_down(key, Scope::Quota, Moment(600), Moment(0));
    health.cool_down(key, Scope::Key, Moment(300), Moment(0));
    assert_eq!(reason(), Scope::Quota);
    health.cool_down(key, Scope::Key, Moment(900), Moment(0));
    assert_eq!(reason(), Scope::Key);
}

#[test]
fn a_long_name_of_a_model_is_cut_in_the_list_and_still_tells_models_apart() {
    let (config, health) = (config(), Health::default());
    let long = "长".repeat(200);
    let other = format!("{long}!");
    let upstream = |model| Subject::upstream(&config.routes[0], Some(model));
    health.fail(upstream(&long), Scope::Upstream, Moment(0), 0);
    assert_eq!(health.list(Moment(0))[0].model.as_deref(), Some(&*"长".repeat(120)));
    assert!(health.cooldown_end(upstream(&other), Moment(0)).is_none());
    assert!(health.cooldown_end(upstream(&long), Moment(0)).is_some());
}

#[test]
fn memory_is_bounded_and_the_entry_that_ends_first_is_dropped() {
    let (config, health) = (config(), Health::default());
    let names: Vec<String> = (0..CAPACITY + 500).map(|number| number.to_string()).collect();
    let subject = |number: usize| Subject::key_and_model(&config.routes[0], 0, Some(&names[number]));
    for number in 0..names.len() {
        let until = Moment(1_000 + number as u64);
        health.cool_down(subject(number), Scope::KeyAndModel, until, Moment(0));
    }
    assert_eq!(health.list(Moment(0)).len(), CAPACITY);
    assert!(health.cooldown_end(subject(499), Moment(0)).is_none());
    assert!(health.cooldown_end(subject(500), Moment(0)).is_some());
    let late = Moment(1_000 + names.len() as u64);
    health.fail(Subject::upstream(&config.routes[0], None), Scope::Upstream, late, 0);
    assert_eq!(health.entries().len(), 1, "all that had ended made room");
}
