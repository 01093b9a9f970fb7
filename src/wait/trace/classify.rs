//! From where a leaf future took the waker to what it waits for.

use super::name;
use crate::registry::inquiry::Found;
use crate::stack::{Frame, FrameOrigin};
use crate::wait::WaitsFor;

/// Parts of function names, the first that is found inside the innermost future that the project
/// awaits. What is built on something else stands before it: a child's end can wait on a signal, that on
/// a watch channel, as a barrier does, that on a notification, a lock on a semaphore.
const RULES: &[(&[&str], WaitsFor)] = &[
    (&["tokio::task::yield_now"], WaitsFor::Busy),
    (&["tokio::process::"], WaitsFor::Process),
    (&["tokio::signal::"], WaitsFor::Signal),
    (&["tokio::sync::barrier::"], WaitsFor::Barrier),
    (
        &["tokio::sync::once_cell::", "tokio::sync::set_once::"],
        WaitsFor::Semaphore,
    ),
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
            "connect",
            "::send",
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

/// What waits there; none if it is nothing that is known.
pub(super) fn of(found: &Found) -> Option<WaitsFor> {
    if found.wakes {
        return Some(WaitsFor::Busy);
    }
    // The frames inside of what the project awaits: a hand-written future of the project's is not
    // looked behind.
    let frames = found.stack.frames();
    let leaf = frames
        .iter()
        .take_while(|frame| frame.origin() != FrameOrigin::User);
    let leaf: Vec<&Frame> = leaf
        .filter(|frame| frame.origin() != FrameOrigin::Taskleak)
        .collect();
    // Symbols of either mangling scheme: one writes `Sender<T>::closed`, one `<Sender<u8>>::closed`.
    let plain: Vec<String> = leaf
        .iter()
        .map(|frame| name::without_generics(frame.function()))
        .collect();
    let is_in = |part: &&str| {
        let is_named =
            |frame: &&Frame| frame.function().contains(part) || frame.symbol().contains(part);
        leaf.iter().any(is_named) || plain.iter().any(|name| name.contains(part))
    };
    RULES
        .iter()
        .find(|(parts, _)| parts.iter().any(&is_in))
        .map(|(_, waits_for)| *waits_for)
}
