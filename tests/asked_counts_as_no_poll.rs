//! That a task answers is none of its polls.
//!
//! Alone in its file: when two ask a task at a time, the one poll answers both, and the second wake brings about
//! a poll that answers nobody.

use std::future::pending;
use taskleak::TaskState;
use taskleak::task::Builder;
use tokio::task::yield_now;

#[tokio::test]
async fn it_counts_as_no_poll() {
    let task = Builder::new().name("not polled").spawn(pending::<()>());
    yield_now().await;
    for _ in 0..3 {
        let dump = taskleak::dump().await;
        let task = dump
            .tasks()
            .find(|task| task.name() == "not polled")
            .unwrap();
        assert_eq!((task.polls(), task.state()), (1, TaskState::Pending));
        assert!(!task.is_silent());
    }
    task.abort();
}
