//! One `#[leak_test]` is enough.
use taskleak::leak_test;

#[leak_test(grace = "1s")]
#[taskleak::leak_test(ignore = "a")]
async fn twice() {}

fn main() {}
