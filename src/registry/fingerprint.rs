//! The same kind of task has the same number in every output.

use super::origin::Origin;
use std::fmt;

/// A stable number for tasks of one spawn site.
///
/// It is the same in every process, on every machine, in every output, and whether or not anybody knows what the
/// task waits for; and it stays the same when lines are put in or taken out elsewhere in a file: so alerts, dashboards
/// and baselines may name it. It is made of names, not of line numbers: what is spawned (the future's type, the
/// task's fixed name, how it is spawned), and the function, the file and the column that it is spawned in. So two
/// spawns of the same future in one function that begin in the same column have one fingerprint, and one that is
/// renamed, moved to another file or function or indented has another.
///
/// The function is read from debug info with line numbers (`debug = "line-tables-only"` is enough). A build without
/// it has other fingerprints, in which spawns from several functions of a file may be one; so has an optimised build
/// for a function that ends in its spawn, of which the optimizer leaves no frame, and so have futures that are tracked by
/// [`Track`](crate::Track), which may be made anywhere.
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

    /// Of tasks of this origin, spawned in this function if that is known.
    pub(super) fn new(origin: &Origin, function: Option<&str>) -> Self {
        let mut hash = Fnv::new();
        hash.text(portable(origin.location.file()));
        hash.number(origin.location.column());
        hash.text(origin.type_name);
        hash.text(origin.name.unwrap_or_default());
        hash.number(origin.kind as u32);
        hash.text(function.unwrap_or_default());
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

    #[test]
    fn names_and_columns_count_and_lines_do_not() {
        fn serve() -> Origin {
            origin("app::serve")
        }
        fn serve_further_down() -> Origin {
            origin("app::serve")
        }
        let (one, shifted) = (serve(), serve_further_down());
        let of = Fingerprint::new;
        assert_ne!(one.location.line(), shifted.location.line());
        assert_eq!(of(&one, Some("app::run")), of(&shifted, Some("app::run")));
        assert_ne!(of(&one, Some("app::run")), of(&one, Some("app::stop")));
        assert_ne!(of(&one, None), of(&one, Some("app::run")));
        assert_ne!(of(&one, None), of(&origin("app::accept"), None));
        let named = Origin {
            name: Some("server"),
            ..one
        };
        assert_ne!(of(&one, None), of(&named, None));
        let indented = origin("app::serve");
        assert_ne!(of(&one, None), of(&indented, None));
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
