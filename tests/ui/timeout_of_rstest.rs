//! A timeout that puts the body where no leak is seen.
use rstest::rstest;
use taskleak::leak_test;

#[leak_test]
#[rstest]
#[timeout(std::time::Duration::from_secs(1))]
fn sync(#[values(1, 2)] _one: u32) {}

fn main() {}
