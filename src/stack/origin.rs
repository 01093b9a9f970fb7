//! Whose code a frame is.
use std::path::{Component, Path};

/// Whose code a frame is, judged by where its source file is; names can be anybody's.
///
/// # Examples
///
/// ```
/// use taskleak::{Frame, FrameOrigin};
///
/// fn mine(frames: &[Frame]) -> impl Iterator<Item = &Frame> {
///     frames.iter().filter(|frame| frame.origin() == FrameOrigin::User)
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FrameOrigin {
    /// The person's own: whatever is none of the others.
    User,
    /// A crate from a registry or a git checkout.
    Dependency,
    /// The `tokio` crate.
    Tokio,
    /// The standard library, the test harness in it, and the C runtime below.
    Std,
    /// This library.
    Taskleak,
}

/// Where this file is, as the compiler was told.
const THIS_FILE: &str = file!();
/// Its place in the package.
const THIS_FILE_IN_PACKAGE: &str = "src/stack/origin.rs";
const PACKAGE_ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Packages of this library, as registry folders call them, before the version.
const OWN_PACKAGES: [&str; 3] = ["taskleak", "taskleak-tokio", "taskleak-macros"];

/// Where the C runtime starts a process or a thread. Where it was built with debug info its files have paths that look
/// like a project's, such as `./nptl/pthread_create.c`.
const C_RUNTIME: [&str; 9] = [
    "_start",
    "__libc_start_main",
    "__libc_start_main_impl",
    "__libc_start_call_main",
    "pthread_create",
    "start_thread",
    "clone",
    "clone3",
    "__clone3",
];

/// The functions that the compiler makes of a `#[global_allocator]`, with the static's place for theirs.
const ALLOCATOR_SHIMS: &str = "__rustc::__rust_";

/// The origin of a function, and the registry package it is in.
pub(super) fn of(symbol: &str, file: Option<&'static Path>) -> (FrameOrigin, Option<&'static str>) {
    match file {
        _ if C_RUNTIME.contains(&symbol) || symbol.starts_with(ALLOCATOR_SHIMS) => {
            (FrameOrigin::Std, None)
        }
        Some(file) => of_file(file),
        None => (of_symbol(symbol), None),
    }
}

/// The origin of a source file, and the registry package it is in.
fn of_file(file: &'static Path) -> (FrameOrigin, Option<&'static str>) {
    if is_std(file) {
        return (FrameOrigin::Std, None);
    }
    if is_own_source(file) {
        return (FrameOrigin::Taskleak, None);
    }
    match package(file) {
        Some(package) => {
            let origin = match name_of(package) {
                "tokio" => FrameOrigin::Tokio,
                name if OWN_PACKAGES.contains(&name) => FrameOrigin::Taskleak,
                _ => FrameOrigin::Dependency,
            };
            (origin, Some(package))
        }
        None => (FrameOrigin::User, None),
    }
}

/// The origin of a function whose file is not known, because its crate was built without debug info: here the crate's
/// name has to do.
fn of_symbol(symbol: &str) -> FrameOrigin {
    let path = symbol.trim_start_matches(['<', '&', '*', '(', '[']);
    let path = path.strip_prefix("impl ").unwrap_or(path);
    match path.split_once("::").map(|(first, _)| first) {
        Some("tokio") => FrameOrigin::Tokio,
        Some("taskleak" | "taskleak_tokio") => FrameOrigin::Taskleak,
        Some("std" | "core" | "alloc" | "test" | "proc_macro") => FrameOrigin::Std,
        Some(_) => FrameOrigin::User,
        // No path: a C function, such as `_start`.
        None => FrameOrigin::Std,
    }
}

/// `/rustc/<commit>/library/..` in the shipped standard library, `/rust/deps/..` for the crates inside it, and the
/// `rust-src` component where the debugger's path map or build-std put that in place.
fn is_std(file: &Path) -> bool {
    file.starts_with("/rustc")
        || file.starts_with("/rust/deps")
        || contains(file, &["lib", "rustlib", "src", "rust"])
}

/// Whether the file is in one of the source folders of this workspace. Its tests, fixtures, examples and benches are
/// somebody's user code.
fn is_own_source(file: &Path) -> bool {
    let compiled_root = THIS_FILE
        .strip_suffix(THIS_FILE_IN_PACKAGE)
        .filter(|root| !root.is_empty());
    [Some(PACKAGE_ROOT), compiled_root]
        .into_iter()
        .flatten()
        .filter_map(|root| file.strip_prefix(root).ok())
        .any(|inside| {
            let mut parts = inside.iter();
            match parts.next().and_then(|part| part.to_str()) {
                Some("src") => true,
                // crates/<name>/src
                Some("crates") => parts.nth(1).is_some_and(|part| part == "src"),
                _ => false,
            }
        })
}

/// The folder of the package: `registry/src/<index>/<package>/..` or `git/checkouts/<repository>/<revision>/..`.
fn package(file: &'static Path) -> Option<&'static str> {
    let mut parts = file.components().filter_map(|part| match part {
        Component::Normal(part) => part.to_str(),
        _ => None,
    });
    let mut before = "";
    while let Some(part) = parts.next() {
        match (before, part) {
            ("registry", "src") => return parts.nth(1),
            ("git", "checkouts") => {
                let repository = parts.next();
                let _revision = parts.next();
                // A workspace has its members in folders of their names; a single package has `src` here.
                return match parts.next() {
                    Some("src") | None => repository,
                    Some(member) => Some(member),
                };
            }
            _ => before = part,
        }
    }
    None
}

/// `tokio-util-0.7.1` is `tokio-util`; a name without a version is itself.
fn name_of(package: &str) -> &str {
    package
        .match_indices('-')
        .find(|(dash, _)| package[dash + 1..].starts_with(|c: char| c.is_ascii_digit()))
        .map_or(package, |(dash, _)| &package[..dash])
}

fn contains(file: &Path, sequence: &[&str]) -> bool {
    let parts: Vec<_> = file.iter().collect();
    parts
        .windows(sequence.len())
        .any(|window| window == sequence)
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    #[test]
    fn files_tell_whose_code_it_is() {
        for (file, origin, package) in [
            (
                "/rustc/59807616/library/core/src/ops/function.rs",
                FrameOrigin::Std,
                None,
            ),
            (
                "/rust/deps/hashbrown-0.16.0/src/raw.rs",
                FrameOrigin::Std,
                None,
            ),
            (
                "/opt/toolchain/lib/rustlib/src/rust/library/std/src/thread/mod.rs",
                FrameOrigin::Std,
                None,
            ),
            (
                "/home/ann/.cargo/registry/src/index-1949cf8c/tokio-1.54.1/src/task/spawn.rs",
                FrameOrigin::Tokio,
                Some("tokio-1.54.1"),
            ),
            (
                "/home/ann/.cargo/registry/src/index-1949cf8c/tokio-util-0.7.1/src/task/mod.rs",
                FrameOrigin::Dependency,
                Some("tokio-util-0.7.1"),
            ),
            (
                "/home/ann/.cargo/registry/src/index-1949cf8c/taskleak-tokio-0.1.0/src/lib.rs",
                FrameOrigin::Taskleak,
                Some("taskleak-tokio-0.1.0"),
            ),
            (
                "/home/ann/.cargo/git/checkouts/tokio-a1b2/c3d4/tokio/src/lib.rs",
                FrameOrigin::Tokio,
                Some("tokio"),
            ),
            (
                "/home/ann/.cargo/git/checkouts/axle-a1b2/c3d4/src/lib.rs",
                FrameOrigin::Dependency,
                Some("axle-a1b2"),
            ),
            ("/home/ann/shop/src/server.rs", FrameOrigin::User, None),
            ("src/server.rs", FrameOrigin::User, None),
            (
                concat!(env!("CARGO_MANIFEST_DIR"), "/src/task/mod.rs"),
                FrameOrigin::Taskleak,
                None,
            ),
            (
                concat!(
                    env!("CARGO_MANIFEST_DIR"),
                    "/crates/tokio-facade/src/lib.rs"
                ),
                FrameOrigin::Taskleak,
                None,
            ),
            (
                concat!(
                    env!("CARGO_MANIFEST_DIR"),
                    "/crates/tokio-facade/tests/a.rs"
                ),
                FrameOrigin::User,
                None,
            ),
            (
                concat!(env!("CARGO_MANIFEST_DIR"), "/tests/guard.rs"),
                FrameOrigin::User,
                None,
            ),
            (
                concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/corpus/src/lib.rs"),
                FrameOrigin::User,
                None,
            ),
        ] {
            assert_eq!((file, of_file(Path::new(file))), (file, (origin, package)));
        }
    }

    #[test]
    fn what_the_compiler_makes_is_nobody_s() {
        let file = Some(Path::new("/home/ann/shop/src/main.rs"));
        for symbol in ["__rustc::__rust_alloc", "start_thread"] {
            assert_eq!(
                (symbol, of(symbol, file)),
                (symbol, (FrameOrigin::Std, None))
            );
        }
        assert_eq!(of("shop::main", file), (FrameOrigin::User, None));
    }

    #[test]
    fn without_a_file_the_crate_name_tells() {
        for (symbol, origin) in [
            ("shop::server::run", FrameOrigin::User),
            (
                "<shop::S as core::future::future::Future>::poll",
                FrameOrigin::User,
            ),
            ("core::ops::function::FnOnce::call_once", FrameOrigin::Std),
            (
                "<alloc::boxed::Box<F> as core::ops::function::FnOnce<A>>::call_once",
                FrameOrigin::Std,
            ),
            ("tokio::task::spawn::spawn", FrameOrigin::Tokio),
            ("_start", FrameOrigin::Std),
        ] {
            assert_eq!((symbol, of_symbol(symbol)), (symbol, origin));
        }
    }

    #[test]
    fn a_package_folder_is_a_name_and_a_version() {
        for (package, name) in [
            ("tokio-1.54.1", "tokio"),
            ("tokio-util-0.7.1", "tokio-util"),
            ("wasm-bindgen-0.2.0-alpha.1", "wasm-bindgen"),
            ("tokio", "tokio"),
        ] {
            assert_eq!(name_of(package), name);
        }
    }
}
