//! Which tasks may still end after the test's body, in every place where a guard can end.
//!
//! Each case has two endings: one that brings all its tasks down, and must pass, and a leaking twin, of which exactly
//! the stuck tasks must be reported. [`rows`] are the places, [`cases`] the ways to end; the table at the end of the
//! file says which cases a row can do: in some rows no time can pass.

use std::cell::Cell;
use std::future::Future;
use std::mem::forget;
use std::panic::catch_unwind;
use std::time::Duration;

use taskleak::task::{Builder, JoinSet};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinHandle, yield_now};

/// What the tasks need that end.
const SHORT: Duration = Duration::from_millis(15);

/// What leaking twins wait in vain, and all the time that the others may take on a busy machine. To be asked for on the
/// test's own thread.
fn grace() -> Duration {
    match PLAYED.get().expect("a case is being played") {
        (_, Ends) => Duration::from_secs(60),
        (_, Leaks) => Duration::from_millis(200),
    }
}

/// What a test's body does, and what its twin must be reported for.
#[derive(Clone, Copy)]
struct Case {
    play: fn(Twin) -> Playing,
    leaks: &'static [&'static str],
}

type Playing = std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;

#[derive(Clone, Copy, PartialEq)]
enum Twin {
    Ends,
    Leaks,
}
use Twin::{Ends, Leaks};

thread_local! {
    static PLAYED: Cell<Option<(Case, Twin)>> = const { Cell::new(None) };
    static LOCAL: Cell<bool> = const { Cell::new(false) };
}

/// What the row has to do: to be asked for on the test's own thread.
fn body() -> Playing {
    let (case, twin) = PLAYED.get().expect("a case is being played");
    (case.play)(twin)
}

/// What the row must find.
#[track_caller]
fn check(row: fn(), case: Case) {
    for (twin, expected) in [(Ends, &[][..]), (Leaks, case.leaks)] {
        PLAYED.set(Some((case, twin)));
        for attempt in 1.. {
            let failure = failure(row);
            let mut reported: Vec<_> = failure.lines().filter_map(leak).collect();
            reported.sort_unstable();
            // On a busy machine what is to end may not have done so within a leaking twin's grace.
            if twin == Leaks && reported != expected && attempt < ATTEMPTS {
                continue;
            }
            assert_eq!(reported, expected, "in this report:\n{failure}");
            break;
        }
    }
}

/// What is wrong is so each time.
const ATTEMPTS: u32 = 5;

/// The report that the row fails with, or nothing.
fn failure(row: fn()) -> String {
    let failure = catch_unwind(row).err().map(|panic| {
        let message = panic.downcast::<String>().expect("a report is text");
        assert!(message.starts_with("taskleak: "), "not a report: {message}");
        *message
    });
    let failure = failure.unwrap_or_default();
    assert!(!failure.contains("did not see spawned"), "{failure}");
    failure
}

/// How a report's line presents a leak: "`name`" or "3 tasks `name`".
fn leak(line: &str) -> Option<&str> {
    Some(line.strip_prefix("leak")?.split_once(": ")?.1)
}

/// Spawns as the row demands.
fn spawn(name: &'static str, future: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
    let task = Builder::new().name(name);
    if LOCAL.get() {
        task.spawn_local(future)
    } else {
        task.spawn(future)
    }
}

async fn until_closed(mut receiver: mpsc::Receiver<()>) {
    while receiver.recv().await.is_some() {}
}

mod cases {
    use super::*;

    pub async fn just_aborted(twin: Twin) {
        let task = spawn("worker", std::future::pending());
        yield_now().await;
        if twin == Ends {
            task.abort();
        }
    }

    pub async fn aborted_before_its_first_poll(twin: Twin) {
        let task = spawn("worker", std::future::pending());
        if twin == Ends {
            task.abort();
        }
    }

    pub async fn channel_just_closed(twin: Twin) {
        let (sender, receiver) = mpsc::channel(1);
        spawn("receiver", until_closed(receiver));
        yield_now().await;
        if twin == Leaks {
            forget(sender);
        }
    }

    /// The parent's abort drops the children's senders, whose ends drop the grandchildren's.
    pub async fn cascade(twin: Twin) {
        let mut senders = Vec::new();
        for name in ["child", "other child"] {
            let (to_child, from_parent) = mpsc::channel(1);
            senders.push(to_child);
            spawn(name, async move {
                let (to_grandchild, from_child) = mpsc::channel(1);
                spawn("grandchild", until_closed(from_child));
                until_closed(from_parent).await;
                drop(to_grandchild);
            });
        }
        if twin == Leaks {
            forget(senders[0].clone());
        }
        let parent = spawn("parent", async move {
            let _senders = senders;
            std::future::pending().await
        });
        for _ in 0..3 {
            yield_now().await;
        }
        parent.abort();
    }

    pub async fn join_set_just_dropped(twin: Twin) {
        let mut set = JoinSet::new();
        for _ in 0..3 {
            if LOCAL.get() {
                set.spawn_local(member());
            } else {
                set.spawn(member());
            }
        }
        yield_now().await;
        match twin {
            Ends => drop(set),
            Leaks => set.detach_all(),
        }
    }

    async fn member() {
        std::future::pending().await
    }

    pub async fn yields_while_winding_down(twin: Twin) {
        let (stop, stopped) = oneshot::channel::<()>();
        spawn("worker", async move {
            let _ = stopped.await;
            let mut yields = 0;
            while twin == Leaks || yields < 5 {
                yield_now().await;
                yields += 1;
            }
        });
        yield_now().await;
        drop(stop);
    }

    /// What a closed channel starts may need the runtime: another task, a timer that is dropped at once.
    pub async fn spawns_while_winding_down(twin: Twin) {
        let (stop, stopped) = oneshot::channel::<()>();
        spawn("worker", async move {
            let _ = stopped.await;
            drop(tokio::time::sleep(SHORT));
            spawn("successor", async move {
                if twin == Leaks {
                    std::future::pending().await
                }
            });
        });
        yield_now().await;
        drop(stop);
    }

    pub async fn behind_spawn_blocking(twin: Twin) {
        spawn("waits for a closure", async move {
            let (stop, stopped) = std::sync::mpsc::channel::<()>();
            let closure = Builder::new().name("closure");
            let closure = closure.spawn_blocking(move || match twin {
                Ends => std::thread::sleep(SHORT),
                // Until the task is dropped.
                Leaks => _ = stopped.recv(),
            });
            closure.await.unwrap();
            drop(stop);
        });
        yield_now().await;
    }

    pub async fn ends_by_a_timer(twin: Twin) {
        spawn("sleeper", async move {
            let hour = Duration::from_secs(3600);
            tokio::time::sleep(if twin == Leaks { hour } else { SHORT }).await;
        });
        yield_now().await;
    }

    pub async fn ends_by_io(twin: Twin) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        spawn("connection", async move {
            let (mut peer, _) = listener.accept().await.unwrap();
            tokio::io::copy(&mut peer, &mut tokio::io::sink())
                .await
                .unwrap();
        });
        let client = TcpStream::connect(address).await.unwrap();
        if twin == Leaks {
            forget(client);
        }
    }
}

mod rows {
    #![allow(
        unnameable_test_items,
        reason = "the attributes' own expansions, called by the table"
    )]
    use super::*;
    use taskleak::{leak_test, verify_none};

    /// An attribute takes a grace that stands in the source.
    fn twin(ends: fn(), leaks: fn()) {
        match PLAYED.get().expect("a case is being played") {
            (_, Ends) => ends(),
            (_, Leaks) => leaks(),
        }
    }

    pub fn leak_test_current_thread() {
        #[leak_test(grace = "60s")]
        async fn ends() {
            body().await;
        }
        #[leak_test(grace = "200ms")]
        async fn leaks() {
            body().await;
        }
        twin(ends, leaks);
    }

    pub fn leak_test_multi_thread() {
        #[leak_test(flavor = "multi_thread", worker_threads = 2, grace = "60s")]
        async fn ends() {
            body().await;
        }
        #[leak_test(flavor = "multi_thread", worker_threads = 2, grace = "200ms")]
        async fn leaks() {
            body().await;
        }
        twin(ends, leaks);
    }

    pub fn leak_test_start_paused() {
        #[leak_test(start_paused = true, grace = "60s")]
        async fn ends() {
            body().await;
        }
        #[leak_test(start_paused = true, grace = "200ms")]
        async fn leaks() {
            body().await;
        }
        twin(ends, leaks);
    }

    pub fn leak_test_local() {
        #[leak_test(flavor = "local", grace = "60s")]
        async fn ends() {
            LOCAL.set(true);
            body().await;
        }
        #[leak_test(flavor = "local", grace = "200ms")]
        async fn leaks() {
            LOCAL.set(true);
            body().await;
        }
        twin(ends, leaks);
    }

    pub fn facade_current_thread() {
        use taskleak_tokio as tokio;
        #[tokio::test]
        async fn test() {
            let _guard = verify_none().grace(grace());
            body().await;
        }
        test();
    }

    pub fn facade_multi_thread() {
        use taskleak_tokio as tokio;
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn test() {
            let _guard = verify_none().grace(grace());
            body().await;
        }
        test();
    }

    pub fn stock_current_thread_dropped() {
        #[tokio::test]
        async fn test() {
            let _guard = verify_none().grace(grace());
            body().await;
        }
        test();
    }

    pub fn stock_multi_thread_dropped() {
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn test() {
            let _guard = verify_none().grace(grace());
            body().await;
        }
        test();
    }

    pub fn stock_current_thread_finished() {
        #[tokio::test]
        async fn test() {
            let guard = verify_none().grace(grace());
            body().await;
            guard.finish().await;
        }
        test();
    }

    pub fn stock_multi_thread_finished() {
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn test() {
            let guard = verify_none().grace(grace());
            body().await;
            guard.finish().await;
        }
        test();
    }

    pub fn stock_start_paused_finished() {
        #[tokio::test(start_paused = true)]
        async fn test() {
            let guard = verify_none().grace(grace());
            body().await;
            guard.finish().await;
        }
        test();
    }

    /// A sync test with a runtime that is still there when the guard ends, but that nobody drives then.
    pub fn plain_current_thread() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let guard = verify_none().grace(grace());
        runtime.block_on(body());
        guard.finish_blocking();
    }

    pub fn plain_multi_thread() {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let guard = verify_none().grace(grace());
        runtime.block_on(body());
        guard.finish_blocking();
    }

    /// A sync test whose runtime runs on another thread meanwhile.
    pub fn current_thread_elsewhere() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel::<()>();
        let driver = std::thread::spawn(move || {
            let _ = runtime.block_on(stopped);
        });
        let body = body();
        let verdict = catch_unwind(std::panic::AssertUnwindSafe(|| {
            let guard = verify_none().grace(grace());
            handle.block_on(body);
            guard.finish_blocking();
        }));
        drop(stop);
        driver.join().unwrap();
        verdict.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    }

    pub fn in_a_worker_s_task() {
        let (body, grace) = (body(), grace());
        let task = async move {
            let _guard = verify_none().grace(grace);
            body.await;
        };
        on_a_worker(|runtime| runtime.spawn(task));
    }

    pub fn in_a_worker_s_tracked_task() {
        let (body, grace) = (body(), grace());
        let task = async move {
            let _guard = verify_none().grace(grace);
            body.await;
        };
        on_a_worker(|runtime| Builder::new().spawn_on(task, runtime.handle()));
    }

    fn on_a_worker(spawn: impl FnOnce(&tokio::runtime::Runtime) -> JoinHandle<()>) {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let task = spawn(&runtime);
        if let Err(error) = runtime.block_on(task) {
            std::panic::resume_unwind(error.into_panic());
        }
    }

    /// A closure on the blocking pool may block, whatever its runtime.
    pub fn in_a_closure_of_a_current_thread_runtime() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        in_a_closure(&runtime);
    }

    pub fn in_a_closure_beside_workers() {
        in_a_closure(&tokio::runtime::Runtime::new().unwrap());
    }

    fn in_a_closure(runtime: &tokio::runtime::Runtime) {
        let (body, grace) = (body(), grace());
        let closure = runtime.spawn_blocking(move || {
            let _guard = verify_none().grace(grace);
            Handle::current().block_on(body);
        });
        if let Err(error) = runtime.block_on(closure) {
            std::panic::resume_unwind(error.into_panic());
        }
    }

    /// Nobody tracks the local task that the guard is in.
    pub fn local_task_beside_workers_dropped() {
        #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
        async fn test() {
            LOCAL.set(true);
            let task = async {
                let _guard = verify_none().grace(grace());
                body().await;
            };
            let local = tokio::task::LocalSet::new();
            let task = local.run_until(async { tokio::task::spawn_local(task).await });
            if let Err(error) = task.await {
                std::panic::resume_unwind(error.into_panic());
            }
        }
        test();
    }

    pub fn local_set_dropped() {
        #[tokio::test]
        async fn test() {
            LOCAL.set(true);
            let local = tokio::task::LocalSet::new();
            local
                .run_until(async {
                    let _guard = verify_none().grace(grace());
                    body().await;
                })
                .await;
        }
        test();
    }

    pub fn local_set_finished() {
        #[tokio::test]
        async fn test() {
            LOCAL.set(true);
            let local = tokio::task::LocalSet::new();
            local
                .run_until(async {
                    let guard = verify_none().grace(grace());
                    body().await;
                    guard.finish().await;
                })
                .await;
        }
        test();
    }

    pub fn local_set_beside_workers_dropped() {
        #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
        async fn test() {
            LOCAL.set(true);
            let local = tokio::task::LocalSet::new();
            local
                .run_until(async {
                    let _guard = verify_none().grace(grace());
                    body().await;
                })
                .await;
        }
        test();
    }
}

macro_rules! matrix {
    ($($row:ident: $($group:ident)*;)*) => {
        $(mod $row { $($group!($row);)* })*
    };
}

macro_rules! tests {
    ($row:ident: $($case:ident leaks [$($leak:literal),*];)*) => {
        $(
            #[test]
            fn $case() {
                let play: fn(super::Twin) -> super::Playing = |twin| Box::pin(super::cases::$case(twin));
                super::check(super::rows::$row, super::Case { play, leaks: &[$($leak),*] });
            }
        )*
    };
}

macro_rules! at_once {
    ($row:ident) => {
        tests! { $row:
            just_aborted leaks ["`worker`"];
            aborted_before_its_first_poll leaks ["`worker`"];
            channel_just_closed leaks ["`receiver`"];
            cascade leaks ["`child`", "`grandchild`"];
            join_set_just_dropped leaks ["3 tasks `settling::cases::member`"];
            spawns_while_winding_down leaks ["`successor`"];
        }
    };
}

macro_rules! busy {
    ($row:ident) => {
        tests! { $row: yields_while_winding_down leaks ["`worker`"]; }
    };
}

macro_rules! blocking {
    ($row:ident) => {
        tests! { $row: behind_spawn_blocking leaks ["`closure`", "`waits for a closure`"]; }
    };
}

macro_rules! timer {
    ($row:ident) => {
        tests! { $row: ends_by_a_timer leaks ["`sleeper`"]; }
    };
}

macro_rules! io {
    ($row:ident) => {
        tests! { $row: ends_by_io leaks ["`connection`"]; }
    };
}

matrix! {
    leak_test_current_thread:         at_once busy blocking timer io;
    leak_test_multi_thread:           at_once busy blocking timer io;
    leak_test_local:                  at_once busy blocking timer io;
    facade_current_thread:            at_once busy blocking timer io;
    facade_multi_thread:              at_once busy blocking timer io;
    stock_current_thread_finished:    at_once busy blocking timer io;
    stock_multi_thread_finished:      at_once busy blocking timer io;
    stock_multi_thread_dropped:       at_once busy blocking timer io;
    plain_multi_thread:               at_once busy blocking timer io;
    in_a_worker_s_task:               at_once busy blocking timer io;
    in_a_worker_s_tracked_task:       at_once busy blocking timer io;
    local_set_finished:               at_once busy blocking timer io;
    current_thread_elsewhere:         at_once busy blocking timer io;
    in_a_closure_of_a_current_thread_runtime: at_once busy blocking timer io;
    in_a_closure_beside_workers:      at_once busy blocking timer io;
    // No driver turns meanwhile, so neither timers nor sockets can end anything.
    stock_current_thread_dropped:     at_once busy blocking;
    plain_current_thread:             at_once busy blocking;
    local_set_dropped:                at_once busy blocking;
    local_set_beside_workers_dropped: at_once busy blocking;
    local_task_beside_workers_dropped: at_once busy blocking;
    // The clock goes on when nothing else can, which sockets and closures know nothing of.
    leak_test_start_paused:           at_once timer;
    stock_start_paused_finished:      at_once timer;
}
