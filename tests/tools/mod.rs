//! Programs that are not Rust's, which some tests look at our output with.

use std::io::Write;
use std::process::{Command, Output};

/// How Chromium starts without a window, and talks to nobody but the page that it shows.
#[allow(dead_code, reason = "not every test opens pages")]
pub const CHROMIUM: [&str; 9] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
];

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
    note_skipped(program);
    false
}

/// Libtest counts a test that skipped itself as passed. So that CI can tell it from others, it is written
/// into the file that `SKIPPED_TESTS` names, with the program that it wants.
fn note_skipped(program: &str) {
    let Some(list) = std::env::var_os("SKIPPED_TESTS") else {
        return;
    };
    let binary = std::env::current_exe().unwrap();
    let binary = binary.file_stem().unwrap().to_string_lossy();
    // Behind the name, cargo writes a hash.
    let binary = binary.rsplit_once('-').map_or(&*binary, |(name, _)| name);
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("?");
    let mut list = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(list)
        .unwrap();
    // In one write: other tests write meanwhile.
    let line = format!("{program} {binary}::{test}\n");
    list.write_all(line.as_bytes()).unwrap();
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
