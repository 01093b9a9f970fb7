//! Values that match no name.
use taskleak::leak_test;

#[leak_test(ignore = "")]
async fn empty() {}

#[leak_test(ignore = ["pool-*", ""])]
async fn one_empty() {}

#[leak_test(ignore = "pool-[0-9")]
async fn unbalanced() {}

#[leak_test(ignore = ["a", "pool-***"])]
async fn too_many_stars() {}

#[leak_test(ignore = 5)]
async fn a_number() {}

#[leak_test(ignore = ["a", b])]
async fn a_name() {}

fn main() {}
