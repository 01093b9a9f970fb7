//! What the attributes expand to.

use super::own_runtime::{Flavor, LocalDefaults, RuntimeSpec};
use super::test_name;
use super::unstable::TokioUnstable;
use super::watchdog::Watchdog;
use crate::config;
use crate::guard::{Open, Options, Settling, Timer, Waited, handover, judge, settle_blocking};
use crate::registry::ScopeRef;
use crate::report::{LeakReport, Settled};
use crate::runtime::Hooks;
use crate::wait::trace::Answers;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::pin;
use std::process::Termination;
use std::sync::Arc;
use std::task::Poll;
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

/// How long a watchdog leaves a timer that should have done its work, and a body that is dropped: a busy machine may
/// take that long to come to a thread.
const WATCHDOG_MARGIN: Duration = Duration::from_secs(10);
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

    /// Runs a test's body on a runtime of its own. If it leaked, an error that it returned is shown
    /// too, as libtest would.
    #[track_caller]
    pub fn test<F>(self, body: F) -> F::Output
    where
        F: Future,
        F::Output: Termination,
    {
        self.run_and_tell(body, |output| {
            output.report();
        })
    }

    /// Runs any body on a runtime of its own.
    #[track_caller]
    pub fn run<F: Future>(self, body: F) -> F::Output {
        self.run_and_tell(body, drop)
    }

    #[track_caller]
    fn run_and_tell<F: Future>(self, body: F, tell: impl FnOnce(F::Output)) -> F::Output {
        let mut builder = self.runtime.builder();
        let hooked = Hooks::new(&mut builder).install(&mut builder);
        let checks = self.is_on();
        if self.runtime.flavor == Flavor::Local {
            #[allow(unused_imports, reason = "needed if tokio has no local runtimes")]
            use super::own_runtime::WithoutLocal as _;
            let runtime = built(builder.build_local(LocalDefaults::defaults()));
            hooked.is(runtime.handle());
            if !checks {
                return runtime.block_on(body);
            }
            let outcome = runtime.block_on(self.judged(body, Waits::OwnRuntime));
            hooked.close();
            runtime.shutdown_timeout(SHUTDOWN);
            return outcome.unwrap_or_else(|failure| failure.fail(tell));
        }
        let runtime = built(builder.build());
        hooked.is(runtime.handle());
        if !checks {
            return runtime.block_on(body);
        }
        let outcome = runtime.block_on(self.judged(body, Waits::OwnRuntime));
        hooked.close();
        // Not the destructor, which waits for blocking closures, leaked ones included.
        runtime.shutdown_timeout(SHUTDOWN);
        outcome.unwrap_or_else(|failure| failure.fail(tell))
    }

    /// Runs the body inside somebody else's asynchronous test.
    pub async fn wrap<F: Future>(self, body: F) -> F::Output {
        if !self.is_on() {
            return body.await;
        }
        let outcome = self.judged(body, Waits::WithRuntime).await;
        outcome.unwrap_or_else(|failure| failure.fail(drop))
    }

    /// Runs a synchronous body, which brings its own runtimes, if any.
    #[track_caller]
    pub fn run_sync<T>(self, body: impl FnOnce() -> T) -> T {
        if !self.is_on() {
            return body();
        }
        let Self {
            test,
            options,
            timeout,
            ..
        } = self;
        let mut open = Open::new(test.clone());
        open.options = options;
        let watchdog = timeout.map(|time| Watchdog::start(&test, open.reference(), time, time));
        let outcome = catch_unwind(AssertUnwindSafe(body));
        drop(watchdog);
        open.leave_place();
        let failed = outcome.is_err();
        if failed && !open.options.runs_on_failure() {
            drop(open);
        } else {
            let (settled, answers) = settle_blocking(open.scope(), &open.options);
            let verdict = open.conclude(settled, &answers).finish_blocking();
            if failed {
                verdict.announce();
            } else {
                verdict.enforce();
            }
        }
        outcome.unwrap_or_else(|panic| resume_unwind(panic))
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
        let mut open = Open::new(test.clone());
        open.options = options;
        let scope = open.reference();
        let accepting = handover::Accepting::begin(scope);
        let timer = |after| match waits {
            Waits::OwnRuntime => Timer::on_runtime(after),
            Waits::WithRuntime => Timer::anywhere(after),
        };
        let watch = |timeout, after| Watchdog::start(&test, scope, timeout, after);
        let mut watchdog = timeout.map(|time| watch(time, time + WATCHDOG_MARGIN));
        let settling = Settling::new(open.scope(), &open.options);
        let limit = timeout.map(timer);
        let report = async || {
            // The test does not hold its thread, and a report takes as long as it takes.
            drop(watchdog.take());
            let left = settling.trace_now().await;
            let timeout = timeout.unwrap_or_default();
            let report = report_timeout(&test, scope, timeout, &left.answers);
            // Next the body is dropped.
            watchdog = Some(watch(timeout, WATCHDOG_MARGIN));
            report
        };
        let outcome = limited(body, limit, report).await;
        drop(watchdog);
        open.leave_place();
        let mut guards = accepting.finish();
        guards.push(open);
        match outcome {
            Body::Returned(output) => {
                let failures = settle_all(guards, timer).await;
                if failures.is_empty() {
                    Ok(output)
                } else {
                    Err(Failure::Leaks(failures.join("\n"), output))
                }
            }
            Body::Panicked(panic) => {
                if guards.iter().any(|guard| guard.options.runs_on_failure()) {
                    settle_all(guards, timer).await;
                } else {
                    drop(guards);
                }
                Err(Failure::Panic(panic))
            }
            Body::TimedOut(report) => {
                drop(guards);
                report.print();
                Err(Failure::Panic(Box::new(report.to_string())))
            }
        }
    }
}

/// What a test fails with.
enum Failure<T> {
    /// The body's own panic, or that it took too long.
    Panic(Box<dyn std::any::Any + Send>),
    /// Its tasks leaked; what the body returned.
    Leaks(String, T),
}

impl<T> Failure<T> {
    /// Fails the test. What the body returned may be an error of its own, that led to the leak: it
    /// is told first.
    fn fail(self, tell: impl FnOnce(T)) -> ! {
        match self {
            Self::Panic(panic) => resume_unwind(panic),
            Self::Leaks(message, output) => {
                tell(output);
                resume_unwind(Box::new(message))
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

/// How a test's body ended.
enum Body<T> {
    Returned(T),
    Panicked(Box<dyn std::any::Any + Send>),
    TimedOut(LeakReport),
}

/// Runs the body to its end, at most until the timer is over. It is dropped before this returns; when the time is over,
/// only after its tasks have been reported on: many wait for the body.
async fn limited<F: Future>(
    body: F,
    timer: Option<Timer>,
    report: impl AsyncFnOnce() -> LeakReport,
) -> Body<F::Output> {
    let mut body = pin!(body);
    let mut timer = pin!(timer);
    let ended = poll_fn(|cx| {
        match catch_unwind(AssertUnwindSafe(|| body.as_mut().poll(cx))) {
            Ok(Poll::Ready(output)) => return Poll::Ready(Some(Body::Returned(output))),
            Ok(Poll::Pending) => {}
            Err(panic) => return Poll::Ready(Some(Body::Panicked(panic))),
        }
        match timer.as_mut().as_pin_mut() {
            Some(timer) => timer.poll(cx).map(|()| None),
            None => Poll::Pending,
        }
    })
    .await;
    match ended {
        Some(body) => body,
        None => Body::TimedOut(report().await),
    }
}

/// Lets the tasks of all these guards settle, and says what the test is to fail with.
async fn settle_all(guards: Vec<Open>, timer: impl Fn(Duration) -> Timer) -> Vec<String> {
    let mut failures = Vec::new();
    // Their graces run at the same time.
    let begin = tokio::time::Instant::now();
    for guard in guards {
        let left = guard
            .options
            .grace_or_default()
            .saturating_sub(begin.elapsed());
        let settling = Settling::new(guard.scope(), &guard.options);
        let waited = settling.wait(|| timer(left)).await;
        let left = settling.trace(waited).await;
        let settled = match left.waited {
            Waited::Clean => Settled::Clean,
            Waited::Stuck => Settled::Stuck,
            Waited::Expired | Waited::Blocked => Settled::Expired,
        };
        let concluding = guard.conclude(settled, &left.answers);
        failures.extend(concluding.finish().await.failure());
    }
    failures
}

/// The tasks of a test that does not end.
pub(super) fn report_timeout(
    test: &Arc<str>,
    scope: ScopeRef,
    timeout: Duration,
    answers: &Answers,
) -> LeakReport {
    let options = Options::new();
    let judgement = scope
        .open()
        .map(|scope| judge(scope, &options, Settled::TimedOut, answers));
    LeakReport::new(
        test.clone(),
        judgement.unwrap_or_default(),
        Settled::TimedOut,
        timeout,
    )
}

#[track_caller]
fn built<T>(runtime: std::io::Result<T>) -> T {
    match runtime {
        Ok(runtime) => runtime,
        Err(error) => panic!("taskleak could not build a runtime for the test: {error}"),
    }
}
