//! Arguments that there are not, or not in this form.
use taskleak::leak_test;

#[leak_test(patience = "1s")]
async fn unknown() {}

#[leak_test(grace("1s"))]
async fn in_parentheses() {}

#[leak_test(patience)]
async fn unknown_without_a_value() {}

#[leak_test(grace)]
async fn without_a_value() {}

#[leak_test(grace = )]
async fn without_a_value_after_the_sign() {}

#[leak_test("1s")]
async fn without_a_name() {}

#[leak_test(multi_thread)]
async fn flavor_without_its_name() {}

#[leak_test(core_threads = 2)]
async fn old_name() {}

#[leak_test(grace = "1s" timeout = "2s")]
async fn without_a_comma() {}

#[leak_test(grace = "1s", timeout = "2s", grace = "3s")]
async fn twice() {}

#[leak_test(ignore = "a", ignore = "b")]
async fn ignored_twice() {}

#[leak_test]
#[tokio::test(grace = "1s")]
async fn in_the_wrong_attribute() {}

#[leak_test]
#[tokio::test(blocked_after = "2s")]
async fn another_in_the_wrong_attribute() {}

#[leak_test]
#[tokio::test(patience = "1s")]
async fn unknown_to_tokio() {}

fn main() {}
