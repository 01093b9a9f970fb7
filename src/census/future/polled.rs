//! Which of its parts a future polls that somebody wrote by hand, in a package that is not known.
//!
//! Debug info tells what lies in a struct, and not what its `poll` does. So the chain goes on only where there is but one part
//! that can be polled at all; where there are two, either may be what it waits for, and the chain ends.

use super::super::dwarf::{Shape, Type};
use super::awaits::{LEAVES, Walk, is_box, package, plain};
use super::live::Value;
use crate::wait::AwaitNode;
use crate::wait::trace::KNOWN;

/// What is polled by hand and is no future, or waits by itself.
const POLLED: [&str; 16] = [
    "tokio::io::async_fd::AsyncFd",
    "tokio::io::poll_evented::PollEvented",
    "tokio::io::split::ReadHalf",
    "tokio::io::split::WriteHalf",
    "tokio::io::util::mem::DuplexStream",
    "tokio::net::tcp::listener::TcpListener",
    "tokio::net::tcp::split_owned::OwnedReadHalf",
    "tokio::net::tcp::split_owned::OwnedWriteHalf",
    "tokio::net::tcp::stream::TcpStream",
    "tokio::net::udp::UdpSocket",
    "tokio::net::unix::listener::UnixListener",
    "tokio::net::unix::stream::UnixStream",
    "tokio::sync::mpsc::bounded::Receiver",
    "tokio::sync::mpsc::unbounded::UnboundedReceiver",
    "tokio::task::join_set::JoinSet",
    "tokio::time::interval::Interval",
];

/// What can hold any number of futures, of which this does not look at each.
const COLLECTIONS: [&str; 6] = [
    "BTreeMap",
    "HashMap",
    "LinkedList",
    "RawTable",
    "Vec",
    "VecDeque",
];

/// What several can have: futures behind it are not this one's alone to poll, nor is anything behind a type's mere name.
const SHARED: [&str; 4] = ["Arc", "Rc", "Weak", "PhantomData"];

/// What a type's name has in it if there may be futures inside.
const FUTURE_LIKE: [&str; 5] = [
    "{async_block_env",
    "{async_fn_env",
    "dyn core::future::future::Future",
    "dyn futures_core::stream::Stream",
    "tokio::",
];

/// Whether it is a future, or part of one, of which nobody knows how it polls what lies in it.
pub(super) fn is_foreign(path: &str) -> bool {
    let package = package(path);
    !(package.is_empty()
        || package.starts_with(['(', '&', '*', '[', '{'])
        || path.contains("{closure_env")
        || ["alloc", "core", "std", "taskleak"].contains(&package)
        || KNOWN.contains(&package))
}

impl Walk<'_, '_> {
    /// What a part of such a future waits for, if it can be polled: nothing where that can't be told. None if it can't be
    /// polled.
    pub(super) fn polled(&mut self, part: Value, depth: usize) -> Option<Vec<AwaitNode>> {
        if self.is_too_much(depth) {
            return Some(Vec::new());
        }
        let part = self.unpinned(part);
        if part.ty.is_coroutine() {
            let nodes = self.coroutine(part, depth);
            return (!nodes.is_empty()).then_some(nodes);
        }
        if let Some(elements) = is_box(part.ty).then(|| self.reader.slice(part)).flatten() {
            let polled = elements
                .into_iter()
                .map(|element| self.polled(element, depth + 1));
            return only(polled);
        }
        if is_raw_or_shared(part.ty) {
            return None;
        }
        if let Some(target) = self.behind(part) {
            let is_future = ["Future<", "Stream<"]
                .iter()
                .any(|name| part.ty.name.contains(name));
            return match target {
                // What is not known can be anything.
                None => Some(Vec::new()),
                Some(target) if is_future => Some(self.awaited(target, depth + 1)),
                Some(target) => self.polled(target, depth + 1),
            };
        }
        if matches!(part.ty.shape, Shape::Plain | Shape::Pointer(_)) {
            return None;
        }
        let path = self.reader.debug.path(part.ty.at).unwrap_or_default();
        let plain = plain(path);
        if LEAVES.contains(&plain) || POLLED.contains(&plain) {
            return Some(self.leaf(plain));
        }
        let name = part.ty.plain_name();
        if SHARED.contains(&name)
            || plain.starts_with("tokio::sync::")
            || plain.starts_with("tokio::runtime::")
        {
            return None;
        }
        if COLLECTIONS.contains(&name) {
            let may_have_some = FUTURE_LIKE
                .iter()
                .any(|future| part.ty.name.contains(future));
            return may_have_some.then(Vec::new);
        }
        if name == "FuturesUnordered" {
            let nodes = self.unordered(part, depth);
            return (!nodes.is_empty()).then_some(nodes);
        }
        if let Some(shared) = self.behind_its_arc(part) {
            return self.polled(shared, depth + 1);
        }
        let is_known = KNOWN.contains(&package(plain));
        let parts = self.reader.parts(part);
        let polled = parts
            .into_iter()
            .map(|(_, part)| self.polled(part, depth + 1));
        if is_known { all(polled) } else { only(polled) }
    }
}

/// Of several that can be polled, it may be either.
pub(super) fn only(
    mut polled: impl Iterator<Item = Option<Vec<AwaitNode>>>,
) -> Option<Vec<AwaitNode>> {
    let first = polled.by_ref().flatten().next()?;
    match polled.flatten().next() {
        None => Some(first),
        Some(_) => Some(Vec::new()),
    }
}

/// What combines futures in a package that is known polls all of them.
fn all(polled: impl Iterator<Item = Option<Vec<AwaitNode>>>) -> Option<Vec<AwaitNode>> {
    polled.flatten().reduce(|mut all, more| {
        super::awaits::add(&mut all, more);
        all
    })
}

/// A pointer of which nothing is owned, and through which nothing can be polled.
fn is_raw_or_shared(ty: &Type) -> bool {
    ty.name.starts_with('*') || (ty.name.starts_with('&') && !ty.name.starts_with("&mut "))
}
