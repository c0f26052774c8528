//! Texts that are not the JSON of a table: where they stop making sense, and what to type there.

use ai_gateway::config::Config;

fn told(text: &str) -> String {
    Config::of_routes(text).unwrap_err().to_string()
}

#[test]
fn what_stands_in_the_way_is_named_and_what_to_type() {
    for (text, place, hint) in [
        (
            "[{\"token\"：\"t\"}]",
            "line 1, column 10",
            "U+FF1A ： (a full-width :) stands there: type : instead",
        ),
        (
            "[{\"token\":\"t\"，\"name\":\"n\"}]",
            "line 1, column 14",
            "type , instead",
        ),
        ("［{\"token\":\"t\"}]", "line 1, column 1", "type [ instead"),
        ("[｛\"token\":\"t\"}]", "line 1, column 2", "type { instead"),
        (
            "[{「token」:\"t\"}]",
            "line 1, column 3",
            "U+300C 「 stands there: type \" instead",
        ),
        ("[{\u{201c}token\u{201d}:\"t\"}]", "line 1, column 3", "U+201C"),
        (
            "[{\"token\u{201d}: \"t\"}]",
            "",
            "U+201D \u{201d} stands at line 1, column 9",
        ),
        (
            "[{\"name\": \"名前\",　\"token\":\"t\"}]",
            "line 1, column 16",
            "U+3000 IDEOGRAPHIC SPACE stands there: type an ordinary blank",
        ),
        (
            "[\n\u{a0}{\"token\":\"t\"}]",
            "line 2, column 1",
            "U+00A0 NO-BREAK SPACE",
        ),
        (
            "[{\"token\":\u{200b}\"t\"}]",
            "line 1, column 11",
            "U+200B ZERO WIDTH SPACE stands there, which nobody sees: delete it",
        ),
        ("[{token:t,provider:echo}]", "line 1, column 3", "the quotes are gone"),
        ("[{token: \"t\"}]", "line 1, column 3", "double quotes"),
        ("[{'token': 't'}]", "line 1, column 3", "double quotes"),
        (
            "[{\\\"token\\\":\\\"t\\\"}]",
            "line 1, column 3",
            "escaped once too often: write \" instead of \\\"",
        ),
        ("[\\n{\"token\":\"t\"}]", "line 1, column 2", "a backslash stands there"),
        (
            "[{\"name\":\"C:\\Users\\me\"}]",
            "line 1, column 13",
            "a backslash in a string is written \\\\",
        ),
        (
            "[{\"name\":\"C:\\data\"}]",
            "line 1, column 13",
            "a backslash in a string is written \\\\",
        ),
        (
            "[{\"token\":\"t\n\"}]",
            "line 1, column 13",
            "a line break stands in a string",
        ),
        (
            "[{\"token\":\"t,\r\n\"name\":\"n\"}]",
            "line 1, column 14",
            "a line break stands in a string",
        ),
        (
            "[{\"token\":\"a\tb\"}]",
            "line 1, column 13",
            "a tab stands in a string",
        ),
        ("[{\"token\":\"t\"}];", "line 1, column 16", "a semicolon stands there"),
        ("[{\"token\":\"t\"}],", "line 1, column 16", "behind the last ]"),
        (
            "[{\"token\":\"t\"}]\n[{\"token\":\"u\"}]",
            "line 2, column 1",
            "two tables become one",
        ),
        ("- token: t\n  provider: echo\n", "line 1, column 1", "this is YAML"),
        (
            "[{\"token\":\"t\"}]'",
            "line 1, column 16",
            "a quote stands behind the last ]",
        ),
        (
            "[{\"token\":\"t\"]",
            "line 1, column 14",
            "a bracket of the other kind is missing",
        ),
        ("[{\"token\":\"t\"}}]", "line 1, column 15", "this one is too many"),
        (
            "[{\"token\":\"t\",,\"name\":\"n\"}]",
            "line 1, column 15",
            "a comma stands there once too often",
        ),
        ("token: t\n", "line 1, column 1", "this is YAML"),
        ("W3sidG9rZW4iOiJ0In1d", "line 1, column 1", "a table looks like"),
        ("routes:\n  - token: t\n", "line 1, column 1", "this is YAML"),
        ("[[routes]]\ntoken = \"t\"\n", "line 1", "this is TOML"),
        (
            "[{\"token\":\"t\"}, // mine\n]",
            "line 1, column 17",
            "JSON has no comments",
        ),
        (
            "[\n  # mine\n  {\"token\":\"t\"}]",
            "line 2, column 3",
            "JSON has no comments",
        ),
        (
            "[/* mine */{\"token\":\"t\"}]",
            "line 1, column 2",
            "JSON has no comments",
        ),
        (
            "[{\"token\":\"t\",}]",
            "line 1, column 15",
            "a trailing comma stands before it",
        ),
        (
            "[{\"token\":\"t\"},\n]",
            "line 2, column 1",
            "a trailing comma stands before it",
        ),
        (
            "[{\"token\":\"t\" \"name\":\"n\"}]",
            "line 1, column 15",
            "a comma is missing before it",
        ),
        (
            "[{\"token\":\"t\"}\n{\"token\":\"u\"}]",
            "line 2, column 1",
            "a comma is missing before it",
        ),
        ("[{\"token\" \"t\"}]", "line 1, column 11", "a : is missing"),
        ("[{\"token\"=\"t\"}]", "line 1, column 10", "an = stands there"),
        ("[{\"token\":}]", "line 1, column 11", "a value is missing there"),
        ("[{\"verify_end\": True}]", "line 1, column 17", "write true"),
        ("[{\"verify_end\":False}]", "line 1, column 16", "write false"),
        ("[{\"name\":None}]", "line 1, column 10", "JSON has null for it"),
        ("[{\"verify_end\": yes}]", "line 1", "write true"),
        ("[{\"timeout\": 60s}]", "line 1, column 16", "write numbers as 60"),
        (
            "[{\"timeout\": ${TIMEOUT}}]",
            "line 1, column 14",
            "nothing put the value in its place",
        ),
        ("${GATEWAY_ROUTES}", "line 1, column 1", "write the table itself"),
        (
            "$GATEWAY_ROUTES",
            "line 1, column 1",
            "nothing put the value in its place",
        ),
        ("[{\"token\":\"t\"}, ...]", "line 1, column 17", "dots of an example"),
        ("{\"token\":\"t\"}", "line 1, column 1", "put [ and ] around the route"),
        (
            "{\"a\":{\"token\":\"t\"},\"b\":{\"token\":\"u\"}}",
            "line 1, column 1",
            "into their `name`",
        ),
        (
            "{\"models\":[{\"token\":\"t\"}]}",
            "line 1, column 1",
            "leave out what is around it",
        ),
        (
            "{\"routes\":[{\"token\":\"t\"}",
            "line 1, column 25",
            "with the } that it begins with",
        ),
        ("{\"routes\":[],}", "line 1, column 14", "a trailing comma"),
        ("{routes:[]}", "line 1, column 2", "the quotes are gone"),
        (
            "{\"token\":\"t\"},{\"token\":\"u\"}",
            "line 1, column 14",
            "put [ and ] around the routes",
        ),
        (
            "{\"token\":\"t\"}\n{\"token\":\"u\"}",
            "line 2, column 1",
            "put [ and ] around the routes",
        ),
        (
            "/etc/ai-gateway/routes.json",
            "line 1, column 1",
            "set GATEWAY_ROUTES_FILE",
        ),
        ("C:\\routes.json", "line 1, column 1", "set GATEWAY_ROUTES_FILE"),
        (
            "GATEWAY_ROUTES=[{\"token\":\"t\"}]",
            "line 1, column 1",
            "the name of a variable stands in front",
        ),
        ("'[", "line 1, column 1", "cut at its first line break"),
        ("[{\"token\":\"t\"", "line 1, column 14", "cut"),
        (
            "[{\"token\":\"t",
            "line 1, column 13",
            "the \" at the end of a string is missing",
        ),
        ("[\n", "line 2, column 1", "cut"),
        ("<!DOCTYPE html><html></html>", "line 1, column 1", "a web page"),
        ("5", "line 1, column 1", "a table looks like"),
        ("[\u{0}{\u{0}}\u{0}]\u{0}", "line 1, column 2", "UTF-16"),
        ("\u{fffd}\u{fffd}[\u{0}", "line 1, column 1", "UTF-16"),
        ("[{\"name\":\"中\u{fffd}\u{fffd}\"}]", "line 1, column 12", "GBK"),
    ] {
        let report = told(text);
        assert!(report.contains("has 1 problem\n"), "{text}: {report}");
        assert!(
            report.contains(&format!("({place}")) && report.contains(hint),
            "{text}: {report}"
        );
    }
}

#[test]
fn a_good_table_is_no_trouble_whatever_stands_in_its_strings() {
    let text = "\u{feff}\n[{\"token\":\"t\",\"provider\":\"echo\",\"name\":\"“名前”，：// # ; '\"}]\r\n";
    assert_eq!(Config::of_routes(text).unwrap().routes[0].name, "“名前”，：// # ; '");
}

#[test]
fn no_hint_tells_what_stands_in_the_text() {
    for text in [
        "[{\"token\": SECRET}]",
        "SECRET",
        "[{\"token\": \"SECRET\" SECRET}]",
        "SECRET: SECRET",
        "{SECRET}",
        "[{'token': 'SECRET'}]",
    ] {
        assert!(!told(text).contains("SECRET"), "{}", told(text));
    }
}
