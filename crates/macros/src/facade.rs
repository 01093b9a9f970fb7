//! The façade's `#[test]` and `#[main]`.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote};
use syn::{Error, Result};

use crate::args::{Accepts, Arguments, Flavor};
use crate::attributes::{self, Role};
use crate::expansion;
use crate::function::Function;

/// The two attributes differ in little else than this.
struct Attribute {
    name: &'static str,
    default_flavor: Flavor,
    judges: bool,
}

pub(crate) fn test(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let attribute = Attribute {
        name: "tokio::test",
        default_flavor: Flavor::CurrentThread,
        judges: true,
    };
    expand(&attribute, arguments, item)
}

pub(crate) fn main(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let attribute = Attribute {
        name: "tokio::main",
        default_flavor: Flavor::MultiThread,
        judges: false,
    };
    expand(&attribute, arguments, item)
}

fn expand(attribute: &Attribute, arguments: TokenStream, item: TokenStream) -> TokenStream {
    let function: Function = match syn::parse2(item.clone()) {
        Ok(function) => function,
        Err(_) => {
            let message = format!("`#[{}]` belongs on an `async fn`", attribute.name);
            let error = Error::new(Span::call_site(), message).into_compile_error();
            return quote!(#item #error);
        }
    };
    let parsed = refuse(attribute, &function)
        .and_then(|()| Arguments::parse(arguments, attribute.name, Accepts::Runtime))
        .and_then(|arguments| {
            let calls = arguments
                .runtime
                .builder_calls(attribute.name, attribute.default_flavor)?;
            Ok((arguments, calls))
        });
    let (arguments, mut calls) = match parsed {
        Ok(parsed) => parsed,
        Err(error) => return function.beside_error(&error),
    };
    let krate = arguments
        .krate
        .map_or_else(|| quote!(::taskleak_tokio), ToTokens::into_token_stream);
    if attribute.judges {
        let added = expansion::test_attribute();
        return expansion::test_on_own_runtime(
            function,
            &krate,
            &calls,
            &TokenStream::new(),
            &added,
        );
    }
    calls.extend(quote!(.check(false)));
    expansion::main_on_own_runtime(function, &krate, &calls)
}

fn refuse(attribute: &Attribute, function: &Function) -> Result<()> {
    let name = attribute.name;
    if !function.is_async() {
        let message = format!(
            "`#[{name}]` runs async code: write `async fn {}`",
            function.name()
        );
        return Err(Error::new(function.signature.fn_token.span, message));
    }
    for other in &function.attributes {
        match Role::of(other) {
            Role::LeakTest => {
                let message = format!(
                    "move `#[leak_test]` up, above `#[{name}]`: below it there is no async body left"
                );
                return Err(Error::new_spanned(other, message));
            }
            Role::PlainTest | Role::WrittenTest | Role::TokioTest if attribute.judges => {
                let message = format!(
                    "`#[{name}]` makes this a test already: leave `#[{}]` out",
                    attributes::display(other.path())
                );
                return Err(Error::new_spanned(other, message));
            }
            _ => {}
        }
    }
    if attribute.judges {
        function.refuse_arguments(name)
    } else if function.signature.ident == "main" && !function.signature.inputs.is_empty() {
        Err(Error::new_spanned(
            &function.signature.inputs,
            "`main` takes no arguments",
        ))
    } else {
        Ok(())
    }
}
