use std::{
    env,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
};

use super::seen::Seen;

/// A cargo project in `fixtures/`.
pub struct Project {
    name: &'static str,
    environment: Vec<(&'static str, &'static str)>,
}

impl Project {
    pub fn new(name: &'static str) -> Self {
        Project {
            name,
            environment: Vec::new(),
        }
    }

    /// Sets a variable for what is run.
    pub fn env(mut self, variable: &'static str, value: &'static str) -> Self {
        self.environment.push((variable, value));
        self
    }

    /// Runs one of its test binaries, one test at a time, so that its output has one order.
    #[track_caller]
    pub fn cargo_test(&self, binary: &str) -> Seen {
        self.build(&["test", "--no-run", "--test", binary]);
        self.run_until_answered(&["test", "--test", binary, "--", "--test-threads=1"])
    }

    /// Lists the tests of one of its test binaries.
    #[track_caller]
    pub fn list(&self, binary: &str) -> Seen {
        self.build(&["test", "--no-run", "--test", binary]);
        self.run(&["test", "--test", binary, "--", "--list"])
    }

    /// Runs one of its test binaries by nextest, a process a test. Where nextest is not installed there is nothing to
    /// see, unless `CI` is set: there it has to be.
    #[track_caller]
    pub fn nextest(&self, binary: &str) -> Option<Seen> {
        let installed = self.cargo().args(["nextest", "--version"]).output();
        if !installed.is_ok_and(|version| version.status.success()) {
            assert!(
                env::var_os("CI").is_none(),
                "install cargo-nextest to run this test"
            );
            eprintln!("cargo-nextest is not installed, so this test does not look at it");
            return None;
        }
        self.build(&["nextest", "run", "--no-run", "--test", binary]);
        let run = ["nextest", "run", "--no-fail-fast", "-j1", "--test", binary];
        Some(self.run_until_answered(&run))
    }

    /// Builds first, so that what is seen is the tests' run and not the build's.
    #[track_caller]
    fn build(&self, arguments: &[&str]) {
        let built = self.cargo().args(arguments).output().expect("cargo runs");
        let messages = String::from_utf8_lossy(&built.stderr);
        assert!(
            built.status.success(),
            "{} does not build:\n{messages}",
            self.name
        );
    }

    /// What is seen, up to three times anew if a task did not come to answer on a machine that was too busy.
    #[track_caller]
    fn run_until_answered(&self, arguments: &[&str]) -> Seen {
        let mut seen = self.run(arguments);
        for _ in 0..3 {
            if seen.has_silent_tasks() {
                seen = self.run(arguments);
            }
        }
        seen
    }

    #[track_caller]
    fn run(&self, arguments: &[&str]) -> Seen {
        // Both streams go to one file, in the order in which a terminal would show them.
        let path = output_file();
        let output = File::create(&path).expect("the test's folder can be written to");
        let errors = output.try_clone().expect("a file can be cloned");
        let status = self
            .cargo()
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            .status()
            .expect("cargo runs");
        let text = fs::read_to_string(&path).expect("tests write text");
        _ = fs::remove_file(&path);
        Seen::new(
            status,
            &text,
            &[(workspace(), "[workspace]"), (&target(), "[target]")],
        )
    }

    /// Cargo, in the project's folder, as a person would call it: without what this test's own cargo has set.
    fn cargo(&self) -> Command {
        let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        for (variable, _) in env::vars_os() {
            let name = variable.to_string_lossy();
            let of_a_run = [
                "CARGO_PKG_",
                "CARGO_BIN_",
                "CARGO_MANIFEST_",
                "NEXTEST",
                "TASKLEAK",
            ];
            if of_a_run.iter().any(|prefix| name.starts_with(prefix)) {
                cargo.env_remove(&variable);
            }
        }
        for variable in [
            "RUSTFLAGS",
            "RUST_TEST_THREADS",
            "NO_COLOR",
            "CI",
            "GITHUB_ACTIONS",
        ] {
            cargo.env_remove(variable);
        }
        cargo
            .current_dir(workspace().join("fixtures").join(self.name))
            .env("CARGO_TARGET_DIR", target())
            .env("CARGO_TERM_COLOR", "never")
            .env("CARGO_TERM_PROGRESS_WHEN", "never")
            .env("RUST_BACKTRACE", "0")
            .envs(self.environment.iter().copied());
        cargo
    }
}

fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All projects share what they depend on.
fn target() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("fixtures")
}

fn output_file() -> PathBuf {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    folder.join(format!("output-{}-{number}", std::process::id()))
}
