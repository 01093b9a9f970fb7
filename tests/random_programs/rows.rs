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

impl Verdict {
    /// What is to be said of a program.
    pub fn expected(program: &Program, prophecy: &Prophecy, number: u64) -> Self {
        let row = program.row;
        let shut_down = matches!(
            row,
            Row::ShutDown {
                forbidden: false,
                ..
            }
        );
        let mut leaks: Vec<String> = prophecy
            .leaks(program)
            .into_iter()
            .map(|task| program.name(task, number))
            .collect();
        leaks.sort();
        if shut_down {
            leaks.clear();
        }
        let unseen = prophecy.unseen(program);
        let is_harness_alone = matches!(row, Row::Harness { guard: false, .. });
        Self {
            failed: !(leaks.is_empty() && unseen == 0) && (program.fails || is_harness_alone),
            leaks: (!is_harness_alone).then_some(leaks),
            unseen: if is_harness_alone { 0 } else { unseen },
        }
    }

    /// Whether it says what `expected` says and blames more tasks.
    pub fn blames_too_many(&self, expected: &Self) -> bool {
        match (&self.leaks, &expected.leaks) {
            (Some(said), Some(true_ones)) => {
                true_ones.iter().all(|name| said.contains(name)) && self.unseen >= expected.unseen
            }
            _ => self.failed && !expected.failed,
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
        Self(self.0 * 8)
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
        drop(runtime);
        drop(guard);
    }

    /// Waits until all tasks have ended that will.
    async fn quiet(&self) {
        let begin = Instant::now();
        let busy = |task: usize| !self.prophecy.stuck[task] && !self.run.has_ended(task);
        while (1..self.prophecy.stuck.len()).any(busy) && begin.elapsed().as_secs() < 20 {
            tokio::time::sleep(Duration::from_millis(1)).await;
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
