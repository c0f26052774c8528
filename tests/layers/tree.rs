//! The modules of a crate, read from its sources: which file holds each, and the names in it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

use syn::{ImplItem, Item};

use super::macros::Statics;
use super::uses::{is_test, segments, used};

/// A file of sources.
pub(super) struct Source {
    /// From the root of the project, with `/`.
    pub(super) path: String,
    pub(super) syntax: Rc<syn::File>,
}

/// What a name stands for in the module that has it.
#[derive(Clone, Debug)]
pub(super) enum Name {
    Module(usize),
    /// A type or a trait.
    Type,
    /// A function, a constant, a static or a macro.
    Value,
    /// A `use` of this path.
    Import(Vec<String>),
}

#[derive(Debug)]
pub(super) struct Module {
    /// Index into [`Tree::sources`].
    pub(super) file: usize,
    pub(super) parent: Option<usize>,
    /// Whether only tests have it.
    pub(super) test: bool,
    pub(super) names: HashMap<String, Vec<Name>>,
    /// The paths that are imported with a `*`.
    pub(super) globs: Vec<Vec<String>>,
}

/// The type that an `impl` block is of: the module that defines it and its name.
pub(super) type Definition = (usize, String);

/// A function or constant in an `impl` block without a trait.
#[derive(Clone, Debug)]
pub(super) struct Method {
    pub(super) file: usize,
    /// Whether it can be called with a dot.
    pub(super) dotted: bool,
}

#[derive(Default)]
pub(super) struct Tree {
    pub(super) sources: Vec<Source>,
    pub(super) modules: Vec<Module>,
    /// The module that each file is.
    pub(super) files: HashMap<usize, usize>,
    /// By type and name.
    pub(super) methods: BTreeMap<(Definition, String), Vec<Method>>,
}

/// The name by which the binary knows the library.
const LIBRARY: &str = "ai_gateway";

impl Tree {
    /// The tree below `src/lib.rs` and `src/main.rs`, from the path and text of each file.
    pub(super) fn new(texts: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut tree = Self::default();
        for (path, text) in texts {
            let syntax = syn::parse_file(&text).unwrap_or_else(|error| panic!("{path}: {error}"));
            let syntax = Rc::new(syntax);
            tree.sources.push(Source { path, syntax });
        }
        tree.sources.sort_by(|a, b| a.path.cmp(&b.path));
        for root in ["src/lib.rs", "src/main.rs"] {
            if let Some(file) = tree.find(root) {
                tree.add_file(file, None, "src", false);
            }
        }
        let lost: Vec<&str> = (0..tree.sources.len())
            .filter(|file| !tree.files.contains_key(file))
            .map(|file| tree.path(file))
            .collect();
        assert!(
            lost.is_empty(),
            "no `mod` leads to {lost:?}: remove them or declare them"
        );
        tree.add_methods();
        tree
    }

    pub(super) fn path(&self, file: usize) -> &str {
        &self.sources[file].path
    }

    fn find(&self, path: &str) -> Option<usize> {
        self.sources.iter().position(|source| source.path == path)
    }

    fn add_file(&mut self, file: usize, parent: Option<usize>, folder: &str, test: bool) -> usize {
        let syntax = Rc::clone(&self.sources[file].syntax);
        let module = self.add_module(&syntax.items, file, parent, folder, test);
        self.files.insert(file, module);
        module
    }

    /// `folder`: where the files of its modules are.
    fn add_module(&mut self, items: &[Item], file: usize, parent: Option<usize>, folder: &str, test: bool) -> usize {
        let module = self.modules.len();
        self.modules.push(Module {
            file,
            parent,
            test,
            names: HashMap::new(),
            globs: Vec::new(),
        });
        for item in items {
            if let Item::Mod(inner) = item {
                let name = inner.ident.to_string();
                let test = test || is_test(&inner.attrs);
                let folder = format!("{folder}/{name}");
                let child = match &inner.content {
                    Some((_, items)) => self.add_module(items, file, Some(module), &folder, test),
                    None => {
                        let file = [format!("{folder}.rs"), format!("{folder}/mod.rs")]
                            .iter()
                            .find_map(|path| self.find(path))
                            .unwrap_or_else(|| panic!("{}: no file for `mod {name}`", self.path(file)));
                        self.add_file(file, Some(module), &folder, test)
                    }
                };
                self.name(module, &name, Name::Module(child));
            } else {
                self.add_item(module, item);
            }
        }
        module
    }

    fn add_item(&mut self, module: usize, item: &Item) {
        let (ident, name) = match item {
            Item::Use(import) => {
                for used in used(&import.tree) {
                    if used.glob {
                        self.modules[module].globs.push(used.path);
                    } else if let Some(name) = &used.name {
                        self.name(module, name, Name::Import(used.path));
                    }
                }
                return;
            }
            Item::Const(item) => (&item.ident, Name::Value),
            Item::Fn(item) => (&item.sig.ident, Name::Value),
            Item::Static(item) => (&item.ident, Name::Value),
            Item::Enum(item) => (&item.ident, Name::Type),
            Item::Struct(item) => (&item.ident, Name::Type),
            Item::Trait(item) => (&item.ident, Name::Type),
            Item::Type(item) => (&item.ident, Name::Type),
            Item::Union(item) => (&item.ident, Name::Type),
            Item::Macro(item) => match &item.ident {
                Some(ident) => (ident, Name::Value),
                None => return self.add_statics(module, item),
            },
            Item::ForeignMod(block) => {
                for item in &block.items {
                    match item {
                        syn::ForeignItem::Fn(item) => self.name(module, &item.sig.ident.to_string(), Name::Value),
                        syn::ForeignItem::Static(item) => self.name(module, &item.ident.to_string(), Name::Value),
                        syn::ForeignItem::Type(item) => self.name(module, &item.ident.to_string(), Name::Type),
                        _ => {}
                    }
                }
                return;
            }
            _ => return,
        };
        self.name(module, &ident.to_string(), name);
    }

    /// The statics of `thread_local!` and its like.
    fn add_statics(&mut self, module: usize, item: &syn::ItemMacro) {
        if let Ok(statics) = item.mac.parse_body::<Statics>() {
            for (name, _, _) in statics.0 {
                self.name(module, &name.to_string(), Name::Value);
            }
        }
    }

    fn name(&mut self, module: usize, name: &str, meaning: Name) {
        let names = &mut self.modules[module].names;
        names.entry(name.to_owned()).or_default().push(meaning);
    }

    fn add_methods(&mut self) {
        let mut methods = Vec::new();
        for (&file, &module) in &self.files {
            self.methods_of(module, &self.sources[file].syntax.items, &mut methods);
        }
        for (key, method) in methods {
            self.methods.entry(key).or_default().push(method);
        }
    }

    fn methods_of(&self, module: usize, items: &[Item], methods: &mut Vec<((Definition, String), Method)>) {
        if self.modules[module].test {
            return;
        }
        for item in items {
            match item {
                Item::Mod(inner) => {
                    if let Some((_, items)) = &inner.content {
                        self.methods_of(self.inner(module, &inner.ident.to_string()), items, methods);
                    }
                }
                Item::Impl(block) if block.trait_.is_none() && !is_test(&block.attrs) => {
                    let Some(definition) = self.self_type(module, &block.self_ty) else {
                        continue;
                    };
                    let file = self.modules[module].file;
                    methods.extend(block.items.iter().filter_map(|item| {
                        let (attributes, name, dotted) = match item {
                            ImplItem::Fn(item) => (&item.attrs, &item.sig.ident, item.sig.receiver().is_some()),
                            ImplItem::Const(item) => (&item.attrs, &item.ident, false),
                            _ => return None,
                        };
                        let method = Method { file, dotted };
                        (!is_test(attributes)).then(|| ((definition.clone(), name.to_string()), method))
                    }));
                }
                _ => {}
            }
        }
    }

    /// The module `name` that stands in `module`.
    pub(super) fn inner(&self, module: usize, name: &str) -> usize {
        let names = self.modules[module].names.get(name).into_iter().flatten();
        names
            .filter_map(|name| match name {
                Name::Module(id) => Some(*id),
                Name::Type | Name::Value | Name::Import(_) => None,
            })
            .next()
            .unwrap()
    }

    /// The type of this crate that an `impl` block in `module` is of.
    pub(super) fn self_type(&self, module: usize, ty: &syn::Type) -> Option<Definition> {
        match ty {
            syn::Type::Path(ty) => self.definition(module, &segments(&ty.path)),
            _ => None,
        }
    }

    /// Whether `src/` and this is a folder that belongs to a file of the same name.
    pub(super) fn is_beside_a_file(&self, folder: &str) -> bool {
        self.find(&format!("src/{folder}.rs")).is_some()
    }

    /// Whether only tests have this file.
    pub(super) fn is_test(&self, file: usize) -> bool {
        self.modules[self.files[&file]].test
    }

    fn root(&self, module: usize) -> usize {
        self.modules[module].parent.map_or(module, |parent| self.root(parent))
    }

    fn library(&self) -> Option<usize> {
        self.find("src/lib.rs").map(|file| self.files[&file])
    }

    /// Where a path begins as seen from `module`, and how many of its segments that takes. `None` if it begins with a name.
    pub(super) fn start(&self, module: usize, path: &[String]) -> Option<(usize, usize)> {
        match path.first()?.as_str() {
            "crate" => Some((self.root(module), 1)),
            "self" | "super" => {
                let mut at = module;
                let mut taken = 0;
                for segment in path {
                    match segment.as_str() {
                        "self" if taken == 0 => {}
                        "super" => at = self.modules[at].parent?,
                        _ => break,
                    }
                    taken += 1;
                }
                Some((at, taken))
            }
            LIBRARY => Some((self.library()?, 1)),
            _ => None,
        }
    }

    /// The type that `path` leads to, through every `use` on the way.
    pub(super) fn definition(&self, module: usize, path: &[String]) -> Option<Definition> {
        let (module, taken) = self.start(module, path).unwrap_or((module, 0));
        self.follow(module, &path[taken..], &mut BTreeSet::new())
    }

    fn follow(&self, module: usize, path: &[String], seen: &mut BTreeSet<(usize, Vec<String>)>) -> Option<Definition> {
        let (first, rest) = path.split_first()?;
        if !seen.insert((module, path.to_vec())) {
            return None;
        }
        let follow = |to: &[String], rest: &[String], seen: &mut _| {
            let path = [to, rest].concat();
            let (module, taken) = self.start(module, &path).unwrap_or((module, 0));
            self.follow(module, &path[taken..], seen)
        };
        let Module { names, globs, .. } = &self.modules[module];
        for name in names.get(first).into_iter().flatten() {
            let found = match name {
                Name::Module(id) => self.follow(*id, rest, seen),
                Name::Type => Some((module, first.clone())).filter(|_| rest.is_empty()),
                Name::Value => None,
                // `use memchr::memchr`: the first is another crate.
                Name::Import(to) if to[0] == *first => None,
                Name::Import(_) if is_hidden(&names[first]) => None,
                Name::Import(to) => follow(to, rest, seen),
            };
            if found.is_some() {
                return found;
            }
        }
        // A name hides what a glob brings.
        let globs = globs.iter().filter(|_| !names.contains_key(first));
        globs
            // What a glob itself begins with is a name of the module, or another crate.
            .filter(|to| self.start(module, to).is_some() || names.contains_key(&to[0]))
            .find_map(|to| follow(to, path, seen))
    }
}

/// Whether an import among these names is of a value only: a module or type has the same name.
pub(super) fn is_hidden(names: &[Name]) -> bool {
    names.iter().any(|name| matches!(name, Name::Module(_) | Name::Type))
}
