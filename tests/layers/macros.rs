//! What the arguments of a macro hold, for those macros that the gateway uses: expressions, patterns and types.

use proc_macro2::{Ident, TokenStream};
use syn::parse::{Parse, ParseStream, Parser, Result};
use syn::punctuated::Punctuated;
use syn::visit::Visit;
use syn::{Expr, Pat, Token, Type, Visibility, braced, bracketed, token};

/// Shows `visitor` what a macro is called with. Fails for a macro that cannot be read.
pub(super) fn visit(mac: &syn::Macro, visitor: &mut impl for<'ast> Visit<'ast>) -> Result<()> {
    let name = mac.path.segments.last().map(|last| last.ident.to_string());
    let tokens = mac.tokens.clone();
    match name.as_deref() {
        // Seen where it is called.
        Some("macro_rules") => Ok(()),
        Some("matches") => matches(&tokens, visitor),
        Some("json") => Json::parse.parse2(tokens).map(|json| json.visit(visitor)),
        Some("select") => Arms::parse.parse2(tokens).map(|arms| arms.visit(visitor)),
        Some("thread_local" | "task_local") => {
            for (_, ty, value) in Statics::parse.parse2(tokens)?.0 {
                visitor.visit_type(&ty);
                value.iter().for_each(|value| visitor.visit_expr(value));
            }
            Ok(())
        }
        _ => {
            let list = Punctuated::<Expr, Token![,]>::parse_terminated;
            let repeat = Punctuated::<Expr, Token![;]>::parse_terminated;
            let read = list
                .parse2(tokens.clone())
                .map(|list| list.into_iter().collect::<Vec<_>>());
            let read = read.or_else(|_| repeat.parse2(tokens).map(|list| list.into_iter().collect()));
            read?.iter().for_each(|expression| visitor.visit_expr(expression));
            Ok(())
        }
    }
}

/// `matches!(value, pattern if guard)`.
fn matches(tokens: &TokenStream, visitor: &mut impl for<'ast> Visit<'ast>) -> Result<()> {
    let parts = |input: ParseStream<'_>| {
        let value: Expr = input.parse()?;
        input.parse::<Token![,]>()?;
        let pattern = Pat::parse_multi_with_leading_vert(input)?;
        let guard = input.parse::<Option<Token![if]>>()?;
        let guard = guard.map(|_| input.parse::<Expr>()).transpose()?;
        input.parse::<Option<Token![,]>>()?;
        Ok((value, pattern, guard))
    };
    let (value, pattern, guard) = parts.parse2(tokens.clone())?;
    visitor.visit_expr(&value);
    visitor.visit_pat(&pattern);
    guard.iter().for_each(|guard| visitor.visit_expr(guard));
    Ok(())
}

/// The arguments of `json!`.
enum Json {
    Value(Box<Expr>),
    Array(Vec<Self>),
    Object(Vec<(Expr, Self)>),
}

impl Parse for Json {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let inside;
        if input.peek(token::Brace) {
            braced!(inside in input);
            let member = |input: ParseStream<'_>| {
                let name: Expr = input.parse()?;
                input.parse::<Token![:]>()?;
                Ok((name, input.parse()?))
            };
            let members = Punctuated::<_, Token![,]>::parse_terminated_with(&inside, member)?;
            Ok(Self::Object(members.into_iter().collect()))
        } else if input.peek(token::Bracket) {
            bracketed!(inside in input);
            let items = Punctuated::<Self, Token![,]>::parse_terminated(&inside)?;
            Ok(Self::Array(items.into_iter().collect()))
        } else {
            input.parse().map(Self::Value)
        }
    }
}

impl Json {
    fn visit(&self, visitor: &mut impl for<'ast> Visit<'ast>) {
        match self {
            Self::Value(value) => visitor.visit_expr(value),
            Self::Array(items) => items.iter().for_each(|item| item.visit(visitor)),
            Self::Object(members) => {
                for (name, value) in members {
                    visitor.visit_expr(name);
                    value.visit(visitor);
                }
            }
        }
    }
}

mod words {
    syn::custom_keyword!(biased);
}

/// The arms of `tokio::select!`: patterns, and the expressions around them.
struct Arms(Vec<Pat>, Vec<Expr>);

impl Parse for Arms {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let mut arms = Self(Vec::new(), Vec::new());
        if input.peek(words::biased) {
            input.parse::<words::biased>()?;
            input.parse::<Token![;]>()?;
        }
        while !input.is_empty() {
            if input.peek(Token![else]) {
                input.parse::<Token![else]>()?;
            } else {
                arms.0.push(Pat::parse_multi_with_leading_vert(input)?);
                input.parse::<Token![=]>()?;
                arms.1.push(input.parse()?);
                if input.peek(Token![,]) {
                    input.parse::<Token![,]>()?;
                    input.parse::<Token![if]>()?;
                    arms.1.push(input.parse()?);
                }
            }
            input.parse::<Token![=>]>()?;
            arms.1.push(Expr::parse_with_earlier_boundary_rule(input)?);
            input.parse::<Option<Token![,]>>()?;
        }
        Ok(arms)
    }
}

impl Arms {
    fn visit(&self, visitor: &mut impl for<'ast> Visit<'ast>) {
        self.0.iter().for_each(|pattern| visitor.visit_pat(pattern));
        self.1.iter().for_each(|expression| visitor.visit_expr(expression));
    }
}

/// The statics of `thread_local!` and `task_local!`.
pub(super) struct Statics(pub(super) Vec<(Ident, Type, Option<Expr>)>);

impl Parse for Statics {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let mut statics = Vec::new();
        while !input.is_empty() {
            input.call(syn::Attribute::parse_outer)?;
            input.parse::<Visibility>()?;
            input.parse::<Token![static]>()?;
            let name = input.parse()?;
            input.parse::<Token![:]>()?;
            let ty = input.parse()?;
            let value = input.parse::<Option<Token![=]>>()?;
            let value = value.map(|_| input.parse::<Expr>()).transpose()?;
            input.parse::<Option<Token![;]>>()?;
            statics.push((name, ty, value));
        }
        Ok(Self(statics))
    }
}
