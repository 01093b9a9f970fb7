//! The wall clock is set back, by hours, while tasks live: a clock of this test's own stands before the
//! system's.
#![cfg(target_os = "linux")]

use pretty_assertions::assert_eq;
use std::future::pending;
use std::sync::Mutex;
use std::sync::atomic::AtomicI64;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, SystemTime};
use taskleak::manager::{Observer, Snapshot, Status, TaskRecord};
use taskleak::task::Builder;

/// By how many seconds the wall clock goes wrong.
static OFF: AtomicI64 = AtomicI64::new(0);

/// What the whole process calls.
///
/// # Safety
/// As the system's: `time` is writable.
#[unsafe(no_mangle)]
unsafe extern "C" fn clock_gettime(clock: libc::clockid_t, time: *mut libc::timespec) -> i32 {
    // SAFETY: the caller's promise is handed on to the system call behind the function.
    let result = unsafe { libc::syscall(libc::SYS_clock_gettime, clock, time) } as i32;
    if clock == libc::CLOCK_REALTIME && result == 0 {
        // SAFETY: the system has just written there.
        unsafe { (*time).tv_sec += OFF.load(SeqCst) as libc::time_t };
    }
    result
}

const HOUR: i64 = 3600;
const LONG: Duration = Duration::from_secs(60);

struct Ends(Mutex<Sender<TaskRecord>>);

impl Observer for Ends {
    fn task_finished(&self, task: &TaskRecord) {
        self.0.lock().unwrap().send(task.clone()).unwrap();
    }
}

fn assert_is_sane(snapshot: &Snapshot) {
    for task in snapshot.tasks() {
        assert!(task.age() < LONG, "{task:?}");
        assert!(task.started_at().is_none_or(|at| at >= task.created_at()));
        assert!(task.created_at() >= SystemTime::UNIX_EPOCH);
        // By the clock as it is now, whatever it was then.
        assert!(task.created_at() <= snapshot.taken_at());
    }
    let ages: Vec<_> = snapshot.tasks().iter().map(TaskRecord::age).collect();
    assert!(ages.is_sorted_by(|one, next| one >= next), "{ages:?}");
}

fn ended(told: &Receiver<TaskRecord>) -> TaskRecord {
    let task = told.recv_timeout(LONG).unwrap();
    assert_eq!(task.ended_at().unwrap(), task.created_at() + task.age());
    assert!(task.age() < LONG, "{task:?}");
    task
}

#[tokio::test]
async fn ages_orders_and_time_boxes_do_not_mind() {
    let (sender, told) = channel();
    let observing = taskleak::manager().add_observer(Ends(Mutex::new(sender)));
    let monitor = taskleak::manager().monitor();
    let before = SystemTime::now();
    let old = Builder::new().name("old").spawn(pending::<()>());
    let boxed = Builder::new()
        .name("boxed")
        .timebox(Duration::from_millis(200))
        .on_timebox(taskleak::task::TimeboxAction::Abort)
        .spawn(pending::<()>());
    tokio::time::sleep(Duration::from_millis(20)).await;
    let first = monitor.take_now();
    assert_is_sane(&first);

    OFF.store(-5 * HOUR, SeqCst);
    assert!(SystemTime::now() < before, "the clock was set back");
    let young = Builder::new().name("young").spawn(pending::<()>());
    tokio::time::sleep(Duration::from_millis(20)).await;
    let second = monitor.take_now();
    assert_is_sane(&second);
    assert!(second.taken_at() < first.taken_at());
    assert!(second.number() > first.number());
    let old_now = second.tasks_named("old").next().unwrap();
    let old_then = first.tasks_named("old").next().unwrap();
    assert!(old_now.age() >= old_then.age());
    let grown: Vec<_> = second
        .diff(&first)
        .grown()
        .map(|one| one.name().to_owned())
        .collect();
    assert_eq!(grown, ["young"]);
    println!("{}", second.diff(&first));

    // The box is over after its time, not hours later; and not at once when the clock jumps ahead.
    assert!(boxed.await.unwrap_err().is_cancelled());
    OFF.store(1000 * HOUR, SeqCst);
    let in_time = Builder::new()
        .name("in time")
        .timebox(LONG)
        .spawn(async { tokio::time::sleep(Duration::from_millis(20)).await });
    in_time.await.unwrap();
    for task in [old, young] {
        task.abort();
        task.await.unwrap_err();
    }
    assert!(observing.flush(LONG));
    let ends = [0; 4]
        .map(|_| ended(&told))
        .map(|task| (task.name().to_owned(), task.status()));
    let expected = [
        ("boxed", Status::Aborted),
        ("in time", Status::Finished),
        ("old", Status::Aborted),
        ("young", Status::Aborted),
    ];
    assert_eq!(
        ends,
        expected.map(|(name, status)| (name.to_owned(), status))
    );

    // Before the beginning of time.
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    OFF.fetch_sub(since.unwrap().as_secs() as i64 + HOUR, SeqCst);
    assert!(SystemTime::now() < SystemTime::UNIX_EPOCH);
    let last = Builder::new().name("last").spawn(pending::<()>());
    assert_is_sane(&monitor.take_now());
    #[cfg(feature = "serde")]
    serde_json::to_string(&*monitor.take_now()).unwrap();
    #[cfg(feature = "prometheus")]
    assert!(taskleak::export::prometheus::text().ends_with("# EOF\n"));
    #[cfg(feature = "pprof")]
    assert!(
        !taskleak::export::pprof::Profile::of(&monitor.take_now())
            .to_gzip()
            .is_empty()
    );
    last.abort();
}
