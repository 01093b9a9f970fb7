//! A task that plain tokio spawned is named, waited for, and gone when it ends.

use super::*;

#[test]
fn that_leaks_is_named_with_its_spawn_site_and_backtrace() {
    async fn start_reaper() {
        tokio::spawn(pending::<()>());
    }
    let line = line!() - 2;
    for report in reports(|| async {
        start_reaper().await;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }) {
        let report = report.expect("it leaks");
        assert_named(&report, "1 task");
        let site = format!("tests/hooked/a_plain_spawn.rs:{line}:");
        assert!(report.contains(&format!("--> {site}")), "{report}");
        assert!(report.contains("spawn backtrace:"), "{report}");
        assert!(report.contains("start_reaper"), "{report}");
        assert!(report.contains("state: parked"), "{report}");
        assert!(report.contains("polled 1 time,"), "{report}");
    }
}

#[test]
fn that_ends_in_time_is_waited_for() {
    assert_clean(|| async {
        tokio::spawn(tokio::time::sleep(Duration::from_millis(5)));
        tokio::spawn(async {
            tokio::spawn(tokio::time::sleep(Duration::from_millis(5)));
        });
    });
}

#[test]
fn that_is_joined_or_aborted_or_panics_is_gone() {
    assert_clean(|| async {
        tokio::spawn(async {}).await.unwrap();
        tokio::spawn(pending::<()>()).abort();
        tokio::spawn(async { panic!("on purpose") })
            .await
            .unwrap_err();
    });
}

#[test]
fn says_how_often_it_was_polled() {
    let line = line!() + 5;
    Harness::new("crate::test").multi_thread().run(async {
        let (send, receive) = oneshot::channel::<()>();
        let yielded = Arc::new(Barrier::new(2));
        let there = yielded.clone();
        let task = tokio::spawn(async move {
            for _ in 0..4 {
                tokio::task::yield_now().await;
            }
            assert_eq!(live_at(line)[0].state(), TaskState::Running);
            tokio::task::block_in_place(|| there.wait());
            receive.await.unwrap();
        });
        tokio::task::block_in_place(|| yielded.wait());
        while live_at(line)[0].state() != TaskState::Pending {
            tokio::task::yield_now().await;
        }
        let seen = &live_at(line)[0];
        assert_eq!(seen.kind(), TaskKind::Hooked);
        assert_eq!(seen.polls(), 5);
        assert!(seen.last_poll().is_some());
        assert_eq!(seen.scope(), Some("test"));
        assert_eq!(
            seen.tokio_id(),
            Some(task.id().to_string().parse().unwrap())
        );
        send.send(()).unwrap();
        task.await.unwrap();
    });
}
