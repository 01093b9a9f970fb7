//! What a task waits for, as a kind.

use std::fmt;

/// What kind of thing a task waits for.
///
/// Told by the futures in which it was suspended ([`TaskInfo::await_trace`](crate::TaskInfo::await_trace)):
/// those of tokio, tokio-util, the futures crates and async-channel are known. Its `Display` is a few words.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "multi_thread")] async fn main() {
/// use taskleak::{Options, WaitsFor, find, verify_none};
///
/// # let guard = verify_none();
/// let (sender, mut receiver) = tokio::sync::mpsc::channel::<()>(1);
/// let task = taskleak::spawn(async move { receiver.recv().await });
/// let report = find(Options::new().grace(std::time::Duration::from_millis(10))).unwrap_err();
/// assert_eq!(report.leaks()[0].waits_for(), Some(WaitsFor::ChannelReceive));
/// # drop(sender); task.await.unwrap(); guard.finish().await; }
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
#[non_exhaustive]
pub enum WaitsFor {
    /// Room in a bounded channel.
    ChannelSend,
    /// A message, a change, or the end of a channel.
    ChannelReceive,
    /// The one value of a oneshot channel, or its end.
    Oneshot,
    /// A mutex or a read-write lock.
    Lock,
    /// A semaphore's permits; a `OnceCell` that another task initialises has one.
    Semaphore,
    /// The other parties of a barrier.
    Barrier,
    /// A notification; a `SetOnce` sends one when it is set.
    Notify,
    /// The cancellation of a token.
    Cancellation,
    /// A point in time.
    Timer,
    /// A connection to accept.
    Accept,
    /// Bytes from a peer, or from a child process.
    Read,
    /// Room in a peer's window or a child process's pipe, or a connection that is being made.
    Write,
    /// Another task's end, or the ends of all that a tracker tracks.
    Join,
    /// What tokio does on a thread of its blocking pool: something with a file or a standard stream, or looking up a
    /// host's addresses.
    BlockingIo,
    /// A child process's end.
    Process,
    /// A signal to the process.
    Signal,
    /// Nothing: it holds a thread.
    Blocking,
    /// Nothing: it wakes itself again and again.
    Busy,
    /// Its first poll.
    NeverPolled,
    /// Nothing that could ever happen: no future took a waker.
    Pending,
}

impl WaitsFor {
    /// Of the kinds that a task waits for, the one to be told: a `select!` polls its branches in another order each
    /// time. A point in time tells least, but for what never comes.
    pub(crate) fn foremost(all: impl IntoIterator<Item = Self>) -> Option<Self> {
        let rank = |one: &Self| match one {
            Self::Busy => 0,
            Self::Timer => 2,
            Self::Pending => 3,
            _ => 1,
        };
        all.into_iter().min_by_key(|one| (rank(one), *one))
    }

    /// The kind as a word for programs: `channel_send`.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(taskleak::WaitsFor::ChannelSend.as_str(), "channel_send");
    /// ```
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ChannelSend => "channel_send",
            Self::ChannelReceive => "channel_receive",
            Self::Oneshot => "oneshot",
            Self::Lock => "lock",
            Self::Semaphore => "semaphore",
            Self::Barrier => "barrier",
            Self::Notify => "notify",
            Self::Cancellation => "cancellation",
            Self::Timer => "timer",
            Self::Accept => "accept",
            Self::Read => "read",
            Self::Write => "write",
            Self::Join => "join",
            Self::BlockingIo => "blocking_io",
            Self::Process => "process",
            Self::Signal => "signal",
            Self::Blocking => "blocking",
            Self::Busy => "busy",
            Self::NeverPolled => "never_polled",
            Self::Pending => "pending",
        }
    }
}

impl fmt::Display for WaitsFor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ChannelSend => "room in a channel",
            Self::ChannelReceive => "a message, or the end of a channel",
            Self::Oneshot => "the value of a oneshot channel",
            Self::Lock => "a lock",
            Self::Semaphore => "a semaphore's permits",
            Self::Barrier => "the other parties of a barrier",
            Self::Notify => "a notification",
            Self::Cancellation => "the cancellation of a token",
            Self::Timer => "a point in time",
            Self::Accept => "a connection",
            Self::Read => "bytes from a peer",
            Self::Write => "room to write to a peer",
            Self::Join => "another task's end",
            Self::BlockingIo => "an operation on the blocking pool",
            Self::Process => "a child process's end",
            Self::Signal => "a signal",
            Self::Blocking => "nothing: it holds a thread",
            Self::Busy => "nothing: it wakes itself again and again",
            Self::NeverPolled => "its first poll",
            Self::Pending => "nothing that could ever happen",
        })
    }
}
