//! Which file names what of which other file, tests left out.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use proc_macro2::Span;
use syn::visit::{self, Visit};
use syn::{Attribute, Expr, ImplItem, Item, Stmt};

use super::circles::Graph;
use super::macros;
use super::tree::{Definition, Module, Name, Tree, is_hidden};
use super::uses::{is_test, segments, used};

/// A file that names something of another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Edge {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) line: usize,
    pub(super) what: String,
}

/// Something of another crate that a file names, in full.
#[derive(Clone, Debug)]
pub(super) struct Foreign {
    pub(super) file: usize,
    pub(super) line: usize,
    pub(super) path: Vec<String>,
}

/// What the files of a tree name.
#[derive(Default)]
pub(super) struct Named {
    pub(super) edges: BTreeSet<Edge>,
    /// Tests included.
    pub(super) foreign: Vec<Foreign>,
    /// What could not be read: file, line and what it is.
    pub(super) unread: Vec<(usize, usize, String)>,
}

impl Named {
    pub(super) fn of(tree: &Tree) -> Self {
        let mut named = Self::default();
        let mut guesses = Vec::new();
        let mut spread: HashMap<&str, BTreeMap<usize, &Definition>> = HashMap::new();
        for ((definition, name), methods) in &tree.methods {
            for method in methods.iter().filter(|method| method.dotted) {
                if method.file != tree.modules[definition.0].file {
                    spread.entry(name).or_default().insert(method.file, definition);
                }
            }
        }
        for (&file, &module) in &tree.files {
            let mut reader = Reader {
                tree,
                spread: &spread,
                file,
                module,
                test: tree.modules[module].test,
                locals: Vec::new(),
                this: None,
                guesses: &mut guesses,
                named: &mut named,
            };
            reader.visit_file(&tree.sources[file].syntax);
        }
        named.add_likely(tree, guesses);
        named
    }

    /// Adds the calls of methods of types that were not seen: those by a name that one type only has, and those in files that
    /// know the type.
    fn add_likely(&mut self, tree: &Tree, guesses: Vec<Guess>) {
        let graph = self.graph();
        let knows = |from, to| graph.get(&from).is_some_and(|known| known.contains(&to));
        for (edge, definition, name) in guesses {
            let types = tree.methods.keys().filter(|(_, other)| *other == name).count();
            let home = tree.modules[definition.0].file;
            let shown = graph.get(&edge.from).into_iter().flatten().any(|&by| knows(by, home));
            if types == 1 || edge.from == home || knows(edge.from, home) || shown {
                self.edges.insert(edge);
            }
        }
    }

    pub(super) fn graph(&self) -> Graph {
        let mut graph = Graph::new();
        for edge in &self.edges {
            graph.entry(edge.from).or_default().insert(edge.to);
        }
        graph
    }

    /// The edges between two files.
    pub(super) fn between(&self, from: usize, to: usize) -> impl Iterator<Item = &Edge> {
        self.edges.iter().filter(move |edge| (edge.from, edge.to) == (from, to))
    }
}

/// A call with a dot of a method by this name, which may be that of this type.
type Guess = (Edge, Definition, String);

/// Where a path leads.
#[derive(Debug)]
enum Led {
    /// To an item, or a module, in this file.
    To(usize),
    /// Out of the crate, by this path.
    Out(Vec<String>),
    Nowhere,
}

struct Reader<'a> {
    tree: &'a Tree,
    /// Methods whose `impl` block is not in the file of their type, by name.
    spread: &'a HashMap<&'a str, BTreeMap<usize, &'a Definition>>,
    file: usize,
    module: usize,
    test: bool,
    /// What the `use`s of the blocks around are of.
    locals: Vec<HashMap<String, Vec<String>>>,
    /// The type of the `impl` block around.
    this: Option<Definition>,
    guesses: &'a mut Vec<Guess>,
    named: &'a mut Named,
}

impl Reader<'_> {
    /// `path`, with what a `use` of a block around says in the place of its first segment.
    fn expanded(&self, path: &[String]) -> Vec<String> {
        let local = self.locals.iter().rev().find_map(|names| names.get(&path[0]));
        local.map_or_else(|| path.to_vec(), |to| [to, &path[1..]].concat())
    }

    /// Follows `path`, as it stands in `module`, to where it leaves this file.
    fn from(&self, module: usize, path: &[String], depth: usize) -> Led {
        match self.tree.start(module, path) {
            Some((module, taken)) => self.walk(module, &path[taken..], depth),
            None => match self.walk(module, path, depth) {
                Led::Nowhere => Led::Out(path.to_vec()),
                led => led,
            },
        }
    }

    /// Follows `path`, whose first segment is a name in `module`.
    fn walk(&self, module: usize, path: &[String], depth: usize) -> Led {
        let Module { file, names, globs, .. } = &self.tree.modules[module];
        let Some((first, rest)) = path.split_first() else {
            return Led::To(*file);
        };
        if depth > 32 {
            return Led::Nowhere;
        }
        for name in names.get(first).into_iter().flatten() {
            let led = match name {
                Name::Module(id) => self.walk(*id, rest, depth + 1),
                Name::Type => Led::To(*file),
                Name::Value if rest.is_empty() => Led::To(*file),
                Name::Value => Led::Nowhere,
                Name::Import(_) if !rest.is_empty() && is_hidden(&names[first]) => Led::Nowhere,
                // A file that names what another one imports or shows again knows that other file.
                // `use memchr::memchr`: the first is another crate.
                Name::Import(to) if *file == self.file && to[0] == *first => Led::Out([to, rest].concat()),
                Name::Import(to) if *file == self.file => self.from(module, &[to, rest].concat(), depth + 1),
                Name::Import(_) => Led::To(*file),
            };
            if !matches!(led, Led::Nowhere) {
                return led;
            }
        }
        for glob in globs {
            // What a glob itself begins with is a name of the module, or another crate. A name hides what a glob brings.
            if names.contains_key(first) || self.tree.start(module, glob).is_none() && !names.contains_key(&glob[0]) {
                continue;
            }
            match self.from(module, &[&glob[..], path].concat(), depth + 1) {
                Led::To(to) if *file == self.file => return Led::To(to),
                Led::To(_) => return Led::To(*file),
                Led::Out(_) | Led::Nowhere => {}
            }
        }
        Led::Nowhere
    }

    fn edge_to(&self, to: usize, span: Span, what: String) -> Option<Edge> {
        let counts = !self.test && to != self.file && !self.tree.is_test(to);
        counts.then(|| Edge {
            from: self.file,
            to,
            line: span.start().line,
            what,
        })
    }

    fn edge(&mut self, to: usize, span: Span, what: String) {
        let edge = self.edge_to(to, span, what);
        self.named.edges.extend(edge);
    }

    fn foreign(&mut self, path: Vec<String>, span: Span) {
        self.named.foreign.push(Foreign {
            file: self.file,
            line: span.start().line,
            path,
        });
    }

    fn path(&mut self, path: &[String], span: Span) {
        let path = self.expanded(path);
        let what = path.join("::");
        match self.from(self.module, &path, 0) {
            Led::To(to) => self.edge(to, span, format!("names {what}")),
            Led::Out(path) => self.foreign(path, span),
            Led::Nowhere => self.unread(span, format!("no item is found for the path `{what}`")),
        }
        if let Some((method, ty)) = path.split_last().filter(|(_, ty)| !ty.is_empty()) {
            let definition = match ty {
                [only] if only == "Self" => self.this.clone(),
                _ => self.tree.definition(self.module, ty),
            };
            if let Some(definition) = definition {
                self.method(&definition, method, span);
            }
        }
    }

    /// A call of `name`, which may be a method of this type. That the file of the type is named is seen elsewhere.
    fn method(&mut self, definition: &Definition, name: &str, span: Span) {
        let home = self.tree.modules[definition.0].file;
        let key = (definition.clone(), name.to_owned());
        for method in self.tree.methods.get(&key).into_iter().flatten() {
            if method.file != home || self.this.as_ref() == Some(definition) {
                self.edge(method.file, span, format!("calls {}::{name}", definition.1));
            }
        }
    }

    fn unread(&mut self, span: Span, what: String) {
        if !self.test {
            self.named.unread.push((self.file, span.start().line, what));
        }
    }

    fn as_test(&mut self, test: bool, visit: impl FnOnce(&mut Self)) {
        let before = self.test;
        self.test |= test;
        visit(self);
        self.test = before;
    }
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        self.as_test(is_test(attributes(item)), |reader| visit::visit_item(reader, item));
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if let Some((_, items)) = &item.content {
            let around = self.module;
            self.module = self.tree.inner(around, &item.ident.to_string());
            items.iter().for_each(|item| self.visit_item(item));
            self.module = around;
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        for used in used(&item.tree) {
            if item.leading_colon.is_some() {
                self.foreign(used.path, used.span);
            } else {
                self.path(&used.path, used.span);
            }
        }
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        let before = self.this.take();
        self.this = self.tree.self_type(self.module, &item.self_ty);
        if let Some((module, name)) = self.this.clone() {
            let to = self.tree.modules[module].file;
            self.edge(to, item.impl_token.span, format!("has an `impl` of {name}"));
        }
        visit::visit_item_impl(self, item);
        self.this = before;
    }

    fn visit_impl_item(&mut self, item: &'ast ImplItem) {
        let attributes: &[Attribute] = match item {
            ImplItem::Const(item) => &item.attrs,
            ImplItem::Fn(item) => &item.attrs,
            ImplItem::Type(item) => &item.attrs,
            ImplItem::Macro(item) => &item.attrs,
            _ => &[],
        };
        self.as_test(is_test(attributes), |reader| visit::visit_impl_item(reader, item));
    }

    fn visit_block(&mut self, block: &'ast syn::Block) {
        let mut names = HashMap::new();
        for statement in &block.stmts {
            if let Stmt::Item(Item::Use(item)) = statement {
                names.extend(
                    used(&item.tree)
                        .into_iter()
                        .filter_map(|used| Some((used.name?, used.path))),
                );
            }
        }
        self.locals.push(names);
        visit::visit_block(self, block);
        self.locals.pop();
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names = segments(path);
        let span = path.segments[0].ident.span();
        if path.leading_colon.is_some() {
            self.foreign(names, span);
        } else if names.len() > 1 {
            // A single name is of this file, or a `use` has named it.
            self.path(&names, span);
        }
        visit::visit_path(self, path);
    }

    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        let name = call.method.to_string();
        let own = matches!(&*call.receiver, Expr::Path(path) if path.path.is_ident("self"));
        match self.this.clone().filter(|_| own) {
            Some(definition) => self.method(&definition, &name, call.method.span()),
            None => {
                for (&to, &definition) in self.spread.get(name.as_str()).into_iter().flatten() {
                    let what = format!("calls {name}, which may be that of {}", definition.1);
                    if let Some(edge) = self.edge_to(to, call.method.span(), what) {
                        self.guesses.push((edge, definition.clone(), name.clone()));
                    }
                }
            }
        }
        visit::visit_expr_method_call(self, call);
    }

    fn visit_macro(&mut self, mac: &'ast syn::Macro) {
        self.visit_path(&mac.path);
        if let Err(error) = macros::visit(mac, &mut *self) {
            let name = segments(&mac.path).join("::");
            self.unread(
                mac.path.segments[0].ident.span(),
                format!("`{name}!` cannot be read ({error})"),
            );
        }
    }

    fn visit_vis_restricted(&mut self, _: &'ast syn::VisRestricted) {}
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::ExternCrate(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::ForeignMod(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::TraitAlias(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Union(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}
