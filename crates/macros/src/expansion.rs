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
    quote_spanned! {Span::mixed_site()=>
        #krate::__private::Harness::new(::core::concat!(::core::module_path!(), "::", #name)) #calls
    }
}

/// A sync function that runs the async body on a runtime of the harness.
///
/// `run` is the harness's method for it; `preamble` are statements for the build alone. `added` goes below the function's attributes,
/// where attributes that are expanded later find it.
pub(crate) fn on_own_runtime(
    mut function: Function,
    krate: &TokenStream,
    calls: &TokenStream,
    run: &TokenStream,
    preamble: &TokenStream,
    added: &TokenStream,
) -> TokenStream {
    let body = function.async_block(&TokenStream::new(), &TokenStream::new());
    let harness = harness(&function, krate, calls);
    function.signature.asyncness = None;
    function.with_body(
        added,
        quote_spanned!(Span::mixed_site()=> #preamble #harness.#run(#body)),
    )
}

/// An async function whose body the harness watches inside the runtime of another attribute.
pub(crate) fn wrapped(
    mut function: Function,
    krate: &TokenStream,
    calls: &TokenStream,
) -> TokenStream {
    let bindings = function.rebind_arguments();
    let body = function.async_block(&quote!(move), &bindings);
    let harness = harness(&function, krate, calls);
    function.with_body(
        &TokenStream::new(),
        quote_spanned!(Span::mixed_site()=> #harness.wrap(#body).await),
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
    function.with_body(
        added,
        quote_spanned!(Span::mixed_site()=> #harness.run_sync(#body)),
    )
}
