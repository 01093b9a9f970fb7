//! What the attributes expand to.

use super::failure::Failure;
use super::limit::Limit;
use super::own_runtime::{Flavor, LocalDefaults, RuntimeSpec};
use super::panic_expected::PanicExpected;
use super::test_name;
use super::timeout::Timeout;
use super::unstable::TokioUnstable;
use crate::config;
use crate::guard::{Open, Options, Timer, caught, handover};
use crate::report::LeakReport;
use crate::runtime::Hooks;
use std::any::Any;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::process::Termination;
use std::sync::Arc;
use std::task::Poll;
use std::thread;
use std::time::Duration;

/// One test: how it is run and by what it is judged. Made by the attributes' expansions only.
#[doc(hidden)]
#[derive(Debug)]
pub struct Harness {
    test: Arc<str>,
    runtime: RuntimeSpec,
    options: Options,
    timeout: Option<Duration>,
    checks: bool,
}

/// How long a runtime may take to shut down: only one with a stuck blocking closure takes so long.
const SHUTDOWN: Duration = Duration::from_millis(100);

#[allow(
    missing_docs,
    reason = "not public: `#[leak_test]` documents its arguments"
)]
impl Harness {
    pub fn new(test: &'static str) -> Self {
        Self {
            test: test_name::of_path(test),
            runtime: RuntimeSpec::default(),
            options: Options::new(),
            timeout: None,
            checks: true,
        }
    }

    pub fn current_thread(mut self) -> Self {
        self.runtime.flavor = Flavor::CurrentThread;
        self
    }

    pub fn multi_thread(mut self) -> Self {
        self.runtime.flavor = Flavor::MultiThread;
        self
    }

    pub fn local(mut self) -> Self {
        self.runtime.flavor = Flavor::Local;
        self
    }

    pub fn worker_threads(mut self, workers: usize) -> Self {
        self.runtime.worker_threads = Some(workers);
        self
    }

    pub fn start_paused(mut self, paused: bool) -> Self {
        self.runtime.start_paused = paused;
        self
    }

    pub fn runtime_name(mut self, name: &str) -> Self {
        self.runtime.name = Some(name.to_owned());
        self
    }

    #[cfg_attr(
        not(tokio_unstable),
        expect(unused_mut, reason = "nobody can call it then")
    )]
    pub fn unhandled_panic_shutdown<Build: TokioUnstable>(mut self) -> Self {
        #[cfg(tokio_unstable)]
        {
            self.runtime.unhandled_panic_shutdown = true;
        }
        self
    }

    pub fn grace(mut self, grace: Duration) -> Self {
        self.options = self.options.grace(grace);
        self
    }

    pub fn blocked_after(mut self, time: Duration) -> Self {
        self.options = self.options.blocked_after(time);
        self
    }

    pub fn ignore(mut self, name: &str) -> Self {
        self.options = self.options.ignore_named(name);
        self
    }

    pub fn background(mut self, allowed: bool) -> Self {
        self.options = self.options.allow_background(allowed);
        self
    }

    pub fn threads(mut self, count: bool) -> Self {
        self.options = self.options.threads(count);
        self
    }

    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    pub fn check(mut self, checks: bool) -> Self {
        self.checks = checks;
        self
    }

    /// For a test that is to panic, whatever with.
    pub fn expects_panic(self) -> PanicExpected {
        PanicExpected(self)
    }

    /// Runs a test's body on a runtime of its own. If it leaked, an error that it returned is shown
    /// too, as libtest would.
    #[track_caller]
    pub fn test<T: Termination>(self, body: Body<'_, T>) -> T {
        let tell = |output: T| {
            output.report();
        };
        self.outcome(body)
            .unwrap_or_else(|failure| failure.fail(tell))
    }

    /// Runs any body on a runtime of its own.
    #[track_caller]
    pub fn run<F: Future>(self, body: F) -> F::Output {
        self.outcome(Box::pin(body))
            .unwrap_or_else(|failure| failure.fail(drop))
    }

    /// The same for what it came to. All bodies with one output share this, tokio's loops included.
    #[track_caller]
    pub(super) fn outcome<T>(self, body: Body<'_, T>) -> Result<T, Failure<T>> {
        let mut builder = self.runtime.builder();
        let hooked = Hooks::new(&mut builder).install(&mut builder);
        let checks = self.is_on();
        let is_local = self.runtime.flavor == Flavor::Local;
        let outcome = self.outcome_if(checks, body);
        if is_local {
            #[allow(unused_imports, reason = "needed if tokio has no local runtimes")]
            use super::own_runtime::WithoutLocal as _;
            let runtime = built(builder.build_local(LocalDefaults::defaults()));
            hooked.is(runtime.handle());
            let outcome = runtime.block_on(outcome);
            if checks {
                hooked.close();
                runtime.shutdown_timeout(SHUTDOWN);
            }
            return outcome;
        }
        let runtime = built(builder.build());
        hooked.is(runtime.handle());
        let outcome = runtime.block_on(outcome);
        if checks {
            hooked.close();
            // Not the destructor, which waits for blocking closures, leaked ones included.
            runtime.shutdown_timeout(SHUTDOWN);
        }
        outcome
    }

    async fn outcome_if<T>(self, checks: bool, body: Body<'_, T>) -> Result<T, Failure<T>> {
        if checks {
            self.judged(body, Waits::OwnRuntime).await
        } else {
            Ok(body.await)
        }
    }

    /// Runs the body inside somebody else's asynchronous test. If it leaked, what it returned is told before.
    pub async fn wrap<F: Future>(
        self,
        body: Pin<Box<F>>,
        tell: impl FnOnce(F::Output),
    ) -> F::Output {
        self.outcome_inside(body)
            .await
            .unwrap_or_else(|failure| failure.fail(tell))
    }

    pub(super) async fn outcome_inside<F: Future>(
        self,
        body: Pin<Box<F>>,
    ) -> Result<F::Output, Failure<F::Output>> {
        if !self.is_on() {
            return Ok(body.await);
        }
        self.judged(body, Waits::WithRuntime).await
    }

    /// Runs a synchronous body, which brings its own runtimes, if any.
    #[track_caller]
    pub fn run_sync<T>(self, body: impl FnOnce() -> T, tell: impl FnOnce(T)) -> T {
        self.outcome_of(body)
            .unwrap_or_else(|failure| failure.fail(tell))
    }

    #[track_caller]
    pub(super) fn outcome_of<T>(self, body: impl FnOnce() -> T) -> Result<T, Failure<T>> {
        if !self.is_on() {
            return Ok(body());
        }
        let Self {
            test,
            options,
            timeout,
            ..
        } = self;
        let mut open = Open::new(test);
        open.options = options;
        let timeout = timeout.map(|time| Timeout::of_blocking(&open, time));
        let outcome = catch_unwind(AssertUnwindSafe(body));
        drop(timeout);
        open.leave_place();
        match outcome {
            Ok(output) => match open.end_blocking().failure() {
                Some(message) => Err(Failure::Leaks(message, output)),
                None => Ok(output),
            },
            Err(panic) => {
                if open.options.runs_on_failure() {
                    open.end_blocking().announce();
                }
                Err(Failure::Panic(panic))
            }
        }
    }

    #[track_caller]
    fn is_on(&self) -> bool {
        if let Err(error) = config::checked() {
            panic!("{error}");
        }
        self.checks && config::is_on()
    }

    /// Runs the body, lets its tasks settle on the runtime that polls this, and judges. What comes
    /// back is the body's output, or what the test is to fail with.
    async fn judged<F: Future>(
        self,
        body: F,
        waits: Waits,
    ) -> Result<F::Output, Failure<F::Output>> {
        let Self {
            test,
            options,
            timeout,
            ..
        } = self;
        let mut open = Open::new(test);
        open.options = options;
        let accepting = handover::Accepting::begin(open.reference());
        let timer = |after| match waits {
            Waits::OwnRuntime => Timer::on_runtime(after),
            Waits::WithRuntime => Timer::anywhere(after),
        };
        let outcome = match timeout {
            Some(time) => limited(body, Timeout::of_polled(&open, time)).await,
            None => caught(body).await.into(),
        };
        open.leave_place();
        let mut guards = accepting.finish();
        guards.push(open);
        match outcome {
            Ended::Returned(output) => {
                let failures = settle_all(guards, timer).await;
                if failures.is_empty() {
                    Ok(output)
                } else {
                    Err(Failure::Leaks(failures.join("\n"), output))
                }
            }
            Ended::Panicked(panic) => {
                if guards.iter().any(|guard| guard.options.runs_on_failure()) {
                    settle_all(guards, timer).await;
                } else {
                    drop(guards);
                }
                Err(Failure::Panic(panic))
            }
            Ended::TimedOut(report) => {
                drop(guards);
                report.print(true);
                Err(Failure::TimedOut(report.to_string()))
            }
        }
    }
}

/// On what the end of a test waits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Waits {
    /// Somebody else's runtime, perhaps without a timer.
    WithRuntime,
    /// A runtime that is the test's own, with a timer.
    OwnRuntime,
}

/// A test's body. Bodies can be large, and a debug build copies what is passed on by value once a function.
pub(super) type Body<'test, T> = Pin<Box<dyn Future<Output = T> + 'test>>;

/// How a test's body ended.
enum Ended<T> {
    Returned(T),
    Panicked(Box<dyn Any + Send>),
    TimedOut(LeakReport),
}

impl<T> From<thread::Result<T>> for Ended<T> {
    fn from(result: thread::Result<T>) -> Self {
        result.map_or_else(Self::Panicked, Self::Returned)
    }
}

/// Runs the body to its end, at most until the time is over. It is dropped before this returns; when the time is over,
/// only after its tasks have been reported on: many wait for the body.
async fn limited<F: Future>(body: F, timeout: Timeout) -> Ended<F::Output> {
    // Dropped after the body, whose destructor it watches over.
    let _watchdog;
    let mut body = pin!(caught(body));
    let mut limit = Limit::new(timeout.time);
    let ended = poll_fn(|cx| {
        if limit.is_past() {
            return Poll::Ready(None);
        }
        match body.as_mut().poll(cx) {
            Poll::Ready(result) => Poll::Ready(Some(result)),
            Poll::Pending => limit.poll(cx).map(|()| None),
        }
    })
    .await;
    if let Some(result) = ended {
        return result.into();
    }
    let (report, watchdog) = timeout.report().await;
    _watchdog = watchdog;
    Ended::TimedOut(report)
}

/// Lets the tasks of all these guards settle, and says what the test is to fail with.
async fn settle_all(guards: Vec<Open>, timer: impl Fn(Duration) -> Timer) -> Vec<String> {
    let mut failures = Vec::new();
    // Their graces run at the same time.
    let begin = tokio::time::Instant::now();
    for guard in guards {
        let rest = |grace: Duration| timer(grace.saturating_sub(begin.elapsed()));
        let end = guard.wait(rest).await;
        failures.extend(guard.conclude(end).finish().await.failure());
    }
    failures
}

#[track_caller]
fn built<T>(runtime: std::io::Result<T>) -> T {
    match runtime {
        Ok(runtime) => runtime,
        Err(error) => panic!("taskleak could not build a runtime for the test: {error}"),
    }
}
