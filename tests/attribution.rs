//! Which guard answers for a task, in every place a task can be spawned from.
#![allow(
    clippy::async_yields_async,
    reason = "tasks hand out the handles of those they spawned"
)]

use std::future::pending;
use std::sync::{Barrier, LazyLock, mpsc};
use std::thread;
use std::time::Duration;

use taskleak::task::Builder;
use taskleak::{Guard, LeakReport, Options, find, leak_test, verify_none};
use tokio::runtime::{Handle, Runtime};
use tokio::task::JoinHandle;

/// What all tests of a binary share. One has used it before: none can believe that it is its alone.
static SHARED: LazyLock<Runtime> = LazyLock::new(|| {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(3)
        .enable_all()
        .build()
        .unwrap();
    for _ in 0..2 {
        let _context = runtime.enter();
        drop(verify_none());
    }
    runtime
});

fn stuck(name: &str) -> JoinHandle<()> {
    Builder::new().name(name.to_owned()).spawn(pending())
}

fn stuck_on(runtime: &Handle, name: &str) -> JoinHandle<()> {
    Builder::new()
        .name(name.to_owned())
        .spawn_on(pending(), runtime)
}

/// What leaks is given in vain.
const SHORT: Duration = Duration::from_millis(20);
/// More than even a busy machine takes for what ends.
const LONG: Duration = Duration::from_secs(60);

/// Ends a guard with leaks; the names that it reports, sorted.
fn leaks_of(guard: Guard) -> Vec<String> {
    names_of(guard.grace(SHORT))
}

/// The same with the grace that the guard has.
fn names_of(guard: Guard) -> Vec<String> {
    let (send, reported) = mpsc::channel();
    let guard = guard.on_leak(taskleak::Action::Warn);
    guard
        .cleanup(move |report| send.send(names(report)).unwrap())
        .finish_blocking();
    reported.recv().expect("the guard gave its verdict")
}

/// What the guard that is open here would report.
fn names_here() -> Vec<String> {
    let found = find(Options::new().grace(SHORT));
    found.err().as_ref().map(names).unwrap_or_default()
}

fn names(report: &LeakReport) -> Vec<String> {
    let tasks = report.leaks().iter().flat_map(|leak| leak.tasks());
    let mut names: Vec<_> = tasks.map(|task| task.name().to_owned()).collect();
    names.sort();
    names
}

fn abort(tasks: impl IntoIterator<Item = JoinHandle<()>>) {
    tasks.into_iter().for_each(|task| task.abort());
}

#[test]
fn parallel_tests_on_a_shared_runtime() {
    const TESTS: usize = 16;
    let all_open = Barrier::new(TESTS);
    thread::scope(|scope| {
        for test in 0..TESTS {
            let all_open = &all_open;
            scope.spawn(move || {
                let guard = verify_none();
                let tasks = SHARED.block_on(async {
                    all_open.wait();
                    let parent = Builder::new()
                        .name(format!("{test}: parent"))
                        .spawn(async move {
                            tokio::task::yield_now().await;
                            vec![stuck(&format!("{test}: child"))]
                        });
                    let mut tasks = parent.await.unwrap();
                    tasks.push(stuck(&format!("{test}: its own")));
                    all_open.wait();
                    tasks
                });
                let expected = [format!("{test}: child"), format!("{test}: its own")];
                assert_eq!(leaks_of(guard), expected);
                abort(tasks);
            });
        }
    });
}

#[test]
fn guards_within_guards() {
    let _context = SHARED.enter();
    let outer = verify_none();
    let first = stuck("outer, before");
    let inner = verify_none();
    let second = stuck("inner");
    assert_eq!(names_here(), ["inner"]);
    assert_eq!(leaks_of(inner), ["inner"]);
    let third = stuck("outer, after");
    assert_eq!(leaks_of(outer), ["outer, after", "outer, before"]);
    abort([first, second, third]);
}

#[test]
fn guards_closed_in_any_order() {
    let _context = SHARED.enter();
    let guards: [Guard; 3] = std::array::from_fn(|_| verify_none());
    let [outer, middle, inner] = guards;
    drop(middle);
    let first = stuck("of the inner");
    assert_eq!(leaks_of(inner), ["of the inner"]);
    let second = stuck("of the outer");
    assert_eq!(leaks_of(outer), ["of the outer"]);
    let nobody_s = stuck("nobody's");
    assert!(names_here().is_empty());
    abort([first, second, nobody_s]);
}

#[test]
fn a_guard_closed_on_another_thread() {
    let _context = SHARED.enter();
    let outer = verify_none();
    let guard = verify_none();
    let task = stuck("its own");
    let names = thread::spawn(|| leaks_of(guard)).join().unwrap();
    assert_eq!(names, ["its own"]);
    let of_outer = stuck("the outer's");
    assert_eq!(leaks_of(outer), ["the outer's"]);
    abort([task, of_outer]);
}

/// A thread that holds a handle spawns for the test that owns the runtime, whatever the thread is called.
#[test]
fn a_plain_thread_with_a_handle() {
    spawns_by_a_handle(thread::Builder::new());
    spawns_by_a_handle(thread::Builder::new().name("acceptor".to_owned()));
}

fn spawns_by_a_handle(thread: thread::Builder) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .build()
        .unwrap();
    runtime.block_on(async {
        let guard = verify_none();
        let handle = Handle::current();
        let from_thread = thread.spawn(move || {
            use taskleak::Track;
            let marked = handle.spawn(pending::<()>().tracked_as("marked by a thread"));
            [stuck_on(&handle, "a thread's"), marked]
        });
        let tasks = from_thread.unwrap().join().unwrap();
        while taskleak::live_tasks()
            .iter()
            .all(|task| task.name() != "marked by a thread")
        {
            tokio::task::yield_now().await;
        }
        assert_eq!(leaks_of(guard), ["a thread's", "marked by a thread"]);
        abort(tasks);
    });
}

/// With two tests on the runtime it is neither's.
#[test]
fn a_plain_thread_with_the_handle_of_a_shared_runtime() {
    let all_open = Barrier::new(3);
    thread::scope(|scope| {
        for test in ["one", "two"] {
            let all_open = &all_open;
            scope.spawn(move || {
                SHARED.block_on(async {
                    let guard = verify_none();
                    let task = stuck(test);
                    all_open.wait();
                    all_open.wait();
                    assert_eq!(leaks_of(guard), [test]);
                    abort([task]);
                });
            });
        }
        all_open.wait();
        let nobody_s = stuck_on(SHARED.handle(), "nobody's");
        all_open.wait();
        abort([nobody_s]);
    });
}

#[leak_test(flavor = "multi_thread")]
async fn from_other_tasks() {
    let guard = verify_none();
    let task = taskleak::spawn(async {
        let child = taskleak::spawn(async { stuck("grandchild") });
        child.await.unwrap()
    });
    let stuck = task.await.unwrap();
    assert_eq!(names_here(), ["grandchild"]);
    abort([stuck]);
    guard.finish().await;
}

#[leak_test]
async fn from_spawn_blocking() {
    let guard = verify_none();
    let task = taskleak::task::spawn_blocking(|| stuck("a closure's")).await;
    let task = task.unwrap();
    assert_eq!(task_names(), ["a closure's"]);
    abort([task]);
    guard.finish().await;
}

/// The live tasks that this test answers for.
fn task_names() -> Vec<String> {
    let test = thread::current().name().map(str::to_owned);
    let tasks = taskleak::live_tasks().into_iter();
    tasks
        .filter(|task| task.scope() == test.as_deref())
        .map(|task| task.name().to_owned())
        .collect()
}

/// A task's end may spawn too.
#[leak_test(flavor = "multi_thread")]
async fn from_destructors() {
    struct SpawnsAtTheEnd(&'static str, mpsc::Sender<JoinHandle<()>>);
    impl Drop for SpawnsAtTheEnd {
        fn drop(&mut self) {
            self.1.send(stuck(self.0)).unwrap();
        }
    }
    let guard = verify_none();
    let (send, tasks) = mpsc::channel();
    let mut all = Vec::new();
    let aborted = SpawnsAtTheEnd("after an abort", send.clone());
    let task = taskleak::spawn(async move {
        let _aborted = aborted;
        pending::<()>().await;
    });
    tokio::task::yield_now().await;
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    all.push(tasks.recv().unwrap());
    let ended = SpawnsAtTheEnd("after an end", send.clone());
    let task = taskleak::spawn(async move { drop(ended) });
    all.push(tasks.recv().unwrap());
    task.await.unwrap();
    let here = SpawnsAtTheEnd("in the body", send);
    drop(here);
    all.push(tasks.recv().unwrap());
    assert_eq!(
        names_here(),
        ["after an abort", "after an end", "in the body"]
    );
    abort(all);
    guard.finish().await;
}

/// What was there before the guard is none of its concern, children included.
#[test]
fn tasks_that_were_there_before() {
    SHARED.block_on(async {
        let (ask, mut asked) = tokio::sync::mpsc::channel::<&'static str>(1);
        let (answer, mut answers) = tokio::sync::mpsc::channel(1);
        let baseline = Builder::new().name("baseline").spawn(async move {
            while let Some(name) = asked.recv().await {
                answer.send(stuck(name)).await.unwrap();
            }
        });
        let guard = verify_none();
        ask.send("the baseline's child").await.unwrap();
        let child = answers.recv().await.unwrap();
        let own = stuck("its own");
        assert_eq!(leaks_of(guard), ["its own"]);
        abort([baseline, child, own]);
    });
}

/// A guard goes with the task that opened it.
async fn opens_a_guard_and_migrates(name: String) {
    let guard = verify_none();
    let mut threads = std::collections::HashSet::new();
    let mut tasks = Vec::new();
    for turn in 0..200 {
        threads.insert(thread::current().id());
        if turn % 50 == 0 {
            tasks.push(stuck(&name));
        }
        // Workers steal from who is busy.
        if turn % 10 == 0 {
            tokio::time::sleep(Duration::from_micros(50)).await;
        }
        tokio::task::yield_now().await;
    }
    assert_eq!(leaks_of(guard), [&*name, &*name, &*name, &*name]);
    abort(tasks);
}

#[test]
fn a_guard_in_a_tracked_task_that_migrates() {
    SHARED.block_on(async {
        let tasks: Vec<_> = (0..8)
            .map(|task| taskleak::spawn(opens_a_guard_and_migrates(format!("of {task}"))))
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
}

#[test]
fn a_guard_in_an_untracked_task_that_migrates() {
    SHARED.block_on(async {
        let tasks: Vec<_> = (0..8)
            .map(|task| tokio::spawn(opens_a_guard_and_migrates(format!("of {task}"))))
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
}

/// Its parent's tasks stay its parent's.
#[leak_test(flavor = "multi_thread")]
async fn a_guard_in_a_task_within_a_guard() {
    let outer = verify_none();
    let (task, of_inner) = taskleak::spawn(async {
        let before = stuck("the task's, before");
        let inner = verify_none();
        let of_inner = stuck("the inner guard's");
        assert_eq!(names_here(), ["the inner guard's"]);
        abort([of_inner]);
        inner.finish().await;
        (before, stuck("the task's, after"))
    })
    .await
    .unwrap();
    assert_eq!(names_here(), ["the task's, after", "the task's, before"]);
    abort([task, of_inner]);
    outer.finish().await;
}

/// A task that ends the guard it belongs to does not wait for itself.
#[test]
fn a_guard_that_one_of_its_own_tasks_ends() {
    SHARED.block_on(async {
        let guard = verify_none();
        let names = taskleak::spawn(async move { names_of(guard.grace(LONG)) }).await;
        assert_eq!(names.unwrap(), [""; 0]);

        let guard = verify_none();
        taskleak::spawn(guard.finish()).await.unwrap();
    });
}

/// Nor is a task that nobody tracked counted against the guard that it ends.
#[test]
fn a_guard_that_an_untracked_task_ends() {
    for workers in [0, 1, 2] {
        let runtime = match workers {
            0 => tokio::runtime::Builder::new_current_thread().build(),
            _ => tokio::runtime::Builder::new_multi_thread()
                .worker_threads(workers)
                .build(),
        };
        let runtime = runtime.unwrap();
        for finished in [true, false] {
            runtime.block_on(async {
                let guard = verify_none().grace(LONG);
                let ends = async move {
                    if finished {
                        guard.finish().await;
                    }
                };
                tokio::spawn(ends).await.unwrap();
            });
        }
    }
}

/// Guards come and go while tasks of other guards do: nothing is mistaken for another's.
#[test]
fn many_guards_in_a_row_on_many_threads() {
    thread::scope(|scope| {
        for thread in 0..4 {
            scope.spawn(move || {
                for turn in 0..100 {
                    let name = format!("{thread}.{turn}");
                    SHARED.block_on(async {
                        let guard = verify_none();
                        let tasks: [_; 5] =
                            std::array::from_fn(|_| taskleak::spawn(tokio::task::yield_now()));
                        let leak = (turn % 20 == 0).then(|| stuck(&name));
                        if leak.is_some() {
                            for task in tasks {
                                task.await.unwrap();
                            }
                            assert_eq!(leaks_of(guard), [&*name]);
                        } else {
                            let names = names_of(guard.grace(LONG));
                            assert!(names.is_empty(), "{name}: {names:?}");
                        }
                        abort(leak);
                    });
                }
            });
        }
    });
}
