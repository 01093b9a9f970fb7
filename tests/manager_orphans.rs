//! Orphans of a service: tasks that nobody can wake any more, and nobody could abort either.

use pretty_assertions::assert_eq;
use std::future::pending;
use taskleak::task::{Builder, JoinSet};
use tokio::task::yield_now;

fn orphans() -> Vec<String> {
    let snapshot = taskleak::manager().snapshot();
    let names = snapshot
        .orphans()
        .into_iter()
        .map(|task| task.name().to_owned());
    let mut names: Vec<_> = names.collect();
    names.sort();
    names
}

/// No other test is in this binary: the snapshot is of all tasks of the process.
#[tokio::test]
async fn only_a_task_that_nobody_could_abort_is_one() {
    let named = |name| Builder::new().name(name);
    let kept = named("kept").spawn(pending::<()>());
    let mut set = JoinSet::new();
    named("in a set").spawn_into(&mut set, pending::<()>());
    let abort_handle = named("abort handle").spawn(pending::<()>()).abort_handle();
    drop(named("dropped").spawn(pending::<()>()));
    yield_now().await;
    assert_eq!(orphans(), ["dropped"]);

    drop(kept);
    assert_eq!(orphans(), ["dropped", "kept"]);
    set.detach_all();
    drop(abort_handle);
    assert_eq!(orphans(), ["abort handle", "dropped", "in a set", "kept"]);
}
