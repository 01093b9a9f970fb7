//! What a person sees whose `#[leak_test]` stands too low, in a test build: `tests/ui` shows programs only.

mod lock_file;

use std::path::Path;
use std::process::Command;

#[test]
fn no_misplaced_test_compiles() {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/misplaced");
    lock_file::copy_to(&fixture);
    let build = Command::new(env!("CARGO"))
        .args(["test", "--no-run", "--quiet", "--message-format", "short"])
        .current_dir(&fixture)
        // One for all fixtures: they share most of what they depend on.
        .env(
            "CARGO_TARGET_DIR",
            Path::new(env!("CARGO_TARGET_TMPDIR")).join("fixtures"),
        )
        .output()
        .expect("cargo runs");
    assert!(!build.status.success(), "it compiled");
    let shown = String::from_utf8(build.stderr).expect("errors are text");
    // Attributes are expanded in no order that anybody promises.
    let mut errors: Vec<&str> = shown
        .lines()
        .filter(|line| line.starts_with("src/lib.rs:"))
        .collect();
    errors.sort_by_key(|error| {
        error
            .split(':')
            .nth(1)
            .and_then(|line| line.parse::<u32>().ok())
    });
    let expected = include_str!("golden/misplaced.txt");
    pretty_assertions::assert_eq!(errors.join("\n") + "\n", expected, "all of it:\n{shown}");
}
