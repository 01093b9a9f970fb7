//! The list of arguments of one attribute.

use proc_macro2::{Ident, TokenStream};
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::{Error, Expr, Path, Result, Token};

use super::{RuntimeArguments, VerdictArguments, literal};

/// Which arguments an attribute takes.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Accepts {
    /// Those of `#[tokio::test]` and `#[tokio::main]`.
    Runtime,
    /// Those, and the ones about the verdict.
    RuntimeAndVerdict,
}

/// What stands in the parentheses of an attribute.
#[derive(Default)]
pub(crate) struct Arguments {
    pub(crate) runtime: RuntimeArguments,
    pub(crate) verdict: VerdictArguments,
    /// `crate = "path"`: where the crate is found that has the harness.
    pub(crate) krate: Option<Path>,
}

impl Arguments {
    /// Reads them. `attribute` is the attribute's name in messages: `leak_test`, `tokio::test`.
    pub(crate) fn parse(tokens: TokenStream, attribute: &str, accepts: Accepts) -> Result<Self> {
        let mut arguments = Self::default();
        let mut seen: Vec<Ident> = Vec::new();
        let parser = |input: ParseStream<'_>| {
            while !input.is_empty() {
                let (name, value) = name_and_value(input, attribute, accepts)?;
                if seen.contains(&name) {
                    let remedy = if name == "ignore" {
                        "write one list: `ignore = [\"a\", \"b\"]`"
                    } else {
                        "keep one"
                    };
                    let message = format!("`{name}` stands twice in `#[{attribute}]`: {remedy}");
                    return Err(Error::new(name.span(), message));
                }
                arguments.take(&name, &value, attribute, accepts)?;
                seen.push(name);
                if !input.is_empty() {
                    input.parse::<Token![,]>()?;
                }
            }
            Ok(())
        };
        parser.parse2(tokens)?;
        Ok(arguments)
    }

    fn take(
        &mut self,
        name: &Ident,
        value: &Expr,
        attribute: &str,
        accepts: Accepts,
    ) -> Result<()> {
        if name == "crate" {
            self.krate = Some(literal::path("crate", value)?);
            return Ok(());
        }
        let taken = self.runtime.take(name, value)?
            || (accepts == Accepts::RuntimeAndVerdict && self.verdict.take(name, value)?);
        if taken {
            Ok(())
        } else {
            Err(unknown(name, attribute, accepts))
        }
    }
}

/// `name = value`; every other form is an error that says what to write instead.
fn name_and_value(
    input: ParseStream<'_>,
    attribute: &str,
    accepts: Accepts,
) -> Result<(Ident, Expr)> {
    if !input.peek(syn::Ident::peek_any) {
        let message = format!(
            "`#[{attribute}]` takes arguments of the form `name = value`: {}",
            list(accepts)
        );
        return Err(Error::new(input.span(), message));
    }
    // `crate` is a keyword, so any identifier has to do here.
    let name = Ident::parse_any(input)?;
    if input.peek(Token![=]) {
        input.parse::<Token![=]>()?;
        if input.is_empty() || input.peek(Token![,]) {
            return Err(Error::new(
                name.span(),
                format!("`{name} =` lacks its value"),
            ));
        }
        return Ok((name, input.parse()?));
    }
    let message = match name.to_string().as_str() {
        flavor @ ("current_thread" | "multi_thread" | "local") => {
            format!(
                "the flavor of the runtime is an argument of its own: `#[{attribute}(flavor = \"{flavor}\")]`"
            )
        }
        known if is_known(known, accepts) => format!("`{name}` needs a value: `{name} = ..`"),
        _ => return Err(unknown(&name, attribute, accepts)),
    };
    Err(Error::new(name.span(), message))
}

fn is_known(name: &str, accepts: Accepts) -> bool {
    name == "crate"
        || RuntimeArguments::NAMES.contains(&name)
        || (accepts == Accepts::RuntimeAndVerdict && VerdictArguments::NAMES.contains(&name))
}

fn unknown(name: &Ident, attribute: &str, accepts: Accepts) -> Error {
    let key = name.to_string();
    let message = if VerdictArguments::NAMES.contains(&key.as_str()) {
        // Only the façade gets here. tokio's own attribute does not know the argument, and code under the façade
        // must compile without it, too.
        format!(
            "`{key}` is an argument of `#[leak_test]`: put `#[leak_test({key} = ..)]` above `#[{attribute}]`"
        )
    } else if key == "core_threads" {
        "`core_threads` is called `worker_threads`".to_owned()
    } else {
        format!(
            "`#[{attribute}]` has no argument `{key}`; it takes {}",
            list(accepts)
        )
    };
    Error::new(name.span(), message)
}

/// The names of all arguments, as a sentence lists them.
fn list(accepts: Accepts) -> String {
    let mut names = RuntimeArguments::NAMES.to_vec();
    if accepts == Accepts::RuntimeAndVerdict {
        names.extend(VerdictArguments::NAMES);
    }
    names.push("crate");
    names
        .iter()
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ")
}
