//! That the reading of sources finds what it is there to find, on small crates.

use super::circles::{circles, report};
use super::edges::Named;
use super::text::{comments, identifiers};
use super::tree::Tree;
use super::{house, sizes, words};

fn tree(files: &[(&str, &str)]) -> Tree {
    Tree::new(
        files
            .iter()
            .map(|(path, text)| ((*path).to_owned(), (*text).to_owned())),
    )
}

/// Who names whom in a crate of these files, each file once.
fn edges(files: &[(&str, &str)]) -> Vec<String> {
    let tree = tree(files);
    let named = Named::of(&tree);
    assert_eq!(named.unread, []);
    let name = |file| {
        tree.path(file)
            .trim_start_matches("src/")
            .trim_end_matches(".rs")
            .to_owned()
    };
    let graph = named.graph().into_iter();
    graph
        .flat_map(|(from, to)| to.into_iter().map(move |to| (from, to)))
        .map(|(from, to)| format!("{} > {}", name(from), name(to)))
        .collect()
}

/// The circles of a crate of these files: the files of each.
fn circle(files: &[(&str, &str)]) -> Vec<Vec<String>> {
    let tree = tree(files);
    let found = circles(&Named::of(&tree).graph()).into_iter();
    found
        .map(|(_, way)| way.into_iter().map(|file| tree.path(file).to_owned()).collect())
        .collect()
}

const TWO: &str = "mod a; mod b;";

#[test]
fn to_declare_a_module_is_not_to_know_it() {
    assert_eq!(
        edges(&[("src/lib.rs", TWO), ("src/a.rs", ""), ("src/b.rs", "")]),
        [""; 0]
    );
}

#[test]
fn a_use_a_type_an_expression_and_a_pattern_name_a_file() {
    let b = (
        "src/b.rs",
        "pub struct B; pub enum E { X } pub fn f() {} pub const C: u8 = 0;",
    );
    for a in [
        "use super::b::B;",
        "use crate::b;",
        "use crate::{b::{self, f as g}};",
        "use super::b::*;",
        "fn a(_: super::b::B) {}",
        "fn a() { crate::b::f(); }",
        "fn a(e: &u8) -> bool { matches!(*e, crate::b::C) }",
        "fn a() { format!(\"{}\", x = super::b::C); }",
        "fn a() { json!({\"x\": [super::b::C, null]}); }",
        "fn a() { tokio::select! { biased; () = x() => super::b::f(), _ = y, if z => {} else => {} } }",
        "thread_local! { static A: u8 = const { super::b::C }; }",
        "impl Drop for super::b::B { fn drop(&mut self) {} }",
        "fn a() { use super::b as c; c::f(); }",
    ] {
        assert_eq!(edges(&[("src/lib.rs", TWO), ("src/a.rs", a), b]), ["a > b"], "{a}");
    }
}

#[test]
fn another_crate_a_visibility_and_a_comment_name_no_file() {
    let a = "/// [`super::b::B`]\npub(in crate::b) fn a() { b::f(); let c = std::mem::take(&mut 1); super_b(c); } use ::b::B;";
    assert_eq!(
        edges(&[("src/lib.rs", TWO), ("src/a.rs", a), ("src/b.rs", "")]),
        [""; 0]
    );
}

#[test]
fn an_import_of_the_same_name_as_its_crate_is_read() {
    let a = "use memchr::memchr; use super::b::b; mod c { pub fn c() {} } use self::c::c; fn a() { memchr(b::x(), c::c()); }";
    assert_eq!(
        edges(&[("src/lib.rs", TWO), ("src/a.rs", a), ("src/b.rs", "pub fn b() {}")]),
        ["a > b"]
    );
}

#[test]
fn a_file_that_shows_a_name_again_is_the_one_that_is_known() {
    let files = [
        ("src/lib.rs", "mod a; mod f;"),
        ("src/a.rs", "use crate::f::C;"),
        ("src/f/mod.rs", "mod c; pub use self::c::C;"),
        ("src/f/c.rs", "pub struct C;"),
    ];
    assert_eq!(edges(&files), ["a > f/mod", "f/mod > f/c"]);
}

#[test]
fn a_circle_through_a_name_that_is_shown_again_is_found() {
    for shows in ["pub use self::c::C;", "pub use self::c::*;", "use self::c::C;"] {
        let files = [
            ("src/lib.rs", "mod f;"),
            ("src/f/mod.rs", &format!("mod c; mod d; {shows}")),
            ("src/f/c.rs", "use super::d::D; pub struct C(D);"),
            ("src/f/d.rs", "use super::C; pub struct D(Box<C>);"),
        ];
        assert_eq!(
            circle(&files),
            [["src/f/c.rs", "src/f/d.rs", "src/f/mod.rs", "src/f/c.rs"]],
            "{shows}"
        );
    }
}

#[test]
fn the_shortest_of_several_circles_is_shown() {
    let files = [
        ("src/lib.rs", "mod a; mod b; mod c; mod d;"),
        ("src/a.rs", "use super::b;"),
        ("src/b.rs", "use super::c;"),
        ("src/c.rs", "use super::{a, d};"),
        ("src/d.rs", "use super::c;"),
    ];
    assert_eq!(circle(&files), [["src/c.rs", "src/d.rs", "src/c.rs"]]);
}

#[test]
fn a_circle_is_shown_with_its_lines() {
    let files = [
        ("src/lib.rs", "mod a; mod b; mod c;"),
        ("src/a.rs", "\nuse super::b;\nuse super::c;"),
        ("src/b.rs", "use super::a;"),
        ("src/c.rs", "use super::b;"),
    ];
    let tree = tree(&files);
    let expected = [
        "3 files: src/a.rs, src/b.rs, src/c.rs",
        "    src/a.rs:2 names super::b (src/b.rs)",
        "    src/b.rs:1 names super::a (src/a.rs)",
        "  and they know of each other:",
        "    src/a.rs:3 names super::c (src/c.rs)",
        "    src/c.rs:1 names super::b (src/b.rs)",
    ];
    assert_eq!(report(&tree, &Named::of(&tree)), expected);
}

#[test]
fn what_only_tests_have_is_left_out_wherever_it_stands() {
    let lib = "mod a; mod b; #[cfg(test)] mod c;";
    for a in [
        "#[cfg(test)] mod tests { use super::super::b::B; }",
        "#[cfg(test)] use super::b::B;",
        "#[cfg(all(test, unix))] fn t() { super::b::f(); }",
        "#[test] fn t() { super::b::f(); }",
        "struct A; impl A { #[cfg(test)] fn t() { super::b::f(); } }",
        "#[cfg(test)] impl super::b::B { fn t(&self) { super::b::f(); } }",
    ] {
        let files = [
            ("src/lib.rs", lib),
            ("src/a.rs", a),
            ("src/b.rs", "use super::a; pub struct B; pub fn f() {}"),
            ("src/c.rs", "use super::a;"),
        ];
        assert_eq!(edges(&files), ["b > a"], "{a}");
    }
}

#[test]
fn code_behind_a_test_module_counts() {
    let a = "#[cfg(test)] mod tests { use super::*; } #[cfg(not(test))] use super::b::B;";
    let files = [("src/lib.rs", TWO), ("src/a.rs", a), ("src/b.rs", "pub struct B;")];
    assert_eq!(edges(&files), ["a > b"]);
}

#[test]
fn the_files_of_one_type_know_each_other_by_the_methods_that_they_call() {
    for call in [
        "self.far()",
        "Self::far(self)",
        "A::far(self)",
        "Other(self).0.far()",
        "vec![self.far(); 2]",
    ] {
        let a = format!("pub struct A; impl A {{ fn near(&self) {{ {call}; }} }}");
        let b = "use super::a::A; impl A { pub fn far(&self) {} }";
        assert_eq!(
            circle(&[("src/lib.rs", TWO), ("src/a.rs", &a), ("src/b.rs", b)]),
            [["src/a.rs", "src/b.rs", "src/a.rs"]],
            "{call}"
        );
    }
    // A method of another type, and one of a trait.
    for call in ["self.near()", "C.far()", "self.drop()"] {
        let a = format!("pub struct A; struct C; impl C {{ fn own(&self) {{ {call}; }} fn near(&self) {{}} }}");
        let b = "use super::a::A; impl A { pub fn near(&self) {} } impl Drop for A { fn drop(&mut self) {} }";
        assert_eq!(
            circle(&[("src/lib.rs", TWO), ("src/a.rs", &a), ("src/b.rs", b)]),
            [[""; 0]; 0],
            "{call}"
        );
    }
}

#[test]
fn a_method_by_a_name_that_several_types_have_counts_where_its_type_is_known() {
    let shared = [
        ("src/lib.rs", "mod a; mod b; mod c; mod d;"),
        ("src/a.rs", "pub struct A;"),
        ("src/b.rs", "impl super::a::A { pub fn far(&self) {} }"),
        ("src/d.rs", "struct D; impl D { fn far(&self) {} }"),
    ];
    let edges = |c| edges(&[&shared[..], &[("src/c.rs", c)]].concat());
    assert_eq!(edges("fn c() { x.far() }"), ["b > a"]);
    assert_eq!(
        edges("use super::a::A; fn c() { x.far() }"),
        ["b > a", "c > a", "c > b"]
    );
}

#[test]
fn what_cannot_be_read_is_said() {
    let a = "fn a() { odd!(a => b); super::b::gone(); }";
    let tree = tree(&[("src/lib.rs", TWO), ("src/a.rs", a), ("src/b.rs", "")]);
    let unread: Vec<String> = Named::of(&tree).unread.into_iter().map(|(_, _, what)| what).collect();
    assert_eq!(unread.len(), 2, "{unread:?}");
    assert!(
        unread[0].contains("odd!") && unread[1].contains("super::b::gone"),
        "{unread:?}"
    );
}

#[test]
fn a_path_through_an_import_is_read_to_its_crate() {
    let a = "use std::net; use tokio as t; fn a() { net::TcpStream::connect(t::x()); t::y!(); ::std::z(); }";
    let named = Named::of(&tree(&[("src/lib.rs", "mod a;"), ("src/a.rs", a)]));
    let foreign: Vec<String> = named.foreign.iter().map(|foreign| foreign.path.join("::")).collect();
    let connect = "std::net::TcpStream::connect";
    assert_eq!(
        foreign,
        ["std::net", "tokio", connect, "tokio::x", "tokio::y", "std::z"]
    );
}

#[test]
fn what_strays_is_found() {
    let tree = tree(&[
        ("src/lib.rs", "mod dialect; mod error; mod gateway; mod new;"),
        ("src/dialect/mod.rs", "mod wire; use crate::error; pub struct D;"),
        (
            "src/dialect/wire/mod.rs",
            "fn a() {} #[cfg(test)] mod tests {} use super::D; use crate::gateway::G;",
        ),
        (
            "src/error.rs",
            "#[cfg(test)] mod tests { use tokio::time; use std::threads; }",
        ),
        ("src/gateway/mod.rs", "use crate::{dialect, new}; pub struct G;"),
        ("src/new/mod.rs", ""),
    ]);
    let named = Named::of(&tree);
    let strayed = [
        "src/dialect/wire/mod.rs:1 names super::D (src/dialect/mod.rs), which dialect/wire may not",
        "src/dialect/wire/mod.rs:1 names crate::gateway::G (src/gateway/mod.rs), which dialect/wire may not",
        "src/gateway/mod.rs:1 names crate::new (src/new/mod.rs), which gateway may not",
    ];
    assert_eq!(house::strayed(&tree, &named), strayed);
    assert_eq!(
        house::without_row(&tree),
        ["src/new: say in ROWS of tests/layers/house.rs what it may name"]
    );
    assert_eq!(
        house::runtimes(&tree, &named),
        ["src/error.rs:1: tokio::time: ask the Platform for it"]
    );
}

#[test]
fn a_function_is_counted_from_its_name_to_its_last_brace() {
    let text = "/// Says.\n#[inline]\npub fn a(\n) {\n    fn b() {}\n}\ntrait T { fn c(); fn d() {\n} }\n";
    let found = sizes::functions(&syn::parse_file(text).unwrap());
    let found: Vec<_> = found
        .iter()
        .map(|function| (&*function.name, function.line, function.lines))
        .collect();
    assert_eq!(found, [("a", 3, 4), ("b", 5, 1), ("d", 7, 2)]);
}

#[test]
fn comments_and_identifiers_are_set_apart_from_texts() {
    let text = "//! One.\nlet a = \"// told\"; // Two é.\n/* Three\n four */ b!(c, 'd', \"é\"); // Five.\n/// Six.\nstruct S;\n";
    let lines: Vec<_> = comments(text)
        .into_iter()
        .map(|line| (line.number, line.doc, line.text))
        .collect();
    let lines: Vec<_> = lines
        .iter()
        .map(|(number, doc, text)| (*number, *doc, text.as_str()))
        .collect();
    let expected = [
        (1, true, "One."),
        (2, false, "Two é."),
        (3, false, "Three"),
        (4, false, "four */"),
        (4, false, "Five."),
    ];
    assert_eq!(lines[..3], expected[..3]);
    assert_eq!(lines.last(), Some(&(5, true, "Six.")));
    let names: Vec<String> = identifiers(text).into_iter().map(|(_, name)| name).collect();
    assert!(
        names.contains(&"c".to_owned()) && !names.contains(&"told".to_owned()),
        "{names:?}"
    );
}

#[test]
fn old_names_and_phrases_are_found_where_they_stand() {
    let old = |path: &str, text: &str| words::old_names(path, text).len();
    assert_eq!(
        old("src/gateway/a.rs", "fn asks_for_socket() -> Body { Body::NoSocket }"),
        2
    );
    assert_eq!(
        old(
            "src/gateway/a.rs",
            "fn websocket(web_socket: WebSocket) { \"socket\"; }"
        ),
        0
    );
    assert_eq!(old("src/native/a.rs", "fn socket(rest: u8) {}"), 0);
    assert_eq!(
        old(
            "src/policy/a.rs",
            "fn a(rests_until: Rest) { m!(FIRST_REST, interest) }"
        ),
        3
    );
    let phrases = |text: &str| {
        words::in_comments(text)
            .into_iter()
            .map(|(line, _)| line)
            .collect::<Vec<_>>()
    };
    assert_eq!(phrases("// It is no\n// good, but\n// for him.\nfn a() {}"), [1, 2]);
    assert_eq!(
        phrases("// It is no longer here. But, for him, all of it: which?\nfn told() {}"),
        [0; 0]
    );
    assert_eq!(
        phrases("/// The same for b.\nfn a() {}\n/// Not\n/// The same.\nfn b() {}"),
        [1]
    );
    assert_eq!(
        words::in_page("One\n```\ntold\n```\nis no *way*, said `told`\n").len(),
        1
    );
}
