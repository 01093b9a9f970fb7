//! What a person calls a future.

use super::classify;
use crate::registry::function_path;
use crate::stack::{Frame, FrameOrigin};

const BLOCK: &str = "::{async block}";

/// tokio's modules that a person writes after `tokio::` and another module.
const PUBLIC_INNER: [&str; 6] = ["mpsc", "oneshot", "broadcast", "watch", "unix", "windows"];

/// Modules of tokio that are imported from elsewhere.
const MOVED: [(&str, &str); 2] = [
    ("tokio::io::async_fd::", "tokio::io::unix::"),
    ("tokio::runtime::task::join::", "tokio::task::"),
];

/// The name of the function or future that a frame is of. A closure and an async block look the same:
/// `in_closure` says that it is a closure.
pub(super) fn of(frame: &Frame, in_closure: bool) -> String {
    let name = function_path(frame.function());
    match frame.origin() {
        FrameOrigin::Tokio => as_imported(&name),
        FrameOrigin::Dependency => without_own_modules(&name),
        FrameOrigin::User if is_block(frame.symbol()) => {
            name + if in_closure { "::{closure}" } else { BLOCK }
        }
        _ => name,
    }
}

/// What a person calls a future of which the path is known, as `of` calls the same one: paths of the project itself are
/// left as they are.
#[allow(dead_code, reason = "the census's, where there is one")]
pub(crate) fn as_written(path: &str) -> String {
    let (path, block) = match path.strip_suffix(BLOCK) {
        Some(path) => (path, BLOCK),
        None => (path, ""),
    };
    let (package, rest) = path.split_once("::").unwrap_or((path, ""));
    let name = match package {
        "tokio" => as_imported(path),
        "core" | "alloc" | "std" => without_own_modules(&format!("std::{rest}")),
        _ if classify::KNOWN.contains(&package) => without_own_modules(path),
        _ => path.to_owned(),
    };
    name + block
}

/// Whether it is the standard library's future around a closure.
pub(super) fn is_poll_function(frame: &Frame) -> bool {
    frame.function().contains("poll_fn::PollFn<")
}

/// Whether the function is a method of the type.
pub(super) fn is_of_type(function: &str, ty: &str) -> bool {
    let name = function_path(function);
    name.strip_prefix(ty)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// An async block has a closure around it more than the function that it is written in.
fn is_block(symbol: &str) -> bool {
    outside_closure(symbol).and_then(outside_closure).is_some()
}

/// What the closure that a symbol names is written in, as either mangling scheme writes it.
fn outside_closure(symbol: &str) -> Option<&str> {
    let (outer, last) = symbol.rsplit_once("::")?;
    let is_closure = last == "{{closure}}"
        || ["{closure#", "{async_block#"]
            .iter()
            .any(|start| last.starts_with(start));
    is_closure.then_some(outer)
}

/// A path in tokio as it is imported: `tokio::sync::mpsc::bounded::Receiver::recv` without `bounded`.
fn as_imported(path: &str) -> String {
    let moved = MOVED
        .iter()
        .find_map(|(from, to)| Some((path.strip_prefix(from)?, to)));
    let path = moved.map_or_else(|| path.to_owned(), |(name, to)| format!("{to}{name}"));
    let parts: Vec<_> = path.split("::").collect();
    let is_type = |part: &str| part.starts_with(|c: char| c.is_ascii_uppercase());
    let Some(ty) = parts.iter().position(|part| is_type(part)) else {
        // A function: its file's module is not written.
        return match parts[..] {
            [tokio, module, .., function] if parts.len() > 3 => {
                format!("{tokio}::{module}::{function}")
            }
            _ => path,
        };
    };
    let shown = parts
        .iter()
        .enumerate()
        .filter(|(at, part)| *at < 2 || *at >= ty || PUBLIC_INNER.contains(part));
    let shown: Vec<_> = shown.map(|(_, part)| *part).collect();
    shown.join("::")
}

/// Without modules that say the same again: `hub::stream::stream::next::Next` is `hub::stream::Next`.
fn without_own_modules(path: &str) -> String {
    let parts: Vec<_> = path.split("::").collect();
    let says_nothing = |at: usize| {
        let (part, next) = (parts[at], parts.get(at + 1).copied().unwrap_or_default());
        at > 0 && (part == next || part.replace('_', "") == next.to_lowercase())
    };
    let shown: Vec<_> = (0..parts.len())
        .filter(|&at| !says_nothing(at))
        .map(|at| parts[at])
        .collect();
    shown.join("::")
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    #[test]
    fn futures_are_called_as_they_are_written() {
        for (function, name) in [
            (
                "tokio::sync::mpsc::bounded::Receiver<T>::recv",
                "tokio::sync::mpsc::Receiver::recv",
            ),
            (
                "<tokio::runtime::task::join::JoinHandle<T> as core::future::future::Future>::poll",
                "tokio::task::JoinHandle",
            ),
            (
                "<tokio::time::sleep::Sleep as core::future::future::Future>::poll",
                "tokio::time::Sleep",
            ),
            (
                "tokio::sync::mutex::Mutex<T>::lock",
                "tokio::sync::Mutex::lock",
            ),
            (
                "tokio::net::tcp::listener::TcpListener::accept",
                "tokio::net::TcpListener::accept",
            ),
            (
                "tokio::task::yield_now::yield_now",
                "tokio::task::yield_now",
            ),
            ("tokio::fs::read", "tokio::fs::read"),
            (
                "tokio::io::async_fd::AsyncFd<T>::readable",
                "tokio::io::unix::AsyncFd::readable",
            ),
        ] {
            assert_eq!(as_imported(&function_path(function)), name);
        }
    }

    #[test]
    fn futures_are_called_alike_by_their_paths() {
        for (path, name) in [
            ("tokio::time::sleep::Sleep", "tokio::time::Sleep"),
            (
                "tokio::sync::mpsc::bounded::Receiver::recv",
                "tokio::sync::mpsc::Receiver::recv",
            ),
            (
                "tokio::sync::mutex::lock::{async block}",
                "tokio::sync::lock::{async block}",
            ),
            (
                "tokio::runtime::task::join::JoinHandle",
                "tokio::task::JoinHandle",
            ),
            (
                "futures_util::future::future::shared::Shared",
                "futures_util::future::Shared",
            ),
            ("core::future::pending::Pending", "std::future::Pending"),
            (
                "shop::cart::cart::Cart::fill",
                "shop::cart::cart::Cart::fill",
            ),
        ] {
            assert_eq!(as_written(path), name);
        }
    }

    #[test]
    fn modules_that_say_the_same_are_left_out() {
        for (path, name) in [
            (
                "futures_util::stream::stream::next::Next",
                "futures_util::stream::Next",
            ),
            (
                "tokio_util::sync::cancellation_token::CancellationToken::cancelled",
                "tokio_util::sync::CancellationToken::cancelled",
            ),
            ("hub::deliver", "hub::deliver"),
        ] {
            assert_eq!(without_own_modules(path), name);
        }
    }

    #[test]
    fn a_block_is_a_closure_in_an_async_function_in_both_mangling_schemes() {
        for (symbol, is) in [
            ("app::run::{{closure}}", false),
            ("app::run::{{closure}}::{{closure}}", true),
            ("app::run::<u8>::{closure#0}", false),
            ("app::run::<u8>::{closure#0}::{closure#1}", true),
            ("app::run", false),
        ] {
            assert_eq!(is_block(symbol), is, "{symbol}");
        }
    }
}
