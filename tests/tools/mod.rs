//! Programs that are not Rust's, which some tests look at our output with.

use std::process::{Command, Output};

/// Whether a program is there. Where it isn't, the test that asks has nothing to do, and says what to
/// install; unless `REQUIRE_TOOLS` is set, as where all of them were installed: there it fails.
#[track_caller]
pub fn is_installed(program: &str, package: &str) -> bool {
    // Go alone is asked by a word. A program that cannot start on this machine is as good as none.
    let question = if program == "go" {
        "version"
    } else {
        "--version"
    };
    let answer = Command::new(program).arg(question).output();
    if answer.is_ok_and(|answer| answer.status.success()) {
        return true;
    }
    let missing =
        format!("skipped: {program} is not installed (Debian: apt-get install {package})");
    assert!(std::env::var_os("REQUIRE_TOOLS").is_none(), "{missing}");
    eprintln!("{missing}");
    false
}

/// What a program prints; it has to succeed.
#[track_caller]
#[allow(dead_code, reason = "not every test runs programs to their end")]
pub fn printed(command: &mut Command) -> String {
    let Output {
        status,
        stdout,
        stderr,
    } = command
        .output()
        .expect("it was asked for its version before");
    let text = String::from_utf8_lossy(&stdout).into_owned();
    let errors = String::from_utf8_lossy(&stderr);
    assert!(
        status.success(),
        "{command:?} failed ({status}):\n{text}\n{errors}"
    );
    text
}
