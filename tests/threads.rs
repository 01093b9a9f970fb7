//! Threads that outlive a test.
#![cfg(all(target_os = "linux", target_env = "gnu"))]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use taskleak::__private::Harness;
use taskleak::{LeakReport, Options, Rule, find, leak_test, verify_none};
use tokio::runtime::Runtime;

taskleak::track_threads!();

/// What leaked threads are given in vain.
const GRACE: Duration = Duration::from_millis(60);
/// More than even a busy machine takes for what is to come.
const LONG: Duration = Duration::from_secs(60);

/// A thread that lives until it is released; without a name of its own.
struct Kept {
    release: Sender<()>,
    thread: JoinHandle<()>,
}

#[inline(never)]
fn keep_a_thread() -> Kept {
    let (release, waits) = channel();
    let (begins, begun) = channel();
    let thread = thread::spawn(move || wait(&begins, &waits));
    until_it_waits(&begun);
    Kept { release, thread }
}

#[inline(never)]
fn keep_a_named_thread(name: &str) -> Kept {
    let (release, waits) = channel();
    let (begins, begun) = channel();
    let named = thread::Builder::new().name(name.to_owned());
    let thread = named.spawn(move || wait(&begins, &waits)).unwrap();
    until_it_waits(&begun);
    Kept { release, thread }
}

fn wait(begins: &Sender<libc::pid_t>, waits: &Receiver<()>) {
    // SAFETY: a system call without arguments.
    begins.send(unsafe { libc::gettid() }).unwrap();
    _ = waits.recv();
}

/// Until the thread sleeps in what it waits with.
fn until_it_waits(begun: &Receiver<libc::pid_t>) {
    let stat = format!("/proc/self/task/{}/stat", begun.recv().unwrap());
    let sleeps = || std::fs::read_to_string(&stat).unwrap().contains(") S ");
    while !sleeps() {
        thread::yield_now();
    }
}

impl Kept {
    fn end(self) {
        drop(self.release);
        self.thread.join().unwrap();
    }
}

fn report_of(test: impl FnOnce()) -> Option<String> {
    let panic = catch_unwind(AssertUnwindSafe(test)).err()?;
    Some(*panic.downcast::<String>().expect("a report is text"))
}

/// What the guard that is open here would find.
fn found() -> Option<LeakReport> {
    find(Options::new().grace(GRACE).threads(true)).err()
}

fn multi_thread() -> Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
}

fn harness() -> Harness {
    Harness::new("crate::test").grace(GRACE).threads(true)
}

mod leaks {
    use super::*;

    #[test]
    fn with_its_name_and_where_it_was_started() {
        let mut kept = Vec::new();
        let report = report_of(|| {
            let _guard = verify_none().grace(GRACE).threads(true);
            kept.push(keep_a_named_thread("reader"));
        });
        let report = report.expect("it is reported");
        assert!(
            report.starts_with(
                "taskleak: 1 thread outlived `leaks::with_its_name_and_where_it_was_started` and 60ms of grace"
            ),
            "{report}"
        );
        for line in [
            "leaked thread: `reader`",
            "threads::keep_a_named_thread ",
            "threads::leaks::with_its_name_and_where_it_was_started",
            "state: waits in the system call `futex`, started ",
        ] {
            assert!(report.contains(line), "{line:?} is not in\n{report}");
        }
        kept.into_iter().for_each(Kept::end);
    }

    #[test]
    fn as_data() {
        let guard = verify_none();
        let kept = keep_a_named_thread("writer");
        let report = found().expect("it is found");
        assert_eq!((report.task_count(), report.threads().len()), (0, 1));
        let thread = &report.threads()[0];
        assert_eq!(thread.name(), "writer");
        assert!(thread.id() > 0);
        assert!(thread.age() >= GRACE);
        assert_eq!(
            thread.user_frames()[0].function(),
            "threads::keep_a_named_thread"
        );
        kept.end();
        drop(guard);
    }

    #[test]
    fn equal_ones_are_told_together() {
        let mut kept = Vec::new();
        let report = report_of(|| {
            let _guard = verify_none().grace(GRACE).threads(true);
            kept.extend((0..3).map(|_| keep_a_named_thread("worker")));
        });
        let report = report.expect("it is reported");
        assert!(report.contains("3 leaked threads: `worker`"), "{report}");
        assert!(report.contains("taskleak: 3 threads outlived "), "{report}");
        kept.into_iter().for_each(Kept::end);
    }

    /// It is called as the thread that started it is: a runtime's, and is not taken for one.
    #[test]
    fn started_by_a_task_without_a_name() {
        let (sends, kept) = channel();
        let report = report_of(|| {
            harness().multi_thread().run(async {
                taskleak::spawn(async move { sends.send(keep_a_thread()).unwrap() })
                    .await
                    .unwrap();
            });
        });
        let report = report.expect("it is reported");
        assert!(
            report.contains("leaked thread: `tokio-rt-worker`"),
            "{report}"
        );
        kept.recv().unwrap().end();
    }

    #[test]
    fn started_by_a_task_that_nobody_tracked() {
        let (sends, kept) = channel();
        let report = report_of(|| {
            harness().multi_thread().run(async {
                tokio::spawn(async move { sends.send(keep_a_thread()).unwrap() })
                    .await
                    .unwrap();
            });
        });
        assert!(
            report
                .expect("it is reported")
                .contains("1 thread outlived")
        );
        kept.recv().unwrap().end();
    }

    #[test]
    fn started_by_a_blocking_closure() {
        let (sends, kept) = channel();
        let report = report_of(|| {
            harness().current_thread().run(async {
                tokio::task::spawn_blocking(move || sends.send(keep_a_thread()).unwrap())
                    .await
                    .unwrap();
            });
        });
        assert!(
            report
                .expect("it is reported")
                .contains("1 thread outlived")
        );
        kept.recv().unwrap().end();
    }

    #[test]
    fn started_by_a_thread() {
        let guard = verify_none();
        let kept = thread::spawn(keep_a_thread).join().unwrap();
        // The one that started it may be a moment in going.
        let begun = Instant::now();
        while found().expect("it is found").threads().len() > 1 && begun.elapsed() < LONG {}
        assert_eq!(found().expect("it is found").threads().len(), 1);
        kept.end();
        drop(guard);
    }

    /// A guard that does not ask for threads leaves them to the one around it.
    #[test]
    fn started_within_a_guard_that_has_ended() {
        let guard = verify_none();
        let kept = {
            let _inner = verify_none();
            keep_a_thread()
        };
        assert_eq!(found().expect("it is found").threads().len(), 1);
        kept.end();
        drop(guard);
    }

    #[tokio::test]
    async fn by_a_guard_that_is_finished() {
        let guard = verify_none().threads(true).grace(GRACE);
        let kept = keep_a_thread();
        let verdict = tokio::spawn(guard.finish()).await;
        assert!(verdict.unwrap_err().is_panic());
        kept.end();
    }

    /// In a destructor inside a current-thread runtime threads have a grace, unlike tasks.
    #[test]
    fn by_a_guard_that_is_dropped_in_a_current_thread_runtime() {
        let mut kept = Vec::new();
        let report = report_of(|| {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .build()
                .unwrap();
            runtime.block_on(async {
                let _guard = verify_none().threads(true).grace(GRACE);
                kept.push(keep_a_thread());
            });
        });
        let report = report.expect("it is reported");
        assert!(report.contains("60ms of grace"), "{report}");
        assert!(!report.contains("note:"), "{report}");
        kept.into_iter().for_each(Kept::end);
    }

    #[test]
    fn beside_tasks() {
        let mut kept = Vec::new();
        let report = report_of(|| {
            harness().multi_thread().run(async {
                taskleak::spawn(std::future::pending::<()>());
                kept.push(keep_a_thread());
            });
        });
        let report = report.expect("it is reported");
        assert!(report.contains("1 task and 1 thread outlived"), "{report}");
        kept.into_iter().for_each(Kept::end);
    }

    #[test]
    fn of_tests_at_the_same_time_each_its_own() {
        thread::scope(|scope| {
            for number in 0..8 {
                scope.spawn(move || {
                    for _ in 0..5 {
                        let name = format!("of-{number}");
                        let guard = verify_none();
                        let kept = keep_a_named_thread(&name);
                        let report = found().expect("it is found");
                        let names: Vec<_> = report
                            .threads()
                            .iter()
                            .map(|thread| thread.name())
                            .collect();
                        assert_eq!(names, [name.as_str()]);
                        kept.end();
                        assert!(find(Options::new().grace(LONG).threads(true)).is_ok());
                        drop(guard);
                    }
                });
            }
        });
    }

    /// One that runs is told from one that waits.
    #[test]
    fn that_runs() {
        use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
        static BEGUN: AtomicBool = AtomicBool::new(false);
        static STOP: AtomicBool = AtomicBool::new(false);
        let guard = verify_none();
        let thread = thread::spawn(|| {
            while !STOP.load(Relaxed) {
                BEGUN.store(true, Relaxed);
                std::hint::spin_loop();
            }
        });
        while !BEGUN.load(Relaxed) {
            thread::yield_now();
        }
        let report = found().expect("it is found");
        assert_eq!(report.threads()[0].doing(), "runs");
        STOP.store(true, Relaxed);
        thread.join().unwrap();
        drop(guard);
    }
}

mod no_leaks {
    use super::*;

    #[leak_test(threads = true, grace = "60s")]
    fn one_that_is_joined() {
        keep_a_thread().end();
    }

    #[leak_test(threads = true, grace = "60s")]
    async fn one_that_ends_in_time() {
        drop(thread::spawn(|| thread::sleep(Duration::from_millis(30))));
    }

    #[test]
    fn one_that_ends_while_the_guard_blocks() {
        let _guard = verify_none().threads(true).grace(LONG);
        drop(thread::spawn(|| thread::sleep(Duration::from_millis(30))));
    }

    #[tokio::test]
    async fn one_that_ends_while_the_guard_is_dropped_in_the_runtime() {
        let _guard = verify_none().threads(true).grace(LONG);
        drop(thread::spawn(|| thread::sleep(Duration::from_millis(30))));
    }

    #[tokio::test]
    async fn one_that_ends_while_the_guard_is_awaited() {
        let guard = verify_none().threads(true).grace(LONG);
        drop(thread::spawn(|| thread::sleep(Duration::from_millis(30))));
        guard.finish().await;
    }

    #[test]
    fn unless_they_are_asked_for() {
        let mut kept = Vec::new();
        {
            let _guard = verify_none().grace(LONG);
            kept.push(keep_a_thread());
        }
        kept.into_iter().for_each(Kept::end);
    }

    #[test]
    fn one_that_was_there_before() {
        let kept = keep_a_thread();
        verify_none().threads(true).grace(LONG).finish_blocking();
        kept.end();
    }

    #[test]
    fn another_test_s() {
        let _guard = verify_none().threads(true).grace(LONG);
        // A test's thread is started by libtest, and so outside of any other test's guard.
        thread::scope(|scope| {
            scope.spawn(|| {
                let own = verify_none();
                let kept = keep_a_thread();
                assert_eq!(found().expect("it is found").threads().len(), 1);
                kept.end();
                drop(own);
            });
        });
    }

    /// Workers, and those of the blocking pool, idle and busy; whatever they are called.
    #[test]
    fn a_runtime_s_threads() {
        let guard = verify_none().threads(true).grace(LONG);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("my-own-name")
            .build()
            .unwrap();
        let (release, waits) = channel::<()>();
        runtime.block_on(async {
            let idle = || {
                tokio::task::spawn_blocking(|| {
                    thread::sleep(Duration::from_millis(5));
                })
            };
            let (one, other) = (idle(), idle());
            one.await.unwrap();
            other.await.unwrap();
        });
        drop(runtime.spawn_blocking(move || _ = waits.recv()));
        guard.finish_blocking();
        drop(release);
        drop(runtime);
    }

    #[test]
    fn taskleak_s_own() {
        let guard = verify_none();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        // Awaiting a guard whose task does not end starts a timer's thread, which lives on for a moment.
        let timed = runtime.block_on(async {
            let inner = verify_none().grace(GRACE);
            tokio::spawn(std::future::pending::<()>());
            tokio::spawn(inner.finish()).await
        });
        assert!(timed.unwrap_err().is_panic());
        let options = || Options::new().threads(true).grace(Duration::ZERO);
        assert!(find(options()).is_ok());
        drop(guard);
    }

    /// The thread on which the guard ends cannot end before it.
    #[test]
    fn the_one_that_asks() {
        let guard = verify_none().threads(true).grace(LONG);
        thread::spawn(move || guard.finish_blocking())
            .join()
            .unwrap();
    }

    #[test]
    fn one_that_a_rule_ignores() {
        let guard = verify_none();
        let kept = keep_a_named_thread("reaper-1");
        for rule in [
            Rule::named("reaper-*"),
            Rule::spawned_in("threads::no_leaks::*"),
            Rule::spawned_in("tests/threads.rs"),
            Rule::spawned_by("threads::keep_a_named_thread"),
        ] {
            let options = Options::new().grace(LONG).threads(true);
            assert!(find(options.ignore(rule)).is_ok());
        }
        let other = Options::new().threads(true).grace(GRACE);
        assert!(find(other.ignore_named("reaper")).is_err());
        kept.end();
        drop(guard);
    }
}

mod threads_go_on_as_before {
    use super::*;

    #[test]
    fn one_that_panics() {
        let guard = verify_none().threads(true).grace(LONG);
        let panics = thread::spawn(|| std::panic::resume_unwind(Box::new(7)));
        assert_eq!(*panics.join().unwrap_err().downcast::<i32>().unwrap(), 7);
        guard.finish_blocking();
    }

    /// By C's own means, which unwinds over what stands before the thread's function.
    #[test]
    fn one_that_exits() {
        extern "C-unwind" fn exits(result: *mut libc::c_void) -> *mut libc::c_void {
            unsafe extern "C-unwind" {
                fn pthread_exit(result: *mut libc::c_void) -> !;
            }
            // SAFETY: no frame of this thread has a destructor.
            unsafe { pthread_exit(result) }
        }
        let guard = verify_none().threads(true).grace(LONG);
        let (mut thread, mut result) = (0, std::ptr::null_mut());
        let mut seven = 7;
        // SAFETY: the types differ in the right to unwind, which the C library's has too; the thread is joined.
        unsafe {
            let routine = std::mem::transmute::<
                extern "C-unwind" fn(*mut libc::c_void) -> *mut libc::c_void,
                extern "C" fn(*mut libc::c_void) -> *mut libc::c_void,
            >(exits);
            let argument = (&raw mut seven).cast();
            assert_eq!(
                libc::pthread_create(&mut thread, std::ptr::null(), routine, argument),
                0
            );
            assert_eq!(libc::pthread_join(thread, &mut result), 0);
            assert_eq!(result, argument);
        }
        guard.finish_blocking();
    }

    #[test]
    fn one_that_cannot_be_started() {
        let guard = verify_none().threads(true).grace(LONG);
        let impossible = thread::Builder::new().stack_size(1 << 60);
        assert!(impossible.spawn(|| ()).is_err());
        guard.finish_blocking();
    }

    #[test]
    fn many_that_come_and_go() {
        let guard = verify_none().threads(true).grace(LONG);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        thread::spawn(|| ()).join().unwrap();
                    }
                });
            }
        });
        guard.finish_blocking();
        drop(multi_thread());
    }
}
