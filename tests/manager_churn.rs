//! Snapshots while runtimes come and go with all their tasks: what is read is of one task or none.

use std::future::pending;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::SeqCst;
use std::thread;
use std::time::Duration;
use taskleak::manager::Counts;
use taskleak::task::Builder;

const ROUNDS: u64 = 60;
const TASKS: u64 = 500;

fn runtime(round: u64) -> tokio::runtime::Runtime {
    let mut builder = if round.is_multiple_of(2) {
        tokio::runtime::Builder::new_current_thread()
    } else {
        tokio::runtime::Builder::new_multi_thread()
    };
    builder.worker_threads(2).build().unwrap()
}

#[test]
fn runtimes_are_shut_down_while_snapshots_are_taken() {
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut last = Counts::default();
                while !is_over.load(SeqCst) {
                    let snapshot = taskleak::manager().snapshot();
                    for task in snapshot.tasks() {
                        let number = task.data_value("number").expect("it is this task's data");
                        assert_eq!(task.name(), format!("task {number}"));
                        assert!(task.status().is_live());
                        let live = snapshot.live(task.name());
                        assert_eq!(task.live_of_same_name(), Some(live));
                    }
                    let live: usize = snapshot.names().iter().map(|name| name.live()).sum();
                    assert_eq!(live, snapshot.total());
                    let counts = snapshot.counts();
                    assert!(counts.started >= last.started && counts.ended() >= last.ended());
                    assert!(counts.ended() <= counts.started);
                    last = counts;
                }
            });
        }
        for round in 0..ROUNDS {
            let runtime = runtime(round);
            for number in 0..TASKS {
                // Some end by themselves, in the middle of all this.
                let work = async move {
                    if !number.is_multiple_of(3) {
                        pending::<()>().await;
                    }
                };
                Builder::new()
                    .name(format!("task {number}"))
                    .data("number", number)
                    .spawn_on(work, runtime.handle());
            }
            runtime.block_on(tokio::task::yield_now());
            if round % 4 < 2 {
                drop(runtime);
            } else {
                runtime.shutdown_background();
            }
        }
        is_over.store(true, SeqCst);
    });
    let counts = loop {
        let counts = taskleak::manager().snapshot().counts();
        if counts.live() == 0 {
            break counts;
        }
        thread::sleep(Duration::from_millis(1));
    };
    assert_eq!(counts.started, ROUNDS * TASKS);
    assert_eq!(counts.finished + counts.shut_down, ROUNDS * TASKS);
    assert_eq!(counts.aborted, 0);
}
