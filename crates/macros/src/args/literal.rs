//! Reading the value of one `name = value` argument.

use syn::spanned::Spanned;
use syn::{Error, Expr, ExprArray, ExprLit, Lit, LitStr, Result};

/// The value as a literal, or an error that says what `name` wants.
fn literal<'a>(name: &str, value: &'a Expr, wants: &str) -> Result<&'a Lit> {
    match value {
        Expr::Lit(ExprLit { lit, .. }) => Ok(lit),
        other => Err(mismatch(name, other, wants)),
    }
}

fn mismatch(name: &str, value: &impl Spanned, wants: &str) -> Error {
    Error::new(value.span(), format!("`{name}` takes {wants}"))
}

/// A string literal.
pub(super) fn string<'a>(name: &str, value: &'a Expr, wants: &str) -> Result<&'a LitStr> {
    match literal(name, value, wants)? {
        Lit::Str(text) => Ok(text),
        other => Err(mismatch(name, other, wants)),
    }
}

/// A string literal, or an array of them.
pub(super) fn strings<'a>(name: &str, value: &'a Expr, wants: &str) -> Result<Vec<&'a LitStr>> {
    match value {
        Expr::Array(ExprArray { elems, .. }) => elems
            .iter()
            .map(|element| string(name, element, wants))
            .collect(),
        single => Ok(vec![string(name, single, wants)?]),
    }
}

/// `true` or `false`.
pub(super) fn boolean(name: &str, value: &Expr) -> Result<bool> {
    const WANTS: &str = "`true` or `false`";
    match literal(name, value, WANTS)? {
        Lit::Bool(flag) => Ok(flag.value),
        other => Err(mismatch(name, other, WANTS)),
    }
}

/// A number of at least one.
pub(super) fn count(name: &str, value: &Expr) -> Result<usize> {
    const WANTS: &str = "a whole number of at least 1";
    match literal(name, value, WANTS)? {
        Lit::Int(number) => match number.base10_parse() {
            Ok(0) | Err(_) => Err(mismatch(name, number, WANTS)),
            Ok(count) => Ok(count),
        },
        other => Err(mismatch(name, other, WANTS)),
    }
}

/// A path in a string, as `crate = ".."` has it.
pub(super) fn path(name: &str, value: &Expr) -> Result<syn::Path> {
    let wants = "the path of a crate, such as \"my_crate::reexported\"";
    let text = string(name, value, wants)?;
    text.parse().map_err(|_| mismatch(name, text, wants))
}
