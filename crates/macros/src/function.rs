//! The function that an attribute stands on.

use proc_macro2::{Delimiter, Group, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::parse::{Parse, ParseStream};
use syn::spanned::Spanned;
use syn::{
    Attribute, Error, FnArg, Meta, Pat, PatIdent, Result, ReturnType, Signature, Type, Visibility,
    token,
};

use crate::attributes::Role;

/// A function whose body stays unread: what is wrong in it is for rustc to say.
#[derive(Clone)]
pub(crate) struct Function {
    /// Outer and inner attributes; inner ones are lifted out, since the body becomes a block of another kind.
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) visibility: Visibility,
    pub(crate) signature: Signature,
    /// The braces of the body, for their span.
    braces: token::Brace,
    statements: TokenStream,
}

impl Parse for Function {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let mut attributes = input.call(Attribute::parse_outer)?;
        let visibility = input.parse()?;
        let signature = input.parse()?;
        let body;
        let braces = syn::braced!(body in input);
        for mut inner in body.call(Attribute::parse_inner)? {
            inner.style = syn::AttrStyle::Outer;
            attributes.push(inner);
        }
        Ok(Self {
            attributes,
            visibility,
            signature,
            braces,
            statements: body.parse()?,
        })
    }
}

impl Function {
    /// The name as libtest prints it.
    pub(crate) fn name(&self) -> String {
        self.signature.ident.to_string()
    }

    pub(crate) fn is_async(&self) -> bool {
        self.signature.asyncness.is_some()
    }

    /// The tokens between the braces of the body.
    pub(crate) fn statements(&self) -> &TokenStream {
        &self.statements
    }

    /// What no test can be, whatever attribute runs it.
    pub(crate) fn refuse_misuse(&self, attribute: &str) -> Result<()> {
        let signature = &self.signature;
        let refuse = |span: Span, what: &str| {
            Err(Error::new(
                span,
                format!("`#[{attribute}]` cannot stand on {what}"),
            ))
        };
        if let Some(constness) = &signature.constness {
            return refuse(
                constness.span,
                "a `const fn`: a test runs when the program does, so leave `const` out",
            );
        }
        if let Some(unsafety) = &signature.unsafety {
            return refuse(
                unsafety.span,
                "an `unsafe fn`: nobody vouches for a call by the test harness; \
                 put the unsafe part into an `unsafe` block in the body",
            );
        }
        if let Some(abi) = &signature.abi {
            return refuse(abi.extern_token.span, "an `extern fn`: leave the ABI out");
        }
        if let Some(receiver) = signature.receiver() {
            return refuse(receiver.span(), "a method: a test is a free function");
        }
        Ok(())
    }

    /// What a test without a provider of arguments cannot have.
    pub(crate) fn refuse_arguments(&self, attribute: &str) -> Result<()> {
        if let Some(argument) = self.signature.inputs.first() {
            let message = format!(
                "nothing gives this test its arguments: put the attribute that does (such as `#[rstest]`) \
                 below `#[{attribute}]`, or leave them out"
            );
            return Err(Error::new(argument.span(), message));
        }
        if let Some(parameter) = self.signature.generics.type_params().next() {
            return Err(Error::new(
                parameter.span(),
                "a test cannot be generic: nothing chooses its type parameters",
            ));
        }
        if let Some(parameter) = self.signature.generics.const_params().next() {
            return Err(Error::new(
                parameter.span(),
                "a test cannot be generic: nothing chooses its const parameters",
            ));
        }
        Ok(())
    }

    /// Takes the arguments' patterns apart from their names, so that a block inside the body can own the arguments:
    /// what an argument holds must be dropped before the verdict, not after it.
    ///
    /// The returned statements bind the patterns again, in the order and so with the drop order of the original.
    /// Names stay as they are, since `#[rstest]` and its like read them.
    pub(crate) fn rebind_arguments(&mut self) -> TokenStream {
        let mut bindings = TokenStream::new();
        for (position, argument) in self.signature.inputs.iter_mut().enumerate() {
            let FnArg::Typed(argument) = argument else {
                continue;
            };
            let pattern = (*argument.pat).clone();
            let name = match &pattern {
                Pat::Ident(PatIdent {
                    ident,
                    subpat: None,
                    ..
                }) => ident.clone(),
                _ => quote::format_ident!(
                    "__taskleak_argument_{position}",
                    span = Span::mixed_site()
                ),
            };
            *argument.pat = Pat::Ident(PatIdent {
                attrs: Vec::new(),
                by_ref: None,
                mutability: None,
                ident: name.clone(),
                subpat: None,
            });
            bindings.extend(quote_spanned! {Span::mixed_site()=> let #pattern = #name; });
        }
        bindings
    }

    /// Where it begins, but for its attributes and visibility.
    pub(crate) fn place(&self) -> Span {
        match &self.signature.asyncness {
            Some(asyncness) => asyncness.span,
            None => self.signature.fn_token.span,
        }
    }

    /// Whether any panic makes the test pass: `#[should_panic]` without `expected`.
    pub(crate) fn expects_any_panic(&self) -> bool {
        let is_any = |meta: &Meta| match meta {
            Meta::Path(_) => true,
            Meta::List(list) => list.tokens.is_empty(),
            Meta::NameValue(_) => false,
        };
        // rustc refuses any other output.
        let is_unit = match &self.signature.output {
            ReturnType::Default => true,
            ReturnType::Type(_, output) => {
                matches!(&**output, Type::Tuple(output) if output.elems.is_empty())
            }
        };
        let should_panic = |other: &&Attribute| other.path().is_ident("should_panic");
        let mut attributes = self.attributes.iter().filter(should_panic).peekable();
        is_unit && attributes.peek().is_some() && attributes.all(|other| is_any(&other.meta))
    }

    /// Whether the output is a type that stands there, other than nothing.
    pub(crate) fn has_written_output(&self) -> bool {
        match &self.signature.output {
            ReturnType::Default => false,
            ReturnType::Type(_, output) => {
                !matches!(**output, Type::Never(_)) && !has_impl_trait(output)
            }
        }
    }

    /// A statement that never runs and tells rustc the type of the block it begins, so that a wrong
    /// value is reported where it stands and `Ok(())` needs no annotation. Nothing where the type
    /// cannot be written in a body.
    fn announce_output(&self) -> TokenStream {
        let (output, place) = match &self.signature.output {
            ReturnType::Default => (quote!(()), self.signature.ident.span()),
            ReturnType::Type(_, output)
                if matches!(**output, Type::Never(_)) || has_impl_trait(output) =>
            {
                return TokenStream::new();
            }
            ReturnType::Type(_, output) => (output.to_token_stream(), output.span()),
        };
        // rustc names this place as the reason why it expects the type.
        quote_spanned! {Span::mixed_site().located_at(place)=>
            #[allow(
                unreachable_code,
                clippy::diverging_sub_expression,
                clippy::empty_loop,
                clippy::let_unit_value,
                clippy::needless_return
            )]
            if false {
                let output: #output = loop {};
                return output;
            }
        }
    }

    /// The body as an `async` block (with `capture` in front of it: nothing or `move`) that begins with `bindings`.
    pub(crate) fn async_block(&self, capture: &TokenStream, bindings: &TokenStream) -> TokenStream {
        let asyncness = self.signature.asyncness.unwrap_or_default();
        let announcement = self.announce_output();
        let statements = &self.statements;
        let block = self.braced(quote!(#announcement #bindings #statements));
        quote!(#asyncness #capture #block)
    }

    /// The body as a closure that begins with `bindings`.
    pub(crate) fn closure(&self, bindings: &TokenStream) -> TokenStream {
        let statements = &self.statements;
        let block = self.braced(quote!(#bindings #statements));
        match &self.signature.output {
            ReturnType::Type(arrow, output) if !has_impl_trait(output) => {
                quote!(move || #arrow #output #block)
            }
            ReturnType::Type(..) => quote!(move || #block),
            ReturnType::Default => quote!(move || -> () #block),
        }
    }

    /// The function with `body` in place of its own and `added` below its attributes.
    pub(crate) fn with_body(&self, added: &TokenStream, body: TokenStream) -> TokenStream {
        let Self {
            attributes,
            visibility,
            signature,
            ..
        } = self;
        // Not the original braces, for which rustc would blame the user: "unnecessary braces".
        let body = braced(body, Span::mixed_site().located_at(self.braces.span.join()));
        quote!(#(#attributes)* #added #visibility #signature #body)
    }

    /// The function as it was, but for its attributes.
    pub(crate) fn without_attributes(&self) -> TokenStream {
        let Self {
            visibility,
            signature,
            ..
        } = self;
        let body = self.braced(self.statements.clone());
        quote!(#visibility #signature #body)
    }

    /// The function beside an error of this crate, for the sake of editors and of other errors.
    ///
    /// It is as it was, but for what would add errors that follow from the first.
    pub(crate) fn beside_error(&self, error: &Error) -> TokenStream {
        let error = error.to_compile_error();
        let mut function = self.clone();
        function.attributes.retain(|other| {
            !matches!(
                Role::of(other),
                Role::TokioTest | Role::PlainTest | Role::WrittenTest | Role::LeakTest | Role::Main
            )
        });
        if self.signature.ident == "main" {
            function.signature.asyncness = None;
            function.signature.inputs.clear();
            function.signature.output = ReturnType::Default;
            let function = function.with_body(&TokenStream::new(), TokenStream::new());
            return quote!(#function #error);
        }
        let function = function.with_body(&TokenStream::new(), self.statements.clone());
        quote!(#[allow(dead_code, unused)] #function #error)
    }

    /// A block with the span of the original body, which rustc shows for a missing value at its end.
    fn braced(&self, content: TokenStream) -> TokenStream {
        braced(content, self.braces.span.join())
    }
}

fn braced(content: TokenStream, span: Span) -> TokenStream {
    let mut block = Group::new(Delimiter::Brace, content);
    block.set_span(span);
    TokenTree::Group(block).into()
}

/// Whether `impl Trait` occurs in the type: such a type can be written in a signature only.
fn has_impl_trait(output: &Type) -> bool {
    fn search(tokens: TokenStream) -> bool {
        tokens.into_iter().any(|token| match token {
            TokenTree::Ident(ident) => ident == "impl",
            TokenTree::Group(group) => search(group.stream()),
            _ => false,
        })
    }
    search(output.to_token_stream())
}
