//! Values that are no durations.
use taskleak::leak_test;

#[leak_test(grace = 5)]
async fn a_number() {}

#[leak_test(timeout = 1.5)]
async fn a_fraction() {}

#[leak_test(grace = "5")]
async fn without_a_unit() {}

#[leak_test(grace = "5 hours")]
async fn of_another_unit() {}

#[leak_test(grace = "-1s")]
async fn negative() {}

#[leak_test(grace = true)]
async fn of_another_type() {}

#[leak_test(grace = Duration::from_secs(1))]
async fn an_expression() {}

#[leak_test(timeout = "0s")]
async fn no_time_at_all() {}

#[leak_test(blocked_after = 2)]
async fn blocked_for_a_number() {}

#[leak_test(blocked_after = "off")]
async fn blocked_for_no_duration() {}

fn main() {}
