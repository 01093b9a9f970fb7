//! A tracked task is a tokio task: each test does the same twice, by tokio and by taskleak, and compares what is seen.
//!
//! Once more under a guard that may have to drive the tasks itself, which keeps their futures in another way.

use std::any::type_name_of_val;
use std::cell::{Cell, RefCell};
use std::future::{Future, pending, poll_fn};
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll};
use std::thread;
use std::time::Duration;

use tokio::runtime::{Handle, Runtime};
use tokio::task::{AbortHandle, JoinError, JoinHandle, yield_now};

type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

fn current_thread() -> Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

fn multi_thread() -> Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
}

/// Defines a test that runs its body with `$task` as `tokio::task` and as `taskleak::task`, on both kinds of runtime,
/// with a guard around it and without, and compares what the bodies return.
macro_rules! twins {
    ($($(#[$doc:meta])* async fn $name:ident($task:ident) -> $output:ty $body:block)*) => {
        $(
            $(#[$doc])*
            #[test]
            fn $name() {
                async fn by_tokio() -> $output { use tokio::task as $task; $body }
                async fn by_taskleak() -> $output { use taskleak::task as $task; $body }
                for runtime in [current_thread, multi_thread] {
                    let expected = runtime().block_on(by_tokio());
                    assert_eq!(runtime().block_on(by_taskleak()), expected, "without a guard");
                    let guarded = runtime().block_on(async {
                        let guard = taskleak::verify_none().on_leak(taskleak::Action::Warn);
                        let output = by_taskleak().await;
                        drop(guard.grace(Duration::ZERO));
                        output
                    });
                    assert_eq!(guarded, expected, "with a guard");
                }
            }
        )*
    };
}

/// What a JoinError says, without the task's number.
fn said(error: &JoinError) -> (bool, bool, String) {
    let text = format!("{error} {error:?}").replace(&error.id().to_string(), "id");
    (error.is_cancelled(), error.is_panic(), text)
}

/// Notes which thread drops it, and what else was dropped before.
struct Noted(
    &'static str,
    Arc<Mutex<Vec<(&'static str, thread::ThreadId)>>>,
);

impl Drop for Noted {
    fn drop(&mut self) {
        self.1
            .lock()
            .unwrap()
            .push((self.0, thread::current().id()));
    }
}

tokio::task_local! {
    static LOCAL: u32;
}

twins! {
    async fn outputs(task) -> (u32, String, ()) {
        let number = task::spawn(async { yield_now().await; 7 });
        let text = task::spawn_blocking(|| "text".to_owned());
        let nothing = task::spawn(async {});
        (number.await.unwrap(), text.await.unwrap(), nothing.await.unwrap())
    }

    async fn panics(task) -> Vec<(bool, bool, String)> {
        let mut all = Vec::new();
        for polled_before in [false, true] {
            let panics = task::spawn(async move {
                if polled_before { yield_now().await; }
                panic!("a message with {}", 1)
            });
            all.push(said(&panics.await.unwrap_err()));
        }
        let blocking = task::spawn_blocking(|| panic!("in a closure"));
        all.push(said(&blocking.await.unwrap_err()));
        let payload = task::spawn(async { std::panic::panic_any(17_u64) });
        let payload = payload.await.unwrap_err().into_panic();
        all.push((false, false, payload.downcast::<u64>().unwrap().to_string()));
        all
    }

    async fn aborts(task) -> Vec<(bool, bool, String)> {
        let mut all = Vec::new();
        for polled_before in [false, true] {
            let handle = task::spawn(pending::<()>());
            if polled_before { yield_now().await; }
            let abort = handle.abort_handle();
            assert!(!handle.is_finished() && !abort.is_finished());
            abort.abort();
            all.push(said(&handle.await.unwrap_err()));
            assert!(abort.is_finished());
        }
        // Too late.
        let handle = task::spawn(async { 1 });
        while !handle.is_finished() { yield_now().await; }
        handle.abort();
        assert_eq!(handle.await.unwrap(), 1);
        all
    }

    /// A closure that has not begun can be aborted, one that has cannot.
    async fn aborts_of_closures(task) -> (Option<u32>, bool, bool) {
        let (release, released) = mpsc::channel::<()>();
        let (begin, begun) = mpsc::channel();
        let running = task::spawn_blocking(move || {
            begin.send(()).unwrap();
            let _ = released.recv();
            1
        });
        tokio::task::spawn_blocking(move || begun.recv().unwrap()).await.unwrap();
        running.abort();
        drop(release);
        let ran = Arc::new(AtomicUsize::new(0));
        let single = tokio::runtime::Builder::new_current_thread().max_blocking_threads(1).build().unwrap();
        let (release, released) = mpsc::channel::<()>();
        let context = single.enter();
        let first = task::spawn_blocking(move || { let _ = released.recv(); });
        let counted = ran.clone();
        let second = task::spawn_blocking(move || counted.fetch_add(1, SeqCst));
        drop(context);
        second.abort();
        drop(release);
        first.await.unwrap();
        let cancelled = second.await.is_err_and(|error| error.is_cancelled());
        let output = running.await.ok();
        single.shutdown_background();
        (output, cancelled, ran.load(SeqCst) == 0)
    }

    async fn ids(task) -> [bool; 4] {
        let handle = task::spawn(async { (task::id(), task::try_id()) });
        let outside = handle.id();
        let (inside, tried) = handle.await.unwrap();
        let closure = task::spawn_blocking(task::id);
        let closure_outside = closure.id();
        [
            inside == outside,
            tried == Some(outside),
            closure.await.unwrap() == closure_outside,
            task::try_id().is_none(),
        ]
    }

    async fn task_locals(task) -> [Option<u32>; 3] {
        let within = task::spawn(LOCAL.scope(3, async { yield_now().await; LOCAL.with(|value| *value) }));
        LOCAL.scope(5, async {
            let not_inherited = task::spawn(async { LOCAL.try_with(|value| *value).ok() });
            [Some(within.await.unwrap()), not_inherited.await.unwrap(), Some(LOCAL.get())]
        }).await
    }

    /// How many messages one poll takes before it yields.
    async fn cooperative_budget(task) -> (usize, usize) {
        async fn longest_run() -> usize {
            let (send, mut receive) = tokio::sync::mpsc::unbounded_channel();
            (0..1000).for_each(|number| send.send(number).unwrap());
            let (mut run, mut longest, mut left) = (0, 0, 1000);
            while left > 0 {
                run = 0;
                poll_fn(|cx| loop {
                    match receive.poll_recv(cx) {
                        Poll::Ready(_) => { run += 1; left -= 1; }
                        Poll::Pending => { longest = run.max(longest); return Poll::Ready(()); }
                    }
                    if left == 0 { return Poll::Ready(()); }
                }).await;
                yield_now().await;
            }
            longest.max(run)
        }
        let limited = task::spawn(longest_run()).await.unwrap();
        let free = task::spawn(task::unconstrained(longest_run())).await.unwrap();
        (limited, free)
    }

    /// A future is dropped before its output goes anywhere, fields in their order.
    async fn drop_order(task) -> Vec<Vec<&'static str>> {
        let mut all = Vec::new();
        for end in 0..4 {
            let notes = Arc::default();
            let (first, second, output) =
                (Noted("first", Arc::clone(&notes)), Noted("second", notes.clone()), Noted("output", notes.clone()));
            let handle = task::spawn(async move {
                let _both = (first, second);
                match end {
                    0 => {}
                    1 => panic!("on purpose"),
                    _ => pending().await,
                }
                output
            });
            if end != 3 { yield_now().await; }
            if end >= 2 { handle.abort(); }
            drop(handle.await);
            let notes = notes.lock().unwrap();
            all.push(notes.iter().map(|(name, _)| *name).collect());
        }
        all
    }

    /// Whether a detached task's output is dropped by the runtime, and a joined one's by who joins.
    async fn who_drops_the_output(task) -> (bool, bool) {
        let (notes, here) = (Arc::default(), thread::current().id());
        let joined = Noted("joined", Arc::clone(&notes));
        drop(task::spawn(async move { joined }).await);
        let joined_here = notes.lock().unwrap().pop().unwrap().1 == here;
        let detached = Noted("detached", notes.clone());
        let (detach, is_detached) = tokio::sync::oneshot::channel::<()>();
        let (send, dropped) = tokio::sync::oneshot::channel::<()>();
        drop(task::spawn(async move { is_detached.await.unwrap(); (detached, send) }));
        detach.send(()).unwrap();
        let _ = dropped.await;
        let detached_here = notes.lock().unwrap().pop().unwrap().1 == here;
        let is_current_thread = Handle::current().runtime_flavor() == tokio::runtime::RuntimeFlavor::CurrentThread;
        // On several threads it is a race between the handle's drop and the task's end.
        (joined_here, detached_here || !is_current_thread)
    }

    async fn huge_futures(task) -> Vec<usize> {
        let mut all = Vec::new();
        let huge = task::spawn(async { let memory = [1_u8; 300_000]; yield_now().await; memory.len() });
        all.push(huge.await.unwrap());
        let huge_output = task::spawn(async { [1_u8; 50_000] });
        all.push(huge_output.await.unwrap().len());
        let captured = [1_u8; 50_000];
        all.push(task::spawn_blocking(move || captured.len()).await.unwrap());
        all
    }

    async fn nested_boxed_and_borrowing(task) -> u32 {
        fn depth(left: u32) -> Boxed<u32> {
            Box::pin(async move {
                if left == 0 { return 0; }
                task::spawn(depth(left - 1)).await.unwrap() + 1
            })
        }
        let borrowed: &'static str = "static";
        depth(20).await + task::spawn(async move { borrowed.len() as u32 }).await.unwrap()
    }

    async fn wakers(task) -> (bool, usize) {
        // One waker through all polls, that outlives its task and may be called whenever.
        let polls = Arc::new(AtomicUsize::new(0));
        let kept = Arc::new(Mutex::new(None::<std::task::Waker>));
        let (counted, keep) = (polls.clone(), kept.clone());
        let handle = task::spawn(poll_fn(move |cx| {
            let mut kept = keep.lock().unwrap();
            let same = kept.as_ref().is_none_or(|waker| waker.will_wake(cx.waker()));
            *kept = Some(cx.waker().clone());
            if counted.fetch_add(1, SeqCst) == 3 { return Poll::Ready(same); }
            cx.waker().wake_by_ref();
            Poll::Pending
        }));
        let same = handle.await.unwrap();
        let waker = kept.lock().unwrap().take().unwrap();
        waker.wake_by_ref();
        waker.wake();
        yield_now().await;
        (same, polls.load(SeqCst))
    }

    async fn join_sets(task) -> Vec<String> {
        let mut all = Vec::new();
        let mut set = task::JoinSet::new();
        assert!(set.is_empty() && set.try_join_next().is_none() && set.join_next().await.is_none());
        let first = set.spawn(async { 1 });
        let second = set.spawn_on(async { 2 }, &Handle::current());
        set.spawn_blocking(|| 3);
        set.spawn_blocking_on(|| 4, &Handle::current());
        let panics = set.spawn(async { panic!("in a set") });
        let stuck = set.spawn(pending());
        all.push(format!("{}", set.len()));
        stuck.abort();
        let (mut outputs, mut errors) = (Vec::new(), Vec::new());
        while let Some(joined) = set.join_next_with_id().await {
            match joined {
                Ok((id, output)) => {
                    assert_eq!(id == first.id(), output == 1);
                    assert_eq!(id == second.id(), output == 2);
                    outputs.push(output);
                }
                Err(error) => {
                    assert!(error.id() == panics.id() || error.id() == stuck.id());
                    errors.push(said(&error).2);
                }
            }
        }
        outputs.sort();
        errors.sort();
        all.push(format!("{outputs:?} {errors:?}"));
        set.spawn(async { 5 });
        while set.is_empty() { yield_now().await; }
        let joined = loop {
            if let Some(joined) = set.try_join_next_with_id() { break joined; }
            yield_now().await;
        };
        all.push(format!("{}", joined.unwrap().1));
        let dropped = Arc::new(());
        for _ in 0..3 {
            let held = dropped.clone();
            set.spawn(async move { let _held = held; pending().await });
        }
        set.abort_all();
        all.push(format!("{}", set.join_next().await.unwrap().unwrap_err().is_cancelled()));
        set.shutdown().await;
        all.push(format!("{} {}", set.len(), Arc::strong_count(&dropped)));
        let held = dropped.clone();
        set.spawn(async move { let _held = held; pending().await });
        set.detach_all();
        yield_now().await;
        all.push(format!("{} {}", set.len(), Arc::strong_count(&dropped)));
        let collected: task::JoinSet<_> = (0..5).map(|number| async move { number * 2 }).collect();
        let mut collected = collected.join_all().await;
        collected.sort();
        all.push(format!("{collected:?}"));
        all.push(format!("{:?}", task::JoinSet::<()>::default()));
        let mut polled = task::JoinSet::new();
        polled.spawn(async { 6 });
        let polled = poll_fn(|cx| polled.poll_join_next(cx)).await;
        all.push(format!("{}", polled.unwrap().unwrap()));
        all
    }

    async fn panics_of_join_all(task) -> (bool, String) {
        let mut set = task::JoinSet::new();
        set.spawn(async { panic!("one of all") });
        set.spawn(pending::<()>());
        let panic = task::spawn(async move { set.join_all().await }).await.unwrap_err();
        let is_panic = panic.is_panic();
        (is_panic, panic.into_panic().downcast::<&str>().unwrap().to_string())
    }

    async fn a_set_aborts_what_it_holds_when_it_is_dropped(task) -> usize {
        let held = Arc::new(());
        let mut set = task::JoinSet::new();
        for _ in 0..3 {
            let held = held.clone();
            set.spawn(async move { let _held = held; pending::<()>().await });
        }
        yield_now().await;
        drop(set);
        while Arc::strong_count(&held) > 1 { yield_now().await; }
        Arc::strong_count(&held)
    }
}

/// The same for what stays on its thread.
macro_rules! local_twins {
    ($($(#[$doc:meta])* fn $name:ident($task:ident) -> $output:ty $body:block)*) => {
        $(
            $(#[$doc])*
            #[test]
            fn $name() {
                fn by_tokio() -> $output { use tokio::task as $task; $body }
                fn by_taskleak() -> $output { use taskleak::task as $task; $body }
                let expected = by_tokio();
                assert_eq!(by_taskleak(), expected, "without a guard");
                let guard = taskleak::verify_none().grace(Duration::ZERO);
                assert_eq!(by_taskleak(), expected, "with a guard");
                drop(guard);
            }
        )*
    };
}

local_twins! {
    fn local_sets(task) -> Vec<String> {
        let runtime = current_thread();
        let local = task::LocalSet::new();
        let mut all = Vec::new();
        let shared = Rc::new(Cell::new(0));
        let (first, second) = (shared.clone(), shared.clone());
        let outer = local.spawn_local(async move {
            first.set(first.get() + 1);
            let inner = task::spawn_local(async move { second.set(second.get() + 10); Rc::new(7) });
            *inner.await.unwrap()
        });
        all.push(format!("{}", shared.get()));
        all.push(format!("{}", local.block_on(&runtime, outer).unwrap()));
        all.push(format!("{}", shared.get()));
        let output = runtime.block_on(local.run_until(async {
            let panics = task::spawn_local(async { panic!("locally") });
            let panics = said(&panics.await.unwrap_err());
            let stuck = task::spawn_local(pending::<()>());
            stuck.abort();
            let id = task::spawn_local(async { task::id() });
            let (outside, inside) = (id.id(), id.await.unwrap());
            format!("{panics:?} {} {}", stuck.await.unwrap_err().is_cancelled(), outside == inside)
        }));
        all.push(output);
        let mut set = task::JoinSet::new();
        let here = Rc::new(5);
        set.spawn_local_on({ let here = here.clone(); async move { *here } }, &local);
        all.push(format!("{:?}", local.block_on(&runtime, async {
            set.spawn_local(async move { *here + 1 });
            let mut outputs = Vec::new();
            while let Some(output) = set.join_next().await { outputs.push(output.unwrap()); }
            outputs.sort();
            outputs
        })));
        {
            let _entered = local.enter();
            task::spawn_local({ let shared = shared.clone(); async move { shared.set(99) } });
        }
        // As a future it runs until all its tasks have ended.
        runtime.block_on(local);
        all.push(format!("{}", shared.get()));
        all
    }

    fn a_local_set_drops_what_it_holds(task) -> (usize, Vec<&'static str>) {
        let runtime = current_thread();
        let local = task::LocalSet::default();
        let held = Rc::new(());
        let notes = Arc::default();
        let (never_polled, polled) = (Noted("never polled", Arc::clone(&notes)), Noted("polled", notes.clone()));
        let kept = held.clone();
        local.spawn_local(async move { let _all = (kept, polled); pending::<()>().await });
        local.block_on(&runtime, yield_now());
        local.spawn_local(async move { let _all = never_polled; pending::<()>().await });
        drop(local);
        let mut notes: Vec<_> = notes.lock().unwrap().iter().map(|(name, _)| *name).collect();
        notes.sort();
        (Rc::strong_count(&held), notes)
    }

    fn shutdown_drops_what_runs(task) -> (usize, usize, bool) {
        let (held, started) = (Arc::new(()), Arc::new(AtomicUsize::new(0)));
        let runtime = multi_thread();
        let handles: Vec<JoinHandle<()>> = runtime.block_on(async {
            let spawn = |_| {
                let (held, started) = (held.clone(), started.clone());
                task::spawn(async move { started.fetch_add(1, SeqCst); let _held = held; pending().await })
            };
            let handles: Vec<_> = (0..8).map(spawn).collect();
            while started.load(SeqCst) < 8 { yield_now().await; }
            handles
        });
        let late = runtime.handle().clone();
        drop(runtime);
        let all_cancelled = handles.into_iter().all(|handle| {
            current_thread().block_on(handle).is_err_and(|error| error.is_cancelled())
        });
        // A runtime that is gone takes nothing any more.
        let _context = late.enter();
        let refused = current_thread().block_on(task::spawn(async {})).is_err();
        (Arc::strong_count(&held), started.load(SeqCst), all_cancelled && refused)
    }

    fn a_tokio_set_and_back(task) -> usize {
        let _task: Option<task::JoinSet<()>> = None;
        let set = tokio::task::JoinSet::<()>::new();
        taskleak::task::JoinSet::from(set).into_inner().len()
    }
}

/// Where a panic says it happened.
fn place_of(panics: impl FnOnce()) -> (String, u32) {
    thread_local! {
        static PLACE: RefCell<Option<(String, u32)>> = const { RefCell::new(None) };
    }
    static HOOK: std::sync::Once = std::sync::Once::new();
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let place = panic.location().map(|at| (at.file().to_owned(), at.line()));
            PLACE.with(|last| *last.borrow_mut() = place);
            before(panic);
        }));
    });
    catch_unwind(AssertUnwindSafe(panics)).expect_err("it panics");
    PLACE
        .with(|last| last.borrow_mut().take())
        .expect("a panic has a place")
}

#[track_caller]
fn assert_blames_this_line(panics: impl FnOnce()) {
    let caller = Location::caller();
    assert_eq!(place_of(panics), (caller.file().to_owned(), caller.line()));
}

#[test]
#[rustfmt::skip]
fn misuse_is_blamed_on_the_caller() {
    use taskleak::task;
    assert_blames_this_line(|| drop(taskleak::spawn(async {})));
    assert_blames_this_line(|| drop(task::spawn(async {})));
    assert_blames_this_line(|| drop(task::spawn_local(async {})));
    assert_blames_this_line(|| drop(task::spawn_blocking(|| ())));
    assert_blames_this_line(|| drop(task::Builder::new().spawn(async {})));
    assert_blames_this_line(|| drop(task::Builder::new().spawn_local(async {})));
    assert_blames_this_line(|| drop(task::Builder::new().spawn_blocking(|| ())));
    assert_blames_this_line(|| drop(task::JoinSet::new().spawn(async {})));
    assert_blames_this_line(|| drop(task::JoinSet::new().spawn_local(async {})));
    assert_blames_this_line(|| drop(task::JoinSet::new().spawn_blocking(|| ())));
    // None of them left a record behind.
    let here = |info: &&taskleak::TaskInfo| info.location().line() >= line!() - 15 && info.location().line() < line!();
    assert_eq!(taskleak::live_tasks().iter().filter(here).count(), 0);
}

/// The bounds are tokio's: what compiles there compiles here, and handles are tokio's own.
#[test]
fn bounds_and_types() {
    fn is_send<T: Send>(_: &T) {}
    let runtime = current_thread();
    runtime.block_on(async {
        let handle: JoinHandle<u32> = taskleak::spawn(async { 1 });
        is_send(&handle);
        let _: AbortHandle = handle.abort_handle();
        let mut set = taskleak::task::JoinSet::<u32>::new();
        is_send(&set);
        let _: AbortHandle = set.spawn(async { 2 });
        // Neither the output's nor the closure's type needs more than Send.
        struct NotSync(Cell<u32>);
        let output = taskleak::spawn(async { NotSync(Cell::new(3)) })
            .await
            .unwrap();
        assert_eq!(output.0.get(), 3);
        // The twins are `Unpin` as tokio's are, and a function item is a spawner.
        fn assert_unpin<T: Unpin>(_: &T) {}
        assert_unpin(&set);
        let spawn: fn(Boxed<()>) -> JoinHandle<()> = taskleak::spawn;
        spawn(Box::pin(async {})).await.unwrap();
        assert!(type_name_of_val(&handle).starts_with("tokio::"));
        handle.await.unwrap();
        set.join_all().await;
    });
}

/// A future that must not be moved once polled, and one that is polled after a panic was caught in it.
#[test]
fn pinned_futures_stay_where_they_are() {
    struct Address(Option<usize>, std::marker::PhantomPinned, u32);
    impl Future for Address {
        type Output = ();
        fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
            let here = &raw const *self as usize;
            // SAFETY: nothing is moved out of the future.
            let this = unsafe { self.get_unchecked_mut() };
            assert_eq!(*this.0.get_or_insert(here), here);
            this.2 += 1;
            cx.waker().wake_by_ref();
            if this.2 == 5 {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        }
    }
    impl Drop for Address {
        fn drop(&mut self) {
            let here = &raw const *self as usize;
            assert!(self.0.is_none_or(|polled_at| polled_at == here));
        }
    }
    let address = || Address(None, std::marker::PhantomPinned, 0);
    for runtime in [current_thread(), multi_thread()] {
        runtime.block_on(async {
            let guard = taskleak::verify_none();
            taskleak::spawn(address()).await.unwrap();
            let task = taskleak::spawn(address());
            yield_now().await;
            task.abort();
            taskleak::spawn(address());
            guard.finish_blocking();
        });
    }
}

/// What a guard polled on the runtime's behalf reaches the task's handle all the same.
#[test]
fn outputs_of_drained_tasks_are_delivered() {
    let runtime = current_thread();
    let (ends, panics, aborted) = runtime.block_on(async {
        let guard = taskleak::verify_none();
        let (stop, stopped) = tokio::sync::watch::channel(());
        let wait = |mut stopped: tokio::sync::watch::Receiver<()>| async move {
            let _ = stopped.changed().await;
        };
        let (first, second) = (wait(stopped.clone()), wait(stopped));
        let ends = taskleak::spawn(async {
            first.await;
            7
        });
        let panics = taskleak::spawn(async {
            second.await;
            panic!("while winding down")
        });
        let aborted = taskleak::spawn(pending::<()>());
        yield_now().await;
        drop(stop);
        aborted.abort();
        drop(guard);
        (ends, panics, aborted)
    });
    runtime.block_on(async {
        assert_eq!(ends.await.unwrap(), 7);
        let panic = panics.await.unwrap_err().into_panic();
        assert_eq!(*panic.downcast::<&str>().unwrap(), "while winding down");
        assert!(aborted.await.unwrap_err().is_cancelled());
    });
}
