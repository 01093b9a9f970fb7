//! The calls of `Harness` that every attribute expands to.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};

use crate::function::Function;

/// `#[test]`, by a path that no import can change.
pub(crate) fn test_attribute() -> TokenStream {
    quote!(#[::core::prelude::v1::test])
}

/// A harness for this function, told what `calls` say.
fn harness(function: &Function, krate: &TokenStream, calls: &TokenStream) -> TokenStream {
    let name = function.name();
    let expects_panic = function
        .expects_any_panic()
        .then(|| quote!(.expects_panic()));
    quote_spanned! {Span::mixed_site()=>
        #krate::__private::Harness::new(::core::concat!(::core::module_path!(), "::", #name)) #calls #expects_panic
    }
}

/// The async block in a place of its own: a large one is not to be passed on by value.
fn boxed(function: &Function, body: &TokenStream) -> TokenStream {
    // Where the function is, which rustc blames for what the block returns.
    let place = Span::mixed_site().located_at(function.place());
    quote_spanned!(place=> ::std::boxed::Box::pin(#body))
}

/// How a body's output is told that another failure would hide.
fn tell(function: &Function, krate: &TokenStream) -> TokenStream {
    if !function.has_written_output() {
        return quote!(::core::mem::drop);
    }
    quote_spanned! {Span::mixed_site()=>
        |output| {
            #[allow(unused_imports)]
            use #krate::__private::{TellsError as _, TellsNothing as _};
            #krate::__private::Returned(output).tell()
        }
    }
}

/// A sync test that runs the async body on a runtime of the harness.
///
/// `preamble` are statements for the build alone. `added` goes below the function's attributes, where attributes that
/// are expanded later find it.
pub(crate) fn test_on_own_runtime(
    mut function: Function,
    krate: &TokenStream,
    calls: &TokenStream,
    preamble: &TokenStream,
    added: &TokenStream,
) -> TokenStream {
    let body = function.async_block(&TokenStream::new(), &TokenStream::new());
    let body = boxed(&function, &body);
    let harness = harness(&function, krate, calls);
    function.signature.asyncness = None;
    function.with_body(
        added,
        quote_spanned!(Span::mixed_site()=> #preamble #harness.test(#body)),
    )
}

/// A sync function that runs the async body on a runtime of the harness, and is no test.
pub(crate) fn main_on_own_runtime(
    mut function: Function,
    krate: &TokenStream,
    calls: &TokenStream,
) -> TokenStream {
    let body = function.async_block(&TokenStream::new(), &TokenStream::new());
    let harness = harness(&function, krate, calls);
    function.signature.asyncness = None;
    function.with_body(
        &TokenStream::new(),
        quote_spanned!(Span::mixed_site()=> #harness.run(#body)),
    )
}

/// An async function whose body the harness watches inside the runtime of another attribute.
pub(crate) fn wrapped(
    mut function: Function,
    krate: &TokenStream,
    calls: &TokenStream,
) -> TokenStream {
    let bindings = function.rebind_arguments();
    let body = boxed(&function, &function.async_block(&quote!(move), &bindings));
    let harness = harness(&function, krate, calls);
    let tell = tell(&function, krate);
    function.with_body(
        &TokenStream::new(),
        quote_spanned!(Span::mixed_site()=> #harness.wrap(#body, #tell).await),
    )
}

/// A sync function whose body the harness watches.
pub(crate) fn wrapped_sync(
    mut function: Function,
    krate: &TokenStream,
    calls: &TokenStream,
    added: &TokenStream,
) -> TokenStream {
    let bindings = function.rebind_arguments();
    let body = function.closure(&bindings);
    let harness = harness(&function, krate, calls);
    let tell = tell(&function, krate);
    function.with_body(
        added,
        quote_spanned!(Span::mixed_site()=> #harness.run_sync(#body, #tell)),
    )
}
