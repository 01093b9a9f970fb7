//! What a runtime's shutdown does to its tasks.

use super::*;

#[test]
fn ends_its_tasks() {
    for build in [Builder::new_current_thread, Builder::new_multi_thread] {
        let guard = verify_none().grace(LONG);
        let runtime = build().enable_all().build().unwrap();
        let line = line!() + 2;
        runtime.block_on(async {
            tokio::spawn(pending::<()>());
        });
        assert_eq!(live_at(line).len(), 1);
        let report = find(Options::new().grace(Duration::ZERO)).unwrap_err();
        assert_named(&report.to_string(), "1 task");
        drop(runtime);
        assert_eq!(live_at(line).len(), 0);
        guard.finish_blocking();
    }
}

/// The hooks are told of the end first, and of the beginning then.
#[test]
fn refuses_new_ones() {
    struct SpawnsInItsEnd(Handle);

    impl Drop for SpawnsInItsEnd {
        fn drop(&mut self) {
            self.0.spawn(pending::<()>());
        }
    }
    const SPAWNED_IN_ITS_END: u32 = line!() - 3;

    for build in [Builder::new_current_thread, Builder::new_multi_thread] {
        let guard = verify_none().grace(LONG);
        let runtime = build().enable_all().build().unwrap();
        let handle = runtime.handle().clone();
        drop(runtime);
        let refused = handle.spawn(pending::<()>());
        assert!(refused.is_finished());
        let own = taskleak::task::Builder::new().spawn_on(pending::<()>(), &handle);
        assert!(own.is_finished());
        // What a refused task's destructor spawns on another runtime is another task.
        let other = build().enable_all().build().unwrap();
        let end = SpawnsInItsEnd(other.handle().clone());
        let line = SPAWNED_IN_ITS_END;
        let task = async move {
            let _end = end;
            pending::<()>().await;
        };
        taskleak::task::Builder::new().spawn_on(task, &handle);
        assert_eq!(live_at(line).len(), 1);
        drop(other);
        guard.finish_blocking();
    }
}

/// Threads spawn while another one shuts the runtime down: no task is left on record.
#[test]
fn beside_threads_that_spawn() {
    for _ in 0..50 {
        let guard = verify_none().grace(LONG);
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .build()
            .unwrap();
        let begin = Arc::new(Barrier::new(3));
        let spawners = [0, 1].map(|_| {
            let (handle, begin) = (runtime.handle().clone(), begin.clone());
            thread::spawn(move || {
                begin.wait();
                while !handle.spawn(pending::<()>()).is_finished() {}
            })
        });
        begin.wait();
        thread::yield_now();
        drop(runtime);
        for spawner in spawners {
            spawner.join().unwrap();
        }
        guard.finish_blocking();
    }
}

#[test]
fn goes_on_as_a_runtime_of_tokios_own() {
    let guard = verify_none().grace(LONG);
    let runtime = Runtime::new().unwrap().into_inner();
    let line = line!() + 1;
    let leak = runtime.spawn(pending::<()>());
    assert_eq!(live_at(line).len(), 1);
    leak.abort();
    guard.finish_blocking();
}
