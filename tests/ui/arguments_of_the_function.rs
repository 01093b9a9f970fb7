//! Arguments and type parameters that nobody provides.
use taskleak::leak_test;

#[leak_test]
async fn with_an_argument(number: u32) {}

#[leak_test]
#[tokio::test]
async fn with_an_argument_above_tokios(number: u32) {}

#[leak_test]
fn sync_with_an_argument(number: u32) {}

#[leak_test]
async fn generic<T>() {}

#[leak_test]
async fn generic_over_a_number<const N: usize>() {}

fn main() {}
