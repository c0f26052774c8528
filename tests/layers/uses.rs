//! Paths, what a `use` names, and what is there for tests only.

use proc_macro2::Span;
use syn::{Attribute, Meta, UseTree};

/// A path that a `use` names.
pub(super) struct Used {
    pub(super) path: Vec<String>,
    /// The name that it gets; `None` for `*` and `_`.
    pub(super) name: Option<String>,
    pub(super) glob: bool,
    pub(super) span: Span,
}

/// Whether an item with these attributes is only there for tests.
pub(super) fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        if let Some(last) = attribute.path().segments.last()
            && last.ident == "test"
        {
            return true;
        }
        attribute.path().is_ident("cfg")
            && attribute.parse_args::<Meta>().is_ok_and(|condition| match condition {
                Meta::Path(path) => path.is_ident("test"),
                Meta::List(list) if list.path.is_ident("all") => list
                    .parse_args_with(syn::punctuated::Punctuated::<Meta, syn::Token![,]>::parse_terminated)
                    .is_ok_and(|all| all.iter().any(|one| one.path().is_ident("test"))),
                Meta::List(_) | Meta::NameValue(_) => false,
            })
    })
}

pub(super) fn segments(path: &syn::Path) -> Vec<String> {
    path.segments.iter().map(|segment| segment.ident.to_string()).collect()
}

/// Every path that a `use` names.
pub(super) fn used(tree: &UseTree) -> Vec<Used> {
    let mut found = Vec::new();
    flatten(tree, &mut Vec::new(), &mut found);
    found
}

fn flatten(tree: &UseTree, before: &mut Vec<String>, found: &mut Vec<Used>) {
    let mut add = |last: &proc_macro2::Ident, name: &proc_macro2::Ident| {
        let mut path = before.clone();
        if last != "self" || path.is_empty() {
            path.push(last.to_string());
        }
        let name = if last == "self" && name == "self" {
            before.last().cloned()
        } else {
            Some(name.to_string()).filter(|name| name != "_")
        };
        found.push(Used {
            path,
            name,
            glob: false,
            span: last.span(),
        });
    };
    match tree {
        UseTree::Name(leaf) => add(&leaf.ident, &leaf.ident),
        UseTree::Rename(leaf) => add(&leaf.ident, &leaf.rename),
        UseTree::Glob(glob) => found.push(Used {
            path: before.clone(),
            name: None,
            glob: true,
            span: glob.star_token.spans[0],
        }),
        UseTree::Path(inner) => {
            before.push(inner.ident.to_string());
            flatten(&inner.tree, before, found);
            before.pop();
        }
        UseTree::Group(group) => {
            for tree in &group.items {
                flatten(tree, before, found);
            }
        }
    }
}
