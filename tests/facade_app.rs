//! A stranger's crate under the façade, run by real `cargo test`.

mod lock_file;

use std::path::Path;
use std::process::{Command, Output};

fn cargo(arguments: &[&str]) -> Output {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/facade-app");
    lock_file::copy_to(&fixture);
    Command::new(env!("CARGO"))
        .args(arguments)
        .current_dir(&fixture)
        // One for all fixtures: they share most of what they depend on.
        .env(
            "CARGO_TARGET_DIR",
            Path::new(env!("CARGO_TARGET_TMPDIR")).join("fixtures"),
        )
        .output()
        .expect("cargo runs")
}

fn text(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// The names that libtest printed with this verdict behind them.
fn tests_with<'a>(shown: &'a str, verdict: &str) -> Vec<&'a str> {
    shown
        .lines()
        .filter_map(|line| line.strip_prefix("test ")?.strip_suffix(verdict))
        .map(|name| {
            name.trim_end_matches(" ... ")
                .trim_end_matches(" - should panic")
        })
        .collect()
}

#[test]
fn one_line_checks_a_whole_crate() {
    let clean = cargo(&["test"]);
    let shown = text(&clean);
    assert!(clean.status.success(), "{shown}");
    let passed = tests_with(&shown, " ... ok");
    for name in [
        "attribute::worker_threads",
        "echo::tests::echoes_and_stops",
        "nested::in_a_module",
        "submodule::spawns_and_selects",
    ] {
        assert!(passed.contains(&name), "{name} is not among {passed:#?}");
    }

    let leaky = cargo(&[
        "test",
        "--no-fail-fast",
        "--lib",
        "--test=whole_binary",
        "--features=leaky",
    ]);
    let shown = text(&leaky);
    assert!(!leaky.status.success(), "{shown}");
    assert_eq!(
        tests_with(&shown, " ... FAILED"),
        ["echo::tests::forgets_to_stop", "submodule::leaks"],
        "{shown}"
    );
}

#[test]
fn main_gives_no_verdict() {
    let run = cargo(&["run", "--example", "leaky"]);
    let shown = text(&run);
    assert!(run.status.success(), "{shown}");
    assert!(shown.contains("done, and left a task behind"), "{shown}");
    assert!(!shown.contains("leak:"), "{shown}");
}
