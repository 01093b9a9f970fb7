//! Observers: what they are told, and that nobody waits for them.

use pretty_assertions::assert_eq;
use std::future::pending;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use taskleak::TaskState;
use taskleak::manager::{Config, Interest, Observer, ObserverHandle, Snapshot, Status, TaskRecord};
use taskleak::task::{Builder, TimeboxAction};

const LONG: Duration = Duration::from_secs(60);

/// How much room observers get that are added is said for the whole process.
static ROOM: Mutex<()> = Mutex::new(());

fn turn() -> MutexGuard<'static, ()> {
    ROOM.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Adds one that has little room.
fn add_with_little_room(observer: impl Observer) -> ObserverHandle {
    let _turn = turn();
    taskleak::manager().configure(Config::new().queue(1000));
    let handle = taskleak::manager().add_observer(observer);
    taskleak::manager().configure(Config::new());
    handle
}

/// Notes what it is told of tasks whose names begin in one way.
struct Notes {
    prefix: &'static str,
    seen: Mutex<Vec<(&'static str, String, Status)>>,
    missed: Mutex<u64>,
}

impl Notes {
    fn of(prefix: &'static str) -> (Arc<Self>, ObserverHandle) {
        let notes = Arc::new(Self {
            prefix,
            seen: Mutex::default(),
            missed: Mutex::default(),
        });
        let _turn = turn();
        let handle = taskleak::manager().add_observer(notes.clone());
        (notes, handle)
    }

    fn note(&self, what: &'static str, task: &TaskRecord) {
        if let Some(name) = task.name().strip_prefix(self.prefix) {
            self.seen
                .lock()
                .unwrap()
                .push((what, name.to_owned(), task.status()));
        }
    }

    fn seen(&self) -> Vec<(&'static str, String, Status)> {
        self.seen.lock().unwrap().clone()
    }
}

impl Observer for Notes {
    fn task_started(&self, task: &TaskRecord) {
        assert!(task.ended_at().is_none());
        self.note("started", task);
    }

    fn task_finished(&self, task: &TaskRecord) {
        assert!(task.ended_at().unwrap() >= task.created_at());
        self.note("finished", task);
    }

    fn timebox_exceeded(&self, task: &TaskRecord) {
        assert!(task.ended_at().is_none());
        self.note("over", task);
    }

    fn events_missed(&self, count: u64) {
        *self.missed.lock().unwrap() += count;
    }
}

#[tokio::test]
async fn it_is_told_of_each_start_and_end_once_and_in_order() {
    let (notes, handle) = Notes::of("told ");
    Builder::new()
        .name("told once")
        .spawn(async {})
        .await
        .unwrap();
    Builder::new()
        .name("told panic")
        .spawn(async { panic!("planned") })
        .await
        .unwrap_err();
    let task = Builder::new()
        .name("told abort".to_owned())
        .spawn(pending::<()>());
    task.abort();
    task.await.unwrap_err();
    assert!(handle.flush(LONG));
    let expected = [
        ("started", "once", Status::Created),
        ("finished", "once", Status::Finished),
        ("started", "panic", Status::Created),
        ("finished", "panic", Status::Panicked),
        ("started", "abort", Status::Created),
        ("finished", "abort", Status::Aborted),
    ];
    let expected = expected.map(|(what, name, status)| (what, name.to_owned(), status));
    assert_eq!(notes.seen(), expected);
    assert_eq!(handle.missed(), 0);
}

#[tokio::test]
async fn it_is_told_once_that_a_time_box_is_over() {
    let (notes, handle) = Notes::of("boxed ");
    let told = notes.clone();
    let short = Duration::from_millis(5);
    let slow = Builder::new()
        .name("boxed slow")
        .timebox(short)
        .spawn(async move {
            while !told.seen().iter().any(|(what, ..)| *what == "over") {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        });
    slow.await.unwrap();
    let stuck = Builder::new()
        .name("boxed stuck")
        .timebox(short)
        .on_timebox(TimeboxAction::Abort)
        .spawn(pending::<()>());
    assert!(stuck.await.unwrap_err().is_cancelled());
    let quick = Builder::new()
        .name("boxed quick")
        .timebox(LONG)
        .spawn(async {});
    quick.await.unwrap();
    assert!(handle.flush(LONG));
    let expected = [
        ("started", "slow", Status::Created),
        ("over", "slow", Status::OverTime),
        ("finished", "slow", Status::FinishedOverTime),
        ("started", "stuck", Status::Created),
        ("over", "stuck", Status::OverTime),
        ("finished", "stuck", Status::Aborted),
        ("started", "quick", Status::Created),
        ("finished", "quick", Status::Finished),
    ];
    let expected = expected.map(|(what, name, status)| (what, name.to_owned(), status));
    assert_eq!(notes.seen(), expected);
}

/// What it is told of a task that has long run is not of its spawn.
#[tokio::test]
async fn a_task_over_its_time_box_is_told_as_it_is_then() {
    struct Over(Mutex<Vec<TaskRecord>>);
    impl Observer for Over {
        fn timebox_exceeded(&self, task: &TaskRecord) {
            if task.name() == "as it is then" {
                self.0.lock().unwrap().push(task.clone());
            }
        }
    }
    let over = Arc::new(Over(Mutex::default()));
    let handle = taskleak::manager().add_observer(over.clone());
    let (polled, is_polled) = tokio::sync::oneshot::channel();
    let task = Builder::new()
        .name("as it is then")
        // Long enough for a first poll on a busy machine.
        .timebox(Duration::from_secs(1))
        .on_timebox(TimeboxAction::Abort)
        .spawn(async {
            let _ = polled.send(());
            pending::<()>().await;
        });
    is_polled.await.unwrap();
    task.await.unwrap_err();
    assert!(handle.flush(LONG));
    let told = over.0.lock().unwrap();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].polls(), 1);
    assert_eq!(told[0].state(), TaskState::Pending);
    assert!(told[0].started_at().is_some());
    assert!(told[0].tokio_id().is_some());
}

#[tokio::test]
async fn once_removed_it_is_told_no_more() {
    let (notes, handle) = Notes::of("removed ");
    Builder::new()
        .name("removed before")
        .spawn(async {})
        .await
        .unwrap();
    assert!(handle.flush(LONG));
    handle.remove();
    Builder::new()
        .name("removed after")
        .spawn(async {})
        .await
        .unwrap();
    let (_, other) = Notes::of("removed ");
    assert!(other.flush(LONG));
    let names: Vec<_> = notes.seen().into_iter().map(|(_, name, _)| name).collect();
    assert_eq!(names, ["before", "before"]);
    drop(other);
    drop(notes);
}

#[tokio::test]
async fn one_that_panics_is_called_again_and_harms_nobody() {
    struct Panics(Mutex<u32>);
    impl Observer for Panics {
        fn task_started(&self, task: &TaskRecord) {
            if task.name() == "panics" {
                *self.0.lock().unwrap() += 1;
                panic!("planned");
            }
        }
    }
    let panics = Arc::new(Panics(Mutex::new(0)));
    let handle = taskleak::manager().add_observer(panics.clone());
    let (notes, other) = Notes::of("panics");
    for _ in 0..3 {
        Builder::new().name("panics").spawn(async {}).await.unwrap();
    }
    assert!(handle.flush(LONG) && other.flush(LONG));
    assert_eq!(handle.panics(), 3);
    assert_eq!(*panics.0.lock().unwrap(), 3);
    assert_eq!(notes.seen().len(), 6);
}

#[tokio::test]
async fn one_that_blocks_stalls_neither_tasks_nor_others() {
    struct Blocks(Mutex<Receiver<()>>, Sender<()>, Mutex<u64>);
    impl Observer for Blocks {
        fn task_started(&self, task: &TaskRecord) {
            if task.name() == "blocks" {
                let _ = self.1.send(());
                let _ = self.0.lock().unwrap().recv();
            }
        }

        fn events_missed(&self, count: u64) {
            *self.2.lock().unwrap() += count;
        }
    }
    let (unblock, blocked) = channel();
    let (called, calls) = channel();
    let blocks = Arc::new(Blocks(Mutex::new(blocked), called, Mutex::new(0)));
    let stuck = add_with_little_room(blocks.clone());
    let (notes, other) = Notes::of("unblocked ");

    Builder::new().name("blocks").spawn(async {}).await.unwrap();
    calls.recv().unwrap();
    for _ in 0..5000 {
        Builder::new()
            .name("unblocked task")
            .spawn(async {})
            .await
            .unwrap();
        if fastrand::u8(..) == 0 {
            // The queue that all share is not what is tested here.
            assert!(other.flush(LONG));
        }
    }
    assert!(other.flush(LONG));
    assert_eq!(notes.seen().len(), 10_000);
    assert!(stuck.missed() >= 9_000, "{}", stuck.missed());
    assert!(!stuck.flush(Duration::from_millis(10)));
    drop(unblock);
    assert!(stuck.flush(LONG));
    assert_eq!(*blocks.2.lock().unwrap(), stuck.missed());
}

/// Panics in all that it is told, and at its end.
struct PanicsAlways(Arc<Mutex<Vec<&'static str>>>);

impl PanicsAlways {
    fn panic(&self, what: &'static str, task: &str) {
        if task == "panics always" {
            self.0.lock().unwrap().push(what);
            panic!("planned");
        }
    }
}

impl Observer for PanicsAlways {
    fn task_started(&self, task: &TaskRecord) {
        self.panic("started", task.name());
    }

    fn task_finished(&self, task: &TaskRecord) {
        self.panic("finished", task.name());
    }

    fn timebox_exceeded(&self, task: &TaskRecord) {
        self.panic("over", task.name());
    }

    fn snapshot_taken(&self, _: &Snapshot) {
        self.panic("snapshot", "panics always");
    }
}

impl Drop for PanicsAlways {
    fn drop(&mut self) {
        self.panic("dropped", "panics always");
    }
}

#[tokio::test]
async fn one_that_panics_in_all_it_is_told_ends_no_thread() {
    let whats = Arc::new(Mutex::new(Vec::new()));
    let handle = taskleak::manager().add_observer(PanicsAlways(whats.clone()));
    let (notes, other) = Notes::of("panics always");
    for _ in 0..2 {
        let task = Builder::new()
            .name("panics always")
            .timebox(Duration::from_millis(1))
            .on_timebox(TimeboxAction::Abort)
            .spawn(pending::<()>());
        task.await.unwrap_err();
        taskleak::manager().monitor().take_now();
    }
    assert!(handle.flush(LONG) && other.flush(LONG));
    let told = whats.lock().unwrap().clone();
    assert!(handle.panics() >= 8);
    let times = |what| told.iter().filter(|one| **one == what).count();
    assert_eq!(["started", "over", "finished"].map(times), [2; 3]);
    // Other tests take some too.
    assert!(times("snapshot") >= 2);
    assert_eq!(notes.seen().len(), 6);
    handle.remove();
    // Its thread drops it when it comes to that.
    while whats.lock().unwrap().last() != Some(&"dropped") {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn one_that_blocks_is_removed_without_waiting_for_it() {
    struct Blocks(Mutex<Receiver<()>>, Sender<()>);
    impl Observer for Blocks {
        fn task_finished(&self, task: &TaskRecord) {
            if task.name() == "blocks for good" {
                let _ = self.1.send(());
                let _ = self.0.lock().unwrap().recv();
            }
        }
    }
    let (unblock, blocked) = channel();
    let (called, calls) = channel();
    let stuck = taskleak::manager().add_observer(Blocks(Mutex::new(blocked), called));
    let task = Builder::new().name("blocks for good").spawn(async {});
    task.await.unwrap();
    calls.recv().unwrap();
    // It is in a call, which nothing ends before this has come back.
    taskleak::manager().monitor().take_now();
    stuck.remove();
    let (notes, other) = Notes::of("after the block");
    let task = Builder::new().name("after the block").spawn(async {});
    task.await.unwrap();
    assert!(other.flush(LONG));
    assert_eq!(notes.seen().len(), 2);
    drop(unblock);
}

/// Told of ends only, beside one that is told of everything.
struct EndsOnly(Arc<Notes>);

impl Observer for EndsOnly {
    fn interest(&self) -> Interest {
        Interest::all().without_starts()
    }

    fn task_started(&self, task: &TaskRecord) {
        self.0.task_started(task);
    }

    fn task_finished(&self, task: &TaskRecord) {
        self.0.task_finished(task);
    }

    fn timebox_exceeded(&self, task: &TaskRecord) {
        self.0.timebox_exceeded(task);
    }
}

#[tokio::test]
async fn an_observer_is_told_what_it_has_an_interest_in() {
    let notes = |prefix| Notes {
        prefix,
        seen: Mutex::default(),
        missed: Mutex::default(),
    };
    let ends = Arc::new(notes("interest "));
    let some = taskleak::manager().add_observer(EndsOnly(ends.clone()));
    for is_beside_another in [false, true] {
        let all = is_beside_another.then(|| Notes::of("interest "));
        ends.seen.lock().unwrap().clear();
        let task = Builder::new()
            .name("interest box")
            .timebox(Duration::from_millis(1))
            .on_timebox(TimeboxAction::Abort)
            .spawn(pending::<()>());
        task.await.unwrap_err();
        assert!(some.flush(LONG));
        let mut whats: Vec<_> = ends.seen().into_iter().map(|(what, ..)| what).collect();
        whats.sort_unstable();
        assert_eq!(whats, ["finished", "over"]);
        if let Some((notes, handle)) = all {
            assert!(handle.flush(LONG));
            assert!(notes.seen().iter().any(|(what, ..)| *what == "started"));
        }
    }
}

/// What others want takes no room from it, and it misses none of that.
#[tokio::test]
async fn an_observer_has_room_for_what_it_has_an_interest_in() {
    struct OverTimeOnly(Mutex<Receiver<()>>, Sender<()>, Mutex<u64>);
    impl Observer for OverTimeOnly {
        fn interest(&self) -> Interest {
            Interest::all().without_ends().without_starts()
        }

        fn timebox_exceeded(&self, task: &TaskRecord) {
            if task.name() == "room" {
                *self.2.lock().unwrap() += 1;
                let _ = self.1.send(());
                let _ = self.0.lock().unwrap().recv();
            }
        }
    }
    let (unblock, blocked) = channel();
    let (called, calls) = channel();
    let over = async || {
        let task = Builder::new()
            .name("room")
            .timebox(Duration::from_millis(1))
            .on_timebox(TimeboxAction::Abort)
            .spawn(pending::<()>());
        task.await.unwrap_err();
    };
    let few = Arc::new(OverTimeOnly(Mutex::new(blocked), called, Mutex::default()));
    let stuck = add_with_little_room(few.clone());
    let (_notes, other) = Notes::of("room");
    over().await;
    calls.recv().unwrap();
    for _ in 0..2000 {
        Builder::new()
            .name("in between")
            .spawn(async {})
            .await
            .unwrap();
        if fastrand::u8(..64) == 0 {
            // The queue that all share is not what is tested here.
            assert!(other.flush(LONG));
        }
    }
    over().await;
    assert!(other.flush(LONG));
    // Snapshots that other tests take are told to it too.
    assert!(stuck.missed() < 100, "{}", stuck.missed());
    drop(unblock);
    assert!(stuck.flush(LONG));
    assert_eq!(*few.2.lock().unwrap(), 2);
}

/// Not of what was still on its way to others when it was added.
#[tokio::test]
async fn an_observer_is_told_nothing_of_before_it_was_added() {
    let (_first, _handle) = Notes::of("before ");
    for _ in 0..100 {
        Builder::new()
            .name("before it came")
            .spawn(async {})
            .await
            .unwrap();
        let (second, handle) = Notes::of("before ");
        assert!(handle.flush(LONG));
        assert_eq!(second.seen(), []);
    }
}
