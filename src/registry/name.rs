//! What to call a task that nobody named: after the function of its future, or where it was spawned.

use super::TaskKind;
use std::panic::Location;

const CLOSURE: &str = "::{{closure}}";
/// Crates whose async fns take a future to run it, and are not what the task is about.
const ADAPTERS: [&str; 5] = ["futures", "futures_util", "taskleak", "tokio", "tokio_util"];

/// A name a person would write for a future's type, if the type tells one.
///
/// `server::accept_loop::{{closure}}` (the future of an async fn) is `server::accept_loop`; an async
/// block in it is `server::accept_loop::{async block}`; wrappers around either are looked through.
pub(crate) fn of_type(type_name: &str, kind: TaskKind) -> Option<String> {
    // An async fn that is generic over futures is itself, not the first of its arguments.
    let outermost = without_generics(type_name);
    let is_adapter = ADAPTERS
        .iter()
        .any(|name| outermost.split("::").next() == Some(name));
    let type_name = if outermost.contains(CLOSURE) && !is_adapter {
        &outermost
    } else {
        type_name
    };
    if type_name.is_empty() {
        return None;
    }
    let Some(at) = type_name.find(CLOSURE) else {
        let path = without_generics(type_name);
        let says_nothing = [
            "core::pin::",
            "alloc::boxed::",
            "alloc::sync::",
            "&",
            "dyn ",
        ]
        .iter()
        .any(|prefix| path.starts_with(prefix));
        return (!says_nothing).then_some(path);
    };
    let function = function_ending_at(&type_name[..at]);
    let depth = consecutive(&type_name[at..]);
    Some(match (depth, kind) {
        (1, _) => function,
        (_, TaskKind::Blocking) => format!("{function}::{{closure}}"),
        _ => format!("{function}::{{async block}}"),
    })
}

/// A name by the spawn site alone; of a package from a registry, from the package's folder.
pub(super) fn of_place(location: &Location<'_>) -> String {
    let (line, column) = (location.line(), location.column());
    let file = in_package(location.file());
    format!("task spawned at {file}:{line}:{column}")
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

/// How many closures in a row `text` begins with.
fn consecutive(mut text: &str) -> usize {
    let mut count = 0;
    while let Some(rest) = text.strip_prefix(CLOSURE) {
        text = rest;
        count += 1;
    }
    count
}

/// The path that ends where `text` ends, without the generic arguments of its segments.
fn function_ending_at(text: &str) -> String {
    let mut depth = 0_usize;
    let mut start = 0;
    for (at, c) in text.char_indices().rev() {
        match c {
            '>' if !text[..at].ends_with('-') => depth += 1,
            '<' if depth == 0 => {
                start = at + 1;
                break;
            }
            '<' => depth -= 1,
            ',' | '(' | '[' | ' ' | '&' if depth == 0 => {
                start = at + c.len_utf8();
                break;
            }
            _ => {}
        }
    }
    without_generics(&text[start..])
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
