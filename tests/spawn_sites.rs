//! The allocator that keeps spawn backtraces of tasks nobody tracked.

use std::alloc::{Layout, alloc, dealloc, realloc};
use std::future::{Future, pending, poll_fn};
use std::task::Poll;

use taskleak::alloc::{SpawnSites, spawn_backtrace};
use taskleak::{FrameOrigin, verify_none};
use tokio::sync::oneshot;
use tokio_util::task::TaskTracker;

#[global_allocator]
static ALLOCATOR: SpawnSites = SpawnSites::system();

/// A future that tells the address of the task that polls it, and then never ends.
fn telling() -> (impl Future<Output = ()>, oneshot::Receiver<usize>) {
    let (told, tells) = oneshot::channel();
    let mut told = Some(told);
    let future = poll_fn(move |cx| {
        if let Some(told) = told.take() {
            _ = told.send(cx.waker().data().addr());
        }
        Poll::Pending
    });
    (future, tells)
}

/// The functions of a task's spawn backtrace that a person is shown.
async fn shown(address: oneshot::Receiver<usize>) -> Option<Vec<&'static str>> {
    let stack = spawn_backtrace(address.await.expect("the task is polled"))?;
    let frames = stack.user_frames();
    Some(frames.iter().map(|frame| frame.function()).collect())
}

#[inline(never)]
fn starts_with_tokio(future: impl Future<Output = ()> + Send + 'static) {
    drop(tokio::spawn(future));
}

#[tokio::test]
async fn a_plain_spawn() {
    let _guard = verify_none().on_leak(taskleak::Action::Warn);
    let (future, address) = telling();
    starts_with_tokio(future);
    assert_eq!(
        shown(address).await.expect("it is noted"),
        [
            "spawn_sites::starts_with_tokio",
            "spawn_sites::a_plain_spawn"
        ]
    );
}

/// What a dependency spawns is shown with the dependency's frame and the way to it.
#[tokio::test]
async fn a_dependency_s_spawn() {
    let _guard = verify_none().on_leak(taskleak::Action::Warn);
    let (future, address) = telling();
    let tracker = TaskTracker::new();
    drop(tracker.spawn(future));
    let address = address.await.unwrap();
    let stack = spawn_backtrace(address).expect("it is noted");
    let frames = stack.user_frames();
    assert_eq!(frames[0].origin(), FrameOrigin::Dependency);
    assert!(frames[0].package().unwrap().starts_with("tokio-util-"));
    assert!(frames[0].function().ends_with("TaskTracker::spawn"));
    assert_eq!(frames[1].function(), "spawn_sites::a_dependency_s_spawn");
    assert_eq!(frames.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_s_spawn() {
    let _guard = verify_none().on_leak(taskleak::Action::Warn);
    let (future, address) = telling();
    let outer = async move { starts_with_tokio(future) };
    tokio::spawn(outer).await.unwrap();
    let shown = shown(address).await.expect("it is noted");
    assert_eq!(shown[0], "spawn_sites::starts_with_tokio");
    assert_eq!(shown[1], "spawn_sites::a_worker_s_spawn");
}

/// A large future is boxed by tokio, and the task is another block.
#[tokio::test]
async fn a_large_future() {
    let _guard = verify_none().on_leak(taskleak::Action::Warn);
    let (future, address) = telling();
    let large = async move {
        let space = [7_u8; 100_000];
        future.await;
        std::hint::black_box(&space);
    };
    starts_with_tokio(large);
    let shown = shown(address).await.expect("it is noted");
    assert_eq!(shown[0], "spawn_sites::starts_with_tokio");
}

/// A tracked spawn has captured its backtrace already; the next plain one is noted again.
#[tokio::test]
async fn a_tracked_spawn_is_left_out() {
    let _guard = verify_none().on_leak(taskleak::Action::Warn);
    let (future, address) = telling();
    taskleak::spawn(future);
    assert_eq!(shown(address).await, None);
    let (future, address) = telling();
    starts_with_tokio(future);
    assert!(shown(address).await.is_some());
}

#[tokio::test]
async fn the_end_of_a_task_is_noted() {
    let _guard = verify_none();
    let (future, address) = telling();
    let task = tokio::spawn(future);
    let address = address.await.unwrap();
    let noted = spawn_backtrace(address);
    assert!(noted.is_some());
    task.abort();
    _ = task.await;
    // Another test may have the memory by now, with a backtrace of its own.
    assert_ne!(spawn_backtrace(address), noted);
}

/// Any block of that alignment, whoever allocates it.
#[test]
fn blocks_come_and_go() {
    let _guard = verify_none();
    let layout = Layout::from_size_align(256, 128).unwrap();
    // SAFETY: the layout has a size; the block is reallocated and freed with the layout it has then.
    unsafe {
        let block = alloc(layout);
        let noted = spawn_backtrace(block.addr());
        assert!(noted.is_some());
        let bigger = realloc(block, layout, 512);
        // Another test may have the memory by now, with a backtrace of its own.
        assert_ne!(spawn_backtrace(block.addr()), noted);
        assert!(spawn_backtrace(bigger.addr()).is_none());
        dealloc(bigger, Layout::from_size_align(512, 128).unwrap());
    }
    let small = Box::new(7_u64);
    assert!(spawn_backtrace(std::ptr::from_ref(&*small).addr()).is_none());
}

/// While nobody judges, and in a guard's absence, nothing is captured: in a process of its own, since the other
/// tests' guards are this one's too.
#[test]
fn without_a_guard_nothing_is_noted() {
    if std::env::var_os("SPAWN_SITES_ALONE").is_none() {
        let alone = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "without_a_guard_nothing_is_noted"])
            .env("SPAWN_SITES_ALONE", "1")
            .output()
            .unwrap();
        assert!(alone.status.success(), "{alone:?}");
        return;
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        let (future, address) = telling();
        starts_with_tokio(future);
        assert_eq!(shown(address).await, None);
    });
}

/// Threads that spawn and end tasks at once, and look at each other's blocks.
#[test]
fn under_load() {
    let _guard = verify_none();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .build()
                    .unwrap();
                runtime.block_on(async {
                    for _ in 0..200 {
                        let tasks: Vec<_> = (0..20)
                            .map(|_| {
                                let (future, address) = telling();
                                (tokio::spawn(future), address)
                            })
                            .collect();
                        for (task, address) in tasks {
                            assert!(spawn_backtrace(address.await.unwrap()).is_some());
                            task.abort();
                            _ = task.await;
                        }
                    }
                    drop(tokio::spawn(pending::<()>()));
                });
            });
        }
    });
}
