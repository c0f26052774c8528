//! The identifiers and comments of a file of Rust, with their lines.

use std::str::FromStr;

use proc_macro2::{TokenStream, TokenTree};

/// Words and the line they are on.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) number: usize,
    pub(super) text: String,
    /// Whether it is a line of a doc comment.
    pub(super) doc: bool,
}

fn tokens(text: &str) -> TokenStream {
    TokenStream::from_str(text).unwrap()
}

/// Every identifier, those in macros included.
pub(super) fn identifiers(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    collect(tokens(text), &mut |token| {
        if let TokenTree::Ident(ident) = token {
            found.push((ident.span().start().line, ident.to_string()));
        }
    });
    found
}

fn collect(tokens: TokenStream, see: &mut impl FnMut(&TokenTree)) {
    for token in tokens {
        see(&token);
        if let TokenTree::Group(group) = token {
            collect(group.stream(), see);
        }
    }
}

/// Every line of a comment, doc comments included. What stands between tokens is one, or white space.
pub(super) fn comments(text: &str) -> Vec<Line> {
    let mut code = vec![false; text.len()];
    collect(tokens(text), &mut |token| {
        // A doc comment is the tokens `#[doc = "..."]`, each with the range of the comment.
        let all = token.span().byte_range();
        if text[all.clone()].starts_with("//") || text[all.clone()].starts_with("/*") {
            return;
        }
        match token {
            TokenTree::Group(group) => {
                code[group.span_open().byte_range()].fill(true);
                code[group.span_close().byte_range()].fill(true);
            }
            TokenTree::Ident(_) | TokenTree::Punct(_) | TokenTree::Literal(_) => code[all].fill(true),
        }
    });
    let mut found = Vec::new();
    let mut start = 0;
    for (index, line) in text.split_inclusive('\n').enumerate() {
        let words: Vec<u8> = line
            .bytes()
            .zip(&code[start..])
            .map(|(byte, code)| if *code { b' ' } else { byte })
            .collect();
        start += line.len();
        let words = String::from_utf8(words).unwrap();
        let words = words.trim();
        if !words.is_empty() {
            let doc = words.starts_with("///") || words.starts_with("//!");
            let text = words.trim_start_matches(['/', '!', '*']).trim().to_owned();
            found.push(Line {
                number: index + 1,
                text,
                doc,
            });
        }
    }
    found
}
