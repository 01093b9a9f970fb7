//! What to call a task that nobody named: after the function of its future, or where it was spawned.

use super::TaskKind;
use std::panic::Location;

const CLOSURE: &str = "::{{closure}}";
/// Crates whose futures and async fns take a future to run it, and are not what the task is about.
const ADAPTERS: [&str; 6] = [
    "futures",
    "futures_util",
    "taskleak",
    "tokio",
    "tokio_util",
    "tracing",
];
/// Types that only keep a future somewhere.
const KEEPERS: [&str; 5] = [
    "alloc::boxed::Box",
    "alloc::sync::Arc",
    "core::mem::manually_drop::ManuallyDrop",
    "core::panic::unwind_safe::AssertUnwindSafe",
    "core::pin::Pin",
];

/// A name a person would write for a future's type, if the type tells one.
///
/// `server::accept_loop::{{closure}}` (the future of an async fn) is `server::accept_loop`; an async
/// block in it is `server::accept_loop::{async block}`; wrappers around either are looked through.
pub(crate) fn of_type(type_name: &str, kind: TaskKind) -> Option<String> {
    if let Some(name) = of_coroutine(type_name, kind, Within::All) {
        return Some(name);
    }
    if let Some(kept) = kept(type_name) {
        return of_type(kept, kind);
    }
    let path = without_generics(type_name);
    let says_nothing = path.is_empty() || path.starts_with("dyn ");
    (!says_nothing).then(|| without_closures(&path))
}

/// Into which wrappers to look.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Within {
    All,
    /// Not into one of a crate that is not known: what it has in its arguments, some layers down, is as likely a
    /// service or a callback as the future that it runs.
    Known,
}

/// The name of the async function, block or closure that the type is, or is known to wrap.
fn of_coroutine(type_name: &str, kind: TaskKind, within: Within) -> Option<String> {
    if let Some(kept) = kept(type_name) {
        return of_coroutine(kept, kind, within);
    }
    let path = without_generics(type_name);
    let is_coroutine = path.ends_with(CLOSURE);
    let found = if is_adapter(&path) {
        arguments(type_name)
            .into_iter()
            .find_map(|argument| of_coroutine(argument, kind, Within::Known))
    } else if !is_coroutine && within == Within::All {
        // An async fn that is generic over futures is itself, not the first of its arguments.
        let first = arguments(type_name).into_iter().next();
        first.and_then(|argument| of_coroutine(argument, kind, Within::Known))
    } else {
        None
    };
    found.or_else(|| is_coroutine.then(|| of_function(&path, kind)))
}

/// The name of what ends in closures: an async function's future in one, that of a block in it in more.
fn of_function(path: &str, kind: TaskKind) -> String {
    let function = path.trim_end_matches(CLOSURE);
    let depth = (path.len() - function.len()) / CLOSURE.len();
    let function = without_closures(function);
    match (depth, kind) {
        (1, _) => function,
        (_, TaskKind::Blocking) => format!("{function}::{{closure}}"),
        _ => format!("{function}::{{async block}}"),
    }
}

/// A path without the bodies that its parts are written in: `server::run::handle` of a function inside another one.
fn without_closures(path: &str) -> String {
    path.replace(CLOSURE, "")
}

/// What a pointer or a pin has inside.
fn kept(type_name: &str) -> Option<&str> {
    if let Some(target) = type_name.strip_prefix('&') {
        return Some(target.trim_start_matches("mut "));
    }
    let (keeper, _) = type_name.split_once('<')?;
    let is_keeper = KEEPERS.contains(&keeper);
    is_keeper.then(|| arguments(type_name).into_iter().next())?
}

fn is_adapter(path: &str) -> bool {
    let of_crate = path.split("::").next().unwrap_or_default();
    ADAPTERS.contains(&of_crate)
}

/// The generic arguments of a path, of all its parts.
fn arguments(type_name: &str) -> Vec<&str> {
    let mut arguments = Vec::new();
    let mut open = Vec::new();
    let mut start = 0;
    for (at, c) in type_name.char_indices() {
        let is_arrow = c == '>' && type_name[..at].ends_with('-');
        let ends_one = open == ['<'] && (c == ',' || c == '>') && !is_arrow;
        if ends_one {
            arguments.push(type_name[start..at].trim());
            start = at + 1;
        }
        match c {
            '<' | '(' | '[' => {
                if open.is_empty() {
                    start = at + 1;
                }
                open.push(c);
            }
            '>' | ')' | ']' if !is_arrow => _ = open.pop(),
            _ => {}
        }
    }
    arguments
}

/// A name by the spawn site alone; of a package from a registry, from the package's folder.
pub(super) fn of_place(location: &Location<'_>) -> String {
    let (line, column) = (location.line(), location.column());
    let file = in_package(location.file());
    format!("task spawned at {file}:{line}:{column}")
}

/// Whether a task that was spawned there has no name but that.
pub(crate) fn is_by_place(name: &str, location: &Location<'_>) -> bool {
    name == of_place(location)
}

/// `hyper-1.0.0/src/lib.rs` of `.../registry/src/index-name-hash/hyper-1.0.0/src/lib.rs`.
fn in_package(file: &str) -> &str {
    let is_separator = ['/', '\\'];
    for folder in ["registry/src/", "registry\\src\\"] {
        if let Some((_, rest)) = file.split_once(folder)
            && let Some((_, package)) = rest.split_once(is_separator)
        {
            return package;
        }
    }
    file
}

/// `a::b<C>::d` is `a::b::d`, and `<a::B<C> as d::E>::f` is `a::B::f`.
fn without_generics(path: &str) -> String {
    if let Some(qualified) = path.strip_prefix('<') {
        let mut depth = 1_usize;
        for (at, c) in qualified.char_indices() {
            match c {
                '<' => depth += 1,
                '>' if !qualified[..at].ends_with('-') => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                let ty = qualified[..at].split(" as ").next().unwrap_or_default();
                let ty = ty
                    .trim_start_matches("impl ")
                    .split(" for ")
                    .last()
                    .unwrap_or_default();
                return without_generics(ty) + &without_generics(&qualified[at + 1..]);
            }
        }
    }
    outside_generics(path)
}

/// What of a path lies outside angle brackets.
pub(crate) fn outside_generics(path: &str) -> String {
    let mut plain = String::with_capacity(path.len());
    let mut depth = 0_usize;
    let mut before = ' ';
    for c in path.chars() {
        match c {
            '<' => depth += 1,
            '>' if before != '-' => depth = depth.saturating_sub(1),
            c if depth == 0 => plain.push(c),
            _ => {}
        }
        before = c;
    }
    // A turbofish leaves its colons behind.
    plain.replace("::::", "::")
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    #[track_caller]
    fn check(type_name: &str, name: &str) {
        assert_eq!(of_type(type_name, TaskKind::Task).as_deref(), Some(name));
    }

    #[test]
    fn async_functions_and_blocks() {
        check("server::accept_loop::{{closure}}", "server::accept_loop");
        check(
            "t::main::{{closure}}::{{closure}}",
            "t::main::{async block}",
        );
        check(
            "server::pump<alloc::vec::Vec<u8>, fn(u8) -> u8>::{{closure}}",
            "server::pump",
        );
        check(
            "server::retry<t::main::{{closure}}::{{closure}}>::{{closure}}",
            "server::retry",
        );
    }

    #[test]
    fn what_is_written_inside_a_function() {
        check(
            "server::run::{{closure}}::handle::{{closure}}",
            "server::run::handle",
        );
        check(
            "server::run<u8>::{{closure}}::{{closure}}::handle::{{closure}}::{{closure}}",
            "server::run::handle::{async block}",
        );
        check(
            "<server::run::{{closure}}::Conn as server::Handler>::handle::{{closure}}",
            "server::run::Conn::handle",
        );
        check("server::run::{{closure}}::Forever", "server::run::Forever");
    }

    /// A closure in an argument of a future says who made it, not what it is.
    #[test]
    fn futures_of_a_dependency_that_hold_a_closure() {
        check(
            "tower::buffer::worker::Worker<tower::util::service_fn::ServiceFn<app::open::{{closure}}>, app::Mail>",
            "tower::buffer::worker::Worker",
        );
        check(
            "hub::graceful::Connection<hub::Conn<hub::Service<app::hello>>, hub::watch::{{closure}}>",
            "hub::graceful::Connection",
        );
        check(
            "core::pin::Pin<alloc::boxed::Box<hub::Worker<hub::ServiceFn<app::open::{{closure}}>>>>",
            "hub::Worker",
        );
    }

    #[test]
    fn methods_of_traits_and_generic_types() {
        check(
            "<server::Conn<T> as server::Handler>::handle::{{closure}}",
            "server::Conn::handle",
        );
        check("server::Pool<C>::reap::{{closure}}", "server::Pool::reap");
        check(
            "server::<impl server::Conn>::run::{{closure}}",
            "server::run",
        );
    }

    #[test]
    fn wrappers_are_looked_through() {
        check(
            "tracing::instrument::Instrumented<server::conn<u8>::{{closure}}>",
            "server::conn",
        );
        check(
            "core::pin::Pin<alloc::boxed::Box<t::a::{{closure}}::{{closure}}>>",
            "t::a::{async block}",
        );
        check(
            "futures_util::future::future::Map<t::first::{{closure}}, t::second::{{closure}}>",
            "t::first",
        );
        check(
            "futures_util::future::future::Map<hub::Conn<app::Io>, hub::MapFn<app::open::{{closure}}>>",
            "futures_util::future::future::Map",
        );
        check(
            "tokio::time::timeout::Timeout<core::pin::Pin<alloc::boxed::Box<server::conn::{{closure}}>>>",
            "server::conn",
        );
        check("&mut server::conn::{{closure}}", "server::conn");
        check(
            "tokio_util::sync::CancellationToken::run_until_cancelled<server::conn::{{closure}}>::{{closure}}",
            "server::conn",
        );
    }

    #[test]
    fn places_are_named_from_their_package() {
        let unix = "/home/me/.cargo/registry/src/index-0123456789abcdef/hyper-1.0.0/src/lib.rs";
        assert_eq!(in_package(unix), "hyper-1.0.0/src/lib.rs");
        let windows = "C:\\.cargo\\registry\\src\\index-0123456789abcdef\\hyper-1.0.0\\src\\lib.rs";
        assert_eq!(in_package(windows), "hyper-1.0.0\\src\\lib.rs");
        assert_eq!(in_package("src/registry/src.rs"), "src/registry/src.rs");
    }

    #[test]
    fn types_without_a_function() {
        check(
            "core::future::pending::Pending<()>",
            "core::future::pending::Pending",
        );
        check("server::load", "server::load");
        let boxed = "core::pin::Pin<alloc::boxed::Box<dyn core::future::future::Future>>";
        assert_eq!(of_type(boxed, TaskKind::Task), None);
        assert_eq!(
            of_type("t::a::{{closure}}::{{closure}}", TaskKind::Blocking).as_deref(),
            Some("t::a::{closure}")
        );
    }
}
