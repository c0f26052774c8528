//! The pages for people: they list what the code has, both languages say the same, and no link is dead.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot set up fails")]

#[path = "docs/names.rs"]
mod names;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use ai_gateway::config::{ROUTE_FIELDS, TABLE_FIELDS, TOKEN_FIELDS, Variables, known_variables, load};
use ai_gateway::dialect::providers::PROVIDERS;

/// Pages for those who work on the gateway, which are in English as the code is, or that need no words.
const ENGLISH_ONLY: [&str; 5] = [
    "CHANGELOG.md",
    "docs/architecture.md",
    "docs/benchmarks.md",
    "docs/contributing.md",
    "docs/http1.md",
];
const CHINESE: &str = ".zh-CN.md";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(page: &str) -> String {
    fs::read_to_string(root().join(page)).unwrap_or_else(|error| panic!("{page}: {error}"))
}

/// The Markdown files of `folder`, as paths from the root of the project.
fn pages(folder: &str) -> Vec<String> {
    let names = fs::read_dir(root().join(folder)).unwrap();
    let path = |name: String| {
        if folder.is_empty() {
            name
        } else {
            format!("{folder}/{name}")
        }
    };
    let mut pages: Vec<String> = names
        .map(|entry| path(entry.unwrap().file_name().into_string().unwrap()))
        .filter(|page| page.ends_with(".md"))
        .collect();
    pages.sort();
    pages
}

/// Every page that is there in both languages, with its translation.
fn pairs() -> Vec<(String, String)> {
    let all = [pages(""), pages("docs")].concat();
    let english = all
        .into_iter()
        .filter(|page| !page.ends_with(CHINESE) && !ENGLISH_ONLY.contains(&page.as_str()));
    english
        .map(|page| (page.clone(), page.replace(".md", CHINESE)))
        .collect()
}

/// The lines outside of blocks of code.
fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut code = false;
    text.lines().filter(move |line| {
        let fence = line.starts_with("```");
        code ^= fence;
        !code && !fence
    })
}

/// The text under a heading of any level, up to the next one.
fn section<'a>(text: &'a str, heading: &str) -> Vec<&'a str> {
    let lines: Vec<&str> = prose(text).collect();
    let title = |line: &str| {
        line.starts_with('#')
            .then(|| line.trim_start_matches('#').trim().to_owned())
    };
    let start = lines.iter().position(|line| title(line).as_deref() == Some(heading));
    let start = start.unwrap_or_else(|| panic!("no heading `{heading}`"));
    lines[start + 1..]
        .iter()
        .copied()
        .take_while(|line| !line.starts_with('#'))
        .collect()
}

/// The rows of the table under a heading, without its head: the cells of each.
fn table<'a>(text: &'a str, heading: &str) -> Vec<Vec<&'a str>> {
    let section = section(text, heading);
    let rows = section.into_iter().filter(|line| line.starts_with('|')).skip(2);
    rows.map(|row| row.trim_matches('|').split(" | ").map(str::trim).collect())
        .collect()
}

/// What stands between backticks.
fn quoted(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

/// The names in the first column of the table under each heading. None stands there twice.
fn names(text: &str, headings: &[&str]) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for row in headings.iter().flat_map(|heading| table(text, heading)) {
        for name in quoted(row[0]) {
            assert!(names.insert(name.to_owned()), "{name} is listed twice");
        }
    }
    names
}

fn set<'a>(names: impl IntoIterator<Item = &'a str>) -> BTreeSet<String> {
    names.into_iter().map(str::to_owned).collect()
}

#[test]
fn the_fields_of_a_route_are_listed() {
    for (page, heading) in [
        ("docs/configuration.md", "Fields of a route"),
        ("docs/configuration.zh-CN.md", "路由字段"),
    ] {
        assert_eq!(names(&read(page), &[heading]), set(ROUTE_FIELDS), "{page}");
    }
}

#[test]
fn the_fields_of_a_table_and_of_a_token_are_listed() {
    for (page, of_table, of_token) in [
        ("docs/accounts.md", "A table with more than routes", "Tokens of a route"),
        ("docs/accounts.zh-CN.md", "不只有路由的表", "路由的令牌"),
    ] {
        let text = read(page);
        assert_eq!(names(&text, &[of_table]), set(TABLE_FIELDS), "{page}");
        assert_eq!(names(&text, &[of_token]), set(TOKEN_FIELDS), "{page}");
    }
}

#[test]
fn the_providers_are_listed_with_their_addresses_and_variables() {
    let known: BTreeMap<_, _> = PROVIDERS
        .iter()
        .map(|row| (row.name, (row.base_url, row.key_variables.to_vec())))
        .collect();
    for (page, heading) in [
        ("docs/configuration.md", "Providers"),
        ("docs/configuration.zh-CN.md", "provider"),
    ] {
        let text = read(page);
        let rows = table(&text, heading);
        let listed: BTreeMap<_, _> = rows
            .iter()
            .map(|row| {
                let url = |text: &&str| text.starts_with("http");
                let own = |text: &&str| *text != "UPSTREAM_API_KEY";
                let base_url = quoted(row[1]).first().copied().filter(url);
                let variables = quoted(row[2]).into_iter().filter(own).collect();
                (quoted(row[0])[0], (base_url, variables))
            })
            .collect();
        assert_eq!(listed.len(), rows.len(), "{page} lists a provider twice");
        assert_eq!(listed, known, "{page}");
    }
}

#[test]
fn the_variables_are_listed() {
    // That of Docker Compose, and examples of parts.
    let others = ["PUBLISH_PORT", "GATEWAY_ROUTES_1", "GATEWAY_ROUTES_2"];
    let is_variable = |name: &str| {
        let capitals = name
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_');
        capitals && (name.contains('_') || ["HOST", "PORT", "PROVIDER"].contains(&name)) && !others.contains(&name)
    };
    let known = set(known_variables().filter(|name| is_variable(name)));
    for page in ["docs/configuration.md", "docs/configuration.zh-CN.md"] {
        let text = read(page);
        let listed = prose(&text).flat_map(quoted).filter(|name| is_variable(name));
        let different: Vec<_> = set(listed).symmetric_difference(&known).cloned().collect();
        assert!(different.is_empty(), "{page} and the code differ in {different:?}");
    }
}

#[test]
fn the_example_of_an_environment_has_every_setting() {
    // The Worker's; those that stand in a comment.
    let others = ["GATEWAY_KV", "HTTP_PROXY", "ALL_PROXY"];
    let is_key = |name: &str| PROVIDERS.iter().any(|row| row.key_variables.contains(&name));
    let is_setting = |name: &&str| !is_key(name) && !others.contains(name) && !name.starts_with(char::is_lowercase);
    let example = read(".env.example");
    for name in known_variables().filter(is_setting) {
        assert!(
            example.contains(&format!("\n# {name}=")),
            "{name} is not in .env.example"
        );
    }
}

/// The error codes of `Kind::facts`, each with the status that goes with it.
fn error_codes() -> BTreeMap<String, u16> {
    let source = read("src/error.rs");
    let facts = source.split_once("let (status, class, code) = match self").unwrap().1;
    let facts = facts.split_once("Facts { status").unwrap().0;
    facts
        .split("StatusCode::")
        .skip(1)
        .map(|row| {
            let name = row.split(',').next().unwrap().trim();
            let code = row.rsplit('"').nth(1).unwrap();
            (code.to_owned(), status(name))
        })
        .collect()
}

/// The number of a status that is written as a constant of `http::StatusCode`.
fn status(constant: &str) -> u16 {
    let words = |reason: &str| reason.to_ascii_uppercase().replace([' ', '-'], "_");
    let reason = |code: u16| http::StatusCode::from_u16(code).unwrap().canonical_reason();
    (400..600)
        .find(|code| reason(*code).is_some_and(|reason| words(reason) == constant))
        .unwrap_or_else(|| panic!("no status is called {constant}"))
}

#[test]
fn the_error_codes_are_listed_with_their_status() {
    // It comes in an event, behind a status that went out before.
    let in_the_stream = "upstream_stream_truncated";
    let known = error_codes();
    assert!(known.len() > 20 && known["no_key_available"] == 503, "{known:?}");
    for (page, heading) in [
        ("docs/failures-and-streams.md", "Errors of the gateway"),
        ("docs/failures-and-streams.zh-CN.md", "网关自己的错误"),
    ] {
        let text = read(page);
        let rows = table(&text, heading);
        let status = |row: &[&str]| row[1].parse().unwrap_or(502);
        let listed: BTreeMap<_, _> = rows
            .iter()
            .map(|row| (quoted(row[0])[0].to_owned(), status(row)))
            .collect();
        assert_eq!(listed.len(), rows.len(), "{page} lists a code twice");
        assert_eq!(listed, known, "{page}");
        let words = rows.iter().filter(|row| row[1].parse::<u16>().is_err());
        let words: Vec<_> = words.flat_map(|row| quoted(row[0])).collect();
        assert_eq!(words, [in_the_stream], "{page}");
    }
}

#[test]
fn the_tables_of_routes_have_no_problem() {
    let mut tables = 0;
    for (english, _) in pairs() {
        let text = read(&english);
        let blocks = text
            .split("```json\n")
            .skip(1)
            .filter_map(|rest| rest.split("```").next());
        for table in blocks.filter(|block| block.starts_with('[') || block.contains("\"routes\":")) {
            tables += 1;
            // Limits hold natively.
            let variables = Variables::from_iter([("GATEWAY_ROUTES".to_owned(), table.to_owned())]).counting();
            let problems = load(None, &variables)
                .map(drop)
                .map_err(|problems| problems.to_string());
            assert_eq!(problems, Ok(()), "{english}");
        }
    }
    assert!(tables > 2, "{tables} tables are found");
}

/// Blocks of code without their comments, which are in the language of the page, and without pictures.
fn code(text: &str) -> Vec<String> {
    let blocks = text.split("```").skip(1).step_by(2);
    let bare = |line: &str| line.split("  #").next().unwrap().trim_end().to_owned();
    let mut kept = Vec::new();
    for block in blocks.filter(|block| !block.starts_with('\n') || block.is_ascii()) {
        let lines = block.lines().filter(|line| !line.starts_with('#')).map(bare);
        kept.push(lines.collect::<Vec<_>>().join("\n"));
    }
    kept
}

#[test]
fn both_languages_say_the_same() {
    let levels = |text: &str| {
        let headings = prose(text).filter(|line| line.starts_with('#'));
        headings
            .map(|line| line.split(' ').next().unwrap().len())
            .collect::<Vec<_>>()
    };
    // How many cells each row of a table has.
    let rows = |text: &str| {
        let rows = prose(text).filter(|line| line.starts_with('|'));
        rows.map(|row| row.split(" | ").count()).collect::<Vec<_>>()
    };
    for (english, chinese) in pairs() {
        let (english_text, chinese_text) = (read(&english), read(&chinese));
        assert_eq!(levels(&english_text), levels(&chinese_text), "{english}");
        assert_eq!(rows(&english_text), rows(&chinese_text), "{english}");
        assert_eq!(code(&english_text), code(&chinese_text), "{english}");
    }
}

#[test]
fn every_page_is_found_from_the_readme_and_from_its_translation() {
    let name = |page: &str| page.rsplit('/').next().unwrap().to_owned();
    for (english, chinese) in pairs() {
        for (page, other, readme) in [
            (&english, &chinese, "README.md"),
            (&chinese, &english, "README.zh-CN.md"),
        ] {
            assert!(
                read(page).contains(&format!("]({})", name(other))),
                "{page} does not lead to {other}"
            );
            if page != readme {
                assert!(
                    read(readme).contains(&format!("]({page})")),
                    "{readme} does not lead to {page}"
                );
                assert!(
                    read(page).contains(&format!("](../{readme})")),
                    "{page} does not lead back to {readme}"
                );
            }
        }
    }
}

/// The anchors that GitHub gives to the headings of a page: small letters, a hyphen for each blank, other signs left out.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = prose(text).filter(|line| line.starts_with('#'));
    headings
        .map(|line| {
            let title = line.trim_start_matches('#').trim().to_lowercase();
            let kept = |sign: &char| sign.is_alphanumeric() || matches!(sign, ' ' | '-' | '_');
            title.chars().filter(kept).collect::<String>().replace(' ', "-")
        })
        .collect()
}

#[test]
fn no_link_is_dead() {
    let all = [pages(""), pages("docs"), pages("docs/design")].concat();
    let mut links = 0;
    for page in all {
        let text = read(&page);
        let targets = prose(&text).flat_map(|line| line.split("](").skip(1).filter_map(|rest| rest.split(')').next()));
        for target in targets.filter(|target| !target.contains("://")) {
            links += 1;
            let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
            let file: PathBuf = match path {
                "" => root().join(&page),
                path => root().join(&page).parent().unwrap().join(path),
            };
            assert!(file.exists(), "{page} leads to {target}, which is not there");
            let found = anchor.is_empty() || anchors(&fs::read_to_string(&file).unwrap()).contains(anchor);
            assert!(found, "{page} leads to {target}, which has no such heading");
        }
    }
    assert!(links > 50, "{links} links are found");
}

/// The source of a test file that `docs/http1.md` names.
fn tests_in(name: &str) -> String {
    let places = [
        format!("tests/{name}.rs"),
        format!("src/native/{name}/tests.rs"),
        format!("src/native/{name}.rs"),
        format!("src/{name}.rs"),
    ];
    let place = places.iter().find(|place| root().join(place).is_file());
    read(place.unwrap_or_else(|| panic!("docs/http1.md names {name}, which is not there")))
}

#[test]
fn every_demand_of_http_is_held_by_tests_that_are_there() {
    let text = read("docs/http1.md");
    let (mut rows, mut named) = (0, BTreeSet::new());
    for line in prose(&text).filter(|line| line.starts_with("| ")) {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        assert_eq!(cells.len(), 3, "{line}");
        assert!(cells.iter().all(|cell| !cell.is_empty()), "{line}");
        rows += 1;
        named.extend(quoted(line).into_iter().filter_map(|name| name.split_once("::")));
    }
    assert!(rows > 80 && named.len() > 50, "{rows} rows name {} tests", named.len());
    for (file, test) in named {
        let is_there = tests_in(file).contains(&format!("fn {test}("));
        assert!(is_there, "docs/http1.md names {file}::{test}, which is not there");
    }
}

/// `npm ci`, which the pages tell people to run, refuses a lock file that leaves out a package for any platform.
#[test]
fn the_lock_file_has_the_packages_of_every_platform() {
    let lock: serde_json::Value = serde_json::from_str(&read("package-lock.json")).unwrap();
    let packages = lock["packages"].as_object().unwrap();
    for (name, package) in packages {
        let optional = package["optionalDependencies"].as_object();
        for wanted in optional.into_iter().flat_map(|optional| optional.keys()) {
            let nested = format!("{name}/node_modules/{wanted}");
            let known = packages.contains_key(&format!("node_modules/{wanted}")) || packages.contains_key(&nested);
            assert!(known, "{name} has {wanted}, which the lock file leaves out");
        }
    }
}
