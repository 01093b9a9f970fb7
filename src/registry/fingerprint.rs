//! The same kind of task has the same number in every output.

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
    /// Of tasks spawned at `spawn_site` and suspended at `await_site`, where that is known.
    pub(crate) fn new(spawn_site: &Location<'_>, await_site: Option<&str>) -> Self {
        // FNV-1a: spelled out here, since a hasher of the standard library may change.
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        let mut add = |bytes: &[u8]| {
            for byte in bytes {
                hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
            }
        };
        add(spawn_site.file().as_bytes());
        add(&[0]);
        add(&spawn_site.line().to_le_bytes());
        add(&spawn_site.column().to_le_bytes());
        if let Some(await_site) = await_site {
            add(&[1]);
            add(await_site.as_bytes());
        }
        Self(hash)
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

    #[test]
    fn both_places_count() {
        let (here, there) = (Location::caller(), Fingerprint::new);
        let one = there(here, None);
        assert_eq!(one, there(here, None));
        assert_ne!(one, there(here, Some("a")));
        assert_ne!(there(here, Some("a")), there(here, Some("b")));
    }
}
