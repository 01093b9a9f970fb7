//! The same kind of task has the same number in every output.

use super::origin::Origin;
use crate::wait::{AwaitNode, AwaitTrace};
use std::fmt;

/// A stable number for tasks of one spawn site that are suspended at one await site.
///
/// It is the same in every process, on every machine, and stays the same when lines are put in or taken
/// out elsewhere in a file: so alerts, dashboards and baselines may name it. It is made of names, not of line
/// numbers: of the spawn site its file, its column and what it spawns (the future's type, the task's fixed name,
/// how it is spawned); of the await site the functions of the await trace with their files and columns. So two spawns
/// of the same future in one file that begin in the same column have one fingerprint, and one that is renamed,
/// moved to another file or indented has another.
///
/// Its `Display` is 16 hexadecimal digits.
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
    /// Of nothing.
    pub(crate) const UNKNOWN: Self = Self(0);

    /// Of tasks of this origin that are suspended there, where that is known.
    pub(crate) fn new(origin: &Origin, awaits: Option<&AwaitTrace>) -> Self {
        let mut hash = Fnv::new();
        hash.text(portable(origin.location.file()));
        hash.number(origin.location.column());
        hash.text(origin.type_name);
        hash.text(origin.name.unwrap_or_default());
        hash.number(origin.kind as u32);
        if let Some(awaits) = awaits {
            hash.nodes(awaits.roots());
        }
        Self(hash.0)
    }
}

/// A path without what differs between machines: from its `src`, `tests`, `examples` or `benches` on. What the
/// folder before it is called is up to who checked the project out; the names of functions say whose it is.
fn portable(file: &str) -> &str {
    const FOLDERS: [&str; 4] = ["src", "tests", "examples", "benches"];
    let mut starts = vec![0];
    let separators = file.match_indices(['/', '\\']);
    starts.extend(separators.map(|(at, _)| at + 1));
    let part = |at: usize| file[starts[at]..].split(['/', '\\']).next();
    let folder = (0..starts.len())
        .rev()
        .find(|at| part(*at).is_some_and(|part| FOLDERS.contains(&part)));
    folder.map_or(file, |at| &file[starts[at]..])
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

    fn bytes(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn number(&mut self, number: u32) {
        self.bytes(&number.to_le_bytes());
    }

    /// With its end, so that two texts in a row are not another two; paths are equal on all systems.
    fn text(&mut self, text: &str) {
        for byte in text.bytes() {
            self.bytes(&[if byte == b'\\' { b'/' } else { byte }]);
        }
        self.bytes(&[0]);
    }

    fn nodes(&mut self, nodes: &[AwaitNode]) {
        for node in nodes {
            self.bytes(&[1]);
            self.text(node.function());
            // Where a dependency awaits is its own business.
            if let Some(file) = node.file() {
                self.text(portable(&file.to_string_lossy()));
                self.number(node.column().unwrap_or(0));
            }
            self.nodes(node.children());
            self.bytes(&[2]);
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
    use super::super::TaskKind;
    use super::super::origin::OriginId;
    use super::*;
    use crate::wait::TraceSource;
    use std::panic::Location;

    #[track_caller]
    fn origin(type_name: &'static str) -> Origin {
        Origin {
            parent: OriginId::ROOT,
            location: Location::caller(),
            type_name,
            name: None,
            kind: TaskKind::Task,
        }
    }

    fn awaits(function: &str, line: u32, column: u32) -> AwaitTrace {
        let node = AwaitNode {
            function: function.to_owned(),
            file: Some("src/server.rs".into()),
            line: Some(line),
            column: Some(column),
            children: Vec::new(),
        };
        AwaitTrace::of_chains(TraceSource::Poll, [vec![node]])
    }

    #[test]
    fn both_places_count_and_lines_do_not() {
        let one = origin("app::serve");
        let same_column_elsewhere = origin("app::serve");
        let of = Fingerprint::new;
        let place = awaits("app::handle", 10, 5);
        assert_eq!(of(&one, Some(&place)), of(&one, Some(&place)));
        assert_ne!(of(&one, None), of(&one, Some(&place)));
        assert_ne!(of(&one, None), of(&origin("app::accept"), None));
        let shifted = awaits("app::handle", 30, 5);
        assert_eq!(of(&one, Some(&place)), of(&one, Some(&shifted)));
        let other = awaits("app::handle", 10, 9);
        assert_ne!(of(&one, Some(&place)), of(&one, Some(&other)));
        assert_ne!(one.location.column(), 0);
        assert_ne!(one.location.line(), same_column_elsewhere.location.line());
    }

    #[test]
    fn a_file_is_called_the_same_on_all_machines() {
        for (file, name) in [
            ("src/server.rs", "src/server.rs"),
            ("crates/app/src/server.rs", "src/server.rs"),
            ("/home/me/work/app/src/server.rs", "src/server.rs"),
            (
                "/root/.cargo/registry/src/index/hyper-1.4.1/src/server/mod.rs",
                "src/server/mod.rs",
            ),
            ("main.rs", "main.rs"),
        ] {
            assert_eq!(portable(file), name);
        }
    }

    /// A number that changes is a break for everybody who has written it down.
    #[test]
    fn the_algorithm_stays_as_it_is() {
        let mut hash = Fnv::new();
        hash.bytes(b"foobar");
        assert_eq!(Fingerprint(hash.0).to_string(), "85944171f73967e8");
    }
}
