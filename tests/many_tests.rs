//! Hundreds of parallel tests, leaking and not, by real `cargo test`: exactly the leaking ones fail, and each report
//! names its own test's tasks only.

mod lock_file;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Output};

/// Runs the fixture's tests on so many threads.
fn run(threads: &str) -> Output {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/many-tests");
    lock_file::copy_to(&fixture);
    Command::new(env!("CARGO"))
        .args(["test", "--quiet", "--lib", "--manifest-path"])
        .arg(fixture.join("Cargo.toml"))
        .args(["--", "--test-threads", threads])
        .env("CARGO_TARGET_DIR", env!("CARGO_TARGET_TMPDIR"))
        .env_remove("RUST_BACKTRACE")
        .output()
        .expect("cargo runs")
}

/// Where the fixture's guards are opened that end on a worker thread.
const IN_A_TASK: &str = "the guard opened at src/lib.rs:115:22";

/// Whether test number i leaks, as the fixture has it.
fn leaks(test: usize) -> bool {
    match test % 10 {
        0..=2 => false,
        5 | 7 | 9 => true,
        _ => test.is_multiple_of(3),
    }
}

/// The path of test number i.
fn path(test: usize) -> String {
    format!("h{}::t{}::u{}", test / 100, test / 10 % 10, test % 10)
}

fn check(threads: &str) {
    let output = run(threads);
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    let say = |what: &str| format!("{threads} threads: {what}\n{stdout}\n{stderr}");
    assert!(!output.status.success(), "{}", say("no test failed"));
    let leaking = (0..300).filter(|&test| leaks(test)).count();
    let counts = format!("{} passed; {leaking} failed;", 300 - leaking);
    assert!(
        stdout.contains(&counts),
        "{}",
        say("not those failed that leak")
    );
    let mut reported = BTreeSet::new();
    for section in stdout.split("\n---- ").skip(1) {
        let (test, said) = section
            .split_once(" stdout ----")
            .expect("a section's head");
        let number = (0..300)
            .find(|&number| path(number) == test)
            .unwrap_or_else(|| panic!("{}", say("an unknown test")));
        assert!(leaks(number), "{}", say(test));
        let said = said.split("\nfailures:").next().unwrap_or_default();
        let mut is_named = false;
        for report in said.split("taskleak: ") {
            let tests: BTreeSet<_> = report
                .split("task of test ")
                .skip(1)
                .filter_map(|named| named.split('`').next())
                .collect();
            // A guard that ends on a worker thread prints where the output of the test goes that came to
            // start the thread.
            let is_anybodys = report.contains(IN_A_TASK) && tests.len() == 1;
            let is_own = tests.iter().all(|test| *test == number.to_string());
            assert!(is_own || is_anybodys, "{}", say(test));
            is_named |= is_own && !tests.is_empty();
        }
        assert!(is_named, "{}", say(test));
        reported.insert(number);
    }
    assert!(
        !(stdout.clone() + &*stderr).contains("did not see spawned"),
        "{}",
        say("a count")
    );
    assert_eq!(reported.len(), leaking, "{}", say("a report is missing"));
}

#[test]
fn exactly_the_leaking_tests_fail() {
    for threads in ["1", "2", "16"] {
        check(threads);
    }
}
