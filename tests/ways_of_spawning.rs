//! What a report says of a task, by the way it was spawned: the cells of the table in the README. Each test is a cell.

mod parked;

use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

use taskleak::alloc::SpawnSites;
use taskleak::{Frame, Leak, LeakReport, LeakedThread, Options, TaskKind, find, verify_none};
use tokio::sync::Notify;
use tokio::task::LocalSet;
use tokio_util::task::TaskTracker;

#[global_allocator]
static ALLOCATOR: SpawnSites = SpawnSites::system();

taskleak::track_threads!();

/// What never ends, so that there is an await point to show.
async fn listen() {
    Notify::new().notified().await;
}

/// For how long it is looked again on a machine that is too busy.
const LONG: Duration = Duration::from_secs(60);

/// The report on what `spawn` leaves, in a runtime of its own.
fn report(spawn: impl FnOnce()) -> LeakReport {
    report_where(spawn, |_| true)
}

/// The same once that holds of it, or the last of many.
fn report_where(spawn: impl FnOnce(), holds: impl Fn(&LeakReport) -> bool) -> LeakReport {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    report_in(runtime, spawn, holds)
}

fn report_in(
    runtime: tokio::runtime::Runtime,
    spawn: impl FnOnce(),
    holds: impl Fn(&LeakReport) -> bool,
) -> LeakReport {
    let report = runtime.block_on(async {
        let guard = verify_none();
        spawn();
        let begun = Instant::now();
        let report = loop {
            let options = Options::new().threads(true);
            let report = find(options.grace(Duration::from_millis(40))).expect_err("it leaks");
            if begun.elapsed() > LONG || parked::is_settled(&report) && holds(&report) {
                break report;
            }
        };
        drop(guard.grace(Duration::ZERO).on_leak(taskleak::Action::Warn));
        report
    });
    runtime.shutdown_background();
    report
}

/// The same inside a `LocalSet`, which is dropped with its tasks when the report is there.
fn local_report(spawn: impl FnOnce()) -> Option<LeakReport> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let local = LocalSet::new();
    let guard = verify_none();
    let report = local.block_on(&runtime, async {
        spawn();
        tokio::time::sleep(Duration::from_millis(10)).await;
        let left = Options::new().grace(Duration::from_millis(40));
        find(left).err()
    });
    drop(guard.grace(Duration::ZERO).on_leak(taskleak::Action::Warn));
    report
}

fn functions(frames: &[&Frame]) -> Vec<&'static str> {
    frames.iter().map(|frame| frame.function()).collect()
}

/// The one kind of leak there is.
fn only(report: &LeakReport) -> &Leak {
    let [leak] = report.leaks() else {
        panic!("one kind of leak is expected in\n{report}");
    };
    leak
}

/// The functions of the await trace, from the task down.
fn awaits(leak: &Leak) -> Vec<&str> {
    let mut nodes = leak.await_trace().expect("it has one").roots();
    let mut functions = Vec::new();
    while let [node] = nodes {
        functions.push(node.function());
        nodes = node.children();
    }
    functions
}

mod tracked {
    use super::*;

    #[test]
    fn has_its_await_point() {
        let report = report(spawn);
        assert_eq!(awaits(only(&report))[0], "ways_of_spawning::listen");
        let trace = only(&report).await_trace().unwrap();
        assert!(trace.roots()[0].line().is_some());
    }

    fn spawn() {
        taskleak::spawn(listen());
    }

    #[test]
    fn is_counted() {
        let report = report(spawn);
        assert_eq!((report.task_count(), report.unseen_count()), (1, 0));
    }

    #[test]
    fn is_named() {
        assert_eq!(only(&report(spawn)).name(), "ways_of_spawning::listen");
    }

    #[test]
    fn has_its_spawn_site() {
        let report = report(spawn);
        let location = only(&report).location();
        assert_eq!(location.file(), file!());
        let text = report.to_string();
        assert!(text.contains("taskleak::spawn(listen());"), "{text}");
    }

    #[test]
    fn has_its_spawn_backtrace() {
        let report = report(spawn);
        let frames = functions(&only(&report).user_frames());
        assert_eq!(frames[0], "ways_of_spawning::tracked::spawn");
        assert_eq!(
            frames.last(),
            Some(&"ways_of_spawning::tracked::has_its_spawn_backtrace")
        );
    }
}

/// A crate that takes `taskleak_tokio` for tokio.
mod facade {
    use super::*;
    use taskleak_tokio as tokio;

    #[test]
    fn has_its_await_point() {
        let report = report(spawn);
        assert_eq!(awaits(only(&report))[0], "ways_of_spawning::listen");
    }

    fn spawn() {
        tokio::spawn(listen());
    }

    #[test]
    fn is_counted() {
        let report = report(spawn);
        assert_eq!((report.task_count(), report.unseen_count()), (1, 0));
    }

    #[test]
    fn is_named() {
        assert_eq!(only(&report(spawn)).name(), "ways_of_spawning::listen");
    }

    #[test]
    fn has_its_spawn_site() {
        assert_eq!(only(&report(spawn)).location().file(), file!());
    }

    #[test]
    fn has_its_spawn_backtrace() {
        let report = report(spawn);
        let frames = functions(&only(&report).user_frames());
        assert_eq!(frames[0], "ways_of_spawning::facade::spawn");
    }
}

/// The same on a `LocalSet`.
mod facade_local {
    use super::*;
    use taskleak_tokio as tokio;

    fn spawn() {
        tokio::task::spawn_local(listen());
    }

    #[test]
    fn is_fully_told() {
        let report = local_report(spawn).expect("it leaks");
        let leak = only(&report);
        assert_eq!((report.task_count(), report.unseen_count()), (1, 0));
        assert_eq!(leak.kind(), TaskKind::Local);
        assert_eq!(leak.name(), "ways_of_spawning::listen");
        assert_eq!(leak.location().file(), file!());
        let frames = functions(&leak.user_frames());
        assert_eq!(frames[0], "ways_of_spawning::facade_local::spawn");
        assert_eq!(awaits(leak)[0], "ways_of_spawning::listen");
    }
}

/// The same on the blocking pool.
mod facade_blocking {
    use super::*;
    use taskleak_tokio as tokio;

    #[test]
    fn is_fully_told() {
        let (release, waits) = channel::<()>();
        let report = report(move || {
            tokio::task::spawn_blocking(move || _ = waits.recv());
        });
        drop(release);
        let leak = only(&report);
        assert_eq!((report.task_count(), report.unseen_count()), (1, 0));
        assert_eq!(leak.kind(), TaskKind::Blocking);
        assert!(
            leak.name()
                .starts_with("ways_of_spawning::facade_blocking::")
        );
        assert_eq!(leak.location().file(), file!());
        let frames = functions(&leak.user_frames());
        assert!(frames[0].starts_with("ways_of_spawning::facade_blocking::is_fully_told"));
    }
}

/// What a dependency spawns on a runtime that taskleak did not build. What is beyond the count takes debug info, and
/// for who spawned it the allocator.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod dependency {
    use super::*;
    use taskleak::UnseenTask;

    fn spawn() {
        TaskTracker::new().spawn(listen());
    }

    fn only(report: &LeakReport) -> &UnseenTask {
        let [task] = report.unseen() else {
            panic!("one task is expected in\n{report}");
        };
        task
    }

    #[test]
    fn is_counted() {
        let report = report(spawn);
        assert_eq!((report.task_count(), report.unseen_count()), (0, 1));
    }

    #[test]
    fn is_named() {
        let report = report(spawn);
        let name = only(&report).name();
        assert!(name.contains("ways_of_spawning::listen"), "{name}");
    }

    #[test]
    fn has_its_spawn_site() {
        let report = report(spawn);
        let site = only(&report).spawn_site().expect("it is noted");
        assert!(site.package().unwrap().starts_with("tokio-util-"));
        assert!(
            report.to_string().contains("= spawn site: tokio-util-"),
            "{report}"
        );
    }

    #[test]
    fn has_its_spawn_backtrace() {
        let report = report(spawn);
        let frames = functions(&only(&report).user_frames());
        assert!(frames[0].ends_with("TaskTracker::spawn"), "{frames:?}");
        assert_eq!(frames[1], "ways_of_spawning::dependency::spawn");
        assert_eq!(
            frames.last(),
            Some(&"ways_of_spawning::dependency::has_its_spawn_backtrace")
        );
    }

    #[test]
    fn has_its_await_point() {
        let report = report(spawn);
        let mut nodes = only(&report).await_trace().roots();
        let mut functions = Vec::new();
        while let [node, ..] = nodes {
            functions.push(node.function());
            nodes = node.children();
        }
        assert!(
            functions.contains(&"ways_of_spawning::listen"),
            "{functions:?}"
        );
    }
}

/// The same on a runtime that taskleak built, with the task hooks of `tokio_unstable`.
#[cfg(tokio_unstable)]
mod hooked {
    use super::*;

    fn report(spawn: impl FnOnce()) -> LeakReport {
        let runtime = taskleak::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        report_in(runtime.into_inner(), spawn, |_| true)
    }

    fn spawn() {
        TaskTracker::new().spawn(listen());
    }

    #[test]
    fn is_counted() {
        let report = report(spawn);
        assert_eq!((report.task_count(), report.unseen_count()), (1, 0));
        assert_eq!(only(&report).kind(), TaskKind::Hooked);
    }

    /// The hooks do not tell the future's type; debug info does.
    #[cfg(all(target_os = "linux", target_arch = "x86_64"))]
    #[test]
    fn is_named() {
        let report = report(spawn);
        let name = only(&report).name();
        assert!(name.contains("ways_of_spawning::listen"), "{name}");
    }

    #[cfg(all(target_os = "linux", target_arch = "x86_64"))]
    #[test]
    fn has_its_await_point() {
        let report = report(spawn);
        let awaits = awaits(only(&report));
        assert!(awaits.contains(&"ways_of_spawning::listen"), "{awaits:?}");
    }

    #[test]
    fn has_its_spawn_site() {
        let report = report(spawn);
        // `TaskTracker::spawn` passes its caller's place on.
        assert_eq!(only(&report).location().file(), file!());
    }

    #[test]
    fn has_its_spawn_backtrace() {
        let report = report(spawn);
        let frames = functions(&only(&report).user_frames());
        assert!(frames[0].ends_with("TaskTracker::spawn"), "{frames:?}");
        assert_eq!(frames[1], "ways_of_spawning::hooked::spawn");
    }
}

/// On a `LocalSet`, by taskleak.
mod local {
    use super::*;

    #[test]
    fn has_its_await_point() {
        let report = local_report(spawn).expect("it leaks");
        assert_eq!(awaits(only(&report))[0], "ways_of_spawning::listen");
    }

    fn spawn() {
        taskleak::task::spawn_local(listen());
    }

    #[test]
    fn is_counted() {
        let report = local_report(spawn).expect("it leaks");
        assert_eq!((report.task_count(), report.unseen_count()), (1, 0));
        assert_eq!(only(&report).kind(), TaskKind::Local);
    }

    #[test]
    fn is_named() {
        let report = local_report(spawn).expect("it leaks");
        assert_eq!(only(&report).name(), "ways_of_spawning::listen");
    }

    #[test]
    fn has_its_spawn_site() {
        let report = local_report(spawn).expect("it leaks");
        assert_eq!(only(&report).location().file(), file!());
    }

    #[test]
    fn has_its_spawn_backtrace() {
        let report = local_report(spawn).expect("it leaks");
        let frames = functions(&only(&report).user_frames());
        assert_eq!(frames[0], "ways_of_spawning::local::spawn");
    }
}

/// On a `LocalSet`, by tokio itself: no runtime counts it.
mod untracked_local {
    use super::*;

    #[test]
    fn is_not_seen() {
        assert!(
            local_report(|| {
                tokio::task::spawn_local(listen());
            })
            .is_none()
        );
    }
}

/// On a `LocalRuntime`, by taskleak.
mod local_runtime {
    use super::*;

    fn local_report(spawn: impl FnOnce()) -> Option<LeakReport> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build_local(Default::default())
            .unwrap();
        let guard = verify_none();
        let report = runtime.block_on(async {
            spawn();
            tokio::time::sleep(Duration::from_millis(10)).await;
            find(Options::new().grace(Duration::from_millis(40))).err()
        });
        drop(guard.grace(Duration::ZERO).on_leak(taskleak::Action::Warn));
        report
    }

    #[test]
    fn is_fully_told() {
        let report = local_report(|| {
            taskleak::task::spawn_local(listen());
        })
        .expect("it leaks");
        let leak = only(&report);
        assert_eq!((report.task_count(), report.unseen_count()), (1, 0));
        assert_eq!(leak.kind(), TaskKind::Local);
        assert_eq!(leak.name(), "ways_of_spawning::listen");
        assert_eq!(leak.location().file(), file!());
        assert!(!leak.user_frames().is_empty());
        assert_eq!(awaits(leak)[0], "ways_of_spawning::listen");
    }
}

/// On a `LocalRuntime`, by tokio itself: it is counted there.
#[cfg(all(feature = "census", target_os = "linux", target_arch = "x86_64"))]
mod untracked_on_a_local_runtime {
    use super::*;

    #[test]
    fn is_told_as_a_dependency_s() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build_local(Default::default())
            .unwrap();
        let report = runtime.block_on(async {
            let (found, finds) = channel();
            let guard = verify_none()
                .grace(Duration::from_millis(40))
                .on_leak(taskleak::Action::Warn)
                .cleanup(move |report| found.send(report.clone()).unwrap());
            tokio::task::spawn_local(listen());
            parked::until_settled().await;
            guard.finish().await;
            finds.recv().expect("it leaks")
        });
        assert_eq!((report.task_count(), report.unseen_count()), (0, 1));
        let [task] = report.unseen() else {
            panic!("one task is expected in\n{report}");
        };
        assert_eq!(task.name(), "ways_of_spawning::listen");
        let [root] = task.await_trace().roots() else {
            panic!("one future is expected in\n{report}");
        };
        assert_eq!(root.function(), "ways_of_spawning::listen");
        let site = task.spawn_site().and_then(|site| site.file());
        assert!(site.unwrap().ends_with(file!()), "{report}");
        let frames = functions(&task.user_frames());
        assert!(
            frames
                .iter()
                .any(|frame| frame.contains("is_told_as_a_dependency_s"))
        );
    }
}

/// On the blocking pool, by taskleak.
mod blocking {
    use super::*;

    /// The closure ends when the report is there.
    fn report() -> LeakReport {
        let (release, waits) = channel::<()>();
        let report = super::report(move || {
            let closure = taskleak::task::Builder::new().name("upload");
            closure.spawn_blocking(move || _ = waits.recv());
        });
        drop(release);
        report
    }

    #[test]
    fn is_counted() {
        let report = report();
        assert_eq!((report.task_count(), report.unseen_count()), (1, 0));
        assert_eq!(only(&report).kind(), TaskKind::Blocking);
    }

    #[test]
    fn is_named() {
        assert_eq!(only(&report()).name(), "upload");
    }

    #[test]
    fn has_its_spawn_site() {
        assert_eq!(only(&report()).location().file(), file!());
    }

    #[test]
    fn has_its_spawn_backtrace() {
        let report = report();
        let frames = functions(&only(&report).user_frames());
        assert_eq!(frames[0], "ways_of_spawning::blocking::report");
    }
}

/// On the blocking pool, by tokio itself: no runtime counts it, and its thread is the runtime's.
mod untracked_blocking {
    use super::*;

    #[test]
    fn is_not_seen() {
        let runtime = tokio::runtime::Builder::new_multi_thread().build().unwrap();
        let (release, waits) = channel::<()>();
        let guard = verify_none().threads(true).grace(Duration::from_millis(40));
        runtime.spawn_blocking(move || _ = waits.recv());
        guard.finish_blocking();
        drop(release);
    }
}

/// An OS thread, by whomever.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod thread {
    use super::*;

    fn start() -> Sender<()> {
        let (release, waits) = channel::<()>();
        let named = std::thread::Builder::new().name("reader".to_owned());
        named.spawn(move || waits.recv()).unwrap();
        release
    }

    fn report() -> LeakReport {
        let mut kept = None;
        let waits = |report: &LeakReport| only(report).doing().contains("futex");
        let report = super::report_where(|| kept = Some(start()), waits);
        drop(kept);
        report
    }

    fn only(report: &LeakReport) -> &LeakedThread {
        let [thread] = report.threads() else {
            panic!("one thread is expected in\n{report}");
        };
        thread
    }

    #[test]
    fn is_counted() {
        let report = report();
        assert_eq!(report.threads().len(), 1);
        assert_eq!((report.task_count(), report.unseen_count()), (0, 0));
    }

    #[test]
    fn is_named() {
        assert_eq!(only(&report()).name(), "reader");
    }

    #[test]
    fn has_its_spawn_site_and_backtrace() {
        let report = report();
        let frames = only(&report).user_frames();
        assert_eq!(frames[0].function(), "ways_of_spawning::thread::start");
        assert!(
            frames[0]
                .file()
                .unwrap()
                .ends_with("tests/ways_of_spawning.rs")
        );
        assert!(frames[0].line().is_some());
    }

    #[test]
    fn says_what_it_waits_in() {
        assert_eq!(only(&report()).doing(), "waits in the system call `futex`");
    }
}
