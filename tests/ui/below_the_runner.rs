//! Below the attribute that runs it, nothing async is left of a test.
use taskleak::leak_test;

#[tokio::test]
#[leak_test]
async fn below_tokios() {}

#[tokio::test(flavor = "multi_thread")]
#[should_panic]
#[leak_test(grace = "2s")]
async fn far_below_tokios() {}

#[taskleak_tokio::test]
#[leak_test]
async fn below_the_facades() {}

#[tokio::main]
#[leak_test]
async fn below_main() {}

fn main() {}
