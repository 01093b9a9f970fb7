//! tokio's attribute on a sync function.
use taskleak::leak_test;

#[leak_test]
#[tokio::test]
fn sync() {}

fn main() {}
