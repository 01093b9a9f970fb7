//! The lines of a report that say why a task will not end, and what to do about it.

use super::leak::Leak;
use super::project;
use super::unseen::UnseenTask;
use crate::registry::TaskKind;
use crate::wait::trace::seen_leaves;
use crate::wait::{AwaitNode, AwaitTrace, Liveness, WaitsFor};
use std::fmt;

/// Owners that are named.
const MOST_OWNERS: usize = 4;

/// Passes each line, as a key and a value, to `field`.
pub(super) fn write(
    leak: &Leak,
    mut field: impl FnMut(&str, &dyn fmt::Display) -> fmt::Result,
) -> fmt::Result {
    let diagnosis = Diagnosis::of(leak);
    if let Some(diagnosis) = &diagnosis {
        field("waits for", &diagnosis.cause())?;
    }
    if let Some(thread) = leak.oldest().thread() {
        field("thread", &thread)?;
    }
    match leak.liveness() {
        Liveness::Orphan => field("proved", &orphan(leak))?,
        Liveness::Cancelled => field("aborted", &"it was, and has not come to an `.await` since")?,
        _ if leak.is_proved_deadlocked() => field("proved", &joins(leak))?,
        _ if leak.is_likely_deadlocked() => field(
            "likely",
            &"a deadlock: only tasks that are in it themselves could end the wait",
        )?,
        _ => {}
    }
    let owners = leak.owners();
    for owner in owners.iter().take(MOST_OWNERS) {
        field("other half", owner)?;
    }
    if let Some(more) = owners.len().checked_sub(MOST_OWNERS + 1) {
        field("other half", &format!("{} tasks more", more + 1))?;
    }
    if let Some(ended) = leak.ended_when_aborted() {
        field("when aborted", &aborted(ended, leak.count()))?;
    }
    if let Some(diagnosis) = &diagnosis {
        field("help", &diagnosis.help())?;
    }
    Ok(())
}

/// What came of an abort after the verdict.
fn aborted(ended: usize, of: usize) -> String {
    const WHY: &str = "an abort takes effect at an `.await`, to which";
    match (ended, of) {
        (1, 1) => "it ended".to_owned(),
        (0, 1) => format!("it did not end: {WHY} it does not come"),
        (ended, of) if ended == of => format!("all {of} ended"),
        (0, of) => format!("none of the {of} ended: {WHY} they do not come"),
        (ended, of) => format!("{ended} of {of} ended: {WHY} the others do not come"),
    }
}

/// Why those who wait for other tasks' ends only can never run again.
fn joins(leak: &Leak) -> &'static str {
    match leak.count() {
        1 => {
            "only the end of a task that can never run again, or that waits for this one's, could wake it, so it can never \
             run again"
        }
        _ => {
            "only the ends of tasks that can never run again, or that wait for these, could wake them, so they can never \
             run again"
        }
    }
}

fn orphan(leak: &Leak) -> String {
    let tasks = leak.tasks().iter();
    let with_handle = tasks.filter(|task| task.has_join_handle()).count();
    let never = if leak.count() == 1 {
        "nobody has a waker of it, so it can never run again"
    } else {
        "nobody has a waker of any of them, so they can never run again"
    };
    match (with_handle, leak.count()) {
        (0, _) => never.to_owned(),
        (1, 1) => format!("{never}; its `JoinHandle`, which is alive, could abort it"),
        (all, count) if all == count => {
            format!("{never}; their `JoinHandle`s, which are alive, could abort them")
        }
        (some, _) => format!("{never}; {some} of them have a `JoinHandle` that could abort them"),
    }
}

/// The future that it waits on, as the trace calls it, and those of other packages around that: the only one, or the
/// one of that kind.
fn leaf(trace: &AwaitTrace, waits_for: WaitsFor) -> Vec<&str> {
    let mut leaf = Vec::new();
    let mut nodes = trace.roots();
    while let [node] = nodes {
        if node.file().is_some_and(project::has) {
            leaf.clear();
        } else {
            leaf.push(node.path());
        }
        nodes = node.children();
    }
    if nodes.is_empty() {
        return leaf;
    }
    let leaves = seen_leaves(trace.roots());
    let of_kind = leaves.into_iter().find(|(kind, _)| *kind == waits_for);
    of_kind.map_or_else(Vec::new, |(_, futures)| {
        futures.into_iter().map(AwaitNode::path).collect()
    })
}

/// What is known of why some tasks wait.
pub(super) struct Diagnosis<'a> {
    pub(super) waits_for: WaitsFor,
    count: usize,
    pub(super) kind: TaskKind,
    /// Whether it blocks its thread by `block_in_place`; none if its thread was not looked at.
    in_place: Option<bool>,
    leaf: Vec<&'a str>,
    /// All functions inside of that leaf, if they are known.
    pub(super) inside: &'a [String],
    /// Somebody has a waker of it (or an abort handle), and it is not seen to wait for what never comes.
    pub(super) may_be_woken: bool,
    /// What holds the threads that it waits for.
    pub(super) on_the_pool: &'a [String],
}

impl<'a> Diagnosis<'a> {
    pub(super) fn of(leak: &'a Leak) -> Option<Self> {
        let waits_for = leak.waits_for()?;
        let trace = leak.await_trace();
        let asked = leak.oldest().leaf(waits_for);
        let never_comes = |trace: &AwaitTrace| {
            let mut leaves = seen_leaves(trace.roots()).into_iter();
            leaves.any(|(kind, _)| kind == WaitsFor::Pending)
        };
        Some(Self {
            waits_for,
            count: leak.count(),
            kind: leak.kind(),
            in_place: leak.oldest().blocks_in_place(),
            leaf: match asked {
                Some(asked) => asked.awaited.iter().map(String::as_str).collect(),
                None => trace.map_or_else(Vec::new, |trace| leaf(trace, waits_for)),
            },
            inside: asked.map_or(&[], |asked| &asked.inside),
            may_be_woken: leak.liveness() == Liveness::Wakeable && !trace.is_some_and(never_comes),
            on_the_pool: leak.on_the_pool(),
        })
    }

    /// Of tasks that nobody saw spawned and that all wait as this one.
    pub(super) fn of_unseen(task: &'a UnseenTask, count: usize) -> Option<Self> {
        let waits_for = task.waits_for()?;
        Some(Self {
            waits_for,
            count,
            kind: TaskKind::Task,
            in_place: None,
            leaf: leaf(task.await_trace(), waits_for),
            inside: &[],
            may_be_woken: false,
            on_the_pool: &[],
        })
    }

    pub(super) fn leaf_is(&self, part: &str) -> bool {
        self.leaf.iter().any(|leaf| leaf.contains(part))
    }

    /// What has to be so, since it waits.
    pub(super) fn cause(&self) -> String {
        if let Some((cause, _)) = self.particular() {
            return cause;
        }
        let (many, it) = match self.count {
            1 => (false, "it"),
            _ => (true, "each"),
        };
        match self.waits_for {
            WaitsFor::ChannelSend => {
                "room in a channel: it is full, and its receiver is alive but \
                                      takes nothing"
                    .to_owned()
            }
            WaitsFor::ChannelReceive if self.leaf_is("::closed") => {
                "the end of a channel: its receiver is alive".to_owned()
            }
            WaitsFor::ChannelReceive if self.leaf_is("watch::") => {
                "a new value in a watch channel: its sender is alive and sends none".to_owned()
            }
            WaitsFor::ChannelReceive => {
                "a message: the channel is empty, and a sender of it is alive".to_owned()
            }
            WaitsFor::Oneshot => {
                "the value of a oneshot channel: its sender is alive and has sent none".to_owned()
            }
            WaitsFor::Lock => "a lock: somebody holds a guard of it, or waits for it before \
                               this task"
                .to_owned(),
            WaitsFor::Semaphore => {
                "permits of a semaphore: they are taken, or were forgotten".to_owned()
            }
            WaitsFor::Barrier => {
                "the other parties of a barrier: fewer have come than it was made for".to_owned()
            }
            WaitsFor::Notify => {
                "a notification that was not sent since it began to wait".to_owned()
            }
            WaitsFor::Cancellation => {
                "the cancellation of a token that nobody has cancelled".to_owned()
            }
            WaitsFor::Timer if self.ticks() => "the next tick of a timer, for ever".to_owned(),
            WaitsFor::Timer => "a point in time that has not come".to_owned(),
            WaitsFor::Accept => "the next connection: the listener is open".to_owned(),
            WaitsFor::Read if self.has_no_peer() => "a datagram: none has come".to_owned(),
            WaitsFor::Read if self.is_descriptor() && self.leaf_is("read") => {
                "a file descriptor to become readable".to_owned()
            }
            WaitsFor::Read if self.is_descriptor() => {
                "a file descriptor to become ready".to_owned()
            }
            WaitsFor::Write if self.is_descriptor() => {
                "a file descriptor to become writable".to_owned()
            }
            WaitsFor::Read => "bytes from a peer that is still connected".to_owned(),
            WaitsFor::Write if self.connects() => {
                "a connection that the peer has not accepted".to_owned()
            }
            WaitsFor::Write => "room to write: the peer does not read".to_owned(),
            WaitsFor::Join => "the end of another task, which is alive".to_owned(),
            WaitsFor::BlockingIo => "an operation on the blocking pool".to_owned(),
            WaitsFor::Process => "the end of a child process, which runs".to_owned(),
            WaitsFor::Signal => "a signal to this process".to_owned(),
            WaitsFor::Blocking if self.kind == TaskKind::Blocking => {
                format!("nothing: {it} holds a thread of the blocking pool")
            }
            WaitsFor::Blocking if self.in_place == Some(true) => format!(
                "nothing: {it} blocks a thread in place, while other tasks run on another one"
            ),
            WaitsFor::Blocking if self.in_place.is_none() => {
                format!("nothing: {it} holds a thread of the runtime")
            }
            WaitsFor::Blocking => format!(
                "nothing: {it} holds a thread of the runtime, on which no other task can run"
            ),
            WaitsFor::Busy => format!(
                "nothing: {} whenever polled",
                if many {
                    "they wake themselves"
                } else {
                    "it wakes itself"
                }
            ),
            WaitsFor::NeverPolled if self.kind == TaskKind::Local => {
                "its first poll: nobody runs its `LocalSet`".to_owned()
            }
            WaitsFor::NeverPolled => "its first poll, to which its runtime has not come".to_owned(),
            WaitsFor::Pending => {
                "nothing that could ever happen: none of its futures asked to be woken".to_owned()
            }
        }
    }

    pub(super) fn help(&self) -> &'static str {
        if let Some((_, help)) = self.particular() {
            return help;
        }
        match self.waits_for {
            WaitsFor::ChannelSend => {
                "drop the receiver when nobody reads from it any more (the send then fails), or \
                 drain it until the senders are gone"
            }
            WaitsFor::ChannelReceive if self.leaf_is("::closed") => {
                "drop or close the receiver before the test ends"
            }
            WaitsFor::ChannelReceive if self.leaf_is("watch::") => {
                "drop the watch channel's sender, or `select!` on a shutdown signal beside it"
            }
            WaitsFor::ChannelReceive => {
                "drop every sender before the test ends (look for clones in structs, statics and \
                 in this very task), or `select!` on a shutdown signal beside the receive"
            }
            WaitsFor::Oneshot => {
                "whoever keeps the sender must send or drop it; if the caller gave up waiting for \
                 this task, it must abort it too: a dropped `JoinHandle` does not"
            }
            WaitsFor::Lock => {
                "find the guard that is held across an `.await`, perhaps in this task or a caller \
                 of it; where two locks are needed, take them in one order everywhere"
            }
            WaitsFor::Semaphore => {
                "keep permits no longer than the work takes, never `forget` one that is to come \
                 back, and don't wait for a task that needs a permit while holding one"
            }
            WaitsFor::Barrier => {
                "a party that panicked, returned early or was never spawned does not arrive: \
                 compare the number in `Barrier::new` with the tasks that call `wait`"
            }
            WaitsFor::Notify => {
                "`notify_waiters` wakes only those that wait already: create the `notified()` \
                 future before the check, or use `notify_one`, which is kept for the next to come"
            }
            WaitsFor::Cancellation => {
                "cancel the token before the test ends (its `drop_guard` does so by itself), and \
                 see that this is a child of the token which you cancel"
            }
            WaitsFor::Timer if self.ticks() => {
                "this loop ticks for ever: give it a `select!` branch for shutdown, or abort it"
            }
            WaitsFor::Timer => {
                "abort the task or `select!` on a shutdown signal beside the sleep; if it is just \
                 slow, give it more grace, or the test a paused clock"
            }
            WaitsFor::Accept => {
                "`select!` on a shutdown signal beside `accept`, or abort the task when its server \
                 stops"
            }
            WaitsFor::Read if self.has_no_peer() => {
                "`select!` on a shutdown signal beside it, put a `timeout` around it, or abort the task"
            }
            WaitsFor::Read | WaitsFor::Write if self.is_descriptor() => {
                "see that the other end makes it ready, or `select!` on a shutdown signal beside it"
            }
            WaitsFor::Read if self.leaf_is("::copy_bidirectional") => {
                "close both peers' sides before the test ends: a copy in both directions goes on while one is open"
            }
            WaitsFor::Read => {
                "close the peer's side before the test ends, or put a `timeout` around the read"
            }
            WaitsFor::Write if self.connects() => {
                "let the peer accept or refuse it, or put a `timeout` around the connecting"
            }
            WaitsFor::Write => {
                "let the peer read or close its side, or put a `timeout` around the write"
            }
            WaitsFor::Join => "look at the task that it joins: that one has to end first",
            WaitsFor::BlockingIo => "an abort does not end it: see that it can end",
            WaitsFor::Process => "kill the child, or set `kill_on_drop` and drop it",
            WaitsFor::Signal => "`select!` on a shutdown signal of your own beside it, or abort it",
            WaitsFor::Blocking if self.kind == TaskKind::Blocking => {
                "an abort does not end a closure that runs: give it a flag to look at, or a wait \
                 that ends, such as `recv_timeout`"
            }
            WaitsFor::Blocking if self.in_place == Some(true) => {
                "an abort does not end what blocks in place: give it a flag to look at, or a wait \
                 that ends, such as `recv_timeout`"
            }
            WaitsFor::Blocking => {
                "move what blocks into `spawn_blocking`, or use its asynchronous twin"
            }
            WaitsFor::Busy => "end the loop when it is told to shut down, or abort the task",
            WaitsFor::NeverPolled if self.kind == TaskKind::Local => {
                "await the `LocalSet` or call its `run_until`, or drop it before the guard ends"
            }
            WaitsFor::NeverPolled => {
                "await its handle; or its runtime is held by something that blocks"
            }
            WaitsFor::Pending => {
                "abort it when its work is done, or await something that can happen"
            }
        }
    }

    /// Whether there is no connection whose other end could be closed.
    fn has_no_peer(&self) -> bool {
        ["UdpSocket", "UnixDatagram"]
            .iter()
            .any(|socket| self.leaf_is(socket))
    }

    fn is_descriptor(&self) -> bool {
        self.leaf_is("::AsyncFd")
    }

    fn connects(&self) -> bool {
        self.leaf_is("::connect")
    }

    fn ticks(&self) -> bool {
        self.leaf_is("Interval") || self.leaf_is("interval")
    }
}
