//! A task that its runtime's shutdown ends is told from one that was aborted, and at little cost: what
//! that takes is counted in allocations of this thread, of which each task that a runtime is offered is one.

use pretty_assertions::assert_eq;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::future::pending;
use std::thread;
use taskleak::task::{Builder, JoinSet};
use tokio::runtime::Handle;
use tokio::task::yield_now;

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: all is passed on to the system's allocator as it comes; the count allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations(during: impl FnOnce()) -> usize {
    let before = ALLOCATIONS.get();
    during();
    ALLOCATIONS.get() - before
}

const TASKS: usize = 1000;
/// What a runtime allocates for itself.
const FEW: usize = 100;

fn plain() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
}

fn multi_thread() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .unwrap()
}

fn spawn(name: &'static str, runtime: &Handle) -> Vec<tokio::task::JoinHandle<()>> {
    let spawn = |_| Builder::new().name(name).spawn_on(pending(), runtime);
    (0..TASKS).map(spawn).collect()
}

/// How many of a name were aborted, and how many ended with their runtime; once all have ended.
fn ends(name: &str) -> [u64; 2] {
    loop {
        let snapshot = taskleak::manager().snapshot();
        let counts = snapshot.name(name).unwrap().counts();
        if counts.live() == 0 {
            return [counts.aborted, counts.shut_down];
        }
        thread::yield_now();
    }
}

#[test]
fn a_runtime_that_is_shut_down_is_asked_once() {
    let runtime = plain();
    let tasks = spawn("asked once", runtime.handle());
    runtime.block_on(yield_now());
    let asked = allocations(|| drop(runtime));
    assert_eq!(ends("asked once"), [0, TASKS as u64]);
    assert!(asked < FEW, "{asked}");
    drop(tasks);
}

/// Also if that is all that happens before it is shut down.
#[test]
fn one_that_was_aborted_just_before_was_not_shut_down() {
    for (name, runtime) in [
        ("before, current", plain()),
        ("before, multi", multi_thread()),
    ] {
        let aborted = spawn(name, runtime.handle());
        let left = spawn(name, runtime.handle());
        runtime.block_on(async {
            yield_now().await;
            for task in aborted {
                task.abort();
                task.await.unwrap_err();
            }
        });
        drop(runtime);
        assert_eq!(ends(name), [TASKS as u64; 2], "{name}");
        drop(left);
    }
}

#[test]
fn a_runtime_of_taskleaks_own_is_never_asked() {
    let runtime = taskleak::runtime::Runtime::from(plain());
    let aborted = spawn("never asked", runtime.handle());
    let left = spawn("never asked", runtime.handle());
    runtime.block_on(yield_now());
    let asked = allocations(|| {
        aborted.iter().for_each(|task| task.abort());
        runtime.block_on(async {
            for _ in 0..TASKS {
                yield_now().await;
            }
        });
    });
    assert!(asked < FEW, "{asked}");
    let asked = allocations(|| runtime.shutdown_background());
    assert!(asked < FEW, "{asked}");
    assert_eq!(ends("never asked"), [TASKS as u64; 2]);
    drop(left);
}

/// As tokio's own it may be shut down unseen.
#[test]
fn nor_is_one_that_was_taken_back_taken_for_one_that_lives() {
    let runtime = taskleak::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .unwrap();
    let tasks = spawn("taken back", runtime.handle());
    drop(runtime.into_inner());
    assert_eq!(ends("taken back"), [0, TASKS as u64]);
    drop(tasks);
}

/// From outside of any runtime, from another one and from itself.
#[test]
fn a_task_that_is_refused_was_shut_down() {
    for (name, is_own) in [("refused", false), ("refused by an own one", true)] {
        let gone = if is_own {
            let runtime = taskleak::runtime::Runtime::from(plain());
            runtime.handle().clone()
        } else {
            plain().handle().clone()
        };
        let offer = || {
            drop(spawn(name, &gone));
        };
        offer();
        let runtimes = [plain(), multi_thread()];
        for runtime in &runtimes {
            runtime.block_on(async { offer() });
        }
        {
            let _entered = gone.enter();
            offer();
            drop(Builder::new().name(name).spawn(pending::<()>()));
        }
        let refused = 4 * TASKS as u64 + 1;
        assert_eq!(ends(name), [0, refused], "{name}");
        // Those that offered them live, and what is aborted there is aborted.
        for runtime in runtimes {
            let alive = format!("{name}, {:?}", runtime.handle().runtime_flavor());
            let task = Builder::new()
                .name(alive.clone())
                .spawn_on(pending::<()>(), runtime.handle());
            task.abort();
            runtime.block_on(task).unwrap_err();
            assert_eq!(ends(&alive), [1, 0]);
        }
    }
}

async fn in_a_set() {
    pending().await
}

#[test]
fn so_was_one_that_is_refused_in_a_set() {
    let gone = plain().handle().clone();
    let mut set = JoinSet::new();
    set.spawn_on(in_a_set(), &gone);
    multi_thread().block_on(async {
        set.spawn_on(in_a_set(), &gone);
    });
    let name = concat!(module_path!(), "::in_a_set");
    assert_eq!(ends(name), [0, 2]);
    let lives = plain();
    set.spawn_on(in_a_set(), lives.handle());
    set.abort_all();
    lives.block_on(yield_now());
    assert_eq!(ends(name), [1, 2]);
}

/// From outside of any runtime and from another one.
#[test]
fn so_was_one_that_is_refused_under_a_limit() {
    let gone = plain().handle().clone();
    let name = "refused under a limit";
    let offer = |to: &Handle| {
        let task = Builder::new().name(name).limit(name, 2 * TASKS);
        drop(task.try_spawn_on(pending::<()>(), to).unwrap());
    };
    offer(&gone);
    let lives = plain();
    lives.block_on(async {
        offer(&gone);
        let task = Builder::new().name(name).limit(name, 2 * TASKS);
        drop(task.spawn_on(pending::<()>(), &gone).await);
    });
    assert_eq!(ends(name), [0, 3]);
    // One that is aborted where it was taken in was aborted.
    let name = "aborted under a limit";
    let task = Builder::new().name(name).limit(name, 1);
    let task = task.try_spawn_on(pending::<()>(), lives.handle()).unwrap();
    task.abort();
    lives.block_on(task).unwrap_err();
    assert_eq!(ends(name), [1, 0]);
}

/// A refused task's destructor spawns elsewhere, and that task is none that was refused.
#[test]
fn what_a_refused_task_spawns_while_it_is_dropped_may_live() {
    struct Spawns(Handle);

    impl Drop for Spawns {
        fn drop(&mut self) {
            let task = Builder::new().name("spawned by refused");
            task.spawn_on(pending::<()>(), &self.0).abort();
        }
    }

    let gone = plain().handle().clone();
    let lives = plain();
    let spawns = Spawns(lives.handle().clone());
    let refused = Builder::new().name("refused and spawns").spawn_on(
        async move {
            let _spawns = spawns;
            pending::<()>().await;
        },
        &gone,
    );
    lives.block_on(yield_now());
    assert_eq!(ends("refused and spawns"), [0, 1]);
    assert_eq!(ends("spawned by refused"), [1, 0]);
    drop(refused);
}

/// More of them than are remembered, of either type, at a time.
#[test]
fn many_runtimes_are_shut_down_at_once() {
    const RUNTIMES: usize = 100;
    thread::scope(|scope| {
        for number in 0..2 {
            scope.spawn(move || {
                let name = ["many runtimes", "many of taskleak's own"][number];
                let runtimes: Vec<_> = (0..RUNTIMES)
                    .map(|_| {
                        let runtime = plain();
                        let tasks = [(); 3].map(|()| {
                            Builder::new()
                                .name(name)
                                .spawn_on(pending::<()>(), runtime.handle())
                        });
                        if number == 0 {
                            (Ok(runtime), tasks)
                        } else {
                            (Err(taskleak::runtime::Runtime::from(runtime)), tasks)
                        }
                    })
                    .collect();
                for (runtime, [aborted, ..]) in &runtimes {
                    aborted.abort();
                    match runtime {
                        Ok(runtime) => runtime.block_on(yield_now()),
                        Err(runtime) => runtime.block_on(yield_now()),
                    }
                }
                drop(runtimes);
            });
        }
    });
    for name in ["many runtimes", "many of taskleak's own"] {
        assert_eq!(ends(name), [RUNTIMES as u64, 2 * RUNTIMES as u64], "{name}");
    }
}
