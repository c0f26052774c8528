//! Tables that are an object, the tokens of a route, and their groups.

use ai_gateway::config::{Config, Document, expired, load, table};
use serde_json::{Value, json};

use super::{complete, notes, of, report, variables};

/// What the single-token variables of a test would make.
const SINGLE: [(&str, &str); 2] = [("GATEWAY_TOKEN", "t"), ("OPENROUTER_API_KEY", "k")];

/// A table of one route, which has these tokens.
fn with_tokens(tokens: &Value) -> Result<Config, String> {
    let route = complete(&json!({"name": "or", "token": null, "tokens": tokens}));
    Config::of_routes(&json!([route]).to_string()).map_err(|problems| problems.to_string())
}

/// The report of a token with one mistake.
fn mistake(fields: &Value) -> String {
    let mut entry = json!({"name": "alice", "token": "gw-alice"});
    for (name, value) in fields.as_object().unwrap() {
        entry[name] = value.clone();
    }
    let report = with_tokens(&json!([entry])).unwrap_err();
    assert!(report.contains("has 1 problem\n"), "{report}");
    report
}

#[test]
fn an_object_around_the_routes_means_the_same_as_the_array() {
    let routes = json!([
        complete(&json!({"name": "a", "fallbacks": ["b"]})),
        complete(&json!({"name": "b", "token": "gw-2"}))
    ]);
    let whole = json!({"routes": routes}).to_string();
    let (first, second) = whole.split_at(40);
    for config in [
        Config::of_routes(&routes.to_string()),
        Config::of_routes(&whole),
        Config::of_routes(&format!("\u{feff}\n {whole}\n")),
        variables(&[("GATEWAY_ROUTES_1", first), ("GATEWAY_ROUTES_2", second)]),
        load(Some(&Document::file("/r.json".into(), whole.clone())), &of(&SINGLE)),
        load(Some(&Document::kv(whole.clone())), &of(&SINGLE)),
    ] {
        let config = config.unwrap();
        assert_eq!(config.routes[0].fallbacks, [1]);
        assert_eq!(config.account_of(b"gw-2").map(|account| account.route), Some(1));
        assert_eq!((config.time_zone.as_str(), config.currency.as_str()), ("Z", "USD"));
        assert!(config.groups.is_empty() && !config.checks_addresses);
    }
    let config = Config::of_routes(
        &json!({"timezone": "CET-1CEST,M3.5.0,M10.5.0/3", "currency": "EUR", "groups": {"g": {}}, "routes": routes})
            .to_string(),
    );
    let config = config.unwrap();
    assert_eq!(
        (config.time_zone.as_str(), config.currency.as_str()),
        ("CET-1CEST,M3.5.0,M10.5.0/3", "EUR")
    );
    assert_eq!(config.groups[0].name, "g");
}

#[test]
fn an_object_without_routes_counts_as_not_set_where_its_array_is_empty() {
    for empty in [r#"{"routes":[]}"#, "\u{feff}{ \"groups\": {}, \"routes\": [ ] }\n"] {
        let config = variables(&[&SINGLE[..], &[("GATEWAY_ROUTES", empty)]].concat()).unwrap();
        assert_eq!(config.routes[0].name, "default");
        assert!(
            notes(&config).contains("counts as not set: GATEWAY_ROUTES"),
            "{config:?}"
        );
    }
    for (text, message) in [
        (
            r#"{"routes":{}}"#,
            "GATEWAY_ROUTES.routes (line 1, column 11): expected an array of routes, found an object",
        ),
        (r#"{"routes":null}"#, "expected at least one route"),
        (r#"{}"#, "put [ and ] around the route"),
    ] {
        let report = Config::of_routes(text).unwrap_err().to_string();
        assert!(
            report.contains("has 1 problem\n") && report.contains(message),
            "{text}: {report}"
        );
    }
}

#[test]
fn problems_of_an_object_have_their_places_and_hints() {
    let text = r#"{"time_zone": "Z", "currency": "euro", "timezone": "Europe/Berlin",
 "groups": {"family": {"colour": "red"}, "others": 5},
 "routes": [{"token": "gw-secret-1", "provider": "echo", "fallbacks": ["b"]},
  {"name": "a", "provider": "echo", "tokens": [{"name": "alice", "token": "gw-secret-2", "group": "famly", "expire": "2027-03-01"}]}],
 "route": []}"#;
    insta::assert_snapshot!(Config::of_routes(text).unwrap_err(), @r#"
    the configuration has 9 problems
      GATEWAY_ROUTES.time_zone (line 1, column 15): unknown field
        hint: did you mean `timezone`?
      GATEWAY_ROUTES.route (line 5, column 11): unknown field
        hint: did you mean `routes`?
      GATEWAY_ROUTES.groups.family.colour (line 2, column 34): unknown field
        hint: known are: limits, budget, labels
      GATEWAY_ROUTES.groups.others (line 2, column 52): expected an object, found a number
      GATEWAY_ROUTES.timezone (line 1, column 52): names of places are not known here: write an offset such as `+08:00`, or the place's POSIX rule, such as `CET-1CEST,M3.5.0,M10.5.0/3`
      GATEWAY_ROUTES.currency (line 1, column 32): expected the code of a currency
        hint: write it as USD, EUR or CNY
      GATEWAY_ROUTES.routes[1].tokens[0].expire (line 4, column 118): unknown field
        hint: did you mean `expires`?
      GATEWAY_ROUTES.routes[1].tokens[0].group (line 4, column 99): no group is called `famly`
        hint: did you mean `family`?
      GATEWAY_ROUTES.routes[0].fallbacks: no route is called `b`
        hint: did you mean `a`?
    "#);
}

#[test]
fn a_route_may_have_several_tokens_and_one_of_its_own() {
    let route = complete(&json!({"name": "or", "tokens": [
        {"name": "alice", "token": "gw-alice", "models": ["gpt-*"], "labels": {"team": "a"}, "disabled": true},
        {"name": "bob", "token_sha256": "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD"},
    ]}));
    let config = Config::of_routes(&json!([route]).to_string()).unwrap();
    let named = |token: &str| config.account_of(token.as_bytes()).map(|account| account.name.as_str());
    assert_eq!(
        [named("gw-token-1"), named("gw-alice"), named("abc"), named("gw-other")],
        [Some("or"), Some("alice"), Some("bob"), None]
    );
    let alice = config.account_of(b"gw-alice").unwrap();
    assert!(alice.disabled && alice.labels == [("team".to_owned(), "a".to_owned())]);
    let route = &config.routes[alice.route];
    assert!(alice.allows(route, "gpt-4o") && !alice.allows(route, "o1") && alice.limits_models(route));
    assert!(config.accounts[0].allows(route, "o1") && !config.accounts[0].limits_models(route));
    assert_eq!(notes(&config), "");
}

#[test]
fn the_fields_of_a_token_may_stand_on_a_route_that_has_one_of_its_own() {
    let own = json!({"name": "or", "expires": "2027-03-01T00:00:00Z", "disabled": true, "allow_ips": ["10.0.0.0/8"], "labels": {"a": "b"}, "group": "g"});
    let table = |fields: &Value| json!({"groups": {"g": {}}, "routes": [complete(fields)]}).to_string();
    let config = Config::of_routes(&table(&own)).unwrap();
    let account = &config.accounts[0];
    assert_eq!(
        (account.name.as_str(), account.expires, account.group),
        ("or", Some(1_803_859_200), Some(0))
    );
    assert!(account.disabled && account.allow_ips.len() == 1 && account.labels.len() == 1 && config.checks_addresses);
    assert!(account.has_expired(1_803_859_200) && !account.has_expired(1_803_859_199));
    // Beside `tokens` they are for the route's own, which is said; where it has none, they would be for nobody.
    let mut both = own;
    both["tokens"] = json!([{"name": "alice", "token": "gw-alice"}]);
    let config = Config::of_routes(&table(&both)).unwrap();
    assert!(!config.accounts[1].disabled && config.accounts[1].allow_ips.is_empty());
    assert!(
        notes(&config).contains(
            "GATEWAY_ROUTES.routes[0].allow_ips: it is for the route's own token, and not for those in `tokens`"
        ),
        "{}",
        notes(&config)
    );
    both["token"] = Value::Null;
    let report = Config::of_routes(&table(&both)).unwrap_err().to_string();
    assert!(
        report.contains("has 5 problems") && report.contains("put it into the entries of `tokens` that it is for"),
        "{report}"
    );
}

#[test]
fn tokens_and_their_names_stand_in_a_table_once() {
    let entry = |name: &str, token: &str| json!({"name": name, "token": token});
    let route =
        |name: &str, token: Value, tokens: Value| complete(&json!({"name": name, "token": token, "tokens": tokens}));
    let report = |routes: [Value; 2]| {
        Config::of_routes(&json!(routes).to_string())
            .map(drop)
            .map_err(|problems| problems.to_string())
    };
    let good = [
        route("a", json!("gw-1"), json!([entry("alice", "gw-2")])),
        // The name of a route that has no token of its own is free.
        route("b", Value::Null, json!([entry("b", "gw-3"), entry("bob", "gw-4")])),
    ];
    assert_eq!(report(good), Ok(()));
    for (second, place, message) in [
        (
            route("b", json!("gw-2"), json!([])),
            "[1].token ",
            "the same token stands elsewhere",
        ),
        (
            route("b", Value::Null, json!([entry("bob", "gw-1")])),
            "[1].tokens[0].token ",
            "the same token stands elsewhere",
        ),
        (
            route("b", Value::Null, json!([entry("alice", "gw-4")])),
            "[1].tokens[0].name ",
            "another token is called `alice` as well",
        ),
        (
            route("b", Value::Null, json!([entry("a", "gw-4")])),
            "[1].tokens[0].name ",
            "another token is called `a` as well",
        ),
        (
            route("b", json!("gw-3"), json!([entry("b", "gw-4")])),
            "[1].tokens[0].name ",
            "another token is called `b` as well",
        ),
        (
            route("alice", json!("gw-3"), Value::Null),
            "[1].name ",
            "another token is called `alice` as well",
        ),
        (
            route("a", json!("gw-3"), Value::Null),
            "[1].name ",
            "another route is called `a` as well",
        ),
    ] {
        let first = route("a", json!("gw-1"), json!([entry("alice", "gw-2")]));
        let report = report([first, second]).unwrap_err();
        assert!(report.contains(place) && report.contains(message), "{report}");
    }
}

#[test]
fn what_is_wrong_with_a_token_is_said_at_its_place() {
    assert!(mistake(&json!({"name": null})).contains("GATEWAY_ROUTES[0].tokens[0] (line 1, column"));
    assert!(mistake(&json!({"name": null})).contains("a `name` is missing"));
    assert!(mistake(&json!({"token": null})).contains("tokens[0] (line"));
    assert!(mistake(&json!({"token": null})).contains("a `token` (or `token_sha256`) is missing"));
    assert!(mistake(&json!({"provider": "echo"})).contains("tokens[0].provider"));
    assert!(mistake(&json!({"model": ["a"]})).contains("did you mean `models`?"));
    assert!(mistake(&json!({"allowed_ips": ["::1"]})).contains("did you mean `allow_ips`?"));
    assert!(mistake(&json!({"disabled": "no"})).contains("expected true or false"));
    assert!(mistake(&json!({"labels": {"team": 5}})).contains("tokens[0].labels.team"));
    assert!(mistake(&json!({"group": "family"})).contains("the table has no `groups`"));
    for date in ["tomorrow", "2027-02-30", "01.03.2027", "2027-03-01T00:00:00"] {
        let report = mistake(&json!({"expires": date}));
        assert!(
            report.contains("tokens[0].expires") && report.contains("expected a date"),
            "{report}"
        );
    }
    assert!(mistake(&json!({"expires": 1_803_859_200})).contains("expected a string, found a number"));
    assert!(
        mistake(&json!({"allow_ips": ["10.0.0.0/8", "office"]}))
            .contains("`office`: expected an IP address or a network")
    );
    assert!(mistake(&json!({"allow_ips": ["10.1.2.3/8"]})).contains("`10.1.2.3/8`: the address is not the first one"));
    assert!(mistake(&json!({"allow_ips": []})).contains("nobody could use the token"));
    assert!(mistake(&json!({"allow_ips": "10.0.0.1"})).contains("write it as an array"));
    assert!(mistake(&json!({"token": "gw ...", "limits": null})).contains("tokens[0].token "));
    assert!(with_tokens(&json!([])).unwrap_err().contains("tokens (line 1"));
    assert!(with_tokens(&json!([])).unwrap_err().contains("there is no token in it"));
    assert!(
        with_tokens(&json!(["gw-1"]))
            .unwrap_err()
            .contains("an entry looks like")
    );
    assert!(
        with_tokens(&json!("gw-1"))
            .unwrap_err()
            .contains("expected an array of objects, found a string")
    );
    assert!(report(&json!({"expires": "soon"})).contains("GATEWAY_ROUTES[0].expires"));
}

#[test]
fn a_token_that_may_not_use_the_default_model_names_one() {
    let route = |models: Value| {
        let tokens = json!([{"name": "alice", "token": "gw-alice", "models": models}]);
        let route = json!({"token": null, "tokens": tokens, "default_model": "fast", "aliases": {"fast": "gpt-mini"}});
        let config = Config::of_routes(&json!([complete(&route)]).to_string()).unwrap();
        config.accounts[0].allows_default(&config.routes[0])
    };
    assert!(route(json!(["fast"])) && route(json!(["gpt-*"])) && route(json!([])) && !route(json!(["o1"])));
}

#[test]
fn check_lists_the_tokens_of_each_route_and_warns_of_those_that_have_expired() {
    let text = json!({"groups": {"family": {}}, "routes": [
        complete(&json!({"name": "or", "token": "gw-0123456789-main", "tokens": [
            {"name": "alice", "token": "gw-0123456789-alice", "group": "family", "expires": "2027-03-01"},
            {"name": "bob", "token_sha256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", "disabled": true},
            {"name": "carol", "token": "gw-0123456789-carol", "allow_ips": ["10.0.0.0/8", "::1"]},
        ]})),
        complete(&json!({"name": "other", "token": "gw-0123456789-other"})),
    ]});
    let config = Config::of_routes(&text.to_string()).unwrap();
    let table = table(&config);
    let (routes, tokens) = table.split_once("\n\n").unwrap();
    assert!(routes.contains("****main ****lice sha256:ba7816bf +1"), "{routes}");
    insta::assert_snapshot!(tokens, @r"
    NAME   ROUTE  TOKEN            GROUP   EXPIRES               DISABLED  ADDRESSES
    or     or     ****main         -       -                     -         -
    alice  or     ****lice         family  2027-03-01T00:00:00Z  -         -
    bob    or     sha256:ba7816bf  -       -                     disabled  -
    carol  or     ****arol         -       -                     -         10.0.0.0/8 ::1
    other  other  ****ther         -       -                     -         -
    ");
    assert!(!table.contains("0123456789"), "{table}");
    assert_eq!(expired(&config, 1_803_859_199), Vec::<String>::new());
    assert_eq!(
        expired(&config, 1_803_859_200),
        ["the token `alice` of the route `or` has expired: it was valid until 2027-03-01T00:00:00Z"]
    );
}
