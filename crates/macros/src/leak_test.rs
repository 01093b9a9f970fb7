//! `#[leak_test]`: finds out what runs the test, and wraps it in the way that fits.

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::{Attribute, Error, Meta, Result};

use crate::args::{Accepts, Arguments, Flavor};
use crate::attributes::{self, Role};
use crate::function::Function;
use crate::{expansion, origin};

const NAME: &str = "leak_test";

/// The argument by which `#[leak_test]` tells itself that it goes on below `#[rstest]` or the like, which has made
/// the function a test by then and left no trace of it.
const CASE_MARK: &str = "__case";

pub(crate) fn expand(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let function: Function = match syn::parse2(item.clone()) {
        Ok(function) => function,
        Err(_) => {
            let message = "`#[leak_test]` belongs on a test function: `async fn`, or `fn`";
            let error = Error::new(Span::call_site(), message).into_compile_error();
            return quote!(#item #error);
        }
    };
    let (is_case, raw_arguments) = split_case_mark(arguments);
    let expansion = Expansion {
        function,
        raw_arguments,
        is_case,
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
    /// Whether an attribute about cases has made this function, after [`Expansion::behind_cases`] had gone below it.
    is_case: bool,
}

impl Expansion {
    fn expand(&self) -> Result<TokenStream> {
        self.refuse()?;
        let arguments =
            Arguments::parse(self.raw_arguments.clone(), NAME, Accepts::RuntimeAndVerdict)?;
        if self.position(Role::Cases).is_some() {
            return Ok(self.behind_cases(&arguments));
        }
        if !self.function.is_async() {
            return self.sync(&arguments);
        }
        let runner = self
            .function
            .attributes
            .iter()
            .position(|other| Role::of(other).makes_test());
        match runner.map(|position| (position, Role::of(&self.function.attributes[position]))) {
            None => whole_test(self.function.clone(), &arguments),
            Some((position, Role::TokioTest)) => {
                let mut function = self.function.clone();
                let replaced = function.attributes.remove(position);
                whole_test(function, &take_over(arguments, &replaced)?)
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
                Role::LeakTest => "`#[leak_test]` stands here twice: write all arguments in one".to_owned(),
                Role::Main => format!("`#[leak_test]` belongs on a test, and `#[{written}]` makes this a program"),
                Role::Conditional => "`#[leak_test]` cannot see the test attribute inside `cfg_attr`: \
                     repeat the condition, `#[cfg_attr(.., leak_test)]` above `#[cfg_attr(.., ..::test)]`"
                    .to_owned(),
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
        Ok(())
    }

    /// Puts `#[leak_test]` below the attribute that makes tests out of cases, so that each case is a leak test.
    fn behind_cases(&self, arguments: &Arguments) -> TokenStream {
        let krate = krate(arguments);
        let raw = &self.raw_arguments;
        let mark = Ident::new(CASE_MARK, Span::call_site());
        let again: Attribute = syn::parse_quote!(#[#krate::leak_test(#mark, #raw)]);
        let Function { attributes, .. } = &self.function;
        // Below the last attribute about cases, above the one that runs them, if there is one.
        let place = attributes
            .iter()
            .position(|other| Role::of(other).makes_test() && Role::of(other) != Role::Cases)
            .unwrap_or(attributes.len());
        let last_cases = attributes
            .iter()
            .rposition(|other| Role::of(other) == Role::Cases)
            .unwrap_or(0);
        let place = place.max(last_cases + 1);
        let (above, below) = attributes.split_at(place);
        let rest = self.function.without_attributes();
        quote!(#(#above)* #again #(#below)* #rest)
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
            || self.is_case
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

/// A test of its own, on a runtime that the harness builds.
fn whole_test(function: Function, arguments: &Arguments) -> Result<TokenStream> {
    function.refuse_arguments(NAME)?;
    let mut calls = arguments
        .runtime
        .builder_calls(NAME, Flavor::CurrentThread)?;
    calls.extend(arguments.verdict.builder_calls());
    let requirements = arguments.runtime.requirements();
    let added = expansion::test_attribute();
    Ok(expansion::on_own_runtime(
        function,
        &krate(arguments),
        &calls,
        &requirements,
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

/// Whether the mark begins the arguments, and the arguments without it.
fn split_case_mark(arguments: TokenStream) -> (bool, TokenStream) {
    let mut rest = arguments.clone().into_iter();
    match rest.next() {
        Some(TokenTree::Ident(first)) if first == CASE_MARK => (true, rest.skip(1).collect()),
        _ => (false, arguments),
    }
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
