//! What an observer panics with.

use pretty_assertions::assert_eq;
use std::sync::Arc;
use std::time::Duration;
use taskleak::manager::{Observer, TaskRecord};
use taskleak::task::Builder;

const LONG: Duration = Duration::from_secs(60);

/// A service may panic so a million times.
#[tokio::test]
async fn what_one_panics_with_is_not_kept() {
    struct Throws(Arc<()>);
    impl Observer for Throws {
        fn task_started(&self, task: &TaskRecord) {
            if task.name() == "throws" {
                std::panic::panic_any(self.0.clone());
            }
        }
    }
    let thrown = Arc::new(());
    let handle = taskleak::manager().add_observer(Throws(thrown.clone()));
    for _ in 0..3 {
        Builder::new().name("throws").spawn(async {}).await.unwrap();
    }
    assert!(handle.flush(LONG));
    assert_eq!(handle.panics(), 3);
    // This one, and the observer's.
    assert_eq!(Arc::strong_count(&thrown), 2);
}
