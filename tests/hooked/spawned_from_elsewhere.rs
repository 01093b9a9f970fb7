//! Tasks that no task spawned belong to whom their runtime does.

use super::*;

fn from_a_thread<T: Send + 'static>(spawn: impl FnOnce() -> T + Send + 'static) -> T {
    thread::spawn(spawn).join().unwrap()
}

#[test]
fn from_a_plain_thread_it_is_the_runtimes_owners() {
    for report in reports(|| async {
        let handle = Handle::current();
        from_a_thread(move || handle.spawn(pending::<()>()));
    }) {
        assert_named(&report.expect("it leaks"), "1 task");
    }
    assert_clean(|| async {
        let handle = Handle::current();
        from_a_thread(move || handle.spawn(async {}));
    });
}

/// A closure on the blocking pool is no task of the hooks, though they are told of its end.
#[test]
fn on_the_blocking_pool() {
    for report in reports(|| async {
        let closure = tokio::task::spawn_blocking(|| tokio::spawn(pending::<()>()));
        closure.await.unwrap();
    }) {
        assert_named(&report.expect("it leaks"), "1 task");
    }
    assert_clean(|| async {
        for _ in 0..100 {
            tokio::task::spawn_blocking(|| ()).await.unwrap();
        }
    });
}

/// A task on a runtime that two tests share is the one's that spawned it.
#[test]
fn by_tests_in_parallel_on_one_runtime() {
    static SHARED: std::sync::LazyLock<Runtime> = std::sync::LazyLock::new(|| {
        Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap()
    });
    // Whoever builds a runtime is its owner: nobody.
    thread::spawn(|| _ = SHARED.handle()).join().unwrap();
    let together = Arc::new(Barrier::new(2));
    let test = |leaks: bool| {
        let together = together.clone();
        thread::spawn(move || {
            report_of(|| {
                let guard = verify_none().grace(if leaks { GRACE } else { LONG });
                together.wait();
                SHARED.block_on(async {
                    for _ in 0..50 {
                        tokio::spawn(async { tokio::spawn(async {}).await })
                            .await
                            .unwrap()
                            .unwrap();
                    }
                    if leaks {
                        tokio::spawn(async {
                            tokio::spawn(pending::<()>());
                        });
                    }
                });
                together.wait();
                guard.finish_blocking();
            })
        })
    };
    let (leaky, fixed) = (test(true), test(false));
    assert_named(&leaky.join().unwrap().expect("it leaks"), "1 task");
    assert_eq!(fixed.join().unwrap(), None);
}
