//! Every shape, with what would help nowhere, and in each place that somebody could take it out of again.

use super::shapes::{Help, SHAPES, Shape};
use super::{report, report_that_says, said};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use taskleak::{Action, LeakReport, verify_none};
use tokio::sync::oneshot;

static HELP: Mutex<Option<Help>> = Mutex::new(None);

type Looked = Result<(), String>;

/// Looks at what a shape leaves while `hold` holds its help; then calls the help, upon which the tasks must end.
async fn held<H>(
    (name, count, shape): Shape,
    hold: impl AsyncFnOnce(Help) -> H,
    take: impl FnOnce(H) -> Help,
) -> Looked {
    let guard = verify_none();
    let held = hold(shape()).await;
    parked().await;
    let report = report();
    let said = said(&report);
    let help = take(held);
    help();
    let ended = futures::FutureExt::catch_unwind(AssertUnwindSafe(guard.finish())).await;
    assert!(report.task_count() >= count, "{name}: {report}");
    if ended.is_err() {
        return Err(format!("{name}: the help does not help\n{report}"));
    }
    match said {
        0 => Ok(()),
        _ => Err(format!("{name}: said of tasks that then went on\n{report}")),
    }
}

async fn parked() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
    tokio::time::sleep(std::time::Duration::from_millis(2)).await;
}

/// All shapes with their helps held so.
fn all(look: impl AsyncFn(Shape) -> Looked) {
    let mut wrong = Vec::new();
    for shape in SHAPES {
        for runtime in [
            tokio::runtime::Builder::new_current_thread(),
            tokio::runtime::Builder::new_multi_thread(),
        ] {
            let mut runtime = runtime;
            let runtime = runtime.worker_threads(1).enable_all().build().unwrap();
            wrong.extend(runtime.block_on(look(*shape)).err());
        }
    }
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn in_the_test_itself() {
    all(async |shape| held(shape, async |help| help, |help| help).await);
}

#[test]
fn in_a_static() {
    all(async |shape| {
        let put = async |help| *HELP.lock().unwrap() = Some(help);
        held(shape, put, |()| HELP.lock().unwrap().take().unwrap()).await
    });
}

#[test]
fn in_a_thread() {
    all(async |shape| {
        let start = async |help| {
            let (stop, stopped) = std::sync::mpsc::channel::<()>();
            let thread = std::thread::spawn(move || {
                _ = stopped.recv();
                help
            });
            (stop, thread)
        };
        held(shape, start, |(stop, thread)| {
            drop(stop);
            thread.join().unwrap()
        })
        .await
    });
}

/// It waits for the test.
#[test]
fn in_another_task() {
    all(async |shape| {
        let start = async |help: Help| {
            let (go, gone) = oneshot::channel::<()>();
            taskleak::spawn(async move {
                _ = gone.await;
                help();
            });
            go
        };
        held(shape, start, |go| Box::new(move || drop(go))).await
    });
}

/// The same, but nobody tracked it.
#[test]
fn in_a_task_that_nobody_tracked() {
    all(async |shape| {
        let start = async |help: Help| {
            let (go, gone) = oneshot::channel::<()>();
            tokio::spawn(async move {
                _ = gone.await;
                help();
            });
            go
        };
        held(shape, start, |go| Box::new(move || drop(go))).await
    });
}

/// It waits for time, of which there is plenty.
#[test]
fn in_a_task_that_sleeps() {
    all(async |shape| {
        let start = async |help: Help| {
            let (go, gone) = oneshot::channel::<()>();
            taskleak::spawn(async move {
                tokio::select! {
                    () = tokio::time::sleep(std::time::Duration::from_secs(3600)) => {}
                    _ = gone => {}
                }
                help();
            });
            go
        };
        held(shape, start, |go| Box::new(move || drop(go))).await
    });
}

/// Nobody has it any more.
#[test]
fn nowhere() {
    let mut wrong = Vec::new();
    for (name, count, shape) in SHAPES {
        for mut runtime in [
            tokio::runtime::Builder::new_current_thread(),
            tokio::runtime::Builder::new_multi_thread(),
        ] {
            let runtime = runtime.worker_threads(1).enable_all().build().unwrap();
            let report: LeakReport = runtime.block_on(async {
                let guard = verify_none()
                    .grace(std::time::Duration::ZERO)
                    .on_leak(Action::Warn);
                drop(shape());
                parked().await;
                let report = report_that_says(*count);
                _ = catch_unwind(AssertUnwindSafe(|| drop(guard)));
                report
            });
            if said(&report) != *count {
                let said = said(&report);
                wrong.push(format!("{name}: said of {said} of {count}\n{report}"));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}
