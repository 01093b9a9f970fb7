//! Tasks that tasks spawned have their parents, and the scope of them.

use super::*;

#[test]
fn has_its_parent_and_scope() {
    for report in reports(|| async {
        let parent = tokio::spawn(async {
            tokio::spawn(pending::<()>());
        });
        parent.await.unwrap();
    }) {
        let report = report.expect("it leaks");
        assert_named(&report, "1 task");
        assert!(
            report.contains("spawned by: task spawned at tests/hooked/a_nested_spawn.rs:"),
            "{report}"
        );
    }
}

#[test]
fn of_a_tracked_task_by_a_plain_one_and_the_other_way_round() {
    for report in reports(|| async {
        let parent = tokio::spawn(async { taskleak::spawn(pending::<()>()) });
        parent.await.unwrap();
        let parent = taskleak::spawn(async { tokio::spawn(pending::<()>()) });
        parent.await.unwrap();
    }) {
        let report = report.expect("both leak");
        assert_named(&report, "2 tasks");
        assert!(
            report.contains("`core::future::pending::Pending`"),
            "{report}"
        );
        assert!(report.contains("spawned by: task spawned at"), "{report}");
        assert!(report.contains("spawned by: hooked::"), "{report}");
    }
}

/// A runtime inside a task's `block_in_place`: the polls of its tasks lie inside the task's own.
#[test]
fn on_a_runtime_inside_a_task() {
    let report = report_of(|| {
        Harness::new("crate::test")
            .multi_thread()
            .grace(GRACE)
            .run(async {
                let outer = tokio::spawn(async {
                    tokio::task::block_in_place(|| {
                        let inner = Builder::new_current_thread().build().unwrap();
                        inner.block_on(async { tokio::spawn(async {}).await.unwrap() });
                    });
                    tokio::spawn(pending::<()>());
                });
                outer.await.unwrap();
            });
    });
    let report = report.expect("one leaks");
    assert_named(&report, "1 task");
    assert_eq!(report.matches("spawned by:").count(), 1, "{report}");
}
