//! The census with the versions of tokio and the profiles that it is for, as real cargo projects.
//!
//! Each is a build of its own, so these run by `cargo test --test census_matrix -- --ignored` only.
#![cfg(all(
    feature = "census",
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64")
))]

use pretty_assertions::assert_eq;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

/// The fixture `census-matrix`, built against one version of tokio in one way.
struct Build {
    /// As cargo reads it; none for the newest.
    tokio: Option<&'static str>,
    arguments: &'static [&'static str],
    environment: &'static [(&'static str, &'static str)],
}

/// How tasks on a hooked runtime are known.
enum Known {
    ByHook,
    /// The hook tells no spawn site, but the spawn backtrace.
    ByCensus,
}

const DEV: Build = Build {
    tokio: None,
    arguments: &[],
    environment: &[],
};

fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

impl Build {
    fn folder(&self) -> PathBuf {
        let name = self.tokio.unwrap_or("newest");
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("census-matrix-{name}"))
    }

    /// A copy of the fixture that asks for this version of tokio.
    fn write_project(&self) -> PathBuf {
        let (from, to) = (workspace().join("fixtures/census-matrix"), self.folder());
        let parked = "tests/parked/mod.rs";
        for file in ["src/lib.rs", "tests/hooked.rs", "tests/leaky.rs", parked] {
            fs::create_dir_all(to.join(file).parent().unwrap()).unwrap();
            fs::copy(from.join(file), to.join(file)).unwrap();
        }
        let mut manifest = fs::read_to_string(from.join("Cargo.toml")).unwrap();
        let taskleak = workspace().display().to_string();
        manifest = manifest.replace("path = \"../..", &format!("path = \"{taskleak}"));
        if let Some(version) = self.tokio {
            manifest = manifest.replace("\"1.40\"", &format!("\"={version}\""));
        }
        fs::write(to.join("Cargo.toml"), manifest).unwrap();
        to
    }

    /// The reports of these tests of its, by the kinds of runtime: current-thread and multi-thread.
    #[track_caller]
    fn reports(&self, tests: &str, skipped: &[&str]) -> [String; 2] {
        let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo
            .current_dir(self.write_project())
            .args(["test", "--test", tests])
            .args(self.arguments)
            .args(["--", "--nocapture", "--test-threads=1"])
            .args(skipped.iter().flat_map(|test| ["--skip", test]))
            .env(
                "CARGO_TARGET_DIR",
                Path::new(env!("CARGO_TARGET_TMPDIR")).join("census-matrix"),
            )
            .env_remove("RUSTFLAGS")
            .envs(self.environment.iter().copied());
        let run = cargo.output().expect("cargo runs");
        let (output, errors) = (
            String::from_utf8_lossy(&run.stdout),
            String::from_utf8_lossy(&run.stderr),
        );
        assert!(run.status.success(), "{output}\n{errors}");
        let reports: Vec<_> = output
            .split("REPORT\n")
            .skip(1)
            .map(|report| report.split("END").next().unwrap().to_owned())
            .collect();
        reports.try_into().expect("two tests, a report each")
    }

    /// The reports show every task by its name, with what it waits for.
    #[track_caller]
    fn names_all(&self) {
        self.names_all_with("");
    }

    /// The same with a note below the tasks.
    #[track_caller]
    fn names_all_with(&self, note: &str) {
        let [current_thread, multi_thread] = self.reports("leaky", &[]);
        const BELOW: &str = "  help: what ";
        let expected = include_str!("golden/census/matrix.txt");
        let expected = expected.replace(BELOW, &format!("{note}{BELOW}"));
        assert_eq!(
            current_thread.replace("`current_thread`", "`test`"),
            expected
        );
        assert_eq!(multi_thread.replace("`multi_thread`", "`test`"), expected);
    }

    /// On runtimes that taskleak builds, each task has its name, its spawn site and backtrace, and what it waits for, be it
    /// known by its hook or only counted; and what ends is no leak.
    #[track_caller]
    fn names_all_by_hooks(&self, known: Known, skipped: &[&str]) {
        let number = match known {
            Known::ByHook => "7 known, 0 counted",
            Known::ByCensus => "0 known, 7 counted",
        };
        let expected = include_str!("golden/census/hooked.txt");
        for report in self.reports("hooked", skipped) {
            assert_eq!(report, format!("{number}\n{expected}"));
        }
    }

    /// The reports say in one line why they name nobody.
    #[track_caller]
    fn says(&self, reason: &str) {
        for report in self.reports("leaky", &[]) {
            assert!(report.contains("7 tasks are alive"), "{report}");
            assert!(report.contains(reason), "{report}");
        }
    }
}

#[test]
#[ignore = "a build of its own"]
fn tokio_1_40() {
    let tokio = Some("1.40.0");
    Build { tokio, ..DEV }.names_all();
}

#[test]
#[ignore = "a build of its own"]
fn tokio_1_44() {
    let tokio = Some("1.44.0");
    Build { tokio, ..DEV }.names_all();
}

#[test]
#[ignore = "a build of its own"]
fn tokio_1_47() {
    let tokio = Some("1.47.0");
    Build { tokio, ..DEV }.names_all();
}

#[test]
#[ignore = "a build of its own"]
fn tokio_1_49() {
    let tokio = Some("1.49.0");
    Build { tokio, ..DEV }.names_all();
}

#[test]
#[ignore = "a build of its own"]
fn the_newest_tokio() {
    DEV.names_all();
}

/// With `--cfg tokio_unstable`: the stock runtimes, and those that taskleak builds.
mod tokio_unstable {
    use super::*;

    const UNSTABLE: Build = Build {
        environment: &[("RUSTFLAGS", "--cfg tokio_unstable")],
        ..DEV
    };

    #[track_caller]
    fn names_all(tokio: Option<&'static str>, known: Known, skipped: &[&str]) {
        let build = Build { tokio, ..UNSTABLE };
        build.names_all();
        build.names_all_by_hooks(known, skipped);
    }

    #[test]
    #[ignore = "a build of its own"]
    fn tokio_1_40() {
        // Local runtimes came with 1.41, hooks of polls with 1.44.
        let skipped = ["local", "own_poll_hooks"];
        names_all(Some("1.40.0"), Known::ByCensus, &skipped);
    }

    #[test]
    #[ignore = "a build of its own"]
    fn tokio_1_44() {
        names_all(Some("1.44.0"), Known::ByCensus, &[]);
    }

    #[test]
    #[ignore = "a build of its own"]
    fn tokio_1_47() {
        names_all(Some("1.47.0"), Known::ByHook, &[]);
    }

    #[test]
    #[ignore = "a build of its own"]
    fn tokio_1_49() {
        names_all(Some("1.49.0"), Known::ByHook, &[]);
    }

    #[test]
    #[ignore = "a build of its own"]
    fn the_newest_tokio() {
        names_all(None, Known::ByHook, &[]);
    }
}

/// What many people set so that builds are quicker: their own crates have debug info, all others have none.
#[test]
#[ignore = "a build of its own"]
fn dependencies_without_debug_info() {
    let arguments = &["--config", "profile.dev.package.'*'.debug=false"];
    Build { arguments, ..DEV }.names_all();
}

#[test]
#[ignore = "a build of its own"]
fn lines_only() {
    let environment = &[("CARGO_PROFILE_DEV_DEBUG", "line-tables-only")];
    Build { environment, ..DEV }.says(
        "they have no names here: the debug info has lines only, and no types; set `debug = 2` in the profile",
    );
}

#[test]
#[ignore = "a build of its own"]
fn stripped() {
    let environment = &[("CARGO_PROFILE_DEV_STRIP", "symbols")];
    Build { environment, ..DEV }.says("they have no names here: the binary is stripped; set");
}

#[test]
#[ignore = "a build of its own"]
fn optimised() {
    let environment = &[("CARGO_PROFILE_RELEASE_DEBUG", "2")];
    let arguments = &["--release"];
    let build = Build {
        arguments,
        environment,
        ..DEV
    };
    build.names_all_with(
        "  note: this build is optimised, and puts equal functions together: a name may be that of another future with
        the same code.
",
    );
}
