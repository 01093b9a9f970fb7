//! `#[leak_test]` beside attributes that make many tests of one function.
#![deny(warnings)]

use std::collections::BTreeSet;
use std::time::Duration;

use rstest::{fixture, rstest};
use taskleak::leak_test;
use test_case::test_case;
use tokio::runtime::{Handle, RuntimeFlavor};

#[fixture]
fn two() -> u32 {
    2
}

#[leak_test]
#[rstest]
#[case(1, 3)]
#[case::named(2, 4)]
async fn above_rstest(two: u32, #[case] number: u32, #[case] sum: u32) {
    assert_eq!(
        taskleak::spawn(async move { number + two }).await.unwrap(),
        sum
    );
}

#[leak_test(grace = "2s")]
#[rstest]
#[case(1)]
#[tokio::test(flavor = "multi_thread")]
async fn above_rstest_above_tokio(#[case] number: u32, #[values(1, 2)] other: u32) {
    assert_eq!(
        Handle::current().runtime_flavor(),
        RuntimeFlavor::MultiThread
    );
    assert!(number <= other);
}

#[rstest]
#[case(1)]
#[leak_test]
#[tokio::test(start_paused = true)]
async fn between_rstest_and_tokio(#[case] seconds: u64) -> Result<(), std::io::Error> {
    tokio::time::sleep(Duration::from_secs(60 * seconds)).await;
    Ok(())
}

#[leak_test]
#[rstest]
#[should_panic(expected = "as it should")]
#[case(1)]
#[case(2)]
fn sync_above_rstest(#[case] number: u32) {
    assert_eq!(number, 2, "as it should");
}

#[rstest]
#[case("a")]
#[leak_test]
fn sync_below_rstest(#[case] name: &str) {
    assert_eq!(name, "a");
}

#[leak_test]
#[test_case(1)]
#[test_case(2; "named")]
async fn above_test_case(number: u32) {
    assert!(number < 3);
}

#[leak_test]
#[test_case(1)]
#[tokio::test]
async fn above_test_case_above_tokio(number: u32) {
    assert_eq!(number, 1);
}

#[test_case(1)]
#[leak_test]
#[tokio::test]
async fn between_test_case_and_tokio(number: u32) {
    assert_eq!(number, 1);
}

#[leak_test]
#[test_case(1)]
#[test_case(2)]
fn sync_above_test_case(number: u32) {
    assert!(number < 3);
}

#[test_case(1)]
#[leak_test]
fn sync_below_test_case(number: u32) {
    assert_eq!(number, 1);
}

/// libtest's own list of this binary: a test that was made twice, or not at all, shows there and nowhere else.
#[test]
fn each_case_is_one_test() {
    let executable = std::env::current_exe().unwrap();
    let list = std::process::Command::new(executable)
        .arg("--list")
        .output()
        .unwrap();
    let list = String::from_utf8(list.stdout).unwrap();
    let names: Vec<&str> = list
        .lines()
        .filter_map(|line| line.strip_suffix(": test"))
        .collect();
    let distinct: BTreeSet<&str> = names.iter().copied().collect();
    assert_eq!(names.len(), distinct.len(), "{names:#?}");
    for (function, cases) in [
        ("above_rstest", 2),
        ("above_rstest_above_tokio", 2),
        ("between_rstest_and_tokio", 1),
        ("sync_above_rstest", 2),
        ("sync_below_rstest", 1),
        ("above_test_case", 2),
        ("above_test_case_above_tokio", 1),
        ("between_test_case_and_tokio", 1),
        ("sync_above_test_case", 2),
        ("sync_below_test_case", 1),
    ] {
        let found = names
            .iter()
            .filter(|name| name.split("::").next() == Some(function))
            .count();
        assert_eq!(found, cases, "cases of {function} in {names:#?}");
    }
}
