//! How the manager is set up.

use crate::registry::{events, names};
use std::time::Duration;

/// How the [`Manager`](super::Manager) is set up. What is not said here is as the environment
/// variables say, or else the default, also if it was set before: to change one thing, begin with
/// [`Manager::config`](super::Manager::config).
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use taskleak::manager::Config;
///
/// let config = Config::new().interval(Duration::from_secs(30)).growth(8).backtraces(true);
/// taskleak::manager().configure(config);
/// # taskleak::manager().configure(Config::new());
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
#[must_use = "a config does nothing until `Manager::configure` is given it"]
pub struct Config {
    pub(super) enabled: bool,
    pub(super) backtraces: bool,
    pub(super) snapshots: bool,
    pub(super) interval: Duration,
    pub(super) growth: usize,
    pub(super) traces: bool,
    pub(super) queue: usize,
    pub(super) names: usize,
}

impl Config {
    const LONGEST_QUEUE: usize = 1 << 22;

    /// What the environment variables say; for those that are unset, the defaults below.
    ///
    /// # Examples
    ///
    /// ```
    /// let config = taskleak::manager::Config::new();
    /// ```
    pub fn new() -> Self {
        let set = crate::config::get();
        Self {
            enabled: set.manager,
            backtraces: false,
            snapshots: set.interval.is_some(),
            interval: set.interval.unwrap_or(crate::config::INTERVAL),
            growth: set.growth,
            traces: true,
            queue: events::LEAST_ROOM,
            names: names::MOST,
        }
    }

    /// Whether tasks are tracked. When they are not, spawns are tokio's own, but for tasks whose time box
    /// [aborts](crate::task::TimeboxAction::Abort) them; while a guard is open all always are. Default: `true`, or what
    /// `TASKLEAK_MANAGER` says (`on`, `off`).
    ///
    /// # Examples
    ///
    /// ```
    /// let config = taskleak::manager::Config::new().enabled(false);
    /// ```
    pub fn enabled(mut self, enabled: bool) -> Self {
        self.enabled = enabled;
        self
    }

    /// Whether every spawn captures a backtrace. Default: `false`; `TASKLEAK_BACKTRACE=always` has
    /// them captured whatever this says, and `off` has not.
    ///
    /// # Examples
    ///
    /// ```
    /// let config = taskleak::manager::Config::new().backtraces(true);
    /// ```
    pub fn backtraces(mut self, backtraces: bool) -> Self {
        self.backtraces = backtraces;
        self
    }

    /// Whether the [monitor](super::Monitor) takes its cyclic snapshots once it is started. While this is
    /// `false` it waits: no observer is told of a snapshot that is not on its way when
    /// [`Manager::configure`](super::Manager::configure) returns, and no name is suspect. From when it is
    /// `true` again on, the next one is taken after one interval, and what grew before counts no more.
    /// Default: `true`, unless `TASKLEAK_INTERVAL` says `off`.
    ///
    /// # Examples
    ///
    /// ```
    /// let config = taskleak::manager::Config::new().snapshots(false);
    /// ```
    pub fn snapshots(mut self, taken: bool) -> Self {
        self.snapshots = taken;
        self
    }

    /// Time between two snapshots of the [monitor](super::Monitor); at least a millisecond. Default:
    /// 10 seconds, or what `TASKLEAK_INTERVAL` says (`500ms`, `1min`).
    ///
    /// # Examples
    ///
    /// ```
    /// let config = taskleak::manager::Config::new().interval(std::time::Duration::from_secs(60));
    /// ```
    pub fn interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    /// Over how many snapshots a name must grow to be a [`Suspect`](super::Suspect); at least 2, which fewer
    /// are taken for. As many
    /// may lie between two of them. Default: 6, or what `TASKLEAK_GROWTH` says.
    ///
    /// # Examples
    ///
    /// ```
    /// let config = taskleak::manager::Config::new().growth(10);
    /// ```
    pub fn growth(mut self, snapshots: usize) -> Self {
        self.growth = snapshots;
        self
    }

    /// Whether the monitor asks some tasks of a suspect name what they wait for, so that the suspect
    /// has its [await site](super::Suspect::await_site). Each of them is polled once for that, which
    /// to it is a spurious wake. Default: `true`.
    ///
    /// # Examples
    ///
    /// ```
    /// let config = taskleak::manager::Config::new().traces(false);
    /// ```
    pub fn traces(mut self, traces: bool) -> Self {
        self.traces = traces;
        self
    }

    /// How many events wait at most to be told to an observer that wants them; further ones are dropped
    /// and counted. Holds for observers that are added later. At most 4 194 304. Default: 32 768.
    ///
    /// Before they come to the observers, events wait some milliseconds in one queue that all share. It is made
    /// when the first observer is added, with room for as many as that one may have waiting, 32 768 at the least,
    /// or up to twice as many, and keeps its length for as long as the process runs: an observer that is
    /// added later and asks for more has that room for itself, while what is too much for the shared queue at
    /// once is dropped, and counted, for all. So a service that expects bursts of more than 32 768
    /// events within some milliseconds sets this before it adds its first observer. 100 bytes an event: some 400 MB
    /// for the most.
    ///
    /// # Examples
    ///
    /// ```
    /// let config = taskleak::manager::Config::new().queue(1024);
    /// ```
    pub fn queue(mut self, events: usize) -> Self {
        self.queue = events.min(Self::LONGEST_QUEUE);
        self
    }

    /// How many names that were made at run time are counted one by one; tasks of further names are
    /// counted together as `(other names)`. Names written in the source do not count. A name is for
    /// a kind of task: what tells one task of a kind from another is better given as
    /// [`data`](crate::task::Builder::data). Default: 65 536.
    ///
    /// # Examples
    ///
    /// ```
    /// let config = taskleak::manager::Config::new().names(1000);
    /// ```
    pub fn names(mut self, names: usize) -> Self {
        self.names = names;
        self
    }
}

impl Default for Config {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_of_any_length_can_be_made() {
        assert_eq!(Config::new().queue(usize::MAX).queue, 1 << 22);
        assert_eq!(Config::new().queue(7).queue, 7);
    }
}
