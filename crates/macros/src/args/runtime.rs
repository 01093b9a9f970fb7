//! The arguments that `#[tokio::test]` and `#[tokio::main]` take: what runtime to build.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::{Error, Expr, Result};

use super::literal;

/// The kinds of runtime that tokio has.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Flavor {
    CurrentThread,
    MultiThread,
    Local,
}

impl Flavor {
    fn parse(value: &Expr) -> Result<Self> {
        const WANTS: &str = "\"current_thread\", \"multi_thread\" or \"local\"";
        let text = literal::string("flavor", value, WANTS)?;
        let hint = match text.value().as_str() {
            "current_thread" => return Ok(Self::CurrentThread),
            "multi_thread" => return Ok(Self::MultiThread),
            "local" => return Ok(Self::Local),
            "single_thread" | "basic_scheduler" => {
                "; the single-threaded one is \"current_thread\""
            }
            "threaded_scheduler" => "; the threaded one is \"multi_thread\"",
            _ => "",
        };
        let message = format!(
            "there is no runtime flavor \"{}\": `flavor` takes {WANTS}{hint}",
            text.value()
        );
        Err(Error::new(text.span(), message))
    }

    fn name(self) -> &'static str {
        match self {
            Self::CurrentThread => "current_thread",
            Self::MultiThread => "multi_thread",
            Self::Local => "local",
        }
    }
}

/// What the runtime does when a task panics.
#[derive(Clone, Copy, Debug, PartialEq)]
enum UnhandledPanic {
    Ignore,
    ShutdownRuntime,
}

impl UnhandledPanic {
    fn parse(value: &Expr) -> Result<Self> {
        const WANTS: &str = "\"ignore\" or \"shutdown_runtime\"";
        let text = literal::string("unhandled_panic", value, WANTS)?;
        match text.value().as_str() {
            "ignore" => Ok(Self::Ignore),
            "shutdown_runtime" => Ok(Self::ShutdownRuntime),
            _ => Err(Error::new(
                text.span(),
                format!("`unhandled_panic` takes {WANTS}"),
            )),
        }
    }
}

/// An argument together with its name in the source, for messages about combinations of arguments.
type Given<T> = Option<(Ident, T)>;

/// The arguments about the runtime. None given leaves the choice to the attribute.
#[derive(Default)]
pub(crate) struct RuntimeArguments {
    flavor: Given<Flavor>,
    worker_threads: Given<usize>,
    start_paused: Given<bool>,
    unhandled_panic: Given<UnhandledPanic>,
    name: Given<String>,
}

impl RuntimeArguments {
    /// Their names, in the order in which messages list them.
    pub(super) const NAMES: [&str; 5] = [
        "flavor",
        "worker_threads",
        "start_paused",
        "unhandled_panic",
        "name",
    ];

    /// Takes the argument if it is one of these; `false` if it is not.
    pub(super) fn take(&mut self, name: &Ident, value: &Expr) -> Result<bool> {
        let key = name.to_string();
        match key.as_str() {
            "flavor" => self.flavor = Some((name.clone(), Flavor::parse(value)?)),
            "worker_threads" => {
                self.worker_threads = Some((name.clone(), literal::count(&key, value)?))
            }
            "start_paused" => {
                self.start_paused = Some((name.clone(), literal::boolean(&key, value)?))
            }
            "unhandled_panic" => {
                self.unhandled_panic = Some((name.clone(), UnhandledPanic::parse(value)?))
            }
            "name" => {
                let text = literal::string(&key, value, "a string: the name of the runtime")?;
                self.name = Some((name.clone(), text.value()));
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// The first argument given, if any, by its name in the source.
    pub(crate) fn first(&self) -> Option<&Ident> {
        [
            self.flavor.as_ref().map(|(name, _)| name),
            self.worker_threads.as_ref().map(|(name, _)| name),
            self.start_paused.as_ref().map(|(name, _)| name),
            self.unhandled_panic.as_ref().map(|(name, _)| name),
            self.name.as_ref().map(|(name, _)| name),
        ]
        .into_iter()
        .flatten()
        .next()
    }

    /// Adds what another attribute on the same function says; an error where the two contradict each other.
    pub(crate) fn merge(self, other: Self, other_attribute: &str) -> Result<Self> {
        Ok(Self {
            flavor: merge(self.flavor, other.flavor, other_attribute)?,
            worker_threads: merge(self.worker_threads, other.worker_threads, other_attribute)?,
            start_paused: merge(self.start_paused, other.start_paused, other_attribute)?,
            unhandled_panic: merge(self.unhandled_panic, other.unhandled_panic, other_attribute)?,
            name: merge(self.name, other.name, other_attribute)?,
        })
    }

    /// The calls of `Harness` that ask for this runtime, or an error about arguments that cannot go together.
    pub(crate) fn builder_calls(&self, attribute: &str, default: Flavor) -> Result<TokenStream> {
        let flavor = self.flavor.as_ref().map_or(default, |(_, flavor)| *flavor);
        let chosen = match &self.flavor {
            Some(_) => format!("this runtime is \"{}\"", flavor.name()),
            None => format!(
                "this runtime is \"{}\", the default of `#[{attribute}]`",
                flavor.name()
            ),
        };
        let conflict = |argument: &Ident, remedy: Flavor| {
            let remedy = remedy.name();
            let message = format!(
                "`{argument}` needs the \"{remedy}\" runtime, and {chosen}: \
                 write `#[{attribute}(flavor = \"{remedy}\", ..)]`, or leave `{argument}` out"
            );
            Error::new(argument.span(), message)
        };
        let mut calls = match flavor {
            Flavor::CurrentThread => quote!(.current_thread()),
            Flavor::MultiThread => quote!(.multi_thread()),
            Flavor::Local => quote!(.local()),
        };
        if let Some((argument, count)) = &self.worker_threads {
            if flavor != Flavor::MultiThread {
                return Err(conflict(argument, Flavor::MultiThread));
            }
            calls.extend(quote!(.worker_threads(#count)));
        }
        if let Some((argument, paused)) = &self.start_paused {
            if flavor == Flavor::MultiThread {
                return Err(conflict(argument, Flavor::CurrentThread));
            }
            calls.extend(quote!(.start_paused(#paused)));
        }
        if let Some((argument, behaviour)) = &self.unhandled_panic {
            if flavor == Flavor::MultiThread {
                return Err(conflict(argument, Flavor::CurrentThread));
            }
            if *behaviour == UnhandledPanic::ShutdownRuntime {
                // Generic only so that its bound can fail in the user's crate: what it asks for is
                // there under `tokio_unstable` alone.
                let span = Span::call_site().located_at(argument.span());
                calls.extend(quote_spanned!(span=> .unhandled_panic_shutdown::<()>()));
            }
        }
        if let Some((_, name)) = &self.name {
            calls.extend(quote!(.runtime_name(#name)));
        }
        Ok(calls)
    }
}

fn merge<T: PartialEq>(
    first: Given<T>,
    second: Given<T>,
    second_attribute: &str,
) -> Result<Given<T>> {
    match (first, second) {
        (Some((argument, ours)), Some((_, theirs))) if ours != theirs => {
            let message = format!(
                "`{argument}` has another value in `#[{second_attribute}]` below: keep one of the two"
            );
            Err(Error::new(argument.span(), message))
        }
        (Some(given), _) => Ok(Some(given)),
        (None, given) => Ok(given),
    }
}
