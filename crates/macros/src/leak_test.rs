//! `#[leak_test]`: finds out what runs the test, and wraps it in the way that fits.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote};
use syn::{Attribute, Error, Meta, Path, Result};

use crate::args::{Accepts, Arguments, Flavor};
use crate::attributes::{self, Role};
use crate::function::Function;
use crate::{expansion, origin};

const NAME: &str = "leak_test";

/// Who makes the function a test, if nothing on it does.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Origin {
    /// Nobody: `#[leak_test]` itself has to.
    Written,
    /// An attribute about cases, below which [`Expansion::behind_cases`] put the attribute once more.
    Cases,
}

pub(crate) fn expand(raw_arguments: TokenStream, item: TokenStream, origin: Origin) -> TokenStream {
    let function: Function = match syn::parse2(item.clone()) {
        Ok(function) => function,
        Err(_) => {
            let message = "`#[leak_test]` belongs on a test function: `async fn`, or `fn`";
            let error = Error::new(Span::call_site(), message).into_compile_error();
            return quote!(#item #error);
        }
    };
    let expansion = Expansion {
        function,
        raw_arguments,
        origin,
    };
    match expansion.expand() {
        Ok(tokens) => tokens,
        Err(error) => expansion.function.beside_error(&error),
    }
}

/// One use of the attribute.
struct Expansion {
    function: Function,
    raw_arguments: TokenStream,
    origin: Origin,
}

impl Expansion {
    fn expand(&self) -> Result<TokenStream> {
        self.refuse()?;
        let arguments =
            Arguments::parse(self.raw_arguments.clone(), NAME, Accepts::RuntimeAndVerdict)?;
        if self.position(Role::Cases).is_some() {
            self.refuse_timeout_of_cases()?;
            return Ok(self.behind_cases(&arguments));
        }
        if !self.function.is_async() {
            return self.sync(&arguments);
        }
        let runner = self
            .function
            .attributes
            .iter()
            .position(|other| Role::of(other).runs_async());
        match runner.map(|position| (position, Role::of(&self.function.attributes[position]))) {
            None => whole_test(self.function.clone(), &arguments, None),
            Some((position, Role::TokioTest)) => {
                let mut function = self.function.clone();
                let replaced = function.attributes.remove(position);
                whole_test(
                    function,
                    &take_over(arguments, &replaced)?,
                    Some(replaced.path()),
                )
            }
            Some((position, _)) => {
                let runner = self.function.attributes[position].clone();
                self.wrapped(&arguments, &runner)
            }
        }
    }

    fn position(&self, role: Role) -> Option<usize> {
        self.function
            .attributes
            .iter()
            .position(|other| Role::of(other) == role)
    }

    /// What `#[leak_test]` cannot make sense of, however it is to run.
    fn refuse(&self) -> Result<()> {
        let function = &self.function;
        for other in &function.attributes {
            let written = attributes::display(other.path());
            let message = match Role::of(other) {
                Role::LeakTest => {
                    "`#[leak_test]` stands here twice: write all arguments in one".to_owned()
                }
                Role::Main => format!(
                    "`#[leak_test]` belongs on a test, and `#[{written}]` makes this a program"
                ),
                _ => continue,
            };
            return Err(Error::new_spanned(other, message));
        }
        function.refuse_misuse(NAME)?;
        if origin::lost_its_async(function) {
            let message = "the attribute above has already turned this async test into sync code, which \
                           `#[leak_test]` can no longer look into: move `#[leak_test]` up, above the attribute that \
                           runs the test";
            return Err(Error::new(Span::call_site(), message));
        }
        if function.is_async()
            && let Some(test) = origin::plain_test_above()
        {
            let written = attributes::display(test.path());
            let message = format!(
                "`#[leak_test]` makes this a test by itself: leave `#[{written}]` out, which cannot run async code"
            );
            return Err(Error::new(Span::call_site(), message));
        }
        Ok(())
    }

    /// `#[rstest]` runs a sync body that has a `#[timeout(..)]` on a thread of its own, where nobody sees it.
    fn refuse_timeout_of_cases(&self) -> Result<()> {
        let attributes = &self.function.attributes;
        let timeout = attributes
            .iter()
            .find(|other| other.path().is_ident("timeout"));
        let is_rstest = |other: &Attribute| attributes::is_called(other.path(), "rstest");
        match timeout {
            Some(timeout) if !self.function.is_async() && attributes.iter().any(is_rstest) => {
                let message = "`#[rstest]` runs a sync test that has this on a thread of its own, which \
                               `#[leak_test]` cannot see into: write `#[leak_test(timeout = \"..\")]` instead";
                Err(Error::new_spanned(timeout, message))
            }
            _ => Ok(()),
        }
    }

    /// Puts the attribute below the one that makes tests out of cases, so that each case is a leak test.
    fn behind_cases(&self, arguments: &Arguments) -> TokenStream {
        let attributes = &self.function.attributes;
        let last_of_cases = attributes
            .iter()
            .rposition(|other| Role::of(other) == Role::Cases)
            .expect("only called for functions with cases");
        let runner = attributes
            .iter()
            .position(|other| Role::of(other).runs_async());
        // `#[rstest]` asks for an attribute whose path ends in `test` on an async function. On a sync one it leaves
        // out its own `#[test]` if there is such a path.
        let name = match runner {
            None if self.function.is_async() => quote!(test),
            _ => quote!(case),
        };
        let krate = krate(arguments);
        let raw = &self.raw_arguments;
        let (above, below) =
            attributes.split_at(runner.unwrap_or(attributes.len()).max(last_of_cases + 1));
        let rest = self.function.without_attributes();
        quote!(#(#above)* #[#krate::__private::#name(#raw)] #(#below)* #rest)
    }

    /// The body of a test that another attribute runs.
    fn wrapped(&self, arguments: &Arguments, runner: &Attribute) -> Result<TokenStream> {
        let runner = attributes::display(runner.path());
        refuse_runtime(
            arguments,
            &format!("`#[{runner}]` builds the runtime of this test"),
        )?;
        let krate = krate(arguments);
        Ok(expansion::wrapped(
            self.function.clone(),
            &krate,
            &arguments.verdict.builder_calls(),
        ))
    }

    /// A sync test.
    fn sync(&self, arguments: &Arguments) -> Result<TokenStream> {
        if let Some(tokio) = self.position(Role::TokioTest) {
            let written = attributes::display(self.function.attributes[tokio].path());
            let message = format!(
                "`#[{written}]` runs async code: write `async fn {}`",
                self.function.name()
            );
            return Err(Error::new(self.function.signature.fn_token.span, message));
        }
        refuse_runtime(arguments, "a sync test builds its own runtime, if any")?;
        let is_test = self
            .function
            .attributes
            .iter()
            .any(|other| Role::of(other).makes_test())
            || self.origin == Origin::Cases
            || origin::is_test_by_attribute_above();
        let added = if is_test {
            TokenStream::new()
        } else {
            self.function.refuse_arguments(NAME)?;
            expansion::test_attribute()
        };
        let krate = krate(arguments);
        Ok(expansion::wrapped_sync(
            self.function.clone(),
            &krate,
            &arguments.verdict.builder_calls(),
            &added,
        ))
    }
}

/// A test of its own, on a runtime that the harness builds, perhaps in place of another attribute.
fn whole_test(
    function: Function,
    arguments: &Arguments,
    replaced: Option<&Path>,
) -> Result<TokenStream> {
    function.refuse_arguments(NAME)?;
    let mut calls = arguments
        .runtime
        .builder_calls(NAME, Flavor::CurrentThread)?;
    calls.extend(arguments.verdict.builder_calls());
    // The replaced path stays in use, for the sake of imports, of editors and of errors in it.
    let preamble = replaced.map(|path| quote!(#[allow(unused_imports)] use #path as _;));
    let added = expansion::test_attribute();
    Ok(expansion::test_on_own_runtime(
        function,
        &krate(arguments),
        &calls,
        &preamble.unwrap_or_default(),
        &added,
    ))
}

/// Where the crate `taskleak` is found.
fn krate(arguments: &Arguments) -> TokenStream {
    arguments
        .krate
        .as_ref()
        .map_or_else(|| quote!(::taskleak), ToTokens::to_token_stream)
}

/// The arguments of `#[tokio::test]` beside those of `#[leak_test]` above it.
fn take_over(arguments: Arguments, replaced: &Attribute) -> Result<Arguments> {
    let written = attributes::display(replaced.path());
    let theirs = match &replaced.meta {
        Meta::Path(_) => Arguments::default(),
        Meta::List(list) => Arguments::parse(list.tokens.clone(), &written, Accepts::Runtime)?,
        Meta::NameValue(meta) => {
            return Err(Error::new_spanned(
                meta,
                format!("`#[{written}]` takes its arguments in parentheses"),
            ));
        }
    };
    // Their `crate` says where tokio is, which nothing here needs to know.
    Ok(Arguments {
        runtime: arguments.runtime.merge(theirs.runtime, &written)?,
        ..arguments
    })
}

fn refuse_runtime(arguments: &Arguments, why: &str) -> Result<()> {
    match arguments.runtime.first() {
        Some(argument) => {
            let message = format!(
                "`{argument}` is about a runtime that `#[leak_test]` builds, but {why}: leave it out"
            );
            Err(Error::new(argument.span(), message))
        }
        None => Ok(()),
    }
}
