//! Waiting for all tasks to end.

use super::pause::either;
use super::same_name;
use super::status::Status;
use super::task_record::{Moment, TaskRecord};
use crate::escaped::escaped;
use crate::registry::alarm::Sleep;
use crate::registry::ends::Ends;
use crate::registry::slot::flag;
use crate::registry::{self, TaskId, current};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashSet};
use std::error::Error;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The tasks that did not end within the grace of [`Manager::shutdown`](super::Manager::shutdown).
///
/// Its `Display` names them, those of one name and spawn site together.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// use std::time::Duration;
///
/// let stuck = taskleak::task::Builder::new().name("uploader").spawn(std::future::pending::<()>());
/// let unfinished = taskleak::manager().shutdown(Duration::from_millis(10)).await.unwrap_err();
/// assert_eq!(unfinished.tasks().len(), 1);
/// assert!(unfinished.to_string().starts_with("1 task did not end within 10ms:\n  `uploader`"));
/// # stuck.abort(); }
/// ```
#[derive(Clone, Debug)]
pub struct Unfinished {
    tasks: Vec<TaskRecord>,
    grace: Duration,
}

impl Unfinished {
    /// The tasks, oldest first.
    pub fn tasks(&self) -> &[TaskRecord] {
        &self.tasks
    }

    /// How long they had.
    pub fn grace(&self) -> Duration {
        self.grace
    }
}

impl fmt::Display for Unfinished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.tasks.len();
        let plural = if count == 1 { "" } else { "s" };
        let grace = humantime::format_duration(self.grace);
        write!(f, "{count} task{plural} did not end within {grace}:")?;
        let mut groups: BTreeMap<(&str, String), Vec<&TaskRecord>> = BTreeMap::new();
        for task in &self.tasks {
            let place = (task.name(), task.location().to_string());
            groups.entry(place).or_default().push(task);
        }
        for ((name, place), tasks) in groups {
            let times = match tasks.len() {
                1 => String::new(),
                times => format!("{times} x "),
            };
            let age = tasks
                .iter()
                .map(|task| task.age())
                .max()
                .unwrap_or_default();
            let age = humantime::format_duration(Duration::from_millis(age.as_millis() as u64));
            let over = tasks
                .iter()
                .filter(|task| task.status() == Status::OverTime)
                .count();
            let name = escaped(name);
            write!(f, "\n  {times}`{name}` spawned at {place}, alive for {age}")?;
            if over > 0 {
                write!(f, ", {over} over the time box")?;
            }
        }
        Ok(())
    }
}

impl Error for Unfinished {}

/// Between two looks at the tasks, however many end.
const PAUSE: Duration = Duration::from_millis(1);
/// An end may be missed: look again after this long.
const RECHECK: Duration = Duration::from_millis(50);

pub(super) async fn all_ended(grace: Duration) -> Result<(), Unfinished> {
    let own = Waiting::begin(own_line());
    let deadline = Instant::now().checked_add(grace);
    let ends = Ends::watch();
    loop {
        let ended = ends.next();
        let now = Instant::now();
        let waiting = own.all();
        if at_one_moment(|| left(&waiting)).is_none() {
            return Ok(());
        }
        if deadline.is_some_and(|deadline| now >= deadline) {
            return match at_one_moment(|| unfinished(&waiting)) {
                Some(tasks) => Err(Unfinished { tasks, grace }),
                None => Ok(()),
            };
        }
        let at_most = |at: Instant| deadline.map_or(at, |deadline| at.min(deadline));
        either(ended, Sleep::until(at_most(now + RECHECK))).await;
        Sleep::until(at_most(Instant::now() + PAUSE)).await;
    }
}

fn live() -> impl Iterator<Item = registry::Reading> {
    registry::live().filter(|task| !task.is_settled())
}

/// What is found among the live tasks, by looks that each go over them one by one; nothing if at some moment there
/// was nothing. One look may miss a task that comes to live where it has been already, spawned by one that ends before
/// it comes there. So what finds nothing counts only if nothing has changed meanwhile.
///
/// Where tasks that need not end come and go without a pause there may be no such look. But hardly any single one
/// misses all tasks of a line whose next one is always there, let alone so many in a row.
fn at_one_moment<T>(look: impl Fn() -> Option<T>) -> Option<T> {
    const MOST_LOOKS: usize = 32;
    for _ in 0..MOST_LOOKS {
        let before = registry::changes();
        let found = look();
        if found.is_some() || registry::changes() == before {
            return found;
        }
    }
    None
}

/// One of the tasks that must end.
fn left(waiting: &HashSet<TaskId>) -> Option<registry::Reading> {
    live().find(|task| must_end(task, waiting))
}

/// All of them, oldest first; none if there is none.
fn unfinished(waiting: &HashSet<TaskId>) -> Option<Vec<TaskRecord>> {
    let moment = Moment::now();
    let mut tasks: Vec<_> = live()
        .filter_map(|task| TaskRecord::of_live(task, moment))
        .collect();
    same_name::tell(&mut tasks);
    tasks.retain(|task| must_end(&task.reading(), waiting));
    tasks.sort_by_key(|task| (std::cmp::Reverse(task.age()), task.id()));
    (!tasks.is_empty()).then_some(tasks)
}

fn must_end(task: &registry::Reading, waiting: &HashSet<TaskId>) -> bool {
    !task.has(flag::BACKGROUND) && !waiting.contains(&task.id)
}

/// The lines of all calls that are waiting now, each as long as its call does: how many calls each task
/// has a part in. None of them waits for another, nor for who waits for another.
static WAITING: Mutex<BTreeMap<TaskId, usize>> = Mutex::new(BTreeMap::new());

fn waiting() -> MutexGuard<'static, BTreeMap<TaskId, usize>> {
    WAITING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One call that is waiting.
struct Waiting {
    line: Vec<TaskId>,
}

impl Waiting {
    fn begin(line: Vec<TaskId>) -> Self {
        let mut waiting = waiting();
        for task in &line {
            *waiting.entry(*task).or_default() += 1;
        }
        Self { line }
    }

    /// The tasks that none of the calls waits for.
    fn all(&self) -> HashSet<TaskId> {
        waiting().keys().copied().collect()
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let mut waiting = waiting();
        for task in &self.line {
            if let Entry::Occupied(mut calls) = waiting.entry(*task) {
                *calls.get_mut() -= 1;
                if *calls.get() == 0 {
                    calls.remove();
                }
            }
        }
    }
}

/// The running task and those above it that are alive: they may wait for it. Above one that has ended
/// nothing is known.
fn own_line() -> Vec<TaskId> {
    let mut line = Vec::new();
    let mut above = current::task().map(|task| task.id());
    while let Some(id) = above {
        // Ids only ever lead to older tasks, so this ends.
        line.push(id);
        above = id.read().and_then(|task| task.parent);
    }
    line
}

#[cfg(test)]
mod tests {
    use super::super::take::snapshot;
    use super::super::{Interest, Observer, manager};
    use crate::manager::TaskRecord;
    use crate::registry::pin::with_headers;
    use crate::registry::{Entry, Extras, Spec, TaskKind};
    use pretty_assertions::assert_eq;
    use std::panic::Location;
    use std::sync::Arc;
    use std::sync::atomic::AtomicUsize;
    use std::sync::atomic::Ordering::SeqCst;
    use std::time::Duration;

    static HEADER: u8 = 0;
    const NAME: &str = "gone, and told of";

    #[derive(Default)]
    struct Told(AtomicUsize);

    impl Observer for Told {
        fn interest(&self) -> Interest {
            Interest::all().without_starts()
        }

        fn task_finished(&self, task: &TaskRecord) {
            self.0.fetch_add(usize::from(task.name() == NAME), SeqCst);
        }
    }

    /// Or a service that shuts down, flushes and exits would not hear of the last of them.
    #[test]
    fn the_end_of_a_task_that_is_not_found_any_more_is_counted_and_told() {
        let told = Arc::new(Told::default());
        let handle = manager().add_observer(told.clone());
        for (before, with_data) in [false, true].into_iter().enumerate() {
            let mut spec = Spec::new(TaskKind::Task, Location::caller(), "test");
            spec.name = Some(NAME);
            spec.extras = with_data.then(Box::<Extras>::default);
            let entry = Entry::begin(spec, |_| None);
            // Of no task: it is never polled, so that nobody else looks at it.
            entry.slot().set_header((&raw const HEADER).cast());
            let task = entry.slot().read().expect("it lives");
            let mut entry = Some(entry);
            std::thread::scope(|scope| {
                // While it is looked at, its end comes no further than out of the live set.
                with_headers(&[task], |task, _| {
                    let entry = entry.take();
                    scope.spawn(move || drop(entry));
                    while task.still_alive() {
                        std::thread::yield_now();
                    }
                    let snapshot = snapshot(Vec::new());
                    let counts = snapshot.name(NAME).expect("it was spawned").counts();
                    assert_eq!(counts.ended() as usize, before + 1);
                    assert!(handle.flush(Duration::from_secs(60)));
                    assert_eq!(told.0.load(SeqCst), before + 1);
                });
            });
        }
    }
}
