//! Running a program in its row and reading the guard's verdict.

use super::oracle::Prophecy;
use super::program::{Flavor, Program, Row, Spawned};
use super::run::{Run, TaskRun};
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};
use taskleak::__private::Harness;
use taskleak::{Action, Guard, LeakReport, verify_none};
use tokio::runtime::Runtime;
use tokio::task::LocalSet;

/// What a guard said at its end.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Verdict {
    /// None if only the test's failure can be seen.
    pub leaks: Option<Vec<String>>,
    pub unseen: usize,
    pub failed: bool,
}

/// What it has to say.
#[derive(Clone, Debug)]
pub struct Expected {
    leaks: Vec<String>,
    /// Leaks that may be missing. While a runtime shuts down, the end of one task wakes another;
    /// which then counts as about to end, not as killed.
    excusable: Vec<String>,
    unseen: usize,
    /// A leak fails the test.
    fails: bool,
    /// Only that can be seen.
    is_mute: bool,
}

impl Expected {
    pub fn of(program: &Program, prophecy: &Prophecy, number: u64) -> Self {
        let is_mute = matches!(program.row, Row::Harness { guard: false, .. });
        let mut expected = Self {
            leaks: Vec::new(),
            excusable: Vec::new(),
            unseen: prophecy.unseen(program),
            fails: program.fails || is_mute,
            is_mute,
        };
        let shut_down = matches!(program.row, Row::ShutDown { .. });
        for task in prophecy.leaks(program) {
            if matches!(
                program.row,
                Row::ShutDown {
                    forbidden: false,
                    ..
                }
            ) {
                continue;
            }
            let name = program.name(task, number);
            if shut_down && !prophecy.stuck_alone[task] {
                expected.excusable.push(name);
            } else {
                expected.leaks.push(name);
            }
        }
        expected
    }

    pub fn is(&self, verdict: &Verdict) -> bool {
        if self.is_mute {
            return verdict.failed != (self.leaks.is_empty() && self.unseen == 0);
        }
        let Some(said) = &verdict.leaks else {
            return false;
        };
        let known = |name: &String| self.leaks.contains(name) || self.excusable.contains(name);
        let mut once = said.clone();
        once.dedup();
        let leaked = !said.is_empty() || verdict.unseen > 0;
        self.leaks.iter().all(|leak| said.contains(leak))
            && said.iter().all(known)
            && once.len() == said.len()
            && verdict.unseen == self.unseen
            && verdict.failed == (leaked && self.fails)
    }

    /// Whether the verdict blames a task that would have ended in time, given more of it; or only some
    /// of those that leak, the others of which were perhaps not spawned yet.
    pub fn came_early(&self, verdict: &Verdict) -> bool {
        let is_strange = |name: &String| !self.leaks.contains(name);
        match &verdict.leaks {
            Some(said) => {
                let only_some = !said.is_empty() && said.len() < self.leaks.len();
                said.iter().any(is_strange) || verdict.unseen > self.unseen || only_some
            }
            None => self.is_mute && verdict.failed,
        }
    }
}

/// No program needs so long.
pub const AMPLE: Duration = Duration::from_secs(20);

/// How long the guard lets tasks settle.
#[derive(Clone, Copy)]
pub struct Grace(pub Duration);

impl Grace {
    /// So much that a program without leaks is never cut short; and little, but enough on an idle
    /// machine, for one whose grace will be spent.
    pub fn of(program: &Program, prophecy: &Prophecy) -> Self {
        let leaks = prophecy.stuck.contains(&true);
        Self(match (leaks, program.row.is_paused()) {
            (false, _) => AMPLE,
            (true, true) => Duration::from_millis(150),
            (true, false) => Duration::from_millis(8),
        })
    }

    /// While a program is shrunk, many a guard waits in vain.
    pub fn for_shrinking(self) -> Self {
        Self(self.0.min(Duration::from_millis(500)))
    }

    pub fn longer(self) -> Self {
        Self((self.0 * 8).min(AMPLE / 4))
    }
}

/// Runs the program once.
pub fn judged(
    program: &Program,
    prophecy: &Prophecy,
    number: u64,
    grace: Grace,
) -> (Verdict, Arc<Run>) {
    let (run, body) = Run::new(program.clone(), number);
    let said: Said = Arc::default();
    let test = Test {
        row: program.row,
        fails: program.fails,
        grace: grace.0,
        said: said.clone(),
        run: run.clone(),
        prophecy,
    };
    let outcome = catch_unwind(AssertUnwindSafe(|| test.run(body)));
    run.release();
    let mut verdict = said.lock().unwrap().take().unwrap_or_default();
    verdict.failed = outcome.is_err();
    (verdict, run)
}

type Said = Arc<Mutex<Option<Verdict>>>;

struct Test<'a> {
    row: Row,
    fails: bool,
    grace: Duration,
    said: Said,
    run: Arc<Run>,
    prophecy: &'a Prophecy,
}

impl Test<'_> {
    fn open(&self) -> Guard {
        let said = self.said.clone();
        let guard = verify_none()
            .grace(self.grace)
            .on_leak(if self.fails {
                Action::Fail
            } else {
                Action::Warn
            })
            .cleanup(move |report| *said.lock().unwrap() = Some(read(report)));
        match self.row {
            Row::ShutDown {
                forbidden: true, ..
            } => guard.forbid_shutdown(),
            _ => guard,
        }
    }

    fn run(&self, body: TaskRun) {
        match self.row {
            Row::CurrentDrop => self.on(current(false), self.dropped(body)),
            Row::MultiDrop => self.on(multi(), self.dropped(body)),
            Row::CurrentFinish => self.on(current(false), self.finished(body)),
            Row::PausedFinish => self.on(current(true), self.finished(body)),
            Row::MultiFinish => self.on(multi(), self.finished(body)),
            Row::LocalDrop => {
                let local = LocalSet::new();
                self.on(current(false), local.run_until(self.dropped(body)));
            }
            Row::LocalFinish => {
                let local = LocalSet::new();
                self.on(current(false), local.run_until(self.finished(body)));
            }
            Row::SharedDrop => shared().block_on(self.dropped(body)),
            Row::WorkerDrop { tracked } => self.on_worker(tracked, body),
            Row::CurrentOutside => self.beside(false, body),
            Row::MultiOutside => self.beside(true, body),
            Row::Harness { flavor, guard } => self.in_harness(flavor, guard, body),
            Row::ShutDown { multi, forbidden } => self.shut_down(multi, forbidden, body),
        }
    }

    /// Runs the future; what is stuck is let go before the runtime's destructor waits for it.
    fn on(&self, runtime: Runtime, future: impl Future<Output = ()>) {
        let outcome = catch_unwind(AssertUnwindSafe(|| runtime.block_on(future)));
        self.run.release();
        drop(runtime);
        if let Err(failure) = outcome {
            std::panic::resume_unwind(failure);
        }
    }

    async fn dropped(&self, body: TaskRun) {
        let _guard = self.open();
        body.go().await;
    }

    async fn finished(&self, body: TaskRun) {
        let guard = self.open();
        body.go().await;
        guard.finish().await;
    }

    fn on_worker(&self, tracked: bool, body: TaskRun) {
        let guarded = {
            let (fails, grace, said) = (self.fails, self.grace, self.said.clone());
            async move {
                let _guard = verify_none()
                    .grace(grace)
                    .on_leak(if fails { Action::Fail } else { Action::Warn })
                    .cleanup(move |report| *said.lock().unwrap() = Some(read(report)));
                body.go().await;
            }
        };
        self.on(multi(), async move {
            let host = if tracked {
                taskleak::spawn(guarded)
            } else {
                tokio::spawn(guarded)
            };
            if let Err(error) = host.await {
                std::panic::resume_unwind(error.into_panic());
            }
        });
    }

    fn beside(&self, multi: bool, body: TaskRun) {
        let guard = self.open();
        let runtime = tracked_runtime(multi);
        runtime.block_on(body.go());
        let outcome = catch_unwind(AssertUnwindSafe(|| guard.finish_blocking()));
        self.run.release();
        drop(runtime);
        if let Err(failure) = outcome {
            std::panic::resume_unwind(failure);
        }
    }

    fn in_harness(&self, flavor: Flavor, guard: bool, body: TaskRun) {
        let harness = Harness::new("random_programs::random_program").grace(self.grace);
        let harness = match flavor {
            Flavor::Current => harness.current_thread(),
            Flavor::Paused => harness.current_thread().start_paused(true),
            Flavor::Multi => harness.multi_thread().worker_threads(2),
        };
        harness.run(async move {
            let _guard = guard.then(|| self.open());
            body.go().await;
        });
    }

    fn shut_down(&self, multi: bool, forbidden: bool, body: TaskRun) {
        let guard = self.open();
        let runtime = tracked_runtime(multi);
        runtime.block_on(async {
            body.go().await;
            if forbidden {
                self.quiet().await;
            }
        });
        // The runtime waits for them, and a task that was to notify one may be killed.
        self.run.release_closures();
        drop(runtime);
        drop(guard);
    }

    /// Waits until all tasks have ended that will, and the others are where they are stuck.
    async fn quiet(&self) {
        let begin = Instant::now();
        let Prophecy {
            ends, stuck, at, ..
        } = self.prophecy;
        let busy = |task: usize| {
            ends[task] && !self.run.has_ended(task)
                || stuck[task] && !self.run.has_come_to(task, at[task])
        };
        while (1..self.prophecy.stuck.len()).any(busy) && begin.elapsed() < AMPLE {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        // The others are to wait for what they wait for.
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
    }
}

fn read(report: &LeakReport) -> Verdict {
    let tasks = report.leaks().iter().flat_map(|leak| leak.tasks());
    let mut leaks: Vec<String> = tasks.map(|task| task.name().to_owned()).collect();
    leaks.sort();
    Verdict {
        leaks: Some(leaks),
        unseen: report.unseen_count(),
        failed: false,
    }
}

fn current(paused: bool) -> Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(paused)
        .build()
        .expect("a runtime can be built")
}

fn multi() -> Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .worker_threads(2)
        .build()
        .expect("a runtime can be built")
}

fn tracked_runtime(multi: bool) -> taskleak::runtime::Runtime {
    let mut builder = if multi {
        taskleak::runtime::Builder::new_multi_thread()
    } else {
        taskleak::runtime::Builder::new_current_thread()
    };
    builder
        .enable_all()
        .worker_threads(2)
        .build()
        .expect("a runtime can be built")
}

/// One runtime for all programs of the process.
fn shared() -> &'static Runtime {
    static SHARED: OnceLock<Runtime> = OnceLock::new();
    SHARED.get_or_init(multi)
}

/// Whether a verdict may come early because the machine was slow: where time is the real one.
pub fn time_is_real(program: &Program) -> bool {
    let has_blocking = program
        .tasks
        .iter()
        .any(|task| task.spawned == Spawned::Blocking);
    !program.row.is_paused() || has_blocking
}
