//! Names whose tasks grow in number and do not end.

use crate::escaped::escaped;
use crate::registry::Fingerprint;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

/// A name of which more and more tasks last, over several snapshots: very likely a leak.
///
/// Found by the [`Monitor`](super::Monitor); how many snapshots it takes is
/// [`Config::growth`](super::Config::growth), and one before them. A task lasts in a snapshot if it was alive
/// in the one before: traffic that comes and goes in between does not count, so a leak is found beside
/// any amount of it. Each of the snapshots has more lasting tasks than any before it, and of those of the
/// first at least half are alive in the last. There may be others between them
/// which have fewer: up to [`Config::growth`](super::Config::growth) in a row.
/// [Background tasks](crate::task::Builder::background) are meant to live on, and never count.
///
/// It stays a suspect while those tasks don't end, also when growth pauses, and is none any more when
/// most of them have ended, when the number of lasting tasks has fallen back by half of what it rose, or
/// when it has not risen for as long as it had: then it is a pool that grew to its size. A pool that fills in fewer
/// steps than [`Config::growth`](super::Config::growth) is never a suspect.
///
/// Slow leaks, and leaks beside tasks that live for some snapshots, are found by the same rule over longer
/// steps, of 6, 36 and 216 snapshots: a task lasts that was alive a step before, and of the snapshots of a
/// step, the one with the fewest such tasks counts. With a snapshot every ten seconds and growth over six of them, a
/// leak of more than a task a minute is found in minutes, one of a task in forty minutes in four hours, and so is a
/// leak beside connections that live for half an hour.
///
/// Tasks that come and go by chance are more at times. So lasting tasks that end make a rise doubtful: it must be
/// four times as high as chance would have it, as the tasks of the name have ended until then. In simulations of
/// steady traffic (a task every 5 snapshots up to 50 a snapshot, that live for half a snapshot up to 400) a name
/// without a leak was suspect in less than one snapshot of a hundred. One whose traffic fills up is, until the first of
/// it have ended.
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
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::json::location"))]
    pub(super) location: &'static Location<'static>,
    pub(super) await_site: Option<Arc<str>>,
    pub(super) counts: Vec<usize>,
    pub(super) live: usize,
    pub(super) survivors: usize,
    #[cfg_attr(
        feature = "serde",
        serde(rename = "oldest_seconds", serialize_with = "crate::json::seconds")
    )]
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

    /// How many tasks lasted in each of the snapshots by which it was found, oldest snapshot first: those
    /// that had been alive a step before, too.
    pub fn counts(&self) -> &[usize] {
        &self.counts
    }

    /// How many are alive now, but for background tasks.
    pub fn live(&self) -> usize {
        self.live
    }

    /// How many of those that lasted in the first of these snapshots are still alive.
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
            "`{}`{} grew from {first} to {} lasting tasks over {} snapshots, and {} of the first have not \
             ended; spawned at {}",
            escaped(&self.name),
            if self.names_differ {
                " (each by a name of its own)"
            } else {
                ""
            },
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
