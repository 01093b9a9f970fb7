//! What is to be said of particular futures, where what kind they are of says too little.

use super::diagnosis::Diagnosis;
use crate::registry::TaskKind;
use crate::wait::WaitsFor;

/// What runs on the blocking pool and is named.
const MOST_NAMES: usize = 3;

impl Diagnosis<'_> {
    /// What has to be so, and what to do about it.
    pub(super) fn particular(&self) -> Option<(String, &'static str)> {
        let (cause, help) = match self.waits_for {
            WaitsFor::Oneshot if self.waits_for_the_end() => (
                "the end of a oneshot channel: its receiver is alive, and this sender has sent nothing",
                "drop or close the receiver before the test ends",
            ),
            WaitsFor::Semaphore if self.is_in("OnceCell") => (
                "the value of a `OnceCell`: another task initialises it, and has not come to an end",
                "look at the task that initialises it: its future has to end, or be dropped, first",
            ),
            WaitsFor::Notify if self.is_in("SetOnce") => (
                "the value of a `SetOnce`, which nobody has set",
                "whoever is to `set` it must come to that, also where he fails; or `select!` on a shutdown signal beside it",
            ),
            WaitsFor::Join if self.is_in("TaskTrackerWaitFuture") => (
                "the ends of a `TaskTracker`'s tasks, and its `close`: it is open, or some of its tasks are alive",
                "call `close` on the tracker, and see that the tasks end which it tracks",
            ),
            WaitsFor::Read if self.is_of_a_child() => (
                "bytes from a child process, which runs and has its end of the pipe open",
                "kill the child (or set `kill_on_drop` and drop it), or put a `timeout` around the read",
            ),
            WaitsFor::Write if self.is_of_a_child() => (
                "room in a pipe: the child process does not read its standard input",
                "kill the child (or set `kill_on_drop` and drop it), or let it read",
            ),
            WaitsFor::BlockingIo if self.is_in("tokio::fs::") => (
                "an operation on a file, which blocks a thread of the blocking pool",
                "an abort does not end it: a FIFO or a device may block for ever, so open it without blocking \
                 (`tokio::net::unix::pipe`), or let its other end come",
            ),
            WaitsFor::BlockingIo
                if self.is_in("tokio::net::addr::") || self.is_in("lookup_host") =>
            {
                (
                    "the addresses of a host: the system's resolver has not answered",
                    "put a `timeout` around it, or use an address in its place",
                )
            }
            WaitsFor::BlockingIo => (
                "a standard stream, which blocks a thread of the blocking pool",
                "an abort does not end it: read standard input on a thread of your own, and give the test one that ends",
            ),
            WaitsFor::NeverPolled if self.kind == TaskKind::Blocking => {
                let help = "let the closures end that run there, each of which holds its thread until it returns, or \
                            raise `max_blocking_threads`";
                return Some((self.full_pool(), help));
            }
            WaitsFor::Pending if self.may_be_woken => (
                "nothing that its futures asked for when it was polled; but somebody keeps an earlier waker of it, or an \
                 abort handle",
                "see that whoever keeps the waker uses it, or abort the task when its work is done",
            ),
            _ => return None,
        };
        Some((cause.to_owned(), help))
    }

    /// Who waits for a free thread, and who has them all.
    fn full_pool(&self) -> String {
        let names: Vec<_> = self.on_the_pool.iter().take(MOST_NAMES).collect();
        let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
        let more = match self.on_the_pool.len() > MOST_NAMES {
            true => ", ...",
            false => "",
        };
        let by = match names.is_empty() {
            true => String::new(),
            false => format!(", by {}{more}", names.join(", ")),
        };
        format!("a thread of the blocking pool: all are taken{by}")
    }

    /// Whether it is one half of a channel that waits for the other's end.
    fn waits_for_the_end(&self) -> bool {
        [
            "::closed",
            "poll_closed",
            "oneshot::Cancellation",
            "poll_canceled",
        ]
        .iter()
        .any(|part| self.leaf_is(part) || self.is_in(part))
    }

    fn is_of_a_child(&self) -> bool {
        self.is_in("tokio::process::ChildStd")
    }

    /// Whether it is inside of that, be it in what the trace shows or in what is inside of that.
    fn is_in(&self, part: &str) -> bool {
        self.leaf_is(part) || self.inside.iter().any(|name| name.contains(part))
    }
}
