//! Guards that block the thread which their tasks need.

use super::*;

/// Nothing can tell a task that is about to end from a leak there.
#[test]
fn they_are_only_noted() {
    let dropped = |leaks: bool| {
        report_of(move || {
            Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap()
                .block_on(async {
                    let _guard = verify_none();
                    let task = tokio::spawn(pending::<()>());
                    tokio::task::yield_now().await;
                    if leaks {
                        taskleak::spawn(pending::<()>());
                        tokio::task::yield_now().await;
                    } else {
                        task.abort();
                    }
                });
        })
    };
    assert_eq!(dropped(false), None);
    let report = dropped(true).expect("the tracked one leaks");
    assert_named(&report, "1 task");
    assert!(
        report.contains("note: 1 task is alive, and may be about to end"),
        "{report}"
    );
    let name = "\n  core::future::pending::Pending (tests/hooked/without_grace.rs:";
    assert!(report.contains(name), "{report}");
    assert!(report.contains("\n    = state: parked"), "{report}");
}

/// Where the guard is awaited, there is.
#[test]
fn but_a_finished_guard_has_one() {
    let finished = |leaks: bool| {
        report_of(move || {
            Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap()
                .block_on(async {
                    let guard = verify_none().grace(if leaks { GRACE } else { LONG });
                    let task = tokio::spawn(pending::<()>());
                    if !leaks {
                        task.abort();
                    }
                    guard.finish().await;
                });
        })
    };
    assert_eq!(finished(false), None);
    assert_named(&finished(true).expect("it leaks"), "1 task");
}
