//! Runs the tests of a real project, `fixtures/echo-server`, whose tests leak tasks, and shows the
//! reports. Succeeds if the leaks were found.
//!
//! ```text
//! cargo run --example find_leaks
//! ```

use std::process::{Command, ExitCode, Stdio};

fn main() -> ExitCode {
    let root = env!("CARGO_MANIFEST_DIR");
    println!(
        "Building fixtures/echo-server, a TCP server, and running its tests, which leak tasks."
    );
    println!("The first time that takes a minute or two. The reports come at the end.\n");
    let run = Command::new(env!("CARGO"))
        .args(["test", "--no-fail-fast", "--tests", "--", "--quiet"])
        .current_dir(format!("{root}/fixtures/echo-server"))
        .env("CARGO_TARGET_DIR", format!("{root}/target/tmp/fixtures"))
        // Cargo says there how far it has come.
        .stderr(Stdio::inherit())
        .output()
        .expect("cargo can be run");
    let output = String::from_utf8_lossy(&run.stdout);
    println!("{output}");
    let reports = output
        .matches("taskleak: ")
        .filter(|_| !run.status.success())
        .count();
    if reports == 0 {
        println!("No leak was reported, although the tests leak: something is wrong.");
        return ExitCode::FAILURE;
    }
    println!("taskleak found tasks that outlived {reports} of the tests, as it should.");
    ExitCode::SUCCESS
}
