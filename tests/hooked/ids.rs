//! tokio's ids of tasks, which are given again.

use super::*;

/// A million tasks come and go, and what is on record in the end is what lives.
#[test]
fn come_and_go_by_the_million() {
    let guard = verify_none().grace(Duration::from_secs(10));
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .unwrap();
    let line = line!() + 5;
    runtime.block_on(async {
        let spawn = |_| {
            tokio::spawn(async {
                for _ in 0..100_000 {
                    tokio::spawn(async {});
                    tokio::task::coop::consume_budget().await;
                }
            })
        };
        let leak = tokio::spawn(pending::<()>());
        for spawner in (0..10).map(spawn).collect::<Vec<_>>() {
            spawner.await.unwrap();
        }
        leak.abort();
    });
    guard.finish_blocking();
    assert_eq!(live_at(line).len(), 0);
}
