//! What a test that hangs says of its tasks.

use std::process::Command;
use std::time::Duration;
use taskleak::leak_test;
use taskleak::task::Builder;

const ATTEMPTS: usize = 5;

async fn waits_for_the_test(mut receiver: tokio::sync::mpsc::Receiver<u32>) {
    receiver.recv().await;
}

/// Its own task waits for it, as it was when the time was over.
#[leak_test(timeout = "200ms")]
#[ignore = "run in a process of its own"]
async fn child_hangs() {
    let (sender, receiver) = tokio::sync::mpsc::channel(1);
    Builder::new()
        .name("worker")
        .spawn(waits_for_the_test(receiver));
    tokio::time::sleep(Duration::from_secs(3600)).await;
    sender.send(1).await.unwrap();
}

/// The same inside somebody else's runtime, and on several threads.
#[leak_test(timeout = "200ms")]
#[tokio::test(flavor = "multi_thread")]
#[ignore = "run in a process of its own"]
async fn child_hangs_on_workers() {
    let (_sender, receiver) = tokio::sync::mpsc::channel(1);
    Builder::new()
        .name("worker")
        .spawn(waits_for_the_test(receiver));
    std::future::pending::<()>().await;
}

/// One of its tasks may live on, and is no more to blame here than in a verdict.
#[leak_test(timeout = "200ms", ignore = "pool-*")]
#[ignore = "run in a process of its own"]
async fn child_hangs_beside_a_pool() {
    Builder::new()
        .name("pool-1")
        .spawn(std::future::pending::<()>());
    let (_sender, receiver) = tokio::sync::mpsc::channel(1);
    Builder::new()
        .name("worker")
        .spawn(waits_for_the_test(receiver));
    std::future::pending::<()>().await;
}

fn naps() {
    std::thread::sleep(Duration::from_secs(3600));
}

#[leak_test(timeout = "200ms", flavor = "multi_thread")]
#[ignore = "run in a process of its own"]
async fn child_holds_its_thread() {
    let (_sender, receiver) = tokio::sync::mpsc::channel(1);
    Builder::new()
        .name("worker")
        .spawn(waits_for_the_test(receiver));
    naps();
}

#[leak_test(timeout = "200ms")]
#[ignore = "run in a process of its own"]
async fn child_waits_for_a_task_that_holds_the_thread() {
    Builder::new()
        .name("worker")
        .spawn(async { naps() })
        .await
        .unwrap();
}

/// What it says, on standard error and past the capture of its output if it is captured.
fn said_by(test: &str, arguments: &[&str]) -> String {
    let executable = std::env::current_exe().expect("a test binary knows itself");
    let output = Command::new(executable)
        .args(["--exact", test, "--ignored"])
        .args(arguments)
        .env_remove("TASKLEAK_BLOCKED")
        .output()
        .expect("it runs");
    assert!(!output.status.success());
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The first of the lines that does not come where it should.
fn missing<'a>(text: &str, lines: &[&'a str]) -> Option<&'a str> {
    let mut rest = text;
    for line in lines {
        match rest.split_once(line) {
            Some((_, after)) => rest = after,
            None => return Some(line),
        }
    }
    None
}

/// What the test says, which has these lines. What it does not say because the machine was too busy for its tasks to
/// begin or to answer, it may say the next time.
#[track_caller]
fn assert_says(test: &str, arguments: &[&str], lines: &[&str]) -> String {
    let mut said = said_by(test, arguments);
    for _ in 1..ATTEMPTS {
        if missing(&said, lines).is_some() {
            said = said_by(test, arguments);
        }
    }
    if let Some(line) = missing(&said, lines) {
        panic!("no {line:?} where it should be in:\n{said}");
    }
    said
}

#[test]
fn tasks_that_wait_say_for_what() {
    for test in ["child_hangs", "child_hangs_on_workers"] {
        let headline = format!("taskleak: `{test}` did not end within 200ms; alive are\n");
        assert_says(
            test,
            &["--nocapture"],
            &[
                &headline,
                "leak: `worker`\n",
                "= waits in:\n",
                "timeouts::waits_for_the_test ",
                " tests/timeouts.rs:11:21\n",
                "tokio::sync::mpsc::Receiver::recv\n",
                "= waits for: a message: the channel is empty",
            ],
        );
    }
}

#[test]
fn a_rule_of_the_test_holds_when_it_hangs() {
    let said = assert_says(
        "child_hangs_beside_a_pool",
        &["--nocapture"],
        &["leak: `worker`\n", "allowed to be:\n  pool-1 ("],
    );
    assert!(!said.contains("leak: `pool-1`"), "{said}");
    assert!(!said.contains("leak 1 of 2"), "{said}");
}

#[test]
fn a_test_that_holds_its_thread_says_where() {
    let mut lines = vec!["leak: `worker`\n", "tokio::sync::mpsc::Receiver::recv\n"];
    if cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        lines.extend([
            "the test's thread is in:\n    std::thread::sleep\n    timeouts::naps ",
            "timeouts::child_holds_its_thread ",
            "aborting the process",
        ]);
    }
    assert_says("child_holds_its_thread", &[], &lines);
}

#[test]
fn a_task_that_holds_the_tests_thread_says_where() {
    if cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        let said = assert_says(
            "child_waits_for_a_task_that_holds_the_thread",
            &[],
            &[
                "leak: `worker`\n",
                "holds its thread since\n",
                "= blocks in:\n       std::thread::sleep\n       timeouts::naps ",
                "aborting the process",
            ],
        );
        // Once is enough.
        assert!(!said.contains("the test's thread is in"), "{said}");
    }
}
