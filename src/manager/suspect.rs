//! Names whose tasks grow in number and do not end.

#[cfg(feature = "http")]
use super::task_record::TaskRecord;
use crate::registry::Fingerprint;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

/// A name whose live count kept rising over several snapshots while its older tasks did not end: very
/// likely a leak.
///
/// Found by the [`Monitor`](super::Monitor); how many snapshots it takes is
/// [`Config::growth`](super::Config::growth). Each of them has more live tasks than any before it, and
/// of the tasks of the first at least half are alive in the last. There may be others between them
/// which have fewer: up to [`Config::growth`](super::Config::growth) in a row.
///
/// It stays a suspect while those tasks don't end, also when growth pauses, and is none any more when
/// most of them have ended, when the live count has fallen back by half of what it rose, or when it has
/// not risen for as long as it had: then it is a pool that grew to its size. A pool that fills in fewer
/// steps than [`Config::growth`](super::Config::growth) is never a suspect.
///
/// Slow leaks are found by the same rule over longer steps: of every 6 and of every 36 snapshots, the one
/// with the fewest tasks counts. With a snapshot every ten seconds and growth over six of them, a leak of
/// more than a task a minute is found in minutes, one of a task in forty minutes in four hours.
///
/// Tasks whose names were made at run time (`connection 17`) are watched by name and, all together, by
/// where they are spawned.
///
/// # Examples
///
/// ```
/// for suspect in taskleak::manager().snapshot().suspects() {
///     println!("{suspect}");
/// }
/// ```
#[derive(Clone, PartialEq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Suspect {
    pub(super) name: Arc<str>,
    /// Its tasks have names of their own, made at run time.
    pub(super) names_differ: bool,
    pub(super) fingerprint: Fingerprint,
    #[cfg_attr(feature = "serde", serde(serialize_with = "super::json::location"))]
    pub(super) location: &'static Location<'static>,
    pub(super) await_site: Option<Arc<str>>,
    pub(super) counts: Vec<usize>,
    pub(super) live: usize,
    pub(super) survivors: usize,
    #[cfg_attr(feature = "serde", serde(serialize_with = "super::json::seconds"))]
    pub(super) oldest: Duration,
}

impl Suspect {
    /// The name of its tasks. If each has one of its own, made at run time: what they would be called
    /// without.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether its tasks have names of their own, made at run time: then they are those of
    /// [`location`](Self::location), not those of [`name`](Self::name).
    pub fn names_differ(&self) -> bool {
        self.names_differ
    }

    /// Whether a task is one of them.
    #[cfg(feature = "http")]
    pub(crate) fn is_of(&self, task: &TaskRecord) -> bool {
        if self.names_differ {
            task.own_name().is_some() && task.location() == self.location
        } else {
            task.name() == &*self.name
        }
    }

    /// The stable number of the spawn site of most of them.
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// The spawn site of most of them.
    pub fn location(&self) -> &'static Location<'static> {
        self.location
    }

    /// Where most of them are suspended, if that was traced.
    pub fn await_site(&self) -> Option<&str> {
        self.await_site.as_deref()
    }

    /// How many were alive in each of the snapshots by which it was found, oldest snapshot first.
    pub fn counts(&self) -> &[usize] {
        &self.counts
    }

    /// How many are alive now.
    pub fn live(&self) -> usize {
        self.live
    }

    /// How many of those that were alive in the first of these snapshots still are.
    pub fn survivors(&self) -> usize {
        self.survivors
    }

    /// The age of the oldest.
    pub fn oldest(&self) -> Duration {
        self.oldest
    }
}

impl std::fmt::Display for Suspect {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let first = self.counts.first().copied().unwrap_or(0);
        write!(
            f,
            "`{}` grew from {first} to {} tasks over {} snapshots, and {} of the first have not \
             ended; spawned at {}",
            self.name,
            self.counts.last().copied().unwrap_or(first),
            self.counts.len(),
            self.survivors,
            self.location,
        )?;
        if let Some(await_site) = self.await_site() {
            write!(f, ", waiting in {await_site}")?;
        }
        write!(f, " (fingerprint {})", self.fingerprint)
    }
}
