//! Tasks are counted on whatever thread they start and end, however many places they come from. In a process
//! of its own, so that no thread takes over what another one has counted.

use pretty_assertions::assert_eq;
use std::future::pending;
use std::thread;
use std::time::Duration;
use taskleak::manager::Counts;
use taskleak::task::Builder;
use tokio::task::JoinHandle;

/// More than are counted side by side.
const MANY: usize = 200;

fn name(number: usize) -> &'static str {
    // Each name that is fixed is an origin of its own.
    Box::leak(format!("of many {number}").into_boxed_str())
}

fn counts(name: &str) -> Counts {
    let snapshot = taskleak::manager().snapshot();
    snapshot.name(name).expect("it was counted").counts()
}

/// Does something on a thread that has counted nothing yet.
fn afresh<T: Send>(act: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| scope.spawn(act).join().unwrap())
}

#[test]
fn what_a_thread_counts_of_the_last_of_many_origins_is_not_lost() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let names: Vec<_> = (0..MANY).map(name).collect();
    let spawn = |name| -> JoinHandle<()> {
        let task = Builder::new().name(name).timebox(Duration::ZERO);
        task.spawn_on(pending(), runtime.handle())
    };
    let mut tasks: Vec<_> = names.iter().copied().map(spawn).collect();
    let last = names[MANY - 1];

    // It ends, and is found to be over its time box, elsewhere.
    let abort = |task: JoinHandle<()>| {
        task.abort();
        runtime.block_on(task).unwrap_err();
    };
    let of_last = tasks.pop().unwrap();
    afresh(|| abort(of_last));
    let seen = counts(last);
    assert_eq!((seen.started, seen.aborted, seen.over_time), (1, 1, 1));

    // Another one starts there, and one of a place that nobody knew.
    let first = names[0];
    let new = name(MANY);
    let more = afresh(|| [last, new, first].map(spawn));
    let started = [first, last, new].map(|name| counts(name).started);
    assert_eq!(started, [2, 2, 1]);

    let all = tasks.into_iter().chain(more);
    afresh(|| all.for_each(abort));
    let seen = counts(new);
    assert_eq!((seen.aborted, seen.over_time, seen.live()), (1, 1, 0));
    let ended = names.iter().map(|name| counts(name).aborted).sum::<u64>();
    assert_eq!(ended as usize, MANY + 2);
}
