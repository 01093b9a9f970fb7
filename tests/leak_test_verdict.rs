//! What `#[leak_test]` finds, and what its own arguments do about it.

use std::future::pending;
use std::time::Duration;

use taskleak::leak_test;
use taskleak::task::Builder;

/// A task that never ends, under this name.
fn strand(name: &'static str) {
    Builder::new().name(name).spawn(pending::<()>());
}

#[leak_test(grace = "10ms")]
#[should_panic(expected = "stranded-in-a-whole-test")]
async fn whole_test() {
    strand("stranded-in-a-whole-test");
}

#[leak_test(flavor = "multi_thread", grace = "10ms")]
#[should_panic(expected = "stranded-on-many-threads")]
async fn on_many_threads() {
    taskleak::spawn(async { strand("stranded-on-many-threads") })
        .await
        .unwrap();
}

#[leak_test(flavor = "local", grace = "10ms")]
#[should_panic(expected = "stranded-on-a-local-runtime")]
async fn on_a_local_runtime() {
    Builder::new()
        .name("stranded-on-a-local-runtime")
        .spawn_local(pending::<()>());
}

#[leak_test(grace = "10ms")]
#[tokio::test(start_paused = true)]
#[should_panic(expected = "stranded-in-place-of-tokios")]
async fn in_place_of_tokios() {
    strand("stranded-in-place-of-tokios");
}

#[leak_test(grace = "10ms")]
#[actix_rt::test]
#[should_panic(expected = "stranded-inside-actix")]
async fn inside_actix() {
    strand("stranded-inside-actix");
}

#[leak_test(grace = "10ms")]
#[test_attributes::pool_test]
#[should_panic(expected = "stranded-beside-an-argument")]
async fn beside_an_argument(_pool: u32) {
    strand("stranded-beside-an-argument");
}

#[leak_test(grace = "10ms")]
#[test_log::test(tokio::test(flavor = "multi_thread"))]
#[should_panic(expected = "stranded-inside-test-log")]
async fn inside_test_log() {
    strand("stranded-inside-test-log");
}

#[leak_test(grace = "10ms")]
#[rstest::rstest]
#[case("stranded-in-a-case")]
#[should_panic(expected = "stranded-in-a-case")]
async fn in_a_case(#[case] name: &'static str) {
    strand(name);
}

#[leak_test(grace = "10ms")]
#[test_case::test_case("stranded-in-a-test-case" => panics "stranded-in-a-test-case")]
fn in_a_sync_case(name: &'static str) {
    on_a_forgotten_runtime(name);
}

#[leak_test(grace = "10ms")]
#[should_panic(expected = "stranded-in-a-sync-test")]
fn in_a_sync_test() {
    on_a_forgotten_runtime("stranded-in-a-sync-test");
}

#[test]
#[leak_test(grace = "10ms")]
#[should_panic(expected = "stranded-below-test")]
fn in_a_sync_test_below_test() {
    on_a_forgotten_runtime("stranded-below-test");
}

fn on_a_forgotten_runtime(name: &'static str) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async { strand(name) });
    std::mem::forget(runtime);
}

#[leak_test(ignore = "pool-*")]
async fn an_ignored_name() {
    strand("pool-1");
}

#[leak_test(ignore = ["pool-*", "janitor[0-9]"])]
async fn one_of_several_ignored_names() {
    strand("pool-1");
    strand("janitor7");
}

#[leak_test(ignore = ["pool-*", "janitor[0-9]"], grace = "10ms")]
#[should_panic(expected = "janitor-7")]
async fn a_name_that_is_not_ignored() {
    strand("pool-1");
    strand("janitor-7");
}

#[leak_test]
async fn background_tasks_may_live_on() {
    Builder::new()
        .name("background")
        .background()
        .spawn(pending::<()>());
}

#[leak_test(background = true)]
async fn background_tasks_may_live_on_by_the_argument() {
    Builder::new()
        .name("background")
        .background()
        .spawn(pending::<()>());
}

#[leak_test(background = false, grace = "10ms")]
#[should_panic(expected = "in-the-background")]
async fn background_tasks_may_not_live_on() {
    Builder::new()
        .name("in-the-background")
        .background()
        .spawn(pending::<()>());
}

// Under a paused clock the grace is virtual, so these are exact and take no time.

#[leak_test(start_paused = true, grace = "1.5m")]
async fn ends_within_its_grace() {
    taskleak::spawn(tokio::time::sleep(Duration::from_secs(89)));
}

#[leak_test(start_paused = true, grace = "1.5m")]
#[should_panic(expected = "ends-past-the-grace")]
async fn ends_past_its_grace() {
    Builder::new()
        .name("ends-past-the-grace")
        .spawn(tokio::time::sleep(Duration::from_secs(91)));
}

#[leak_test(start_paused = true, timeout = "1m")]
async fn in_time() {
    tokio::time::sleep(Duration::from_secs(59)).await;
}

#[leak_test(start_paused = true, timeout = "1m")]
#[should_panic(expected = "alive-when-time-was-up")]
async fn out_of_time() {
    strand("alive-when-time-was-up");
    tokio::time::sleep(Duration::from_secs(61)).await;
}

#[leak_test(timeout = "50ms")]
#[should_panic(expected = "alive-when-the-body-hung")]
async fn a_body_that_hangs() {
    strand("alive-when-the-body-hung");
    pending::<()>().await;
}

#[leak_test(grace = "10ms")]
#[should_panic(expected = "its own panic")]
async fn a_panic_comes_first() {
    strand("not-to-be-seen");
    panic!("its own panic");
}
