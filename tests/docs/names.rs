//! The pages for contributors name files, types and functions: what they name is there.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::LazyLock;
use std::{fs, iter};

use proc_macro2::Ident;
use syn::visit::{self, Visit};

use super::{prose, quoted, read, root};

/// The pages for contributors. They are in English only, as the code is.
const PAGES: [&str; 2] = ["docs/architecture.md", "docs/contributing.md"];

/// The decision that says what stands where. The other decisions say what was known when they were made.
const LAYERS: &str = "docs/design/0001-layers.md";

/// What pages name of other code: traits of the standard library and of serde, a type of JavaScript's.
const FOREIGN: [&str; 6] = ["Arc", "Debug", "Display", "Response", "Send", "Serialize"];

/// Where a path from the root of the project begins.
const FOLDERS: [&str; 6] = [".ci/", "benches/", "docs/", "scripts/", "src/", "tests/"];

/// What a file's name ends in.
const ENDINGS: [&str; 8] = [".example", ".js", ".md", ".rs", ".template", ".toml", ".tsv", ".txt"];

/// What the sources of the project define.
static CODE: LazyLock<Code> = LazyLock::new(Code::read);

/// The names that sources define.
#[derive(Default)]
struct Code {
    types: BTreeSet<String>,
    functions: BTreeSet<String>,
    macros: BTreeSet<String>,
    modules: BTreeSet<String>,
    /// What belongs to a type: `Type::function`, `Type::Variant` and `Type.field`.
    members: BTreeSet<String>,
    /// All sources and scripts, for constants and variables.
    text: String,
}

impl Code {
    /// Reads every source of the project.
    fn read() -> Self {
        let mut code = Self::default();
        for path in ["src", "tests", "benches/instructions.rs"]
            .iter()
            .flat_map(|path| files(path))
        {
            if path.ends_with(".rs") {
                code.add(&path, &read(&path));
            }
        }
        for path in files("scripts") {
            code.text += &read(&path);
        }
        code
    }

    fn add(&mut self, path: &str, text: &str) {
        let module = path.trim_end_matches(".rs").trim_end_matches("/mod");
        self.modules.extend(module.rsplit('/').next().map(str::to_owned));
        // Functions are looked for in the text: some stand inside of macros, which no parser looks into.
        let is_part = |sign: char| sign.is_ascii_alphanumeric() || sign == '_';
        let names = text
            .split("fn ")
            .skip(1)
            .filter_map(|rest| rest.split(|sign| !is_part(sign)).next());
        self.functions.extend(names.map(str::to_owned));
        self.visit_file(&syn::parse_file(text).unwrap());
        self.text += text;
    }

    fn add_type(&mut self, name: &Ident) {
        self.types.insert(name.to_string());
    }

    fn add_member(&mut self, owner: &str, name: &Ident) {
        self.members.insert(format!("{owner}::{name}"));
    }

    /// Whether `name` is defined. `None` where it is not a name of code.
    fn has(&self, name: &str) -> Option<bool> {
        let is_ident = |part: &str| {
            part.starts_with(|sign: char| sign.is_ascii_alphabetic())
                && part.chars().all(|sign| sign.is_ascii_alphanumeric() || sign == '_')
        };
        let begins_large = |part: &str| part.starts_with(|sign: char| sign.is_ascii_uppercase());
        if let Some(function) = name.strip_suffix("()").filter(|name| is_ident(name)) {
            return Some(self.functions.contains(function));
        }
        if let Some(name) = name.strip_suffix('!').filter(|name| is_ident(name)) {
            return Some(self.macros.contains(name));
        }
        if let Some((path, last)) = name.rsplit_once("::") {
            let owner = path.rsplit("::").next().unwrap_or(path);
            let is_known = if begins_large(owner) {
                self.members.contains(name)
            } else {
                self.modules.contains(owner) && (self.functions.contains(last) || self.types.contains(last))
            };
            return (!path.starts_with("std")).then_some(is_known);
        }
        if name.split('.').count() == 2 && name.split('.').all(is_ident) && begins_large(name) {
            return Some(self.members.contains(name));
        }
        if !is_ident(name) {
            return None;
        }
        if begins_large(name) {
            let is_constant = !name.contains(|sign: char| sign.is_ascii_lowercase());
            return Some(if is_constant {
                self.text.contains(name)
            } else {
                self.types.contains(name) || FOREIGN.contains(&name)
            });
        }
        // Such long names are those of tests.
        (name.matches('_').count() > 2).then(|| self.functions.contains(name))
    }
}

impl<'ast> Visit<'ast> for Code {
    fn visit_item_struct(&mut self, item: &'ast syn::ItemStruct) {
        self.add_type(&item.ident);
        let named = item.fields.iter().filter_map(|field| field.ident.as_ref());
        self.members
            .extend(named.map(|field| format!("{}.{field}", item.ident)));
    }

    fn visit_item_enum(&mut self, item: &'ast syn::ItemEnum) {
        self.add_type(&item.ident);
        for variant in &item.variants {
            self.add_member(&item.ident.to_string(), &variant.ident);
        }
    }

    fn visit_item_trait(&mut self, item: &'ast syn::ItemTrait) {
        self.add_type(&item.ident);
        let owner = item.ident.to_string();
        for item in &item.items {
            match item {
                syn::TraitItem::Fn(item) => self.add_member(&owner, &item.sig.ident),
                syn::TraitItem::Const(item) => self.add_member(&owner, &item.ident),
                _ => {}
            }
        }
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        let syn::Type::Path(path) = &*item.self_ty else { return };
        let owner = path.path.segments.last().unwrap().ident.to_string();
        for item in &item.items {
            match item {
                syn::ImplItem::Fn(item) => self.add_member(&owner, &item.sig.ident),
                syn::ImplItem::Const(item) => self.add_member(&owner, &item.ident),
                _ => {}
            }
        }
    }

    fn visit_item_type(&mut self, item: &'ast syn::ItemType) {
        self.add_type(&item.ident);
    }

    fn visit_item_macro(&mut self, item: &'ast syn::ItemMacro) {
        self.macros.extend(item.ident.as_ref().map(Ident::to_string));
        visit::visit_item_macro(self, item);
    }
}

/// The files below `path`, or `path` itself where that is a file.
fn files(path: &str) -> Vec<String> {
    if root().join(path).is_file() {
        return vec![path.to_owned()];
    }
    let entries = fs::read_dir(root().join(path)).unwrap();
    let mut found: Vec<String> = entries
        .map(|entry| format!("{path}/{}", entry.unwrap().file_name().into_string().unwrap()))
        .filter(|path| !path.starts_with("tests/fuzz/"))
        .flat_map(|path| files(&path))
        .collect();
    found.sort();
    found
}

/// Whether a word is a path from the root of the project.
fn is_path(word: &str) -> bool {
    let is_in_folder = FOLDERS.iter().any(|folder| word.starts_with(folder));
    let is_in_root = !word.contains('/')
        && ENDINGS
            .iter()
            .any(|ending| word.len() > ending.len() && word.ends_with(ending));
    is_in_folder || is_in_root
}

/// The words of blocks of code without a language, which are pictures.
fn pictured(text: &str) -> Vec<&str> {
    let mut language = None;
    let lines = text.lines().filter(|line| {
        if let Some(fence) = line.strip_prefix("```") {
            language = language.is_none().then_some(fence);
            return false;
        }
        language == Some("")
    });
    let is_sign = |sign: char| !(sign.is_ascii_alphanumeric() || "/._".contains(sign));
    lines.flat_map(|line| line.split(is_sign)).collect()
}

/// How many names of files and of code are in a page, and those that are not there.
fn look_up(code: &Code, page: &str) -> (usize, Vec<String>) {
    let exists = |path: &str| root().join(path).exists();
    let (mut count, mut missing) = (0, Vec::new());
    let mut note = |word: &str, is_there: bool| {
        count += 1;
        if !is_there {
            missing.push(word.to_owned());
        }
    };
    for name in prose(page).flat_map(quoted) {
        let paths: Vec<&str> = name.split_whitespace().filter(|word| is_path(word)).collect();
        for path in &paths {
            note(path, exists(path));
        }
        if let (true, Some(is_there)) = (paths.is_empty(), code.has(name)) {
            note(name, is_there);
        }
    }
    // Folders and files of the picture, which leaves out what they are all in.
    for word in pictured(page)
        .into_iter()
        .filter(|word| word.ends_with('/') || word.ends_with(".rs"))
    {
        let places = ["", "src/gateway/", "src/dialect/"];
        note(word, places.iter().any(|place| exists(&format!("{place}{word}"))));
    }
    (count, missing)
}

#[test]
fn what_pages_name_of_the_code_is_there() {
    for (page, least) in [(PAGES[0], 200), (PAGES[1], 100), (LAYERS, 30)] {
        let (count, missing) = look_up(&CODE, &read(page));
        assert!(missing.is_empty(), "{page} names what is not there: {missing:?}");
        assert!(count > least, "{page} names {count} files, types and functions");
    }
}

#[test]
fn a_name_that_is_not_there_is_found_out() {
    let page = "`src/error.rs` `src/none.rs` `none.toml` `scripts/none --now` `Gateway::handle` `Gateway::none` `none::handle`
        `Kind::None` `Endpoint.label` `Endpoint.none` `admit()` `nowhere()` `behaviours!` `none!` `Relay` `Nothing` `Send`
        `what_pages_name_of_the_code_is_there` `what_nobody_has_ever_tested` `verify_end` `x-none: 1` `PROPTEST_CASES`
```
src/policy/  relay.rs  none/
```
```bash
none.rs
```";
    let (count, missing) = look_up(&CODE, page);
    let expected = [
        "src/none.rs",
        "none.toml",
        "scripts/none",
        "Gateway::none",
        "none::handle",
        "Kind::None",
        "Endpoint.none",
        "nowhere()",
        "none!",
        "Nothing",
        "what_nobody_has_ever_tested",
        "relay.rs",
        "none/",
    ];
    assert_eq!(missing, expected);
    assert_eq!(count, 23);
}

#[test]
fn the_tour_leaves_out_no_file_of_the_way() {
    let tour = read(PAGES[0]);
    for path in ["src/gateway", "src/policy", "src/edge"]
        .iter()
        .flat_map(|folder| files(folder))
    {
        let name = Path::new(&path).file_name().unwrap();
        let is_part = name == "mod.rs" || name == "tests.rs" || !path.ends_with(".rs");
        assert!(
            is_part || tour.contains(&format!("`{path}`")),
            "{} does not name {path}",
            PAGES[0]
        );
    }
}

#[test]
fn pages_for_contributors_are_found_from_both_readmes_and_from_each_other() {
    for page in PAGES {
        for readme in ["README.md", "README.zh-CN.md"] {
            assert!(
                read(readme).contains(&format!("]({page})")),
                "{readme} does not lead to {page}"
            );
        }
        let text = read(page);
        let others = PAGES.iter().filter(|other| **other != page);
        let others = others.map(|other| other.trim_start_matches("docs/"));
        for link in others.chain(iter::once("../README.md")) {
            assert!(text.contains(&format!("]({link})")), "{page} does not lead to {link}");
        }
    }
}
