//! `#[leak_test]`'s own arguments: what counts as a leak, and when.

use std::time::Duration;

use proc_macro2::{Ident, TokenStream};
use quote::quote;
use syn::spanned::Spanned;
use syn::{Error, Expr, Result};

use super::{duration, glob, literal};

/// The arguments about the verdict. None given leaves the choice to the harness.
#[derive(Default)]
pub(crate) struct VerdictArguments {
    grace: Option<Duration>,
    blocked_after: Option<Duration>,
    timeout: Option<Duration>,
    ignore: Vec<String>,
    background: Option<bool>,
    threads: Option<bool>,
}

impl VerdictArguments {
    /// Their names, in the order in which messages list them.
    pub(super) const NAMES: [&str; 6] = [
        "grace",
        "ignore",
        "background",
        "threads",
        "blocked_after",
        "timeout",
    ];

    /// Takes the argument if it is one of these; `false` if it is not.
    pub(super) fn take(&mut self, name: &Ident, value: &Expr) -> Result<bool> {
        let key = name.to_string();
        match key.as_str() {
            "grace" => self.grace = Some(duration::parse(&key, value)?),
            "blocked_after" => self.blocked_after = Some(duration::parse(&key, value)?),
            "timeout" => {
                let timeout = duration::parse(&key, value)?;
                if timeout.is_zero() {
                    let message = "`timeout` leaves the test no time at all: leave it out for a test without a limit";
                    return Err(Error::new(value.span(), message));
                }
                self.timeout = Some(timeout);
            }
            "ignore" => self.ignore = glob::parse(&key, value)?,
            "background" => self.background = Some(literal::boolean(&key, value)?),
            "threads" => self.threads = Some(literal::boolean(&key, value)?),
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// The calls of `Harness` that say so.
    pub(crate) fn builder_calls(&self) -> TokenStream {
        let mut calls = TokenStream::new();
        if let Some(grace) = self.grace {
            let grace = duration_tokens(grace);
            calls.extend(quote!(.grace(#grace)));
        }
        if let Some(time) = self.blocked_after {
            let time = duration_tokens(time);
            calls.extend(quote!(.blocked_after(#time)));
        }
        if let Some(timeout) = self.timeout {
            let timeout = duration_tokens(timeout);
            calls.extend(quote!(.timeout(#timeout)));
        }
        for glob in &self.ignore {
            calls.extend(quote!(.ignore(#glob)));
        }
        if let Some(allowed) = self.background {
            calls.extend(quote!(.background(#allowed)));
        }
        if let Some(count) = self.threads {
            calls.extend(quote!(.threads(#count)));
        }
        calls
    }
}

fn duration_tokens(duration: Duration) -> TokenStream {
    let (seconds, nanos) = (duration.as_secs(), duration.subsec_nanos());
    quote!(::core::time::Duration::new(#seconds, #nanos))
}
