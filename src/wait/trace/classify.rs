//! From where a leaf future took the waker to what it waits for.

use super::chain;
use crate::registry::function_path;
use crate::registry::inquiry::Found;
use crate::stack::{Frame, FrameOrigin};
use crate::wait::{AwaitNode, TraceSource, WaitsFor};

/// Parts of function names, the first that is found inside the innermost future that the project
/// awaits. What is built on something else stands before it: a child's end can wait on a signal, that on
/// a watch channel, as a barrier does, that on a notification, a lock on a semaphore.
const RULES: &[(&[&str], WaitsFor)] = &[
    (&["tokio::task::yield_now"], WaitsFor::Busy),
    // Before the join of the closure that tokio has given to the blocking pool for it.
    (
        &[
            "tokio::fs::",
            "tokio::io::blocking::",
            "tokio::io::stdin::",
            "tokio::io::stdout::",
            "tokio::io::stderr::",
            "tokio::io::stdio_common::",
            "tokio::net::addr::",
        ],
        WaitsFor::BlockingIo,
    ),
    // Who collects what a child says waits for its end.
    (
        &["tokio::process::Child::wait", "tokio::process::Command::"],
        WaitsFor::Process,
    ),
    (&["tokio::process::ChildStdin"], WaitsFor::Write),
    (
        &["tokio::process::ChildStdout", "tokio::process::ChildStderr"],
        WaitsFor::Read,
    ),
    (&["tokio::process::"], WaitsFor::Process),
    (&["tokio::signal::"], WaitsFor::Signal),
    (
        &["tokio_util::task::task_tracker::TaskTrackerWaitFuture"],
        WaitsFor::Join,
    ),
    (
        &["tokio::sync::barrier::", "async_lock::barrier::"],
        WaitsFor::Barrier,
    ),
    (
        &[
            "tokio::sync::once_cell::",
            "async_lock::once_cell::",
            "async_lock::semaphore::",
        ],
        WaitsFor::Semaphore,
    ),
    (&["tokio::sync::set_once::"], WaitsFor::Notify),
    (
        &[
            "tokio::sync::mutex::",
            "tokio::sync::rwlock::",
            "futures_util::lock::",
            "async_lock::",
        ],
        WaitsFor::Lock,
    ),
    (
        &["tokio::sync::oneshot::", "futures_channel::oneshot::"],
        WaitsFor::Oneshot,
    ),
    (
        &[
            "tokio::sync::mpsc::bounded::Sender::closed",
            "tokio::sync::mpsc::unbounded::UnboundedSender::closed",
            "tokio::sync::watch::Sender::closed",
            "tokio::sync::broadcast::Sender::closed",
            "async_channel::Closed",
        ],
        WaitsFor::ChannelReceive,
    ),
    (
        &[
            "tokio::sync::mpsc::bounded::Sender",
            "tokio_util::sync::mpsc::",
            "futures_channel::mpsc::BoundedSenderInner",
            "futures_channel::mpsc::Sender",
            "async_channel::Send",
        ],
        WaitsFor::ChannelSend,
    ),
    (
        &[
            "tokio::sync::mpsc::",
            "tokio::sync::watch::",
            "tokio::sync::broadcast::",
            "futures_channel::mpsc::",
            "async_channel::",
        ],
        WaitsFor::ChannelReceive,
    ),
    (
        &["tokio_util::sync::cancellation_token"],
        WaitsFor::Cancellation,
    ),
    (
        &["tokio::sync::semaphore::", "tokio::sync::batch_semaphore::"],
        WaitsFor::Semaphore,
    ),
    (&["tokio::sync::notify::"], WaitsFor::Notify),
    (
        &["tokio::runtime::task::join::", "tokio::task::join_set::"],
        WaitsFor::Join,
    ),
    (
        &[
            "tokio::net::tcp::listener::",
            "tokio::net::unix::listener::",
        ],
        WaitsFor::Accept,
    ),
    (
        &[
            "poll_write",
            "poll_flush",
            "poll_shutdown",
            "writable",
            "Stream::connect",
            "Socket::connect",
            "Socket::send",
            "UnixDatagram::send",
            // As debug info calls them, of a type only, or without it.
            "tokio::net::tcp::stream::connect",
            "tokio::net::unix::stream::connect",
            "tokio::io::util::write",
            "tokio::io::util::flush",
            "tokio::io::util::shutdown",
        ],
        WaitsFor::Write,
    ),
    (
        &["tokio::net::", "tokio::runtime::io::", "tokio::io::"],
        WaitsFor::Read,
    ),
    (
        &["tokio::time::", "tokio::runtime::time::"],
        WaitsFor::Timer,
    ),
];

/// Packages whose futures the rules know.
pub(crate) const KNOWN: [&str; 6] = [
    "async_channel",
    "async_lock",
    "futures_channel",
    "futures_util",
    "tokio",
    "tokio_util",
];
/// Futures that read or write, as it comes.
const TWO_ENDED: [&str; 3] = [
    "futures_util::sink::",
    "tokio::io::util::copy",
    "tokio_util::codec",
];

/// Sockets and pipes, by the ends of their types' paths: of one that somebody polls by hand it is not told what for.
const SOCKETS: [&str; 11] = [
    "::AsyncFd",
    "::DuplexStream",
    "::OwnedReadHalf",
    "::OwnedWriteHalf",
    "::PollEvented",
    "::ReadHalf",
    "::TcpStream",
    "::UdpSocket",
    "::UnixDatagram",
    "::UnixStream",
    "::WriteHalf",
];

/// What waits there; none if it is nothing that is known.
pub(super) fn of(found: &Found) -> Option<WaitsFor> {
    if found.wakes {
        return Some(WaitsFor::Busy);
    }
    let names = names(found);
    of_names(&names.iter().map(String::as_str).collect::<Vec<_>>())
}

/// What the innermost futures that are known are called: what is built on them has names of its own.
pub(super) fn names(found: &Found) -> Vec<String> {
    let innermost = leaf(found)
        .skip_while(|frame| !is_known(frame))
        .take_while(|frame| is_known(frame) || frame.origin() == FrameOrigin::Std);
    // Names of either mangling scheme: what a type's arguments are called says nothing.
    innermost
        .flat_map(|frame| [frame.function(), frame.symbol()])
        .map(function_path)
        .collect()
}

fn is_known(frame: &Frame) -> bool {
    KNOWN.contains(&package(&function_path(frame.function())))
}

fn package(path: &str) -> &str {
    path.split("::").next().unwrap_or_default()
}

/// Whether it is inside of another package's future that is not known: it may have others inside that were not polled.
pub(super) fn is_untold(found: &Found) -> bool {
    let is_future_s =
        |frame: &Frame| frame.origin() != FrameOrigin::Std && !chain::is_plumbing(frame);
    of(found).is_none() && leaf(found).any(is_future_s)
}

/// The frames inside of what the project awaits, or gave to a future that passes polls on: a hand-written future of the
/// project's is not looked behind.
fn leaf(found: &Found) -> impl Iterator<Item = &Frame> {
    let frames = found.stack.frames().iter();
    frames
        .take_while(|frame| frame.origin() != FrameOrigin::User && !chain::is_adapter(frame))
        .filter(|frame| frame.origin() != FrameOrigin::Taskleak)
}

/// The same of the leaves that debug info shows.
pub(crate) fn of_seen(nodes: &[AwaitNode]) -> impl Iterator<Item = WaitsFor> {
    seen_leaves(nodes)
        .into_iter()
        .map(|(waits_for, _)| waits_for)
}

/// The leaves that debug info shows and of which it is known what they wait for: each with the futures of known
/// packages that are around it, up to the first of another package.
pub(crate) fn seen_leaves(nodes: &[AwaitNode]) -> Vec<(WaitsFor, Vec<&AwaitNode>)> {
    let mut leaves = Vec::new();
    add_leaves(&mut leaves, nodes, &[]);
    leaves
}

fn add_leaves<'a>(
    leaves: &mut Vec<(WaitsFor, Vec<&'a AwaitNode>)>,
    nodes: &'a [AwaitNode],
    around: &[&'a AwaitNode],
) {
    for node in nodes {
        let mut path = Vec::new();
        if KNOWN.contains(&package(node.path())) {
            path.extend(around);
            path.push(node);
        }
        add_leaves(leaves, node.children(), &path);
        if node.children().is_empty() && node.source() == TraceSource::Census {
            let waits_for = if node.path().ends_with("::pending::Pending") {
                Some(WaitsFor::Pending)
            } else {
                of_types(&path)
            };
            leaves.extend(waits_for.map(|waits_for| (waits_for, path)));
        }
    }
}

/// Of a type alone it may not be told which of its ends waits.
fn of_types(futures: &[&AwaitNode]) -> Option<WaitsFor> {
    let paths: Vec<&str> = futures.iter().map(|node| node.path()).collect();
    if paths
        .last()
        .is_some_and(|path| path.starts_with("tokio_util::codec::framed"))
    {
        return of_framed(&paths);
    }
    let is_two_ended = |path: &&str| {
        TWO_ENDED
            .iter()
            .any(|two_ended| path.starts_with(two_ended))
    };
    let is_socket = |path: &&str| SOCKETS.iter().any(|socket| path.ends_with(socket));
    if paths.iter().any(is_two_ended) || paths.last().is_some_and(is_socket) {
        return None;
    }
    of_names(&paths)
}

/// Frames are read and written by one type: who polls it tells what for.
fn of_framed(paths: &[&str]) -> Option<WaitsFor> {
    let ends = |ends: &[&str]| {
        let mut around = paths.iter();
        around.any(|path| ends.iter().any(|end| path.ends_with(end)))
    };
    if ends(&["::next::Next", "::try_next::TryNext"]) {
        Some(WaitsFor::Read)
    } else if ends(&[
        "::send::Send",
        "::feed::Feed",
        "::flush::Flush",
        "::close::Close",
    ]) {
        Some(WaitsFor::Write)
    } else {
        None
    }
}

fn of_names(names: &[&str]) -> Option<WaitsFor> {
    let is_in = |part: &&str| names.iter().any(|name| name.contains(part));
    RULES
        .iter()
        .find(|(parts, _)| parts.iter().any(is_in))
        .map(|(_, waits_for)| *waits_for)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn futures_of_crates_that_are_not_tested_here_are_known() {
        for (name, kind) in [
            (
                "async_lock::semaphore::AcquireInner::poll_with_strategy",
                WaitsFor::Semaphore,
            ),
            (
                "async_lock::barrier::BarrierWaitInner::poll_with_strategy",
                WaitsFor::Barrier,
            ),
            ("async_lock::once_cell::OnceCell::wait", WaitsFor::Semaphore),
            ("async_lock::mutex::Lock", WaitsFor::Lock),
            ("async_lock::rwlock::Read", WaitsFor::Lock),
            ("async_channel::Closed", WaitsFor::ChannelReceive),
            ("tokio::net::addr::sealed::MaybeReady", WaitsFor::BlockingIo),
            ("async_channel::Recv", WaitsFor::ChannelReceive),
            ("async_channel::Send", WaitsFor::ChannelSend),
            (
                "tokio::sync::broadcast::Sender::closed",
                WaitsFor::ChannelReceive,
            ),
        ] {
            assert_eq!(of_names(&[name]), Some(kind), "{name}");
        }
    }
}
