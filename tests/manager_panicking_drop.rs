//! A future whose destructor panics: to tokio its task has panicked, whatever had become of it before.

use pretty_assertions::assert_eq;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use taskleak::manager::Counts;
use taskleak::task::Builder;

/// Returns at its first poll or never, and may panic when it is dropped.
struct Ends {
    returns: bool,
    panics: bool,
}

impl Future for Ends {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        match self.returns {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    }
}

impl Drop for Ends {
    fn drop(&mut self) {
        assert!(!self.panics, "planned, in a destructor");
    }
}

fn counts(name: &str) -> Counts {
    let snapshot = taskleak::manager().snapshot();
    snapshot.name(name).expect("it was spawned").counts()
}

/// How a task ends: to tokio, and as it is counted.
fn end(name: &'static str, returns: bool, panics: bool) -> (&'static str, [u64; 3]) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let ends = Ends { returns, panics };
    let task = Builder::new().name(name).spawn_on(ends, runtime.handle());
    let joined = runtime.block_on(async {
        tokio::task::yield_now().await;
        task.abort();
        task.await
    });
    let to_tokio = match joined {
        Ok(()) => "returned",
        Err(error) if error.is_panic() => "panicked",
        Err(_) => "cancelled",
    };
    let counts = counts(name);
    assert_eq!((counts.started, counts.ended()), (1, 1));
    (to_tokio, [counts.finished, counts.panicked, counts.aborted])
}

#[test]
fn a_destructor_that_panics_after_a_return_is_a_panic() {
    assert_eq!(
        end("returns and panics", true, true),
        ("panicked", [0, 1, 0])
    );
    assert_eq!(end("returns", true, false), ("returned", [1, 0, 0]));
}

#[test]
fn a_destructor_that_panics_after_an_abort_is_a_panic() {
    assert_eq!(
        end("aborted and panics", false, true),
        ("panicked", [0, 1, 0])
    );
    assert_eq!(end("aborted", false, false), ("cancelled", [0, 0, 1]));
}

/// The runtime's shutdown drops it; nobody is told but the counts.
#[test]
fn a_destructor_that_panics_in_a_shutdown_is_a_panic() {
    for (name, panics, expected) in [("shut and panics", true, [1, 0]), ("shut", false, [0, 1])] {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let ends = Ends {
            returns: false,
            panics,
        };
        drop(Builder::new().name(name).spawn_on(ends, runtime.handle()));
        runtime.block_on(tokio::task::yield_now());
        drop(runtime);
        let counts = counts(name);
        assert_eq!([counts.panicked, counts.shut_down], expected, "{name}");
    }
}

/// Dropped as part of somebody else's panic, it did not panic itself.
#[test]
fn a_task_that_is_dropped_while_its_thread_panics_has_not_panicked() {
    let unwinds = std::panic::catch_unwind(|| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let ends = Ends {
            returns: false,
            panics: false,
        };
        drop(
            Builder::new()
                .name("in the way")
                .spawn_on(ends, runtime.handle()),
        );
        runtime.block_on(tokio::task::yield_now());
        panic!("planned, of the thread");
    });
    assert!(unwinds.is_err());
    let counts = counts("in the way");
    assert_eq!((counts.panicked, counts.ended()), (0, 1));
}
