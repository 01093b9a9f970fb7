//! Await traces by debug info, through futures that somebody wrote by hand: on where only one part of one can be polled, and no
//! further where two can.
#![cfg(all(
    feature = "census",
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64"),
    // Optimised builds put equal functions together, and types with them.
    debug_assertions
))]

use futures::future::{Either, FutureExt, TryFutureExt};
use futures::stream::{FuturesUnordered, StreamExt};
use pretty_assertions::assert_eq;
use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use taskleak::{Action, AwaitNode, LeakReport, WaitsFor, verify_none};
use tokio::net::UnixStream;
use tokio::sync::{Notify, mpsc, oneshot};

const GRACE: Duration = Duration::from_millis(50);
const LONG: Duration = Duration::from_secs(3600);

type Boxed = Pin<Box<dyn Future<Output = ()> + Send>>;

fn text(nodes: &[AwaitNode], depth: usize) -> String {
    let line = |node: &AwaitNode| {
        let below = text(node.children(), depth + 1);
        format!("{:1$}{2}\n{below}", "", depth * 2, node.function())
    };
    nodes.iter().map(line).collect()
}

/// What is found of one task that nobody tracked.
fn report(future: impl Future<Output = ()> + Send + 'static) -> LeakReport {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let (sender, receiver) = std::sync::mpsc::channel();
        let guard = verify_none()
            .grace(GRACE)
            .on_leak(Action::Warn)
            .cleanup(move |report| sender.send(report.clone()).unwrap());
        tokio::spawn(future);
        guard.finish().await;
        receiver.recv().expect("it leaks")
    })
}

#[track_caller]
fn check(
    future: impl Future<Output = ()> + Send + 'static,
    trace: &str,
    waits_for: Option<WaitsFor>,
) {
    let report = report(future);
    let [task] = report.unseen() else {
        panic!("{report}");
    };
    assert_eq!(text(task.await_trace().roots(), 0), trace, "{report}");
    assert_eq!(task.waits_for(), waits_for, "{report}");
}

async fn notified() {
    Notify::new().notified().await;
}

/// A future around one that it was given.
struct Around<F> {
    polls: u32,
    inner: F,
}

impl<F: Future<Output = ()> + Unpin> Future for Around<F> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.polls += 1;
        Pin::new(&mut self.inner).poll(cx)
    }
}

fn around<F>(inner: F) -> Around<F> {
    Around { polls: 0, inner }
}

/// First the one, then the other: what it is in tells which.
enum OneByOne {
    First(Boxed),
    Second(Boxed),
}

impl Future for OneByOne {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            match &mut *self {
                Self::First(first) => {
                    ready!(first.as_mut().poll(cx));
                    *self = Self::Second(notified().boxed());
                }
                Self::Second(second) => return second.as_mut().poll(cx),
            }
        }
    }
}

/// Two that it could poll, of which it polls but one.
struct OneOfTwo<A, B> {
    polled: A,
    kept: B,
}

impl<A: Future<Output = ()> + Unpin, B: Unpin> Future for OneOfTwo<A, B> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        _ = &self.kept;
        Pin::new(&mut self.polled).poll(cx)
    }
}

/// A worker in the manner of an actor written by hand.
struct Worker {
    jobs: mpsc::Receiver<oneshot::Sender<()>>,
    current: Option<oneshot::Sender<()>>,
    done: u32,
}

impl Future for Worker {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        while let Some(job) = ready!(self.jobs.poll_recv(cx)) {
            self.current = Some(job);
            self.done += 1;
        }
        Poll::Ready(())
    }
}

#[test]
fn through_one_part_of_a_struct() {
    check(
        around(around(notified().boxed())),
        "chains::Around\n  chains::notified\n    tokio::sync::Notified\n",
        Some(WaitsFor::Notify),
    );
    check(
        async { around(Box::pin(tokio::time::sleep(LONG))).await },
        "chains::through_one_part_of_a_struct::{async block}\n  chains::Around\n    tokio::time::Sleep\n",
        Some(WaitsFor::Timer),
    );
}

/// The twin.
#[test]
fn not_where_it_can_be_either_part() {
    for kept in [notified().boxed(), pending().boxed()] {
        let polled = notified().boxed();
        check(OneOfTwo { polled, kept }, "chains::OneOfTwo\n", None);
    }
    let several = OneOfTwo {
        polled: notified().boxed(),
        kept: vec![notified().boxed()],
    };
    check(several, "chains::OneOfTwo\n", None);
    check(
        around(OneOfTwo {
            polled: notified().boxed(),
            kept: notified().boxed(),
        }),
        "chains::Around\n",
        None,
    );
}

#[test]
fn what_cannot_be_polled_is_no_other_part() {
    let (sender, _receiver) = mpsc::unbounded_channel::<Boxed>();
    let polled = notified().boxed();
    let kept = (sender, Arc::new(Notify::new()), vec![1_u8], LONG);
    check(
        OneOfTwo { polled, kept },
        "chains::OneOfTwo\n  chains::notified\n    tokio::sync::Notified\n",
        Some(WaitsFor::Notify),
    );
}

#[test]
fn through_the_state_that_an_enum_is_in() {
    let trace = "chains::OneByOne\n  chains::notified\n    tokio::sync::Notified\n";
    let first = OneByOne::First(notified().boxed());
    check(first, trace, Some(WaitsFor::Notify));
    let second = OneByOne::First(std::future::ready(()).boxed());
    check(second, trace, Some(WaitsFor::Notify));
}

#[test]
fn to_a_channel_that_is_polled_by_hand() {
    let (sender, jobs) = mpsc::channel(1);
    let worker = Worker {
        jobs,
        current: None,
        done: 0,
    };
    check(
        worker,
        "chains::Worker\n  tokio::sync::mpsc::Receiver\n",
        Some(WaitsFor::ChannelReceive),
    );
    drop(sender);
}

/// A socket can be read or written, and may not be what is waited for at all.
#[test]
fn a_socket_is_a_part_that_can_be_polled() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let _entered = runtime.enter();
    let (near, _far) = UnixStream::pair().unwrap();
    let polled = notified().boxed();
    check(OneOfTwo { polled, kept: near }, "chains::OneOfTwo\n", None);
}

fn notified_set() -> FuturesUnordered<Boxed> {
    [notified().boxed()].into_iter().collect()
}

#[test]
fn through_what_the_futures_crate_combines() {
    const INSIDE: &str = "  chains::notified\n    tokio::sync::Notified\n";
    let (kept, waits) = (oneshot::channel::<()>(), Some(WaitsFor::Notify));
    check(
        // What is done with the result is not polled, whatever it has.
        notified().map(move |()| drop(kept)),
        &format!("futures_util::future::Map\n{INSIDE}"),
        waits,
    );
    check(
        notified().then(|()| pending()),
        &format!("futures_util::future::Then\n{INSIDE}"),
        waits,
    );
    check(
        notified().fuse(),
        &format!("futures_util::future::Fuse\n{INSIDE}"),
        waits,
    );
    let tried = notified().map(Ok::<(), ()>).and_then(|()| pending());
    let tried = report(tried.map(|_: Result<(), ()>| ()));
    let tried = text(tried.unseen()[0].await_trace().roots(), 0);
    assert!(tried.ends_with(INSIDE), "{tried}");
    let either: Either<_, std::future::Ready<()>> = Either::Left(notified());
    check(
        either,
        &format!("futures_util::future::Either\n{INSIDE}"),
        waits,
    );
    check(
        around(notified().boxed()).map(drop),
        "futures_util::future::Map\n  chains::Around\n    chains::notified\n      tokio::sync::Notified\n",
        waits,
    );
}

#[test]
fn through_a_timeout_to_a_set_of_futures() {
    let report = report(async {
        let mut set = notified_set();
        let _ = tokio::time::timeout(LONG, set.next()).await;
    });
    let found = text(report.unseen()[0].await_trace().roots(), 0);
    assert!(found.contains("chains::notified\n"), "{found}");
    assert!(found.contains("tokio::time::Sleep\n"), "{found}");
}
