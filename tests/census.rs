//! The census: what a report says of tasks that nobody tracked.
#![cfg(all(
    feature = "census",
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64")
))]

mod parked;

use futures::StreamExt;
use pretty_assertions::assert_eq;
use std::future::{Future, pending};
use std::path::Path;
use std::pin::Pin;
use std::time::Duration;
use taskleak::{AwaitNode, LeakReport, Options, Track, UnseenState, find, verify_none};
use tokio::sync::{Mutex, mpsc, oneshot};

const HOUR: Duration = Duration::from_secs(3600);

/// What is found when a test leaves behind what the function spawns.
fn report_of<F: Future<Output = ()>>(flavor: &str, spawn: impl FnOnce() -> F) -> LeakReport {
    let runtime = match flavor {
        "current_thread" => tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build(),
        _ => tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build(),
    };
    let mut report = None;
    runtime.unwrap().block_on(async {
        let found = std::sync::Arc::new(std::sync::Mutex::new(None));
        let cleanup = found.clone();
        let guard = verify_none()
            .grace(Duration::from_millis(50))
            .on_leak(taskleak::Action::Warn)
            .cleanup(move |report| *cleanup.lock().unwrap() = Some(report.clone()));
        spawn().await;
        parked::until_settled().await;
        guard.finish().await;
        report = found.lock().unwrap().take();
    });
    report.expect("the guard gave its verdict")
}

/// The tasks of such a report, each as its name and its await trace without the places.
fn seen(report: &LeakReport) -> Vec<String> {
    fn write(nodes: &[AwaitNode], depth: usize, text: &mut String) {
        for node in nodes {
            *text += &format!("\n{:1$}{2}", "", 2 * depth, node.function());
            if let Some(line) = node.file().and_then(|file| own_line(file, node.line()?)) {
                *text += &format!(" @ {line}");
            }
            write(node.children(), depth + 1, text);
        }
    }
    let mut seen: Vec<String> = report
        .unseen()
        .iter()
        .map(|task| {
            let mut text = format!("{} ({:?})", task.name(), task.state());
            write(task.await_trace().roots(), 1, &mut text);
            text
        })
        .collect();
    seen.sort();
    seen
}

/// A line of this file, as it is written.
fn own_line(file: &Path, line: u32) -> Option<String> {
    let source = file
        .ends_with("tests/census.rs")
        .then_some(include_str!("census.rs"))?;
    Some(source.lines().nth(line as usize - 1)?.trim().to_owned())
}

#[track_caller]
fn check<F: Future<Output = ()>>(spawn: impl Fn() -> F, expected: &[&str]) {
    for flavor in ["current_thread", "multi_thread"] {
        let report = report_of(flavor, &spawn);
        assert_eq!(report.unseen_count(), expected.len(), "{report}");
        assert_eq!(seen(&report), expected, "{flavor}\n{report}");
    }
}

async fn on_time() {
    tokio::time::sleep(HOUR).await;
}

async fn chain(depth: u32) {
    if depth == 0 {
        on_time().await;
    } else {
        Box::pin(chain(depth - 1)).await;
    }
}

#[test]
fn an_async_function_by_its_name_and_its_place() {
    for flavor in ["current_thread", "multi_thread"] {
        let report = report_of(flavor, || async {
            tokio::spawn(on_time());
        });
        let [task] = report.unseen() else {
            panic!("{report}")
        };
        assert_eq!(task.name(), "census::on_time");
        assert_eq!(task.state(), UnseenState::Parked);
        let (file, line) = task.declared().unwrap();
        assert_eq!(own_line(file, line).unwrap(), "async fn on_time() {");
    }
}

#[test]
fn chains_of_async_functions() {
    check(
        || async {
            tokio::spawn(chain(2));
        },
        &["census::chain (Parked)
  census::chain @ Box::pin(chain(depth - 1)).await;
    census::chain @ Box::pin(chain(depth - 1)).await;
      census::chain @ on_time().await;
        census::on_time @ tokio::time::sleep(HOUR).await;
          tokio::time::Sleep"],
    );
}

#[test]
fn boxes_of_dyn_futures() {
    check(
        || async {
            let boxed: Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin(on_time());
            tokio::spawn(boxed);
            tokio::spawn(async {
                let boxed: Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin(on_time());
                boxed.await;
            });
        },
        &[
            "census::boxes_of_dyn_futures::{async block} (Parked)
  census::boxes_of_dyn_futures::{async block} @ boxed.await;
    census::on_time @ tokio::time::sleep(HOUR).await;
      tokio::time::Sleep",
            "census::on_time (Parked)
  census::on_time @ tokio::time::sleep(HOUR).await;
    tokio::time::Sleep",
        ],
    );
}

#[test]
fn branches_of_select_and_join() {
    check(
        || async {
            tokio::spawn(async {
                tokio::select! {
                    () = std::future::ready(()), if false => {}
                    () = on_time() => {}
                    () = tokio::time::sleep(HOUR) => {}
                }
            });
            tokio::spawn(async { tokio::join!(on_time(), async {}, pending::<()>()) });
        },
        &[
            "census::branches_of_select_and_join::{async block} (Parked)
  census::branches_of_select_and_join::{async block}
    census::on_time @ tokio::time::sleep(HOUR).await;
      tokio::time::Sleep
    std::future::Pending",
            "census::branches_of_select_and_join::{async block} (Parked)
  census::branches_of_select_and_join::{async block}
    census::on_time @ tokio::time::sleep(HOUR).await;
      tokio::time::Sleep
    tokio::time::Sleep",
        ],
    );
}

#[test]
fn third_parties_combinators() {
    check(
        || async {
            tokio::spawn(tokio::time::timeout(HOUR, chain(0)));
            tokio::spawn(futures::future::join_all([on_time(), on_time()]));
            tokio::spawn(async {
                let mut set: futures::stream::FuturesUnordered<_> = (0..2).map(chain).collect();
                set.next().await
            });
        },
        &[
            "census::chain (Parked)
  tokio::time::Timeout
    census::chain @ on_time().await;
      census::on_time @ tokio::time::sleep(HOUR).await;
        tokio::time::Sleep
    tokio::time::Sleep",
            "census::on_time (Parked)
  futures_util::future::JoinAll
    census::on_time @ tokio::time::sleep(HOUR).await;
      tokio::time::Sleep",
            "census::third_parties_combinators::{async block} (Parked)
  census::third_parties_combinators::{async block} @ set.next().await
    futures_util::stream::Next
      census::chain @ Box::pin(chain(depth - 1)).await;
        census::chain @ on_time().await;
          census::on_time @ tokio::time::sleep(HOUR).await;
            tokio::time::Sleep
      census::chain @ on_time().await;
        census::on_time @ tokio::time::sleep(HOUR).await;
          tokio::time::Sleep",
        ],
    );
}

#[test]
fn tokio_s_own_async_functions() {
    check(
        || async {
            let (tx, mut rx) = mpsc::channel::<u8>(1);
            tokio::spawn(async move {
                let _tx = tx;
                rx.recv().await;
            });
            let mutex: &'static Mutex<()> = Box::leak(Box::default());
            std::mem::forget(mutex.lock().await);
            tokio::spawn(async { drop(mutex.lock().await) });
        },
        &[
            "census::tokio_s_own_async_functions::{async block} (Parked)
  census::tokio_s_own_async_functions::{async block} @ rx.recv().await;
    tokio::sync::mpsc::Receiver::recv",
            "census::tokio_s_own_async_functions::{async block} (Parked)
  census::tokio_s_own_async_functions::{async block} @ tokio::spawn(async { drop(mutex.lock().await) });
    tokio::sync::Mutex::lock
      tokio::sync::lock::{async block}
        tokio::sync::Mutex::acquire
          tokio::sync::Acquire",
        ],
    );
}

#[test]
fn methods_are_called_after_their_type() {
    struct Server;
    trait Serve {
        async fn serve(&self);
    }
    impl Server {
        async fn run(self) {
            self.serve().await;
        }
    }
    impl Serve for Server {
        async fn serve(&self) {
            on_time().await;
        }
    }
    check(
        || async {
            tokio::spawn(Server.run());
        },
        &[
            "census::methods_are_called_after_their_type::Server::run (Parked)
  census::methods_are_called_after_their_type::Server::run @ self.serve().await;
    census::methods_are_called_after_their_type::Server::serve @ on_time().await;
      census::on_time @ tokio::time::sleep(HOUR).await;
        tokio::time::Sleep",
        ],
    );
}

#[test]
fn a_task_that_nobody_can_wake() {
    check(
        || async {
            drop(tokio::spawn(pending::<()>()));
        },
        &["core::future::pending::Pending (NoWaker)
  std::future::Pending"],
    );
}

/// Only those that nobody tracked, and of them not those that were there before.
async fn reaper() {
    pending::<()>().await;
}

async fn forgotten() {
    pending::<()>().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rule_lets_them_live_on_by_their_name() {
    let options = || Options::new().grace(Duration::from_millis(20));
    let guard = verify_none();
    let reaper = tokio::spawn(reaper());
    assert_eq!(find(options()).unwrap_err().unseen_count(), 1);
    find(options().ignore_named("*reaper")).unwrap();
    let forgotten = tokio::spawn(forgotten());
    let report = find(options().ignore_named("*reaper")).unwrap_err();
    assert_eq!(report.unseen_count(), 1);
    assert!(report.unseen()[0].name().ends_with("forgotten"), "{report}");
    reaper.abort();
    forgotten.abort();
    guard.finish().await;
}

#[test]
fn only_what_is_counted() {
    async fn tracked() {
        on_time().await;
    }
    async fn marked() {
        on_time().await;
    }
    async fn before() {
        on_time().await;
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        for _ in 0..3 {
            tokio::spawn(before());
        }
        let guard = verify_none().on_leak(taskleak::Action::Warn);
        taskleak::spawn(tracked());
        tokio::spawn(marked().tracked());
        tokio::spawn(async { marked().tracked().await });
        tokio::spawn(on_time());
        tokio::task::yield_now().await;
        let report = find(Options::new()).unwrap_err();
        assert_eq!(report.task_count(), 3, "{report}");
        guard.finish().await;
    });
}

/// Where the runtime stood still, the states tell who was about to end from who was not.
#[test]
fn states_where_there_was_no_grace() {
    async fn parked() {
        on_time().await;
    }
    async fn aborted() {
        on_time().await;
    }
    async fn woken(mut receive: mpsc::Receiver<u8>) {
        receive.recv().await;
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let guard = verify_none().on_leak(taskleak::Action::Warn);
        let (send, receive) = mpsc::channel(1);
        tokio::spawn(parked());
        tokio::spawn(woken(receive));
        let task = tokio::spawn(aborted());
        let leak = taskleak::spawn(pending::<()>());
        tokio::task::yield_now().await;
        // From here on the runtime has no turn.
        task.abort();
        send.try_send(1).unwrap();
        let report = find(Options::new()).unwrap_err();
        let states: Vec<_> = report
            .unseen()
            .iter()
            .map(|task| (task.name().rsplit("::").next().unwrap(), task.state()))
            .collect();
        let expected = [
            ("parked", UnseenState::Parked),
            ("woken", UnseenState::Runnable),
            ("aborted", UnseenState::Cancelled),
        ];
        assert_eq!(states, expected, "{report}");
        leak.abort();
        drop(guard);
    });
}

/// The report with the lines of this file as `<line>`.
fn without_lines(report: &str) -> String {
    const FILE: &str = "tests/census.rs:";
    let mut parts = report.split(FILE);
    let mut text = parts.next().unwrap().to_owned();
    for part in parts {
        text += FILE;
        text += "<line>";
        text += part.trim_start_matches(|c: char| c.is_ascii_digit());
    }
    text
}

/// The whole report, as a person sees it.
#[test]
fn the_report() {
    let report = report_of("multi_thread", || async {
        for _ in 0..3 {
            tokio::spawn(chain(1));
        }
        let (_tx, rx) = oneshot::channel::<u8>();
        tokio::spawn(async { tokio::time::timeout(HOUR, pending::<()>()).await });
        drop(rx);
    });
    // Lines of this file change; what matters is that they are there.
    let report = without_lines(&report.to_string());
    assert_eq!(report, include_str!("golden/census/report.txt"));
}
