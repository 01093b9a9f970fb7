//! The same kind of task has the same number in every output.

use crate::wait::{AwaitNode, AwaitTrace};
use std::fmt;
use std::panic::Location;

/// A stable number for tasks of one spawn site that are suspended at one await site.
///
/// It depends on the two places only: it is the same in every process built from the same sources, so
/// alerts and dashboards may name it. Its `Display` is 16 hexadecimal digits.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let mut tasks = taskleak::task::JoinSet::new();
/// for _ in 0..2 {
///     tasks.spawn(std::future::pending::<()>());
/// }
/// let snapshot = taskleak::manager().snapshot();
/// let [one, two] = snapshot.tasks() else { panic!() };
/// assert_eq!(one.fingerprint(), two.fingerprint());
/// assert_eq!(one.fingerprint().to_string().len(), 16);
/// # }
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Fingerprint(u64);

impl Fingerprint {
    /// Of tasks spawned at `spawn_site` that wait as `awaits` says, where that is known.
    pub(crate) fn of(spawn_site: &Location<'_>, awaits: Option<&AwaitTrace>) -> Self {
        let mut hash = Fnv::new();
        hash.add(spawn_site.file().as_bytes());
        hash.add(&spawn_site.line().to_le_bytes());
        hash.add(&spawn_site.column().to_le_bytes());
        if let Some(awaits) = awaits {
            for leaf in leaves(awaits) {
                hash.add(leaf.function().as_bytes());
                // Not the whole path, which says where the program was built.
                let file = leaf.file().and_then(|file| file.file_name());
                hash.add(file.unwrap_or_default().as_encoded_bytes());
                hash.add(&leaf.line().unwrap_or(0).to_le_bytes());
            }
        }
        Self(hash.0)
    }
}

/// The innermost futures of a trace: several for a `select!` or `join!`.
pub(crate) fn leaves(trace: &AwaitTrace) -> Vec<&AwaitNode> {
    fn collect<'a>(nodes: &'a [AwaitNode], leaves: &mut Vec<&'a AwaitNode>) {
        for node in nodes {
            if node.children().is_empty() {
                leaves.push(node);
            }
            collect(node.children(), leaves);
        }
    }
    let mut leaves = Vec::new();
    collect(trace.roots(), &mut leaves);
    leaves
}

/// FNV-1a: spelled out here, since a hasher of the standard library may change.
struct Fnv(u64);

impl Fnv {
    fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    /// Adds some bytes and their end.
    fn add(&mut self, bytes: &[u8]) {
        for byte in bytes.iter().chain(&[0xff]) {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for Fingerprint {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wait::TraceSource;

    fn waiting_in(function: &str) -> AwaitTrace {
        let node = AwaitNode {
            function: function.to_owned(),
            file: Some("/built/here/src/lib.rs".into()),
            line: Some(7),
            column: None,
            children: Vec::new(),
        };
        AwaitTrace::of_chains(TraceSource::Poll, [vec![node]])
    }

    #[test]
    fn both_places_count() {
        let here = Location::caller();
        let (a, b) = (waiting_in("a"), waiting_in("b"));
        let of = |awaits| Fingerprint::of(here, awaits);
        assert_eq!(of(None), of(None));
        assert_eq!(of(Some(&a)), of(Some(&a)));
        assert_ne!(of(None), of(Some(&a)));
        assert_ne!(of(Some(&a)), of(Some(&b)));
        assert_ne!(of(None), Fingerprint::of(Location::caller(), None));
    }

    #[test]
    fn the_folder_it_was_built_in_does_not_count() {
        let here = Location::caller();
        let mut elsewhere = waiting_in("a").roots()[0].clone();
        elsewhere.file = Some("/built/there/src/lib.rs".into());
        let elsewhere = AwaitTrace::of_chains(TraceSource::Poll, [vec![elsewhere]]);
        let one = Fingerprint::of(here, Some(&waiting_in("a")));
        assert_eq!(one, Fingerprint::of(here, Some(&elsewhere)));
    }
}
