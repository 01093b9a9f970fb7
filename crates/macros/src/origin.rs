//! What the attributes above have already done to the function.
//!
//! Attributes are expanded from the top, and an expanded one leaves no trace in the tokens that the next one gets.
//! Two things give it away. A token that another macro wrote has a span whose source text is that macro's
//! invocation rather than the token; and the attribute itself still stands in the source file. Both are hints: where
//! they are missing (an editor, a build that does not say where its files are), nothing is assumed.

use proc_macro2::{Delimiter, Span, TokenStream, TokenTree};
use syn::{Attribute, Meta};

use crate::attributes::Role;
use crate::function::Function;

/// Whether an attribute above has already made sync code of an async body.
pub(crate) fn lost_its_async(function: &Function) -> bool {
    fn search(tokens: TokenStream) -> bool {
        tokens.into_iter().any(|token| match token {
            TokenTree::Ident(ident) => ident == "async" || ident == "block_on",
            TokenTree::Group(group) => search(group.stream()),
            _ => false,
        })
    }
    !function.is_async()
        && is_rewritten(function)
        && search(function.statements().clone())
        && attributes_above().is_none_or(|attributes| {
            attributes
                .iter()
                .map(Role::of)
                .any(|role| role.makes_test() || role == Role::Main)
        })
}

/// Whether an attribute above this one, as the source file has it, makes the function a test.
pub(crate) fn is_test_by_attribute_above() -> bool {
    attributes_above()
        .is_some_and(|attributes| attributes.iter().map(Role::of).any(Role::makes_test))
}

/// `#[test]` above this attribute, as the source file has it.
pub(crate) fn plain_test_above() -> Option<Attribute> {
    attributes_above()?
        .into_iter()
        .find(|attribute| matches!(Role::of(attribute), Role::PlainTest | Role::WrittenTest))
}

/// Whether another attribute has rewritten the function before this one.
fn is_rewritten(function: &Function) -> bool {
    is_written_by_macro(function.signature.fn_token.span, "fn")
        || function
            .statements()
            .clone()
            .into_iter()
            .next()
            .is_some_and(|token| is_token_written_by_macro(&token))
}

fn is_token_written_by_macro(token: &TokenTree) -> bool {
    match token {
        TokenTree::Group(group) => match group.delimiter() {
            Delimiter::Parenthesis => is_written_by_macro(group.span_open(), "("),
            Delimiter::Brace => is_written_by_macro(group.span_open(), "{"),
            Delimiter::Bracket => is_written_by_macro(group.span_open(), "["),
            Delimiter::None => false,
        },
        token => is_written_by_macro(token.span(), &token.to_string()),
    }
}

fn is_written_by_macro(span: Span, token: &str) -> bool {
    // `r#name` is printed by its tokens in one way and by the source in another.
    span.source_text()
        .is_some_and(|source| source.trim_start_matches("r#") != token.trim_start_matches("r#"))
}

/// The attributes above this one, as the source file has them; `None` where the file is out of reach.
fn attributes_above() -> Option<Vec<Attribute>> {
    let here = Span::call_site();
    // An attribute that wrote its function anew from text has this one's place, too.
    let rewriter = here
        .source_text()
        .and_then(|source| attribute_at_end(&source))
        .map(|(_, attribute)| attribute)
        .filter(|attribute| Role::of(attribute) != Role::LeakTest);
    let here = here.unwrap();
    let source = std::fs::read_to_string(here.local_file()?).ok()?;
    let mut lines = source.lines();
    let mut before: String = lines
        .by_ref()
        .take(here.line() - 1)
        .flat_map(|line| [line, "\n"])
        .collect();
    before.extend(lines.next()?.chars().take(here.column() - 1));
    let mut attributes = attributes_at_end(&before);
    attributes.extend(rewriter);
    Some(attributes)
}

/// The attributes that a piece of source ends with, comments between them left out; the last one first.
fn attributes_at_end(source: &str) -> Vec<Attribute> {
    let mut attributes = Vec::new();
    let mut rest = source.trim_end();
    while !rest.is_empty() {
        let line = rest.rfind('\n').map_or(0, |newline| newline + 1);
        if let Some((start, attribute)) = attribute_at_end(rest) {
            attributes.push(attribute);
            rest = &rest[..start];
        } else if let Some(comment) = rest[line..].find("//") {
            rest = &rest[..line + comment];
        } else if let Some(start) = rest
            .strip_suffix("*/")
            .and_then(|comment| comment.rfind("/*"))
        {
            rest = &rest[..start];
        } else {
            break;
        }
        rest = rest.trim_end();
    }
    attributes
}

/// The attribute that a piece of source ends with, and where it starts.
fn attribute_at_end(source: &str) -> Option<(usize, Attribute)> {
    let inner = source.strip_suffix(']')?;
    // It starts at the last `#[` from which on the text is one attribute: a `#[` in a string makes no attribute.
    source.rmatch_indices("#[").find_map(|(start, _)| {
        let line = source[..start].rfind('\n').map_or(0, |newline| newline + 1);
        if source[line..start].contains("//") {
            return None;
        }
        let meta: Meta = syn::parse_str(inner.get(start + 2..)?).ok()?;
        Some((start, syn::parse_quote!(#[#meta])))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(source: &str) -> Vec<String> {
        attributes_at_end(source)
            .iter()
            .map(|attribute| crate::attributes::display(attribute.path()))
            .collect()
    }

    #[test]
    fn attributes_from_the_last() {
        assert_eq!(paths("fn a() {}\n#[test]\n#[ignore]\n"), ["ignore", "test"]);
        assert_eq!(paths("#[test] "), ["test"]);
        assert_eq!(
            paths("#[should_panic(expected = \"a[0] // #[b]\")]\n"),
            ["should_panic"]
        );
        assert_eq!(paths("fn a() { b[0] }\n"), [""; 0]);
        assert_eq!(paths("const A: [u8; 1] = [1]\n"), [""; 0]);
        assert_eq!(paths(""), [""; 0]);
    }

    #[test]
    fn comments_between() {
        assert_eq!(
            paths("#[test]\n// why\n/// what\n#[ignore] // because\n/* a\n b */\n"),
            ["ignore", "test"]
        );
        assert_eq!(
            paths("fn a() {}\n// #[test]\n#[ignore] // see [1]\n"),
            ["ignore"]
        );
    }
}
